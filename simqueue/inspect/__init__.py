"""The tables at any moment of a trace.

``tables_at``    the tables after an event
``row_changes``  the rows that each event put in place of others
``moments``      the tables at moments that a user moves between
"""
