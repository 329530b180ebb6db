"""Builders: functions that make a PgQueuer, but need a connection first.

``pgq run`` does not take one. A worker could mistake it for a function that registers handlers,
since both have one parameter: annotations distinguish them, and tell which factory to write.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from simqueue.errors import UsageError
from simqueue.sim.applications.factories import Setup

_ASYNCPG = "await asyncpg.connect()"
_ASYNCPG_POOL = "await asyncpg.create_pool()"
_PSYCOPG = "await psycopg.AsyncConnection.connect(autocommit=True)"
_DRIVERS = "pgqueuer.db"

_MANAGERS = ("PgQueuer", "QueueManager", "SchedulerManager")
_CONNECTIONS = ("conn", "pool", "driver", "dsn", "url", "queries")
"""Parts of parameter names that show that a parameter is not for a PgQueuer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The argument of a builder: how to make it, and the imports of a module that makes it."""

    expression: str
    imports: tuple[str, ...]


_FROM_ASYNCPG = Wanted(_ASYNCPG, ("import asyncpg",))
_DRIVER = Wanted(
    f"AsyncpgDriver({_ASYNCPG})",
    ("import asyncpg", f"from {_DRIVERS} import AsyncpgDriver"),
)
_WANTED: dict[tuple[str, str], Wanted] = {
    ("asyncpg", "Connection"): _FROM_ASYNCPG,
    ("asyncpg", "Pool"): Wanted(_ASYNCPG_POOL, ("import asyncpg",)),
    ("psycopg", "AsyncConnection"): Wanted(_PSYCOPG, ("import psycopg",)),
    ("pgqueuer", "AsyncpgDriver"): _DRIVER,
    ("pgqueuer", "Driver"): _DRIVER,
    ("pgqueuer", "AsyncpgPoolDriver"): Wanted(
        f"AsyncpgPoolDriver({_ASYNCPG_POOL})",
        ("import asyncpg", f"from {_DRIVERS} import AsyncpgPoolDriver"),
    ),
    ("pgqueuer", "PsycopgDriver"): Wanted(
        f"PsycopgDriver({_PSYCOPG})",
        ("import psycopg", f"from {_DRIVERS} import PsycopgDriver"),
    ),
    ("pgqueuer", "Queries"): Wanted(
        f"Queries(AsyncpgDriver({_ASYNCPG}))",
        (
            "import asyncpg",
            f"from {_DRIVERS} import AsyncpgDriver",
            "from pgqueuer.queries import Queries",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Builder:
    """A function that makes a PgQueuer from its arguments.

    ``wanted`` is the argument of its only parameter, None if that is not known.
    """

    name: str
    wants: str
    wanted: Wanted | None
    asynchronous: bool

    def call(self, name: str) -> str:
        """Return the expression with which a factory calls it as ``name``."""
        argument = "..." if self.wanted is None else self.wanted.expression
        return f"{'await ' * self.asynchronous}{name}({argument})"

    def factory(self, build: Setup) -> Setup:
        """Return a factory that makes the builder's argument, and calls the builder.

        Raises:
            ImportError: the driver is not installed.
        """
        assert self.wanted is not None  # noqa: S101  checked by the caller
        source = [*self.wanted.imports, "async def main():", f"    return {self.call('build')}"]
        names: dict[str, Any] = {"build": build}
        exec("\n".join(source), names)  # noqa: S102  what a user would write
        made: Setup = names["main"]
        return made

    def hint(self) -> str:
        """Return a description of the function, and what to write instead."""
        factory = "main" if self.name != "main" else "create_pgqueuer"
        lead = "" if self.wanted is None else f"{'; '.join(self.wanted.imports)}; "
        return (
            f"{self.name} takes {self.wants}, so it neither registers handlers with a PgQueuer nor "
            "is it a factory without parameters: write one that calls it, as "
            f"`{lead}async def {factory}(): return {self.call(self.name)}`"
        )


def builder_of(function: Callable[..., Any]) -> Builder | None:
    """Return a function as a builder if its annotations or number of parameters show that."""
    required = _required(function)
    if not required:
        return None
    hints = _annotations(function)
    annotations = [hints.get(each.name, each.empty) for each in required]
    alone = len(required) == 1
    if alone and not _needs_another(required[0].name, annotations[0], hints):
        return None
    return Builder(
        getattr(function, "__name__", repr(function)),
        _listed(required, annotations),
        _wanted(annotations[0]) if alone else None,
        inspect.iscoroutinefunction(function),
    )


def check_registers(worker: str, function: Callable[..., Any]) -> None:
    """Raise ``UsageError`` if a function is a builder, not one that registers handlers."""
    builder = builder_of(function)
    if builder is not None:
        raise UsageError(f"worker {worker!r}: {builder.hint()}")


def _listed(required: list[inspect.Parameter], annotations: list[object]) -> str:
    """Return the names of parameters with their annotations."""
    return " and ".join(
        each.name if annotation is each.empty else f"{each.name} ({_text(annotation)})"
        for each, annotation in zip(required, annotations, strict=True)
    )


def _required(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each for each in parameters if each.default is each.empty and each.kind not in variable]


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return annotations by parameter; those with unknown names as text."""
    plain = inspect.unwrap(function)
    if not isinstance(plain, type) and not inspect.isroutine(plain):
        plain = getattr(plain, "func", type(plain).__call__)
    try:
        return inspect.get_annotations(plain, eval_str=True)
    except Exception:  # noqa: BLE001  the name may exist for type checkers only
        return inspect.get_annotations(plain) if callable(plain) else {}


def returns_manager(function: Callable[..., Any]) -> bool:
    """Return whether the annotations of a function say that it makes a PgQueuer or a manager."""
    return _returns_manager(_annotations(function))


def _returns_manager(hints: dict[str, Any]) -> bool:
    return any(name in _text(hints.get("return", "")) for name in _MANAGERS)


def _needs_another(name: str, annotation: object, hints: dict[str, Any]) -> bool:
    """Return whether the only parameter of a function is for something other than a PgQueuer."""
    if annotation is inspect.Parameter.empty:
        return _returns_manager(hints) and any(part in name.lower() for part in _CONNECTIONS)
    if _wanted(annotation) is not None:
        return True
    if annotation in (Any, object) or _accepts_pgqueuer(annotation):
        return False
    builtin = isinstance(annotation, type) and annotation.__module__ == "builtins"
    return builtin or _returns_manager(hints)


def _accepts_pgqueuer(annotation: object) -> bool:
    """Return whether an annotation names a PgQueuer or a manager, or may be a protocol of one."""
    if any(name in _text(annotation) for name in _MANAGERS):
        return True
    if not isinstance(annotation, type):
        return False
    from pgqueuer import PgQueuer

    return issubclass(annotation, PgQueuer) or bool(getattr(annotation, "_is_protocol", False))


def _wanted(annotation: object) -> Wanted | None:
    return next((_WANTED[key] for key in _names(annotation) if key in _WANTED), None)


def _names(annotation: object) -> Iterator[tuple[str, str]]:
    """Yield the package and the name of a class, or of the members of a union."""
    origin = get_origin(annotation)
    if isinstance(annotation, str):
        for part in annotation.replace("|", ",").replace("[", ",").split(","):
            head, _, name = part.strip(" ]'\"").rpartition(".")
            yield from _guesses(head.partition(".")[0], name)
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _names(member)
    else:
        named = annotation if origin is None else origin
        module = str(getattr(named, "__module__", ""))
        yield module.partition(".")[0], str(getattr(named, "__name__", ""))


def _guesses(package: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the classes that a name in a text can mean; without its package, all of that name."""
    packages = {key for key, known in _WANTED if known == name}
    yield from ((each, name) for each in sorted(packages) if package in ("", each))


def _text(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return f"{annotation.__module__.partition('.')[0]}.{annotation.__qualname__}"
    return str(annotation)
