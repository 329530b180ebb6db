"""Randomness: every random number in a run follows from its seed.

Each simulated process has streams of its own, as real processes do, so that a draw in one process
does not change the draws of another.
"""

from __future__ import annotations

import _random
import _thread
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import MethodType
from typing import Any

from simqueue.sim.patching.builtin import Bound
from simqueue.sim.patching.late import OnImport
from simqueue.sim.patching.patch import Attribute, Patch, Rebind, Replace, redirects
from simqueue.sim.patching.source import Control, Scope, Source

_METHODS = tuple(
    Bound(value)
    for value in vars(random).values()
    if isinstance(value, MethodType) and value.__self__ is random._inst  # noqa: SLF001
)
"""``random.randint`` and the others that are bound to the module's own generator."""

_get_ident = _thread.get_ident


class ProcessRandom(random.Random):
    """The global generator during a run: the running process's, or the real one in other threads.

    It has no state of its own.
    """

    def __init__(self, scope: Scope, real: random.Random) -> None:
        self._thread, self._generator, self._real = scope.thread, scope.streams.generator, real

    def _target(self) -> random.Random:
        return self._generator() if _get_ident() == self._thread else self._real

    def random(self) -> float:
        """Return the next number in [0, 1)."""
        return self._target().random()

    def getrandbits(self, k: int, /) -> int:
        """Return ``k`` random bits."""
        return self._target().getrandbits(k)

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Seed the running process's generator."""
        self._target().seed(a, version)

    def getstate(self) -> tuple[Any, ...]:
        """Return the state of the running process's generator."""
        return self._target().getstate()

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Set the state of the running process's generator."""
        self._target().setstate(state)

    @property
    def gauss_next(self) -> float | None:
        """The second of a pair of Gaussian numbers, kept for the next call."""
        kept: float | None = self._target().gauss_next  # type: ignore[attr-defined]
        return kept

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        self._target().gauss_next = value  # type: ignore[attr-defined]


def _global_generator(scope: Scope) -> Iterator[Patch]:
    stand_in = ProcessRandom(scope, random._inst)  # noqa: SLF001
    for bound in _METHODS:
        yield Rebind(bound, getattr(stand_in, bound.method.__name__))
    yield from redirects(
        {
            "random.random": lambda _: stand_in.random,
            "random.getrandbits": lambda _: stand_in.getrandbits,
        }
    )
    yield Attribute(random, "_inst", stand_in)


def _own_generators(scope: Scope) -> Iterator[Patch]:
    draw, thread, original = scope.streams.draw, scope.thread, _random.Random.seed

    def seed(self: _random.Random, value: Any = None, /) -> None:
        if value is None and _get_ident() == thread:
            value = int.from_bytes(draw(32), "little")
        original(self, value)

    def initialize(self: _random.Random, value: Any = None, /) -> None:
        self.seed(value)

    yield Attribute(_random.Random, "seed", seed)
    yield Attribute(_random.Random, "__init__", initialize)


def _operating_system(scope: Scope) -> Iterator[Patch]:
    draw, thread = scope.streams.draw, scope.thread

    def drawing(original: Callable[..., bytes]) -> Callable[..., bytes]:
        def drawn(size: int, *args: Any, **kwargs: Any) -> bytes:
            if _get_ident() != thread or not isinstance(size, int) or size < 0:
                return original(size, *args, **kwargs)
            return draw(size)

        return drawn

    yield from redirects(dict.fromkeys(("posix.urandom", "posix.getrandom"), drawing))
    yield from redirects({"_ssl.RAND_bytes": drawing, "_ssl.RAND_pseudo_bytes": _pseudo(drawing)})


def _pseudo(drawing: Replace) -> Replace:
    def replace(original: Callable[..., Any]) -> Callable[..., Any]:
        drawn = drawing(original)

        def pair(size: int, /) -> Any:
            result = drawn(size)
            return result if isinstance(result, tuple) else (result, True)

        return pair

    return replace


def _temporary_names(scope: Scope) -> Iterator[Patch]:
    # Determined once in a process, before a run, since it uses random names.
    with suppress(FileNotFoundError):
        tempfile.gettempdir()
    yield Attribute(tempfile, "_name_sequence", None)


class NumpyState:
    """numpy's global generator: seeded for the run, and restored after it."""

    __slots__ = ("_before", "_numpy_random", "_scope")

    def __init__(self, scope: Scope, numpy_random: Any) -> None:
        self._scope, self._numpy_random = scope, numpy_random
        self._before: Any = None

    def install(self) -> None:
        """Seed it."""
        self._before = self._numpy_random.get_state()
        # Not drawn: other draws must not depend on whether numpy is loaded.
        self._numpy_random.seed(self._scope.streams.numpy_seed())

    def restore(self) -> None:
        """Put its state back."""
        if self._before is not None:
            self._numpy_random.set_state(self._before)
            self._before = None


def _numpy(scope: Scope) -> Iterator[Patch]:
    # numpy loads this on first use, which may be during a run.
    yield OnImport(scope.thread, "numpy.random", lambda module: (NumpyState(scope, module),))


CONTROLS = (
    Control(
        Source(
            "global-random",
            "random.random, randint, choice, seed, getstate, ...",
            "controlled",
            "one generator for each simulated process, seeded from the run's seed",
        ),
        _global_generator,
    ),
    Control(
        Source(
            "unseeded-random",
            "random.Random(), Random().seed(), both without a seed",
            "controlled",
            "seeded as from os.urandom",
        ),
        _own_generators,
    ),
    Control(
        Source(
            "system-random",
            "os.urandom, os.getrandom, secrets, random.SystemRandom, uuid.uuid4, ssl.RAND_bytes",
            "controlled",
            "one stream of bytes for each simulated process, from the run's seed",
        ),
        _operating_system,
    ),
    Control(
        Source(
            "temporary-names",
            "names of temporary files",
            "controlled",
            "drawn from the seed; a file left behind by an earlier run still takes its name",
        ),
        _temporary_names,
    ),
    Control(
        Source(
            "numpy-random",
            "numpy.random",
            "controlled",
            "the global generator is seeded before the run or as the run imports numpy, and shared "
            "by its processes; default_rng() is seeded as from os.urandom",
        ),
        _numpy,
    ),
)
