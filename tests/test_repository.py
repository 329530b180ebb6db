"""The files around the code fit each other: workflows, hooks, templates, changelog, metadata."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from simqueue.cli.app import app

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
HOST = "https://github.com/simqueue/simqueue"


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def workflow(name):
    return yaml.safe_load(read(f".github/workflows/{name}.yml"))


def commands(name):
    """Return all that a workflow's steps run."""
    jobs = workflow(name)["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
README_LINES = re.findall(r"^    (.*)$", read("README.md"), re.MULTILINE)
TEST_LINE = "pip install -e '.[test]' && pytest"
FIRST_LINE = "pip install -e . && simqueue fuzz scenarios/ --time 50s"


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: path.name)
def test_every_yaml_file_parses(path):
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_ci_runs_the_two_lines_of_readme_and_the_ci_script():
    first, tests, thorough = commands("ci")
    assert FIRST_LINE in README_LINES
    assert f"{FIRST_LINE} ||" in first
    assert TEST_LINE in README_LINES
    assert tests == TEST_LINE
    assert (ROOT / thorough).stat().st_mode & 0o111


def test_the_ci_script_finds_the_test_line_in_readme():
    (pattern,) = re.findall(r'grep -m 1 -E "(.*?)" README.md', read(".ci/run"))
    (line,) = [line for line in read("README.md").splitlines() if re.search(pattern, line)]
    assert line.strip() == TEST_LINE


def test_ci_tests_every_python_that_the_package_names():
    named = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if ":: 3." in text]
    matrix = workflow("ci")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert [minor for minor in matrix if minor != "3.14"] == named
    assert "3.14" in workflow("ci")["jobs"]["tests"]["continue-on-error"]


@pytest.mark.parametrize("name", ["ci", "release"])
def test_every_command_of_a_workflow_can_be_given(name):
    lines = re.findall(
        r"\bsimqueue ([a-z]+ .*?)(?: \|\|.*)?$", "\n".join(commands(name)), re.MULTILINE
    )
    assert lines
    for line in lines:
        command, *words = shlex.split(line)
        assert get_command(app).commands[command].make_context(command, words)


def test_only_the_job_that_publishes_may_ask_for_an_identity():
    release = workflow("release")
    assert release["permissions"] == {"contents": "read"}
    granted = {name: job.get("permissions") for name, job in release["jobs"].items()}
    assert granted == {"build": None, "publish": {"id-token": "write"}}
    assert workflow("ci")["permissions"] == {"contents": "read"}


def test_the_hooks_run_what_the_ci_script_runs():
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    script = read(".ci/run")
    for hook in repository["hooks"]:
        assert re.search(rf"^  {hook['entry']}( \.)?$", script, re.MULTILINE), hook["entry"]
    assert len(repository["hooks"]) == 4


@pytest.mark.parametrize("name", ["bug_report", "wrong_verdict", "feature_request"])
def test_issue_forms_ask_for_something(name):
    form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    assert name == "feature_request" or {"trace", "versions"} <= set(ids)


def test_every_address_of_the_project_is_the_same():
    assert all(address.startswith(HOST) for address in PROJECT["urls"].values())
    paths = [*GITHUB.rglob("*.md"), *GITHUB.rglob("*.yml"), ROOT / "CHANGELOG.md"]
    for path in paths:
        for address in re.findall(r"https://github\.com/[^\s)]*simqueue[^\s)]*", path.read_text()):
            assert address.startswith(HOST)


@pytest.mark.parametrize("path", sorted(GITHUB.glob("*.md")), ids=lambda path: path.name)
def test_every_link_of_a_page_about_contributing_leads_to_a_file(path):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_readme_is_short():
    assert len(read("README.md").splitlines()) <= 200


def test_the_changelog_has_an_entry_for_the_version():
    versions = re.findall(r"^## \[(.*?)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", PROJECT["version"]]
    allowed = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (\w+)", read("CHANGELOG.md"), re.MULTILINE)) <= allowed


def test_the_page_of_the_tests_says_how_much_the_short_run_does():
    amount = re.compile(r'\(([\d_]+), (\d+), "(SIMQUEUE_\w+)"\)')
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py"))]
    amounts = {
        variable: (int(short), int(full))
        for text in texts
        for full, short, variable in amount.findall(text)
    }
    row = re.compile(r"^\|[^|]*\| ([\d,]+) \| ([\d,]+) \| `(SIMQUEUE_\w+)` \|$", re.MULTILINE)
    shown = {
        variable: tuple(int(number.replace(",", "")) for number in (short, full))
        for short, full, variable in row.findall(read("tests/README.md"))
    }
    assert len(amounts) >= 4
    assert shown == amounts
