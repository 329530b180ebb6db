"""Every code block, command line, table and link of the pages works as it is printed there."""

import asyncio
import re
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from _rows import NEWEST, constants, read_rows
from typer.main import get_command
from typer.testing import CliRunner

import simqueue
from simqueue.check import INVARIANTS
from simqueue.cli.app import app
from simqueue.cli.options import shard
from simqueue.model.fault import FAULT_KINDS, PRESETS
from simqueue.search.target import load_targets
from simqueue.sim.sources import SOURCES

ROOT = Path(__file__).parents[1]
PATHS = (
    "README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("simqueue/**/README.md")),
    "scenarios/README.md",
    "tests/README.md",
)
PAGES = {path: (ROOT / path).read_text(encoding="utf-8") for path in PATHS}
ALL = "".join(PAGES.values())
BLOCKS = re.findall(r"```python\n(.*?)```", ALL, re.DOTALL)


def block(mark):
    (found,) = [text for text in BLOCKS if mark in text]
    return found


def section(title):
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^##? |\Z)", ALL, re.DOTALL | re.MULTILINE)
    return found


def first_column(title):
    return re.findall(r"^\| `([^`]+)` \|", section(title), re.MULTILINE)


@pytest.fixture(scope="module")
def shown():
    """The names of the first scenario's module."""
    names = {}
    exec(compile(block("sent.append(job.id)"), "mails.py", "exec"), names)
    return names


def test_the_first_scenario_runs_and_its_run_can_be_asked(shown, capsys):
    for seed in range(20):
        simqueue.run(shown["scenario"], seed=seed).check()
    exec(block("run.check()"), {"simqueue": simqueue, **shown})
    assert re.search(r"\d \d+ [0-9a-f]{32}\n$", capsys.readouterr().out)


def test_the_first_scenario_fails_under_faults_by_what_it_asserts_alone(shown, capsys):
    exec(block("Faults.named"), {"simqueue": simqueue, **shown})
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+ exception:AssertionError:scenario:.* \d+", line)


@pytest.mark.parametrize("mark", ["async def ship(job)", "async def resize(job)"])
def test_the_marked_tests_pass(pytester, plugin_args, mark):
    pytester.makepyfile(test_shown=block(mark))
    result = pytester.runpytest_subprocess(
        *plugin_args, "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"
    )
    result.assert_outcomes(passed=1)


def test_the_property_holds():
    names = {"__name__": "shown"}
    text = block("from hypothesis import given")
    text = text.replace("deadline=None", "deadline=None, derandomize=True, database=None")
    exec(compile(text, "test_shown.py", "exec"), names)
    names["test_every_amount_is_charged"]()


def test_a_file_declares_the_config_of_its_scenarios(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenario = "async def scenario(sim):\n    assert sim.now().month == 1\n"
    Path("mails.py").write_text(f"import simqueue\n{block('CONFIG = simqueue.Config')}{scenario}")
    played = CliRunner().invoke(app, ["run", "mails.py", "--trace", "t.json"])
    assert played.exit_code == 1
    assert simqueue.Trace.load("t.json").config.start == datetime(2024, 10, 27, tzinfo=UTC)


def test_pgqueuer_drains_without_postgresql(capsys):
    names = {"__name__": "shown"}
    text = block("asyncio.run(main())").replace("asyncio.run(main())", "")
    exec(compile(text, "hello.py", "exec"), names)
    asyncio.run(names["main"]())
    assert capsys.readouterr().out.count("b'hello'") == 5


def test_every_command_is_shown():
    shown = set(re.findall(r"simqueue ([a-z]+)(?: |`)", ALL))
    assert {command.name for command in app.registered_commands} - {"_record", "_play"} <= shown


def test_every_option_of_a_campaign_has_a_row():
    titles = ("Campaigns", "Commands", "The config of a run")
    shown = set(re.findall(r"`(--[a-z-]+)", "".join(map(section, titles))))
    fuzz = get_command(app).commands["fuzz"]
    assert shown >= {option for each in fuzz.params for option in each.opts if option[:2] == "--"}


def test_the_commands_of_the_workflow_can_be_given():
    (workflow,) = re.findall(r"```yaml\n(.*?)```", ALL, re.DOTALL)
    said = re.sub(r"\n +(?=--|\|\|)", " ", re.sub(r"\$\{\{.*?\}\}", "3", workflow))
    commands = re.findall(r"simqueue (fuzz|merge) (.*?)(?: \|\| .*)?$", said, re.MULTILINE)
    assert [name for name, _ in commands] == ["fuzz", "fuzz", "merge"]
    for name, words in commands:
        given = get_command(app).commands[name].make_context(name, shlex.split(words)).params
        if given.get("part"):
            assert shard(given["part"]) == (3, 8)
            assert len(re.search(r"shard: \[(.*)\]", workflow)[1].split(",")) == 8


def test_every_invariant_and_every_fault_has_a_row():
    assert sorted(first_column("Invariants")) == sorted(each.name for each in INVARIANTS)
    assert first_column("Faults") == list(FAULT_KINDS)


def test_the_presets_are_those_that_are_told():
    (told,) = re.findall(r"^The presets are (.*?)\n\n", section("Faults"), re.DOTALL | re.MULTILINE)
    network = re.search(r"`network` \((.*?)\)", told, re.DOTALL)[1]
    assert tuple(re.findall(r"`([^`]+)`", network)) == PRESETS["network"]
    assert PRESETS["production"] == FAULT_KINDS
    assert all(f"`{preset}`" in told for preset in PRESETS)


def test_what_a_simulation_and_a_worker_can_do_is_in_the_table():
    rows = re.findall(r"^\| (.*?) \|", section("What a scenario can do"), re.MULTILINE)
    simulated = {name for name in vars(simqueue.Simulation) if not name.startswith("_")}
    assert simulated | {"driver", "queries"} == set(re.findall(r"sim\.(\w+)", "".join(rows)))
    told = section("What a scenario can do")
    for name in ("crash", "stop", "restart", "pause", "skew", "disconnect", "wait"):
        assert re.search(rf"`(await )?(worker\.)?{name}\(", told)


# --- each block is run somewhere here ---

ALL_BLOCKS = {
    path: re.findall(r"^```(\w*)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    for path, page in PAGES.items()
}
TESTED = {
    "README.md": (
        ("python", "# orders.py"),
        ("", "nobody pays twice is broken"),
        ("python", "# app.py"),
        ("", "$ simqueue new app.py"),
        ("python", "async def ship(job)"),
    ),
    "simqueue/README.md": (),
    "simqueue/adapter/README.md": (("python", "asyncio.run(main())"),),
    "simqueue/check/README.md": (),
    "simqueue/cli/README.md": (
        ("python", "CONFIG = simqueue.Config"),
        ("yaml", "simqueue merge"),
        ("json", "debugpy"),
    ),
    "simqueue/pytest_plugin/README.md": (
        ("python", "async def resize(job)"),
        ("python", "from hypothesis import given"),
    ),
    "simqueue/report/README.md": (("", "status-is-true is broken"),),
    "simqueue/search/README.md": (),
    "simqueue/sim/README.md": (
        ("python", "sent.append(job.id)"),
        ("python", "run.check()"),
        ("python", "Faults.named"),
    ),
    "scenarios/README.md": (),
    "tests/README.md": (),
}


def texts(language):
    return [text for blocks in ALL_BLOCKS.values() for name, text in blocks if name == language]


def test_every_page_is_listed():
    assert list(PAGES) == list(TESTED)


@pytest.mark.parametrize("path", PAGES)
def test_every_block_is_tested(path):
    assert len(ALL_BLOCKS[path]) == len(TESTED[path])
    for (language, text), (wanted, mark) in zip(ALL_BLOCKS[path], TESTED[path], strict=True):
        assert language == wanted
        assert mark in text


def anchors(page):
    titles = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGES[path])
    for file, anchor in links:
        target = (ROOT / path).parent / file if file else ROOT / path
        assert target.exists(), file
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), (file, anchor)


def given(words):
    """Parse a command line as simqueue would, without running it."""
    name, *arguments = shlex.split(words)
    return get_command(app).commands[name].make_context(name, arguments)


LINES = re.findall(r"^    (?:.*&& |.*-m )?simqueue ([a-z]+ .*)$", ALL, re.MULTILINE)
TABLED = re.findall(r"^\| `simqueue ([a-z]+ trace\.json[^`\[]*)`", ALL, re.MULTILINE)


@pytest.mark.parametrize("line", [*LINES, *TABLED])
def test_every_command_line_can_be_given(line):
    assert given(line.replace(" NAME", " perfetto").replace("TEXT", "text"))


def test_command_lines_are_found():
    assert len(LINES) >= 12
    assert len(TABLED) >= 9


def test_a_first_scenario_is_written_for_the_application(pytester):
    (shown,) = [text for text in texts("") if text.startswith("$ ")]
    pytester.makepyfile(app=block("# app.py"))
    command, *said = shown.splitlines()
    done = pytester.run(sys.executable, "-m", *command.removeprefix("$ ").split())
    assert done.outlines == said
    played = pytester.run(sys.executable, "-m", *said[-1].split(), "--runs", "3")
    assert played.ret == 0


as_shown = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or version("pgqueuer") != NEWEST,
    reason="the pages show runs of Python 3.11, whose asyncio takes those steps",
)


def test_every_module_that_a_page_names_exists():
    modules = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|json))`", PAGES["simqueue/README.md"])
    assert len(modules) > 20
    for module in {*modules} - {"check/no_such_thing.py"}:
        assert (ROOT / "simqueue" / module).exists(), module


def test_the_map_names_every_package_and_every_room():
    rows = re.findall(r"^\| (`.*?)\|", PAGES["simqueue/README.md"], re.MULTILINE)
    rows += re.findall(r"^\| \w[\w ]* \| (`.*?)\|", section("Map"), re.MULTILINE)
    rooms = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    for folder in ("", "sim", "search"):
        packages = (ROOT / "simqueue" / folder).glob("*/__init__.py")
        assert {path.parent.name for path in packages} <= rooms


def test_every_option_of_pytest_has_a_row(pytester):
    given = pytester.runpytest_subprocess("--help").stdout.str()
    shown = set(re.findall(r"--simqueue-[a-z-]+", section("With pytest")))
    for noun in ("schedule", "kind"):
        shown.add(f"--simqueue-break-{noun}")
    assert set(re.findall(r"^  (--simqueue-[a-z-]+)", given, re.MULTILINE)) == shown


@as_shown
def test_the_bug_of_the_first_example_is_found_with_that_story(pytester):
    (story,) = [text for text in texts("") if "nobody pays twice is broken" in text]
    (replay,) = re.findall(
        r"^    (simqueue replay \.simqueue/failures/orders-.*)$", ALL, re.MULTILINE
    )
    pytester.makepyfile(orders=block("# orders.py"))
    done = pytester.run(sys.executable, "-m", "simqueue", "fuzz", "orders.py", "--processes", "1")
    assert done.ret == 1
    assert story in done.stdout.str()
    assert f"Again: {replay}" in done.outlines


@as_shown
def test_the_failure_that_is_read_is_what_the_command_prints(pytester):
    (shown,) = [text for text in texts("") if "status-is-true is broken" in text]
    pytester.makepyfile(retry_lost=(ROOT / "scenarios" / "retry_lost.py").read_text())
    found = "fuzz retry_lost.py --faults fail --seed 12 --runs 1 --strategy random"
    done = pytester.run(sys.executable, "-m", "simqueue", *found.split())
    assert shown in done.stdout.str()


def test_the_launch_configuration_is_the_one_that_is_tested():
    tested = (ROOT / "tests" / "cli" / "launch.json").read_text(encoding="utf-8")
    assert tested in texts("json")


def test_the_table_of_entropy_is_the_one_that_is_printed():
    rows = [f"| {each.name} | {each.treatment} | {each.how} |" for each in SOURCES]
    assert "\n".join(rows) in section("Entropy")


def test_the_screenshot_is_there():
    page = "simqueue/report/README.md"
    (path,) = re.findall(r"!\[.*?\]\((.*?)\)", PAGES[page])
    assert ((ROOT / page).parent / path).read_bytes().startswith(b"\x89PNG")


# --- what a campaign over each scenario finds ---

ROWS = {row.path.stem: row for row in read_rows()}
INSTALLED = version("pgqueuer")
PLANTED = {"lost_update": "exception:AssertionError:scenario:"}
# README says what happens with Python 3.11: asyncio takes other steps in other releases.
RUNS, RUNS_OF_THE_QUIET = 40 if sys.version_info[:2] == (3, 11) else 300, 3
TARGETS = {
    Path(each.name.partition(":")[0]).stem: each for each in load_targets(ROOT / "scenarios")
}


def release(text):
    return tuple(map(int, text.split(".")))


def has_its_bug(row):
    """Return whether the installed PgQueuer has a row's bug, or the scenario puts it there."""
    if release(INSTALLED) < release(row.runs_on):
        return False
    return row.fixed is None or row.control is not None or release(INSTALLED) < release(row.fixed)


BUGGY = [name for name, row in ROWS.items() if has_its_bug(row)]
QUIET = [name for name in TARGETS if name not in {*BUGGY, *PLANTED}]


def fuzz(name, **options):
    target = TARGETS[name]
    return simqueue.fuzz(target.scenario, target=target.name, **options)


def replays(found, name):
    return simqueue.replay(found.trace, scenario=TARGETS[name].scenario, exact=True).reproduced


def signatures(rows):
    """Return what failures of these rows are recognized by, where an invariant sees them."""
    by_invariants = [row for row in rows if not row.by_itself]
    return tuple(
        ":".join(filter(None, ("invariant", row.invariant, variant)))
        for row in by_invariants
        for variant in row.variants
    )


@pytest.mark.parametrize("name", BUGGY)
def test_a_scenario_finds_its_bug_where_it_is_and_nothing_that_is_no_row_s(name):
    row = ROWS[name]
    others = signatures(ROWS[other] for other in BUGGY if other != name)
    config = simqueue.Config(
        faults=simqueue.Faults.named(row.faults),
        accepted=tuple(each for each in others if not row.is_hit(each)),
    )
    (found,) = fuzz(name, runs=RUNS, config=config, until_failure=True).failures
    assert row.is_hit(found.signature)
    assert replays(found, name)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_in_the_scenario_itself(name):
    (found,) = fuzz(name, runs=RUNS).failures
    assert found.signature.startswith(PLANTED[name])
    assert replays(found, name)


@pytest.mark.parametrize("name", QUIET)
def test_a_scenario_without_its_bug_finds_at_most_another_row_s(name):
    others = [] if name.startswith("healthy_") else signatures(map(ROWS.get, BUGGY))
    for found in fuzz(name, runs=RUNS_OF_THE_QUIET).failures:
        assert found.signature in others
        assert name in first_column("All of them at once") or INSTALLED != NEWEST


@pytest.mark.skipif(INSTALLED != NEWEST, reason="the README tells of the newest release")
def test_the_first_command_finds_what_the_table_says():
    (runs,) = re.findall(r"simqueue fuzz scenarios/ --runs (\d+)\n", section("All of them at once"))
    assert int(runs) == 40
    calm = {name for name in BUGGY if ROWS[name].faults == "none"}
    other = set(first_column("All of them at once")) - calm - set(PLANTED)
    assert set(first_column("All of them at once")) >= calm | set(PLANTED)
    assert all(fuzz(name, runs=RUNS, until_failure=True).failures for name in other)
    for name in set(BUGGY) - calm:
        assert f"scenarios/{name}.py --faults {ROWS[name].faults}\n" in section(
            "All of them at once"
        )


def test_the_healthy_applications_are_counted():
    files = {name: constants(ROOT / "scenarios" / f"{name}.py") for name in TARGETS}
    healthy = {name for name, said in files.items() if "AFFECTED" not in said} - set(PLANTED)
    (counted,) = re.findall(r"(\w+) more are healthy", section("The catalogue"))
    assert ("One", "Two", "Three", "Four", "Five").index(counted) + 1 == len(healthy)
