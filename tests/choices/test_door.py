from hypothesis import given
from hypothesis import strategies as st

from simqueue.choices import Calm, Choices, Recording, Seeded
from simqueue.model.choice_key import key_of, parse_key, spelled, thread_of

KEYS = ("a order", "a dequeue request", "b dequeue request", "b lag")


def deviate(door, asks):
    return [door.stream(key).deviate(n) for key, n in asks]


ASKS = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 64)), max_size=300)


def test_calm_weather_picks_only_zeros_and_records_nothing():
    door = Choices(Calm())
    assert set(deviate(door, [(key, 64) for key in KEYS] * 50)) == {0}
    assert [door.draws("scenario choice").pick(9) for _ in range(9)] == [0] * 9
    assert door.recorded() == {}


@given(st.integers(0, 2**64), ASKS)
def test_what_was_recorded_is_picked_again(seed, asks):
    first = Choices(Seeded(seed))
    picks = deviate(first, asks)
    again = Choices(Recording(first.recorded()))
    assert deviate(again, asks) == picks
    assert again.recorded() == first.recorded()


@given(st.integers(0, 2**64), st.lists(st.integers(1, 1000), max_size=100))
def test_values_are_recorded_and_picked_again(seed, bounds):
    first = Choices(Seeded(seed))
    picks = [first.draws("scenario random").pick(n) for n in bounds]
    again = Choices(Recording(first.recorded()))
    assert [again.draws("scenario random").pick(n) for n in bounds] == picks
    assert all(0 <= pick < n for pick, n in zip(picks, bounds, strict=True))


@given(st.integers(0, 2**64), ASKS)
def test_every_pick_is_one_of_its_options(seed, asks):
    picks = deviate(Choices(Seeded(seed)), asks)
    assert all(0 <= pick < n for pick, (_, n) in zip(picks, asks, strict=True))


@given(st.integers(0, 2**64), ASKS)
def test_one_keys_picks_do_not_depend_on_the_others(seed, asks):
    together = Choices(Seeded(seed))
    picks = deviate(together, asks)
    alone = Choices(Seeded(seed))
    mine = [(key, n) for key, n in asks if key == KEYS[0]]
    wanted = [pick for pick, (key, _) in zip(picks, asks, strict=True) if key == KEYS[0]]
    assert deviate(alone, mine) == wanted


def test_a_recorded_value_that_no_longer_fits_becomes_the_last_option():
    door = Choices(Recording({"a order": {1: 40}}))
    assert deviate(door, [("a order", 3)] * 3) == [0, 2, 0]


def test_another_seed_picks_otherwise():
    asks = [(key, 64) for key in KEYS] * 50
    runs = {tuple(deviate(Choices(Seeded(seed)), asks)) for seed in range(20)}
    assert len(runs) > 10


def test_how_often_a_kind_leaves_calm_differs_from_run_to_run():
    shares = []
    for seed in range(60):
        picks = deviate(Choices(Seeded(seed)), [("a order", 64)] * 400)
        shares.append(sum(pick > 0 for pick in picks) / 400)
    assert min(shares) == 0
    assert max(shares) > 0.9
    assert any(0.001 < share < 0.1 for share in shares)


def test_the_streams_of_one_kind_share_how_often_it_leaves_calm():
    for seed in range(40):
        door = Choices(Seeded(seed))
        calm = [not any(deviate(door, [(key, 64)] * 500)) for key in ("a lag", "b lag", "c lag")]
        assert len(set(calm)) == 1


def test_who_asks_is_the_process_whatever_its_name_and_be_it_in_a_thread():
    for name in ("a", "web/1", "web 1"):
        word = spelled(name)
        assert (
            parse_key(key_of(name, "QueueManager.run", "dequeue", kind="request")).process == word
        )
        assert parse_key(key_of(thread_of(name), kind="order")).process == word
