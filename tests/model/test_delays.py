from itertools import pairwise

import pytest

from simqueue.model.delays import ladder


@pytest.mark.parametrize("longest", [0, 1, 5, 11, 1_000, 250_000, 10**9])
def test_rungs_rise_from_calm_to_the_longest_delay(longest):
    rungs = ladder(longest)
    assert rungs[0] == 0
    assert rungs[-1] == longest
    assert all(low <= high for low, high in pairwise(rungs))


def test_every_order_of_magnitude_has_its_rungs():
    rungs = ladder(250_000)
    for low in (10, 100, 1_000, 10_000):
        assert sum(low <= rung < 10 * low for rung in rungs) >= 10
