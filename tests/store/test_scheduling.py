from __future__ import annotations

import pytest
from workbench import SECOND, Workbench

from simqueue.model.events import SchedulePicked
from simqueue.model.ids import Duration, Instant, ScheduleId
from simqueue.model.rows import ScheduleRow
from simqueue.store import (
    Names,
    Tables,
    decide_beat_schedules,
    decide_delete_schedules,
    decide_fetch_schedules,
    decide_insert_schedules,
    decide_release_schedules,
    decide_truncate_schedules,
    snapshot,
)

MINUTELY = "* * * * *"
STALE_AFTER = 30 * SECOND


def insert(db: Workbench, *named: str, delay: int = 10 * SECOND) -> None:
    db.run(decide_insert_schedules, [(MINUTELY, name, Duration(delay)) for name in named])


def fetch(db: Workbench, *named: str, delay: int = 60 * SECOND) -> list[int]:
    events = db.run(decide_fetch_schedules, [(MINUTELY, name, Duration(delay)) for name in named])
    return [event.schedule_id for event in events if isinstance(event, SchedulePicked)]


def row(db: Workbench, schedule: int = 1) -> ScheduleRow:
    return db.tables.schedules.rows[ScheduleId(schedule)]


def test_a_new_schedule_waits_for_its_first_tick(db: Workbench) -> None:
    db.wait(3)
    insert(db, "s", delay=SECOND)
    assert row(db) == ScheduleRow(
        ScheduleId(1), MINUTELY, "s", Instant(3), Instant(3), Instant(3), Instant(SECOND), None,
        "queued",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "delay", "next_run"),
    [
        (0, SECOND - 1, 0),
        (0, SECOND, SECOND),
        (1, SECOND - 1, SECOND),
        (999_999, 0, 0),
        (5 * SECOND, -1, 4 * SECOND),
    ],
)
def test_the_next_run_loses_its_fraction_of_a_second(
    db: Workbench, now: int, delay: int, next_run: int
) -> None:
    db.wait(now)
    insert(db, "s", delay=delay)
    assert row(db).next_run == next_run


def test_seconds_are_those_of_the_wall_clock() -> None:
    db = Workbench(Tables(Names(epoch_us=1_700_000_000_250_000)))
    insert(db, "s", delay=SECOND)
    assert row(db).next_run == SECOND - 250_000


def test_a_schedule_that_is_there_stays_as_it_is_and_burns_an_id(db: Workbench) -> None:
    insert(db, "s")
    db.wait()
    before = row(db)
    insert(db, "s", "t", "t", delay=99)
    assert row(db) == before
    insert(db, "u")
    assert list(db.tables.schedules.rows) == [1, 3, 5]


def test_one_entrypoint_may_have_two_expressions(db: Workbench) -> None:
    insert(db, "s")
    db.run(decide_insert_schedules, [("@daily", "s", Duration(0))])
    assert len(db.tables.schedules.rows) == 2


def test_a_schedule_is_claimed_at_its_tick_and_not_before(db: Workbench) -> None:
    insert(db, "s", delay=SECOND)
    db.wait(SECOND - 1)
    assert fetch(db, "s") == []
    db.wait()
    assert fetch(db, "s") == [1]


def test_a_claim_marks_the_schedule_and_sets_its_next_tick(db: Workbench) -> None:
    insert(db, "s", delay=SECOND)
    db.wait(SECOND + 5)
    events = db.run(decide_fetch_schedules, [(MINUTELY, "s", Duration(2 * SECOND))])
    assert events == [SchedulePicked(ScheduleId(1), Instant(SECOND), Instant(3 * SECOND))]
    claimed = row(db)
    assert (claimed.status, claimed.last_run) == ("picked", None)
    assert (claimed.created, claimed.updated, claimed.heartbeat) == (0, db.now, db.now)
    assert claimed.next_run == 3 * SECOND


def test_a_claimed_schedule_is_not_claimed_again_while_its_holder_is_heard(db: Workbench) -> None:
    insert(db, "s", delay=0)
    assert fetch(db, "s", delay=0) == [1]
    db.wait(STALE_AFTER)
    assert fetch(db, "s") == []
    db.run(decide_beat_schedules, [1, 9])
    db.wait(STALE_AFTER)
    assert fetch(db, "s") == []
    assert row(db).updated == STALE_AFTER


def test_a_schedule_silent_for_more_than_thirty_seconds_is_claimed_though_not_due(
    db: Workbench,
) -> None:
    insert(db, "s", delay=0)
    fetch(db, "s", delay=3600 * SECOND)
    db.wait(STALE_AFTER + 1)
    (event,) = db.run(decide_fetch_schedules, [(MINUTELY, "s", Duration(0))])
    assert isinstance(event, SchedulePicked)
    assert event.stale


def test_a_silent_schedule_that_nobody_holds_is_not_stale(db: Workbench) -> None:
    insert(db, "s", delay=3600 * SECOND)
    db.wait(STALE_AFTER * 2)
    assert fetch(db, "s") == []


def test_only_the_schedules_asked_for_are_claimed(db: Workbench) -> None:
    insert(db, "s", "t", "u", delay=0)
    assert fetch(db, "u", "s", "nowhere") == [1, 3]
    assert db.run(decide_fetch_schedules, [("@daily", "t", Duration(0))]) == []


def test_a_released_schedule_has_run_and_waits_for_its_next_tick(db: Workbench) -> None:
    insert(db, "s", delay=0)
    fetch(db, "s", delay=60 * SECOND)
    db.wait(7)
    db.run(decide_release_schedules, [1, 9])
    released = row(db)
    assert (released.status, released.last_run, released.updated) == ("queued", 7, 7)
    assert released.heartbeat == 0
    assert fetch(db, "s") == []
    db.wait(60 * SECOND)
    assert fetch(db, "s") == [1]


def test_whoever_releases_a_schedule_nobody_checks_that_it_was_claimed(db: Workbench) -> None:
    insert(db, "s")
    db.run(decide_release_schedules, [1])
    assert row(db).last_run == 0


def test_a_heartbeat_of_no_schedule_is_no_event(db: Workbench) -> None:
    assert db.run(decide_beat_schedules, [4]) == []


def test_schedules_are_deleted_by_id_or_by_entrypoint(db: Workbench) -> None:
    insert(db, "s", "t", "u", "v")
    db.run(decide_delete_schedules, [1, 9], ["u", "nowhere"])
    assert list(db.tables.schedules.rows) == [2, 4]
    insert(db, "s")
    assert list(db.tables.schedules.rows) == [2, 4, 5]


def test_truncating_deletes_every_schedule_and_the_sequence_goes_on(db: Workbench) -> None:
    insert(db, "s")
    db.run(decide_truncate_schedules)
    insert(db, "s")
    assert list(db.tables.schedules.rows) == [2]


def test_deciding_a_claim_changes_nothing(db: Workbench) -> None:
    insert(db, "s", delay=0)
    before = snapshot(db.tables)
    registered = [(MINUTELY, "s", Duration(0))]
    assert decide_fetch_schedules(db.tables, db.now, registered)
    assert snapshot(db.tables) == before
