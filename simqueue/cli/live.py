"""Events on the terminal while they happen, through structlog."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simqueue.terminal import line_logger

if TYPE_CHECKING:
    from simqueue.model.events import AnyEvent, Entry


def printer() -> Callable[[int, Entry], None]:
    """Return a watcher that prints each event: its time, text, worker, number and cause."""
    from simqueue.report.managers import Managers
    from simqueue.report.units import moment
    from simqueue.report.words import words

    logger = line_logger()
    managers = Managers()

    def show(number: int, entry: Entry) -> None:
        managers.read(entry)
        fields: dict[str, Any] = {"worker": entry.worker, "number": number}
        if entry.cause is not None:
            fields["cause"] = entry.cause
        level = _level(entry.event)
        at = f"{moment(entry.at):>13}"
        logger.info(managers.plain(words(entry.event)), timestamp=at, level=level, **fields)

    return show


def _level(event: AnyEvent) -> str:
    from simqueue.model import events as e

    match event:
        case e.LogLine(_, level):
            return level
        case e.InvariantBroken() | e.TaskFailed():
            return "error"
        case e.HandlerRaised() | e.StatementFailed() | e.WorkerCrashed() | e.PoolExhausted():
            return "warning"
        case e.JobsBeat() | e.SchedulesBeat() | e.StatementSent() | e.StatementReplied():
            return "debug"
        case _:  # all others are ordinary
            return "info"
