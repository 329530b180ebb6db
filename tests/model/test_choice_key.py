"""Keys of choices are made and parsed in one module, whose table knows every kind."""

import ast
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simqueue
from simqueue.model.choice_key import (
    KINDS,
    MOVED_BY_EDITS,
    SECOND,
    ChoiceKey,
    ChoiceKind,
    Nature,
    fault_key_at,
    first_of,
    key_of,
    parse_key,
    parse_word,
    place_of,
    render_steps,
    spelled,
    thread_of,
    word_of,
)
from simqueue.model.fault import FAULTS, Severity

WORDS = st.text(st.characters(exclude_characters=" "), max_size=8)
PLAIN = sorted(set(KINDS) - {"fault", "unknown"})
SOURCES = sorted(Path(simqueue.__file__).parent.rglob("*.py"))


@given(st.text(st.sampled_from("ab /:_disaster#")))
def test_any_text_can_be_parsed_and_is_formatted_as_it_was(text):
    assert str(parse_key(text)) == text
    assert str(parse_word(text)) == text


@given(st.lists(WORDS, min_size=1).map(tuple))
def test_a_key_can_be_formatted_and_is_parsed_as_it_was(words):
    assert parse_key(str(ChoiceKey(words))) == ChoiceKey(words)


@given(st.text(min_size=1), st.lists(WORDS, max_size=3), st.sampled_from(PLAIN))
def test_a_key_says_whose_choice_it_is_and_of_which_kind(process, place, kind):
    key = parse_key(key_of(process, *place, kind=kind))
    assert (key.asker, key.kind) == (spelled(process), kind)
    assert key.words[1:-1] == tuple(place)
    assert key.statement == (place[-1] if place else spelled(process))
    assert key.word == parse_word(kind)


@given(WORDS.filter(lambda word: not word.endswith("/thread")))
def test_the_choices_of_a_thread_are_its_processs(process):
    key = parse_key(key_of(thread_of(process), kind="order"))
    assert (key.asker, key.process) == (thread_of(process), process)


@given(st.sampled_from(FAULTS), st.sampled_from([SECOND, "connect", "dequeue", "log_jobs"]))
def test_the_key_of_a_fault_says_which_fault_and_of_what(fault, target):
    word = word_of(fault_key_at(place_of("a", "QueueManager.run", target), fault, target))
    assert (word.kind, word.nature, word.row) == ("fault", "fault", fault)
    assert (word.severity, word.target) == (fault.severity, target)
    assert word.is_each_second == (target == SECOND)
    assert word.text == f"{word.without_target}/{target}"


def test_the_text_of_keys_is_that_of_older_traces():
    (crash, *_), (skew,) = FAULTS, [each for each in FAULTS if each.kind == "skew"]
    assert key_of("worker one", "QueueManager.run", "dequeue", kind="request") == (
        "worker_one QueueManager.run dequeue request"
    )
    assert key_of("a", "", kind="random") == "a  random"
    assert fault_key_at(place_of("a", SECOND), crash, SECOND) == "a second disaster:crash/second"
    assert fault_key_at(place_of("a", SECOND), skew, SECOND) == "a second mishap:skew/second"


@pytest.mark.parametrize("text", ["later", "disaster", "catastrophe:crash/second", "fault", ""])
def test_a_kind_of_a_later_release_is_unknown(text):
    assert parse_word(text).kind == "unknown"


def test_a_fault_of_a_later_release_is_a_fault():
    word = parse_word("mishap:flood/second")
    assert (word.nature, word.fault, word.row) == ("fault", "flood", None)


def test_each_kind_has_a_row():
    assert set(KINDS) == set(get_args(ChoiceKind))
    assert {kind.nature for kind in KINDS.values()} == set(get_args(Nature))
    assert MOVED_BY_EDITS[:2] == ("order", "lag")
    assert {each.severity for each in FAULTS} == set(get_args(Severity))


@given(st.lists(st.sampled_from(["a", "b#12", "worker one"]), max_size=1).map(tuple))
def test_the_step_of_one_task_is_named_without_its_number(steps):
    assert render_steps(steps) == "".join(steps).partition("#")[0]


def test_of_an_order_the_first_process_can_be_read():
    about = render_steps(("worker two", "handle#3", "commit#7"))
    assert about == "worker_two handle before commit"
    assert first_of(about) == "worker_two"


# --- no other module parses keys ------------------------------------------------------------------

PARSING = {
    "split", "rsplit", "partition", "rpartition", "startswith", "endswith", "removeprefix",
    "removesuffix",
}  # fmt: skip
NAMES = {"key", "kind", "about"}


def last_name(node):
    """Return the name by which an expression calls its value: ``key`` of ``choice.key[0]``."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func) | ast.Subscript(func):
            return last_name(func)
    return ""


def parsed_in(tree):
    """Yield the lines on which the text of a key is taken apart."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(value, method)) if method in PARSING:
                if last_name(value) in NAMES:
                    yield node.lineno


def parts_in(tree):
    """Yield the lines with a part of a key as text, or a list of kinds of choices."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if text in {"disaster:", "mishap:", "/second", "/thread"}:
                yield node.lineno
            case ast.JoinedStr(parts):
                texts = [each.value for each in parts if isinstance(each, ast.Constant)]
                if "".join(texts[:-1]).strip() == "" and texts[-1:] and texts[-1][1:] in PLAIN:
                    yield node.lineno
            case ast.Tuple(elements) | ast.Set(elements) | ast.List(elements):
                values = {each.value for each in elements if isinstance(each, ast.Constant)}
                if len(values) == len(elements) > 1 and values <= set(PLAIN):
                    yield node.lineno


@pytest.mark.parametrize("source", ["key.split(' ')", "choice.key.endswith('/x')", "f(key)[0]"])
def test_the_search_for_parsing_finds_it(source):
    assert list(parsed_in(ast.parse(source))) == ([] if source == "f(key)[0]" else [1])


@pytest.mark.parametrize("source", ["'disaster:'", "f'{place} request'", "('lag', 'reply')"])
def test_the_search_for_parts_of_keys_finds_them(source):
    assert list(parts_in(ast.parse(source))) == [1]


def test_no_other_module_makes_or_parses_keys():
    lines = []
    for path in SOURCES:
        if path.name != "choice_key.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            lines += [f"{path}:{line}" for line in (*parsed_in(tree), *parts_in(tree))]
    assert not lines


def test_each_delay_of_a_message_or_a_step_is_a_rung_of_a_ladder():
    delays = {name for name, kind in KINDS.items() if kind.nature == "delay"}
    assert delays - {"restart"} == {name for name, kind in KINDS.items() if kind.longest}
    assert all(KINDS[name].graded for name in delays)
