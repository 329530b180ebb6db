"""How the statements of a PgQueuer release differ from those of the newest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from msgspec import structs

Release = tuple[int, int, int]


class Semantics(msgspec.Struct, frozen=True):
    """The answers that changed between releases of PgQueuer; each default is the newest.

    ``id_bits``        magnitude of the ids that jobs and schedules can have
    ``ids_up_front``   an enqueue draws the ids of all its jobs before it inserts one
    ``counts_all``     ``queued_work`` counts every queued job, and does not stop at one
    ``stale_gated``    a stale job is claimed only while its entrypoint has free capacity
    ``stale_last``     fresh jobs go before stale ones, whatever their priority
    ``capped``         a claim takes at most what capacity and the worker's limit leave free;
                       before, it took a whole batch whenever anything was free
    ``queue_locked``   a claim locks the head of one queue over all entrypoints, not one head each
    ``slots``          a claim of a limited entrypoint sits in a numbered slot, which is unique
    """

    id_bits: int = 63
    ids_up_front: bool = True
    counts_all: bool = False
    stale_gated: bool = False
    stale_last: bool = False
    capped: bool = True
    queue_locked: bool = False
    slots: bool = True


NEWEST = Semantics()


class ReleaseRow(NamedTuple):
    """A release, and the answers that it changed; those of the release before it stay."""

    release: Release
    changes: Mapping[str, int | bool]


RELEASES: tuple[ReleaseRow, ...] = (
    ReleaseRow(
        (1, 0, 0),
        {
            "id_bits": 31,
            "ids_up_front": False,
            "counts_all": True,
            "stale_gated": True,
            "stale_last": True,
            "capped": False,
            "queue_locked": True,
            "slots": False,
        },
    ),
    ReleaseRow((1, 0, 2), {"stale_gated": False}),
    ReleaseRow((1, 1, 0), {"counts_all": False, "queue_locked": False}),
    ReleaseRow((1, 1, 1), {"id_bits": 63}),
    ReleaseRow((1, 2, 0), {"ids_up_front": True, "stale_last": False}),
    ReleaseRow((1, 3, 0), {"capped": True}),
    ReleaseRow((1, 4, 0), {"slots": True}),
    ReleaseRow((1, 5, 0), {}),
    ReleaseRow((1, 6, 0), {}),
)
"""The supported releases that changed an answer, and the last one; in order.

A release that changes an answer is one row here. The range in pyproject.toml says which releases
are installed with simqueue; a test compares it with the first and the last row.
"""


def semantics_of(release: Release) -> Semantics:
    """Return how the statements of a PgQueuer release behave."""
    semantics = NEWEST
    for row in RELEASES:
        if row.release <= release or row is RELEASES[0]:
            semantics = structs.replace(semantics, **row.changes)
    return semantics
