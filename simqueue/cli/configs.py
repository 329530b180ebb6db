"""Configs: options that set single fields of a run's config and override the scenario's file."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simqueue.cli.durations import length
from simqueue.errors import UsageError

if TYPE_CHECKING:
    from simqueue.model.config import Config

_YEARS = range(2, 9_999)
_START = "Wall clock at which a run begins: 2024-10-27 or 2024-10-27T00:30+02:00; UTC if no zone."
_HELP = {
    "start": _START,
    "limit": "Virtual time after which a run is ended: 90, 5m or 36h; a day by default.",
    "patience": "How long a due job may wait for an idle worker; 10s by default.",
    "hop_max": "How much longer than 200us a message may take; 250ms by default.",
    "commit_max": "How long after its execution a statement may commit; 250ms by default.",
    "lag_max": "How late an idle process may notice a timer; 250ms by default.",
}
"""Help by the fields of ``Config`` that options set."""


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


CONFIG_OPTIONS: dict[str, Any] = {
    name: Annotated[str | None, typer.Option(_option(name), metavar="TIME", help=text)]
    for name, text in _HELP.items()
}
"""Annotations of parameters, by the fields of ``Config`` that they set."""


def instant(text: str, option: str) -> datetime:
    """Read ``2024-10-27`` or ``2024-10-27T00:30+02:00``, UTC if it names no zone.

    Raises:
        UsageError: it is something else.
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option} {text}: write a date, or a date and time, such as 2024-10-27 or "
            "2024-10-27T00:30+02:00"
        ) from None
    if read.year not in _YEARS:
        raise UsageError(f"{option} {text}: the year must be from 2 to 9998")
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Overrides:
    """Fields of a config that the command line sets; ``words`` is how it did."""

    fields: Mapping[str, datetime | timedelta] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @classmethod
    def read(cls, texts: Mapping[str, str | None]) -> Overrides:
        """Read options as they were given, by the fields they set.

        Raises:
            UsageError: one of them makes no sense.
        """
        fields, words = {}, []
        for name, text in texts.items():
            if text is not None:
                option = _option(name)
                fields[name] = _field(name, text, option)
                words += [option, text]
        return cls(fields, tuple(words))

    def over(self, config: Config) -> Config:
        """Return a config with these fields in place of its own."""
        from msgspec.structs import replace

        return replace(config, **self.fields)


def _field(name: str, text: str, option: str) -> datetime | timedelta:
    from simqueue.model.config import Config

    value = instant(text, option) if name == "start" else length(text, option)
    try:
        Config(**{name: value})  # type: ignore[arg-type]
    except UsageError as error:
        raise UsageError(f"{option} {text}: {error}") from None
    return value


def config_for(
    base: Config | None,
    faults: str | None,
    without: list[str] | None,
    overrides: Overrides,
) -> Config:
    """Return a run's config: ``base``, which is the default one if None, and options over it.

    ``without`` is added to the invariants that ``base`` switches off.

    Raises:
        UsageError: there is no fault of this name. Names of invariants are checked by a run.
    """
    from msgspec.structs import replace

    from simqueue.model.config import Config, Faults

    config = overrides.over(base or Config())
    if faults is not None:
        config = replace(config, faults=Faults.named(faults))
    more = [name for name in without or () if name not in config.without]
    return replace(config, without=(*config.without, *more)) if more else config


def given(
    faults: str | None,
    without: list[str] | None,
    overrides: Overrides,
    strategy: str = "random",
) -> str:
    """Return options that were given as words of a command line."""
    words = [] if faults is None else ["--faults", faults]
    for name in without or ():
        words += ["--without", name]
    words += ["--strategy", strategy] if strategy != "random" else []
    return "".join(f" {shlex.quote(word)}" for word in (*words, *overrides.words))


def takes_config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, in place of its parameter ``overrides``."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        texts = {name: arguments.pop(name) for name in CONFIG_OPTIONS}
        return command(**arguments, overrides=Overrides.read(texts))

    parameters = list(_with_options(inspect.signature(command, eval_str=True)))
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapped


def _with_options(own: inspect.Signature) -> Iterator[inspect.Parameter]:
    for each in own.parameters.values():
        if each.name != "overrides":
            yield each
            continue
        for name, annotation in CONFIG_OPTIONS.items():
            yield inspect.Parameter(name, each.kind, default=None, annotation=annotation)
