"""What the statements of one PgQueuer release do differently from those of the newest."""

from __future__ import annotations

import msgspec

Release = tuple[int, int, int]


class Semantics(msgspec.Struct, frozen=True):
    """The answers that changed between PgQueuer 1.0 and 1.6; each default is the newest.

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


def semantics_of(release: Release) -> Semantics:
    """Return what the statements of a PgQueuer release do."""
    return Semantics(
        id_bits=63 if release >= (1, 1, 1) else 31,
        ids_up_front=release >= (1, 2, 0),
        counts_all=release < (1, 1, 0),
        stale_gated=release < (1, 0, 2),
        stale_last=release < (1, 2, 0),
        capped=release >= (1, 3, 0),
        queue_locked=release < (1, 1, 0),
        slots=release >= (1, 4, 0),
    )
