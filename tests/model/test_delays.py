from itertools import pairwise

import pytest

from simqueue.model.delays import RUNGS, ladder


@pytest.mark.parametrize("longest", [0, 1, 5, 11, 1_000, 250_000, 10**9])
def test_rungs_rise_from_calm_to_the_longest_delay(longest):
    rungs = ladder(longest)
    assert rungs[0] == 0
    assert rungs[-1] == longest
    assert all(low < high for low, high in pairwise(rungs))


def test_every_order_of_magnitude_has_its_rungs():
    rungs = ladder(250_000)
    for low in (10, 100, 1_000, 10_000):
        assert sum(low <= rung < 10 * low for rung in rungs) >= 10


def test_no_delay_is_offered_twice_and_none_at_all_is_one_option():
    assert ladder(0) == (0,)
    assert ladder(3) == (0, 1, 2, 3)
    assert len(ladder(20)) < RUNGS
    assert len(ladder(2_000)) == len(ladder(600 * 10**6)) == RUNGS
