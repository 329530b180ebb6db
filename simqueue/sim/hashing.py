"""Tasks and futures that hash by number: sets of them iterate alike in every process."""

from __future__ import annotations

import asyncio
import asyncio.futures
import asyncio.tasks
from collections.abc import Iterator
from typing import Any

from simqueue.sim.patch import Attribute, Patch
from simqueue.sim.source import Control, Scope, Source

_IMMUTABLE_TYPE, _HEAP_TYPE = 1 << 8, 1 << 9
_NUMBER = "_simqueue_number"
_FUTURE, _TASK = asyncio.Future, asyncio.Task
_ROOTS = (_FUTURE, asyncio.futures._PyFuture, asyncio.tasks._PyTask)  # type: ignore[attr-defined]  # noqa: SLF001


class _StandIn(type(_FUTURE)):  # type: ignore[misc]
    """Makes ``isinstance(x, asyncio.Task)`` mean what it says while that name is replaced."""

    def __instancecheck__(cls, instance: object) -> bool:
        plain = cls.__dict__.get("STANDS_FOR")
        return isinstance(instance, plain) if plain else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        plain = cls.__dict__.get("STANDS_FOR")
        return issubclass(subclass, plain) if plain else super().__subclasscheck__(subclass)


def _hash(self: Any) -> int:
    """Return the number a task or future was given when it was first hashed."""
    number: int = getattr(self, _NUMBER, 0)
    if not number:
        number = _number(self)
        setattr(self, _NUMBER, number)
    return number


class NumberedFuture(_FUTURE, metaclass=_StandIn):  # type: ignore[valid-type, misc]
    """A future that hashes by a number of its loop's, taken when it is first hashed.

    Not when it is made: hardly any future is ever hashed, and each step of a program makes one.
    """

    STANDS_FOR = _FUTURE
    __hash__ = _hash


class NumberedTask(_TASK, metaclass=_StandIn):  # type: ignore[valid-type, misc]
    """A task that hashes by a number of its loop's; whoever makes one names it."""

    STANDS_FOR = _TASK
    __hash__ = _hash


class NamedTask(NumberedTask):
    """What ``asyncio.Task`` is during a run: a task that is named after a number of its loop's."""

    STANDS_FOR = _TASK

    def __init__(self, coro: Any, *, loop: Any = None, name: Any = None, **options: Any) -> None:
        if name is None:
            home = asyncio.get_running_loop() if loop is None else loop
            next_number = getattr(home, "next_number", None)
            name = None if next_number is None else f"Task-{next_number()}"
        super().__init__(coro, loop=loop, name=name, **options)


def _number(thing: Any) -> int:
    """Return the next number of a simulated loop; in other loops what hashes as before."""
    try:
        number: int = thing.get_loop().next_number()
    except AttributeError:
        return object.__hash__(thing)
    return number


def _subclasses(root: type) -> Iterator[type]:
    found: list[type] = type.__subclasses__(root)
    for subclass in found:
        yield subclass
        yield from _subclasses(subclass)


def _names(_: Scope) -> Iterator[Patch]:
    for module in (asyncio, asyncio.futures):
        yield Attribute(module, "Future", NumberedFuture)
    for module in (asyncio, asyncio.tasks):
        yield Attribute(module, "Task", NamedTask)
    for root in _ROOTS:
        for subclass in _subclasses(root):
            inherited: Any = subclass.__hash__
            if inherited is object.__hash__ and _can_change(subclass):
                yield Attribute(subclass, "__hash__", _hash)
    factory = getattr(asyncio, "eager_task_factory", None)
    for cell in getattr(factory, "__closure__", None) or ():
        if cell.cell_contents is _TASK:
            yield Attribute(cell, "cell_contents", NamedTask)


def _can_change(owner: type) -> bool:
    """Return whether attributes of a class can be set, as those of asyncio's C types cannot."""
    return bool(owner.__flags__ & _HEAP_TYPE) and not owner.__flags__ & _IMMUTABLE_TYPE


CONTROLS = (
    Control(
        Source(
            "order of sets of asyncio tasks and futures",
            "controlled",
            "they hash by the order of their creation",
        ),
        _names,
    ),
)
