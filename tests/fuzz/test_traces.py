"""Traces whose structure was edited and whose checksum was set right again, over every command.

A trace is somebody else's file: it is refused in one line that names it, or shown; no command ends
in a traceback, uses 500 MB more than before it or 5 seconds of processor time, or touches a file
but the one that is named after -o. There are 500 files, of which the short run takes a fifth;
``SIMQUEUE_FUZZED_TRACES=10000`` makes more.
"""

import asyncio
import contextlib
import json
import os
import tempfile
import textwrap
from pathlib import Path

import pytest
from commands import called
from limits import bounded, tree
from structure import edited

import simqueue
from simqueue.adapter.installed import names_in_force
from simqueue.errors import TraceFormatError
from simqueue.model import trace as tracefile
from simqueue.model.trace import Trace
from simqueue.search.target import load_target
from simqueue.store import fold

FILES = int(os.environ.get("SIMQUEUE_FUZZED_TRACES", "500"))
PARTS = 10
SHORT = 2
"""How many of the parts the short run takes; each goes over every command."""

STATUSES = {0, 1, 2, 3, 4, 125}
LINE_MAX = 1_500
SHOP = """
    import asyncio
    from datetime import timedelta

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("mail", concurrency_limit=2)
            async def mail(job):
                await asyncio.sleep(sim.random.uniform(0.1, 2))
                if job.payload == b"bad":
                    raise ValueError("bad mail")

            @pq.entrypoint("charge", on_failure="hold")
            async def charge(job):
                raise RuntimeError("no money")

            @pq.schedule("sweep", "* * * * *")
            async def sweep(schedule):
                await asyncio.sleep(0.5)

        worker = sim.worker("a", app, batch_size=2)
        await sim.queries.enqueue(["mail"] * 2, [b"bad", None], [0] * 2, dedupe_key=["k", None])
        await sim.queries.enqueue("charge", b"1", 0)
        await asyncio.sleep(61)
        worker.crash()
        worker.restart()
        await asyncio.sleep(2)
        raise AssertionError("job 1 is late")
"""
READING = [
    ("show", "t.json"),
    ("show", "t.json", "--all"),
    ("show", "t.json", "--json"),
    ("show", "t.json", "--at", "9"),
    ("report", "t.json", "-o", "out"),
    ("report", "t.json", "--events", "20", "-o", "out"),
    ("export", "t.json", "--format", "perfetto"),
    ("export", "t.json", "--format", "otlp", "-o", "out"),
    ("export", "t.json", "--format", "jsonl"),
    ("diff", "t.json", "whole.json"),
    ("accept", "t.json", "--reason", "x", "--known", "out"),
]
PLAYING = [
    ("replay", "t.json", "--nearby", "1"),
    ("shrink", "t.json", "--runs", "3", "-o", "out"),
    ("diff", "t.json", "--runs", "3", "-o", "out"),
    ("show", "t.json", "--inevitable", "--runs", "3"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A directory with a scenario and one of its traces, and two documents to edit."""
    home = tmp_path_factory.mktemp("shop") / "deep" / "home"
    home.mkdir(parents=True)
    (home.parent / "tmp").mkdir()
    (home.parent.parent / "mine.txt").write_text("mine")
    (home / "shop.py").write_text(textwrap.dedent(SHOP))
    with contextlib.chdir(home):
        target = load_target("shop.py")
        documents = []
        for seed, faults in ((1, "none"), (2, "production")):
            config = simqueue.Config(faults=simqueue.Faults.named(faults))
            run = simqueue.run(target.scenario, seed=seed, config=config, target=target.name)
            assert len(run.trace.events) > 200
            assert run.trace.choices
            run.trace.save("whole.json")
            documents.append(json.loads(tracefile.encode(run.trace)))
    return home, documents


@pytest.fixture
def inside(shop, monkeypatch):
    """Be in that directory, with temporary files beside it."""
    home, _ = shop
    monkeypatch.chdir(home)
    monkeypatch.setattr(tempfile, "tempdir", str(home.parent / "tmp"))
    monkeypatch.setenv("TMPDIR", tempfile.tempdir)


def others():
    """Return the files around, besides the one that commands are told to write."""
    here = Path.cwd()
    return tree(here.parent.parent, [here / "out"])


def refusal(words, complained):
    """Return what is wrong with what a command says when it refuses a file."""
    lines = [line for line in complained.splitlines() if not line.startswith("Target: ")]
    if len(lines) != 1 or len(lines[0]) > LINE_MAX:
        return "not one short line"
    return "" if lines[0].startswith("simqueue: ") and "t.json" in lines[0] else "names no file"


def check(words, *, refused, before):
    Path("out").unlink(missing_ok=True)
    with bounded():
        status, said, complained = called(*words)
    where = f"{words} ended with {status}: {complained[:500]}"
    assert status in STATUSES, where
    assert "Traceback" not in complained, where
    assert "MemoryError" not in said + complained, where
    assert not refused or (status == 2 and not said), where
    if status == 2 and "there is no event" not in complained:
        assert not refusal(words, complained), f"{refusal(words, complained)}: {where}"
    assert others() == before, words
    assert {"-o", "--known"}.intersection(words) or not Path("out").exists(), words


def loaded():
    try:
        return Trace.load("t.json")
    except TraceFormatError:
        return None


@pytest.mark.parametrize(
    "part",
    [*range(SHORT), *(pytest.param(n, marks=pytest.mark.thorough) for n in range(SHORT, PARTS))],
)
@pytest.mark.usefixtures("inside")
def test_every_command_refuses_an_edited_trace_in_one_line_or_shows_it(part, shop):
    _, documents = shop
    outcomes = set()
    for seed in range(part, FILES, PARTS):
        Path("t.json").write_bytes(edited(documents[seed % 2], seed))
        trace, turn = loaded(), seed // PARTS
        outcomes.add(trace is None)
        commands = [READING[turn % len(READING)], PLAYING[turn % len(PLAYING)]]
        if trace is not None:
            # What is not refused folds, which is what every reader of tables relies on.
            fold(names_in_force(trace.config.epoch_us), trace.events)
            commands += [READING[(turn + more) % len(READING)] for more in (3, 6)]
            commands[1:2] = commands[1:2] if turn % 3 == 0 else []
        before = others()
        for words in commands:
            check(words, refused=trace is None, before=before)
    assert outcomes == {True, False}  # the edits are neither all harmless nor all fatal


# --- pages ----------------------------------------------------------------------------------------


async def page(site, path):
    """Ask a site for a page; return its status and its text."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", b"127.0.0.1")], "root_path": "",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": None, "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    await site(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], body.decode()


@pytest.mark.usefixtures("inside")
def test_each_page_of_a_trace_that_is_not_refused_can_be_shown(shop):
    pytest.importorskip("fastapi", reason="the dashboard needs simqueue[web]")
    pytest.importorskip("pgqueuer.adapters.web.routes", reason="this PgQueuer has no dashboard")
    from simqueue.web.serving import site_of

    _, documents = shop
    shown = 0
    for seed in range(FILES // 10):
        Path("t.json").write_bytes(edited(documents[seed % 2], seed))
        trace = loaded()
        if trace is None or not trace.events:
            continue
        site, start = site_of(trace)
        for number in {0, len(trace.events) // 2, start}:
            for path in (f"/at/{number}/", f"/at/{number}/schedules", f"/event/{number}"):
                status, text = asyncio.run(page(site, path))
                assert status == 200, (seed, path, status, text[-500:])
                shown += 1
    assert shown > FILES // 10
