"""Which events a page shows, and the gaps between them: a long log does not fit on a page whole."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from simqueue.model.events import Entry

GAP_MIN = 4
"""Fewer events in a row are shown rather than left out: a gap takes a line as well."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The events from ``first`` to ``last``, which the page leaves out; ``at`` is the last's."""

    first: int
    last: int
    at: int

    @property
    def words(self) -> str:
        """How many events are left out, and the command that lists them."""
        asked = f"simqueue show TRACE --from '#{self.first}' --until '#{self.last}' --all"
        count = self.last - self.first + 1
        return f"{count:,} events left out (#{self.first} to #{self.last}): {asked}"


class Shown:
    """The lines of a page, each an event or a gap, with a place of its own, counted from 0."""

    def __init__(self, entries: Sequence[Entry], chosen: Iterable[int]) -> None:
        self._entries = entries
        self.spans = list(_spans(sorted(set(chosen)), len(entries)))
        """The first and the last event of each line; of a line that is an event, twice the same."""
        self._firsts = [first for first, _ in self.spans]
        self._events = [first for first, last in self.spans if first == last]

    def place(self, number: int) -> int:
        """Return the place of an event, or of the gap that holds it; -1 for none."""
        return number if number < 0 else bisect_right(self._firsts, number) - 1

    def holds(self, number: int) -> bool:
        """Return whether the page shows an event itself."""
        return self.is_event(self.place(number))

    def is_event(self, place: int) -> bool:
        """Return whether a line is an event."""
        first, last = self.spans[place]
        return first == last

    def any_between(self, since: int, until: int) -> bool:
        """Return whether the page shows an event from one number to another."""
        index = bisect_left(self._events, since)
        return index < len(self._events) and self._events[index] <= until

    def lines(self) -> Iterator[Entry | Gap]:
        """Yield the lines."""
        for first, last in self.spans:
            if first == last:
                yield self._entries[first]
            else:
                yield Gap(first, last, self._entries[last].at)

    @property
    def left_out(self) -> int:
        """How many events the page does not show."""
        return len(self._entries) - len(self._events)


def _spans(chosen: list[int], size: int) -> Iterator[tuple[int, int]]:
    """Yield the lines for events in order; few events that were not chosen are shown as well."""
    after = 0
    for number in [*chosen, size]:
        if number - after >= GAP_MIN:
            yield after, number - 1
        else:
            yield from ((each, each) for each in range(after, number))
        if number < size:
            yield number, number
        after = number + 1
