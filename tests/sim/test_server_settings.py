"""Settings of sessions: heeded, without effect on PgQueuer, or refused."""

import asyncpg
import pytest

from simqueue.errors import PostgresError, RefusedError
from simqueue.sim.database.clients.server_settings import SessionSettings, read_settings
from simqueue.sim.run import run


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        ("0", 0),
        ("250", 250_000),
        ("5s", 5_000_000),
        ("1.5 s", 1_500_000),
        ("2min", 120_000_000),
        ("1h", 3_600_000_000),
        ("1d", 86_400_000_000),
        ("900us", 900),
    ],
)
def test_a_duration_is_read_as_postgresql_reads_it(value, microseconds):
    assert read_settings("x", {"statement_timeout": value}).statement == microseconds
    assert read_settings("x", {"LOCK_TIMEOUT": value}).lock == microseconds


def test_options_are_settings_as_a_command_line_has_them():
    options = "-c statement_timeout=5s -clock_timeout=2s --search-path=shop,public --jit=off"
    assert read_settings("x", {"options": options}) == SessionSettings(5_000_000, 2_000_000, "shop")


@pytest.mark.parametrize(
    ("path", "schema"),
    [("shop, public", "shop"), ('"$user", public', "public"), ("pg_catalog", None), ("", None)],
)
def test_a_search_path_names_the_schema_of_tables(path, schema):
    assert read_settings("x", {"search_path": path}).schema == schema


def test_what_cannot_change_pgqueuers_statements_is_taken():
    settings = {
        "application_name": "shop",
        "timezone": "Europe/Berlin",
        "jit": "off",
        "enable_seqscan": "off",
        "app.tenant": "7",
        "idle_in_transaction_session_timeout": "10s",
        "synchronous_commit": "on",
    }
    assert read_settings("x", settings) == SessionSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("idle_session_timeout", "10s"),
        ("transaction_timeout", "10s"),
        ("synchronous_commit", "off"),
        ("default_transaction_read_only", "on"),
        ("nonsense", "1"),
    ],
)
def test_what_is_not_simulated_is_refused_by_name_and_value(name, value):
    with pytest.raises(RefusedError) as caught:
        read_settings("asyncpg.connect(server_settings=...)", {name: value})
    assert caught.value.what == f"asyncpg.connect(server_settings=...): {name}={value}"


def test_a_duration_that_is_none_is_rejected_as_the_server_rejects_it():
    with pytest.raises(PostgresError) as caught:
        read_settings("x", {"statement_timeout": "soon"})
    assert (caught.value.sqlstate, caught.value.occasion) == ("22023", "connecting")

    async def scenario(sim):
        with pytest.raises(asyncpg.InvalidParameterValueError, match='"lock_timeout": "x"'):
            await asyncpg.connect(server_settings={"lock_timeout": "x"})
        with pytest.raises(asyncpg.exceptions.ClientConfigurationError, match="Dict"):
            await asyncpg.connect(server_settings={"lock_timeout": 5})

    run(scenario).check()
