from datetime import timedelta

import pytest

from simqueue.errors import UsageError
from simqueue.search.budget import Budget, SpentError


def test_a_budget_ends_with_its_runs():
    budget = Budget.of(2)
    budget.spend()
    budget.spend()
    with pytest.raises(SpentError):
        budget.spend()


def test_a_budget_ends_with_its_time_whatever_runs_are_left():
    budget = Budget.of(2, timedelta(0))
    with pytest.raises(SpentError):
        budget.spend()
    assert budget.left == 2


def test_a_budget_without_runs_is_refused():
    with pytest.raises(UsageError, match="budget_runs must be 1 or more, not 0"):
        Budget.of(0)
