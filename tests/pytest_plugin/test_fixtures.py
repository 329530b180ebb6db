"""Parameters, classes and fixtures of marked tests."""

import pytest


@pytest.mark.thorough
def test_parameters_keep_their_ids_and_each_set_of_them_its_trace(pytester, inner, replay_line):
    pytester.makepyfile(
        test_it="""
        import asyncio
        import pytest

        @pytest.mark.simqueue(runs=2)
        @pytest.mark.parametrize("first", [1, 2], ids=["one", "two"])
        @pytest.mark.parametrize(
            "second", [pytest.param(3, id="a b"), pytest.param(4, marks=pytest.mark.xfail)]
        )
        async def test_it(second, sim, first):
            await asyncio.sleep(100)
            assert (first, second) != (2, 3)
            assert second == 3
        """
    )
    result = inner("-v")
    result.assert_outcomes(passed=1, failed=1, xfailed=2)
    result.stdout.fnmatch_lines_random(
        [f"test_it.py::test_it[[]{ids}[]]*" for ids in ("a b-one", "a b-two", "4-one", "4-two")]
    )
    command = replay_line(result)
    assert command[1:3] == ["'test_it.py::test_it[a", "b-two]'"]
    again = inner("test_it.py::test_it[a b-two]", *command[3:])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["test_it.py::test_it[[]a b-two[]]: reproduced: *"])


def test_classes_work_with_what_sets_them_up_and_what_they_inherit(pytester, inner):
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        CALLS = []

        @pytest.fixture(scope="class")
        def shared():
            yield []

        class Base:
            @classmethod
            def setup_class(cls):
                cls.kind = cls.__name__

            def setup_method(self, method):
                self.value = 1
                CALLS.append("setup")

            def teardown_method(self, method):
                CALLS.append(f"teardown {self.value}")

            @pytest.fixture
            def five(self):
                return 5

            async def test_inherited(self, sim, five, shared):
                await asyncio.sleep(10)
                assert (self.kind, self.value, five) == ("TestIt", 1, 5)
                shared.append(five)
                self.value += 1

        @pytest.mark.simqueue(runs=3)
        class TestIt(Base):
            async def test_own(self, sim, shared):
                assert self.value == 1
                assert shared == [5, 5, 5]

            @staticmethod
            async def test_static(sim):
                assert sim.elapsed().total_seconds() == 0

            @classmethod
            async def test_class(cls, sim):
                assert cls.kind == "TestIt"

            async def test_last(self, sim):
                assert CALLS.count("setup") == 5
                assert CALLS[:2] == ["setup", "teardown 2"]
        """
    )
    inner().assert_outcomes(passed=5)


@pytest.mark.thorough
def test_each_seed_begins_with_the_attributes_that_setting_up_left(pytester, inner, replay_line):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.simqueue(runs=40)
        class TestIt:
            def setup_method(self):
                self.calls = 0

            async def test_it(self, sim):
                self.calls += 1
                self.found = sim.choice(range(5))
                assert self.calls == 1
                assert self.found != 3
        """
    )
    result = inner()
    result.stdout.fnmatch_lines(["seed *: exception: AssertionError: *3 != 3*"])
    inner(*replay_line(result)[1:]).stdout.fnmatch_lines(["reproduced: *"])


@pytest.mark.thorough
def test_a_method_of_a_testcase_is_not_taken_for_one_that_passed(pytester, inner):
    pytester.makepyfile(
        """
        import unittest
        import pytest

        @pytest.mark.simqueue(runs=1)
        class TestIt(unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                pass
        """
    )
    result = inner()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*::test_it is marked simqueue, but it is none of pytest's own*"])


FIXTURES = """
    import asyncio
    import pytest
    import pytest_asyncio

    CLOSED = []

    @pytest.fixture(scope="session")
    def settings():
        return {"limit": 3}

    @pytest_asyncio.fixture
    async def each():
        await asyncio.sleep(0)
        yield asyncio.get_running_loop()
        await asyncio.sleep(0)
        CLOSED.append("each")

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def shared():
        await asyncio.sleep(0)
        yield []
        await asyncio.sleep(0)

    @pytest.mark.simqueue(runs=3)
    async def test_simulated(sim, settings, each, shared):
        await asyncio.sleep(3600)
        assert settings["limit"] == 3
        assert asyncio.get_running_loop() is not each
        shared.append(len(CLOSED))

    @pytest.mark.asyncio(loop_scope="module")
    async def test_real(shared):
        await asyncio.sleep(0)
        assert shared == [0, 0, 0]
        assert CLOSED == ["each"]
"""


@pytest.mark.parametrize("mode", ["strict", pytest.param("auto", marks=pytest.mark.thorough)])
def test_async_fixtures_of_pytest_asyncio_are_set_up_once_for_all_seeds(pytester, inner, mode):
    pytest.importorskip("pytest_asyncio")
    pytester.makepyfile(FIXTURES)
    inner("-o", f"asyncio_mode={mode}", "-W", "error").assert_outcomes(passed=2)


@pytest.mark.thorough
def test_a_module_that_is_marked_for_pytest_asyncio_may_have_marked_tests(pytester, inner):
    pytest.importorskip("pytest_asyncio")
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio

        async def test_real():
            await asyncio.sleep(0)

        @pytest.mark.simqueue(runs=3)
        async def test_simulated(sim):
            await asyncio.sleep(3600)
        """
    )
    inner("-W", "error").assert_outcomes(passed=2)


@pytest.mark.thorough
def test_async_fixtures_of_anyio_are_set_up_once_for_all_seeds(pytester, inner):
    pytest.importorskip("anyio")
    pytester.makepyfile(
        """
        import anyio
        import asyncio
        import pytest

        CLOSED = []

        @pytest.fixture(scope="module", params=["asyncio"])
        def anyio_backend(request):
            return request.param

        @pytest.fixture
        async def each(anyio_backend):
            await anyio.sleep(0)
            yield 7
            await anyio.sleep(0)
            CLOSED.append("each")

        @pytest.fixture(scope="module")
        async def shared(anyio_backend):
            await anyio.sleep(0)
            yield []
            await anyio.sleep(0)

        @pytest.mark.simqueue(runs=3)
        async def test_simulated(sim, each, shared):
            await asyncio.sleep(3600)
            assert each == 7
            shared.append(len(CLOSED))

        @pytest.mark.anyio
        @pytest.mark.simqueue(runs=3)
        async def test_both(sim, anyio_backend):
            await asyncio.sleep(3600)
            assert anyio_backend == "asyncio"

        @pytest.mark.anyio
        async def test_real(shared):
            await anyio.sleep(0)
            assert shared == [0, 0, 0]
            assert CLOSED == ["each"]
        """
    )
    inner("-W", "error").assert_outcomes(passed=3)
