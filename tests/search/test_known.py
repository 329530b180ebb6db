import tomllib
from datetime import date

import msgspec
import pytest

from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.failure import Outcome
from simqueue.model.trace import Trace
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.campaign.known import (
    DEFAULT_FILE,
    Known,
    KnownFailure,
    accept,
    load_known,
    render,
)
from simqueue.search.replay.replayer import replay
from simqueue.sim.run import run

TODAY = date(2026, 3, 1)
AWKWARD = 'it "is" C:\\new\n\ttab \r\x00\x1f\x7f é 日本 \U0001f40d # not a comment'


def known_failure(**changes):
    fields = {
        "target": "app.py:scenario",
        "signature": "invariant:no-orphan",
        "reason": "issue 7",
        "message": "left 1 job",
        "accepted": TODAY,
    }
    return KnownFailure(**fields | changes)


def refused(path, **options):
    """Return the one line with which a file is refused."""
    with pytest.raises(UsageError) as caught:
        load_known(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


ACCEPT = """
app(["accept", f"{number}.json", "--reason", f"issue {number}"])
"""


# --- the file ---------------------------------------------------------------------------------


def test_what_is_accepted_is_read_again(trace, tmp_path):
    file = tmp_path / "known.toml"
    accept(trace, "a flaky bank", today=TODAY, path=file)
    (failure,) = load_known(file).failures
    assert failure == KnownFailure(
        target="app.py:scenario",
        signature="exception:ValueError:charge:raise",
        reason="a flaky bank",
        message="ValueError: no money",
        accepted=TODAY,
    )


def test_a_file_is_made_with_its_directory(trace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    accept(trace, "because", today=TODAY)
    assert (tmp_path / DEFAULT_FILE).is_file()
    assert len(load_known().failures) == 1


def test_what_is_accepted_by_several_commands_at_once_is_all_there(
    trace, tmp_path, monkeypatch, at_once, thorough
):
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        failure = msgspec.structs.replace(trace.outcome.failure, signature=f"exception:{number}")
        outcome = msgspec.structs.replace(trace.outcome, failure=failure)
        msgspec.structs.replace(trace, outcome=outcome).save(f"{number}.json")
    # Loaded before: the commands are to meet in the file.
    imports = "import simqueue.search.campaign.known, simqueue.model.trace; from simqueue.cli.app"
    count = thorough(6, 3)
    at_once(count, f"{imports} import app", ACCEPT)
    reasons = [failure.reason for failure in load_known().failures]
    assert reasons == [f"issue {number}" for number in range(count)]
    assert [path.name for path in (tmp_path / ".simqueue").iterdir()] == ["known.toml"]


def test_a_file_that_is_a_link_is_read_and_not_written(trace, tmp_path):
    file, link = tmp_path / "shared.toml", tmp_path / "known.toml"
    file.write_text(render([known_failure()]))
    link.symlink_to(file)
    assert load_known(link).failures == (known_failure(),)
    with pytest.raises(UsageError, match=r"known\.toml: is a symbolic link"):
        accept(trace, "because", today=TODAY, path=link)
    assert link.is_symlink()
    assert load_known(file).failures == (known_failure(),)


def test_any_text_survives_the_file():
    failures = [
        known_failure(**{field: AWKWARD}) for field in ("target", "signature", "reason", "message")
    ]
    entries = tomllib.loads(render(failures))["failure"]
    assert [KnownFailure(**entry) for entry in entries] == failures


def test_accepting_again_gives_another_reason_and_keeps_the_rest(trace, tmp_path):
    file = tmp_path / "known.toml"
    other, later = known_failure(target="z.py:scenario"), known_failure(target="a.py:scenario")
    file.write_text(render([other, later]))
    accept(trace, "first", today=TODAY, path=file)
    accept(trace, "second", today=date(2026, 4, 1), path=file)
    failures = load_known(file).failures
    assert [failure.target for failure in failures] == [
        "a.py:scenario", "app.py:scenario", "z.py:scenario",
    ]  # fmt: skip
    assert (failures[0], failures[2]) == (later, other)
    assert (failures[1].reason, failures[1].accepted) == ("second", date(2026, 4, 1))


def test_a_trace_that_passed_is_not_accepted(trace, tmp_path):
    passed = msgspec.structs.replace(trace, outcome=Outcome(True, 1, 1))
    with pytest.raises(UsageError, match="the run passed"):
        accept(passed, "because", today=TODAY, path=tmp_path / "known.toml")
    assert not list(tmp_path.iterdir())


def test_a_reason_is_wanted(trace, tmp_path):
    with pytest.raises(UsageError, match="--reason"):
        accept(trace, " \n", today=TODAY, path=tmp_path / "known.toml")


def test_a_missing_file_holds_nothing_where_that_is_allowed(tmp_path):
    assert load_known(tmp_path / "no.toml", missing_ok=True).failures == ()
    assert "there is no such file" in refused(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[[failure]\n", "is not TOML"),
        (b"x = " + b"[" * 9000, "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[[failure]]\ntarget = 'x'\n", "missing required field `signature`"),
        (b"[[failure]]\ntarget = 3\n", "Expected `str`, got `int`"),
        (b"[[failures]]\ntarget = 'x'\n", "unknown field `failures`"),
        (b"failure = 3\n", "Expected `array`"),
        (render([known_failure()]).replace("2026-03-01", '"soon"').encode(), "Invalid"),
    ],
)
def test_a_bad_file_is_refused_and_left_alone(trace, tmp_path, content, problem):
    file = tmp_path / "known.toml"
    file.write_bytes(content)
    assert problem in refused(file)
    with pytest.raises(UsageError):
        accept(trace, "because", today=TODAY, path=file)
    assert file.read_bytes() == content


def test_a_directory_is_no_file_of_known_failures(tmp_path):
    assert "cannot be read" in refused(tmp_path, missing_ok=True)


def test_failures_of_other_targets_are_not_known():
    known = Known(failures=(known_failure(), known_failure(target="other.py:scenario")))
    assert list(known.of("app.py:scenario")) == ["invariant:no-orphan"]
    assert known.of("third.py:scenario") == {}


def test_only_broken_invariants_are_survived():
    exception = known_failure(signature="exception:ValueError:charge:raise")
    known = Known(failures=(known_failure(), exception))
    config = Config(accepted=("invariant:mine",))
    survived = known.survived_by(config, "app.py:scenario")
    assert survived.accepted == ("invariant:mine", "invariant:no-orphan")
    assert known.survived_by(config, "other.py:scenario") is config


# --- campaigns --------------------------------------------------------------------------------


async def two_bugs(sim):
    """A broken check in a third of the runs; in a third of all, an error after it."""
    first = sim.choice(range(3)) == 1
    sim.always("first", lambda: not first)
    sim.sometimes("after the first", first)
    assert sim.choice(range(3)) != 1, "second"


def accepting(signature, target="two.py:scenario"):
    return Known(failures=(known_failure(signature=signature, target=target),))


FIRST = "invariant:first"
SECOND = 'exception:AssertionError:two_bugs:assert sim.choice(range(3)) != 1, "second"'


def campaign(known=Known(), runs=60, **options):  # noqa: B008  frozen
    return fuzz(two_bugs, runs=runs, target="two.py:scenario", known=known, **options)


def test_nothing_is_known_unless_it_is_said():
    found = campaign()
    assert {each.signature for each in found.failures} == {FIRST, SECOND}
    assert found.accepted == found.stale == ()


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_known_broken_invariant_is_counted_and_hides_nothing(processes):
    (before,) = [each for each in campaign().failures if each.signature == FIRST]
    found = campaign(accepting(FIRST), processes=processes)
    (second,) = found.failures
    assert second.signature == SECOND
    ((signature, reason, count),) = [
        (each.signature, each.reason, each.count) for each in found.accepted
    ]
    assert (signature, reason, count) == (FIRST, "issue 7", before.count)
    assert found.runs == 60
    assert found.passed == 60 - second.count
    assert second.count == found.failed


def test_a_known_exception_ends_its_run_and_is_counted():
    (before,) = [each for each in campaign().failures if each.signature == SECOND]
    found = campaign(accepting(SECOND))
    assert [each.signature for each in found.failures] == [FIRST]
    assert [each.count for each in found.accepted] == [before.count]
    assert found.passed == 60 - found.failed - before.count


def test_a_failure_that_is_known_of_another_target_is_found():
    found = campaign(accepting(FIRST, target="other.py:scenario"))
    assert FIRST in [each.signature for each in found.failures]
    assert found.accepted == found.stale == ()


def test_a_known_failure_that_no_run_shows_is_stale():
    found = campaign(accepting("invariant:gone"))
    assert [each.signature for each in found.stale] == ["invariant:gone"]
    assert (
        "known failure invariant:gone (issue 7) did not occur in 60 runs: if it is fixed, remove "
        "it from k.toml" in found.remarks("k.toml")
    )
    assert not campaign(accepting(FIRST)).stale


def test_nothing_is_stale_while_a_campaign_runs_or_when_no_run_came_to_its_end():
    told = []
    campaign(accepting("invariant:gone"), on_progress=told.append)
    assert not any(each.stale or each.inconclusive for each in told)

    async def failing(sim):
        raise AssertionError

    known = accepting("invariant:gone")
    assert not fuzz(failing, runs=3, target="two.py:scenario", known=known).stale


def test_a_file_is_known_by_its_path(tmp_path):
    file = tmp_path / "known.toml"
    file.write_text(render(accepting(FIRST).failures))
    assert [each.signature for each in campaign(str(file)).accepted] == [FIRST]
    with pytest.raises(UsageError, match="no such file"):
        campaign(tmp_path / "no.toml")


def test_a_trace_of_a_run_that_survived_a_known_failure_replays(tmp_path):
    file = tmp_path / "t.json"

    async def both(sim):
        sim.always("first", lambda: False)
        raise ValueError("second")

    (found,) = fuzz(both, runs=1, target="two.py:scenario", known=accepting(FIRST)).failures
    found.trace.save(file)
    trace = Trace.load(file)
    assert trace.config.accepted == (FIRST,)
    assert trace.outcome.failure.message == "ValueError: second"
    again = replay(trace, scenario=both, exact=True)
    assert again.verdict == "reproduced"
    assert run(both, seed=trace.seed).failure.signature == FIRST
