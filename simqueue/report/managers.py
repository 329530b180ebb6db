"""Managers: PgQueuer's queue managers called by the names of the workers they run in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from simqueue.model import events as e
from simqueue.model.events import Entry

_FROM = re.compile(r"\bfrom manager ([0-9a-f-]{36})")


class Managers:
    """The worker of each manager of a run, as far as its log was read."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._workers: dict[str, str] = {}
        for entry in entries:
            self.read(entry)

    def read(self, entry: Entry) -> None:
        """Note the manager of a worker that becomes ready."""
        if isinstance(entry.event, e.WorkerReady):
            self._workers[entry.event.manager] = entry.worker

    def plain(self, text: str) -> str:
        """Return a text whose takeovers are from workers, where their managers are known."""
        return _FROM.sub(self._from, text)

    def _from(self, named: re.Match[str]) -> str:
        worker = self._workers.get(named[1])
        return named[0] if worker is None else f"from {worker}"
