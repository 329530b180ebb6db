"""What a run is allowed to do: one frozen ``Config`` that travels whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which faults a run may suffer; all off. Those the scenario itself strikes need no switch."""

    preset: Literal["none"] = "none"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a run; equal configs and equal seeds give equal runs.

    ``start`` is the wall clock at the run's first instant, a whole minute in UTC.
    ``limit`` ends a run in virtual time, ``steps_per_instant_max`` one that never lets time pass.
    ``hop`` is how long a message takes between a client and the server in calm weather, and
    ``hop_max`` how much longer the seed may make it.
    ``without`` switches invariants off by name.
    ``log_level`` is that of the root logger and of ``pgqueuer`` during a run; loggers that have
    levels of their own keep them.
    """

    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    limit: timedelta = timedelta(days=1)
    steps_per_instant_max: int = 100_000
    hop: timedelta = timedelta(microseconds=200)
    hop_max: timedelta = timedelta(milliseconds=250)
    lag_max: timedelta = timedelta(milliseconds=250)
    faults: Faults = Faults()
    without: tuple[str, ...] = ()
    log_level: str = "INFO"
