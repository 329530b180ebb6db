"""Text from traces: plain, stable, the same on every terminal.

``words``       one sentence in queue words for each event
``lines``       an event log as lines, the routine among them folded
``story``       what happened in a run, and how it failed
``tables``      rows of tables, as text
``difference``  where two runs part
"""
