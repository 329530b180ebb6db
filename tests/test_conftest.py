"""The short run of these tests and the thorough one: what conftest.py selects and reports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")
TESTS = """
    import pytest

    @pytest.mark.thorough
    def test_long():
        pass

    def test_any(thorough, capsys):
        with capsys.disabled():
            print("amounts:", thorough(1000, 60), thorough(3, 1, "OTHER"))
"""
ALONE = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:hypothesispytest")


@pytest.fixture
def play(pytester, monkeypatch):
    """Run tests in a directory that has this conftest."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("OTHER", "7")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nmarkers = thorough\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(test_it=TESTS)
    return lambda *arguments: pytester.runpytest_subprocess(*ALONE, *arguments)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_short_run_leaves_out_long_tests_and_says_so(play, workers):
    result = play("-q", "-n", workers)
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(["short run: 1 long tests left out*`pytest --thorough`*"])


def test_the_thorough_run_has_all_tests_in_full(play):
    result = play("--thorough")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["tests: in full (--thorough)", "*amounts: 1000 7*"])
    result.stdout.no_fnmatch_line("*short run*")


def test_amounts_are_short_by_default_and_files_need_one_process(play):
    result = play("-n", "auto", "test_it.py")
    result.stdout.fnmatch_lines(["tests: short run; --thorough *", "*amounts: 60 7*"])
    result.stdout.no_fnmatch_line("*workers*")


@pytest.mark.thorough
def test_no_module_of_tests_is_left_out_of_the_short_run_as_a_whole():
    """Compare the modules that both runs collect, in this checkout."""

    def modules(*arguments):
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", *arguments]
        listed = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        return {line.partition("::")[0] for line in listed.splitlines() if "::" in line}

    assert len(modules()) > 200
    assert modules() == modules("--thorough")
