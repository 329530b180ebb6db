import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.trace import Trace

SCENARIO = """
async def scenario(sim):
    sim.log.info("begins", at=sim.now().isoformat())
    assert sim.choice(range(4)) != 2, "it is two"
"""
DECLARING = (
    """
from datetime import datetime, timedelta, timezone
import simqueue

CONFIG = simqueue.Config(
    start=datetime(2024, 10, 27, tzinfo=timezone.utc),
    hop_max=timedelta(0),
    faults=simqueue.Faults.named("pause"),
    without=("no-orphan",),
)
"""
    + SCENARIO
)
EVERYTHING = (
    ("--start", "2024-10-27T00:30+02:00"), ("--limit", "36h"), ("--patience", "1.5m"),
    ("--hop-max", "0"), ("--commit-max", "5ms"), ("--lag-max", "500us"),
)  # fmt: skip


@pytest.fixture
def call(project):
    project("plain.py", SCENARIO)
    project("declaring.py", DECLARING)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


@pytest.fixture
def config(call):
    """Run a scenario; return the config of its trace."""

    def play(*arguments):
        assert call("run", *arguments, "--trace", "t.json").exit_code in (0, 1)
        return Trace.load("t.json").config

    return play


def refused(result):
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_each_option_sets_a_field_of_the_config(config):
    options = [word for pair in EVERYTHING for word in pair]
    assert config("plain.py", *options) == Config(
        start=datetime(2024, 10, 26, 22, 30, tzinfo=UTC),
        limit=timedelta(hours=36),
        patience=timedelta(seconds=90),
        hop_max=timedelta(0),
        commit_max=timedelta(milliseconds=5),
        lag_max=timedelta(microseconds=500),
    )
    assert config("plain.py") == Config()


@pytest.mark.parametrize(
    ("text", "hour"), [("2024-10-27", 0), ("2024-10-27T03:00", 3), ("2024-10-27T03:00Z", 3)]
)
def test_a_start_without_a_zone_is_in_utc(text, hour, config):
    assert config("plain.py", "--start", text).start == datetime(2024, 10, 27, hour, tzinfo=UTC)


def test_the_line_that_plays_it_again_has_the_options_that_were_given(call, project):
    project(
        "dst.py",
        """
        async def scenario(sim):
            assert sim.now().year != 2024 or sim.now().month != 10, "October"
        """,
    )
    assert call("run", "dst.py").exit_code == 0
    failed = call("run", "dst.py", "--start", "2024-10-27", "--lag-max", "5ms")
    again = "simqueue run dst.py:scenario --seed 0 --start 2024-10-27 --lag-max 5ms"
    assert f"{again}\n" in failed.stdout
    assert call(*again.split()[1:]).exit_code == 1
    Path(".simqueue").mkdir()
    Path(".simqueue/failures").write_text("no directory")
    assert call("fuzz", "dst.py", "--start", "2024-10-27", "--runs", "2").exit_code == 2
    Path(".simqueue/failures").unlink()
    found = call("fuzz", "dst.py", "--start", "2024-10-27", "--runs", "2", "--json", "s.json")
    assert found.exit_code == 1
    (failure,) = json.loads(Path("s.json").read_text())["targets"][0]["failures"]
    assert Trace.load(failure["trace"]).config.start == datetime(2024, 10, 27, tzinfo=UTC)
    assert call("replay", failure["trace"], "--exact").exit_code == 1


def test_a_scenario_s_file_declares_the_config_of_its_scenarios(config):
    declared = config("declaring.py")
    assert declared.start == datetime(2024, 10, 27, tzinfo=UTC)
    assert (declared.hop_max, declared.faults.kinds) == (timedelta(0), ("pause",))


def test_options_override_single_fields_of_what_the_file_declares(config):
    changed = config(
        "declaring.py", "--hop-max", "7ms", "--faults", "none", "--without", "no-lost-job"
    )
    assert changed.start == datetime(2024, 10, 27, tzinfo=UTC)
    assert (changed.hop_max, changed.faults.kinds) == (timedelta(milliseconds=7), ())
    assert changed.without == ("no-orphan", "no-lost-job")


def test_a_campaign_gives_each_target_its_own_config(call):
    call("fuzz", ".", "--runs", "9", "--shrink-runs", "0")
    starts = {}
    for path in Path(".simqueue/failures").iterdir():
        trace = Trace.load(path)
        starts[trace.target] = trace.config.start
    assert starts == {
        "plain.py:scenario": datetime(2024, 1, 1, tzinfo=UTC),
        "declaring.py:scenario": datetime(2024, 10, 27, tzinfo=UTC),
    }


@pytest.mark.parametrize("command", ["run", "fuzz", "audit"])
def test_what_the_file_calls_config_must_be_one(command, call, project):
    project("odd.py", f"CONFIG = {{'limit': 3}}\n{SCENARIO}")
    assert refused(call(command, "odd.py")) == (
        "simqueue: odd.py: CONFIG is a dict, and must be a simqueue.Config; give what is something "
        "else another name\n"
    )


def test_an_audit_is_of_the_seed_under_the_config_that_was_asked_for(call, monkeypatch):
    from simqueue.search.audit import audit

    seen = []

    def audited(target, *, seed, config, on_progress):
        seen.append(config)
        raise UsageError("enough")

    monkeypatch.setattr(audit, "audit", audited)
    refused(call("audit", "declaring.py", "--lag-max", "5ms", "--start", "2024-03-31"))
    (config,) = seen
    assert config.start == datetime(2024, 3, 31, tzinfo=UTC)
    assert (config.lag_max, config.hop_max) == (timedelta(milliseconds=5), timedelta(0))


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--start", "2024-13-01", "write a date, or a date and time, such as 2024-10-27"),
        ("--start", "tomorrow", "write a date, or a date and time"),
        ("--start", "2024-10-27T00:00:30", "must be a whole minute"),
        ("--start", "9999-01-01", "the year must be from 2 to 9998"),
        ("--limit", "-4s", "write a number of seconds, or 60s"),
        ("--patience", "5x", "write a number of seconds, or 60s"),
        ("--lag-max", "0.5us", "is no whole number of microseconds"),
        ("--hop-max", "9999999999h", "is longer than a hundred years"),
    ],
)
@pytest.mark.parametrize("command", ["run", "fuzz"])
def test_an_option_that_makes_no_sense_is_refused_by_name(command, option, text, said, call):
    assert refused(call(command, "plain.py", option, text)).startswith(
        f"simqueue: {option} {text}: "
    )
    assert said in refused(call(command, "plain.py", option, text))


def test_another_config_is_another_campaign(call):
    late = ("--start", "2024-10-27")
    first = call("fuzz", "plain.py", "--runs", "3", "--strategy", "random")
    assert first.exit_code in (0, 1)
    other = call("fuzz", "plain.py", "--runs", "3", "--strategy", "random", "--resume", *late)
    assert "resumed" not in other.output
    resumed = call("fuzz", "plain.py", "--runs", "5", "--strategy", "random", "--resume", *late)
    assert "resumed: 3 runs" in resumed.output
    assert "they differ in their config (start); name the files of one" in refused(
        call("merge", ".simqueue/campaigns")
    )
