import pytest

from simqueue import Config, fuzz, run
from simqueue.errors import UsageError
from simqueue.search.planning.assignment import AsGiven, ByPriority, FromSeed, source_of
from simqueue.search.planning.share import Share
from simqueue.search.planning.strategies import count_picks, portfolio
from simqueue.search.planning.strategy import Strategy


async def draws(sim):
    drawn = [sim.choice(range(4)) for _ in range(5)]
    assert sum(drawn) < 9, "many"


def play(survey):
    return run(draws, config=Config(), choices=survey)


def scripts(name, count):
    plan = Strategy.named(name).plan(Share(0, count), play)
    return [assignment.script for assignment in plan.take(count)]


@pytest.mark.parametrize(
    "name", ["auto", "random", "calm", "pct:1", "pct:12", "pct:2:300", "exhaustive:3"]
)
def test_a_name_is_read_and_written_alike(name):
    assert str(Strategy.named(name)) == name


@pytest.mark.parametrize(
    "name", ["", "pct", "pct:0", "pct:100", "pct:x", "random:2", "exhaustive:1:5", "calm:1", "AUTO"]
)
def test_what_is_no_strategy_is_refused_with_those_that_there_are(name):
    with pytest.raises(UsageError, match=r"choose auto, random, .*pct:D.*exhaustive:K"):
        Strategy.named(name)


def test_each_name_makes_the_runs_it_promises():
    assert scripts("random", 3) == [FromSeed()] * 3
    assert scripts("calm", 2) == [AsGiven({})] * 2
    picks = count_picks(play)
    assert picks >= 5
    assert scripts("pct:3", 2) == [ByPriority(3, picks)] * 2
    assert scripts("pct:3:40", 2) == [ByPriority(3, 40)] * 2
    assert scripts("exhaustive:1", 1) == [AsGiven({})]


def test_as_many_choices_are_counted_as_a_calm_run_has():
    assert count_picks(play) == play({}).made


def test_pct_says_its_bound():
    campaign = fuzz(draws, runs=2, strategy="pct:2:70")
    assert "at least 1 / (n * 70^1)" in campaign.said[0]


def test_auto_is_random_by_priority_and_calm_and_goes_on_with_the_first_two_in_turns():
    assert [portfolio(place) for place in (0, 2)] == [FromSeed(), AsGiven({})]
    assert isinstance(portfolio(1), ByPriority)
    later = [portfolio(place) for place in range(3, 43)]
    assert sum(script == FromSeed() for script in later) == 20
    assert sum(isinstance(script, ByPriority) for script in later) == 20
    assert {script.depth for script in later if isinstance(script, ByPriority)} == {2, 3}


def test_auto_begins_the_same_way_wherever_a_campaign_begins_and_however_it_is_parted():
    def planned(share):
        return {each.number: each for each in Strategy.named("auto").plan(share, play).take(99)}

    whole = planned(Share(1000, 12))
    parts = [planned(Share.of(1000, 12, (this, 3))) for this in (1, 2, 3)]
    assert whole == parts[0] | parts[1] | parts[2]
    assert [each.script for each in whole.values()] == [portfolio(place) for place in range(12)]
    assert all(each.seed == number for number, each in whole.items())


def test_auto_plays_no_run_that_is_not_counted():
    def never(survey):
        raise AssertionError("played")

    plan = Strategy.named("auto").plan(Share(0, 30), never)
    assert len(plan.take(30)) == 30


def test_what_found_a_failure_is_a_strategy_that_finds_it_again():
    for found in fuzz(draws, runs=40).failures:
        strategy = Strategy.named(found.strategy)
        again = strategy.assignment(found.number, play)
        played = run(draws, seed=again.seed, choices=source_of(again))
        assert played.failure is not None
        assert played.failure.signature == found.signature


@pytest.mark.parametrize("name", ["auto", "exhaustive:2"])
def test_a_single_run_of_a_strategy_that_has_none_is_refused(name):
    with pytest.raises(UsageError, match="for one run choose random, pct:D or calm"):
        Strategy.named(name).assignment(0, play)
