"""Tasks and futures that hash by number: sets of them iterate alike in every process.

The hash function is put onto asyncio's own C type, whence every subclass inherits it, whoever made
it and however long ago. CPython lets nobody set attributes of that type; the flag that says so is
cleared for the moment.
"""

from __future__ import annotations

import asyncio
import asyncio.futures
import ctypes
import functools
from collections.abc import Iterator
from typing import Any

from simqueue.sim.builtin import check_interpreter, strange
from simqueue.sim.patch import Attribute, Patch
from simqueue.sim.source import Control, Scope, Source

_NUMBER = "_simqueue_number"
_FLAGS_OFFSET = 21 * ctypes.sizeof(ctypes.c_size_t)  # of tp_flags in PyTypeObject
_IMMUTABLE_TYPE = 1 << 8
_PYTHON_FUTURE = asyncio.futures._PyFuture  # type: ignore[attr-defined]  # noqa: SLF001


def _hash(self: Any) -> int:
    """Return the number that the loop gave a task or future when it was first hashed.

    In other loops than a simulated one it hashes as before.
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


class _Hash:
    """``_hash`` in the place of the hash function that a type inherits from ``object``."""

    __slots__ = ("_installed", "_type")

    def __init__(self, of: type) -> None:
        self._type = of
        self._installed = False

    def install(self) -> None:
        """Set it."""
        self._installed = True
        self._change(lambda of: type.__setattr__(of, "__hash__", _hash))

    def restore(self) -> None:
        """Delete it again."""
        if self._installed:
            if "__hash__" in self._type.__dict__:
                self._change(lambda of: type.__delattr__(of, "__hash__"))
            self._installed = False

    def _change(self, change: Any) -> None:
        flags = _flags(self._type)
        immutable = flags.value & _IMMUTABLE_TYPE
        flags.value &= ~_IMMUTABLE_TYPE
        try:
            change(self._type)
        finally:
            flags.value |= immutable


@functools.cache
def _flags(of: type) -> ctypes.c_ulong:
    check_interpreter()
    flags = ctypes.c_ulong.from_address(id(of) + _FLAGS_OFFSET)
    if flags.value != of.__flags__:
        raise strange(of)
    return flags


def _numbers(_: Scope) -> Iterator[Patch]:
    yield _Hash(asyncio.Future)
    if _PYTHON_FUTURE is not asyncio.Future:
        yield Attribute(_PYTHON_FUTURE, "__hash__", _hash)


CONTROLS = (
    Control(
        Source(
            "order of sets of asyncio tasks and futures",
            "controlled",
            "they hash by numbers that the run gives out",
        ),
        _numbers,
    ),
)
