"""The runs of a campaign on a Dask cluster.

``cluster``  sends runs out in chunks, as tasks, and takes results in
``errands``  the tasks of a Dask worker for a campaign
``helper``   a process that plays runs beside such a worker, seen from the worker
``playing``  the same process, seen from inside
"""
