import pytest

from simqueue.model.events import JobPicked

NAME = "concurrency-limit"


@pytest.fixture
def shop(history):
    """Jobs 1 to 9 wait; workers a and b know the same limit of two."""
    told = history(NAME)
    for worker in "ab":
        told.worker(worker, entrypoints={"charge": 2})
    return told.enqueue(*range(1, 10)).at(1)


def test_a_claim_of_more_than_the_limit_is_caught(shop):
    shop.picks("a", 1, 2, 3)
    ((name, broken),) = shop.broken
    assert (name, broken.variant) == (NAME, "batch")
    assert broken.message == (
        "'charge' has a concurrency limit of 2, and 3 of its jobs were picked (1, 2, 3) when a had "
        "claimed job 3"
    )


def test_claims_that_overlap_beyond_the_limit_are_told_apart(shop):
    shop.at(1.1).picks("a", 1, 2).at(1.2).picks("b", 3, began=1.05)
    ((_, broken),) = shop.broken
    assert broken.variant == "overlap"
    assert broken.message.endswith("when b had claimed job 3 at the same time as another worker")


def test_a_limit_that_is_reached_holds(shop):
    assert not shop.picks("a", 1).picks("b", 2).broken


def test_a_job_that_ends_makes_room(shop):
    shop.picks("a", 1, 2).at(2).logs("a", 1, "successful").retries("a", 2)
    assert not shop.at(3).picks("b", 3, 4).broken


def test_a_stale_job_that_is_taken_over_was_counted_before(shop):
    assert not shop.picks("a", 1, 2).at(40).picks("b", 1, 2).broken


def test_a_job_that_runs_twice_counts_once(shop):
    shop.picks("a", 1).starts("a", 1).at(40).picks("b", 1).starts("b", 1)
    assert not shop.picks("b", 2).broken


def test_no_limit_is_none(history):
    told = history(NAME).worker("a").enqueue(*range(1, 10)).picks("a", *range(1, 10))
    assert not told.broken


def test_workers_that_disagree_are_held_to_the_highest_limit(shop):
    shop.worker("c", entrypoints={"charge": 4}).picks("c", 1, 2, 3, 4)
    assert not shop.broken
    assert shop.at(2).picks("c", 5).broken


def test_a_worker_without_a_limit_ends_it_for_all(shop):
    shop.worker("c", entrypoints={"charge": 0})
    assert not shop.picks("c", *range(1, 10)).broken


def test_a_deploy_that_lowers_the_limit_finds_more_picked_than_it_allows(history):
    told = history(NAME).worker("a", entrypoints={"charge": 5}).enqueue(*range(1, 10))
    told.picks("a", 1, 2, 3, 4).crashes("a").at(2).worker("a", entrypoints={"charge": 1})
    assert not told.picks("a", 5).broken


def test_a_client_that_claims_by_itself_suspends_the_judgement(shop):
    for job in (1, 2, 3):
        shop.event("scenario", JobPicked(job, "by hand"))
    assert not shop.picks("a", 4).broken


def test_what_a_client_claimed_and_has_ended_excuses_nothing(shop):
    shop.event("scenario", JobPicked(1, "by hand")).logs("scenario", 1, "successful")
    assert shop.at(2).picks("a", 2, 3, 4).broken


def test_the_limit_of_a_worker_that_is_gone_holds_no_more(history):
    told = history(NAME).worker("a", entrypoints={"charge": 5}).enqueue(*range(1, 10))
    told.at(2).crashes("a").worker("a", entrypoints={"charge": 1})
    assert not told.at(2.5).picks("a", 1, 2).broken
    assert told.at(60).picks("a", 3).broken


def test_nor_does_that_of_one_without_a_limit(history):
    told = history(NAME).worker("a", entrypoints={"charge": 0}).enqueue(*range(1, 10))
    told.at(2).crashes("a").worker("b", entrypoints={"charge": 1})
    assert told.at(60).picks("b", 1, 2).broken
