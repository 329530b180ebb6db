"""Priorities: probabilistic concurrency testing, through the door of choices.

Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic
guarantees of finding bugs" (ASPLOS 2010): threads get random priorities, and at D - 1 random steps
the running thread falls behind all others. A bug that needs D orderings among n threads in k steps
is then met with a probability of at least 1 / (n * k ** (D - 1)).

Here a chain takes the place of a thread: the steps of one task of a process. Its priority is
applied as a delay of everything that it waits for, one of the delays that a run allows, so that the
bound holds for orders that such delays can bring about. Faults and the values that a scenario draws
come from the seed.
"""

from __future__ import annotations

from simqueue.choices.sources import Among, Deviations, Generator, Seeded, Values
from simqueue.model.choice_key import parse_key, spelled
from simqueue.model.delays import RUNGS

SLOWEST = RUNGS - 1
"""The priority of a demoted chain: all others begin with a higher one."""


class Priorities:
    """A source of choices that follow random priorities, lowered at random moments.

    Args:
        seed: decides the priorities and the moments; equal seeds give equal runs.
        depth: D, how many orderings a bug may need; 1 or more.
        picks: k, how many choices a run has, as counted in a calm one.

    ``moments`` are the numbers of the choices at which the chain that makes the choice is demoted.
    """

    def __init__(self, seed: int, depth: int, picks: int) -> None:
        self._seed = seed
        self._rest = Seeded(seed)
        self.moments = _moments(seed, depth - 1, picks)
        self._made = 0
        self._slowness: dict[str, int] = {}

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``: faults are the seed's, the rest obeys priorities."""
        parsed = parse_key(key)
        if parsed.nature == "fault":
            return self._rest.deviations(key)
        return _Obedient(self, parsed.chain)

    def values(self, key: str) -> Values:
        """Begin the values of ``key``; they are the seed's."""
        return self._rest.values(key)

    def step(self, chain: str) -> None:
        """Count a choice of a chain; demote the chain if this is one of the random moments."""
        if self._made in self.moments:
            self._slowness[chain] = SLOWEST
        self._made += 1

    def slowness(self, chain: str) -> int:
        """Return the priority of a chain, 0 being the highest."""
        slowness = self._slowness.get(chain)
        if slowness is None:
            slowness = Generator(self._seed, f"priority {chain}").below(SLOWEST)
            self._slowness[chain] = slowness
        return slowness


def _moments(seed: int, count: int, picks: int) -> set[int]:
    """Return ``count`` different moments of a run, or all if it has fewer."""
    generator, moments = Generator(seed, "moments"), set[int]()
    while len(moments) < min(count, picks):
        moments.add(generator.below(picks))
    return moments


class _Obedient:
    """The choices of one key, none of which is calm by itself."""

    __slots__ = ("_chain", "_priorities")

    def __init__(self, priorities: Priorities, chain: str) -> None:
        self._priorities, self._chain = priorities, chain

    def gap(self) -> int:
        return 0

    def after_gap(self, n: int, among: Among) -> int:
        self._priorities.step(self._chain)
        waiting = among.options()
        if len(waiting) > 1:
            slowness = [self._priorities.slowness(spelled(each.name)) for each in waiting]
            return slowness.index(min(slowness))
        return self._priorities.slowness(self._chain) * (n - 1) // SLOWEST
