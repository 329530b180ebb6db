"""Tasks and futures that hash by number: sets of them iterate alike in every process.

The hash function is put onto asyncio's own C type, whence every subclass inherits it, whoever made
it and however long ago.
"""

from __future__ import annotations

import asyncio
import asyncio.futures
from collections.abc import Iterator
from typing import Any

from simqueue.sim.patch import Attribute, Patch
from simqueue.sim.sealed import SealedAttribute
from simqueue.sim.source import Control, Scope, Source

_NUMBER = "_simqueue_number"
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


def _numbers(_: Scope) -> Iterator[Patch]:
    yield SealedAttribute(asyncio.Future, "__hash__", _hash)
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
