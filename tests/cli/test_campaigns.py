"""Campaigns of any size: what outlives them, what is split, and what is told of it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.cli.saved import STORY_TAIL
from simqueue.cli.settings import Allowance
from simqueue.model.summary import Summary
from simqueue.model.trace import TRACE_VERSION, Trace
from simqueue.report.story.story import render_story
from simqueue.search.campaign.journal import read_state

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)

ROOT = str(Path(__file__).parents[2])
SCENARIO = """
import asyncio

async def scenario(sim):
    number = sim.choice(range(4))
    others = [sim.chance(0.5) for _ in range(9)]
    sim.sometimes("three", number == 3)
    sim.log.info("chosen", number=number)
    await asyncio.sleep(1)
    assert number != 2, "it is two"
"""
KILLED = """
import ctypes, os

C = ctypes.CDLL(None)
LOG = os.environ.get("PLAYED", os.devnull)

async def scenario(sim):
    with open(LOG, "a+") as log:
        log.write(f"{sim.random.getrandbits(64)}\\n")
        log.seek(0)
        played = len(log.readlines())
    number = sim.choice(range(16))
    if played > 20 and os.environ.get("KILL"):
        C.kill(C.getpid() if os.environ["KILL"] == "1" else C.getppid(), 9)
        C.pause()
    sim.sometimes("three", number == 3)
    assert number != 11, "eleven"
"""
IN_ORDER = ("--strategy", "random", "--processes", "1")
SIGNATURE = 'exception:AssertionError:scenario:assert number != 2, "it is two"'


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    project("one.py", SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


@pytest.fixture
def failures(tmp_path):
    """Return the saved failures."""
    return lambda: sorted((tmp_path / ".simqueue/failures").glob("*.json"))


def spawn(*arguments, **environment):
    """Call the command line in a process of its own."""
    command = [sys.executable, "-m", "simqueue", *arguments]
    environment = {**os.environ, "PYTHONPATH": ROOT, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def refused(result):
    """Assert that bad input got one line on stderr; return it."""
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("simqueue: ")
    return result.stderr


def counts(output):
    """Return what a campaign says of runs and failures, without how fast it was."""
    lines = output[output.index(" runs, ") :].splitlines()
    told = [line for line in lines if "resumed: " not in line]
    return [told[0].partition("s, ")[2].rpartition(",")[0], *told[1:]]


# --- going on -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("processes", "strategy"),
    [("1", "random"), pytest.param("2", "random", marks=pytest.mark.thorough), ("2", "auto")],
)
def test_a_campaign_that_is_killed_goes_on_where_it_stopped(project, tmp_path, processes, strategy):
    project("killed.py", KILLED)
    command = ["fuzz", "killed.py", "--runs", "60", "--processes", processes]
    command += ["--strategy", strategy, "--shrink-runs", "0"]
    killed = spawn(*command, KILL=processes, PLAYED="before")
    assert killed.returncode == -signal.SIGKILL
    (file,) = (tmp_path / ".simqueue/campaigns").glob("*.jsonl")
    before = read_state(file)
    assert not before.finished
    assert 0 < len(before.results) < 60

    gone_on = spawn(*command, "--resume", PLAYED="after")
    assert f"resumed: {len(before.results)} runs are from .simqueue/campaigns/" in gone_on.stdout
    after = read_state(file)
    assert after.finished
    assert [*after.results][: len(before.results)] == [*before.results]
    whole = spawn(*command, "--state", "other", "--traces", "more")
    assert gone_on.returncode == whole.returncode == 1
    assert counts(gone_on.stdout) == counts(whole.stdout)
    if strategy == "random":  # then a seed is a run
        # A set: the first of each failure is played once more, alone.
        played = [set(Path(name).read_text().split()) for name in ("before", "after")]
        assert len(played[1]) == 60 - len(before.results)
        assert len(played[0].intersection(played[1])) == len(played[0]) - len(before.results)


@pytest.mark.thorough
def test_a_campaign_goes_on_to_a_larger_number(call):
    call("fuzz", "one.py", "--runs", "20")
    gone_on = call("fuzz", "one.py", "--runs", "50", "--resume")
    assert "resumed: 20 runs are from .simqueue/campaigns/one-" in gone_on.output
    whole = call("fuzz", "one.py", "--runs", "50")
    assert "resumed" not in whole.output
    assert counts(gone_on.output) == counts(whole.output)


@pytest.mark.thorough
def test_time_adds_further_seeds(call):
    call("fuzz", "one.py", "--runs", "20")
    gone_on = call("fuzz", "one.py", "--time", "0.01s", "--resume")
    (runs,) = re.findall(r"one.py:scenario: (\d+) runs", gone_on.output)
    assert int(runs) > 20


def test_what_cannot_go_on_is_refused_and_left_alone(call, tmp_path):
    call("fuzz", "one.py", "--runs", "9")
    (file,) = (tmp_path / ".simqueue/campaigns").glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:4], b"{\n", *lines[4:]])
    file.write_bytes(damaged)
    assert "line 5 is damaged" in refused(call("fuzz", "one.py", "--runs", "9", "--resume"))
    assert file.read_bytes() == damaged


def test_a_campaign_that_was_cut_short_is_begun_anew_and_kept(call, tmp_path):
    call("fuzz", "one.py", "--runs", "9")
    (file,) = (tmp_path / ".simqueue/campaigns").glob("*.jsonl")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:7]))
    begun = call("fuzz", "one.py", "--runs", "9")
    assert (
        "started again: a campaign of 5 runs was cut short here, which --resume would"
        in begun.output
    )
    assert "one.py:scenario: 9 runs" in begun.output


def test_a_state_that_cannot_be_written_is_refused(call, tmp_path):
    (tmp_path / "file").touch()
    assert "state cannot be written" in refused(call("fuzz", "one.py", "--state", "file/x"))


def test_states_keep_themselves_out_of_git(call, tmp_path):
    call("fuzz", "one.py", "--runs", "2")
    assert (tmp_path / ".simqueue/campaigns/.gitignore").read_text() == "*\n"


# --- shards -------------------------------------------------------------------------------------


@pytest.fixture
def shards(call):
    """Play a campaign in three parts; returns the files of their states, in order."""

    def play(*options, runs="50", parts=("1/3", "2/3", "3/3")):
        how = ["--runs", runs, "--strategy", "random", "--shrink-runs", "0", *options]
        for part in parts:
            call("fuzz", "one.py", "--shard", part, *how)
        return sorted(map(str, Path(".simqueue/campaigns").glob("*.jsonl")))

    return play


@pytest.mark.thorough
def test_shards_merge_into_the_campaign_they_are_parts_of(call, shards, failures):
    files = shards()
    assert len(files) == 3
    for file in failures():
        file.unlink()
    merged = call("merge", ".simqueue/campaigns", "--json", "merged.json")
    (saved,) = failures()
    whole = call(
        "fuzz", "one.py", "--runs", "50", "--strategy", "random", "--state", "whole",
        "--no-regressions", "--shrink-runs", "0", "--json", "whole.json",
    )  # fmt: skip
    assert merged.exit_code == whole.exit_code == 1
    merged, whole = (json.loads(Path(f"{name}.json").read_text()) for name in ("merged", "whole"))
    same = ("runs", "passed", "failed", "failures", "inconclusive", "lost", "status", "strategy")
    for key in same:
        assert merged["targets"][0][key] == whole["targets"][0][key]
    assert Trace.load(saved).seed == whole["targets"][0]["failures"][0]["number"]


@pytest.mark.thorough
def test_what_one_shard_reached_is_not_missing(call, project, shards):
    project("one.py", SCENARIO.replace("number != 2", "number != 9"))
    shards(runs="12")
    alone = [call("merge", str(file)).exit_code for file in Path(".simqueue").rglob("*.jsonl")]
    assert alone == [4, 4, 4]
    merged = call("merge", ".simqueue/campaigns")
    assert merged.exit_code == 0, merged.output
    assert merged.output == "one.py:scenario: 12 runs, 0 failed in 0 ways\n"


@pytest.mark.thorough
def test_missing_shards_and_those_that_were_cut_short_prove_nothing(call, project, shards):
    project("one.py", SCENARIO.replace("number != 2", "number != 9"))
    one, two, _ = shards()
    assert "inconclusive: shard 3/3 is missing" in call("merge", one, two).output
    lines = Path(two).read_bytes().splitlines(keepends=True)
    Path(two).write_bytes(b"".join(lines[:-2]))
    result = call("merge", ".simqueue/campaigns")
    assert result.exit_code == 4
    assert "  inconclusive: shard 2/3 was cut short after 16 runs\n" in result.output


def test_what_does_not_belong_together_is_refused(call, shards):
    one, two, three = shards()
    Path("copy.jsonl").write_bytes(Path(two).read_bytes())
    assert "are both shard 2/3" in refused(call("merge", one, two, "copy.jsonl"))
    others = shards("--seed", "99", parts=("1/3",))
    (other,) = set(others) - {one, two, three}
    assert "they differ in their first seed: 0 and 99" in refused(
        call("merge", other, two, one)
    ) or ("they differ in their first seed: 99 and 0" in refused(call("merge", other, two, one)))
    assert "cannot be read" in refused(call("merge", "nope.jsonl"))
    assert "is not the state of a campaign" in refused(call("merge", "one.py"))


def test_a_shard_is_one_of_several(call):
    for part in ("3", "0/3", "4/3", "1/0", "-1/3", "x/y"):
        assert "K/N" in refused(call("fuzz", "one.py", "--shard", part))


@pytest.mark.thorough
def test_accepted_failures_are_counted_in_a_merge_as_in_its_shards(call, shards, failures):
    call("fuzz", "one.py", "--runs", "30", "--state", "before", "--shrink-runs", "0")
    (saved,) = failures()
    call("accept", str(saved), "--reason", "issue 7")
    shards("--no-regressions")
    merged = call("merge", ".simqueue/campaigns")
    assert merged.exit_code == 0
    assert f"x accepted: {SIGNATURE} (issue 7)" in merged.output


# --- regressions --------------------------------------------------------------------------------


def test_a_saved_failure_that_still_fails_is_played_first_and_not_saved_again(call, failures):
    call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    before = saved.read_bytes()
    again = call("fuzz", "one.py", "--runs", "30")
    assert again.exit_code == 1
    said = f"saved failure .simqueue/failures/{saved.name} still fails: reproduced: "
    assert again.output.index(said) < again.output.index("one.py:scenario: 30 runs")
    assert again.output.count("Again: ") == 1
    assert failures() == [saved]
    assert saved.read_bytes() == before


@pytest.mark.thorough
def test_a_saved_failure_fails_a_campaign_that_does_not_find_it(call, failures):
    call("fuzz", "one.py", "--runs", "30")
    calm = call("fuzz", "one.py", "--runs", "1", "--strategy", "calm")
    assert calm.exit_code == 1
    assert "one.py:scenario: 1 runs, 0 failed" in calm.output


@pytest.mark.thorough
def test_other_code_that_fails_alike_adds_no_file(call, project, failures):
    call("fuzz", "one.py", "--runs", "30")
    project("one.py", SCENARIO.replace('"chosen"', '"drawn"'))
    for options in ([], ["--no-regressions"]):
        result = call("fuzz", "one.py", "--runs", "30", *options)
        assert ("still fails: drifted-alike" in result.output) is not options
        assert len(failures()) == 1


def test_a_failure_that_was_saved_before_is_printed_once_with_its_file_and_line(call, failures):
    call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    again = f"Again: simqueue replay {os.path.relpath(saved)}\n"
    without = call("fuzz", "one.py", "--runs", "30", "--no-regressions")
    assert without.exit_code == 1
    assert f"saved before: {os.path.relpath(saved)}\n{again}" in without.stdout
    assert without.stdout.count("Failed: exception: AssertionError: it is two") == 1
    before = call("fuzz", "one.py", "--runs", "30")
    assert before.stdout.count(again) == 1
    assert "saved before" not in before.stdout
    assert failures() == [saved]


@pytest.mark.thorough
def test_a_failure_that_is_fixed_is_told_and_kept(call, project, failures):
    call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    project("one.py", SCENARIO.replace("number != 2", "number != 9"))
    result = call("fuzz", "one.py", "--runs", "30")
    assert result.exit_code == 0
    assert f"{saved.name} is fixed: remove it if you agree (gone: " in result.output
    assert failures() == [saved]


@pytest.mark.thorough
def test_a_failure_is_saved_beside_one_like_it_that_says_nothing_any_more(call, failures):
    call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    old = saved.read_bytes().replace(f'"version":{TRACE_VERSION}'.encode(), b'"version":2', 1)
    saved.write_bytes(old)
    for _ in range(2):
        assert call("fuzz", "one.py", "--runs", "30").exit_code == 1
        assert [file.name for file in failures()] == [f"{saved.stem}-2.json", saved.name]
        assert saved.read_bytes() == old


@pytest.mark.thorough
def test_a_saved_failure_that_fails_otherwise_is_told(call, project):
    call("fuzz", "one.py", "--runs", "30")
    project("one.py", SCENARIO.replace("assert number != 2", "assert number < 1"))
    result = call("fuzz", "one.py", "--runs", "1", "--strategy", "calm")
    assert result.exit_code == 1
    assert "fails in another way: different: " in result.output


@pytest.mark.thorough
def test_a_saved_failure_that_is_accepted_fails_nothing(call, failures):
    call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    call("accept", str(saved), "--reason", "issue 7")
    result = call("fuzz", "one.py", "--runs", "30")
    assert result.exit_code == 0
    assert "still fails, which is accepted" in result.output


def test_a_saved_failure_that_cannot_be_read_leaves_a_campaign_inconclusive(
    call, project, failures
):
    call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    whole = saved.read_bytes()
    project("one.py", SCENARIO.replace("number != 2", "number != 9"))
    old = whole.replace(f'"version":{TRACE_VERSION}'.encode(), b'"version":2', 1)
    for document, problem in ((old, "trace format 2"), (whole[:99], "breaks off")):
        saved.write_bytes(document)
        result = call("fuzz", "one.py", "--runs", "30", "--json", "s.json")
        assert (result.exit_code, json.loads(Path("s.json").read_text())["status"]) == (4, 4)
        assert f"saved failure .simqueue/failures/{saved.name} is not played" in result.stderr
        assert problem in result.stderr
        assert saved.read_bytes() == document


@pytest.mark.thorough
def test_saved_failures_are_left_alone_when_they_are_not_wanted(call, project):
    call("fuzz", "one.py", "--runs", "30")
    result = call("fuzz", "one.py", "--runs", "1", "--strategy", "calm", "--no-regressions")
    assert result.exit_code == 4
    assert "saved failure" not in result.output


# --- shrinking ----------------------------------------------------------------------------------


def test_a_failure_is_shrunk_and_its_story_is_that_of_the_small_run(call, failures):
    small = call("fuzz", "one.py", "--runs", "30")
    (saved,) = failures()
    assert len(Trace.load(saved).choices) == 1
    assert render_story(Trace.load(saved), tail=STORY_TAIL) in small.output
    assert "deviations from calm became 1 in" in small.output
    assert call("replay", str(saved)).exit_code == 1


def test_shrinking_ends_with_its_budget_or_is_left_out(call, failures):
    call("fuzz", "one.py", "--runs", "30", "--shrink-runs", "0")
    (saved,) = failures()
    assert len(Trace.load(saved).choices) > 1
    saved.unlink()
    limited = call("fuzz", "one.py", "--runs", "30", "--shrink-runs", "2")
    assert "in 2 runs; more runs may leave fewer" in limited.output


@pytest.mark.thorough
def test_shrinking_that_is_interrupted_keeps_the_failure(call, project, failures):
    project(
        "stopped.py",
        """
        import ctypes, os

        COMMAND, CALLS = os.getpid(), []

        async def scenario(sim):
            CALLS.append(1)
            if len(CALLS) > 25:
                ctypes.CDLL(None).kill(COMMAND, 2)  # as Ctrl-C does
            picked = [sim.chance(0.9) for _ in range(30)]
            assert not (picked[3] and picked[17]), "found"
        """,
    )
    result = call("fuzz", "stopped.py", "--runs", "9", "--json", "r.json", *IN_ORDER)
    assert result.exit_code == 130
    assert "stopped.py:scenario: 9 runs" in result.output
    assert "in 17 runs; more runs may leave fewer" in result.output
    (saved,) = failures()
    assert call("show", str(saved)).exit_code == 0
    document = json.loads(Path("r.json").read_text())
    assert document["status"] == 130
    assert document["targets"][0]["interrupted"]
    assert document["targets"][0]["failures"][0]["trace"] == os.path.relpath(saved)


@pytest.mark.thorough
def test_shrinking_that_was_interrupted_goes_on_when_the_campaign_is_resumed(call, project):
    project(
        "stopped.py",
        """
        import ctypes, os

        COMMAND, CALLS = os.getpid(), []

        async def scenario(sim):
            CALLS.append(1)
            if len(CALLS) > 25 and os.path.exists("interrupt"):
                ctypes.CDLL(None).kill(COMMAND, 2)  # as Ctrl-C does
            picked = [sim.chance(0.9) for _ in range(30)]
            assert not (picked[3] and picked[17]), "found"
        """,
    )
    command = ["fuzz", "stopped.py", "--runs", "9", "--json", "r.json", *IN_ORDER]

    def result(*options):
        done = call(*command, *options)
        summary = json.loads(Path("r.json").read_text())
        for target in summary["targets"]:
            del target["elapsed_s"]
        (file,) = Path(".simqueue/failures").iterdir()
        return done, (done.exit_code, summary, file.name, file.read_bytes())

    done, whole = result()
    note = next(line for line in done.output.splitlines() if " became 2 in " in line)
    shutil.rmtree(".simqueue")
    Path("interrupt").touch()
    _, interrupted = result()
    assert interrupted[0] == 130
    assert interrupted[-1] != whole[-1]
    Path("interrupt").unlink()
    for _ in range(2):  # the second finds all of it done
        done, resumed = result("--resume")
        assert resumed == whole
        assert note in done.output
        assert "saved failure" not in done.output


@pytest.mark.thorough
def test_a_campaign_that_is_interrupted_keeps_what_it_found_as_it_is(call, project, failures):
    project(
        "stopped.py",
        """
        import ctypes

        CALLS = []

        async def scenario(sim):
            CALLS.append(1)
            if len(CALLS) == 3:
                ctypes.pythonapi.PyErr_SetInterrupt()
            assert not [sim.chance(0.9) for _ in range(30)], "found"
        """,
    )
    result = call("fuzz", "stopped.py", *IN_ORDER, "--junit", "j.xml")
    assert result.exit_code == 130
    (saved,) = failures()
    assert len(Trace.load(saved).choices) > 1
    error = ET.parse("j.xml").find("testsuite/testcase[@name='campaign']/error")
    assert error.get("message") == "interrupted after 2 runs"
    project("stopped.py", Path("stopped.py").read_text().replace("== 3", "== -1"))
    gone_on = call("fuzz", "stopped.py", *IN_ORDER, "--runs", "9", "--resume")
    assert "resumed: 2 runs" in gone_on.output
    assert "some of them were played with another version" in gone_on.output
    assert "stopped.py:scenario: 9 runs, 9 failed" in gone_on.output


@pytest.mark.thorough
def test_shrinking_takes_a_quarter_of_the_time_on_top():
    allowance = Allowance(timedelta(seconds=1000))
    assert timedelta(seconds=500) < allowance.to_play(1) <= timedelta(seconds=1000)
    assert timedelta(seconds=250) < allowance.to_play(2) <= timedelta(seconds=500)
    assert allowance.to_shrink(1) == timedelta(seconds=250)
    assert allowance.to_shrink(2) == timedelta(seconds=125)
    assert Allowance(timedelta(0)).to_shrink(1) == timedelta(0)
    assert Allowance(None).to_shrink(1) is None


@pytest.mark.thorough
def test_shrinking_ends_when_its_time_is_up(call, failures):
    result = call("fuzz", "one.py", "--time", "0.0000001s", "--seed", "2", "--strategy", "calm")
    assert result.exit_code == 4
    project_seed = next(
        seed for seed in range(50) if call("run", "one.py", "--seed", str(seed)).exit_code
    )
    how = ["--time", "0.0000001s", "--seed", str(project_seed), *IN_ORDER]
    result = call("fuzz", "one.py", *how)
    assert "1 runs, 1 failed in 1 way" in result.output
    assert "in 1 run; more runs may leave fewer" in result.output


# --- processes ----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_process_that_hangs_outside_python_loses_its_run_alone(call, project):
    project(
        "hanging.py",
        """
        import ctypes

        async def scenario(sim):
            if sim.choice(range(8)) == 5:
                ctypes.CDLL(None).pause()
        """,
    )
    for processes in ("1", "2"):
        result = call(
            "fuzz", "hanging.py", "--runs", "12", "--run-limit", "0.5s", "--strategy", "random",
            "--processes", processes,
        )  # fmt: skip
        assert result.exit_code == 4
        lost = [line for line in result.stderr.splitlines() if "is lost" in line]
        assert lost
        assert all("the process that played it took longer than 0.5 s" in line for line in lost)
        assert f"hanging.py:scenario: {12 - len(lost)} runs, 0 failed" in result.output


@pytest.mark.thorough
def test_processes_that_never_return_end_with_a_command_that_is_killed(project):
    project(
        "hanging.py",
        """
        import ctypes, os

        LIBRARY = ctypes.CDLL(None)

        async def scenario(sim):
            pipe = os.open("pipe", os.O_WRONLY)
            os.write(pipe, f"{LIBRARY.getppid()} ".encode())
            while True:  # whoever reads from the pipe comes to its end when this process does
                LIBRARY.pause()
        """,
    )
    os.mkfifo("pipe")
    command = [sys.executable, "-m", "simqueue", "fuzz", "hanging.py", "--processes", "2"]
    done = subprocess.Popen(
        [*command, "--strategy", "random"], env={**os.environ, "PYTHONPATH": ROOT}
    )
    with Path("pipe").open("rb", buffering=0) as pipe:
        assert int(pipe.read(99).split()[0]) == done.pid
        done.kill()
        pipe.read()  # ends with the last of them
    assert done.wait() == -signal.SIGKILL


@pytest.mark.thorough
def test_a_campaign_that_loses_every_run_is_given_up(call, project):
    project(
        "deadly.py",
        """
        import ctypes

        async def scenario(sim):
            ctypes.CDLL(None).kill(ctypes.CDLL(None).getpid(), 9)
        """,
    )
    how = ["--runs", "100000", "--processes", "2", "--strategy", "random"]
    result = call("fuzz", "deadly.py", *how)
    assert result.exit_code == 4
    assert "given up: 16 runs in a row were lost with their processes" in result.output
    assert result.stderr.count("the process that played it was killed by SIGKILL, twice\n") == 16
    for options in ([], ["--resume"]):
        few = call("fuzz", "deadly.py", "--runs", "3", *how[2:], "--state", "few", *options)
        assert few.exit_code == 4
        assert few.stderr.count("killed by SIGKILL, twice\n") == 3


# --- reports ------------------------------------------------------------------------------------


def test_a_campaign_is_summed_up_as_json(call, project, failures):
    import msgspec

    project("calm.py", "async def scenario(sim):\n    pass\n")
    result = call("fuzz", "one.py", "calm.py", "--runs", "30", "--json", "out/r.json")
    summary = msgspec.json.decode(Path("out/r.json").read_bytes(), type=Summary, strict=True)
    assert summary.status == result.exit_code == 1
    one, calm = summary.targets
    assert (one.target, one.status, one.runs, one.failed) == (
        "one.py:scenario",
        1,
        30,
        30 - one.passed,
    )
    (found,) = one.failures
    (saved,) = failures()
    assert (found.signature, found.trace) == (SIGNATURE, os.path.relpath(saved))
    assert found.again == f"simqueue replay {found.trace}"
    assert found.story in result.output
    assert (calm.target, calm.status, calm.failures) == ("calm.py:scenario", 0, ())


@pytest.mark.thorough
def test_a_campaign_is_summed_up_as_junit_xml(call, project):
    project(
        "odd.py",
        """
        async def scenario(sim):
            sim.sometimes("never", False)
            assert sim.choice(range(3)) != 1, "a \\x00 and a < b"
        """,
    )
    project("calm.py", "async def scenario(sim):\n    pass\n")
    call("fuzz", "one.py", "--runs", "30", "--seed", "7")
    call("fuzz", "one.py", "odd.py", "calm.py", "--runs", "30", "--junit", "j.xml")
    suites = {suite.get("name"): suite for suite in ET.parse("j.xml").getroot()}
    one, odd, calm = suites.values()
    assert [case.get("name").partition(" ")[0] for case in one] == [
        "campaign",
        SIGNATURE.partition(" ")[0],
        "saved",
    ]
    assert [one.get(key) for key in ("tests", "failures", "errors", "skipped")] == [
        "3",
        "2",
        "0",
        "0",
    ]
    assert "it is two" in one.find("testcase/failure").text
    assert odd.find("testcase[@name='campaign']/error").get("type") == "inconclusive"
    assert "a \N{REPLACEMENT CHARACTER} and a < b" in odd.find("testcase/failure").get("message")
    assert [calm.get(key) for key in ("tests", "failures", "errors")] == ["1", "0", "0"]


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_played(call, tmp_path):
    (tmp_path / "file").touch()
    for option in ("--json", "--junit"):
        assert "is not a directory" in refused(call("fuzz", "one.py", option, "file/r"))
        assert "is a directory" in refused(call("fuzz", "one.py", option, "."))
    assert not (tmp_path / ".simqueue").exists()
