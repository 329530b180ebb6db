"""One seed under other circumstances, which must change nothing.

``audit``       plays it, and compares
``recordings``  its runs in fresh processes
``causes``      which circumstance decides if they differ
``set_orders``  the sets that a run held, and in which order it iterated each
"""
