import pytest

from simqueue.search.campaign.resumption import Resumption
from simqueue.search.planning.assignment import Assignment, FromSeed
from simqueue.search.planning.plan import Independent
from simqueue.search.planning.result import Result


class Learning:
    """A plan whose next run depends on what came of the last one."""

    def __init__(self):
        self.numbers, self.seed, self.waiting = iter(range(90)), 0, False

    def take(self, count):
        number = None if self.waiting else next(self.numbers, None)
        self.waiting = True
        return [] if number is None else [Assignment(number, self.seed, FromSeed())]

    def learn(self, result):
        self.seed, self.waiting = int(result.signature), False

    def remarks(self):
        return []


def plans():
    return {"independent": lambda: Independent(range(90), from_seed), "learning": Learning}


def from_seed(number):
    return FromSeed()


def result_of(assignment):
    """Return a result that depends on how its run was made."""
    mark = (assignment.seed * 31 + assignment.number) % 1000
    return Result(assignment.number, signature=str(mark))


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
