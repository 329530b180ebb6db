"""Marked tests that fail after other runs or tests, and not alone."""

import pytest

TESTS = """
    import pytest

    SEEN = []

    @pytest.fixture
    def outbox():
        return []

    @pytest.fixture(scope="module")
    def shared():
        return []

    @pytest.fixture
    def mock():
        from unittest.mock import Mock
        return Mock()

    @pytest.mark.simqueue(runs=3)
    async def test_list(sim, outbox):
        outbox.append(1)
        assert outbox == [1]

    @pytest.mark.simqueue(runs=3)
    async def test_mock(sim, mock):
        mock()
        mock.assert_called_once()

    @pytest.mark.simqueue(runs=3)
    async def test_files(sim, tmp_path):
        with (tmp_path / "log").open("a") as log:
            log.write("x")
        assert (tmp_path / "log").read_text() == "x"

    class TestShop:
        def setup_method(self):
            self.done = []

        @pytest.mark.simqueue(runs=3)
        async def test_attribute(self, sim):
            self.done.append(1)
            assert len(self.done) == 1

    @pytest.mark.simqueue(runs=1)
    async def test_first(sim, shared):
        shared.append(1)
        SEEN.append(1)

    @pytest.mark.simqueue(runs=1)
    async def test_after_it(sim, shared):
        assert shared == []

    @pytest.mark.simqueue(runs=30)
    async def test_real_as_well(sim, outbox):
        outbox.append(1)
        assert len(outbox) == 1
        assert sim.random.random() < 0.9, "real"

    @pytest.mark.simqueue(runs=1)
    async def test_real(sim):
        SEEN.append(1)
        assert SEEN == [], "real"
"""


def test_a_failure_that_passes_alone_names_what_outlives_and_is_not_saved(pytester, inner):
    pytester.makepyfile(test_it=TESTS)
    result = inner("--simqueue-shrink-runs", "0")
    result.assert_outcomes(failed=7, passed=1)
    runs, tests = (
        "passes alone, fails after another run: something outlives the runs: ",
        ("passes alone, fails after another test: something outlives the tests: "),
    )
    result.stdout.fnmatch_lines_random(
        [
            f"{runs}fixture 'outbox': *not a failure of the application",
            f"{runs}fixture 'mock': *",
            f"{runs}fixture 'tmp_path': *",
            f"{runs}attribute self.done: *",
            f"{tests}fixture 'shared', test_it.SEEN: *",
            "seed *: exception: AssertionError: real",
            "*test_real_as_well: inconclusive: passes alone: *",
        ]
    )
    saved = sorted(path.name for path in pytester.path.glob(".simqueue/failures/*.json"))
    assert [name.rpartition("-")[0] for name in saved] == ["test_real", "test_real_as_well"]


@pytest.mark.thorough
def test_a_saved_failure_that_passes_alone_is_said_to_be_so(pytester, inner):
    module = pytester.makepyfile(
        test_it="""
        import pytest

        SEEN = []
        EXPECTED = 0

        @pytest.mark.simqueue(runs=1)
        async def test_it(sim):
            SEEN.append(1)
            assert len(SEEN) <= EXPECTED
        """
    )
    inner().assert_outcomes(failed=1)
    (trace,) = pytester.path.glob(".simqueue/failures/*.json")
    module.write_text(module.read_text().replace("EXPECTED = 0", "EXPECTED = 1"))
    again = inner("--simqueue-replay", str(trace))
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["test_it.py::test_it: not-reproduced: it passes alone*"])
    result = inner()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*saved failure *.json passes alone: remove it if you agree *"])
