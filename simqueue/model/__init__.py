"""Frozen records: everything that is recorded about a run.

``ids``        identifiers and units; ``bounds``: as fields of a file, with their bounds
``epoch``      the Unix epoch, and Unix times as datetimes
``rows``       one row of each of the four tables
``events``     every state transition, as one tagged union
``log``        the events of a run while it grows, most of a long one packed
``choice``     one pick of what a run left open; ``choice_key``: whose, where, and of which kind
``fault``      the table of faults; ``fault_record``: one row of it
``delays``     the ladder from a picked integer to a duration
``config``     what a run is allowed to do
``failure``    how a run ended, and how it failed
``findings``   what searches and comparisons of runs found out
``trace``      a whole run as one document and as a file; ``trace_schema``: its JSON Schema
``soundness``  whether a run can have written it; ``rowbook``: which rows are there meanwhile
``summary``    what came of a campaign, for other programs
``files``      files that are written whole or not at all; ``gzipped``: compressed ones
``parts``      what is written of a file before it takes its place; ``locks``, ``links``
"""
