"""Errands: requests on their way to the server and back, and their choices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simqueue.choices import Choices, Stream
from simqueue.model.choice_key import key_at
from simqueue.model.ids import EntryNumber, StatementId
from simqueue.sim.database.mishaps import Mishaps, StatementMishaps
from simqueue.sim.kernel.handles import Timer


class Network:
    """How long messages between clients and the server take, and statements in the server.

    ``mishaps`` decides what goes wrong with them.
    """

    __slots__ = ("choices", "commit_delays", "delays", "hop", "mishaps")

    def __init__(
        self,
        choices: Choices,
        hop_us: int,
        *,
        delays: tuple[int, ...],
        commit_delays: tuple[int, ...],
        mishaps: Mishaps,
    ) -> None:
        self.choices, self.hop, self.mishaps = choices, hop_us, mishaps
        self.delays, self.commit_delays = delays, commit_delays

    def delay(self, stream: Stream) -> int:
        """Pick how many microseconds one message takes."""
        return self.hop + self.delays[stream.deviate(len(self.delays))]


class Route:
    """The choices about one statement of one task: the way there and back, the commit, faults."""

    __slots__ = ("_commit", "_key", "_network", "faults", "reply", "request")

    def __init__(self, network: Network, key: str, faults: StatementMishaps | None) -> None:
        self._network, self._key, self.faults = network, key, faults
        self.request = network.choices.stream(key_at(key, "request"))
        self.reply = network.choices.stream(key_at(key, "reply"))
        self._commit: Stream | None = None

    def commit_delay(self) -> int:
        """Pick how many microseconds after its execution the statement commits."""
        # Opened when it is needed, since most statements only read.
        if self._commit is None:
            self._commit = self._network.choices.stream(key_at(self._key, "commit"))
        delays = self._network.commit_delays
        return delays[self._commit.deviate(len(delays))]


@dataclass(eq=False, slots=True)
class Errand:
    """A statement or another request on its way to the server and back.

    ``connecting``  it opens a connection for asyncpg or psycopg
    ``faults_at``   the faults of the worker to inject at each moment of the request
    ``doomed``      the connection breaks after the commit
    ``late``        how many microseconds a fault delays the commit
    ``arrived``, ``answered``  how far the server is
    ``deadline``    when the server cancels the statement
    """

    work: Any
    number: StatementId
    sent: EntryNumber
    route: Route
    incarnation: int
    answer: asyncio.Future[Any]
    connecting: bool = False
    faults_at: dict[str, list[Callable[[], None]]] | None = None
    doomed: bool = False
    late: int = 0
    arrived: bool = False
    answered: bool = False
    deadline: Timer | None = None

    def settle(self) -> None:
        """Note that the server has answered, so that no time limit applies any more."""
        self.answered = True
        if self.deadline is not None:
            self.deadline.cancel()

    def commit_delay(self) -> int:
        """Pick how many microseconds after its execution the statement commits."""
        return self.route.commit_delay() + self.late


def inject(errand: Errand, moment: str) -> None:
    """Inject the faults of the worker that were chosen for a moment."""
    for fault in (errand.faults_at or {}).get(moment, ()):
        fault()
