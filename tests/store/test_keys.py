from __future__ import annotations

from bisect import bisect_left, insort

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simqueue.store.keys import ID_BITS, SortedKeys, job_of

KEYS = st.integers(-40, 40)


class AgainstAPlainList(RuleBasedStateMachine):
    """Does to sorted keys what it does to a sorted list."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = SortedKeys()
        self.plain: list[int] = []

    @rule(key=KEYS)
    def add(self, key: int) -> None:
        if key not in self.plain:
            self.keys.add(key)
            insort(self.plain, key)

    @rule(key=KEYS, count=st.integers(1, 1500))
    def add_a_run(self, key: int, count: int) -> None:
        fresh = sorted(set(range(key, key + count)) - set(self.plain))
        self.keys.update(fresh)
        self.plain = sorted(self.plain + fresh)

    @rule(keys=st.sets(st.integers(-2000, 2000), max_size=40))
    def update(self, keys: set[int]) -> None:
        fresh = sorted(keys - set(self.plain))
        self.keys.update(fresh)
        self.plain = sorted(self.plain + fresh)

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        key = self.plain.pop(data.draw(st.integers(0, len(self.plain) - 1)))
        self.keys.discard(key)

    @rule(count=st.integers(1, 400))
    def discard_from_the_front(self, count: int) -> None:
        for key in self.plain[:count]:
            self.keys.discard(key)
        del self.plain[:count]

    @rule(bound=st.integers(-100, 1600))
    def pop_below(self, bound: int) -> None:
        at = bisect_left(self.plain, bound)
        assert self.keys.pop_below(bound) == self.plain[:at]
        del self.plain[:at]

    @rule(bound=st.integers(-100, 1600))
    def look(self, bound: int) -> None:
        at = bisect_left(self.plain, bound)
        assert list(self.keys.below(bound)) == self.plain[:at]
        assert self.keys.from_on(bound) == (self.plain[at] if at < len(self.plain) else None)

    @invariant()
    def they_hold_the_same(self) -> None:
        assert list(self.keys) == self.plain
        assert len(self.keys) == len(self.plain)
        assert self.keys.first() == (self.plain[0] if self.plain else None)


AgainstAPlainList.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestAgainstAPlainList = AgainstAPlainList.TestCase


def test_a_key_that_is_not_there_cannot_be_discarded() -> None:
    keys = SortedKeys()
    keys.update([1, 3])
    with pytest.raises(KeyError):
        keys.discard(2)


def test_a_set_that_was_emptied_can_be_filled_again() -> None:
    keys = SortedKeys()
    keys.add(1)
    keys.discard(1)
    assert keys.first() is None
    assert keys.from_on(0) is None
    keys.add(2)
    assert list(keys) == [2]


@given(st.integers(-(2**40), 2**40), st.integers(1, 2**ID_BITS - 1))
def test_a_key_tells_its_job_whatever_the_rank(rank: int, job: int) -> None:
    assert job_of((rank << ID_BITS) + job) == job
