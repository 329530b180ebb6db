"""Records the sets that the user's code held, and in which order each was iterated.

Two runs may part because a set was iterated in two orders. A run is traced line by line, which is
slow, to record each set in a variable, an attribute or a return value of the user's code.
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
    """A set in its order of iteration: number of events before, place, and types of its members."""

    after: int
    place: str
    name: str
    of: str
    members: tuple[str, ...]


@dataclass(eq=False)
class SetOrders:
    """Collects the orders of one run; the caller sets ``events`` to the number of events so far."""

    events: int = 0
    orders: dict[tuple[str, str, tuple[str, ...]], SetOrder] = field(default_factory=dict)

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Trace the user's code line by line inside the ``with`` block."""
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
        if type(value) not in (set, frozenset) or len(self.orders) >= _ORDERS_MAX:
            return
        assert isinstance(value, set | frozenset)  # noqa: S101  as the line above says
        if not 1 < len(value) <= _MEMBERS_MAX:
            return
        members = tuple(map(_label, value))
        place = f"{os.path.relpath(frame.f_code.co_filename)}:{frame.f_lineno}"
        key = (place, name, members)
        if key not in self.orders:
            of = " and ".join(sorted({type(each).__name__ for each in value})[:3])
            self.orders[key] = SetOrder(self.events, place, name, of, members)


@contextmanager
def watched_for_sets(file: str | None) -> Iterator[Callable[[int, Entry], None] | None]:
    """Trace a run that calls the yielded function with its events; write its orders to a file."""
    if file is None:
        yield None
        return
    orders = SetOrders()

    def watch(number: int, entry: Entry) -> None:
        orders.events = number + 1

    with orders.traced():
        yield watch
    write_whole(file, msgspec.json.encode(list(orders.orders.values())))


def _ours(file: str) -> bool:
    return file.startswith(_PACKAGE)


def _attributes(value: object) -> list[tuple[str, object]]:
    """Return the attributes of an object, without running code of its class."""
    if issubclass(type(value), (type, ModuleType, FunctionType)):
        return []
    try:
        held: dict[str, object] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return list(held.items())


def _label(member: object) -> str:
    """Return a label that is equal in every process, without running the user's code."""
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
    """Return the last set before an event that two runs iterated in different orders, if any."""
    orders: dict[tuple[str, str, tuple[str, ...]], set[tuple[str, ...]]] = {}
    for each in other:
        orders.setdefault(_identity(each), set()).add(each.members)
    last = None
    for each in one:
        theirs = orders.get(_identity(each))
        if theirs is not None and each.members not in theirs and each.after <= before:
            last = each
    return last


def _identity(order: SetOrder) -> tuple[str, str, tuple[str, ...]]:
    return order.place, order.name, tuple(sorted(order.members))
