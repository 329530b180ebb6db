from simqueue.choices import Calm, Choices, Continued, Recording, Seeded

KEY = "a order"


def picked(source, count, of=64, key=KEY):
    stream = Choices(source).stream(key)
    return [stream.deviate(of) for _ in range(count)]


def drawn(source, count, key="s s choice"):
    draws = Choices(source).draws(key)
    return [draws.pick(1000) for _ in range(count)]


def busy_seed():
    """A seed under which the key deviates again and again."""
    return next(seed for seed in range(100) if sum(map(bool, picked(Seeded(seed), 50))) > 20)


def test_picks_are_recorded_ones_before_the_moment_and_those_of_the_rest_after_it():
    seed = busy_seed()
    source = Continued({KEY: {1: 7, 3: 9}}, {KEY: 5}, Seeded(seed))
    assert picked(source, 45) == [0, 7, 0, 9, 0, *picked(Seeded(seed), 40)]


def test_calm_goes_on_calmly():
    assert picked(Continued({KEY: {1: 7}}, {KEY: 4}, Calm()), 10) == [0, 7] + [0] * 8


def test_a_key_that_was_not_asked_for_begins_with_the_rest():
    seed = busy_seed()
    assert picked(Continued({}, {"other": 5}, Seeded(seed)), 40) == picked(Seeded(seed), 40)


def test_a_whole_recording_is_repeated():
    recorded = {KEY: {0: 3, 9: 4}}
    assert picked(Continued(recorded, {KEY: 10}, Calm()), 20) == picked(Recording(recorded), 20)


def test_a_recorded_value_that_no_longer_fits_becomes_the_last_option():
    assert picked(Continued({KEY: {0: 50}}, {KEY: 1}, Calm()), 1, of=3) == [2]


def test_values_are_recorded_ones_before_the_moment_and_those_of_the_rest_after_it():
    source = Continued({"s s choice": {0: 5}}, {"s s choice": 2}, Seeded(3))
    assert drawn(source, 12) == [5, 0, *drawn(Seeded(3), 10)]


def test_what_happens_is_recorded_before_the_moment():
    draws = Choices(Continued({"s s chance": {1: 1}}, {"s s chance": 3}, Calm())).draws(
        "s s chance"
    )
    assert [draws.happens(500_000) for _ in range(5)] == [False, True, False, False, False]
    certain = Choices(Continued({}, {"s s chance": 1}, Seeded(0))).draws("s s chance")
    assert [certain.happens(1_000_000) for _ in range(3)] == [False, True, True]
