"""A patch: one thing replaced for a while.

Installing and restoring are separate from each other and restoring may be repeated, so that an
interrupt at any point leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any, Protocol

from simqueue.sim.patching.builtin import Bound, Builtin, builtin

Replace = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Returns the replacement of a function."""

_ABSENT: Any = object()
_UNTOUCHED: Any = object()


class Patch(Protocol):
    """One thing replaced for the duration of a run."""

    def install(self) -> None:
        """Put the replacement in place."""

    def restore(self) -> None:
        """Put the original back; do nothing if that is done, or ``install`` never began."""


@dataclass(slots=True, eq=False)
class Attribute:
    """An attribute of a module, class or closure cell; one that was not there is removed again."""

    owner: Any
    name: str
    value: Any
    _before: Any = _UNTOUCHED

    def install(self) -> None:
        """Set the attribute."""
        # Also if it has the value already: the run may change it.
        self._before = own(self.owner, self.name)
        setattr(self.owner, self.name, self.value)

    def restore(self) -> None:
        """Set or delete it again."""
        before = self._before
        if before is _UNTOUCHED:
            return
        if before is not _ABSENT:
            setattr(self.owner, self.name, before)
        elif own(self.owner, self.name) is not _ABSENT:
            delattr(self.owner, self.name)
        self._before = _UNTOUCHED


@dataclass(slots=True, eq=False)
class Redirect:
    """A built-in function whose calls are redirected."""

    builtin: Builtin
    replacement: Callable[..., Any]

    def install(self) -> None:
        """Send calls to the replacement."""
        self.builtin.redirect(self.replacement)

    def restore(self) -> None:
        """Undo the redirection."""
        self.builtin.restore(self.replacement)


@dataclass(slots=True, eq=False)
class Rebind:
    """A bound method that is redirected to another object's."""

    bound: Bound
    replacement: MethodType

    def install(self) -> None:
        """Send calls to the other object's method."""
        self.bound.redirect(self.replacement)

    def restore(self) -> None:
        """Bind the method to its own object again."""
        self.bound.restore(self.replacement)


def own(owner: Any, name: str) -> Any:
    """Return the attribute of ``owner`` itself, not one that it inherits, and not bound."""
    if hasattr(owner, "__dict__"):
        return owner.__dict__.get(name, _ABSENT)
    return getattr(owner, name, _ABSENT)


def redirects(replacements: Mapping[str, Replace]) -> Iterator[Patch]:
    """Yield a patch for each dotted name that is a built-in function on this machine."""
    for name, replace in replacements.items():
        function = builtin(name)
        if function is not None:
            yield Redirect(function, replace(function.original))


@contextmanager
def installed(patches: Iterable[Patch]) -> Iterator[None]:
    """Install patches in their order, and restore them in the reverse order."""
    begun: list[Patch] = []
    try:
        for patch in patches:
            begun.append(patch)  # before it is installed, so that none is forgotten
            patch.install()
        yield
    finally:
        try:
            _restore(begun)
        finally:
            # An interrupt may have cut the first attempt short.
            _restore(begun)


def _restore(begun: list[Patch]) -> None:
    """Restore the patches, the last one first, and remove the restored ones from the list."""
    while begun:
        begun[-1].restore()
        begun.pop()
