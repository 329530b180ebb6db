"""What scenario files say of themselves fits together, and the scoreboard reads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from _rows import constants, read_rows, scenario_files

from scenarios._strategies import read, table
from simqueue import Faults
from simqueue.check import INVARIANTS

ROOT = Path(__file__).parents[2]
ROWS = read_rows()


def test_each_bug_has_one_row():
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids)) >= 16


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_names_an_invariant_and_faults_that_there_are(row):
    assert row.invariant in {invariant.name for invariant in INVARIANTS}
    assert Faults.named(row.faults).kinds == () or row.faults != "none"
    assert row.fixed is None or row.fixed != row.affected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_docstring_says_what_the_constants_say(row):
    said = " ".join(row.path.read_text().split('"""')[1].split())
    assert f"Invariant: ``{row.invariant}``" in said
    assert f"Fixed in {row.fixed}" in said or row.fixed is None
    assert row.affected in said


def test_a_variant_is_told_from_another_of_the_same_invariant():
    row = next(row for row in ROWS if row.id == "double-tick")
    assert row.is_hit("invariant:schedule-once")
    assert not row.is_hit("invariant:schedule-once:running")
    assert not row.is_hit("invariant:no-orphan")


def test_healthy_applications_claim_no_bug():
    healthy = [path for path in scenario_files() if path.stem.startswith("healthy_")]
    assert healthy
    assert not any("AFFECTED" in constants(path) for path in healthy)


def test_a_campaign_tells_what_it_found_as_json():
    played = subprocess.run(
        [
            sys.executable, "scenarios/_play.py", "scenarios/silent_retry.py:scenario",
            "--row=update-is-silent", "--runs=40", "--seconds=60", "--first",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    said = json.loads(played.stdout)
    assert said["hits"] == 1
    assert said["runs"] == said["first"] + 1


def test_a_strategy_is_measured_until_the_bug_is_found_and_what_is_measured_makes_a_table(tmp_path):
    played = subprocess.run(
        [
            sys.executable, "scenarios/_campaigns.py", "update-is-silent", "calm",
            "--campaigns=2", "--runs=5", "--seconds=60",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    found = json.loads(played.stdout)
    assert [(each["runs"], each["found_by"]) for each in found] == [(1, "calm")] * 2
    results = tmp_path / "results.jsonl"
    nothing = [{"first": 0, "runs": 5, "seconds": 1.0, "found_by": None}]
    slow = [{**each, "runs": 2 * each["runs"], "seconds": 3 * each["seconds"]} for each in found]
    for name, campaigns in (("calm", found), ("random", nothing), ("auto", slow)):
        line = {"row": "update-is-silent", "strategy": name, "campaigns": campaigns}
        with results.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
    (row,) = [row for row in ROWS if row.id == "update-is-silent"]
    _, line = table([row], ["calm", "random", "auto"], read(results))
    assert line[0] == "`update-is-silent`"
    assert line[1].startswith("1 / ")
    assert line[2] == "-"
    assert line[3].startswith("2 / ")
    assert line[4] == "2.0 / 3.0"
