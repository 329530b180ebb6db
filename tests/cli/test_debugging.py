"""Debuggers in what the command line runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simqueue.model.events import HandlerStarted, JobPicked
from simqueue.model.trace import Trace

SCENARIO = """
import asyncio
from datetime import timedelta

async def scenario(sim):
    def app(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            breakpoint()
            await asyncio.sleep(1)

    sim.worker("a", app)
    await sim.queries.enqueue("charge", b"x")
    await sim.settled()
    assert sim.elapsed() < timedelta(seconds=1), "it is late"
"""
PLAIN = """
import asyncio
import random
from datetime import timedelta

async def scenario(sim):
    def app(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            amount = 7 * job.id
            await asyncio.sleep(random.random() + amount / 100)
            await pq.qm.queries.queue_size()

    sim.worker("a", app)
    await sim.queries.enqueue(["charge"] * 2, [b"x"] * 2, [0] * 2)
    await sim.settled()
    waited = sim.elapsed()
    assert waited < timedelta(seconds=0.1), "it is late"
"""
TEST = """
import pytest
import one

@pytest.mark.simqueue(runs=1)
async def test_it(sim):
    await one.scenario(sim)
"""
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key != "PYTHONBREAKPOINT"},
    "PYTHONPATH": str(Path(__file__).parents[2]),
}
PATIENCE_S = 120
TARGET = "Target: one.py:scenario\n"
STOPPED = re.compile(r"Stopped at event (\d+) of")
UP = re.compile(r"^up (\d+) is (.*), whose step caused it$", re.MULTILINE)


@pytest.fixture
def call(project):
    """Call the command line in a process of its own with what a person types."""
    project("one.py", SCENARIO)

    def run(*arguments, typed=(), **environment):
        return subprocess.run(
            [sys.executable, "-m", "simqueue", *arguments],
            input="".join(f"{line}\n" for line in typed),
            env={**ENVIRONMENT, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_breakpoint_in_a_handler_works_in_a_run_and_in_its_replay(call):
    first = call("run", "one.py", "--trace", "t.json", typed=["p job.id", "c"])
    assert "(Pdb) 1\n" in first.stdout
    assert "AssertionError: it is late" in first.stdout
    assert first.returncode == 1
    again = call("replay", "t.json", "--exact", typed=["n", "p job.entrypoint", "p job.id", "c"])
    assert "(Pdb) 'charge'\n(Pdb) 1\n" in again.stdout
    assert again.stdout.splitlines()[-1].startswith("reproduced: ")
    assert again.returncode == 1


@pytest.mark.thorough
@pytest.mark.parametrize("typed", [["q"], []], ids=["quit", "no input"])
def test_quitting_a_debugger_is_no_verdict(call, typed):
    call("run", "one.py", "--trace", "t.json", typed=["c"])
    for command in (("run", "one.py"), ("replay", "t.json")):
        done = call(*command, typed=typed)
        assert done.returncode == 130
        assert "passed" not in done.stdout
        said = "interrupted\n" if command[0] == "run" else TARGET
        assert done.stderr == said


def test_at_a_terminal_ctrl_c_takes_back_the_prompt_and_the_replay_goes_on(call):
    pexpect = pytest.importorskip("pexpect")
    call("run", "one.py", "--trace", "t.json", typed=["c"])
    command = ["-m", "simqueue", "replay", "t.json"]
    with pexpect.spawn(sys.executable, command, env=ENVIRONMENT, encoding="utf-8") as terminal:
        terminal.expect(re.escape("(Pdb) "), timeout=120)
        terminal.sendintr()
        terminal.expect("--KeyboardInterrupt--", timeout=120)
        terminal.expect(re.escape("(Pdb) "), timeout=120)
        terminal.sendline("c")
        terminal.expect("reproduced: ", timeout=120)
        terminal.expect(pexpect.EOF, timeout=120)
    assert terminal.exitstatus == 1


@pytest.mark.thorough
def test_leaving_an_interpreter_that_the_debugger_opened_ends_the_run_without_a_verdict(call):
    call("run", "one.py", "--trace", "t.json", typed=["c"])
    done = call("replay", "t.json", "--break", "1", typed=["interact", "exit()"])
    assert done.returncode == 130
    assert "passes" not in done.stdout


# --- stops at events --------------------------------------------------------------------------


def failing(directory, *command):
    """Run a command in a directory; it must exit with 1."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Record a failed run, once for all tests: the text of its trace."""
    directory = tmp_path_factory.mktemp("recorded")
    (directory / "one.py").write_text(PLAIN)
    failing(directory, "simqueue", "run", "one.py", "--trace", "t.json")
    return (directory / "t.json").read_text()


@pytest.fixture(scope="module")
def recorded_test(tmp_path_factory, plugin_args):
    """Record a failed run of a test, once for all tests: the trace's path and text."""
    directory = tmp_path_factory.mktemp("recorded")
    (directory / "one.py").write_text(PLAIN)
    (directory / "test_one.py").write_text(TEST)
    failing(directory, "pytest", *plugin_args, "--simqueue-shrink-runs=0")
    (path,) = (directory / ".simqueue/failures").glob("*.json")
    return str(path.relative_to(directory)), path.read_text()


@pytest.fixture
def failed(project, call, recorded):  # `call` writes another one.py first
    """The trace of a failed run, which is in t.json."""
    project("one.py", PLAIN)
    project("t.json", recorded)
    return Trace.load("t.json")


@pytest.fixture
def failed_test(project, failed, recorded_test):
    """The trace of a failed run of a test, and its path."""
    path, text = recorded_test
    project("test_one.py", TEST)
    project(path, text)
    return Trace.load(path), path


def find(trace, kind, job_id):
    """Return the number of the first event of a kind that is about a job."""
    events = enumerate(trace.events)
    return next(n for n, e in events if isinstance(e.event, kind) and e.event.job_id == job_id)


def at_prompts(printed):
    """Return what was printed at each prompt."""
    return [part.rstrip("\n") for part in printed.split("(Pdb) ")[1:]]


def test_a_replay_stops_at_an_event_with_its_world_at_hand(failed, call):
    number = find(failed, JobPicked, 2)
    typed = ["p number, event.job_id, sim.elapsed(), task.get_name()", "p tables.jobs", "tables"]
    typed += ["p tables.jobs[2].status", "job(2)", "story()", "c"]
    done = call("replay", "t.json", "--exact", "--break", str(number), typed=typed)
    before, *_ = done.stdout.split("(Pdb) ")
    assert before.count("Stopped at event") == 1
    assert f"Stopped at event {number} of 0 to {len(failed.events) - 1}; c continues." in before
    assert f"#{number} " in before
    said, jobs, tables, status, job, story, _ = at_prompts(done.stdout)
    assert said.startswith(f"({number}, 2, datetime.timedelta(")
    shown = call("show", "t.json", "--at", str(number)).stdout
    assert f"\n\n{jobs}\n\n" in shown
    assert shown.endswith(f"\n\n{tables}\n")
    assert status == "'picked'"
    assert "enqueues job 2" in job
    assert job.splitlines()[-1].lstrip().startswith(f"#{number} ")
    assert story.splitlines()[-1].endswith("a picks jobs 1, 2")
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")
    assert done.returncode == 1
    assert done.stderr == TARGET


@pytest.mark.thorough
def test_who_goes_up_as_far_as_is_said_is_in_the_frame_whose_step_made_the_event(failed, call):
    number = next(
        n
        for n, entry in enumerate(failed.events)
        if entry.worker == "scenario" and type(entry.event).__name__ == "StatementSent"
    )
    first = call("replay", "t.json", "--break", str(number), typed=["c"])
    ups, where = re.search(
        r"^up (\d+) is (.*), whose step caused it$", first.stdout, re.MULTILINE
    ).groups()
    assert where.endswith("in scenario")
    again = call("replay", "t.json", "--break", str(number), typed=[f"up {ups}", "p sim", "c"])
    there, sim, _ = at_prompts(again.stdout)
    assert re.match(r"> .*one\.py\(\d+\)scenario\(\)", there)
    assert "Simulation object" in sim


def test_code_of_the_task_that_waits_for_a_statement_is_at_hand_where_the_server_acts(failed, call):
    number = find(failed, JobPicked, 1)
    typed = ["stack()", "p 'self' in frames[-1].f_locals", "p task.done()", "c"]
    done = call("replay", "t.json", "--break", str(number), typed=typed)
    waiting = r"^task .* caused it, and is waiting: see stack\(\)$"
    assert re.search(waiting, done.stdout, re.MULTILINE)
    stack, has_self, finished, _ = at_prompts(done.stdout)
    assert "frames[0]  qm.py:" in stack
    assert "connection.py" not in stack
    assert (has_self, finished) == ("True", "False")


DISTURBING = [
    "import time, random, uuid, os, logging, asyncio",
    "time.time(), time.monotonic(), sim.now(), random.random(), uuid.uuid4(), os.urandom(3)",
    "for n in range(20000): time.monotonic()",
    "time.sleep(3)",
    "random.seed(5)",
    "logging.getLogger('mine').warning('looking')",
    "sim.log.info('looking')",
    "sim.choice([1, 2])",
    "tables.jobs.clear()",
    "open('/dev/null').close()",
    "repr(task), stack(), story(), job(1)",
]


def test_nothing_that_is_typed_leaves_a_mark_on_the_run(failed, call):
    number = find(failed, HandlerStarted, 1)
    typed = [*DISTURBING, "random.random()", "c"]
    done = call("replay", "t.json", "--exact", "--break", str(number), typed=typed)
    drawn, again = at_prompts(done.stdout)[1], at_prompts(done.stdout)[-2]
    assert "2024, 1, 1" in drawn
    assert float(again)
    assert "UsageError: sim.choice cannot be called at a debugger's prompt" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")
    assert done.returncode == 1


@pytest.mark.thorough
def test_nor_does_what_is_typed_at_a_breakpoint_in_a_handler(call):
    call("run", "one.py", "--trace", "t.json", typed=["c"])
    done = call("replay", "t.json", "--exact", typed=[*DISTURBING[:8], "n", *DISTURBING[:8], "c"])
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")


def test_each_event_of_a_job_is_a_stop_and_c_leads_to_the_next(failed, call):
    stops = [
        number
        for number, entry in enumerate(failed.events)
        if getattr(entry.event, "job_id", None) == 2 or 2 in getattr(entry.event, "job_ids", ())
    ]
    start = find(failed, HandlerStarted, 2)
    typed = ["p number, sim.elapsed()", "c"] * len(stops)
    done = call("replay", "t.json", "--break-job", "2", typed=typed)
    assert len(stops) > 4
    assert list(map(int, STOPPED.findall(done.stdout))) == stops
    assert "a starts to run job 2" in done.stdout.split("(Pdb) ")[2 * stops.index(start)]
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")


@pytest.mark.thorough
def test_kinds_of_events_and_the_next_one_are_stops(failed, call):
    first, second = (find(failed, HandlerStarted, job) for job in (1, 2))
    typed = ["next_event() ;; c", "c", "c"]
    done = call("replay", "t.json", "--break-kind", "handler-st*", typed=typed)
    found = list(map(int, STOPPED.findall(done.stdout)))
    assert found == sorted({first, first + 1, second})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--break", "100000"], "there is no event 100000; the trace has events 0 to "),
        (["--break-job", "3"], "no event names job 3; the trace has jobs 1 to 2"),
        (["--break-schedule", "1"], "no event names schedule 1; the trace has no schedules"),
        (["--break-kind", "job_lost"], "no event is of kind job_lost; the trace has "),
    ],
)
def test_an_event_that_the_trace_has_not_is_bad_input(failed, call, options, said):
    done = call("replay", "t.json", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert not done.stdout


@pytest.mark.thorough
def test_debuggers_that_are_switched_off_are_told_of(failed, call):
    done = call("replay", "t.json", "--break", "3", PYTHONBREAKPOINT="0")
    assert done.returncode == 2
    assert "PYTHONBREAKPOINT=0 disables debuggers" in done.stderr


@pytest.mark.thorough
def test_another_debugger_opens_if_that_is_what_breakpoint_means(project, failed, call):
    project(
        "mine.py", "import sys\ndef ask(): print('asked of', sys._getframe(1).f_locals['number'])"
    )
    done = call("replay", "t.json", "--break", "3", PYTHONBREAKPOINT="mine.ask")
    stopped, asked = (done.stdout.index(text) for text in ("Stopped at event 3 ", "asked of 3\n"))
    assert stopped < asked
    assert "reproduced: " in done.stdout


@pytest.mark.thorough
def test_a_stop_in_a_replay_that_has_drifted_says_so(project, failed, call):
    first = find(failed, HandlerStarted, 2)
    project("one.py", PLAIN.replace("sleep(random", "sleep(1 + random"))
    last = len(failed.events) - 1
    typed = ["c"] * 2
    done = call("replay", "t.json", "--break", str(first), "--break", str(last), typed=typed)
    here, later = done.stdout.split("Stopped at event ")[1:]
    assert "recorded" not in here
    assert "drifted" not in here
    assert re.search(
        r"^The replay has drifted since event \d+: the trace has ", later, re.MULTILINE
    )
    assert "drifted-alike: " in done.stdout


@pytest.mark.thorough
def test_a_stop_at_the_very_event_that_differs_says_so(project, failed, call):
    project("one.py", PLAIN.replace('"charge"] * 2, [b"x"]', '"charge"] * 2, [b"y"]'))
    number = next(n for n, e in enumerate(failed.events) if getattr(e.event, "job_id", 0) == 1)
    done = call("replay", "t.json", "--exact", "--break", str(number), typed=["c"])
    assert "It is not the recorded event: the trace has " in done.stdout
    assert done.returncode == 3


@pytest.mark.thorough
def test_a_stop_that_the_run_does_not_come_to_is_told_of(project, failed, call):
    project(
        "one.py",
        "async def scenario(sim):\n    await sim.queries.enqueue('charge', b'x')\n    assert 0\n",
    )
    last = len(failed.events) - 1
    done = call("replay", "t.json", "--nearby", "0", "--break", str(last), "--break-job", "2")
    assert f"simqueue: the replay never came to event {last}, job 2: the run ended after event" in (
        done.stderr
    )


@pytest.mark.thorough
@pytest.mark.parametrize("typed", [["q"], []], ids=["quit", "no input"])
def test_quitting_at_an_event_ends_the_replay_without_a_verdict(failed, call, typed):
    done = call("replay", "t.json", "--break", "5", typed=typed)
    assert done.returncode == 130
    assert "reproduced" not in done.stdout
    assert done.stderr == TARGET


@pytest.mark.parametrize("leave", ["c", "q"])
def test_pdb_opens_in_the_frame_that_failed_once_the_verdict_is_known(failed, call, leave):
    done = call("replay", "t.json", "--pdb", typed=["p waited > timedelta(0)", leave])
    verdict, stop = done.stdout.index("reproduced: "), done.stdout.index("-> assert waited")
    assert verdict < stop
    assert at_prompts(done.stdout)[0] == "True"
    assert done.returncode == 1


@pytest.mark.thorough
def test_pdb_opens_nowhere_where_the_run_passes(project, failed, call):
    project("one.py", PLAIN.replace("seconds=0.1", "seconds=100"))
    done = call("replay", "t.json", "--pdb", "--nearby", "0")
    assert "(Pdb)" not in done.stdout
    assert done.returncode == 0


# --- traces of tests --------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_trace_of_a_test_has_the_same_stops(failed_test, call, plugin_args):
    trace, path = failed_test
    number = find(trace, HandlerStarted, 2)
    typed = ["p tables.jobs[2].status", "import random; random.random()", "c"]
    done = call(
        "replay", path, "--exact", "--break", str(number), typed=typed,
        PYTEST_ADDOPTS=" ".join(plugin_args),
    )  # fmt: skip
    assert f"Stopped at event {number} of " in done.stdout
    assert "(Pdb) 'picked'" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")
    assert done.returncode == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "options",
    [["--break", "5"], pytest.param(["--break-job", "2"], marks=pytest.mark.thorough)],
)
def test_quitting_in_a_replay_of_a_test_is_no_verdict_either(
    failed_test, call, plugin_args, options
):
    _, path = failed_test
    done = call("replay", path, *options, typed=["q"], PYTEST_ADDOPTS=" ".join(plugin_args))
    assert done.returncode == 130
    assert "reproduced" not in done.stdout
    assert "simqueue:" not in done.stderr


def test_pdb_opens_where_a_replayed_test_failed(failed_test, call, plugin_args):
    _, path = failed_test
    done = call(
        "replay", path, "--pdb", typed=["p waited > timedelta(0)", "q"],
        PYTEST_ADDOPTS=" ".join(plugin_args),
    )  # fmt: skip
    assert "-> assert waited" in done.stdout
    assert "(Pdb) True" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")
    assert done.returncode == 1


@pytest.mark.thorough
def test_a_test_that_cannot_be_collected_is_still_skipped_by_a_bisection(
    project, failed_test, call, plugin_args
):
    _, path = failed_test
    project("test_one.py", "import nothing_of_the_kind")
    done = call("replay", path, "--break", "5", PYTEST_ADDOPTS=" ".join(plugin_args))
    assert done.returncode == 125


# --- at a terminal ----------------------------------------------------------------------------


@pytest.fixture
def terminal():
    """Run the command line at a real terminal; returns the terminal."""
    pexpect = pytest.importorskip("pexpect")
    opened = []

    def run(*arguments, **environment):
        opened.append(
            pexpect.spawn(
                sys.executable,
                ["-m", "simqueue", *arguments],
                env={**ENVIRONMENT, **environment},
                encoding="utf-8",
                timeout=PATIENCE_S,
                dimensions=(50, 200),
            )
        )
        return opened[-1]

    yield run
    for each in opened:
        each.close(force=True)


def ends(terminal):
    """Read the rest, and return the exit status."""
    import pexpect

    terminal.expect_exact(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def test_at_a_terminal_a_person_stops_looks_interrupts_and_goes_on(failed, terminal):
    number = find(failed, HandlerStarted, 2)
    at = terminal("replay", "t.json", "--exact", "--break", str(number))
    at.expect_exact(f"Stopped at event {number} of ")
    at.expect_exact("(Pdb) ")
    at.sendline("tables.jobs")
    at.expect_exact("jobs: 2 rows")
    at.expect_exact("(Pdb) ")
    at.sendintr()
    at.expect_exact("--KeyboardInterrupt--")
    at.expect_exact("(Pdb) ")
    at.sendline("c")
    at.expect_exact("reproduced: ")
    assert ends(at) == 1


@pytest.mark.thorough
def test_at_a_terminal_the_prompt_of_a_test_is_a_person_s_too(failed_test, terminal, plugin_args):
    trace, path = failed_test
    number = find(trace, HandlerStarted, 2)
    at = terminal("replay", path, "--break", str(number), PYTEST_ADDOPTS=" ".join(plugin_args))
    at.expect_exact(f"Stopped at event {number} of ")
    at.expect_exact("(Pdb) ")
    at.sendintr()
    at.expect_exact("--KeyboardInterrupt--")
    at.expect_exact("(Pdb) ")
    at.sendline("p tables.jobs[2].status")
    at.expect_exact("'picked'")
    at.expect_exact("(Pdb) ")
    at.sendline("c")
    at.expect_exact("reproduced: ")
    assert ends(at) == 1
