"""Outputs: the files that a command is to write, checked before anything is imported or run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import NoReturn

import msgspec

from simqueue.errors import UsageError
from simqueue.model.files import check_writable, read_whole
from simqueue.model.gzipped import unpacked
from simqueue.search.nodes import PYTEST


def check_outputs(
    outputs: Mapping[str, str | None],
    *,
    traces: Iterable[str] = (),
    targets: Iterable[str] = (),
    states: Iterable[str] = (),
    known: Iterable[str] | None = None,
    saved: str | None = None,
    kept: str | None = None,
) -> None:
    """Refuse files that cannot be written, that the command reads, or that are named twice.

    Args:
        outputs: the files by the options that name them; None for one that is not given.
        traces: trace files that are read.
        targets: scenarios, as they are named on the command line or in a trace.
        states: states of campaigns that are read.
        known: files of known failures; the default one if not given.
        saved: the directory of saved failures, as ``--traces`` names it; else the default one.
        kept: the directory of campaigns' states, as ``--state`` names it.

    Raises:
        UsageError: for the first that must not be written.
    """
    from simqueue.search.campaign.known import DEFAULT_FILE
    from simqueue.search.saved import check_directory

    inputs = {
        "the trace itself": traces,
        "the scenario itself": [file for target in targets for file in _files_of(target)],
        "a state that is read": states,
        "the file of known failures": [DEFAULT_FILE] if known is None else known,
    }
    _refuse_standard_output(outputs)
    files = {option: Path(file) for option, file in outputs.items() if file is not None}
    for option, path in files.items():
        _refuse_inputs(path, option, inputs)
        check_writable(path)
        check_directory(path.parent)
        _refuse_places(path, option, saved, kept)
    for (option, path), (other, taken) in combinations(files.items(), 2):
        _refuse_twice(taken, other, path, option)


def _refuse_standard_output(outputs: Mapping[str, str | None]) -> None:
    """Refuse ``-``, which other programs take for standard output."""
    for option, file in outputs.items():
        if file == "-":
            raise UsageError(
                f"{option} -: standard output is not supported here; name a file, or ./- for a "
                "file of that name"
            )


def _refuse_inputs(path: Path, option: str, inputs: Mapping[str, Iterable[str]]) -> None:
    for what, names in inputs.items():
        if any(_same(path, Path(name)) for name in names):
            _refuse(path, what, option)
    if path.suffix == ".py" and path.exists():
        _refuse(path, "Python source", option)


def _refuse_places(path: Path, option: str, saved: str | None, kept: str | None) -> None:
    from simqueue.search.campaign.statelines import FORMAT
    from simqueue.search.saved import DEFAULT_DIRECTORY

    for directory, name in (("--traces", saved), ("--state", kept)):
        if name is not None and _lies_in(Path(name), path):
            _refuse(path, f"the directory of {directory}, or above it", option)
    content = _format_of(path)
    if content == "simqueue-trace" and _lies_in(path, Path(saved or DEFAULT_DIRECTORY)):
        _refuse(path, "a saved failure", option)
    if content == FORMAT or (kept is not None and _is_state(path, Path(kept))):
        _refuse(path, "the state of a campaign", option)


def _refuse_twice(path: Path, option: str, taken: Path, by: str) -> None:
    if _same(path, taken):
        _refuse(path, f"the file of {by}", option)
    if _lies_in(path, taken):
        _refuse(path, f"below the file of {by}", option)
    if _lies_in(taken, path):
        _refuse(path, f"a directory of the file of {by}", option)


def _refuse(path: Path, what: str, option: str) -> NoReturn:
    raise UsageError(f"{path}: is {what}; name another file after {option}")


def _files_of(target: str) -> Iterator[str]:
    """Return the files that a target may be in: its own, its module's, those of its directory."""
    where = target.removeprefix(PYTEST).partition(":")[0]
    if where:
        module = where.replace(".", os.sep)
        yield from (where, f"{module}.py", f"{module}{os.sep}__init__.py")
        with suppress(OSError, ValueError):
            yield from map(str, Path(where).glob("*.py"))


def _same(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one place, or are two names of one file."""
    try:
        return os.path.realpath(one) == os.path.realpath(other) or one.samefile(other)
    except (OSError, ValueError):  # there is none, or a trace has a name that no file can have
        return False


def _lies_in(path: Path, directory: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def _is_state(path: Path, directory: Path) -> bool:
    """Return whether a file could be a campaign's state in a directory, or a kept copy of one."""
    from simqueue.search.campaign.statelines import SUFFIX

    return SUFFIX in path.suffixes and _lies_in(path, directory)


class _Format(msgspec.Struct):
    format: str = ""


def _format_of(path: Path) -> str:
    """Return the format that a file of simqueue states; empty for any other file."""
    try:
        document = unpacked(read_whole(path))
    except OSError:
        return ""
    for part in (document, document.partition(b"\n")[0]):  # a trace, or the header of a state
        with suppress(ValueError, RecursionError):
            return msgspec.json.decode(part, type=_Format).format
    return ""
