import sys
from pathlib import Path

import pytest

from simqueue.errors import TargetError
from simqueue.search.target import as_word, load_target, load_targets

SCENARIO = "async def scenario(sim): ...\n"


def problem_of(text):
    with pytest.raises(TargetError) as caught:
        load_target(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_is_named_relative_to_the_current_directory(project, tmp_path):
    project("deep/one.py", SCENARIO)
    assert load_target("deep/one.py").name == "deep/one.py:scenario"
    assert load_target(str(tmp_path / "deep" / "one.py")).name == "deep/one.py:scenario"


def test_a_function_may_be_named(project):
    project("one.py", "async def other(sim): ...\n")
    target = load_target("one.py:other")
    assert (target.name, target.scenario.__name__) == ("one.py:other", "other")


def test_a_module_is_found_from_the_current_directory(project):
    project("pack_of_one/__init__.py", "")
    project("pack_of_one/inner.py", SCENARIO)
    assert load_target("pack_of_one.inner").name == "pack_of_one.inner:scenario"
    assert load_target("pack_of_one.inner:scenario").name == "pack_of_one.inner:scenario"


def test_a_directory_means_its_files_with_a_scenario_in_order(project):
    project("many/b.py", SCENARIO)
    project("many/a.py", SCENARIO)
    project("many/helper.py", "VALUE = 1\n")
    project("many/_private.py", "raise ValueError\n")
    assert [target.name for target in load_targets("many")] == [
        "many/a.py:scenario",
        "many/b.py:scenario",
    ]


def test_a_directory_without_a_scenario_is_refused(project):
    project("many/helper.py", "VALUE = 1\n")
    with pytest.raises(TargetError, match=r"no \*\.py in this directory"):
        load_targets("many")


def test_a_scenario_may_import_its_neighbours(project):
    project("dir/neighbour_of_one.py", "VALUE = 7\n")
    project("dir/one.py", "from neighbour_of_one import VALUE\n" + SCENARIO)
    assert sys.modules[load_target("dir/one.py").scenario.__module__].VALUE == 7


def test_files_of_the_same_name_in_two_directories_do_not_mix(project):
    for directory in ("x", "y"):
        project(f"{directory}/helper_of_both.py", f"VALUE = {directory!r}\n")
        project(f"{directory}/same.py", f"from helper_of_both import VALUE\n{SCENARIO}")
    found = [load_target(f"{directory}/same.py").scenario for directory in ("x", "y", "x")]
    assert [scenario.__globals__["VALUE"] for scenario in found] == ["x", "y", "x"]


def test_a_file_named_like_a_library_module_does_not_replace_it(project):
    import queue

    project("queue.py", SCENARIO)
    assert load_target("queue.py").name == "queue.py:scenario"
    assert sys.modules["queue"] is queue


def test_an_object_with_an_async_call_is_a_scenario(project):
    project("one.py", "class S:\n    async def __call__(self, sim): ...\nscenario = S()\n")
    assert load_target("one.py").name == "one.py:scenario"


def test_a_missing_file_or_module_is_named(project):
    assert "there is no such file" in problem_of("nope/one.py")
    assert "there is no module or file 'nope'" in problem_of("nope")
    assert "there is no module or file ''" in problem_of(":scenario")


def test_a_missing_function_is_named_with_those_that_exist(project):
    project("one.py", "async def first(sim): ...\nasync def second(sim): ...\n")
    assert problem_of("one.py").endswith("has no function 'scenario'; it has: first, second")


def test_what_is_not_an_async_function_is_refused(project):
    project("one.py", "def scenario(sim): ...\nnumber = 5\nasync def wide(a, b): ...\n")
    assert "is not an `async def`" in problem_of("one.py")
    assert "is not an `async def`" in problem_of("one.py:number")
    assert "must take one argument" in problem_of("one.py:wide")


def test_an_error_in_the_file_is_told_with_its_line(project):
    project("one.py", "import os\n\nimport no_such_thing_at_all\n")
    assert "one.py:3: ModuleNotFoundError: No module named" in problem_of("one.py")


def test_an_error_in_a_neighbour_is_told_with_the_neighbours_line(project):
    project("broken_neighbour.py", "\n1 / 0\n")
    project("one.py", "import broken_neighbour\n")
    assert "broken_neighbour.py:2: ZeroDivisionError" in problem_of("one.py")


def test_a_syntax_error_is_told_with_its_line(project):
    project("one.py", "async def scenario(sim):\n    return (\n")
    assert "one.py:2: SyntaxError" in problem_of("one.py")


def test_a_file_that_exits_when_imported_is_refused(project):
    project("one.py", "import sys\nsys.exit(0)\n")
    assert "one.py:2: SystemExit" in problem_of("one.py")


def test_a_directory_is_not_one_scenario(project, tmp_path):
    assert "is a directory" in problem_of(str(tmp_path))


def test_a_file_that_was_changed_a_moment_ago_is_read_again(project):
    project("one.py", "LETTER = 'a'\n" + SCENARIO)
    first = load_target("one.py").scenario
    project("one.py", "LETTER = 'b'\n" + SCENARIO)
    assert first.__globals__["LETTER"] == "a"
    assert load_target("one.py").scenario.__globals__["LETTER"] == "b"


@pytest.mark.parametrize("name", ["é" * 300, "x/" + "y" * 5_000 + ".py", "a\0b.py", "z" * 5_000])
def test_a_name_that_no_file_can_have_is_refused_in_a_short_line(name, project):
    with pytest.raises(TargetError) as caught:
        load_target(name)
    assert len(str(caught.value)) < 600


def test_a_link_to_itself_is_refused(project):
    Path("loop.py").symlink_to("loop.py")
    assert problem_of("loop.py").startswith("loop.py: ")


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("one.py:scenario", "one.py:scenario"),
        ("--seed=7.py:scenario", "./--seed=7.py:scenario"),
        ("a b.py:$(reboot)", "'a b.py:$(reboot)'"),
        ("-x.py; reboot", "'./-x.py; reboot'"),
    ],
)
def test_in_a_command_line_a_target_is_one_word_and_no_option(target, word):
    assert as_word(target) == word
