"""Modules that are imported during a run: patched as soon as they are loaded."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from simqueue.sim.patching.patch import Patch

_get_ident = _thread.get_ident


class OnImport:
    """A patch of a module that may be loaded already, or during the run, or not at all.

    ``patches(module)`` returns the patches to install. While the module is not loaded this is an
    import finder in front of the others, which finds nothing itself.
    """

    __slots__ = ("_installed", "_name", "_patches", "_thread")

    def __init__(
        self, thread: int, name: str, patches: Callable[[ModuleType], Iterable[Patch]]
    ) -> None:
        self._thread, self._name, self._patches = thread, name, patches
        self._installed: list[Patch] = []

    def install(self) -> None:
        """Patch the module, now or when the run imports it."""
        module = sys.modules.get(self._name)
        if module is None:
            sys.meta_path.insert(0, self)
        else:
            self._patch(module)

    def restore(self) -> None:
        """Restore the module, or stop waiting for it."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        while self._installed:
            self._installed[-1].restore()
            self._installed.pop()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the next finder, changed to call us when the module is loaded."""
        if name != self._name or _get_ident() != self._thread:
            return None
        for finder in [each for each in sys.meta_path if each is not self]:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                self._follow(spec.loader)
                return spec
        return None

    def _follow(self, loader: Any) -> None:
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            if self in sys.meta_path:  # else the run is over
                sys.meta_path.remove(self)  # once is enough
                self._patch(module)

        loader.exec_module = exec_module

    def _patch(self, module: ModuleType) -> None:
        for patch in self._patches(module):
            self._installed.append(patch)  # before it is installed, so that none is forgotten
            patch.install()
