"""Replaces functions, types and modules of other libraries for the duration of a run.

It imports no other room of ``sim``.

``patch``    one replacement, put in and taken out
``source``   what is replaced, as a row of the table of entropy; the runs that threads play
``builtin``  a built-in function, replaced for all code that refers to it
``sealed``   an attribute of a type that CPython protects
``late``     a module that is imported during the run
``linkage``  a function of the C library, as one extension module calls it
``imports``  whether a module is being imported
``streams``  the random streams of a run; ``depth``: its recursion limit
"""
