"""Plays one seed in fresh processes, each under its own conditions."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec

from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.search.audit.set_orders import SetOrder
from simqueue.search.processes.address_space import randomized
from simqueue.search.processes.fresh import command_line, environment

RECORD_COMMAND = "_record"
"""The hidden command of a fresh process. Its arguments are the target, the seed, the config, the
trace file, and optionally a file for the orders of sets."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A run in a fresh process; ``orders`` is empty unless orders of sets were requested."""

    trace: Trace
    orders: tuple[SetOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class Recordings:
    """Plays one seed of a target in fresh processes."""

    target: str
    seed: int
    config: Config

    def record(self, hash_seed: str, *, fixed: bool = False, sets: bool = False) -> Recording:
        """Play the seed under a value of PYTHONHASHSEED.

        Args:
            hash_seed: the value of PYTHONHASHSEED.
            fixed: use the fixed addresses that the command line sets for its child processes where
                the system permits it; otherwise addresses are random.
            sets: also record the order in which sets are iterated, which is slow.

        Raises:
            UsageError: the process could not play it.
        """
        with tempfile.TemporaryDirectory(prefix="simqueue-") as directory:
            file, orders = Path(directory, "trace.json"), Path(directory, "sets.json")
            settings = msgspec.json.encode(self.config).decode()
            arguments = [RECORD_COMMAND, "--", self.target, str(self.seed), settings, str(file)]
            arguments += [str(orders)] * sets
            with nullcontext() if fixed else randomized():
                self._play(arguments, hash_seed)
            set_orders = (
                msgspec.json.decode(orders.read_bytes(), type=tuple[SetOrder, ...]) if sets else ()
            )
            return Recording(Trace.load(file), set_orders)

    def _play(self, arguments: list[str], hash_seed: str) -> None:
        done = subprocess.run(  # noqa: S603  our own interpreter and our own command
            command_line(*arguments),
            env=environment(hash_seed),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()
            raise UsageError(f"{self.target}: a fresh process could not run it: {lines[-1]}")


def decode_config(text: str) -> Config:
    """Return the config from the command line of a fresh process."""
    return msgspec.json.decode(text, type=Config)
