"""The random streams of one run: bytes and a generator for each simulated process."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b, shake_128
from struct import Struct

from simqueue.sim.patching.imports import LOCKS, importing

_IMPORTS = -1
_WORDS = Struct(f"<{len(random.Random(0).getstate()[1])}L")  # noqa: S311  only its size


class Streams:
    """The random streams of one run: bytes and a generator for each simulated process.

    A module that is imported draws from separate streams that are not part of ``state``: the next
    run of this process will not import it again.
    """

    __slots__ = ("_drawn", "_generators", "_pid", "_seed", "_thread")

    def __init__(self, seed: int, pid: Callable[[], int], thread: int) -> None:
        self._seed, self._pid, self._thread = seed, pid, thread
        self._drawn: dict[int, int] = {}
        self._generators: dict[int, random.Random] = {}

    def draw(self, size: int) -> bytes:
        """Return the running process's next ``size`` bytes."""
        process = self._process()
        count = self._drawn.get(process, 0)
        self._drawn[process] = count + 1
        return shake_128(b"%d bytes %d %d" % (self._seed, process, count)).digest(size)

    def generator(self) -> random.Random:
        """Return the generator that is the global one in the running process."""
        process = self._process()
        generator = self._generators.get(process)
        if generator is None:
            generator = self._generators[process] = random.Random()  # noqa: S311
            generator.seed(f"{self._seed} generator {process}")
        return generator

    def numpy_seed(self) -> int:
        """Return 32 bits to seed numpy's global generator with."""
        return int.from_bytes(shake_128(b"%d numpy" % self._seed).digest(4), "little")

    def state(self) -> bytes:
        """Return 16 bytes that differ when anything else was drawn or seeded."""
        summary = blake2b(digest_size=16)
        for process in sorted((self._drawn.keys() | self._generators.keys()) - {_IMPORTS}):
            summary.update(b"%d %d " % (process, self._drawn.get(process, 0)))
            generator = self._generators.get(process)
            if generator is not None:
                _, words, kept = generator.getstate()
                summary.update(_WORDS.pack(*words))
                summary.update(b"%r" % kept)
        return summary.digest()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Undo the draws of the ``with`` block afterwards."""
        drawn = self._drawn.copy()
        states = {process: each.getstate() for process, each in self._generators.items()}
        try:
            yield
        finally:
            self._drawn = drawn
            for process in list(self._generators):
                if process in states:
                    self._generators[process].setstate(states[process])
                else:
                    del self._generators[process]

    def _process(self) -> int:
        return _IMPORTS if LOCKS and importing(self._thread) else self._pid()
