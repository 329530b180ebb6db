"""Injects faults into workers, connections, statements and the server.

``injector``    faults that can occur in each second of a worker's or the server's life
``statements``  faults of each statement of a worker
``encoding``    when a fault occurs and for how long, in the value of one choice
"""
