"""Time travel, context variables and time limits around marked tests."""

from pathlib import Path

import pytest

TRAVELS = """
    import asyncio
    import datetime as dt
    import pytest

    NEW_YEAR = dt.datetime(2030, 1, 1, 0, 0, 30, tzinfo=dt.timezone.utc)

    def now():
        return dt.datetime.now(dt.timezone.utc)

    @pytest.mark.simqueue(runs=2)
    async def test_travels_inside(sim, time_machine):
        assert now().year == 2024
        time_machine.move_to(NEW_YEAR)
        assert now() == NEW_YEAR
        await asyncio.sleep(10)
        assert 10 <= (now() - NEW_YEAR).total_seconds() < 11

    @pytest.fixture
    def new_year(time_machine):
        time_machine.move_to(NEW_YEAR)

    @pytest.mark.simqueue(runs=2)
    async def test_travelled_before(sim, new_year):
        assert now() == sim.now() == NEW_YEAR
        await asyncio.sleep(10)
        assert 10 <= (now() - NEW_YEAR).total_seconds() < 11

    @pytest.mark.simqueue(runs=2)
    @pytest.mark.time_machine(NEW_YEAR, tick=False)
    async def test_marked(sim):
        assert now() == NEW_YEAR

    def test_after():
        assert now().year < 2030
"""


def test_runs_start_where_time_machine_travelled_to(pytester, inner):
    pytester.makepyfile(TRAVELS)
    inner().assert_outcomes(passed=4)


@pytest.mark.thorough
def test_a_run_that_started_at_a_fixtures_time_is_replayed_there(pytester, inner, replay_line):
    pytester.makepyfile(
        TRAVELS
        + """
    @pytest.mark.simqueue(runs=1)
    async def test_fails(sim, new_year):
        assert now() != NEW_YEAR, f"it is {now()}"
"""
    )
    result = inner("-k", "test_fails")
    result.stdout.fnmatch_lines(["*it is 2030-01-01 00:00:30*"])
    again = inner(*replay_line(result)[1:])
    again.stdout.fnmatch_lines(["reproduced: * and it failed the same way"])


@pytest.mark.thorough
def test_freezegun_around_a_test_is_one_sentence(pytester, inner):
    pytester.makepyfile(
        """
        import freezegun
        import pytest

        @pytest.fixture
        def freezer():
            with freezegun.freeze_time("2030-01-01") as frozen:
                yield frozen

        @pytest.mark.simqueue(runs=2)
        async def test_frozen(sim, freezer):
            pass
        """
    )
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["simqueue: freezegun has replaced the clock*Config(start=...)*"])
    result.stdout.no_fnmatch_line("*During handling*")
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.thorough
def test_context_variables_that_fixtures_set_are_set_in_the_test(pytester, inner):
    pytester.makepyfile(
        """
        import contextvars
        import pytest

        TENANT = contextvars.ContextVar("TENANT", default=None)

        @pytest.fixture
        def tenant():
            token = TENANT.set("acme")
            yield
            TENANT.reset(token)

        @pytest.mark.simqueue(runs=2)
        async def test_tenant(sim, tenant):
            assert TENANT.get() == "acme"
        """
    )
    inner().assert_outcomes(passed=1)


@pytest.mark.thorough
def test_a_time_limit_fails_the_test_in_its_own_words_and_is_no_finding(pytester, inner):
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.timeout(2)
        @pytest.mark.simqueue(runs=100000)
        async def test_slow(sim):
            def app(pq):
                @pq.entrypoint("x")
                async def x(job):
                    await asyncio.sleep(5)

            sim.worker("a", app)
            for _ in range(20):
                await sim.queries.enqueue("x", None)
                await asyncio.sleep(10)
            await sim.settled()
        """
    )
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Failed: Timeout (>2.0s) from pytest-timeout.*"])
    # Not a word that our own lines may hold: the limit strikes in any of them, and pytest shows it.
    result.stdout.no_fnmatch_line("*simqueue replay .simqueue/*")
    assert not list(Path(pytester.path).glob(".simqueue/failures/*"))
