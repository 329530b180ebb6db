import pytest

NAME = "worker-limit"


@pytest.fixture
def shop(history):
    """Jobs 1 to 9 wait; worker a may hold two, worker b any number."""
    return history(NAME).worker("a", tasks_max=2).worker("b").enqueue(*range(1, 10)).at(1)


def test_a_worker_that_claims_more_than_it_may_hold_is_caught(shop):
    shop.picks("a", 1, 2, 3)
    ((name, broken),) = shop.broken
    assert (name, broken.variant) == (NAME, "")
    assert broken.message == (
        "a may hold 2 job(s) at a time, and holds 3 now that it claimed job 3"
    )


def test_stale_jobs_count_for_who_takes_them_over(shop):
    assert shop.picks("b", 1, 2).picks("a", 3).at(40).picks("a", 1, 2).broken


def test_a_worker_may_hold_what_it_may(shop):
    shop.picks("a", 1, 2).at(2).logs("a", 1, "successful").retries("a", 2)
    assert not shop.at(3).picks("a", 3, 4).broken


def test_jobs_of_the_incarnation_before_do_not_count(shop):
    shop.picks("a", 1, 2).crashes("a").at(2).worker("a", tasks_max=2)
    assert not shop.picks("a", 3, 4).broken


def test_a_job_that_another_took_over_does_not_count(shop):
    shop.picks("a", 1, 2).starts("a", 1).at(40).picks("b", 1)
    assert not shop.picks("a", 3).broken


def test_a_worker_without_a_limit_may_hold_any_number(shop):
    assert not shop.picks("b", *range(1, 10)).broken
