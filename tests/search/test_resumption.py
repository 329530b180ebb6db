import pytest

from simqueue.search.assignment import FromSeed
from simqueue.search.plan import Guided, Independent
from simqueue.search.resumption import Resumption
from simqueue.search.workers import News, Result


def plans():
    return {
        "independent": lambda: Independent(range(90), from_seed),
        "guided": lambda: Guided(range(90), lambda number: None if number % 4 else FromSeed()),
    }


def from_seed(number):
    return FromSeed()


def result_of(assignment):
    """Return a result that depends on how its run was made."""
    mark = hash(str(assignment)) % 1000
    return Result(assignment.number, news=News(frozenset({mark}), mark, {"a": {0: mark}}))


def carried_out(plan):
    """Return all assignments of a plan by number, and the results they came to."""
    handed_out = []
    while taken := plan.take(5):
        for assignment in taken:
            handed_out.append(assignment)
            plan.learn(result_of(assignment))
    return {each.number: each for each in handed_out}


@pytest.mark.parametrize("kind", plans())
@pytest.mark.parametrize("known", [range(0), range(7), range(0, 90, 3), range(89), range(90)])
def test_only_what_is_unknown_is_handed_out_and_it_is_what_it_would_have_been(kind, known):
    whole = carried_out(plans()[kind]())
    assert len(whole) == 90
    stored = {number: result_of(whole[number]) for number in known}
    rest = carried_out(Resumption(plans()[kind](), stored))
    assert rest == {number: each for number, each in whole.items() if number not in known}
