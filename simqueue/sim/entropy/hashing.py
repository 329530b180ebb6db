"""Tasks, futures and coroutines hash by number: sets of them have the same order in every process.

The hash function is set on the C types themselves, so that all subclasses of asyncio's types
inherit it. For a type of the interpreter's own its slot is written.
"""

from __future__ import annotations

import _thread
import asyncio
import asyncio.futures
import ctypes
import functools
import weakref
import zlib
from collections.abc import Callable, Iterator
from types import CoroutineType
from typing import Any

from simqueue.sim.patching.builtin import check_interpreter, strange
from simqueue.sim.patching.late import OnImport
from simqueue.sim.patching.patch import Attribute, Patch
from simqueue.sim.patching.sealed import SealedAttribute
from simqueue.sim.patching.source import Control, Scope, Source

_NUMBER = "_simqueue_number"
_HASH_OFFSET = 15 * ctypes.sizeof(ctypes.c_size_t)  # of tp_hash
_HashFunction = ctypes.PYFUNCTYPE(ctypes.c_ssize_t, ctypes.py_object)
_ACTIONS = ("PostSortRec", "_PostSortRec")
"""The base class of the actions of a SQLAlchemy flush, in its versions."""

_get_ident = _thread.get_ident
_PYTHON_FUTURE = asyncio.futures._PyFuture  # type: ignore[attr-defined]  # noqa: SLF001


def _hash(self: Any) -> int:
    """Return the number that the simulated loop gave a task or future when it was first hashed.

    Tasks and futures of other loops hash as before.
    """
    number: int = getattr(self, _NUMBER, 0)
    if not number:
        try:
            number = self.get_loop().adopt(self)
        except (AttributeError, RuntimeError):  # another loop, or none yet
            return object.__hash__(self)
        try:
            setattr(self, _NUMBER, number)
        except AttributeError:  # a subclass that takes no attributes
            return object.__hash__(self)
    return number


class _Numbers:
    """Numbers of objects, assigned when each is first hashed: when it enters its first set."""

    __slots__ = ("_count", "_of", "_thread")

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._count = 0
        self._of: dict[int, tuple[int, object]] = {}

    def hash(self, thing: Any) -> int:
        """Return an object's number; in other threads the hash that it would have otherwise."""
        if _get_ident() != self._thread:
            return object.__hash__(thing)
        address = id(thing)
        numbered = self._of.get(address)
        if numbered is None:
            self._count += 1
            # A coroutine takes no attributes, and another one may get its address later.
            numbered = (self._count, weakref.ref(thing, lambda _: self._of.pop(address, None)))
            self._of[address] = numbered
        return numbered[0]


class _Slot:
    """A hash function in the slot of a type that has no subclasses and the hash of ``object``.

    From Python 3.12 on a type of the interpreter's own takes no attributes, whatever its flags.
    """

    __slots__ = ("_callback", "_installed", "_word")

    def __init__(self, of: type, function: Callable[[Any], int]) -> None:
        self._word = _hash_word(of)
        self._callback = _HashFunction(function)
        self._installed = False

    def install(self) -> None:
        """Write the hash function into the slot."""
        self._installed = True
        self._word.value = ctypes.cast(self._callback, ctypes.c_void_p).value or _hash_of_objects()

    def restore(self) -> None:
        """Write the original function into the slot."""
        if self._installed:
            self._word.value = _hash_of_objects()
            self._installed = False


@functools.cache
def _hash_word(of: type) -> ctypes.c_size_t:
    """Return the slot of a type; checked while it still has the hash of ``object``."""
    check_interpreter()
    word = ctypes.c_size_t.from_address(id(of) + _HASH_OFFSET)
    if word.value != _hash_of_objects():
        raise strange(of)
    return word


def _hash_of_objects() -> int:
    return ctypes.c_size_t.from_address(id(object) + _HASH_OFFSET).value


def _coroutines(scope: Scope) -> Iterator[Patch]:
    numbers = _Numbers(scope.thread)

    def hash_of(coroutine: Any) -> int:
        return numbers.hash(coroutine)

    yield _Slot(CoroutineType, hash_of)


def _mapped_objects(scope: Scope) -> Iterator[Patch]:
    numbers = _Numbers(scope.thread)

    def hash_of(state: Any) -> int:
        return numbers.hash(state)

    def states(module: Any) -> Iterator[Patch]:
        yield Attribute(module.InstanceState, "__hash__", hash_of)

    def actions(module: Any) -> Iterator[Patch]:
        for name in _ACTIONS:
            if hasattr(module, name):
                yield Attribute(getattr(module, name), "__hash__", _hash_of_action)

    yield OnImport(scope.thread, "sqlalchemy.orm.state", states)
    yield OnImport(scope.thread, "sqlalchemy.orm.unitofwork", actions)


def _hash_of_action(action: Any) -> int:
    """Hash an action of a flush by its subject; the order of equal ones is that of their set."""
    name = zlib.crc32(repr(getattr(action, "sort_key", type(action).__name__)).encode())
    return hash((name, getattr(action, "state", 0)))


def _futures(_: Scope) -> Iterator[Patch]:
    yield SealedAttribute(asyncio.Future, "__hash__", _hash)
    if _PYTHON_FUTURE is not asyncio.Future:
        yield Attribute(_PYTHON_FUTURE, "__hash__", _hash)


CONTROLS = (
    Control(
        Source(
            "task-set-order",
            "order of sets of asyncio tasks and futures",
            "controlled",
            "they hash by numbers that the run gives out",
        ),
        _futures,
    ),
    Control(
        Source(
            "coroutine-set-order",
            "order of sets of coroutines: asyncio.as_completed, gather(*a_set), create_task in a "
            "loop over one",
            "controlled",
            "they hash by the order in which they were put into a set",
        ),
        _coroutines,
    ),
    Control(
        Source(
            "sqlalchemy-flush-order",
            "SQLAlchemy: the order in which a flush sends the rows of new and changed objects",
            "controlled",
            "its states hash by the order in which the run's sessions came to know them",
        ),
        _mapped_objects,
    ),
)
