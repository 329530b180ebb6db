import itertools
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import msgspec
import pytest
from typer.testing import CliRunner

import simqueue.cli.app as app_module
from simqueue.cli.app import app
from simqueue.model.trace import Trace, seal
from simqueue.search.processes import address_space

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)

SCENARIO = """
import asyncio

async def scenario(sim):
    number = sim.choice(range(4))
    sim.log.info("chosen", number=number)
    await asyncio.sleep(1)
    assert number != 2, "it is two"

async def calm(sim):
    await asyncio.sleep(1)
"""
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    project("one.py", SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


@pytest.fixture
def failing_seed(call):
    return next(seed for seed in range(50) if call("run", "one.py", "--seed", str(seed)).exit_code)


@pytest.fixture
def trace_file(call, failing_seed):
    call("run", "one.py", "--seed", str(failing_seed), "--trace", "t.json")
    return "t.json"


def spawn(*arguments, hash_seed=None, **options):
    """Call the command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": ROOT}
    environment.pop("PYTHONHASHSEED", None)
    if hash_seed is not None:
        environment["PYTHONHASHSEED"] = hash_seed
    command = [sys.executable, "-m", "simqueue", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, **options
    )


def refused(result):
    """Assert that bad input got one line on stderr; return it."""
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("simqueue: ")
    assert "Traceback" not in result.output
    return result.stderr


# --- run ----------------------------------------------------------------------------------------


def test_a_run_that_passes_exits_with_0(call):
    result = call("run", "one.py:calm", "--seed", "3")
    assert result.exit_code == 0
    assert result.output.startswith("passed: one.py:calm, seed 3\n1.000000 s simulated")


def test_a_run_that_fails_exits_with_1_and_says_how_to_repeat_it(call, failing_seed):
    result = call("run", "one.py", "--seed", str(failing_seed))
    assert result.exit_code == 1
    assert "AssertionError: it is two" in result.output
    assert f"Again: simqueue run one.py:scenario --seed {failing_seed}" in result.output


def test_a_run_writes_its_trace_where_it_is_told_to(call, trace_file, failing_seed):
    trace = Trace.load(trace_file)
    assert (trace.seed, trace.target) == (failing_seed, "one.py:scenario")


def test_a_verbose_run_prints_events_at_virtual_time_and_is_the_same_run(call):
    quiet = call("run", "one.py:calm").output
    loud = call("run", "one.py", "-v", "--strategy", "calm").output
    assert "+0.000000s" in loud
    assert "worker=scenario" in loud
    assert (
        quiet.splitlines()[-1].split()[-2:]
        == (call("run", "one.py:calm", "-v").output.splitlines()[-1].split()[-2:])
    )


# --- fuzz ---------------------------------------------------------------------------------------


def test_a_campaign_saves_its_failures_and_the_printed_line_replays_them(call):
    result = call("fuzz", "one.py", "--runs", "30")
    assert result.exit_code == 1
    # As found, and as shrunk.
    (line,) = {line for line in result.output.splitlines() if line.startswith("Again: ")}
    path = line.removeprefix("Again: simqueue replay ")
    assert path.startswith(".simqueue/failures/one-")
    assert call("replay", path).exit_code == 1


def test_a_campaign_without_failures_exits_with_0_and_saves_none(call, tmp_path):
    result = call("fuzz", "one.py:calm", "--runs", "5", "--processes", "2")
    assert result.exit_code == 0
    assert "one.py:calm: 5 runs, 0 failed in 0 ways" in result.output
    assert not (tmp_path / ".simqueue/failures").exists()


def test_a_campaign_takes_several_targets_and_directories(call, project):
    project("many/a.py", SCENARIO)
    project("many/b.py", "async def scenario(sim): ...\n")
    result = call("fuzz", "many", "one.py:calm", "--runs", "12")
    assert result.exit_code == 1
    finals = [line.partition(",")[0] for line in result.output.splitlines() if " runs, " in line]
    assert finals == [
        "many/a.py:scenario: 12 runs", "many/b.py:scenario: 12 runs", "one.py:calm: 12 runs",
    ]  # fmt: skip


def test_a_campaign_that_lost_a_seed_is_inconclusive(call, project):
    project(
        "deadly.py",
        """
        import ctypes, signal
        DIE = getattr(ctypes.CDLL(None), "raise")

        async def scenario(sim):
            if sim.choice([0, 1]):
                DIE(signal.SIGKILL)
        """,
    )
    result = call("fuzz", "deadly.py", "--runs", "8", "--processes", "2")
    assert result.exit_code == 4
    assert "is lost: the process that played it was killed" in result.stderr


def test_a_campaign_ends_when_its_time_is_up(call):
    result = call("fuzz", "one.py:calm", "--time", "0.01s")
    assert result.exit_code == 0


def test_a_campaign_that_is_interrupted_keeps_what_it_found(call, project, tmp_path):
    project(
        "stopped.py",
        """
        import ctypes

        SEEN = []

        async def scenario(sim):
            SEEN.append(1)
            if len(SEEN) == 3:
                ctypes.pythonapi.PyErr_SetInterrupt()
            assert False, "found"
        """,
    )
    result = call("fuzz", "stopped.py", "--strategy", "random", "--processes", "1")
    assert result.exit_code == 130
    assert "2 runs, 2 failed in 1 way" in result.output
    assert len(list((tmp_path / ".simqueue/failures").iterdir())) == 1


def test_a_campaign_whose_moments_never_came_exits_with_4_and_names_them(call, project):
    project(
        "marks.py",
        """
        async def scenario(sim):
            sim.sometimes("never", False)
            assert sim.choice(range(4)) != SAD, "three"
            if False:
                sim.sometimes("dead")

        SAD = 9
        """,
    )
    result = call("fuzz", "marks.py", "--runs", "20", "--faults", "pause")
    assert result.exit_code == 4
    assert result.output.splitlines()[1:] == [
        "  inconclusive: sometimes 'dead' was never reached",
        "  inconclusive: sometimes 'never' was never reached",
        "  inconclusive: fault pause was never injected",
    ]
    file = project("marks.py", Path("marks.py").read_text().replace("SAD = 9", "SAD = 3"))
    failing = call("fuzz", file.name, "--runs", "20")
    assert failing.exit_code == 1
    assert "  inconclusive: sometimes 'dead' was never reached" in failing.output


@pytest.mark.thorough
def test_an_interrupted_campaign_says_nothing_of_what_was_yet_to_come(call, project):
    project(
        "stopped.py",
        """
        import ctypes

        SEEN = []

        async def scenario(sim):
            sim.sometimes("later", len(SEEN) > 50)
            SEEN.append(1)
            if len(SEEN) == 3:
                ctypes.pythonapi.PyErr_SetInterrupt()
        """,
    )
    Path("known.toml").write_text(
        "[[failure]]\ntarget = 'stopped.py:scenario'\nsignature = 'x'\nreason = 'y'\n"
        "message = 'z'\naccepted = 2026-01-02\n"
    )
    how = ["--strategy", "random", "--processes", "1", "--known", "known.toml"]
    result = call("fuzz", "stopped.py", *how)
    assert result.exit_code == 130
    assert "2 runs, 0 failed" in result.output
    assert "inconclusive" not in result.output
    assert "known failure" not in result.output


@pytest.mark.thorough
def test_a_campaign_does_without_the_invariants_it_is_told_to(call, project):
    project(
        "judged.py",
        """
        async def scenario(sim):
            assert "no-orphan" in sim._world.config.without
        """,
    )
    for command in ("run", "audit"):
        judged = call(command, "judged.py", "--without", "no-orphan", "--without", "schedule-once")
        assert judged.exit_code == 0, judged.output
    assert call("fuzz", "judged.py", "--runs", "3", "--without", "no-orphan").exit_code == 0
    assert call("fuzz", "judged.py", "--runs", "3").exit_code == 1
    for command in ("run", "fuzz", "audit"):
        assert "no invariant is named 'no-such'" in refused(
            call(command, "judged.py", "--without", "no-such")
        )


def test_the_line_that_repeats_a_run_has_the_options_that_decided_it(call, project):
    project("sad.py", "async def scenario(sim):\n    assert not sim\n")
    options = ["--faults", "pause,slow", "--without", "no-orphan", "--strategy", "calm"]
    result = call("run", "sad.py", "--seed", "7", *options)
    assert f"Again: simqueue run sad.py:scenario --seed 7 {' '.join(options)}\n" in result.output


# --- accept -------------------------------------------------------------------------------------


def test_a_failure_that_is_accepted_no_longer_fails_a_campaign(call, trace_file, tmp_path):
    accepted = call("accept", trace_file, "--reason", "issue 7")
    assert accepted.exit_code == 0
    assert "accepted for one.py:scenario: exception:AssertionError:scenario" in accepted.output
    result = call("fuzz", "one.py", "--runs", "30")
    assert result.exit_code == 0
    assert "one.py:scenario: 30 runs, 0 failed in 0 ways" in result.output
    assert 'x accepted: exception:AssertionError:scenario:assert number != 2, "it is two" (issue 7)' in result.output  # noqa: E501  # fmt: skip
    assert not (tmp_path / ".simqueue/failures").exists()


@pytest.mark.thorough
def test_an_accepted_failure_does_not_hide_the_next(call, project, trace_file):
    call("accept", trace_file, "--reason", "issue 7")
    project(
        "one.py", SCENARIO.replace("    assert number", "    assert number != 3\n    assert number")
    )
    result = call("fuzz", "one.py", "--runs", "40")
    assert result.exit_code == 1
    assert "failed in 1 way," in result.output
    assert "x accepted: exception:AssertionError:scenario:assert number != 2" in result.output


@pytest.mark.thorough
def test_a_failure_that_occurs_no_more_is_to_be_removed_from_the_file(call, project, trace_file):
    call("accept", trace_file, "--reason", "issue 7", "--known", "mine.toml")
    project("one.py", SCENARIO.replace("number != 2", "number != 7"))
    result = call("fuzz", "one.py", "--runs", "9", "--known", "mine.toml")
    assert result.exit_code == 0
    assert (
        "(issue 7) did not occur in 9 runs: if it is fixed, remove it from mine.toml"
        in result.output
    )
    assert "known failure" not in call("fuzz", "one.py", "--runs", "9").output


def test_what_cannot_be_accepted_is_refused(call, trace_file, tmp_path):
    call("run", "one.py:calm", "--trace", "passed.json")
    assert "the run passed" in refused(call("accept", "passed.json", "--reason", "x"))
    assert "there is no such file" in refused(call("accept", "nope.json", "--reason", "x"))
    assert "say why" in refused(call("accept", trace_file, "--reason", " "))
    assert call("accept", trace_file).exit_code == 2
    assert not (tmp_path / ".simqueue").exists()


def test_a_bad_file_of_known_failures_is_refused(call, trace_file, tmp_path):
    assert "there is no such file" in refused(call("fuzz", "one.py", "--known", "nope.toml"))
    (tmp_path / ".simqueue").mkdir()
    (tmp_path / ".simqueue/known.toml").write_text("[[failure]]\nsignature = 'x'\n")
    for result in (call("fuzz", "one.py"), call("accept", trace_file, "--reason", "x")):
        assert ".simqueue/known.toml: does not hold known failures" in refused(result)


# --- replay -------------------------------------------------------------------------------------


def test_a_replay_that_fails_alike_exits_with_1(call, trace_file):
    result = call("replay", trace_file)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith("reproduced: ")
    assert call("replay", trace_file, "--exact").exit_code == 1


@pytest.mark.thorough
def test_a_replay_that_passes_now_exits_with_0_and_says_why(call, project, trace_file):
    project("one.py", SCENARIO.replace("number != 2", "number != 7"))
    result = call("replay", trace_file)
    assert result.exit_code == 0
    assert result.stdout.startswith("gone: ")
    assert result.stderr == "Target: one.py:scenario\n"


def test_a_replay_that_fails_otherwise_exits_with_125(call, project, trace_file):
    project("one.py", SCENARIO.replace("assert number != 2", "assert number == 77"))
    assert call("replay", trace_file).exit_code == 125


def test_a_replay_that_drifts_and_fails_alike_exits_with_1(call, project, trace_file):
    project("one.py", SCENARIO.replace('"chosen"', '"drawn"'))
    result = call("replay", trace_file)
    assert result.exit_code == 1
    assert "drifted-alike" in result.output


def test_an_exact_replay_that_diverges_exits_with_3(call, project, trace_file):
    project("one.py", SCENARIO.replace('"chosen"', '"drawn"'))
    result = call("replay", trace_file, "--exact")
    assert result.exit_code == 3
    assert "diverged at event" in result.stderr


def test_an_exact_replay_says_first_which_versions_are_others(call, trace_file):
    recorded = msgspec.structs.replace(Trace.load(trace_file), python="3.0.1", pgqueuer="0.9.0")
    seal(recorded).save("other.json")
    same = call("replay", "other.json", "--exact")
    now = f"this is {platform.python_version()}\n"
    assert same.exit_code == 1
    assert same.stderr.startswith("simqueue: recorded with PgQueuer 0.9.0, this is ")
    assert f"simqueue: recorded with Python 3.0.1, {now}" in same.stderr
    assert "recorded with" not in same.stdout
    seal(msgspec.structs.replace(recorded, events=recorded.events[:1])).save("other.json")
    parted = call("replay", "other.json", "--exact")
    assert parted.exit_code == 3
    assert parted.stderr.index("recorded with Python") < parted.stderr.index("diverged at event")
    drifting = call("replay", "other.json")
    assert f"recorded with Python 3.0.1, {now}" in drifting.stdout


@pytest.mark.parametrize("text", ["", "import nothing_like_it\n", "def scenario(sim): ...\n"])
def test_a_trace_whose_scenario_is_gone_exits_with_125(call, project, trace_file, text):
    project("one.py", text)
    result = call("replay", trace_file)
    assert result.exit_code == 125
    assert "the trace's scenario is gone" in result.stderr


@pytest.mark.parametrize(
    "hash_seed", [pytest.param("0", marks=pytest.mark.thorough), "1", "random"]
)
def test_a_set_of_strings_is_replayed_under_any_hash_seed(project, tmp_path, hash_seed):
    project(
        "leaky.py",
        """
        async def scenario(sim):
            sim.log.info(",".join({f"key-{number}" for number in range(50)}))
            assert False, "always"
        """,
    )
    made = spawn("run", "leaky.py", "--trace", "t.json", hash_seed="5", cwd=tmp_path)
    assert made.returncode == 1, made.stderr
    again = spawn("replay", "t.json", "--exact", hash_seed=hash_seed, cwd=tmp_path)
    assert again.returncode == 1, again.stderr
    assert "reproduced" in again.stdout


# --- show, diff, audit --------------------------------------------------------------------------


def test_a_story_is_shown(call, trace_file):
    result = call("show", trace_file)
    assert result.exit_code == 0
    assert "AssertionError: it is two" in result.output
    assert result.output.endswith("Again: simqueue replay t.json\n")


def test_tables_are_shown_as_they_stood(call, trace, tmp_path):
    trace.save(tmp_path / "made.json")
    result = call("show", "made.json", "--at", "2")
    assert result.exit_code == 0
    assert "jobs: 1 row" in result.output
    assert "5 of 6 events:" in call("show", "made.json", "--job", "1").output
    assert "events 0 to 5" in refused(call("show", "made.json", "--at", "6"))


def test_a_job_that_no_event_names_is_refused(call, trace, tmp_path):
    trace.save(tmp_path / "made.json")
    assert "no event names job 77" in refused(call("show", "made.json", "--job", "77"))


def test_a_scenario_that_changes_directory_moves_no_file(call, project, tmp_path):
    project(
        "moving.py",
        """
        import os
        os.chdir("/")

        async def scenario(sim):
            os.chdir("/usr")
            assert False
        """,
    )
    assert call("run", "moving.py", "--trace", "moved.json").exit_code == 1
    assert (tmp_path / "moved.json").is_file()


def test_a_failure_whose_trace_cannot_be_saved_is_told_all_the_same(call, project):
    project(
        "late.py",
        """
        from pathlib import Path

        async def scenario(sim):
            Path("file").touch()
            assert False, "it is two"
        """,
    )
    result = call("run", "late.py", "--trace", "file/t.json")
    assert result.exit_code == 2
    assert "file/t.json: cannot be written" in result.stderr
    assert "it is two" in result.output


def test_two_runs_are_compared(call, trace_file):
    call("run", "one.py:calm", "--trace", "other.json")
    assert call("diff", trace_file, trace_file).exit_code == 0
    result = call("diff", trace_file, "other.json")
    assert result.exit_code == 1
    assert "They differ from event 0" in result.output


@pytest.mark.thorough
def test_an_audit_of_a_sound_scenario_exits_with_0(call):
    result = call("audit", "one.py", "--seed", "1")
    assert result.exit_code == 0
    assert "the same in all" in result.output


@pytest.mark.thorough
def test_an_audit_names_what_decided_on_its_own_and_exits_with_1(call, project):
    project("leaky.py", "async def scenario(sim):\n    sim.log.info(str(hash('a')))\n")
    result = call("audit", "leaky.py")
    assert result.exit_code == 1
    assert "at event 0 (by scenario)" in result.output


def test_every_source_of_entropy_is_listed(call):
    from simqueue.sim.sources import SOURCES

    result = call("entropy")
    assert result.exit_code == 0
    assert all(source.name in result.output and source.how in result.output for source in SOURCES)


# --- bad input ----------------------------------------------------------------------------------


def test_a_missing_target_is_refused(call):
    assert "there is no such file" in refused(call("run", "nope.py"))
    assert "has no function 'nope'" in refused(call("run", "one.py:nope"))
    assert "there is no module or file" in refused(call("fuzz", "nope"))


def test_what_is_no_coroutine_function_is_refused(call, project):
    project("plain.py", "def scenario(sim): ...\n")
    for command in ("run", "fuzz", "audit"):
        assert "is not an `async def`" in refused(call(command, "plain.py"))


def test_a_file_that_cannot_be_imported_is_refused_with_its_line(call, project):
    project("broken.py", "x = 1\ny = x.z\n")
    assert "broken.py:2: AttributeError" in refused(call("run", "broken.py"))


@pytest.mark.parametrize("command", ["replay", "show", "diff"])
def test_a_bad_trace_is_refused(call, trace_file, tmp_path, command):
    whole = Path(trace_file).read_bytes()
    document = json.loads(whole)
    bad = {
        "missing.json": None,
        "half.json": whole[: len(whole) // 2],
        "foreign.json": b'{"log": {"version": "1.2"}}',
        "flipped.json": whole.replace(b'"scenario","event"', b'"scenarjo","event"', 1),
        "future.json": json.dumps({**document, "version": 99}).encode(),
    }
    for name, content in bad.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert name in refused(call(command, *[name] * (2 if command == "diff" else 1)))


def test_what_cannot_be_written_is_refused_and_nothing_else_touched(call, tmp_path):
    (tmp_path / "file").write_text("precious")
    assert "cannot be written" in refused(call("run", "one.py:calm", "--trace", "file/t.json"))
    assert "cannot be written" in refused(call("fuzz", "one.py", "--traces", "file/traces"))
    assert (tmp_path / "file").read_text() == "precious"


def test_what_is_not_built_is_refused_rather_than_ignored(call):
    assert "choose none" in refused(call("fuzz", "one.py", "--faults", "weather"))
    assert "choose auto, random" in refused(call("run", "one.py", "--strategy", "pct"))
    assert "--time 5x" in refused(call("fuzz", "one.py", "--time", "5x"))


def test_numbers_out_of_range_are_refused(call):
    for arguments in (["--runs", "0"], ["--seed", "-1"], ["--processes", "0"]):
        assert call("fuzz", "one.py", *arguments).exit_code == 2
    assert "seeds must lie" in refused(call("fuzz", "one.py", "--seed", str(2**63 - 1)))


# --- the process --------------------------------------------------------------------------------


def test_exit_statuses_reach_the_shell(project, tmp_path):
    project("one.py", SCENARIO)
    assert spawn("run", "one.py:calm", cwd=tmp_path).returncode == 0
    refusal = spawn("replay", "nope.json", cwd=tmp_path)
    assert refusal.returncode == 2
    assert refusal.stderr == "simqueue: nope.json: there is no such file; name a trace file\n"


def test_nothing_but_plain_lines_goes_into_a_pipe(project, tmp_path):
    project("one.py", SCENARIO)
    done = spawn("fuzz", "one.py:calm", "--runs", "5", cwd=tmp_path)
    assert done.stdout.count("\n") == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert not done.stderr


def test_help_is_lean():
    code = (
        "import sys; sys.argv = ['simqueue', '--help']\n"
        "import simqueue.cli\n"
        "try: simqueue.cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pgqueuer', 'time_machine', 'asyncio', 'rich', 'structlog'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "\nFind:\n  fuzz " in done.stdout


def test_an_interpreter_that_ignores_the_hash_seed_is_told_apart_and_not_started_for_ever(tmp_path):
    code = f"import sys; sys.path.insert(0, {ROOT!r}); import simqueue.cli; simqueue.cli.main()"
    done = subprocess.run(
        [sys.executable, "-E", "-c", code, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "PYTHONHASHSEED=0 has no effect here" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("hash_seed", [pytest.param("0", marks=pytest.mark.thorough), "1"])
def test_the_order_of_tuples_with_none_is_replayed(project, tmp_path, hash_seed):
    project(
        "leaky.py",
        """
        async def scenario(sim):
            sim.log.info(str({(number, None) for number in range(50)}))
            assert False, "always"
        """,
    )
    made = spawn("run", "leaky.py", "--trace", "t.json", hash_seed="0", cwd=tmp_path)
    assert made.returncode == 1, made.stderr
    again = spawn("replay", "t.json", "--exact", hash_seed=hash_seed, cwd=tmp_path)
    if sys.version_info >= (3, 12) or permits_fixed_addresses():
        assert "reproduced" in again.stdout, again.stderr


def permits_fixed_addresses():
    before = address_space.are_fixed()
    try:
        return address_space.fix()
    finally:
        address_space._change(fixed=before)


COMMANDS = [each.name for each in app.registered_commands if not each.hidden]


def test_help_lists_each_command_in_its_group(call):
    shown = call("--help").stdout
    heading = re.compile(r"^([A-Z]\w+):\n((?:  [a-z]+  .*\n)+)", re.MULTILINE)
    groups = {
        name: re.findall(r"^  (\w+)", rows, re.MULTILINE) for name, rows in heading.findall(shown)
    }
    assert list(groups) == list(get_args(app_module.Group))
    assert sorted(itertools.chain(*groups.values())) == sorted(COMMANDS)


def test_a_command_is_added_with_one_row(monkeypatch):
    def toy_command(times: int = 1) -> None:
        """Print a word."""
        sys.stdout.write("toy " * times)

    monkeypatch.setitem(sys.modules, "toy", SimpleNamespace(toy_command=toy_command))
    row = app_module.Command("toy", "Keep", "toy:toy_command")
    built = app_module.build_app([*app_module.COMMANDS, row])
    assert "\n  toy      Print a word.\n" in CliRunner().invoke(built, ["--help"]).stdout
    assert CliRunner().invoke(built, ["toy", "--times", "2"]).stdout == "toy toy "


def test_a_shell_completes_commands_and_options(project):
    asked = {
        "_SIMQUEUE_COMPLETE": "complete_bash", "COMP_WORDS": "simqueue fuz", "COMP_CWORD": "1",
    }  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", "import simqueue.cli; simqueue.cli.main()"]

    def completed(**words):
        done = subprocess.run(
            command,
            env={**environment, **asked, **words},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed() == ["fuzz"]
    assert "--shrink-runs" in completed(COMP_WORDS="simqueue fuzz --s", COMP_CWORD="2")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_value_has_a_name_in_help(call, command):
    assert not re.search(r"<\w+|INTEGER|FLOAT|RANGE", call(command, "--help").stdout)


def test_the_command_line_itself_has_examples(call):
    assert "\n    simqueue fuzz " in call("--help").output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(call, command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert f"\n    simqueue {command}" in result.output or "git bisect run" in result.output


def test_versions_are_printed(call):
    result = call("--version")
    assert result.exit_code == 0
    assert "pgqueuer " in result.output
