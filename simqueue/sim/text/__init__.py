"""Text that is the same on every machine: errors, log lines, failures.

``masking``       removes this machine's addresses and directories; ``addresses``: finds the former
``descriptions``  an error in one line
``failing``       how a run failed, and where
"""
