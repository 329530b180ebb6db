import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simqueue import Config, Faults, run
from simqueue.choices import Calm, Choices, Recording, Seeded
from simqueue.choices.survey import Survey

KEYS = ("a order", "a dequeue request", "b lag")
ASKS = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 64)), max_size=200)


@given(st.integers(0, 2**63), ASKS)
def test_a_survey_picks_what_its_source_does_and_writes_down_every_pick(seed, asks):
    plain, survey = Choices(Seeded(seed)), Survey(Seeded(seed))
    door = Choices(survey)
    picks = [door.stream(key).deviate(n) for key, n in asks]
    assert picks == [plain.stream(key).deviate(n) for key, n in asks]
    positions = dict.fromkeys(KEYS, -1)
    wanted = []
    for key, n in asks:
        positions[key] += 1
        if n > 1:
            wanted.append((key, positions[key], n))
    assert survey.options == wanted
    assert door.made() == plain.made() == len(asks)


def test_values_are_written_down_and_what_cannot_happen_is_no_choice():
    survey = Survey(Seeded(1))
    draws = Choices(survey).draws("scenario chance")
    draws.pick(7)
    draws.happens(0)
    draws.happens(500_000)
    assert survey.options == [("scenario chance", 0, 7), ("scenario chance", 2, 2)]


def test_picks_that_are_made_by_leaps_stay_unseen():
    survey = Survey(Seeded(1))
    plain = Choices(Seeded(1)).stream("a second disaster:crash/second")
    stream = Choices(survey).stream("a second disaster:crash/second")
    assert stream.leap() == plain.leap()
    assert survey.leapt == ["a second disaster:crash/second"]
    assert survey.options == []


async def two_workers(sim):
    def app(pq):
        @pq.entrypoint("note")
        async def note(job):
            await asyncio.sleep(sim.random.random())

    sim.worker("a", app)
    sim.worker("b", app)
    await sim.queries.enqueue(["note"] * 6, [None] * 6, [0] * 6)
    await asyncio.sleep(3)
    await sim.settled()


@pytest.mark.parametrize("faults", ["none", "production"])
@pytest.mark.parametrize("source", [Calm, lambda: Seeded(3), lambda: Seeded(8)])
def test_a_surveyed_run_is_the_plain_run(faults, source):
    config = Config(faults=Faults.named(faults))
    plain = run(two_workers, config=config, choices=source())
    survey = Survey(source())
    surveyed = run(two_workers, config=config, choices=survey)
    assert surveyed.digest == plain.digest
    assert surveyed.choices == plain.choices
    offered = {(key, position): n for key, position, n in survey.options}
    for choice in plain.choices:
        if choice.key not in survey.leapt:
            assert offered[choice.key, choice.position] == choice.of


def test_a_survey_of_a_recording_sees_what_it_holds():
    plain = run(two_workers, seed=5)
    recorded = {}
    for choice in plain.choices:
        recorded.setdefault(choice.key, {})[choice.position] = choice.value
    survey = Survey(Recording(recorded))
    surveyed = run(two_workers, seed=5, choices=survey)
    assert surveyed.digest == plain.digest
    assert surveyed.made == plain.made >= len(survey.options) > len(plain.choices)
