"""Modules that are imported in a run are patched at once, and not any more after it."""

import importlib
import subprocess
import sys
import threading

import pydantic_core._pydantic_core as core

from simqueue.sim.patching.late import OnImport
from simqueue.sim.patching.linkage import pointer_to
from simqueue.sim.patching.patch import Attribute, installed


def greeting(project):
    project("greeting.py", "WORD = 'hello'\n")
    sys.modules.pop("greeting", None)
    importlib.invalidate_caches()


def patch(thread):
    return OnImport(thread, "greeting", lambda module: (Attribute(module, "WORD", "patched"),))


def test_a_module_is_patched_as_it_is_imported_and_restored_afterwards(project, monkeypatch):
    greeting(project)
    monkeypatch.syspath_prepend(".")
    finders = list(sys.meta_path)
    with installed([patch(threading.get_ident())]):
        module = importlib.import_module("greeting")
        assert module.WORD == "patched"
        assert sys.meta_path == finders
    assert module.WORD == "hello"
    with installed([patch(threading.get_ident())]):
        assert module.WORD == "patched"
    assert module.WORD == "hello"


def test_another_threads_import_is_left_alone(project, monkeypatch):
    greeting(project)
    monkeypatch.syspath_prepend(".")
    finders = list(sys.meta_path)
    with installed([patch(threading.get_ident() + 1)]):
        assert importlib.import_module("greeting").WORD == "hello"
    assert sys.meta_path == finders


def test_the_clock_of_a_module_that_does_not_call_it_so_is_not_found():
    assert pointer_to(core.__file__, "clock_settime") is None
    assert pointer_to(core.__file__, "no_such_function") is None
    assert pointer_to("/nowhere/at_all.so", "clock_gettime") is None


def test_a_pointer_is_what_it_was_after_runs():
    code = (
        "import simqueue, pydantic_core._pydantic_core as core\n"
        "from simqueue.sim.patching.linkage import pointer_to\n"
        "pointer = pointer_to(core.__file__, 'clock_gettime')\n"
        "async def scenario(sim): print(pointer._word.value == pointer.real)\n"
        "simqueue.run(scenario).check()\n"
        "print(pointer._word.value == pointer.real)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
