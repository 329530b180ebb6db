"""The settings of a run: one frozen ``Config``."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from simqueue.errors import UsageError
from simqueue.model.fault import FAULT_KINDS, PRESETS, FaultKind

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """The faults that a run may have; none by default. A scenario's own faults need no switch.

    Which of the ``kinds`` a run really has, how often and for how long, is drawn from its seed, so
    that some runs have many of them and some only one.

    The kinds are those of ``simqueue.model.fault.FAULTS``; `simqueue explain crash` describes one.

    Example:
        >>> simqueue.Faults.named("crash,slow").kinds
        ('crash', 'slow')
        >>> config = simqueue.Config(faults=simqueue.Faults.named("network"))
    """

    kinds: tuple[FaultKind, ...] = ()

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for unknown kinds."""
        if not isinstance(self.kinds, tuple):
            raise UsageError(
                f"Faults.kinds is a tuple of kinds, not {self.kinds!r}; Faults.named(...) makes one"
            )
        for kind in self.kinds:
            if kind not in FAULT_KINDS:
                raise UsageError(_unknown(str(kind)))

    @classmethod
    def named(cls, names: str) -> Faults:
        """Return the faults of presets and kinds: ``"network"``, ``"crash,pause"``.

        Raises:
            UsageError: there is no preset and no kind of that name.
        """
        if not isinstance(names, str):
            raise UsageError(f"Faults.named takes text such as 'network', not {names!r}")
        kinds: list[FaultKind] = []
        for name in names.split(","):
            known = PRESETS.get(name.strip(), tuple(k for k in FAULT_KINDS if k == name.strip()))
            if not known and name.strip() not in PRESETS:
                raise UsageError(_unknown(name.strip()))
            kinds += [kind for kind in known if kind not in kinds]
        return cls(tuple(kinds))


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """The settings of a run; equal configs and equal seeds give equal runs.

    ``start`` is the wall clock at the run's first instant, a whole minute in UTC. ``limit`` is the
    longest virtual time of a run, ``steps_per_instant_max`` the largest number of steps in one
    instant of it. ``step_limit`` ends a run if one of its steps takes this much processor time, or
    waits this much real time for something outside the simulation; 0 is without limit. ``hop`` is
    how long a message takes between a client and the server when calm, and ``hop_max`` how much
    longer the seed may make it. ``commit_max`` is how long after its execution the seed may let a
    statement commit; until then other statements wait for its locks. ``faults`` may occur to
    workers, connections and the server until ``Simulation.heal()`` or the scenario's end.
    ``invariants`` names those that are judged, None is all of them; ``without`` switches some off,
    and what is expected of a campaign, such as ``entrypoints-run``. ``accepted`` holds signatures
    of broken invariants that a run writes down and survives. ``patience`` is how long a due job may
    wait while a worker that could take it is idle. ``log_level`` is that of the root logger and of
    ``pgqueuer`` during a run; loggers that have levels of their own keep them.

    Example:
        >>> config = simqueue.Config(patience=timedelta(minutes=1), without=("no-orphan",))
        >>> simqueue.run(scenario, seed=7, config=config).passed
        True
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
    invariants: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    patience: timedelta = timedelta(seconds=10)
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for a setting that makes no sense."""
        for name, wanted in get_type_hints(Config).items():
            value = getattr(self, name)
            if not isinstance(value, _classes(wanted)) or isinstance(value, bool):
                raise UsageError(f"Config.{name} must be a {wanted}, not {value!r}")
            if isinstance(value, timedelta) and value < timedelta(0):
                raise UsageError(f"Config.{name} must not be negative, as {value} is")
        if self.start.tzinfo is None or (self.start - _EPOCH) % timedelta(minutes=1):
            raise UsageError(
                f"Config.start must be a whole minute with a time zone, not {self.start}"
            )
        if not MINYEAR < self.start.year < MAXYEAR:
            raise UsageError(f"Config.start must lie in the years 2 to 9998, not {self.start}")
        if self.steps_per_instant_max < 1:
            raise UsageError("Config.steps_per_instant_max must be 1 or more")
        if self.step_limit > timedelta(days=1):
            raise UsageError("Config.step_limit must be a day or less; 0 is without end")
        if self.log_level not in LEVELS:
            raise UsageError(f"Config.log_level must be one of {', '.join(LEVELS)}")

    @property
    def limit_us(self) -> int:
        """The limit in microseconds, but no later than a day before dates end."""
        left = datetime.max.replace(tzinfo=UTC) - self.start - timedelta(days=1)
        return min(self.limit, left) // timedelta(microseconds=1)

    @property
    def epoch_us(self) -> int:
        """The Unix time of a run's first instant, in microseconds."""
        return (self.start - _EPOCH) // timedelta(microseconds=1)


def _classes(wanted: Any) -> Any:
    """Return the classes of an annotation, as ``isinstance`` takes them."""
    if isinstance(wanted, UnionType):
        return tuple(_classes(each) for each in get_args(wanted))
    return get_origin(wanted) or wanted


def _unknown(name: str) -> str:
    presets, offered = " or ".join(PRESETS), ", ".join(FAULT_KINDS)
    return (
        f"faults {name!r}: there is no such preset and no such fault; choose {presets}, or some of "
        f"{offered}, separated by commas"
    )
