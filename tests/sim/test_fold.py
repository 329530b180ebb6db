import pytest
from applications import busy_shop, deduplicated, impatient

from simqueue.model.trace import Trace
from simqueue.sim.run import run
from simqueue.sim.world import World
from simqueue.store import Names, Tables, apply, fold, snapshot
from simqueue.store.applying import _APPLIERS as APPLIED

SCENARIOS = [busy_shop, deduplicated, impatient]


@pytest.fixture
def servers(monkeypatch):
    """The servers of the worlds made during a test."""
    made = []
    begin = World.__post_init__

    def remember(world):
        begin(world)
        made.append(world.server)

    monkeypatch.setattr(World, "__post_init__", remember)
    return made


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", range(8))
def test_the_tables_are_the_fold_of_the_log_after_every_event(scenario, seed, servers):
    """While a run goes on, its log alone is folded beside it; the two must never differ."""
    beside: list[Tables] = []
    compared = 0

    def watch(number, entry):
        nonlocal compared
        (server,) = servers
        if not beside:
            beside.append(Tables(server.tables.names))
        if type(entry.event) in APPLIED:
            apply(beside[0], entry.now, entry.event)
            compared += 1
            assert snapshot(beside[0]) == snapshot(server.tables), (number, entry)

    result = run(scenario, seed=seed, watch=watch)
    assert compared > 30
    names = Names(epoch_us=servers[0].tables.names.epoch_us)
    assert snapshot(fold(names, result.events)) == snapshot(servers[0].tables)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_trace_read_from_its_file_folds_to_the_same_tables(scenario, servers, tmp_path):
    result = run(scenario, seed=3)
    path = tmp_path / "trace.json"
    result.trace.save(path)
    read = Trace.load(path)
    assert read == result.trace
    names = Names(epoch_us=servers[0].tables.names.epoch_us)
    assert snapshot(fold(names, read.events)) == snapshot(servers[0].tables)


def test_runs_differ_in_what_they_reach():
    """The scenarios are worth folding: their logs hold most kinds of events."""
    kinds = {
        type(entry.event).__name__
        for scenario in SCENARIOS
        for seed in range(8)
        for entry in run(scenario, seed=seed).events
    }
    assert {
        "HandlerRaised",
        "JobDeduplicated",
        "JobDeleted",
        "JobEnqueued",
        "JobLogged",
        "JobPicked",
        "JobRequeued",
        "JobRetried",
        "LogCleared",
        "LogsAggregated",
        "NotificationDelivered",
        "NotificationSent",
        "SchedulePicked",
        "ScheduleReleased",
        "TableChanged",
        "WorkerCrashed",
        "WorkerExited",
    } <= kinds
