"""Why a run failed, by playing others like it.

``points``      moments of a failing run, and runs that go on from there
``inevitable``  after which of them it fails whatever comes
``nearest``     the run that passes and differs least
"""
