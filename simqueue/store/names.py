"""The names of a database's objects, its unlogged tables, and the start of its clock."""

from __future__ import annotations

import msgspec

from simqueue.model.ids import Duration, Instant, Table


class Names(msgspec.Struct, frozen=True):
    """Names of tables and channel, as PgQueuer's settings give them.

    ``unlogged`` are the tables that a crash of the server empties, ``epoch_us`` is the Unix time
    of Instant 0 in microseconds. ``schema`` is the schema that the tables are in.
    """

    queue_table: str = "pgqueuer"
    queue_table_log: str = "pgqueuer_log"
    statistics_table: str = "pgqueuer_statistics"
    schedules_table: str = "pgqueuer_schedules"
    channel: str = "ch_pgqueuer"
    unlogged: tuple[Table, ...] = ()
    epoch_us: int = 0
    schema: str = "public"

    @property
    def dedupe_index(self) -> str:
        """The partial unique index on dedupe keys of live jobs."""
        return f"{self.queue_table}_unique_dedupe_key"

    @property
    def slot_index(self) -> str:
        """The partial unique index on the capacity slots of picked jobs."""
        return f"{self.queue_table}_picked_slot_idx"

    def truncate(self, instant: Instant, unit: Duration) -> Instant:
        """Return the start of the second, minute or other ``unit`` that an instant lies in."""
        return Instant(instant - (self.epoch_us + instant) % unit)
