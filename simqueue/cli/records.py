"""Records: a command's options as one frozen dataclass, whose fields typer takes as parameters."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_type_hints

from simqueue.cli.configs import CONFIG_OPTIONS, Overrides

Record = TypeVar("Record")


def takes(record: type[Record]) -> Callable[[Callable[[Record], None]], Callable[..., None]]:
    """Make a command of a function that takes a record of its options.

    Each field is a parameter with its annotation and default; a field of type ``Overrides`` stands
    for the options that set single fields of a run's config.
    """

    def decorate(command: Callable[[Record], None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapped(**arguments: Any) -> None:
            command(_record(record, arguments))

        parameters = list(_parameters(record))
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapped

    return decorate


def _record(record: Any, arguments: dict[str, Any]) -> Any:
    for field in dataclasses.fields(record):
        if field.name not in arguments:
            texts = {name: arguments.pop(name) for name in CONFIG_OPTIONS}
            arguments[field.name] = Overrides.read(texts)
    return record(**arguments)


def _parameters(record: Any) -> Iterator[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    hints = get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        if hints[field.name] is Overrides:
            for name, annotation in CONFIG_OPTIONS.items():
                yield inspect.Parameter(name, kind, default=None, annotation=annotation)
        else:
            missing = field.default is dataclasses.MISSING
            default = inspect.Parameter.empty if missing else field.default
            yield inspect.Parameter(field.name, kind, default=default, annotation=hints[field.name])
