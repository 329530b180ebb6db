"""What is decided can be applied, each index agrees with a scan, the log folds to the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import scan
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from workbench import ANN, BOB, SECOND, new

from simqueue.model.events import Entry, JobPicked, StoreEvent
from simqueue.model.ids import Duration, Instant, JobId, ManagerId, OnConflict, ScheduleId, Status
from simqueue.model.rows import JobRow
from simqueue.store import (
    Claim,
    Names,
    Rejection,
    Tables,
    apply,
    decide_aggregate,
    decide_beat_schedules,
    decide_clear_log,
    decide_clear_queue,
    decide_clear_statistics,
    decide_delete_schedules,
    decide_dequeue,
    decide_drop,
    decide_enqueue,
    decide_fetch_schedules,
    decide_heartbeat,
    decide_insert_schedules,
    decide_log_jobs,
    decide_notify,
    decide_release_schedules,
    decide_requeue,
    decide_retry,
    decide_truncate_schedules,
    fold,
    select_eligible_queued_work,
    select_job_status,
    select_next_deferred_eta,
    select_queue_size,
    select_queued_work,
    select_stale_jobs,
    select_unaggregated_log_count,
    snapshot,
)

ENTRYPOINTS = ("a", "b", "c")
MANAGERS = (ANN, BOB)
LAPSE = Duration(3)

entrypoints = st.lists(st.sampled_from(ENTRYPOINTS), max_size=3, unique=True)
delays = st.sampled_from([0, 0, 1, 3, -2, SECOND])
jobs = st.builds(
    new,
    st.sampled_from(ENTRYPOINTS),
    st.integers(-1, 2),
    delays,
    st.sampled_from([None, None, None, "x", "y"]),
)
ids = st.lists(st.integers(1, 25).map(JobId), max_size=6)
statuses: st.SearchStrategy[Status] = st.sampled_from(
    ["successful", "exception", "canceled", "deleted", "failed", "failed"]
)
on_conflicts: st.SearchStrategy[OnConflict] = st.sampled_from(["raise", "skip", "update_priority"])
limits = st.dictionaries(st.sampled_from(ENTRYPOINTS), st.sampled_from([0, 1, 2, 5]), max_size=3)
unlimited = entrypoints.map(lambda names: dict.fromkeys(names, 0))
schedules = st.lists(
    st.tuples(
        st.sampled_from(["* * * * *", "@daily"]),
        st.sampled_from(["s", "t"]),
        st.sampled_from([0, 1, SECOND, 40 * SECOND]).map(Duration),
    ),
    max_size=3,
    unique_by=lambda each: each[:2],
)
schedule_ids = st.sets(st.integers(1, 8).map(ScheduleId), max_size=3)


class Database(RuleBasedStateMachine):
    """Any statements in any order, at instants that advance or stay."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Names(epoch_us=250_000)
        self.tables = Tables(self.names)
        self.now = Instant(0)
        self.entries: list[Entry] = []

    @property
    def rows(self) -> list[JobRow]:
        return list(self.tables.jobs.rows.values())

    def perform(
        self, decide: Callable[..., list[StoreEvent]], *args: object, **options: object
    ) -> list[StoreEvent] | None:
        """Decide and apply; return the events, or None if the server rejects the statement."""
        before = snapshot(self.tables)
        try:
            events = decide(self.tables, self.now, *args, **options)
        except Rejection as rejection:
            assert snapshot(self.tables) == before
            self.commit(rejection.leaves)
            assert snapshot(self.tables).jobs == before.jobs
            return None
        assert snapshot(self.tables) == before
        self.commit(events)
        return events

    def commit(self, events: object) -> None:
        assert isinstance(events, list | tuple)
        for event in events:
            apply(self.tables, self.now, event)
            self.entries.append(Entry(self.now, "test", event))
            assert snapshot(fold(self.names, self.entries)) == snapshot(self.tables)

    # --- time, and statements ---

    @rule(lapse=st.sampled_from([1, 1, 2, 3, 4, SECOND, 30 * SECOND, 31 * SECOND]))
    def wait(self, lapse: int) -> None:
        self.now = Instant(self.now + lapse)

    @initialize(batch=st.lists(jobs, min_size=2, max_size=8))
    def fill(self, batch: list[object]) -> None:
        self.perform(decide_enqueue, batch, "skip")

    @rule(batch=st.lists(jobs, max_size=5), on_conflict=on_conflicts)
    def enqueue(self, batch: list[object], on_conflict: OnConflict) -> None:
        self.perform(decide_enqueue, batch, on_conflict)

    @rule(
        batch=st.integers(1, 4),
        limits=limits | unlimited,
        manager=st.sampled_from(MANAGERS),
        worker_limit=st.sampled_from([None, None, 0, 1, 3]),
        timeout=st.sampled_from([LAPSE, LAPSE, Duration(0), Duration(-1)]),
    )
    def dequeue(
        self,
        batch: int,
        limits: dict[str, int],
        manager: ManagerId,
        worker_limit: int | None,
        timeout: Duration,
    ) -> None:
        expected = scan.claims(
            self.rows,
            self.now,
            batch=batch,
            limits=limits,
            manager=manager,
            worker_limit=worker_limit,
            timeout=timeout,
        )
        events = self.perform(
            decide_dequeue,
            Claim(batch, limits, manager, worker_limit, timeout),
        )
        picks = [e for e in events or () if isinstance(e, JobPicked)]
        made = [scan.Claim(each.job_id, each.slot, each.stale) for each in picks]
        assert made == (expected or [])
        assert (events is None) == (expected is None)

    @rule(finished=st.lists(st.tuples(st.integers(1, 25).map(JobId), statuses, st.none())))
    def log_jobs(self, finished: list[tuple[JobId, Status, None]]) -> None:
        self.perform(decide_log_jobs, finished)

    @rule(status=statuses, count=st.integers(1, 3))
    def finish_what_is_picked(self, status: Status, count: int) -> None:
        picked = scan.with_status(self.rows, "picked")[:count]
        self.perform(decide_log_jobs, [(JobId(job), status, '{"a": 1}') for job in picked])

    @rule(job=st.integers(1, 25).map(JobId), delay=delays)
    def retry(self, job: JobId, delay: int) -> None:
        self.perform(decide_retry, job, Duration(delay), None)

    @rule(count=st.integers(1, 3))
    def retry_what_is_picked(self, count: int) -> None:
        for job in scan.with_status(self.rows, "picked")[:count]:
            self.perform(decide_retry, JobId(job), Duration(0), None)

    @rule(ids=ids)
    def requeue(self, ids: list[JobId]) -> None:
        self.perform(decide_requeue, ids)

    @rule()
    def requeue_what_is_held(self) -> None:
        self.perform(decide_requeue, scan.with_status(self.rows, "failed"))

    @rule(ids=ids)
    def beat(self, ids: list[JobId]) -> None:
        self.perform(decide_heartbeat, ids)

    @rule(names=entrypoints)
    def clear_queue(self, names: list[str]) -> None:
        self.perform(decide_clear_queue, names[:1])

    @rule(names=st.none() | entrypoints)
    def clear_log(self, names: list[str] | None) -> None:
        self.perform(decide_clear_log, names)

    @rule(names=st.none() | entrypoints)
    def clear_statistics(self, names: list[str] | None) -> None:
        self.perform(decide_clear_statistics, names)

    @rule()
    def aggregate(self) -> None:
        self.perform(decide_aggregate)

    @rule(dropped=st.sampled_from([decide_clear_queue, decide_truncate_schedules, decide_drop]))
    def begin_again(self, dropped: Callable[..., list[StoreEvent]]) -> None:
        self.perform(dropped, *[None] * (dropped is decide_clear_queue))

    @rule()
    def notify(self) -> None:
        self.perform(decide_notify, "channel", "payload")

    @rule(registered=schedules)
    def insert_schedules(self, registered: list[object]) -> None:
        self.perform(decide_insert_schedules, registered)

    @rule(registered=schedules)
    def fetch_schedules(self, registered: list[object]) -> None:
        self.perform(decide_fetch_schedules, registered)

    @rule(
        ids=schedule_ids, decide=st.sampled_from([decide_release_schedules, decide_beat_schedules])
    )
    def touch_schedules(self, ids: object, decide: Callable[..., list[StoreEvent]]) -> None:
        self.perform(decide, ids)

    @rule(ids=schedule_ids, names=st.sets(st.sampled_from(["s", "t"]), max_size=1))
    def delete_schedules(self, ids: object, names: object) -> None:
        self.perform(decide_delete_schedules, ids, names)

    # --- what indexes answer, beside what a scan finds ---

    @rule(names=entrypoints, offset=st.sampled_from([0, 0, 1, -1, -3, 2, SECOND]))
    def ask_at_any_instant(self, names: list[str], offset: int) -> None:
        now = Instant(self.now + offset)
        queued = scan.queued(self.rows, names)
        later = [row.execute_after - now for row in queued if row.execute_after > now]
        due = any(row.execute_after <= now for row in queued)
        assert select_queued_work(self.tables, now, names) == bool(queued)
        assert select_eligible_queued_work(self.tables, now, names) == due
        assert select_next_deferred_eta(self.tables, now, names) == min(later, default=None)

    @rule(offset=st.sampled_from([0, 1, -1, -5]), limit=st.integers(0, 5))
    def ask_lanes_in_claiming_order(self, offset: int, limit: int) -> None:
        now, rows = Instant(self.now + offset), self.tables.jobs.rows
        for name, lane in self.tables.jobs.lanes.items():
            due = [row for row in scan.queued(self.rows, [name]) if row.execute_after < now]
            expected = [row.id for row in scan.most_urgent(due)]
            keys = lane.queued.before(now, limit, rows)
            assert [key & (2**63 - 1) for key in keys] == expected[:limit]
            assert sorted(lane.queued.all_before(now, rows)) == sorted(expected)

    @rule(threshold=st.sampled_from([0, 1, LAPSE, -1]))
    def ask_for_stale_jobs(self, threshold: int) -> None:
        silent = [
            (row.heartbeat, row.id)
            for row in self.rows
            if row.status == "picked" and row.heartbeat < self.now - threshold
        ]
        found = select_stale_jobs(self.tables, self.now, Duration(threshold), 99)
        assert [(row.heartbeat, row.id) for row in found] == sorted(silent)

    @invariant()
    def counts_agree(self) -> None:
        found = self.tables.jobs
        for status in ("queued", "picked", "failed"):
            assert found.count(status) == len(scan.with_status(self.rows, status))
        assert sorted(found.failed()) == scan.with_status(self.rows, "failed")
        sizes = Counter((row.entrypoint, row.priority, row.status) for row in self.rows)
        listed = select_queue_size(self.tables, self.now)
        assert {(s.entrypoint, s.priority, s.status): s.count for s in listed} == sizes

    @invariant()
    def each_lane_holds_the_jobs_of_its_entrypoint(self) -> None:
        for name, lane in self.tables.jobs.lanes.items():
            mine = [row for row in self.rows if row.entrypoint == name]
            assert sorted(lane) == sorted(row.id for row in mine)
            assert sorted(lane.queued) == scan.with_status(mine, "queued")
            assert sorted(lane.picked) == scan.with_status(mine, "picked")
            seats = {r.slot: r.id for r in mine if r.status == "picked" and r.slot is not None}
            assert lane.seats == seats
        assert {row.entrypoint for row in self.rows} <= set(self.tables.jobs.lanes)

    @invariant()
    def loads_agree(self) -> None:
        holders = {row.queue_manager_id for row in self.rows if row.queue_manager_id is not None}
        assert self.tables.jobs.managers() == sorted(holders)
        for manager in MANAGERS:
            mine = [row for row in self.rows if row.queue_manager_id == manager]
            assert self.tables.jobs.held_by(manager) == sorted(row.id for row in mine)
            for names in (ENTRYPOINTS, ENTRYPOINTS[:1], ()):
                held = sum(row.entrypoint in names for row in mine)
                assert self.tables.jobs.load(manager, names) == held

    @invariant()
    def a_job_has_a_manager_exactly_while_it_is_picked(self) -> None:
        assert all(
            (row.status == "picked") == (row.queue_manager_id is not None) for row in self.rows
        )

    @invariant()
    def a_picked_job_was_due(self) -> None:
        assert all(row.execute_after < self.now for row in self.rows if row.status == "picked")

    @invariant()
    def live_keys_agree(self) -> None:
        live = [row for row in self.rows if row.dedupe_key and row.status != "failed"]
        assert self.tables.jobs.live_keys == {row.dedupe_key: row.id for row in live}
        assert len(self.tables.jobs.live_keys) == len(live)

    @invariant()
    def the_log_agrees(self) -> None:
        rows = list(self.tables.log.rows.values())
        fresh = sum(not row.aggregated for row in rows)
        assert select_unaggregated_log_count(self.tables, self.now) == fresh
        last = {row.job_id: row.status for row in rows}
        everyone = [JobId(job) for job in range(1, 40)]
        found = select_job_status(self.tables, self.now, everyone)
        assert found == sorted((job, last[job]) for job in last if job in everyone)

    @invariant()
    def schedules_are_unique(self) -> None:
        held = self.tables.schedules
        assert held.by_name == {(r.expression, r.entrypoint): r.id for r in held.rows.values()}
        assert len(held.by_name) == len(held.rows)


Database.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestDatabase = Database.TestCase
