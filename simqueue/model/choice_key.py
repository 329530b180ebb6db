"""Keys of choices: the process that makes the choice, the place in its code, and the kind.

A key is text, as traces hold it: ``"a QueueManager.run dequeue request"``. Its first word names a
process, its last word the kind; between them may stand a task and a statement. The last word of a
fault has parts: ``"disaster:crash/dequeue"``, ``"mishap:skew/second"``. This module alone makes
and reads such text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

import msgspec

from simqueue.model.fault import FAULT_OF, Fault, Severity

ChoiceKind = Literal[
    "order", "lag", "notify", "request", "reply", "commit", "thread", "cancel", "restart", "back",
    "choice", "chance", "random", "fault", "unknown",
]  # fmt: skip
"""Kinds of choices; ``unknown`` is one of a later release, which a trace may hold."""

Nature = Literal["order", "delay", "value", "fault", "unknown"]
"""The order of tasks; a duration; a value that the scenario draws; a fault."""

Longest = Literal["hop_max", "commit_max", "lag_max"]
"""The setting of a ``Config`` that is the longest delay of a kind."""


class Kind(msgspec.Struct, frozen=True):
    """The properties of a kind of choices.

    ``longest`` is set where a value is a rung of the ladder up to that setting. ``graded``: a
    greater value is more of the same. ``moved_by_edits``: such choices are made so often that an
    edit of the code moves them. ``of_message``: the choice follows the event of the message that it
    delays.
    """

    nature: Nature
    longest: Longest | None = None
    graded: bool = False
    moved_by_edits: bool = False
    of_message: bool = False


KINDS: dict[ChoiceKind, Kind] = {
    "order": Kind("order", moved_by_edits=True),
    "lag": Kind("delay", "lag_max", graded=True, moved_by_edits=True),
    "notify": Kind("delay", "hop_max", graded=True, moved_by_edits=True, of_message=True),
    "request": Kind("delay", "hop_max", graded=True, moved_by_edits=True, of_message=True),
    "reply": Kind("delay", "hop_max", graded=True, moved_by_edits=True, of_message=True),
    "commit": Kind("delay", "commit_max", graded=True, moved_by_edits=True, of_message=True),
    "thread": Kind("delay", "hop_max", graded=True, moved_by_edits=True),
    "cancel": Kind("delay", "hop_max", graded=True),
    "restart": Kind("delay", graded=True),  # ten times a rung of hop_max, and a second
    "back": Kind("fault", graded=True),  # how long a worker is down that a fault has ended
    "choice": Kind("value"),
    "chance": Kind("value"),
    "random": Kind("value", graded=True),
    "fault": Kind("fault"),
    "unknown": Kind("unknown"),
}
"""Every kind; those that edits move stand in the order in which they are sensitive to edits."""

MOVED_BY_EDITS = tuple(name for name, kind in KINDS.items() if kind.moved_by_edits)
"""Kinds of choices that edits of the code move, the most sensitive first."""

SECOND = "second"
"""The target of a fault that can occur in each second, and the place of such choices."""

_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_PLAIN: dict[str, ChoiceKind] = {name: name for name in KINDS if name not in {"fault", "unknown"}}
_THREAD = "/thread"
_TASK_WORDS = 2
_WORDS_CACHED = 4096


class Word(msgspec.Struct, frozen=True):
    """The last word of a key, parsed; ``text`` is the word as it stands.

    Of a fault's word ``severity`` and ``fault`` are the parts before the slash, and ``target`` is
    the part after it: ``"second"``, ``"connect"`` or the name of a statement.
    """

    text: str
    kind: ChoiceKind
    severity: Severity | None = None
    fault: str = ""
    target: str = ""

    @property
    def nature(self) -> Nature:
        """The nature of the kind."""
        return KINDS[self.kind].nature

    @property
    def row(self) -> Fault | None:
        """The fault's row of the table; None if it is no fault, or one of a later release."""
        return FAULT_OF.get(self.fault)

    @property
    def is_each_second(self) -> bool:
        """Whether such choices are made once in each second."""
        return self.target == SECOND

    @property
    def without_target(self) -> str:
        """A fault's word up to the slash; any other word whole."""
        return self.text if self.severity is None else f"{self.severity}:{self.fault}"

    def __str__(self) -> str:
        """Return the text that was parsed."""
        return self.text


@lru_cache(_WORDS_CACHED)
def parse_word(text: str) -> Word:
    """Parse the last word of a key; any text can be parsed."""
    kind = _PLAIN.get(text)
    if kind is not None:
        return Word(text, kind)
    before, colon, rest = text.partition(":")
    for severity in _SEVERITIES:
        if colon and before == severity:
            fault, _, target = rest.partition("/")
            return Word(text, "fault", severity, fault, target)
    return Word(text, "unknown")


class ChoiceKey(msgspec.Struct, frozen=True):
    """A key, parsed. ``parse_key(text)`` and ``str(key)`` are inverse, for any text."""

    words: tuple[str, ...]

    @property
    def asker(self) -> str:
        """The process or connection whose choice it is, as keys spell it, or a thread of it."""
        return self.words[0]

    @property
    def process(self) -> str:
        """Likewise, without the thread."""
        return self.asker.removesuffix(_THREAD)

    @property
    def statement(self) -> str:
        """The word before the kind, which of a message is its statement; empty if there is none."""
        return self.words[-2] if len(self.words) > 1 else ""

    @property
    def chain(self) -> str:
        """The process, and its task if the key names one."""
        has_task = len(self.words) > _TASK_WORDS
        return " ".join(self.words[:_TASK_WORDS]) if has_task else self.asker

    @property
    def word(self) -> Word:
        """The last word, parsed."""
        return parse_word(self.words[-1])

    @property
    def kind(self) -> ChoiceKind:
        """The kind of choice."""
        return self.word.kind

    @property
    def nature(self) -> Nature:
        """The nature of the kind."""
        return self.word.nature

    def __str__(self) -> str:
        """Return the key as traces hold it."""
        return " ".join(self.words)


@lru_cache(_WORDS_CACHED)
def parse_key(text: str) -> ChoiceKey:
    """Parse a key; any text can be parsed."""
    return ChoiceKey(tuple(text.split(" ")))


def word_of(key: str) -> Word:
    """Return the last word of a key, parsed."""
    return parse_word(key.rpartition(" ")[2])


# --- making keys ----------------------------------------------------------------------------------


def spelled(name: str) -> str:
    """Return the name of a process or connection as keys spell it: as one word."""
    return "_".join(name.split(" "))


def thread_of(process: str) -> str:
    """Return the name of a process's thread."""
    return process + _THREAD


def place_of(process: str, *place: str) -> str:
    """Return the common prefix of the keys of a process's choices at one place of its code."""
    return " ".join((spelled(process), *place))


def key_of(process: str, *place: str, kind: ChoiceKind) -> str:
    """Return the key of the choices of one kind of a process, at a place of its code."""
    return key_at(place_of(process, *place), kind)


def key_at(place: str, kind: ChoiceKind) -> str:
    """Return the key of the choices of one kind at a place, as ``place_of`` returns it."""
    return f"{place} {kind}"


def fault_key_at(place: str, fault: Fault, target: str) -> str:
    """Return the key of the choices whether a fault occurs at a place to a ``target``."""
    return f"{place} {fault.severity}:{fault.kind}/{target}"


# --- whose steps a choice is about ----------------------------------------------------------------

Steps = tuple[str, ...]
"""A task; or the process that goes first, its task, and the task that it goes before."""


def render_steps(steps: Steps) -> str:
    """Return whose steps a choice is about, as traces hold it: tasks without their numbers."""
    if len(steps) <= 1:
        return "".join(map(without_number, steps))
    process, task, before = steps
    return f"{spelled(process)} {without_number(task)} before {without_number(before)}"


def first_of(about: str) -> str:
    """Return the process that goes first, from the text that ``render_steps`` returns."""
    return about.partition(" ")[0]


def without_number(task: str) -> str:
    """Return the name of a task without the number that distinguishes tasks of one name."""
    return task.partition("#")[0]
