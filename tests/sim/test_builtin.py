import ctypes
import functools
import gc
import os
import sys
import sysconfig
import time
from os import urandom
from time import monotonic

import pytest

from simqueue.errors import UsageError
from simqueue.sim.patching import builtin as module
from simqueue.sim.patching.builtin import Bound, Builtin, builtin, check_interpreter


class Greeter:
    def __init__(self, name):
        self.name = name

    def greet(self, word):
        return f"{word}, {self.name}"


@pytest.fixture
def redirected():
    """Redirect a function for the length of a test."""
    undo = []

    def redirect(function, replacement):
        found = Builtin(function)
        found.redirect(replacement)
        undo.append(functools.partial(found.restore, replacement))
        return found

    yield redirect
    for restore in undo:
        restore()


def test_a_name_imported_long_ago_reaches_the_replacement(redirected):
    redirected(time.monotonic, lambda: 42.0)
    assert (monotonic(), time.monotonic()) == (42.0, 42.0)


def test_arguments_and_exceptions_pass_through(redirected):
    def replacement(*args, **kwargs):
        if kwargs:
            raise LookupError(kwargs)
        return args

    redirected(os.urandom, replacement)
    assert urandom(3) == (3,)
    with pytest.raises(LookupError, match="size"):
        urandom(size=3)


def test_a_call_site_specialised_by_the_interpreter_follows(redirected):
    def read():
        return monotonic()

    for _ in range(1_000):
        read()
    found = redirected(time.monotonic, lambda: 42.0)
    assert {read() for _ in range(1_000)} == {42.0}
    found.restore(found.function)  # not the replacement: nothing happens
    assert read() == 42.0


def test_the_original_works_while_the_function_is_redirected(redirected):
    found = redirected(os.urandom, lambda size: b"")
    assert urandom(4) == b""
    assert len(found.original(4)) == 4


def test_every_word_of_the_function_is_restored():
    before = bytes(ctypes.string_at(id(monotonic), 56))
    found = Builtin(monotonic)
    replacement = lambda: 0.0  # noqa: E731
    found.redirect(replacement)
    assert found.redirected
    found.restore(replacement)
    assert not found.redirected
    # Not the reference count, which is the first word.
    assert bytes(ctypes.string_at(id(monotonic), 56))[8:] == before[8:]
    assert monotonic.__self__ is time
    assert monotonic() > 0


def test_no_reference_is_gained_or_lost():
    found = Builtin(monotonic)
    replacement = lambda: 0.0  # noqa: E731
    gc.collect()
    counts = [sys.getrefcount(thing) for thing in (time, replacement, monotonic)]
    for turn in range(100):
        found.redirect(replacement)
        if turn == 50:
            gc.collect()
        monotonic()
        found.restore(replacement)
    assert [sys.getrefcount(thing) for thing in (time, replacement, monotonic)] == counts


def test_a_replacement_that_nobody_else_holds_is_kept_alive(redirected):
    redirected(time.monotonic, functools.partial(dict.get, {1: "kept"}, 1))
    gc.collect()
    assert monotonic() == "kept"


def test_redirecting_twice_is_refused(redirected):
    found = redirected(time.monotonic, lambda: 42.0)
    with pytest.raises(UsageError, match="one simulation at a time"):
        found.redirect(lambda: 43.0)
    assert monotonic() == 42.0


def test_a_name_that_leads_nowhere_is_no_function():
    assert builtin("time.no_such_clock") is None
    assert builtin("no_such_module.function") is None


def test_a_name_that_somebody_has_replaced_is_refused(monkeypatch):
    monkeypatch.setattr(time, "get_clock_info", lambda name: None)
    with pytest.raises(UsageError, match="other code has replaced it"):
        builtin("time.get_clock_info")


def test_a_bound_method_can_stand_for_another_objects():
    ann, bob = Greeter("Ann"), Greeter("Bob")
    method, replacement = ann.greet, bob.greet
    bound = Bound(method)
    bound.redirect(replacement)
    assert method("hello") == "hello, Bob"
    bound.restore(replacement)
    assert method("hello") == "hello, Ann"
    assert ann.greet("hello") == "hello, Ann"


def test_a_function_with_another_layout_is_refused(monkeypatch):
    monkeypatch.setattr(module, "_SELF", 5)
    with pytest.raises(UsageError, match="another memory layout"):
        Builtin(time.monotonic)


@pytest.mark.parametrize("strange", ["pypy", "free-threaded", "reference tracing"])
def test_another_interpreter_is_refused(monkeypatch, strange):
    if strange == "pypy":
        monkeypatch.setattr(sys.implementation, "name", "pypy")
    elif strange == "free-threaded":
        monkeypatch.setattr(sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    else:
        monkeypatch.setattr(sys, "getobjects", list, raising=False)
    with pytest.raises(UsageError, match=r"only in CPython.s ordinary build"):
        check_interpreter.__wrapped__()
