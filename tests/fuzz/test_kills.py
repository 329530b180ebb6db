"""Campaigns whose processes are killed at random moments and that are resumed.

Each comes to what one comes to that nobody disturbs. ``SIMQUEUE_FUZZED_KILLS=100`` asks for more
kills, ``SIMQUEUE_KILLS_SEED=7`` for others.
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

KILLS = int(os.environ.get("SIMQUEUE_FUZZED_KILLS", "3"))
SEED = int(os.environ.get("SIMQUEUE_KILLS_SEED", "0"))
ROOT = str(Path(__file__).parents[2])
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
COMMAND = ("fuzz", "shop.py", "--runs", "40", "--processes", "2", "--shrink-runs", "12", "--resume",
           "--json", "summary.json")  # fmt: skip


@dataclass
class Shop:
    """A directory with a campaign of its own."""

    home: Path

    def __post_init__(self):
        self.home.mkdir()
        (self.home / "shop.py").write_text(SHOP)

    def play(self, kills=(), line=None):
        """Play the campaign until it ends or is killed, and all of its processes have ended.

        The command is killed when its state has so many lines, if ``line`` is given.
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
        while line is not None and process.poll() is None:
            if self.lines() >= line:
                process.kill()
                break
            time.sleep(0.001)
        output, _ = process.communicate()
        assert os.read(ours, 1) == b""  # which ends when the last of its processes has ended
        os.close(ours)
        return process.returncode, output

    def lines(self):
        """Return how many lines the state has, those that say what is saved included."""
        states = self.home.glob(".simqueue/campaigns/*.jsonl")
        return sum(state.read_bytes().count(b"\n") for state in states)

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
    """Draws who is killed and when; ``plays`` and ``lines`` are those of a whole campaign."""

    draw: random.Random
    plays: int
    lines: int
    killed: int = 0

    def disturb(self, shop):
        """Play a campaign until it ends or its command is killed; return status and output."""
        left = max(1, self.lines - shop.lines())
        if self.draw.random() < 1 / 3:
            line = shop.lines() + self.draw.randint(1, left)
            status, output = shop.play(line=line)
            self.killed += status == -signal.SIGKILL
            return status, output
        moments = [self.draw.randint(1, 1 + self.plays * left // self.lines) for _ in range(2)]
        kills = [f"{moment}:{self.draw.choice(VICTIMS)}" for moment in moments]
        status, output = shop.play(kills[: KILLS - self.killed])
        self.killed += len(list(shop.home.glob("killed-*")))
        return status, output


def test_a_campaign_whose_processes_are_killed_comes_to_what_it_would_have_come_to(tmp_path):
    whole = Shop(tmp_path / "whole")
    status, output = whole.play()
    assert status == 1, output
    assert "became" in output  # something is shrunk
    wanted = whole.result()
    assert len(wanted[1]) == 3
    assert wanted[0]["targets"][0]["inconclusive"]
    killer = Killer(random.Random(SEED), whole.plays(), whole.lines())
    for number in itertools.count():
        shop = Shop(tmp_path / str(number))
        status = -signal.SIGKILL
        while status == -signal.SIGKILL and killer.killed < KILLS:
            status, output = killer.disturb(shop)
        lost = "is lost" in output  # killed twice
        if status == -signal.SIGKILL or lost:
            status, output = shop.play()
        assert (status, shop.result()) == (1, wanted), output
        if killer.killed >= KILLS:
            break
