"""State that outlives a run: pictures of the state that user code keeps, and their differences.

A picture covers the globals of the user's modules, the objects that a scenario was given (fixtures,
attributes of a test's instance, variables of the function around it) and environment variables.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

from simqueue.sim.code.places import is_users, library_of


class Look(NamedTuple):
    """The state of a named object as text; a higher ``unlikely`` is a less likely cause."""

    unlikely: int
    text: str | None
    """None if looking changes it, as with attributes that are computed when they are read."""


Picture = dict[str, Look]
"""The look of each named object."""

UNSEEN = (
    "nothing that can be seen from here: neither a fixture nor a global of your modules; look at "
    "files, databases and what other packages keep"
)

_NAMED = 4
_DEPTH = 5
_ITEMS = 200
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_REPEATABLE = ("itertools", "datetime", "decimal", "uuid", "fractions", "re", "zoneinfo")
"""Modules whose objects have a repr with their whole state."""


def picture(scenario: object) -> Picture:
    """Return a picture of the state that a scenario's code keeps now."""
    first, second = dict(_looks(scenario)), dict(_looks(scenario))
    return {
        name: look if first.get(name) == look else look._replace(text=None)
        for name, look in second.items()
    }


def _looks(scenario: object) -> Iterator[tuple[str, Look]]:
    for name, value in _belongings(scenario):
        yield name, Look(0, _look(value, _DEPTH, set()))
    for module in list(sys.modules.values()):
        if _is_users_module(module):
            for name, value in _globals(module):
                yield name, Look(1 + _is_foreign(value), _look(value, _DEPTH, set()))
    for name, text in os.environ.items():
        yield f"environment variable {name}", Look(3, text)
    yield "the current directory", Look(3, os.getcwd())  # noqa: PTH109  a text


def difference(before: Picture, after: Picture) -> str:
    """Name the differences between two pictures, the likeliest cause first."""
    looks = {name: (before.get(name), after.get(name)) for name in [*after, *before]}
    names = [
        name
        for name, (one, other) in looks.items()
        if one != other and not any(look and look.text is None for look in (one, other))
    ]
    names.sort(key=lambda name: (after.get(name) or before[name]).unlikely)
    if not names:
        return UNSEEN
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


# --- named objects ------------------------------------------------------------------------------


def _belongings(scenario: Any) -> Iterator[tuple[str, object]]:
    """Yield the objects that a scenario was given, by name."""
    belongings = getattr(scenario, "belongings", None)
    given: Mapping[str, object] = belongings() if belongings is not None else {}
    yield from given.items()
    function = inspect.unwrap(scenario) if callable(scenario) else scenario
    function = getattr(function, "func", function)
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            with suppress(ValueError):  # it is empty
                yield f"variable {name!r} around {function.__name__}", cell.cell_contents


def _is_users_module(module: object) -> bool:
    file = vars(module).get("__file__") if issubclass(type(module), ModuleType) else None
    return type(file) is str and is_users(file)


def _globals(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield a module's globals that are its own, and the attributes of its classes."""
    for name, value in list(vars(module).items()):
        # Its type, not its __class__: reading that would make a lazy object load.
        kind = type(value)
        if name.startswith("__") or issubclass(kind, ModuleType):
            continue
        if issubclass(kind, type):
            if value.__module__ == module.__name__:
                yield from _attributes(f"{module.__name__}.{name}", value)
        elif kind is not FunctionType or value.__module__ == module.__name__:
            yield f"{module.__name__}.{name}", value


def _is_foreign(value: object) -> bool:
    """Return whether an object is an instance of a library's class, such as a registry."""
    module = sys.modules.get(type(value).__module__)
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and bool(library_of(file))


def _attributes(prefix: str, of: type) -> Iterator[tuple[str, object]]:
    for name, value in list(vars(of).items()):
        if not name.startswith("__"):
            yield f"{prefix}.{name}", value


# --- their looks ---------------------------------------------------------------------------


def _look(value: Any, depth: int, seen: set[int]) -> str:
    """Return a text that changes when an object does, as far as its state can be read."""
    if type(value) in _PLAIN:
        return repr(value)
    if depth == 0 or id(value) in seen:
        return type(value).__name__
    within = seen | {id(value)}
    with suppress(Exception):  # it is user code that answers
        return f"{type(value).__name__}({', '.join(_parts(value, depth - 1, within))})"
    return type(value).__name__


def _parts(value: Any, depth: int, seen: set[int]) -> Iterator[str]:
    if _is(value, Path):
        yield from _files(value)
    elif _is(value, Mapping) and _is_plain(value):
        yield str(len(value))
        for key, item in list(value.items())[:_ITEMS]:
            yield f"{_look(key, depth, seen)}: {_look(item, depth, seen)}"
    elif _is(value, (list, tuple, set, frozenset)) or _is_plain(value):
        yield str(len(value))
        looks = [_look(item, depth, seen) for item in list(value)[-_ITEMS:]]
        yield from sorted(looks) if _is(value, (set, frozenset)) else looks
    elif _is(value, FunctionType):
        yield from _function(value, depth, seen)
    elif _is(value, MethodType):
        yield _look(value.__self__, depth, seen)
    elif _is(value, functools._lru_cache_wrapper):  # noqa: SLF001
        if is_users(value.__wrapped__.__code__.co_filename):
            yield str(value.cache_info())
    elif _is(value, GeneratorType):
        yield str(value.gi_frame and value.gi_frame.f_lasti)
    else:
        yield from _instance(value, depth, seen)


def _is(value: object, kind: Any) -> bool:
    """Return whether an object is of a class by its type, without reading its ``__class__``."""
    return issubclass(type(value), kind)


def _is_plain(value: object) -> bool:
    """Return whether an object is a collection of the standard library, or made of one."""
    return type(value).__module__ in ("builtins", "collections", "array") and hasattr(
        value, "__iter__"
    )


def _function(value: FunctionType, depth: int, seen: set[int]) -> Iterator[str]:
    """Yield the state of a function: its defaults, the variables around it, its attributes."""
    yield _look(value.__defaults__, depth, seen)
    yield _look(value.__kwdefaults__, depth, seen)
    yield _look(vars(value), depth, seen)
    for cell in value.__closure__ or ():
        with suppress(ValueError):  # it is empty
            yield _look(cell.cell_contents, depth, seen)


def _instance(value: Any, depth: int, seen: set[int]) -> Iterator[str]:
    kind = type(value)
    if "mock_calls" in dir(kind):
        yield str(len(value.mock_calls))
        return
    if kind.__module__.partition(".")[0] in _REPEATABLE:
        yield repr(value)
        return
    if kind.__module__.startswith("_pytest."):
        yield str(len(getattr(value, "records", ())))  # of caplog
        return
    if _is(value, (BuiltinFunctionType, ModuleType, type)):
        return
    attributes = dict(_attributes_of(value))
    for name, slot in _slots(kind):
        with suppress(AttributeError):  # it is empty
            attributes[name] = slot.__get__(value, kind)
    for name, item in attributes.items():
        yield f"{name}={_look(item, depth, seen)}"


def _attributes_of(value: object) -> Mapping[str, object]:
    with suppress(AttributeError):
        held: Mapping[str, object] = object.__getattribute__(value, "__dict__")
        return held
    return {}


def _slots(kind: type) -> Iterator[tuple[str, MemberDescriptorType]]:
    """Yield the holders of an instance's attributes; reading them runs no code of the class."""
    for base in kind.__mro__:
        for name, slot in vars(base).items():
            if _is(slot, MemberDescriptorType):
                yield name, slot


def _files(directory: Path) -> Iterator[str]:
    """Yield the names and sizes of a directory's files, as far as it is small."""
    if directory.is_dir():
        for file in sorted(directory.rglob("*"))[:_ITEMS]:
            yield f"{file.name}:{file.stat().st_size if file.is_file() else ''}"
    elif directory.is_file():
        yield str(directory.stat().st_size)
