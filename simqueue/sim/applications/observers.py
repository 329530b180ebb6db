"""Observers: record actions of handlers and log lines as events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from pgqueuer.core.executors import AbstractEntrypointExecutor, AbstractScheduleExecutor
from pgqueuer.domain import errors

from simqueue.model.events import (
    HandlerFinished,
    HandlerRaised,
    HandlerStarted,
    LogLine,
    TaskFailed,
)
from simqueue.model.ids import EntryNumber, JobId, ScheduleId
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.recorder import Recorder
from simqueue.sim.text.descriptions import described
from simqueue.sim.text.masking import Tidier

if TYPE_CHECKING:
    from pgqueuer.domain import models


class ObservedEntrypoint(AbstractEntrypointExecutor):
    """Runs another executor, and records when a job's handler starts and how it ends."""

    def __init__(
        self,
        inner: AbstractEntrypointExecutor,
        recorder: Recorder,
        picks: Picks,
    ) -> None:
        super().__init__(inner.parameters)
        self.inner, self._recorder, self._picks = inner, recorder, picks

    async def execute(self, job: models.Job, context: models.Context) -> None:
        """Run the job's handler under observation."""
        job_id = JobId(int(job.id))
        await _observed(
            self.inner.execute(job, context),
            self._recorder,
            self._picks.get(job_id),
            lambda: bool(context.cancellation.cancel_called),
            entrypoint=str(job.entrypoint),
            job_id=job_id,
        )


class ObservedSchedule(AbstractScheduleExecutor):
    """Runs another executor, and records when a schedule's handler starts and how it ends."""

    def __init__(self, inner: AbstractScheduleExecutor, recorder: Recorder) -> None:
        super().__init__(inner.parameters)
        self.inner, self._recorder = inner, recorder

    async def execute(self, schedule: models.Schedule, context: models.ScheduleContext) -> None:
        """Run the schedule's handler under observation."""
        schedule_id = ScheduleId(int(schedule.id))
        await _observed(
            self.inner.execute(schedule, context),
            self._recorder,
            None,
            lambda: False,
            entrypoint=str(schedule.entrypoint),
            schedule_id=schedule_id,
        )

    def get_next(self) -> datetime:
        """Return the inner executor's answer."""
        return self.inner.get_next()

    def next_in(self) -> timedelta:
        """Return the inner executor's answer."""
        return self.inner.next_in()


Picks = dict[JobId, EntryNumber]
"""The number of the entry of each job's latest pick."""


async def _observed(
    handler: Coroutine[Any, Any, None],
    recorder: Recorder,
    cause: EntryNumber | None,
    cancelled: Callable[[], bool],
    **of: Any,
) -> None:
    """Run the handler ``of`` a job or a schedule; record when it starts and how it ends.

    ``cancelled()`` returns whether its cancel scope has been cancelled.
    """
    started = recorder.say(HandlerStarted(**of), cause)
    before = CAUSE.get()
    CAUSE.set(started)
    try:
        await handler
    except BaseException as error:
        ended = HandlerRaised(
            error=described(error),
            retry=_asks_for_retry(error),
            cancelled=isinstance(error, asyncio.CancelledError) or cancelled(),
            **of,
        )
        recorder.say(ended, started)
        raise
    else:
        recorder.say(HandlerFinished(cancelled=cancelled(), **of), started)
    finally:
        CAUSE.set(before)


def _asks_for_retry(error: BaseException) -> bool:
    """Return whether the installed PgQueuer treats an error as a request for a retry."""
    unwrap = getattr(errors, "retry_request", None)
    if unwrap is not None and isinstance(error, Exception):
        return unwrap(error) is not None
    return isinstance(error, errors.RetryRequested)


class LogHandler(logging.Handler):
    """Turns records of the standard library's logging into events of the process that logs."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._tidy = Tidier()

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record's message, and its error, as an event."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  a handler must not raise into the code that logs
            message = f"{record.msg!r} does not take {record.args!r}"
        if record.exc_info and record.exc_info[1] is not None:
            message = f"{message} [{described(record.exc_info[1])}]"
        self._recorder.say(LogLine(record.name, record.levelname.lower(), self._tidy(message)))


@contextmanager
def logging_recorded(recorder: Recorder, level: str) -> Iterator[None]:
    """Record the standard library's logging as events.

    The run sets the levels, so that a program's configuration does not decide what is recorded.
    """
    root, pgqueuer = logging.getLogger(), logging.getLogger("pgqueuer")
    before = [(root, vars(root).copy()), (pgqueuer, vars(pgqueuer).copy())]
    disabled = logging.root.manager.disable
    handler = LogHandler(recorder)
    try:
        logging.disable(logging.NOTSET)
        root.addHandler(handler)
        for logger, _ in before:
            logger.setLevel(level)
            logger.disabled = False
        pgqueuer.propagate = True
        yield
    finally:
        root.removeHandler(handler)
        for logger, settings in before:
            logger.disabled, logger.propagate = settings["disabled"], settings["propagate"]
            logger.setLevel(settings["level"])
        logging.disable(disabled)


class _Lines:
    """The logger that structlog writes to: each line becomes an event."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tidy = Tidier()

    def __getattr__(self, level: str) -> Callable[[str], None]:
        def write(message: str) -> None:
            self._recorder.say(LogLine("scenario", level, self._tidy(message)))

        return write


def logger_for(recorder: Recorder) -> structlog.typing.FilteringBoundLogger:
    """Return a structlog logger whose lines are events, ``event key=value ...``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        _Lines(recorder),
        processors=[
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=False,
    )
    return logger


def on_unhandled(recorder: Recorder) -> Callable[[dict[str, Any]], None]:
    """Return a loop exception handler that records errors that no code awaited."""

    def handle(context: dict[str, Any]) -> None:
        if recorder.sealed:
            return  # an error's text may run user code, which is not watched any more
        error = context.get("exception")
        text = "" if error is None else described(error)
        task = context.get("task") or context.get("future")
        name = f" (task {task.get_name()})" if isinstance(task, asyncio.Task) else ""
        event = TaskFailed(Tidier()(f"{context.get('message', '')}{name}"), text)
        home = getattr(task, "home", None)
        if home is None:
            recorder.say(event)
        else:
            recorder.append(home.worker, event)

    return handle
