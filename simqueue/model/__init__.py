"""Frozen records: what is written down about a run, and nothing that is alive.

``ids``      the identifiers and units every other module speaks in
``rows``     one row of each of the four tables
``events``   every state transition, as one tagged union
``log``      the events of a run while it grows, most of a long one packed
``choice``   one pick of what a run left open, and the key that says who asked
``delays``   the ladder from a picked integer to a duration
``config``   what a run is allowed to do
``trace``    a whole run in one document, with its failure
``tracefile``  that document as a file: written, read, checked
``soundness``  whether a run can have written it; ``rowbook``: which rows are there meanwhile
``bounds``   the identifiers and units as fields of a file, with their bounds
``files``    files that are written whole or not at all; ``gzipped``: compressed documents
"""
