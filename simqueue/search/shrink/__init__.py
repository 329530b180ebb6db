"""A failing run becomes the fewest deviations from calm that still fail alike.

``shrinker``  the search; ``attempts``: its runs, none of them twice
``dropping``  passes that leave choices out; ``lowering``: passes that make values smaller
"""
