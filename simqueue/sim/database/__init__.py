"""The simulated PostgreSQL and its clients.

``server``      executes and commits statements, sends notifications
``connection``  a client's session; ``turns``: who uses it next; ``limits``: its timeouts
``errand``      a request on its way to the server and back
``dialects``    the error that a client of asyncpg or psycopg gets
``pool``        several sessions; ``pool_uses``: who holds them and who waits
``clients``     what stands for the connections and pools of asyncpg and psycopg
"""
