"""Plays one seed under different conditions, which must not change the run.

``audit``       plays the seed, and compares the runs
``recordings``  plays it in fresh processes
``causes``      finds the condition that makes them differ
``set_orders``  records the sets of a run, and in which order each was iterated
"""
