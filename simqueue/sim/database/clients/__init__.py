"""Replacements for the connections and pools of asyncpg and psycopg.

``databases``    connects the user's code to the simulated database
``clients``      connections of both; ``foreign_queries``: PgQueuer's queries over them
``client_pool``  asyncpg's pools; ``lease``: a connection taken from a pool
``opening``      how they open a session
``asyncpg_options``, ``psycopg_options``, ``server_settings``  which options have an effect
"""
