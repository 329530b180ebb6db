"""What older releases of PgQueuer do differently, each where it changed."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from pgqueuer.adapters.persistence import qb
from workbench import ANN, BOB, SECOND, Workbench, new

from simqueue.adapter.installed import semantics_in_force
from simqueue.errors import UniqueViolationError
from simqueue.store import Names, Tables, decide_enqueue, select_queued_work, semantics_of
from simqueue.store.semantics import NEWEST, RELEASES, ReleaseRow


def bench(*release):
    return Workbench(Tables(Names(), semantics_of(release)))


@pytest.mark.parametrize(("release", "taken"), [((1, 2, 0), [1, 2, 3]), ((1, 3, 0), [1])])
def test_a_claim_took_a_whole_batch_while_anything_was_free(release, taken):
    db = bench(*release)
    db.enqueue(new(), new(), new())
    db.wait()
    assert db.dequeue("a", a=1) == taken


@pytest.mark.parametrize(("release", "taken"), [((1, 2, 0), [1, 2, 3]), ((1, 3, 0), [1, 2])])
def test_a_worker_took_a_whole_batch_while_it_had_any_room(release, taken):
    db = bench(*release)
    db.enqueue(new(), new(), new())
    db.wait()
    assert db.dequeue("a", worker_limit=2) == taken


@pytest.mark.parametrize(("release", "taken"), [((1, 1, 1), [2]), ((1, 2, 0), [1])])
def test_a_stale_job_lost_to_every_fresh_one(release, taken):
    db = bench(*release)
    db.enqueue(new(priority=9))
    db.wait()
    assert db.dequeue("a") == [1]
    db.wait(31 * SECOND)
    db.enqueue(new(priority=0))
    db.wait()
    assert db.dequeue("a", manager=BOB, batch=1) == taken


@pytest.mark.parametrize(("release", "taken"), [((1, 0, 1), []), ((1, 0, 2), [1])])
def test_a_stale_job_waited_for_a_free_place(release, taken):
    db = bench(*release)
    db.enqueue(new())
    db.wait()
    db.dequeue("a", a=1)
    db.wait(31 * SECOND)
    assert db.dequeue("a", manager=BOB, a=1) == taken


@pytest.mark.parametrize(("release", "slot"), [((1, 3, 2), None), ((1, 4, 0), 0)])
def test_a_claim_sits_in_a_slot_or_not(release, slot):
    db = bench(*release)
    db.enqueue(new())
    db.wait()
    db.dequeue("a", a=1, manager=ANN)
    assert db.tables.jobs.rows[1].slot == slot


@pytest.mark.parametrize(("release", "next_ids"), [((1, 1, 1), (5, 4)), ((1, 2, 0), (7, 2))])
def test_a_batch_that_fails_has_drawn_ids_job_by_job_or_all_at_once(release, next_ids):
    db = bench(*release)
    db.enqueue(new(key="k"))
    batch = [new(), new(), new(key="k"), new(), new()]
    with pytest.raises(UniqueViolationError):
        db.run(decide_enqueue, batch, "raise")
    assert (db.tables.jobs.next_id, db.tables.log.next_id) == next_ids


@pytest.mark.parametrize(("release", "counted"), [((1, 0, 2), 3), ((1, 1, 0), 1)])
def test_queued_work_counted_on(release, counted):
    db = bench(*release)
    db.enqueue(new(), new(), new())
    assert select_queued_work(db.tables, db.now, ["a", "a"]) == counted


def test_ids_were_integers():
    assert semantics_of((1, 1, 0)).id_bits == 31
    assert semantics_of((1, 1, 1)).id_bits == 63


def test_what_is_in_force_is_what_the_installed_statements_say():
    builder = qb.QueryQueueBuilder()
    in_force = semantics_in_force()
    heartbeat = builder.build_update_heartbeat_query()
    assert ("bigint" in heartbeat) == (in_force.id_bits == 63)
    assert ("nextval" in builder.build_enqueue_query()) == in_force.ids_up_front
    assert ("LIMIT 1" not in builder.build_has_queued_work()) == in_force.counts_all
    source = re.sub(r"\s+", " ", Path(qb.__file__).read_text("utf-8"))
    assert ("ORDER BY src, id" in source) == in_force.stale_last
    assert ("remaining" in source) == in_force.capped
    assert ("_picked_slot_idx" in source or "slot_assignments" in source) == in_force.slots
    assert ("CROSS JOIN LATERAL" not in source) == in_force.queue_locked


def test_each_release_changes_only_what_its_row_says():
    assert semantics_of((1, 0, 2)) == msgspec.structs.replace(
        semantics_of((1, 0, 1)), stale_gated=False
    )
    assert semantics_of((1, 0, 1)) == semantics_of((1, 0, 0)) == semantics_of((0, 9, 0))
    assert semantics_of((1, 6, 0)) == semantics_of((9, 0, 0)) == NEWEST


def test_the_rows_are_in_order_and_their_range_is_the_supported_one():
    numbers = [row.release for row in RELEASES]
    assert numbers == sorted(set(numbers))
    (oldest, _, _), (major, minor, _) = numbers[0], numbers[-1]
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    wanted = f"pgqueuer>={oldest}.0,<{major}.{minor + 1}"
    assert wanted in project["project"]["dependencies"]


def test_a_later_release_is_one_row(monkeypatch):
    later = (*RELEASES, ReleaseRow((1, 7, 0), {"counts_all": True}))
    monkeypatch.setattr("simqueue.store.semantics.RELEASES", later)
    assert [semantics_of((1, 6, 9)).counts_all, semantics_of((1, 7, 0)).counts_all] == [False, True]
    db = bench(1, 7, 0)
    db.enqueue(new(), new())
    assert select_queued_work(db.tables, db.now, ["a"]) == 2
