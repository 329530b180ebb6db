"""Settling: waits until the queue has no more work, and names the jobs left if that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from simqueue.errors import SettleTimeoutError
from simqueue.model.epoch import datetime_of
from simqueue.model.events import HandlerRaised
from simqueue.model.ids import Status
from simqueue.model.rows import JobRow
from simqueue.sim.world import World

_SHOWN = 10


async def settle(world: World, timeout: timedelta, statuses: tuple[Status, ...]) -> None:  # noqa: ASYNC109
    """Wait until no job has one of these statuses.

    Raises:
        SettleTimeoutError: some jobs still had one after ``timeout`` of virtual time.
    """
    jobs = world.server.tables.jobs
    quiet = asyncio.get_running_loop().create_future()

    def look() -> None:
        if not (quiet.done() or any(map(jobs.count, statuses))):
            quiet.set_result(None)

    look()
    try:
        with world.server.after_commit(look):
            if world.judge.view.calm_since is None:
                await asyncio.wait({quiet}, timeout=timeout.total_seconds())
                if not quiet.done():
                    world.injector.heal()
            await asyncio.wait_for(quiet, timeout.total_seconds())
    except TimeoutError:
        world.judge.overdue()  # a failure of an invariant says more
        raise SettleTimeoutError(timeout.total_seconds(), _remaining(world, statuses)) from None


def _remaining(world: World, statuses: tuple[Status, ...]) -> str:
    """Return which jobs are left, and the state of each."""
    rows = [row for row in world.server.tables.jobs.rows.values() if row.status in statuses]
    shown = [f"job {row.id} ({row.entrypoint}) is {_state(world, row)}" for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        shown.append(f"and {len(rows) - _SHOWN} more")
    return "; ".join([", ".join(shown), *_nobody(world, rows)])


def _state(world: World, row: JobRow) -> str:
    """Return a job's status, with the time until which it is deferred or the reason it is held."""
    match row.status:
        case "failed":
            return f"held (failed){_reason(world, row)}"
        case "queued" if row.execute_after > world.scheduler.now:
            due = datetime_of(world.core.epoch_us + row.execute_after)
            return f"deferred until {due:%Y-%m-%d %H:%M:%S}"
        case status:  # partial on purpose: the others need no explanation
            return status


def _reason(world: World, row: JobRow) -> str:
    """Return the last error of a job's handler."""
    for entry in reversed(world.recorder.entries):
        if isinstance(entry.event, HandlerRaised) and entry.event.job_id == row.id:
            return f": {entry.event.error}"
    return ""


def _nobody(world: World, rows: list[JobRow]) -> Iterator[str]:
    """Yield the reasons why no worker can run the jobs."""
    views = world.judge.view.workers.values()
    registered = {name for worker in views for name in worker.entrypoints}
    if any(worker.ready is not None for worker in views):
        waiting = sorted({row.entrypoint for row in rows if row.status != "failed"} - registered)
        yield from (f"no worker registers {name!r}" for name in waiting)
    workers = world.workers.values()
    if workers and not any(worker.alive for worker in workers):
        ends = ", ".join(f"{worker.name} ended: {worker.exit}" for worker in workers)
        yield f"no worker is up ({ends})"
