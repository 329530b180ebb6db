"""What a database's objects are called, and when its clock began."""

from __future__ import annotations

import msgspec


class Names(msgspec.Struct, frozen=True):
    """Names of tables and channel as PgQueuer's settings give them; ``epoch_us``: Unix time of Instant 0."""

    queue_table: str = "pgqueuer"
    queue_table_log: str = "pgqueuer_log"
    statistics_table: str = "pgqueuer_statistics"
    schedules_table: str = "pgqueuer_schedules"
    channel: str = "ch_pgqueuer"
    epoch_us: int = 0

    @property
    def dedupe_index(self) -> str:
        """The partial unique index on dedupe keys of live jobs."""
        return f"{self.queue_table}_unique_dedupe_key"

    @property
    def slot_index(self) -> str:
        """The partial unique index on the capacity slots of picked jobs."""
        return f"{self.queue_table}_picked_slot_idx"
