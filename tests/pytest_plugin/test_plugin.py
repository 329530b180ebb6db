import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TESTS = """
    import asyncio
    import pytest

    @pytest.mark.simqueue(runs=40)
    async def test_flaky(sim):
        await asyncio.sleep(1)
        assert sim.choice(range(5)) != 3, "it is three"
"""


def test_a_marked_test_runs_once_per_seed(pytester, inner):
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        CHOSEN = []

        @pytest.mark.simqueue(runs=30)
        async def test_runs(sim):
            await asyncio.sleep(3600)
            CHOSEN.append(sim.choice(range(1000)))

        def test_after():
            assert len(CHOSEN) == 30
            assert len(set(CHOSEN)) > 20
        """
    )
    inner().assert_outcomes(passed=2)


def test_a_failure_is_told_as_a_story_with_the_line_that_replays_it(pytester, inner, replay_line):
    pytester.makepyfile(test_it=TESTS)
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed *: exception: AssertionError: it is three"])
    result.stdout.fnmatch_lines(["*FAILED *::test_flaky - *seed *"])
    result.stdout.no_fnmatch_line("*simqueue/pytest_plugin/*")
    command = replay_line(result)
    assert command[:3] == ["pytest", "test_it.py::test_flaky", "--simqueue-replay"]
    assert Path(pytester.path, command[-1]).is_file()


def test_the_replay_line_repeats_the_failure_and_passes_when_it_is_mended(
    pytester, inner, replay_line
):
    file = pytester.makepyfile(TESTS)
    command = replay_line(inner())[1:]
    again = inner(*command)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["reproduced: * and it failed the same way"])
    file.write_text(file.read_text().replace("!= 3", "!= 30"))
    inner(*command).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_a_replay_runs_no_other_test(pytester, inner, replay_line):
    pytester.makepyfile(TESTS)
    trace = replay_line(inner())[-1]
    pytester.makepyfile(test_other="def test_other(): assert False")
    inner("--simqueue-replay", trace).assert_outcomes(failed=1, deselected=1)


@pytest.mark.thorough
def test_a_trace_of_an_unknown_test_or_of_no_test_is_a_usage_error(
    pytester, inner, trace, replay_line
):
    pytester.makepyfile(TESTS)
    path = replay_line(inner())[-1]
    pytester.makepyfile(test_other="def test_other(): pass")
    gone = inner("test_other.py", "--simqueue-replay", path)
    assert gone.ret == pytest.ExitCode.USAGE_ERROR
    gone.stderr.fnmatch_lines(["*the trace is of *::test_flaky, which was not collected"])
    trace.save(pytester.path / "scenario.json")
    foreign = inner("--simqueue-replay", "scenario.json")
    assert foreign.ret == pytest.ExitCode.USAGE_ERROR
    foreign.stderr.fnmatch_lines(["*is of app.py:scenario, which is no test*"])
    missing = inner("--simqueue-replay", "nope.json")
    assert missing.ret == pytest.ExitCode.USAGE_ERROR
    missing.stderr.fnmatch_lines(["*nope.json: there is no such file*"])


@pytest.mark.thorough
def test_the_command_line_replays_a_trace_that_a_test_made(pytester, inner, replay_line):
    file = pytester.makepyfile(TESTS)
    path = replay_line(inner())[-1]

    def replay():
        command = [sys.executable, "-m", "simqueue", "replay", path]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = replay()
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")
    file.write_text(file.read_text().replace("!= 3", "!= 30"))
    assert replay().returncode == 0
    file.write_text(file.read_text().replace("assert sim", "raise KeyError; assert sim"))
    assert replay().returncode == 125
    file.unlink()
    done = replay()
    assert done.returncode == 125
    assert "pytest could not run" in done.stderr


@pytest.mark.thorough
def test_options_come_before_what_the_marker_says(pytester, inner):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.simqueue(runs=1, seed=0)
        async def test_counted(sim):
            print("ran")
        """
    )
    result = inner("--simqueue-runs", "7", "-s")
    assert str(result.stdout).count("ran") == 7
    first = inner("--simqueue-seed", "12", "-s")
    assert str(first.stdout).count("ran") == 1
    assert inner("--simqueue-runs", "0").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.thorough
def test_traces_go_where_they_are_told_to(pytester, inner):
    pytester.makepyfile(TESTS)
    inner("--simqueue-traces", "kept/here")
    assert len(list((pytester.path / "kept" / "here").glob("test_flaky-*.json"))) == 1


def test_the_marker_takes_a_configuration(pytester, inner):
    pytester.makepyfile(
        """
        import asyncio
        from datetime import timedelta
        import pytest
        from simqueue.model.config import Config

        @pytest.mark.simqueue(runs=1, config=Config(limit=timedelta(seconds=5)))
        async def test_short(sim):
            await asyncio.sleep(10)
        """
    )
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed 0: timeout: *"])


def test_fixtures_parameters_classes_and_skips_work(pytester, inner):
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.simqueue(runs=3)

        @pytest.fixture
        def five():
            yield 5

        @pytest.mark.parametrize("number", [1, 2])
        async def test_together(number, sim, five, tmp_path):
            assert number + five < 8 and tmp_path.is_dir()

        class TestIt:
            @pytest.fixture(autouse=True)
            def prepared(self):
                self.value = 3

            async def test_method(self, sim):
                assert self.value == 3

        async def test_skipped(sim):
            pytest.skip("not today")

        @pytest.mark.skip(reason="never")
        async def test_marked(sim):
            assert False

        @pytest.mark.xfail(strict=True)
        async def test_expected(sim):
            assert False

        async def test_failed(sim):
            pytest.fail("by its own word")
        """
    )
    result = inner()
    result.assert_outcomes(passed=3, skipped=2, xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["seed 0: exception: AssertionError: by its own word"])


@pytest.mark.parametrize("mode", ["auto", pytest.param("strict", marks=pytest.mark.thorough)])
def test_it_works_beside_pytest_asyncio(pytester, inner, mode):
    pytest.importorskip("pytest_asyncio")
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_real():
            await asyncio.sleep(0.01)

        @pytest.mark.simqueue(runs=3)
        async def test_simulated(sim):
            before = sim.elapsed()
            await asyncio.sleep(3600)
            assert (sim.elapsed() - before).total_seconds() >= 3600

        @pytest.mark.asyncio
        async def test_real_again():
            await asyncio.sleep(0.01)
        """
    )
    inner("-o", f"asyncio_mode={mode}").assert_outcomes(passed=3)


@pytest.mark.thorough
def test_it_works_beside_anyio(pytester, inner):
    pytest.importorskip("anyio")
    pytester.makepyfile(
        """
        import anyio
        import asyncio
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_real():
            await anyio.sleep(0.01)

        @pytest.mark.simqueue(runs=3)
        async def test_simulated(sim):
            await asyncio.sleep(3600)
        """
    )
    inner().assert_outcomes(passed=2)


@pytest.mark.thorough
def test_it_works_with_xdist(pytester, inner):
    pytest.importorskip("xdist")
    pytester.makepyfile(TESTS, test_second=TESTS)
    alone = inner("-p", "no:xdist")
    spread = inner("-n", "2", "--simqueue-no-regressions")
    spread.assert_outcomes(failed=2)
    seeds = [
        sorted(line for line in run.outlines if line.startswith("seed ")) for run in (alone, spread)
    ]
    assert seeds[0] == seeds[1]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("def test_it(sim): pass", "so it must be an `async def`"),
        ("async def test_it(): pass", "so it must take `sim`"),
        (
            "@__import__('hypothesis').given(n=...)\nasync def test_it(sim, n: int): pass",
            "and takes inputs of @given, which its trace could not repeat: write a `def`",
        ),
    ],
)
def test_a_marked_test_of_another_form_is_an_error_at_collection(pytester, inner, test, problem):
    pytester.makepyfile(f"import pytest\n@pytest.mark.simqueue\n{test}\n")
    result = inner()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*::test_it: is marked simqueue,*{problem}*"])


@pytest.mark.parametrize(
    "arguments",
    [
        "rums=3",
        *(pytest.param(each, marks=pytest.mark.thorough) for each in ("5", "runs=0", "runs='3'")),
    ],
)
def test_a_marker_that_makes_no_sense_is_an_error_at_collection(pytester, inner, arguments):
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.simqueue({arguments})\nasync def test_it(sim): pass\n"
    )
    result = inner()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*::test_it: its marker*"])


def test_the_fixture_without_the_marker_is_told_apart(pytester, inner):
    pytester.makepyfile("def test_it(sim): pass")
    result = inner()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*`sim` is for tests marked @pytest.mark.simqueue*"])


def test_the_plugin_loads_nothing_heavy_until_a_marked_test_runs(pytester, inner):
    pytester.makepyfile(
        """
        import sys

        def test_light():
            assert not {"pgqueuer", "msgspec", "structlog"} & set(sys.modules)
        """
    )
    inner().assert_outcomes(passed=1)


# --- wherever pytest is started, and whatever a test does to the process ---


@pytest.mark.thorough
def test_the_replay_line_works_where_pytest_was_started(pytester, inner, monkeypatch, replay_line):
    below = pytester.mkdir("below")
    (below / "test_it.py").write_text(textwrap.dedent(TESTS))
    for directory, argument in ((below, "test_it.py"), (pytester.path, "below/test_it.py")):
        monkeypatch.chdir(directory)
        command = replay_line(inner(argument))[1:]
        assert Path(command[-1]).is_file()
        again = inner(*command)
        again.assert_outcomes(failed=1)
        again.stdout.fnmatch_lines(["*::test_flaky: reproduced: *"])


@pytest.mark.thorough
def test_a_test_that_changes_directory_leaves_its_trace_where_it_was_started(
    pytester, inner, replay_line
):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.simqueue
        async def test_it(sim, monkeypatch, tmp_path):
            monkeypatch.chdir(tmp_path)
            assert False
        """
    )
    assert Path(pytester.path, replay_line(inner())[-1]).is_file()


@pytest.mark.thorough
def test_a_failure_whose_trace_cannot_be_saved_is_told_all_the_same(pytester, inner):
    pytester.makepyfile(test_it=TESTS)
    pytester.path.joinpath("file").touch()
    result = inner("--simqueue-traces", "file/below")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed *: exception: AssertionError: it is three"])
    result.stdout.fnmatch_lines(["The trace is not saved: *not a directory*"])


@pytest.mark.thorough
def test_a_replay_of_a_test_that_is_skipped_by_now_is_no_pass(pytester, inner, replay_line):
    file = pytester.makepyfile(TESTS)
    command = replay_line(inner())
    file.write_text(file.read_text().replace("await", "pytest.skip('not now')\n    await"))
    inner(*command[1:]).assert_outcomes(skipped=1)
    replayed = subprocess.run(
        [sys.executable, "-m", "simqueue", "replay", command[-1]], capture_output=True, check=False
    )
    assert replayed.returncode == 125


@pytest.mark.thorough
def test_the_verdict_of_a_replay_that_passes_is_told(pytester, inner, replay_line):
    file = pytester.makepyfile(TESTS)
    command = replay_line(inner())[1:]
    file.write_text(file.read_text().replace("!= 3", "!= 30"))
    inner(*command).stdout.fnmatch_lines(["*::test_flaky: gone: *and the run passed, and so did *"])


@pytest.mark.thorough
def test_a_fixture_that_uses_the_simulation_is_told_what_to_do(pytester, inner):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def queries(sim):
            return sim.queries

        @pytest.mark.simqueue
        async def test_it(sim, queries):
            pass
        """
    )
    result = inner()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*a fixture cannot use `sim.queries`*"])


@pytest.mark.thorough
@pytest.mark.parametrize(
    "marker", ["seed='x'", pytest.param("config=3", marks=pytest.mark.thorough)]
)
def test_settings_of_a_marker_are_checked(pytester, inner, marker):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.simqueue({marker})
        async def test_it(sim):
            pass
        """
    )
    result = inner()
    assert result.ret != 0
    assert "Traceback" not in result.stdout.str()
    assert "not 'x'" in result.stdout.str() or "not 3" in result.stdout.str()


# --- faults, invariants, known failures ---


@pytest.mark.thorough
def test_the_marker_takes_faults_and_invariants_to_do_without(pytester, inner):
    pytester.makepyfile(
        """
        import pytest
        from simqueue import Config, Faults

        @pytest.mark.simqueue(runs=2, faults="pause,slow", without=("no-orphan",))
        async def test_named(sim):
            assert sim._world.config.faults.kinds == ("pause", "slow")
            assert sim._world.config.without == ("no-orphan",)

        @pytest.mark.simqueue(
            runs=2, faults=Faults(("crash",)), without="no-orphan",
            config=Config(without=("schedule-once",), log_level="ERROR"),
        )
        async def test_together(sim):
            assert sim._world.config.faults.kinds == ("crash",)
            assert sim._world.config.without == ("schedule-once", "no-orphan")
            assert sim._world.config.log_level == "ERROR"
        """
    )
    inner().assert_outcomes(passed=2)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("faults='weather'", "*there is no such preset*"),
        pytest.param(
            "faults=3",
            "*faults must be a simqueue.Faults or text, not 3*",
            marks=pytest.mark.thorough,
        ),
        ("without=('no-such',)", "*no invariant is named 'no-such'*"),
    ],
)
def test_faults_and_invariants_that_there_are_not_fail_the_test(pytester, inner, marker, problem):
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.simqueue({marker})\nasync def test_it(sim): pass\n"
    )
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([problem])
    result.stdout.no_fnmatch_line("*Traceback*")


def accept(trace):
    command = [sys.executable, "-m", "simqueue", "accept", trace, "--reason", "issue 7"]
    subprocess.run(command, check=True)


@pytest.mark.thorough
def test_a_test_whose_only_failures_are_known_passes_and_says_so(pytester, inner, replay_line):
    pytester.makepyfile(test_it=TESTS)
    accept(replay_line(inner())[-1])
    result = inner()
    result.assert_outcomes(passed=1)
    known = "*::test_flaky: * x accepted: exception:AssertionError:test_flaky:*three* (issue 7)"
    result.stdout.fnmatch_lines([known])
    inner("-n", "2").stdout.fnmatch_lines([known])
    assert len(list((pytester.path / ".simqueue/failures").iterdir())) == 1


@pytest.mark.thorough
def test_a_known_failure_does_not_hide_the_next_and_is_stale_when_it_is_gone(
    pytester, inner, replay_line
):
    file = pytester.makepyfile(test_it=TESTS)
    accept(replay_line(inner())[-1])
    text = file.read_text()
    file.write_text(
        text.replace("assert sim", "assert sim.choice(range(9)) != 1, 'new'\n    assert sim")
    )
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed *: exception: AssertionError: new*"])
    file.write_text(text.replace("!= 3", "!= 30"))
    mended = inner()
    mended.assert_outcomes(passed=1)
    mended.stdout.fnmatch_lines(
        ["*::test_flaky: known failure * did not occur in 40 runs: if it is fixed, remove it *"]
    )


@pytest.mark.thorough
def test_a_bad_file_of_known_failures_fails_the_test_in_one_line(pytester, inner):
    pytester.makepyfile(TESTS)
    pytester.mkdir(".simqueue").joinpath("known.toml").write_text("[[failure]")
    result = inner()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["simqueue: *known.toml: is not TOML*"])


def test_what_no_run_reached_is_told_although_the_test_passes(pytester, inner):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.simqueue(runs=5)
        async def test_marks(sim):
            sim.sometimes("reached")
            if sim.chance(0):
                sim.sometimes("dead")
        """
    )
    result = inner()
    result.assert_outcomes(passed=1)
    told = [line for line in result.outlines if "inconclusive" in line]
    assert [line.partition("::")[2] for line in told] == [
        "test_marks: inconclusive: sometimes 'dead' was never reached"
    ]


# --- what was saved -------------------------------------------------------------------------------


def saved_files(pytester):
    return sorted((pytester.path / ".simqueue/failures").glob("*.json"))


@pytest.mark.thorough
def test_what_was_saved_of_a_test_is_played_before_its_seeds_and_kept(pytester, inner, replay_line):
    pytester.makepyfile(test_it=TESTS)
    inner()
    (saved,) = saved_files(pytester)
    again = inner("--simqueue-runs", "1")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([f"*saved failure .simqueue/failures/{saved.name} still fails: *"])
    assert replay_line(again)[-1] == f".simqueue/failures/{saved.name}"
    inner("--simqueue-runs", "1", "--simqueue-no-regressions").assert_outcomes(passed=1)

    pytester.makepyfile(test_it=TESTS.replace("!= 3", "!= 9"))
    fixed = inner()
    fixed.assert_outcomes(passed=1)
    fixed.stdout.fnmatch_lines([f"*{saved.name} is fixed: remove it if you agree*"])
    assert saved_files(pytester) == [saved]


@pytest.mark.thorough
def test_what_was_saved_and_cannot_be_read_is_told(pytester, inner):
    pytester.makepyfile(test_it=TESTS)
    inner()
    (saved,) = saved_files(pytester)
    saved.write_bytes(saved.read_bytes().replace(b'"version":3', b'"version":2', 1))
    pytester.makepyfile(test_it=TESTS.replace("!= 3", "!= 9"))
    result = inner()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*{saved.name} is not played: *trace format 2*"])
