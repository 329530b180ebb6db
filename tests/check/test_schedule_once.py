import pytest

from simqueue.model import events as e

NAME = "schedule-once"


@pytest.fixture
def ticking(history):
    """Worker a claimed schedule 3 at second 60 and runs it; worker b looks on."""
    told = history(NAME).worker("a").worker("b").registers("a", 3, due=60)
    return told.at(60).claims("a", 3, next_run=120).ticks("a", 3)


def variants(told):
    assert {name for name, _ in told.broken} <= {NAME}
    return [broken.variant for _, broken in told.broken]


def test_a_tick_that_is_claimed_twice_is_caught(history):
    told = history(NAME).registers("a", 3, due=60).at(60).claims("a", 3, next_run=60)
    told.releases("a", 3).at(60.25).claims("b", 3, next_run=120)
    assert variants(told) == [""]
    assert told.broken[0][1].message == (
        "schedule 'sweep' (* * * * *) was claimed twice for its tick at +60s: by a at +60.000000s "
        "and by b 0.250000 s later"
    )


def test_a_schedule_taken_from_a_scheduler_that_is_well_is_caught(ticking):
    told = ticking.at(61).event("a", e.SchedulesBeat((3,)))
    told.at(65).event("a", e.WorkerStopping()).at(92).claims("b", 3, next_run=120, stale=True)
    assert variants(told) == ["running"]
    assert told.broken[0][1].message == (
        "schedule 'sweep' (* * * * *) was running on a (alive, told to stop, connected, silent "
        "for 31 s) when b claimed it"
    )


def test_one_heartbeat_that_failed_is_no_excuse(ticking):
    told = ticking.at(62).event("a", e.StatementFailed(9, "57014", "too slow"))
    assert variants(told.at(92).claims("b", 3, next_run=120, stale=True)) == ["running"]


def test_a_scheduler_that_takes_its_own_schedule_again_is_caught(ticking):
    told = ticking.at(92).claims("a", 3, next_run=120, stale=True)
    assert variants(told) == ["own"]
    assert told.broken[0][1].message.endswith("silent for 32 s) when it claimed it")


def test_a_schedule_taken_over_though_its_holder_beats_is_caught(ticking):
    told = ticking.at(60.5).ticked("a", 3).claims("b", 3, next_run=120, stale=True)
    assert variants(told) == ["early"]
    assert told.broken[0][1].message == (
        "schedule 'sweep' (* * * * *) was claimed by a, and taken over by b 0.5 s after its last "
        "beat, as if it were abandoned"
    )


def test_a_schedule_that_another_released_while_it_runs_is_caught(ticking):
    told = ticking.at(61).event("a", e.SchedulesBeat((3,))).releases("b", 3)
    told.at(120).claims("b", 3, next_run=180)
    assert variants(told) == ["released"]


@pytest.mark.parametrize("fate", ["pauses", "blocks"])
@pytest.mark.parametrize("taker", ["a", "b"])
def test_a_scheduler_that_could_not_run_is_excused(ticking, fate, taker):
    told = getattr(ticking.at(61), fate)("a", 31)
    assert not told.at(92).claims(taker, 3, next_run=120, stale=True).broken


def test_a_scheduler_without_its_connection_is_excused(ticking):
    assert not ticking.loses("a").at(92).claims("b", 3, next_run=120, stale=True).broken


def test_a_scheduler_whose_beats_all_failed_is_excused(ticking):
    for second in range(61, 91):
        ticking.at(second).event("a", e.StatementFailed(second, "53300", "too many"))
    assert not ticking.at(92).claims("b", 3, next_run=120, stale=True).broken


def test_a_schedule_taken_over_with_an_excuse_may_go_on_beside_the_first_run(ticking):
    told = ticking.at(61).pauses("a", 100).at(92).claims("b", 3, next_run=120, stale=True)
    told.ticks("b", 3).at(93).ticked("b", 3).releases("b", 3)
    assert not told.at(165).claims("b", 3, next_run=180).broken


def test_a_schedule_taken_over_is_claimed_for_its_next_tick(ticking):
    told = ticking.at(61).crashes("a").at(92).claims("b", 3, next_run=120, stale=True)
    assert not told.at(93).releases("b", 3).at(120).claims("b", 3, next_run=180).broken


def test_a_scheduler_that_crashed_may_have_its_tick_run_again(ticking):
    assert not ticking.crashes("a").at(92).claims("b", 3, next_run=120, stale=True).broken


def test_the_next_tick_is_claimed_when_the_first_has_ended(ticking):
    told = ticking.at(70).ticked("a", 3).releases("a", 3).at(120).claims("b", 3, next_run=180)
    assert not told.broken


def test_what_a_client_releases_by_hand_may_run_twice(ticking):
    assert not ticking.at(61).releases("scenario", 3).at(120).claims("b", 3, 180).broken


@pytest.mark.parametrize("emptying", [e.DatabaseDropped(), e.ServerCrashed(emptied=("schedules",))])
def test_a_new_schedule_with_an_old_id_is_not_the_old_one(ticking, emptying):
    told = ticking.at(60.5).event("server", emptying).registers("b", 3, due=60)
    assert not told.claims("b", 3, next_run=120).broken
