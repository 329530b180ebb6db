import msgspec
import pytest
from applications import busy_shop, deduplicated, impatient

from simqueue.adapter.installed import names_in_force
from simqueue.inspect.row_changes import table_changes
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.rows import JobRow, LogRow, ScheduleRow, StatisticsRow
from simqueue.sim.run import run
from simqueue.store import Tables, apply

MANAGER = "11111111-1111-1111-1111-111111111111"
WIDE = [
    e.JobEnqueued(1, "charge", 0, 100, b"x"),
    e.JobEnqueued(2, "mail", 0, 100),
    e.JobEnqueued(3, "mail", 0, 100, dedupe_key="k"),
    e.JobDeduplicated(4, 3, "k"),
    e.JobReprioritized(5, 3, 7),
    e.IdsBurned("log", 3),
    e.ScheduleInserted(1, "* * * * *", "sweep", 60_000_000),
    e.ScheduleKept(2, 1),
    e.SchedulePicked(1, 60_000_000, 120_000_000),
    e.SchedulesBeat((1,)),
    e.JobPicked(1, MANAGER),
    e.JobsBeat((1,)),
    e.JobLogged(1, "exception", "charge", 0, traceback="{}"),
    e.JobLogged(1, "exception", "charge", 0, traceback="{}"),  # a batch that named it twice
    e.LogsAggregated(6),
    e.JobPicked(2, MANAGER),
    e.JobRetried(2, 5_000),
    e.JobPicked(2, MANAGER),
    e.JobLogged(2, "failed", "mail", 0),
    e.JobRequeued(2),
    e.LogsAggregated(1, below=11, buckets=((("mail", 0, "picked", 0), 1),)),
    e.LogCleared(("mail",)),
    e.StatisticsCleared(("charge",)),
    e.JobDeleted(2),
    e.ScheduleReleased(1),
    e.ServerCrashed(("log",)),
    e.JobEnqueued(40, "charge", 0, 100),
    e.QueueTruncated(),
    e.LogCleared(),
    e.ScheduleDeleted(1),
    e.ScheduleInserted(9, "* * * * *", "sweep", 60_000_000),
    e.SchedulesTruncated(),
    e.JobEnqueued(41, "charge", 0, 100),
    e.DatabaseDropped(),
    e.JobEnqueued(1, "charge", 0, 100),
]


def held(tables):
    return {
        JobRow: dict(tables.jobs.rows),
        ScheduleRow: dict(tables.schedules.rows),
        LogRow: dict(tables.log.rows),
        StatisticsRow: dict(tables.statistics.rows),
    }


def check(trace):
    """Step through the changes of each event, there and back, beside the tables themselves."""
    changes = table_changes(trace)
    beside = Tables(names_in_force(trace.config.epoch_us))
    shown, stages = held(beside), []
    for number, entry in enumerate(trace.events):
        stages.append({table: dict(rows) for table, rows in shown.items()})
        for change in [each for each in changes if each.event == number]:
            assert change.before != change.after
            assert shown[type(change.row)].get(change.row.id) == change.before
            put(shown, change.row, change.after)
        if isinstance(entry.event, e.StoreEvent):
            apply(beside, entry.now, entry.event)
        assert shown == held(beside), (number, entry)
    for change in reversed(changes):
        put(shown, change.row, change.before)
        if change is next(each for each in changes if each.event == change.event):
            assert shown == stages[change.event]


def put(shown, of, row):
    if row is None:
        del shown[type(of)][of.id]
    else:
        shown[type(of)][of.id] = row


@pytest.mark.parametrize("scenario", [busy_shop, deduplicated, impatient])
def test_changes_lead_through_every_state_of_a_runs_tables_and_back(scenario):
    check(run(scenario, seed=3).trace)


def test_an_event_that_changes_whole_tables_changes_each_of_their_rows(trace):
    events = tuple(Entry(100 * number, "a", event) for number, event in enumerate(WIDE))
    check(msgspec.structs.replace(trace, events=events))
    assert {type(event) for event in WIDE} >= {
        kind for kind in e.StoreEvent.__args__ if kind not in (e.TableChanged, e.NotificationSent)
    }


def test_what_is_no_change_of_a_table_is_none(trace):
    events = (Entry(1, "a", e.TableChanged("insert")), Entry(2, "a", e.StatementReplied(1)))
    assert table_changes(msgspec.structs.replace(trace, events=events)) == []
