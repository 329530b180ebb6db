"""The event log of a run: whatever is packed comes back as it was."""

import copy
import pickle

import msgspec
import pytest

from simqueue.model import events as e
from simqueue.model import log as module
from simqueue.model.events import Entry
from simqueue.model.log import Log

BLOCK, RECENT_MIN, RECENT_MAX = 64, 512, 1_024
SIZE = RECENT_MAX + 100 * BLOCK + 17


def entry(number):
    kinds = (
        e.StatementSent(number, "a", "dequeue"),
        e.JobEnqueued(number, "charge", 0, 100, b"\x00\xff"),
        e.JobsBeat((number, number + 1)),
        e.LogLine("app", "INFO", "é"),
    )
    cause = number // 2 if number % 3 else None
    return Entry(100 * number, "ab"[number % 2], kinds[number % 4], cause, cause and 5)


@pytest.fixture(autouse=True, scope="module")
def short_memory():
    """Let a log keep few entries as objects, and few blocks unpacked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", BLOCK)
        patch.setattr(module, "RECENT_MIN", RECENT_MIN)
        patch.setattr(module, "RECENT_MAX", RECENT_MAX)
        patch.setattr(module, "_OPEN_MAX", 3)
        yield


@pytest.fixture(scope="module")
def entries():
    return [entry(number) for number in range(SIZE)]


@pytest.fixture(scope="module")
def log(entries):
    return filled(entries)


def filled(entries):
    log = Log()
    for each in entries:
        log.append(each)
    return log


def test_a_long_log_is_the_entries_it_was_given(log, entries):
    assert len(log) == SIZE
    assert list(log) == entries
    assert list(reversed(log)) == entries[::-1]
    assert log == tuple(entries)
    assert tuple(entries) == log
    assert log != tuple(entries[:-1])
    assert log != (*entries[:-1], entries[0])


def test_entries_are_found_by_their_numbers_and_in_slices(log, entries):
    ends = (0, 1, BLOCK - 1, BLOCK, SIZE - RECENT_MIN - BLOCK, SIZE - 1, -1, -SIZE)
    for number in (*ends, *range(0, SIZE, 37)):
        assert log[number] == entries[number]
    for part in (slice(0, 3), slice(BLOCK - 2, BLOCK + 2), slice(-2, None), slice(9, 3, -2)):
        assert log[part] == tuple(entries[part])
    for number in (SIZE, -SIZE - 1):
        with pytest.raises(IndexError):
            log[number]


def test_most_of_a_long_log_is_bytes_and_of_a_short_one_nothing(log, entries):
    packed = len(pickle.dumps(log))
    assert packed < len(msgspec.msgpack.encode(entries)) * 0.75
    short = filled(entries[: RECENT_MAX - 1])
    assert short.whole() == tuple(entries[: RECENT_MAX - 1])
    assert type(short.whole()) is tuple
    assert log.whole() is log


def test_an_entry_that_bytes_would_not_give_back_is_kept_as_it_is(entries):
    huge = Entry(10**30, "a", e.LoopBlocked(10**40))
    again = [*entries[:5], huge, *entries[6:]]
    log = filled(again)
    assert log[5] == huge
    assert list(log) == again


def test_a_copy_of_a_log_is_equal_to_it(log):
    assert pickle.loads(pickle.dumps(log)) == log
    assert copy.copy(log) == log
    assert hash(pickle.loads(pickle.dumps(log))) == hash(log)
