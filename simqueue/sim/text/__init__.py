"""Text as every machine would write it: errors, log lines, failures.

``masking``       without addresses and directories of this machine; ``addresses``: those
``descriptions``  an error in one line
``failing``       how a run failed, and where
"""
