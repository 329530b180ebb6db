"""The tables at any moment of a trace.

``moments``        the tables after an event, folded when they are requested
``row_changes``    the rows that each event inserted, replaced or deleted
``event_numbers``  checks that a trace has an event of a number
"""
