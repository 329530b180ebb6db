"""``simqueue explain`` prints what a name means."""

import json

from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.search.explanations import explanations


def explain(*arguments):
    return CliRunner().invoke(app, ["explain", *arguments])


def test_a_name_is_explained():
    result = explain("no-orphan")

    assert result.exit_code == 0
    assert result.stdout.startswith("no-orphan (invariant)\n\nA worker whose `run()` returns")
    assert "\nWhat to do: " in result.stdout


def test_without_a_name_all_are_listed():
    result = explain()

    assert result.exit_code == 0
    assert all(f"\n  {each.name} " in result.stdout for each in explanations())


def test_an_unknown_name_is_bad_input_and_suggests_near_ones():
    result = explain("no-orfan")

    assert result.exit_code == 2
    assert "Did you mean no-orphan" in result.stderr


def test_an_unknown_name_is_quoted_with_its_control_characters_escaped_once():
    result = explain("\x1b[31mred")

    assert result.exit_code == 2
    assert "no explanation of '\\x1b[31mred'. " in result.stderr


def test_a_fault_says_what_is_no_violation_and_a_strategy_what_its_limits_are():
    assert (
        "\nNo violation: Jobs and logs in UNLOGGED tables are gone" in explain("fail-over").stdout
    )
    assert "\nLimits: Values with more than 65,536 options" in explain("exhaustive:1").stdout


def test_json_holds_the_fields_of_an_explanation():
    result = explain("deadlock", "--json")

    (line,) = result.stdout.splitlines()
    assert json.loads(line).keys() == {
        "name",
        "subject",
        "meaning",
        "reason",
        "no_violation",
        "advice",
    }
    assert len(explain("--json").stdout.splitlines()) == len(explanations())
