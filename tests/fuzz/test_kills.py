"""Campaigns whose processes are killed at random moments, and that are then resumed.

Each must end with the result of a campaign that was not disturbed. There are 3 kills with
--thorough, 1 without; ``SIMQUEUE_FUZZED_KILLS=100`` overrides both, and ``SIMQUEUE_KILLS_SEED=7``
draws others.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from simqueue.model.summary import MEASURES_TIME

SEED = int(os.environ.get("SIMQUEUE_KILLS_SEED", "0"))
ROOT = str(Path(__file__).parents[2])
RESULT, KEPT = b'"line":"run"', b'"line":"kept"'
"""Kinds of lines of a campaign's state: the result of a run, and a failure that is saved."""

VICTIMS = ("player", "parent")
"""Who is killed when runs were played so often: what plays the run, or the parent of that."""

SHOP = """
import ctypes, os

C = ctypes.CDLL(None)  # whose calls no simulation refuses
TEST = int(os.environ["TEST_PID"])

def kill(victim):
    parent = C.getppid()
    if victim == "parent" and parent not in (1, TEST):
        C.kill(parent, 9)
        while True:
            C.pause()
    C.kill(C.getpid(), 9)

def is_first(file):
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

async def scenario(sim):
    with open("plays", "a+") as plays:
        plays.write("x")
        plays.flush()
        played = plays.tell()
    for plan in os.environ["KILLS"].split():
        at, _, victim = plan.partition(":")
        if played >= int(at) and is_first("killed-" + plan):
            kill(victim)
    number = sim.choice(range(7))
    others = [sim.chance(0.3) for _ in range(6)]
    sim.sometimes("never", number > 9)
    sim.log.info("chosen", number=number)
    assert number != 2, "it is two"
    if number == 4 and any(others):
        raise ValueError("four")
    if number == 5:
        raise KeyError("five")
"""
RUNS = 24
COMMAND = ("fuzz", "shop.py", "--runs", str(RUNS), "--processes", "2", "--shrink-runs", "6",
           "--resume", "--json", "summary.json")  # fmt: skip


@dataclass
class Shop:
    """A directory with a campaign of its own."""

    home: Path

    def __post_init__(self):
        self.home.mkdir()
        (self.home / "shop.py").write_text(SHOP)

    def play(self, kills=(), lines=None, kind=RESULT):
        """Play the campaign until it ends or is killed, and all of its processes have ended.

        The command is killed when its state has so many ``lines`` of a kind, if they are given.
        """
        for file in [*self.home.glob("killed-*"), *self.home.glob("plays")]:
            file.unlink()
        environment = {"PYTHONPATH": ROOT, "TEST_PID": str(os.getpid()), "KILLS": " ".join(kills)}
        ours, theirs = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "simqueue", *COMMAND],
            cwd=self.home,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=(theirs,),
        )
        os.close(theirs)
        while lines is not None and process.poll() is None:
            if self.lines(kind) >= lines:
                process.kill()
                break
            time.sleep(0.001)
        output, _ = process.communicate()
        assert os.read(ours, 1) == b""  # which ends when the last of its processes has ended
        os.close(ours)
        return process.returncode, output

    def lines(self, kind):
        """Return how many lines of a kind the state has."""
        states = self.home.glob(".simqueue/campaigns/*.jsonl")
        return sum(state.read_bytes().count(kind) for state in states)

    def plays(self):
        """Return how often the last command played a run, to judge and to shrink included."""
        return len((self.home / "plays").read_text())

    def result(self):
        """Return the summary without what measures time, and the saved failures."""
        summary = json.loads((self.home / "summary.json").read_bytes())
        for target in summary["targets"]:
            for field in MEASURES_TIME:
                del target[field]
        files = sorted(self.home.glob(".simqueue/failures/*.json"))
        return summary, {file.name: file.read_bytes() for file in files}


@dataclass
class Killer:
    """Draws who is killed and when; ``whole`` is a campaign that nobody disturbed."""

    draw: random.Random
    whole: Shop
    turns: int = 0
    killed: int = 0

    def disturb(self, shop):
        """Play a campaign until it ends or its command is killed; return status and output."""
        kind = (None, RESULT, KEPT)[self.turns % 3]
        self.turns += 1
        if kind is None:
            return self.disturb_players(shop)
        done, end = shop.lines(kind), self.whole.lines(kind)
        lines = self.draw.randint(done + 1, max(done + 1, end - 1))
        status, output = shop.play(lines=lines, kind=kind)
        self.killed += status == -signal.SIGKILL
        return status, output

    def disturb_players(self, shop):
        """Kill processes, one or two, while they play; the first time a process of the command."""
        if self.turns == 1:
            plans = [f"{self.draw.randint(1, RUNS // 2)}:player"]
        else:
            left = self.whole.lines(RESULT) - shop.lines(RESULT)
            last = max(1, self.whole.plays() * left // RUNS)
            plans = [f"{self.draw.randint(1, last)}:{self.draw.choice(VICTIMS)}" for _ in range(2)]
        status, output = shop.play(plans)
        self.killed += len(list(shop.home.glob("killed-*")))
        return status, output


def test_a_campaign_whose_processes_are_killed_comes_to_what_it_would_have_come_to(
    tmp_path, thorough
):
    kills = thorough(3, 1, "SIMQUEUE_FUZZED_KILLS")
    whole = Shop(tmp_path / "whole")
    status, output = whole.play()
    assert status == 1, output
    assert "became" in output  # something is shrunk
    wanted = whole.result()
    assert len(wanted[1]) == 3
    assert wanted[0]["targets"][0]["inconclusive"]
    # Each failure as found and as shrunk, and before that perhaps as a later run found it.
    assert 6 <= whole.lines(KEPT) <= 9
    killer = Killer(random.Random(SEED), whole)
    for number in itertools.count():
        shop = Shop(tmp_path / str(number))
        status = -signal.SIGKILL
        while status == -signal.SIGKILL and killer.killed < kills:
            status, output = killer.disturb(shop)
        lost = "is lost" in output  # killed twice
        if status == -signal.SIGKILL or lost:
            status, output = shop.play()
        assert (status, shop.result()) == (1, wanted), output
        if killer.killed >= kills:
            break
