import pytest

from simqueue.search.shrink.lowering import least


@pytest.mark.parametrize("known", [0, 1, 2, 5, 100, 999])
@pytest.mark.parametrize("real", [0, 1, 2, 5, 100, 999])
def test_the_least_that_is_enough_is_found(known, real):
    if real <= known:
        assert least(known, lambda value: value >= real) == real


def test_of_very_many_values_one_near_the_least_is_found():
    asked = []
    found = least(2**32, lambda value: asked.append(value) or value >= 10**9)
    assert 10**9 <= found <= 10**9 + 2**22
    assert len(asked) == 12
