from dataclasses import replace

import pytest

from simqueue.errors import UsageError
from simqueue.model.config import Config, Faults
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.campaign.merging import merge


async def rarely(sim):
    number = sim.choice(range(12))
    sim.sometimes("five", number == 5)
    assert number != 3, "three"


async def never(sim):
    pass


def play(directory, shard, scenario=rarely, **options):
    how = {"runs": 45, "strategy": "random", "target": "x", **options}
    return fuzz(scenario, shard=shard, state=directory, **how)


@pytest.mark.parametrize("of", [1, 2, 5])
def test_shards_together_are_the_whole_campaign(tmp_path, of):
    parts = [play(tmp_path, (this, of)) for this in range(1, of + 1)]
    (merged,) = merge([tmp_path])
    whole = fuzz(rarely, runs=45, strategy="random", target="x")
    assert replace(merged.campaign, elapsed=0.0) == replace(whole, elapsed=0.0)
    assert merged.campaign.elapsed == pytest.approx(sum(part.elapsed for part in parts), abs=0.2)
    assert not merged.gaps


def test_each_target_is_a_campaign_of_its_own(tmp_path):
    play(tmp_path, (1, 1))
    play(tmp_path, (1, 1), never, target="y")
    assert [merged.identity.target for merged in merge([tmp_path])] == ["x", "y"]


def test_what_strategies_say_is_said_once(tmp_path):
    for this in (1, 2):
        play(tmp_path, (this, 2), strategy="pct:2")
    (merged,) = merge([tmp_path])
    assert len(merged.campaign.said) == 1


def test_every_shard_of_an_exhaustive_search_says_what_it_covered(tmp_path):
    for this in (1, 2):
        play(tmp_path, (this, 2), strategy="exhaustive:1")
    (merged,) = merge([tmp_path])
    parts = [said.partition(", ")[2] for said in merged.campaign.said]
    assert parts == ["part 1 of 2", "part 2 of 2"]


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("strategy: random and calm", {"strategy": "calm"}),
        ("first seed: 0 and 7", {"seed": 7}),
        ("config", {"config": Config(faults=Faults(("pause",)))}),
    ],
)
def test_campaigns_that_differ_are_not_one(tmp_path, what, other):
    play(tmp_path / "a", (1, 2))
    play(tmp_path / "b", (2, 2), **other)
    with pytest.raises(UsageError, match=f"they differ in their {what}"):
        merge([tmp_path / "a", tmp_path / "b"])


def test_parts_of_different_splits_are_not_one(tmp_path):
    play(tmp_path, (1, 2))
    play(tmp_path, (2, 3))
    with pytest.raises(UsageError, match="number of shards: 2 and 3"):
        merge([tmp_path])
