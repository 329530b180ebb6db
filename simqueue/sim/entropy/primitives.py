"""Locks, semaphores, events, queues and barriers that modules made when they were imported.

A real process imports its own. In a run all simulated processes share the modules, and so does the
next run. So during a run each process has its own state for each such object, a copy of the state
at the beginning of the run; the object itself does not change.
"""

from __future__ import annotations

import _thread
import copy
import gc
import sys
from asyncio import mixins
from collections import deque
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from simqueue.sim.code.places import is_users
from simqueue.sim.patching.patch import Patch
from simqueue.sim.patching.source import Control, Scope, Source

_DEPTH = 6
_VISITS = 200_000
_COPIED = (deque, list, dict, set)
_WAITING = ("_waiters", "_getters", "_putters")
_LEAVES = (BuiltinFunctionType, ModuleType, str, bytes, int, float, type(None))
_LoopBound: type = mixins._LoopBoundMixin  # noqa: SLF001


# --- finding them ---------------------------------------------------------------------------------


class _Found:
    """The objects of the last search, valid until another module is imported."""

    def __init__(self) -> None:
        self.modules: list[Any] = []
        self.objects: list[Any] = []

    def now(self) -> list[Any]:
        """Return the objects, searching again if modules were imported since."""
        modules = list(sys.modules.values())
        if modules != self.modules:
            self.modules = modules
            self.objects = made_by_modules()
        return self.objects


_FOUND = _Found()


def made_by_modules() -> list[Any]:
    """Return asyncio's primitives that the user's modules refer to, each once."""
    modules = {name: module for name, module in list(sys.modules.items()) if _is_users(module)}
    names, level = frozenset(modules), [vars(module) for _, module in sorted(modules.items())]
    seen, primitives = set[int](), []
    for _ in range(_DEPTH):
        following: list[Any] = []
        for each in level:
            if id(each) not in seen and len(seen) < _VISITS:
                seen.add(id(each))
                if issubclass(type(each), _LoopBound):
                    primitives.append(each)
                following += _referents(each, names)
        level = following
    return primitives


def _is_users(module: object) -> bool:
    file = vars(module).get("__file__") if issubclass(type(module), ModuleType) else None
    return type(file) is str and is_users(file)


def _referents(thing: Any, names: frozenset[str]) -> list[Any]:
    """Return the objects that a module's object refers to, without classes and foreign modules.

    Reads only its type, not its ``__class__``: that could wake up a lazy object.
    """
    kind = type(thing)
    if issubclass(kind, type) and thing.__module__ not in names:
        return []
    if kind is FunctionType:
        if thing.__module__ not in names:
            return []
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
    return [each for each in gc.get_referents(thing) if not issubclass(type(each), _LEAVES)]


# --- a state for each process ---------------------------------------------------------------------


class _States:
    """The states of one run, by object and process. Other threads use the objects themselves."""

    def __init__(self, scope: Scope) -> None:
        self._thread, self._pid = scope.thread, scope.world.pid
        self._states: dict[tuple[int, int], dict[str, Any]] = {}

    def of(self, thing: object) -> dict[str, Any] | None:
        """Return the running process's state of an object, None in another thread."""
        if _thread.get_ident() != self._thread:
            return None
        key = id(thing), self._pid()
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _pristine(object.__getattribute__(thing, "__dict__"))
        return state

    def forget(self) -> None:
        """Drop all states."""
        self._states.clear()


def _pristine(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an object's attributes, without the loop and tasks of an earlier use."""
    state = {
        name: copy.copy(value) if type(value) in _COPIED else value
        for name, value in attributes.items()
    }
    if state.get("_loop") is not None:
        state["_loop"] = None
        for name in _WAITING:
            if state.get(name):
                state[name] = type(state[name])()
        if "_locked" in state:
            state["_locked"] = False
        if "_bound_value" in state:
            state["_value"] = state["_bound_value"]
    return state


def _class_with_states(of: Any, states: _States) -> type:
    """Return a class, for the duration of a run, whose objects read and write ``states``."""

    class Own(of):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            state = states.of(self)
            if state is not None:
                if name in state:
                    return state[name]
                if name == "__dict__":
                    return state
            return super().__getattribute__(name)

        def __setattr__(self, name: str, value: Any) -> None:
            state = states.of(self)
            if state is None or hasattr(type(getattr(of, name, None)), "__set__"):
                super().__setattr__(name, value)
            else:
                state[name] = value

        def __delattr__(self, name: str) -> None:
            state = states.of(self)
            if state is None or name not in state:
                super().__delattr__(name)
            else:
                del state[name]

    Own.__name__, Own.__qualname__, Own.__module__ = of.__name__, of.__qualname__, of.__module__
    return Own


class _Own:
    """One object with a state for each process."""

    __slots__ = ("_before", "_object", "_states")

    def __init__(self, thing: object, states: _States) -> None:
        self._object, self._states = thing, states
        self._before: type | None = None

    def install(self) -> None:
        """Change the object's class to one that keeps the states."""
        before = type(self._object)
        own = _class_with_states(before, self._states)
        try:
            object.__setattr__(self._object, "__class__", own)
        except (TypeError, AttributeError):  # its class cannot be changed: leave it
            return
        self._before = before

    def restore(self) -> None:
        """Change the object's class back."""
        if self._before is not None:
            object.__setattr__(self._object, "__class__", self._before)
            self._before = None
            self._states.forget()


def _own_states(scope: Scope) -> Iterator[Patch]:
    states = _States(scope)
    for thing in _FOUND.now():
        yield _Own(thing, states)


CONTROLS = (
    Control(
        Source(
            "module-primitives",
            "asyncio.Lock, Semaphore, Event, Condition, Queue and Barrier made when a module is "
            "imported",
            "controlled",
            "each simulated process of each run has its own, as it was when the run began",
        ),
        _own_states,
    ),
)
