import pytest

from simqueue.search.shrink.dropping import most


@pytest.mark.parametrize("limit", range(9))
@pytest.mark.parametrize("real", range(9))
def test_as_many_as_can_be_left_out_are(limit, real):
    asked = []

    def works(count):
        asked.append(count)
        return count <= real

    assert most(limit, works) == min(limit, real)
    assert all(1 <= count <= limit for count in asked)


def test_that_takes_few_questions():
    asked = []
    assert most(1000, lambda count: asked.append(count) or count <= 700) == 700
    assert len(asked) <= 20


def test_one_question_is_enough_where_the_next_is_needed():
    asked = []
    assert most(1000, lambda count: bool(asked.append(count))) == 0
    assert asked == [1]
