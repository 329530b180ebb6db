"""Callables redirected in place: every reference to one reaches the replacement.

``from time import monotonic``, a default argument and a closure all refer to the same object, so
the object itself is redirected. CPython stores a built-in function and a bound method as machine
words; each class here checks the words before it writes them. Writing is one slice assignment,
which no other thread can interrupt.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
import sysconfig
from collections.abc import Callable
from types import BuiltinFunctionType, MethodType, ModuleType
from typing import Any

from simqueue.errors import UsageError

DEBUGGER_S_WRAPPERS = "_pydev_bundle.pydev_monkey"
"""The module with wrappers of the functions that start threads and processes, which the debuggers
of VS Code and PyCharm install."""
_VARARGS_AND_KEYWORDS = 0x0001 | 0x0002
_HAS_CLASS = 0x0200


class _Definition(ctypes.Structure):
    """PyMethodDef: the name of a built-in function, and its C function."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_Words = ctypes.c_size_t * 8
_DEFINITION, _SELF, _MODULE, _WEAKREFS, _VECTORCALL, _CLASS = range(2, 8)
_FUNCTION = 2

# Prototypes of our own: those of ctypes.pythonapi are shared with other code.
_incref = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", ctypes.pythonapi))
_decref = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_DecRef", ctypes.pythonapi))
_new_function = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p
)(("PyCMethod_New", ctypes.pythonapi))
_PYOBJECT_CALL = ctypes.cast(ctypes.pythonapi.PyObject_Call, ctypes.c_void_p).value


class Builtin:
    """A built-in function whose calls can be redirected.

    ``original`` is another function object with the same definition, to be called while the
    function is redirected.

    Raises:
        UsageError: this interpreter does not store built-in functions as CPython does.
    """

    __slots__ = ("_away", "_definition", "_home", "_module", "_words", "function", "original")

    def __init__(self, function: Callable[..., Any]) -> None:
        check_interpreter()
        self.function = function
        self._words = words = _words_of(function)
        definition = _checked_definition(function, words)
        self._home = (words[_DEFINITION], words[_SELF], words[_VECTORCALL])
        self._module = words[_MODULE]
        self._definition = _Definition(
            definition.name, _PYOBJECT_CALL, _VARARGS_AND_KEYWORDS, definition.doc
        )
        self._away = ctypes.addressof(self._definition)
        self.original: Callable[..., Any] = _new_function(
            words[_DEFINITION],
            function.__self__,  # type: ignore[attr-defined]
            words[_MODULE],
            words[_CLASS] if definition.flags & _HAS_CLASS else None,
        )

    @property
    def redirected(self) -> bool:
        """Whether calls are redirected now."""
        return self._words[_DEFINITION] != self._home[0]

    def redirect(self, replacement: Callable[..., Any]) -> None:
        """Send calls to ``replacement``; raise ``UsageError`` if they are redirected already."""
        words = self._words
        if words[_DEFINITION] != self._home[0]:
            raise UsageError(
                f"{self.function.__name__} is redirected already: one simulation at a time can run "
                "in a process; run others in processes of their own"
            )
        # The function owns the object that its self points to; the garbage collector relies on
        # that.
        _incref(replacement)
        words[_DEFINITION:_CLASS] = [
            self._away, id(replacement), self._module, words[_WEAKREFS], 0
        ]  # fmt: skip

    def restore(self, replacement: Callable[..., Any]) -> None:
        """Undo ``redirect``; do nothing if calls do not go to this very replacement."""
        words = self._words
        if words[_SELF] != id(replacement):
            return
        definition, owner, vectorcall = self._home
        words[_DEFINITION:_CLASS] = [
            definition, owner, self._module, words[_WEAKREFS], vectorcall
        ]  # fmt: skip
        _decref(replacement)


class Bound:
    """A bound method that can be redirected to a method of another object."""

    __slots__ = ("_home", "_words", "method")

    def __init__(self, method: MethodType) -> None:
        check_interpreter()
        self.method = method
        self._words = words = _words_of(method)
        self._home = (words[_FUNCTION], words[_SELF])
        if self._home != (id(method.__func__), id(method.__self__)):
            raise strange(method)

    def redirect(self, replacement: MethodType) -> None:
        """Send calls to ``replacement``."""
        for owned in self._replaced_by(replacement):
            _incref(owned)
        self._words[_FUNCTION:_MODULE] = [id(replacement.__func__), id(replacement.__self__)]

    def restore(self, replacement: MethodType) -> None:
        """Undo ``redirect``; do nothing if calls do not go to this very replacement."""
        if self._words[_SELF] != id(replacement.__self__):
            return
        self._words[_FUNCTION:_MODULE] = list(self._home)
        for owned in self._replaced_by(replacement):
            _decref(owned)

    def _replaced_by(self, replacement: MethodType) -> tuple[object, ...]:
        """Return the replacement that the method will own; the function is often the same."""
        function = replacement.__func__
        if id(function) == self._home[0]:
            return (replacement.__self__,)
        return (replacement.__self__, function)


@functools.cache
def builtin(name: str) -> Builtin | None:
    """Return the built-in function of a dotted name, None if there is none.

    Must be called while nothing is redirected.
    """
    module, _, attribute = name.rpartition(".")
    try:
        home = importlib.import_module(module)
        function = getattr(home, attribute)
    except (ImportError, AttributeError):
        return None
    if getattr(function, "__module__", "") == DEBUGGER_S_WRAPPERS:
        function = _wrapped(home, attribute)
        if function is None:
            return None
    if not isinstance(function, BuiltinFunctionType):
        raise UsageError(
            f"{name} is {function!r}, not the built-in function, so other code has replaced it; "
            "undo that before a simulation starts"
        )
    return Builtin(function)


def _wrapped(home: ModuleType, name: str) -> Any:
    """Return the built-in function that a debugger has kept in its module, if it has."""
    kept = [each for each in vars(home).values() if isinstance(each, BuiltinFunctionType)]
    return next((each for each in kept if each.__name__ == name), None)


@functools.cache
def check_interpreter() -> None:
    """Raise ``UsageError`` unless this is CPython in its ordinary build."""
    ordinary = (
        sys.implementation.name == "cpython"
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
        and not hasattr(sys, "getobjects")
    )
    if not ordinary:
        raise UsageError(
            "simqueue controls clocks and entropy only in CPython's ordinary build, not in "
            f"{sys.implementation.name} {sys.version}: run it with a build that has the global "
            "interpreter lock and no reference tracing"
        )


def _words_of(thing: object) -> ctypes.Array[ctypes.c_size_t]:
    words = _Words.from_address(id(thing))
    if words[1] != id(type(thing)):
        raise strange(thing)
    return words


def _checked_definition(
    function: Callable[..., Any], words: ctypes.Array[ctypes.c_size_t]
) -> _Definition:
    # Check self first: only if it is as expected, the word before it can be used as a pointer.
    if words[_SELF] != id(function.__self__):  # type: ignore[attr-defined]
        raise strange(function)
    definition = _Definition.from_address(words[_DEFINITION])
    if definition.name != function.__name__.encode():
        raise strange(function)
    return definition


def strange(thing: object) -> UsageError:
    """Return the error for an object whose memory is not as expected."""
    return UsageError(
        f"{thing!r} has another memory layout than in CPython 3.11 to 3.14, which simqueue needs; "
        f"this is {sys.version}: run with one of those"
    )
