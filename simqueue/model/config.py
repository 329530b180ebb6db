"""What a run is allowed to do: one frozen ``Config`` that travels whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, get_origin, get_type_hints

import msgspec

from simqueue.errors import UsageError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which faults a run may suffer; all off. Those the scenario itself strikes need no switch."""

    preset: Literal["none"] = "none"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a run; equal configs and equal seeds give equal runs.

    ``start`` is the wall clock at the run's first instant, a whole minute in UTC.
    ``limit`` ends a run in virtual time, ``steps_per_instant_max`` one in which so many steps
    follow each other that at no moment all wait.
    ``step_limit`` ends one that does not await for so much processor time, which is real; 0 is
    without end.
    ``hop`` is how long a message takes between a client and the server in calm weather, and
    ``hop_max`` how much longer the seed may make it. ``commit_max`` is how long after it was
    executed the seed may let a statement commit; until then others run into its locks.
    ``without`` switches invariants off by name.
    ``log_level`` is that of the root logger and of ``pgqueuer`` during a run; loggers that have
    levels of their own keep them.
    """

    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    limit: timedelta = timedelta(days=1)
    steps_per_instant_max: int = 1_000_000
    step_limit: timedelta = timedelta(seconds=30)
    hop: timedelta = timedelta(microseconds=200)
    hop_max: timedelta = timedelta(milliseconds=250)
    commit_max: timedelta = timedelta(milliseconds=250)
    lag_max: timedelta = timedelta(milliseconds=250)
    faults: Faults = Faults()
    without: tuple[str, ...] = ()
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for a setting that makes no sense."""
        for name, wanted in get_type_hints(Config).items():
            value = getattr(self, name)
            if not isinstance(value, get_origin(wanted) or wanted) or isinstance(value, bool):
                raise UsageError(f"Config.{name} must be a {wanted}, not {value!r}")
            if isinstance(value, timedelta) and value < timedelta(0):
                raise UsageError(f"Config.{name} must not be negative, as {value} is")
        if self.start.tzinfo is None or (self.start - _EPOCH) % timedelta(minutes=1):
            raise UsageError(
                f"Config.start must be a whole minute with a time zone, not {self.start}"
            )
        if self.steps_per_instant_max < 1:
            raise UsageError("Config.steps_per_instant_max must be 1 or more")
        if self.step_limit > timedelta(days=1):
            raise UsageError("Config.step_limit must be a day or less; 0 is without end")
        if self.log_level not in LEVELS:
            raise UsageError(f"Config.log_level must be one of {', '.join(LEVELS)}")

    @property
    def epoch_us(self) -> int:
        """The Unix time of a run's first instant, in microseconds."""
        return (self.start - _EPOCH) // timedelta(microseconds=1)
