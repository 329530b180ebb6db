"""Managers: a worker runs a whole PgQueuer, a QueueManager or a SchedulerManager.

``pgq run`` takes all three, and so does a worker. This module handles their differences.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, MutableMapping
from datetime import timedelta
from functools import cache
from typing import Any, TypeAlias

from pgqueuer import PgQueuer
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.types import QueueExecutionMode

from simqueue.errors import UsageError
from simqueue.model.events import WorkerReady
from simqueue.model.ids import Duration, ManagerId
from simqueue.sim.applications.observers import (
    ObservedEntrypoint,
    ObservedSchedule,
    Picks,
)
from simqueue.sim.database.pool import Pool
from simqueue.sim.kernel.recorder import Recorder

Manager: TypeAlias = PgQueuer | QueueManager | SchedulerManager
MANAGERS = (PgQueuer, QueueManager, SchedulerManager)

_US = timedelta(microseconds=1)


def queue_manager_of(manager: Manager) -> QueueManager | None:
    """Return the manager that runs jobs, or None."""
    if isinstance(manager, PgQueuer):
        return manager.qm
    return manager if isinstance(manager, QueueManager) else None


def scheduler_manager_of(manager: Manager) -> SchedulerManager | None:
    """Return the manager that runs schedules, or None."""
    if isinstance(manager, PgQueuer):
        return manager.sm
    return manager if isinstance(manager, SchedulerManager) else None


def queries_of(manager: Manager) -> Any:
    """Return the database client of a manager."""
    return manager.qm.queries if isinstance(manager, PgQueuer) else manager.queries


def check_options(worker: str, manager: Manager, options: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` if ``run`` of the manager does not take one of the options."""
    if not options:
        return
    parameters = inspect.signature(manager.run).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    unknown = [name for name in options if name not in parameters]
    if unknown:
        run, takes = f"{type(manager).__name__}.run", ", ".join(parameters) or "no options"
        raise UsageError(
            f"worker {worker!r}: {run} does not take {', '.join(unknown)}; it takes {takes}"
        )


def add_resources(worker: str, manager: Manager, resources: Mapping[str, Any]) -> None:
    """Add resources of the scenario, replacing those of the same name.

    Raises:
        UsageError: the manager's resources cannot be changed.
    """
    if not resources:
        return
    if not isinstance(manager.resources, MutableMapping):
        raise UsageError(
            f"worker {worker!r}: the resources of its {type(manager).__name__} are a "
            f"{type(manager.resources).__name__}, which cannot be changed: make it with a dict"
        )
    manager.resources.update(resources)


def observe(manager: Manager, recorder: Recorder, picks: Picks) -> None:
    """Put an observer around each executor registered so far."""
    jobs, schedules = queue_manager_of(manager), scheduler_manager_of(manager)
    if jobs is not None:
        for name, executor in list(jobs.entrypoint_registry.items()):
            jobs.entrypoint_registry[name] = ObservedEntrypoint(executor, recorder, picks)
    if schedules is not None:
        for key, each in list(schedules.registry.items()):
            schedules.registry[key] = ObservedSchedule(each, recorder)


def readiness(manager: Manager, options: Mapping[str, Any]) -> WorkerReady:
    """Return the event with the entrypoints, schedules and options that a manager will run."""
    jobs, schedules = queue_manager_of(manager), scheduler_manager_of(manager)
    pooled = isinstance(queries_of(manager).driver.connection, Pool)
    ticks = () if schedules is None else tuple(schedules.registry)
    registered = tuple((str(key.entrypoint), str(key.expression)) for key in ticks)
    if jobs is None:
        return WorkerReady(ManagerId(""), schedules=registered, pooled=pooled)
    chosen = _defaults(type(manager).run) | dict(options)
    return WorkerReady(
        ManagerId(str(jobs.queue_manager_id)),
        entrypoints=tuple(
            (str(name), executor.parameters.concurrency_limit)
            for name, executor in jobs.entrypoint_registry.items()
        ),
        schedules=registered,
        heartbeat_timeout=Duration(chosen["heartbeat_timeout"] // _US),
        dequeue_timeout=Duration(chosen["dequeue_timeout"] // _US),
        tasks_max=chosen.get("max_concurrent_tasks") or None,
        drain=chosen["mode"] is QueueExecutionMode.drain,
        pooled=pooled,
    )


@cache
def _defaults(run: Callable[..., Any]) -> dict[str, Any]:
    """Return the default options of ``run``."""
    parameters = inspect.signature(run).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}
