"""``git bisect run simqueue replay trace.json`` finds the commit that brought a bug in."""

import os
import subprocess
import sys

import pytest

import simqueue
from simqueue.search.target import load_target

BEFORE = """\
import asyncio


async def scenario(sim):
    paid = []

    def app(pq):
        @pq.entrypoint("pay")
        async def pay(job):
            if job.id not in paid:
                await asyncio.sleep(0.05)
                paid.append(job.id)

    worker = sim.worker("w", app)
    await sim.queries.enqueue("pay", None)
    await asyncio.sleep(sim.choice([0.2, 0.03, 0.01]))
    worker.crash()
    await asyncio.sleep(sim.choice([1, 2]))
    assert paid, "nobody paid"
"""
HURRIED = "    await asyncio.sleep(sim.choice([0.2, 0.03, 0.01]))\n"
PATIENT = "    await asyncio.sleep(20)\n    sim.choice([0.2, 0.03, 0.01])\n"

ENTRYPOINT = """\
        @pq.entrypoint("greet")
        async def greet(job):
            pass

"""
COMMITS = (
    ("a shop", "", ""),
    ("say what is paid", "paid = []", "paid: list[int] = []"),
    ("an entrypoint more", "    def app(pq):\n", f"    def app(pq):\n{ENTRYPOINT}"),
    ("does not even load", "import asyncio\n", "import asyncio, no_such_module\n"),
    ("does not load yet", "", ""),
    ("load again", "import asyncio, no_such_module\n", "import asyncio\n"),
    ("the bug", PATIENT, HURRIED),
    ("say so", "    paid.append", '    sim.log.info("paid")\n                paid.append'),
)


@pytest.fixture
def git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def call(*words):
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
        return done.stdout

    call("init", "--quiet", "--initial-branch=main")
    return call


def failure_of(path):
    scenario = load_target(path).scenario
    runs = (simqueue.run(scenario, seed=seed, target=f"{path}:scenario") for seed in range(100))
    return next(run.trace for run in runs if run.failure is not None)


def test_bisect_finds_the_commit_that_brought_the_bug_in(git, tmp_path, project):
    text = BEFORE.replace(HURRIED, PATIENT)
    for message, old, new in COMMITS:
        assert old in text
        text = text.replace(old, new)
        (tmp_path / "shop.py").write_text(text)
        git("add", "shop.py")
        git("commit", "--quiet", "--allow-empty", "--message", message)
    failure_of("shop.py").save("trace.json")
    git("bisect", "start", "HEAD", "HEAD~7")
    said = git("bisect", "run", sys.executable, "-m", "simqueue", "replay", "trace.json")
    assert "is the first bad commit" in said
    assert git("show", "--no-patch", "--format=%s", "refs/bisect/bad").strip() == "the bug"
    skipped = git("for-each-ref", "--format=%(subject)", "refs/bisect/skip-*").splitlines()
    assert skipped
    assert {"does not even load", "does not load yet"}.issuperset(skipped)
