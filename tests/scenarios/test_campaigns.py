"""A campaign over each scenario finds what scenarios/README.md says, and nothing else."""

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from _rows import NEWEST, constants, read_rows

import simqueue
from simqueue.search.target import load_targets

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PAGE = (SCENARIOS / "README.md").read_text(encoding="utf-8")
ROWS = {row.path.stem: row for row in read_rows()}
INSTALLED = version("pgqueuer")
PLANTED = {"lost_update": "exception:AssertionError:scenario:"}
# The page describes Python 3.11: asyncio takes other steps in other releases.
RUNS, RUNS_OF_THE_QUIET = 40 if sys.version_info[:2] == (3, 11) else 300, 3
TARGETS = {Path(each.name.partition(":")[0]).stem: each for each in load_targets(SCENARIOS)}


def section(title):
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return text


AT_ONCE = section("All of them at once")
FAILING = re.findall(r"^\| `([^`]+)` \|", AT_ONCE, re.MULTILINE)


def release(text):
    return tuple(map(int, text.split(".")))


def has_its_bug(row):
    """Return whether the installed PgQueuer has a row's bug, or the scenario puts it there."""
    if release(INSTALLED) < release(row.runs_on):
        return False
    return row.fixed is None or row.control is not None or release(INSTALLED) < release(row.fixed)


LONG = ("beat_margin", "cron_every_poll", "deferred_crossing", "healthy_cron", "retry_lost")
"""Scenarios whose campaigns take seconds, and run with --thorough only."""


def by_length(names):
    """Return parameters for these scenarios, of which the long ones are marked."""
    marks = {name: [pytest.mark.thorough] for name in LONG}
    return [pytest.param(name, marks=marks.get(name, [])) for name in names]


BUGGY = [name for name, row in ROWS.items() if has_its_bug(row)]
QUIET = [name for name in TARGETS if name not in {*BUGGY, *PLANTED}]


def fuzz(name, **options):
    target = TARGETS[name]
    return simqueue.fuzz(target.scenario, target=target.name, **options)


def replays(failure, name):
    return simqueue.replay(failure.trace, scenario=TARGETS[name].scenario, exact=True).reproduced


def signatures(rows):
    """Return the signatures of these rows' failures, if an invariant sees them."""
    return tuple(
        ":".join(filter(None, ("invariant", row.invariant, variant)))
        for row in rows
        if not row.by_itself
        for variant in row.variants
    )


@pytest.mark.parametrize("name", by_length(BUGGY))
def test_a_scenario_finds_its_bug_and_no_bug_without_a_row(name):
    row = ROWS[name]
    others = signatures(ROWS[other] for other in BUGGY if other != name)
    config = simqueue.Config(
        faults=simqueue.Faults.named(row.faults),
        accepted=tuple(each for each in others if not row.is_hit(each)),
    )
    (failure,) = fuzz(name, runs=RUNS, config=config, until_failure=True).failures
    assert row.is_hit(failure.signature)
    assert replays(failure, name)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_in_the_scenario_itself(name):
    (failure,) = fuzz(name, runs=RUNS).failures
    assert failure.signature.startswith(PLANTED[name])
    assert replays(failure, name)


@pytest.mark.parametrize("name", by_length(QUIET))
def test_a_scenario_without_its_bug_finds_at_most_that_of_another_row(name):
    others = [] if name.startswith("healthy_") else signatures(map(ROWS.get, BUGGY))
    for failure in fuzz(name, runs=RUNS_OF_THE_QUIET).failures:
        assert failure.signature in others
        assert name in FAILING or INSTALLED != NEWEST


@pytest.mark.skipif(INSTALLED != NEWEST, reason="the page describes the newest release")
def test_the_whole_directory_finds_what_the_table_says():
    (runs,) = re.findall(r"simqueue fuzz scenarios/ --runs (\d+)\n", AT_ONCE)
    assert int(runs) == 40
    calm = {name for name in BUGGY if ROWS[name].faults == "none"}
    assert set(FAILING) >= calm | set(PLANTED)
    for name in set(FAILING) - calm - set(PLANTED):
        assert fuzz(name, runs=RUNS, until_failure=True).failures
    for name in set(BUGGY) - calm:
        assert f"scenarios/{name}.py --faults {ROWS[name].faults}\n" in AT_ONCE


def test_the_healthy_applications_are_counted():
    files = {name: constants(SCENARIOS / f"{name}.py") for name in TARGETS}
    healthy = {name for name, held in files.items() if "AFFECTED" not in held} - set(PLANTED)
    (counted,) = re.findall(r"(\w+) more are healthy", section("The catalogue"))
    assert ("One", "Two", "Three", "Four", "Five").index(counted) + 1 == len(healthy)
