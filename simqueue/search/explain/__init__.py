"""Explains a failure by playing similar runs.

``points``      moments of a failing run, and runs that continue from there with other choices
``inevitable``  the moment after which the run fails whatever is chosen
``nearest``     the run that passes and differs least
"""
