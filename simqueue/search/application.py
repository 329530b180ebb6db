"""An application: the user's function that makes or fills a PgQueuer, and its registrations."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from simqueue.errors import TargetError
from simqueue.model.events import WorkerReady
from simqueue.search.target import load_module, relative
from simqueue.sim.applications.builders import Builder, builder_of, returns_manager
from simqueue.sim.applications.factories import Setup, is_factory
from simqueue.sim.applications.managers import scheduler_manager_of
from simqueue.sim.run import run

if TYPE_CHECKING:
    from simqueue.sim.simulation import Simulation

FUNCTION = "main"
_START_MAX = timedelta(minutes=10)
_LOOK_EACH = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class Application:
    """A factory, or a function that takes a PgQueuer; ``module`` is imported from ``root``.

    ``builder`` is set if the function takes a connection: then ``setup`` is a factory that makes
    one and calls it.
    """

    root: Path
    module: str
    function: str
    setup: Setup
    builder: Builder | None = None

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"{self.module}:{self.function}"


@dataclass(frozen=True, slots=True)
class Contents:
    """The registrations of an application.

    ``entrypoints`` are names with their concurrency limits, 0 for none; ``schedules`` are names
    with cron expressions. ``first_ticks`` is the time until the first tick of each of those.
    """

    entrypoints: tuple[tuple[str, int], ...]
    schedules: tuple[tuple[str, str], ...]
    first_ticks: timedelta


# --- finding it -------------------------------------------------------------------------------


def load_application(text: str) -> Application:
    """Find the function that ``path/file.py[:function]`` or ``package.module[:function]`` names.

    Raises:
        TargetError: there is none, or more than one and none is called ``main``, or it cannot be
            imported.
    """
    where, _, function = text.partition(":")
    if where.endswith(".py") or os.sep in where:
        path = Path(where).resolve()  # before the import, which may change the directory
        root, name = _module_at(path, text)
        sys.path.insert(0, str(root))
        module = load_module(name, text)
        _check_file(module, path, text)
    else:
        name, module = where, load_module(where, text)
        root = _root_of(module, text)
    chosen = function or _only(module, where)
    setup = getattr(module, chosen, None)
    if setup is None:
        raise TargetError(text, f"{where} has no function {chosen!r}{_offered(module, where)}")
    builder = builder_of(setup) if callable(setup) else None
    if builder is not None:
        return Application(root, name, chosen, _factory_for(builder, setup, text), builder)
    if not is_factory(setup) and not _takes_one(setup):
        raise TargetError(text, "is no function without parameters, or of one PgQueuer")
    return Application(root, name, chosen, setup)


def _factory_for(builder: Builder, setup: Setup, text: str) -> Setup:
    """Return a factory that calls a builder with the argument that it needs."""
    if builder.wanted is None:
        raise TargetError(text, builder.hint())
    try:
        return builder.factory(setup)
    except ImportError as error:
        raise TargetError(text, f"{builder.name} takes {builder.wants}: {error}") from None


def _module_at(path: Path, text: str) -> tuple[Path, str]:
    """Return the directory from which a file is imported, and its name there."""
    if not path.is_file():
        raise TargetError(
            text, "there is no such file; paths are relative to the current directory"
        )
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        root, names = root.parent, [root.name, *names]
    name = ".".join(names)
    if not all(map(str.isidentifier, names)) or names[0] in sys.stdlib_module_names:
        raise TargetError(text, f"cannot be imported as {name!r}; give the file another name")
    return root, name


def _check_file(module: ModuleType, path: Path, text: str) -> None:
    imported = Path(module.__file__ or "").resolve()
    if imported != path:
        raise TargetError(
            text, f"import {module.__name__} finds {relative(imported)} instead; rename one of them"
        )


def _root_of(module: ModuleType, text: str) -> Path:
    if module.__file__ is None:
        raise TargetError(text, "is a package without code; name one of its modules")
    depth = module.__name__.count(".") + (Path(module.__file__).name == "__init__.py")
    return Path(module.__file__).resolve().parents[depth]


def _only(module: ModuleType, where: str) -> str:
    """Return ``main``, or the name of the only function that looks like an application."""
    candidates = _candidates(module)
    if FUNCTION in vars(module):
        return FUNCTION
    if len(candidates) == 1:
        return candidates[0]
    problem = f"has {len(candidates)} of them" if candidates else "has none"
    raise TargetError(
        where,
        f"a function is wanted that makes a PgQueuer or registers with one, and the module "
        f"{problem}{_offered(module, where)}; name one as {where}:function",
    )


def _offered(module: ModuleType, where: str) -> str:
    candidates = _candidates(module)
    return f" ({', '.join(f'{where}:{name}' for name in candidates)})" if candidates else ""


def _candidates(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and _looks_so(value)
    ]


def _looks_so(function: Callable[..., Any]) -> bool:
    if builder_of(function) is not None:
        return True
    if function.__name__ == FUNCTION:
        return is_factory(function) or _takes_one(function)
    if is_factory(function):
        manager = inspect.isasyncgenfunction(inspect.unwrap(function))
        wrapped = hasattr(function, "__wrapped__")
        return (manager and wrapped) or (returns_manager(function) and not manager)
    if not _takes_one(function):
        return False
    (parameter, *_) = inspect.signature(function).parameters.values()
    return "PgQueuer" in str(parameter.annotation)


def _takes_one(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError):
        return False
    return True


# --- looking into it --------------------------------------------------------------------------


def contents_of(application: Application) -> Contents:
    """Start the application in a simulation, without any connection; return its registrations.

    Raises:
        TargetError: it does not start there, or registers nothing.
    """
    waits: list[timedelta] = []

    async def look(sim: Simulation) -> None:
        worker = sim.worker("a", application.setup)
        while worker.pq is None and worker.alive and sim.elapsed() < _START_MAX:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EACH.total_seconds())
        if worker.pq is not None:
            schedules = scheduler_manager_of(worker.pq)
            registered = [] if schedules is None else schedules.registry.values()
            waits.extend(each.next_in() for each in registered)

    played = run(look)
    ready = next(
        (each.event for each in played.events if isinstance(each.event, WorkerReady)), None
    )
    if ready is None:
        raise TargetError(
            application.name, f"does not start in a simulation: {_why(played.failure)}"
        )
    if not (ready.entrypoints or ready.schedules):
        raise TargetError(application.name, "registers neither entrypoints nor schedules")
    return Contents(ready.entrypoints, ready.schedules, max(waits, default=timedelta(0)))


def _why(failure: Any) -> str:
    if failure is None:
        late = f"it is not ready after {_START_MAX}"
        return f"{late}; a factory returns its PgQueuer, and does not run it"
    return f"{failure.message} (at {failure.where})" if failure.where else str(failure.message)
