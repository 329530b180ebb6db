"""The invariants that every run is checked for, one row each."""

from __future__ import annotations

from importlib import import_module

from simqueue.check.invariant import Invariant

_NAMES = (
    "status-is-true",
    "no-lost-job",
    "terminal-once",
    "legal-transition",
    "single-runner",
    "concurrency-limit",
    "worker-limit",
    "dedupe-unique",
    "schedule-once",
    "no-orphan",
    "no-starvation",
    "schedule-on-time",
    "listens-again",
    "run-ends",
    "drain-means-done",
    "cancel-is-heard",
    "no-silent-error",
)
"""All of them, on by default, in the order in which they see an event. To add one, write a module
and add its name here: ``no-orphan`` is the class ``NoOrphan`` of ``simqueue.check.no_orphan``."""


def _load(name: str) -> type[Invariant]:
    words = name.split("-")
    module = import_module(f"simqueue.check.{'_'.join(words)}")
    invariant: type[Invariant] = getattr(module, "".join(map(str.capitalize, words)))
    return invariant


INVARIANTS: tuple[type[Invariant], ...] = tuple(map(_load, _NAMES))
