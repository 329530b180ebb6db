"""What README.md shows works as it stands there."""

import asyncio
import re
from pathlib import Path

import pytest

import simqueue
from simqueue.search.target import load_targets

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block(mark):
    (found,) = [text for text in BLOCKS if mark in text]
    return found


def test_the_first_scenario_runs_and_its_run_can_be_asked(tmp_path, capsys):
    names = {}
    exec(compile(block("async def scenario"), "mails.py", "exec"), names)
    for seed in range(20):
        simqueue.run(names["scenario"], seed=seed).check()
    exec(block("run.check()"), {"simqueue": simqueue, **names})
    assert re.search(r"\d \d+ [0-9a-f]{32}\n$", capsys.readouterr().out)


def test_the_marked_test_passes(pytester, plugin_args):
    pytester.makepyfile(test_shown=block("pytest.mark.simqueue"))
    result = pytester.runpytest_subprocess(
        *plugin_args, "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"
    )
    result.assert_outcomes(passed=1)


def test_pgqueuer_drains_without_postgresql(capsys):
    names = {"__name__": "shown"}
    text = block("async def main").replace("asyncio.run(main())", "")
    exec(compile(text, "hello.py", "exec"), names)
    asyncio.run(names["main"]())
    assert capsys.readouterr().out.count("b'hello'") == 5


def test_every_command_is_shown():
    from simqueue.cli.app import app

    shown = set(re.findall(r"simqueue ([a-z]+)(?: |`)", README))
    assert {command.name for command in app.registered_commands} - {"_record"} <= shown


FOUND = {
    "double_tick": "invariant:schedule-once",
    "lost_update": "exception:AssertionError:scenario",
    "silent_retry": "exception:AssertionError:scenario",
}
"""What a campaign over each scenario finds on the newest PgQueuer; on older ones, more."""


@pytest.mark.parametrize("target", load_targets(str(ROOT / "scenarios")), ids=lambda t: t.name)
def test_the_scenarios_find_what_they_claim_and_nothing_else(target):
    name = Path(target.name.partition(":")[0]).stem
    campaign = simqueue.fuzz(target.scenario, runs=40, target=target.name)
    signatures = [found.signature for found in campaign.failures]
    wanted = FOUND.get(name)
    assert len(signatures) == (wanted is not None)
    for found in campaign.failures:
        assert found.signature.startswith(wanted)
        assert simqueue.replay(found.trace, scenario=target.scenario, exact=True).reproduced
