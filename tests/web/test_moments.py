import pytest

from simqueue.errors import UsageError
from simqueue.inspect.moments import Moments
from simqueue.model.ids import JobId
from simqueue.store import Statement, decide_aggregate, decide_heartbeat, snapshot
from simqueue.web.looking import Look


@pytest.mark.parametrize("order", ["forward", "backward", "to and fro"])
def test_a_moment_is_the_fold_of_the_log(recorded, tables_at, order):
    moments = Moments(recorded)
    numbers = list(range(0, len(recorded.events), 7))
    asked = {
        "forward": numbers,
        "backward": numbers[::-1],
        "to and fro": [each for pair in zip(numbers, numbers[::-1], strict=True) for each in pair],
    }
    for number in asked[order]:
        moment = moments.at(number)
        assert (moment.number, moment.at) == (number, recorded.events[number].at)
        assert snapshot(moment.tables) == snapshot(tables_at(number))


def test_only_a_few_moments_are_kept_and_those_of_late_stay(recorded):
    moments = Moments(recorded)
    for number in range(0, 50, 5):
        late = moments.at(number)
    assert moments.at(45) is late
    assert len(moments._kept) == 4


@pytest.mark.parametrize("number", [-1, 10**6])
def test_there_is_no_other_event(recorded, number):
    with pytest.raises(UsageError, match=f"there is no event {number}; the trace has events 0 to"):
        Moments(recorded).at(number)


def ask(decide, answer):
    return Statement("any", decide, answer)


def test_what_a_page_changes_is_seen_by_that_page_alone(recorded):
    moments = Moments(recorded)
    moment = moments.at(40)
    held = moment.tables.log.unaggregated
    assert held > 0
    look = Look(moments, moment)
    aggregate = ask(
        lambda tables, now: decide_aggregate(tables, now, guarded=False), lambda *_: None
    )
    count = ask(lambda *_: [], lambda tables, now, events: tables.log.unaggregated)
    assert look.answer(count) == held
    look.answer(aggregate)
    assert look.answer(count) == 0
    assert Look(moments, moments.at(40)).answer(count) == held


def test_now_is_the_instant_of_the_event(recorded):
    moments = Moments(recorded)
    moment = moments.at(40)
    now = ask(lambda *_: [], lambda tables, now, events: now)
    assert Look(moments, moment).answer(now) == recorded.events[40].at
    beat = ask(
        lambda tables, now: decide_heartbeat(tables, now, [JobId(7)]),
        lambda tables, now, events: tables.jobs.rows[7].heartbeat,
    )
    assert Look(moments, moment).answer(beat) == recorded.events[40].at
