from types import SimpleNamespace

import pytest

from simqueue.model.choice import Choice
from simqueue.model.config import Config, Faults
from simqueue.search.budget import Budget, SpentError
from simqueue.search.shrink.attempts import Attempts

CALM = Config()


def choice(position, value=1):
    return Choice("a order", position, value, 9, 1000 * position, position)


def played(choices, signature, config=CALM):
    failure = None if signature is None else SimpleNamespace(signature=signature)
    return SimpleNamespace(choices=tuple(choices), failure=failure, config=config)


@pytest.fixture
def attempts():
    """Of runs that fail as long as position 1 is chosen, and never ask for position 5."""
    runs = []

    def play(candidate):
        runs.append(candidate)
        asked = [each for each in candidate.choices if each.position != 5]
        fails = any(each.position == 1 for each in asked)
        return played(asked, "it" if fails else "another", candidate.config)

    first = played([choice(1), choice(2), choice(5)], "it")
    made = Attempts(play, first, Budget(4), lambda _: None)
    made.played = runs
    return made


def test_what_fails_alike_is_gone_on_from_as_far_as_it_was_asked_for(attempts):
    assert attempts.adopt([choice(1), choice(5)])
    assert attempts.best.choices == (choice(1),)
    assert attempts.at(("a order", 1)) == choice(1)
    assert attempts.at(("a order", 5)) is None


def test_what_fails_otherwise_is_remembered_and_not_gone_on_from(attempts):
    assert not attempts.without([("a order", 1)])
    assert attempts.best.choices == (choice(1), choice(2), choice(5))
    assert list(attempts.others) == ["another"]


def test_nothing_is_played_twice(attempts):
    for _ in range(2):
        assert not attempts.adopt([choice(2)])
        assert attempts.adopt([choice(1)])
    assert len(attempts.played) == 2
    assert attempts.left == 2


def test_when_a_choice_was_made_does_not_tell_candidates_apart(attempts):
    later = Choice("a order", 2, 1, 9, 99_000, 99)
    assert not attempts.adopt([choice(2)])
    assert not attempts.adopt([later])
    assert len(attempts.played) == 1


def test_other_faults_or_values_are_another_candidate(attempts):
    attempts.adopt([choice(2)])
    attempts.adopt([choice(2)], Config(faults=Faults(("crash",))))
    attempts.adopt([choice(2, value=2)])
    assert len(attempts.played) == 3


def test_it_is_minimal_once_each_choice_is_known_to_be_needed(attempts):
    assert not attempts.is_minimal()
    assert attempts.adopt([choice(1)])
    assert not attempts.is_minimal()
    assert not attempts.without([("a order", 1)])
    assert attempts.is_minimal()


def test_a_run_too_many_is_refused(attempts):
    for position in (2, 3, 4, 6):
        attempts.adopt([choice(position)])
    with pytest.raises(SpentError):
        attempts.adopt([choice(7)])
    assert not attempts.adopt([choice(2)])  # known
