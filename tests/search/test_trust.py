from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec
import pytest

import simqueue
from simqueue.errors import TargetError
from simqueue.search.explain.inevitable import inevitable
from simqueue.search.explain.nearest import nearest_passing
from simqueue.search.target import load_target
from simqueue.search.trust import objection, refuse_untrusted

OUTSIDE = "is not below the current directory"
MARK = "import pathlib; pathlib.Path({marker!r}).touch()\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current directory, with files beside it and links that lead out of it."""
    home, outside = tmp_path / "home", tmp_path / "outside"
    for directory in (home / "deep", home / "spaced", outside / "linked"):
        directory.mkdir(parents=True)
    for file in ("one.py", "script.txt", "deep/__init__.py", "deep/two.py", "spaced/three.py"):
        (home / file).touch()
    for file in ("far.py", "linked/__init__.py", "linked/inner.py"):
        (outside / file).touch()
    (home / "link.py").symlink_to(outside / "far.py")
    (home / "linked").symlink_to(outside / "linked")
    (home / "deep/far.py").symlink_to(outside / "far.py")
    (home / "text.py").symlink_to("script.txt")
    (home / "again.py").symlink_to("one.py")
    (home / "spaced/old.pyc").touch()
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    return home


@pytest.mark.parametrize(
    "target",
    [
        "one.py",
        "one.py:main",
        "./deep/../deep/two.py:main",
        "../home/one.py",
        "again.py",
        "deep.two:main",
        "spaced.three",
        "one",
        "pytest:deep/two.py::test_x[a::b]",
        "simqueue.cli.app:main",
        "msgspec",
    ],
)
def test_files_below_the_current_directory_and_modules_run_without_a_question(here, target):
    assert objection(target) == ""


def test_so_does_an_absolute_path_and_one_through_a_link_to_the_current_directory(
    here, tmp_path, monkeypatch
):
    assert objection(f"{here}/deep/two.py:main") == ""
    (tmp_path / "door").symlink_to(here)
    monkeypatch.chdir(tmp_path / "door")
    assert objection("deep/two.py:main") == ""
    assert objection(f"{tmp_path}/door/deep/two.py:main") == ""
    assert objection("two.py:main", here / "deep") == ""


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("../outside/far.py:main", OUTSIDE),
        ("deep/../../outside/far.py", OUTSIDE),
        ("link.py:main", OUTSIDE),
        ("linked/inner.py", OUTSIDE),
        ("linked.inner:main", OUTSIDE),
        ("linked", OUTSIDE),
        ("deep.far", OUTSIDE),
        ("pytest:../outside/far.py::test_x", OUTSIDE),
        ("pytest:link.py::test_x", OUTSIDE),
        ("./script.txt:main", r"is not a \*\.py file"),
        ("text.py", r"is not a \*\.py file"),
        ("/dev/stdin", OUTSIDE),
        ("antigravity:scenario", "is a module of Python's standard library"),
        ("idlelib.idle", "is a module of Python's standard library"),
        ("test.autotest:main", "is a module of Python's standard library"),
        ("simqueue.__main__:main", "is a program"),
        ("deep.__main__:main", "is a program"),
    ],
)
def test_whatever_else_does_not(here, target, problem):
    with pytest.raises(TargetError, match=problem):
        refuse_untrusted(target)


def test_a_package_of_the_user_s_may_be_called_test(here):
    Path("test").mkdir()
    Path("test/__init__.py").touch()
    assert objection("test.one:main") == ""


def test_compiled_modules_of_the_current_directory_do_not(here):
    Path(f"native{EXTENSION_SUFFIXES[0]}").touch()
    for target in ("native:main", "spaced.old"):
        assert "is not a *.py file" in objection(target)


def test_names_that_no_file_can_have_do_not(here):
    for name in ("a\0b.py", "\ud800.py"):
        assert "cannot be looked for" in objection(name)


def test_what_is_looked_at_is_not_imported(here, tmp_path):
    marker = tmp_path / "marker"
    for file in ("deep/__init__.py", "deep/two.py", "one.py"):
        Path(file).write_text(MARK.format(marker=str(marker)))
    for target in ("deep.two", "deep/two.py", "one", "deep.far", "link.py"):
        objection(target)
    assert not marker.exists()


def test_a_module_that_the_user_lets_python_find_elsewhere_runs(here, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path / "outside"))
    assert objection("far:main") == ""
    monkeypatch.chdir(here / "deep")
    assert objection("one:main") == ""


def test_from_python_a_stranger_s_target_needs_a_scenario(project, tmp_path, monkeypatch):
    marker, home = tmp_path / "marker", tmp_path / "home"
    project(
        "far.py", f"{MARK.format(marker=str(marker))}\nasync def scenario(sim):\n    assert 0\n"
    )
    home.mkdir()
    monkeypatch.chdir(home)
    target = load_target("../far.py")
    trace = simqueue.run(target.scenario, target=target.name).trace
    assert trace.target == "../far.py:scenario"
    marker.unlink()
    for play in (simqueue.replay, simqueue.shrink, inevitable, nearest_passing):
        with pytest.raises(TargetError, match=r"not below the current.*pass scenario=\.\.\."):
            play(trace)
    assert not marker.exists()
    assert simqueue.replay(trace, scenario=target.scenario).reproduced
    monkeypatch.chdir(tmp_path)
    near = msgspec.structs.replace(trace, target="far.py:scenario")
    assert not simqueue.replay(near).run.passed
    assert marker.exists()
