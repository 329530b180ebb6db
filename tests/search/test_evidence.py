from dataclasses import replace

from simqueue.model.config import Config, Faults
from simqueue.model.events import (
    Entry,
    FaultStruck,
    InvariantBroken,
    Reached,
    ScheduleInserted,
    SchedulePicked,
    WorkerReady,
)
from simqueue.search.evidence import Evidence, gather
from simqueue.sim.run import run


def test_faults_that_struck_in_some_run_are_not_named():
    config = Config(faults=Faults(("pause", "crash")))
    struck = Evidence(struck=frozenset({"crash"})) | Evidence(struck=frozenset({"pause"}))
    assert struck.missing(config) == ()
    assert struck.missing(Config()) == ()


def test_evidence_is_what_the_events_of_a_run_say():
    async def scenario(sim):
        sim.sometimes("x", False)

    played = run(scenario)
    events = (
        Reached("a moment"),
        FaultStruck("pause"),
        WorkerReady("m", schedules=(("sweep", "* * * * *"), ("rest", "0 * * * *"))),
        ScheduleInserted(1, "* * * * *", "sweep", 60),
        ScheduleInserted(2, "0 * * * *", "rest", 60),
        SchedulePicked(1, 60, 120),
        InvariantBroken("no-orphan", "left", "drained"),
    )
    entries = tuple(Entry(0, "a", event) for event in events)
    assert gather(replace(played, events=entries)) == Evidence(
        wanted=frozenset({"x"}),
        reached=frozenset({"a moment"}),
        struck=frozenset({"pause"}),
        scheduled=frozenset({("sweep", "* * * * *"), ("rest", "0 * * * *")}),
        claimed=frozenset({("sweep", "* * * * *")}),
        broken=frozenset({"invariant:no-orphan:drained"}),
    )
