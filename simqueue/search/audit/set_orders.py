"""Orders of sets: which sets the user's code held, and in which order each was iterated.

Two runs that part may part because a set was iterated in two orders. Here a run is traced line by
line, which is slow, and each set that a variable, an attribute or a return value of the user's code
held is written down.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec

from simqueue.model.events import Entry
from simqueue.model.files import write_whole
from simqueue.search.target import is_installed
from simqueue.sim.text.addresses import without_addresses

_MEMBERS_MAX = 1_000
_ORDERS_MAX = 20_000
_SHOWN = 4
_PACKAGE = __file__.rpartition("search")[0]
_PLAIN = (str, bytes, int, float, bool, type(None))


class SetOrder(msgspec.Struct, frozen=True):
    """A set as it was iterated: after how many events, where, and the types of its members."""

    after: int
    place: str
    name: str
    of: str
    members: tuple[str, ...]


@dataclass(eq=False)
class SetOrders:
    """Collects the orders of one run; ``events`` is kept up to date by whoever sees the events."""

    events: int = 0
    found: dict[tuple[str, str, tuple[str, ...]], SetOrder] = field(default_factory=dict)

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Look at the user's code meanwhile, line by line."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        file = frame.f_code.co_filename
        return None if file.startswith("<") or is_installed(file) or _ours(file) else self._stepped

    def _stepped(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "return":
            self._look(frame, "the result", argument)
        for name, value in list(frame.f_locals.items()):
            self._look(frame, name, value)
            for attribute, held in _attributes(value):
                self._look(frame, f"{name}.{attribute}", held)
        return self._stepped

    def _look(self, frame: FrameType, name: str, value: object) -> None:
        if type(value) not in (set, frozenset) or len(self.found) >= _ORDERS_MAX:
            return
        assert isinstance(value, set | frozenset)  # noqa: S101  as the line above says
        if not 1 < len(value) <= _MEMBERS_MAX:
            return
        members = tuple(map(_label, value))
        place = f"{os.path.relpath(frame.f_code.co_filename)}:{frame.f_lineno}"
        key = (place, name, members)
        if key not in self.found:
            of = " and ".join(sorted({type(each).__name__ for each in value})[:3])
            self.found[key] = SetOrder(self.events, place, name, of, members)


@contextmanager
def watched_for_sets(file: str | None) -> Iterator[Callable[[int, Entry], None] | None]:
    """Trace a run that is given the yielded watch, and write its orders of sets to a file."""
    if file is None:
        yield None
        return
    orders = SetOrders()

    def watch(number: int, entry: Entry) -> None:
        orders.events = number + 1

    with orders.traced():
        yield watch
    write_whole(file, msgspec.json.encode(list(orders.found.values())))


def _ours(file: str) -> bool:
    return file.startswith(_PACKAGE)


def _attributes(value: object) -> list[tuple[str, object]]:
    """Return what an object holds, without running code of its class's."""
    if issubclass(type(value), (type, ModuleType, FunctionType)):
        return []
    try:
        held: dict[str, object] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return list(held.items())


def _label(member: object) -> str:
    """Return what a member is called in every process, without running code of the user's."""
    if issubclass(type(member), _PLAIN):
        return repr(member)
    if issubclass(type(member), (tuple, frozenset)):
        items: Any = member
        return f"({', '.join(map(_label, items))})"
    if issubclass(type(member), (type, FunctionType, BuiltinFunctionType, MethodType)):
        named: Any = member
        return f"{type(member).__name__} {named.__qualname__}"
    plain = [f"{name}={held!r}" for name, held in _attributes(member) if type(held) in _PLAIN]
    return without_addresses(f"{type(member).__qualname__}({', '.join(plain[:_SHOWN])})")


def parted(one: Sequence[SetOrder], other: Sequence[SetOrder], before: int) -> SetOrder | None:
    """Return the set that two runs iterated in different orders last before an event, if any."""
    orders: dict[tuple[str, str, tuple[str, ...]], set[tuple[str, ...]]] = {}
    for each in other:
        orders.setdefault(_identity(each), set()).add(each.members)
    found = None
    for each in one:
        theirs = orders.get(_identity(each))
        if theirs is not None and each.members not in theirs and each.after <= before:
            found = each
    return found


def _identity(order: SetOrder) -> tuple[str, str, tuple[str, ...]]:
    return order.place, order.name, tuple(sorted(order.members))
