"""Which faults strike whom and when.

``injector``    each second of a worker's or the server's life can go wrong
``statements``  and each statement of a worker
``encoding``    what kind of fault, when and for how long, in one choice
"""
