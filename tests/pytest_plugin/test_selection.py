"""Marked tests under options that select, order and spread tests."""

from importlib.util import find_spec

import pytest

# It is not imported: it would import numpy.random, which pytester then removes from sys.modules,
# where simqueue looks for it in the tests that follow.
needs_randomly = pytest.mark.skipif(find_spec("pytest_randomly") is None, reason="not installed")

TESTS = """
    import asyncio
    import random
    import pytest

    @pytest.mark.simqueue(runs=3)
    async def test_first(sim):
        await asyncio.sleep(1)

    @pytest.mark.simqueue(runs=40)
    async def test_flaky(sim):
        await asyncio.sleep(random.random())
        sim.log.info("drawn", number=random.randrange(1_000_000))
        assert sim.choice(range(5)) != 3

    @pytest.mark.simqueue(runs=3)
    async def test_last(sim):
        await asyncio.sleep(1)
"""
REMEMBERING = ("-p", "no:randomly")


def seeds(result):
    return [line for line in result.outlines if line.startswith("seed ")]


def test_x_ends_with_the_first_marked_test_that_fails(pytester, inner):
    pytester.makepyfile(TESTS)
    inner("-x").assert_outcomes(passed=1, failed=1)


@pytest.mark.thorough
def test_lf_runs_the_marked_tests_that_failed_and_ff_runs_them_first(pytester, inner):
    file = pytester.makepyfile(test_it=TESTS)
    first = inner(plain=REMEMBERING)
    first.assert_outcomes(passed=2, failed=1)
    last_failed = inner("--lf", "--simqueue-no-regressions", plain=REMEMBERING)
    last_failed.assert_outcomes(failed=1)
    assert seeds(last_failed) == seeds(first)
    failed_first = inner("--ff", "-v", plain=REMEMBERING)
    failed_first.assert_outcomes(passed=2, failed=1)
    order = [line for line in failed_first.outlines if line.startswith("test_it.py::")]
    assert [line.split()[0].partition("::")[2] for line in order] == [
        "test_flaky",
        "test_first",
        "test_last",
    ]
    file.write_text(file.read_text().replace("!= 3", "!= 30"))
    inner("--lf", plain=REMEMBERING).assert_outcomes(passed=1)
    inner("--lf", plain=REMEMBERING).assert_outcomes(passed=3)


@pytest.mark.thorough
def test_a_replay_is_no_news_to_lf(pytester, inner, replay_line):
    pytester.makepyfile(test_it=TESTS)
    command = replay_line(inner(plain=REMEMBERING))
    inner(*command[1:], plain=REMEMBERING).assert_outcomes(failed=1)
    inner("--lf", plain=REMEMBERING).assert_outcomes(failed=1)


@pytest.mark.thorough
@needs_randomly
@pytest.mark.parametrize(
    "spread",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.thorough),
    ],
)
def test_pytest_randomly_changes_the_order_alone(pytester, inner, spread):
    pytester.makepyfile(test_it=TESTS)
    shuffled = ("-p", "no:cacheprovider")
    told = set()
    for seed in ("1", "2"):
        result = inner("-v", f"--randomly-seed={seed}", *spread, plain=shuffled)
        result.assert_outcomes(passed=2, failed=1)
        result.stdout.fnmatch_lines([f"*--randomly-seed={seed}"])
        result.stdout.fnmatch_lines_random(
            [f"*test_it.py::test_{name} *" for name in ("first", "flaky", "last")]
        )
        told.update(seeds(result))
    assert len(told) == 1
    # One file: the runs were the same, to the last number that was drawn.
    assert len(list((pytester.path / ".simqueue/failures").iterdir())) == 1


@pytest.mark.thorough
@needs_randomly
def test_what_a_marked_test_draws_does_not_move_what_others_draw(pytester, inner):
    pytester.makepyfile(
        """
        import random
        import pytest

        STATES = []

        @pytest.fixture(autouse=True)
        def watched():
            STATES.append(random.getstate())
            yield
            STATES.append(random.getstate())

        @pytest.mark.simqueue(runs=3)
        async def test_imports_what_draws(sim):
            pass

        @pytest.mark.simqueue(runs=3)
        async def test_draws(sim):
            random.random()

        def test_after():
            assert len(STATES) == 5
            assert STATES[2] == STATES[3] == STATES[4]
        """
    )
    inner(
        "--randomly-dont-reorganize", "--randomly-dont-reset-seed", plain=("-p", "no:cacheprovider")
    ).assert_outcomes(passed=3)
