"""The simulated PostgreSQL and its clients.

``server``      executes and commits statements, sends notifications
``connection``  a client's session; ``turns``: its waiting line; ``limits``: its timeouts
``errand``      a request on its way to the server and back; ``mishaps``: what can go wrong there
``inbound``     replies and notifications on their way to the client
``dialects``    the error that a client of asyncpg or psycopg gets
``pool``        several sessions; ``pool_uses``: which tasks hold them and which wait
``clients``     replacements for the connections and pools of asyncpg and psycopg
"""
