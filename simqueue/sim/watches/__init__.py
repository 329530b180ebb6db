"""Ends a step or a run from outside.

``interrupts``  Ctrl-C; ``outside``: other signals whose handlers raise
``hang``        a step that computes for ever
``standstill``  a step that neither computes nor returns; ``realtime``: the timer for it
"""
