import gzip

import msgspec
import pytest

from simqueue.errors import TraceFormatError
from simqueue.model.trace import Trace
from simqueue.search.replay.regressions import play_again, saved_failures, still_failing
from simqueue.search.saved import keep
from simqueue.sim.run import run

TARGET = "app.py:scenario"


async def scenario(sim):
    assert sim.choice(range(3)) != 1, "one"


async def fixed(sim):
    sim.choice(range(3))


async def otherwise(sim):
    raise ValueError(sim.choice(range(3)))


@pytest.fixture
def saved(tmp_path):
    """A saved failure of the scenario."""
    runs = (run(scenario, seed=seed, target=TARGET) for seed in range(50))
    keep(next(each for each in runs if not each.passed).trace, tmp_path)
    (found,) = saved_failures(tmp_path, TARGET)
    return found


def test_failures_are_found_by_their_target(saved, tmp_path, trace):
    other = keep(msgspec.structs.replace(trace, target="b.py:scenario"), tmp_path)
    assert [each.path for each in saved_failures(tmp_path, "b.py:scenario")] == [other]
    assert [each.signature for each in saved_failures(tmp_path, TARGET)] == [saved.signature]
    assert saved_failures(tmp_path / "nowhere", TARGET) == []


def test_compressed_failures_are_found_too(saved, tmp_path):
    trace = Trace.load(saved.path)
    trace.save(tmp_path / "small.json.gz")
    saved.path.unlink()
    (found,) = saved_failures(tmp_path, TARGET)
    assert (found.path.name, found.checksum) == ("small.json.gz", saved.checksum)
    assert play_again(found, scenario).fate == "fails"


def test_what_became_of_a_failure(saved):
    fates = {
        "fails": play_again(saved, scenario),
        "accepted": play_again(saved, scenario, {saved.signature}),
        "different": play_again(saved, otherwise),
        "passes": play_again(saved, fixed),
    }
    assert {fate: each.fate for fate, each in fates.items()} == {fate: fate for fate in fates}
    assert [fate for fate, each in fates.items() if each.failed] == ["fails", "different"]
    assert fates["passes"].describe("f").startswith("f is fixed: remove it if you agree (gone: ")
    assert len({each.describe("f") for each in fates.values()}) == 4


def test_another_failure_that_is_accepted_is_no_news(saved):
    failure = play_again(saved, otherwise).replayed.run.failure
    assert play_again(saved, otherwise, {failure.signature}).fate == "accepted"


def test_one_that_still_fails_is_looked_for_among_those_alike(saved, tmp_path):
    assert still_failing(saved.signature, tmp_path, TARGET, scenario).saved == saved
    assert still_failing(saved.signature, tmp_path, TARGET, fixed) is None
    assert still_failing("other", tmp_path, TARGET, scenario) is None
    saved.path.write_bytes(saved.path.read_bytes().replace(b'"version":3', b'"version":2', 1))
    assert still_failing(saved.signature, tmp_path, TARGET, scenario) is None


def test_a_damaged_file_is_found_by_its_name_and_cannot_be_played(saved, tmp_path):
    saved.path.write_bytes(saved.path.read_bytes()[:50])
    (found,) = saved_failures(tmp_path, TARGET)
    with pytest.raises(TraceFormatError, match="breaks off"):
        play_again(found, scenario)
    assert saved_failures(tmp_path, "other.py:scenario") == []


@pytest.mark.parametrize("key", [b'"target":"app', b'"failure":{"', b'"outcome":{"'])
def test_a_flipped_bit_does_not_hide_a_saved_failure(key, saved, tmp_path):
    whole = saved.path.read_bytes()
    place = whole.index(key) + key.index(b'":') - 1
    saved.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    (found,) = saved_failures(tmp_path, TARGET)
    with pytest.raises(TraceFormatError, match=saved.path.name):
        play_again(found, scenario)


def test_a_flipped_bit_does_not_hide_one_that_is_compressed(saved, tmp_path):
    damaged = saved.path.read_bytes().replace(b'"failure":{', b'"fbilure":{', 1)
    saved.path.unlink()
    packed = saved.path.with_name(f"{saved.path.name}.gz")
    packed.write_bytes(gzip.compress(damaged))
    assert [each.path for each in saved_failures(tmp_path, TARGET)] == [packed]


def test_a_file_that_names_another_target_does_not_hide_it_if_it_is_damaged(saved, tmp_path):
    whole = saved.path.read_bytes()
    saved.path.write_bytes(whole.replace(b'"target":"app.py', b'"target":"bpp.py', 1))
    assert [each.path for each in saved_failures(tmp_path, TARGET)] == [saved.path]


def test_a_whole_file_of_a_scenario_with_the_same_name_elsewhere_is_left_out(saved, tmp_path):
    assert saved_failures(tmp_path, "other/app.py:scenario") == []
