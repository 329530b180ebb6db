"""What stands for the connections and pools of asyncpg and psycopg.

``databases``    what the user's code connects to is the simulated database
``clients``      connections of both; ``foreign_queries``: PgQueuer's queries over them
``client_pool``  pools as asyncpg makes them; ``lease``: a connection that is out of a pool
``opening``      how they open a session
``asyncpg_options``, ``psycopg_options``, ``server_settings``  which options have an effect
"""
