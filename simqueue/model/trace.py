"""A whole run in one document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import Literal, NoReturn

import msgspec

from simqueue.errors import TraceFormatError, UsageError, excerpt
from simqueue.model.bounds import Position
from simqueue.model.choice import Choice, Recorded, by_key
from simqueue.model.config import Config
from simqueue.model.failure import Outcome
from simqueue.model.files import read_whole, reason, write_whole
from simqueue.model.gzipped import SUFFIX, gzipped, unpacked
from simqueue.model.log import Entries
from simqueue.model.soundness import UnsoundError, check_soundness

TRACE_VERSION = 3


FORMAT = "simqueue-trace"
_AGAIN = "take another copy, or record the run again"
_MANY_EVENTS_TO_A_DOCUMENT = b'"events":['
_EVENTS_TO_A_PIECE = 4_096


class _Header(msgspec.Struct):
    """The fields of a document that say what wrote it; any JSON object fits."""

    format: object = None
    version: object = None
    simqueue: object = None


class Trace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded run: everything that ``simqueue replay`` needs to repeat it and to compare.

    ``choices`` are in the order in which they were made.
    ``digest`` covers events, drawn randomness, clock readings and outcome; ``checksum`` covers
    every other field of the file, so that a damaged one is noticed.

    Example:
        >>> simqueue.run(broken, seed=bad_seed).trace.save("trace.json")
        >>> trace = simqueue.Trace.load("trace.json")
        >>> trace.seed == bad_seed, trace.outcome.passed
        (True, False)
    """

    format: Literal["simqueue-trace"]
    version: int
    simqueue: str
    pgqueuer: str
    python: str
    target: str
    seed: Position
    config: Config
    choices: tuple[Choice, ...]
    events: Entries
    outcome: Outcome
    digest: str
    checksum: str

    def recorded(self) -> Recorded:
        """Return the choices by key and position, as a run takes them."""
        return by_key(self.choices)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a trace file; raises ``TraceFormatError`` unless it is whole and undamaged."""
        return load(path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a trace file whole or not at all; raises ``UsageError`` if that is impossible."""
        save(self, path)


def encode(trace: Trace) -> bytes:
    """Return the document: keys in the struct's order, an event to a line, a newline at the end.

    Equal traces give equal bytes.
    """
    return b"".join(pieces(trace))


def pieces(trace: Trace) -> Iterator[bytes]:
    """Yield the document piece by piece, so that a long one need not be in memory."""
    plain = msgspec.structs.replace(trace, events=())
    frame = msgspec.json.encode(plain)
    # The choices before it are quoted JSON, which cannot hold the bare bytes of this key.
    head, key, tail = frame.partition(_MANY_EVENTS_TO_A_DOCUMENT)
    yield head + key
    entries, start = iter(trace.events), b"\n"
    encoder = msgspec.json.Encoder()
    while events := b",\n".join(map(encoder.encode, islice(entries, _EVENTS_TO_A_PIECE))):
        yield start + events
        start = b",\n"
    yield tail + b"\n"


def decode(document: bytes, origin: str = "<bytes>") -> Trace:
    """Return the trace in a document; ``origin`` names it in errors.

    Raises:
        TraceFormatError: it is damaged, something else, or of a later format.
    """
    _check_header(document, origin)
    try:
        trace = msgspec.json.decode(document, type=Trace)
    except (msgspec.ValidationError, UsageError) as error:  # that of a config that makes no sense
        problem = f"is not a valid trace: {excerpt(str(error))}; {_AGAIN}"
        raise TraceFormatError(origin, problem) from None
    except (ValueError, RecursionError) as error:  # the header was read, what it skipped was not
        raise TraceFormatError(origin, f"is damaged: {excerpt(str(error))}; {_AGAIN}") from None
    if not _is_as_written(document, trace) and checksum(trace) != trace.checksum:
        stated = excerpt(trace.checksum) or "missing"
        problem = f"is damaged: its checksum is {stated}, its content's is {checksum(trace)}"
        raise TraceFormatError(origin, f"{problem}; {_AGAIN}")
    try:
        check_soundness(
            trace.events,
            trace.choices,
            trace.outcome,
            target=trace.target,
            epoch_us=trace.config.epoch_us,
        )
    except UnsoundError as error:
        raise TraceFormatError(
            origin, f"is not of a run: {excerpt(str(error))}; {_AGAIN}"
        ) from None
    return trace


def check_sound(trace: Trace) -> None:
    """Raise ``UnsoundError`` unless a run can have written a trace."""
    check_soundness(
        trace.events,
        trace.choices,
        trace.outcome,
        target=trace.target,
        epoch_us=trace.config.epoch_us,
    )


def _is_as_written(document: bytes, trace: Trace) -> bool:
    """Return whether a document is byte for byte what ``encode`` wrote and ``seal`` sealed.

    Most are. This spares encoding the trace once more, which takes half the time of loading it.
    """
    end, unsealed = (f'"checksum":"{stated}"}}\n'.encode() for stated in (trace.checksum, ""))
    if not document.endswith(end):
        return False
    state = blake2b(memoryview(document)[: -len(end)], digest_size=16)
    state.update(unsealed)
    return state.hexdigest() == trace.checksum


def _check_header(document: bytes, origin: str) -> None:
    try:
        header = msgspec.json.decode(document, type=_Header)
    except msgspec.ValidationError:
        _refuse_foreign(origin)
    except (ValueError, RecursionError) as error:
        _refuse_unreadable(document, origin, error)
    if header.format != FORMAT:
        _refuse_foreign(origin)
    if isinstance(header.version, int) and header.version != TRACE_VERSION:
        newer = header.version > TRACE_VERSION
        problem = (
            f"was written by simqueue {excerpt(str(header.simqueue))} in trace format "
            f"{excerpt(str(header.version))}; this "
            f"release reads format {TRACE_VERSION}: "
            f"{'upgrade simqueue' if newer else 'run its target again to record a new trace'}"
        )
        raise TraceFormatError(origin, problem)


def _refuse_foreign(origin: str) -> NoReturn:
    problem = f'is not a trace (a JSON object whose "format" is "{FORMAT}"); name a file that '
    raise TraceFormatError(origin, f"{problem}`simqueue run --trace` or `simqueue fuzz` wrote")


def _refuse_unreadable(document: bytes, origin: str, error: Exception) -> NoReturn:
    if not document.strip():
        raise TraceFormatError(origin, f"is empty; {_AGAIN}")
    if "truncated" in str(error):
        problem = f"breaks off in the middle, after {len(document)} bytes"
        raise TraceFormatError(origin, f"{problem}; {_AGAIN}")
    raise TraceFormatError(origin, f"is not JSON ({excerpt(str(error))}); name a trace file")


def checksum(trace: Trace) -> str:
    """Return 32 hexadecimal digits that cover every field but ``checksum`` itself."""
    state = blake2b(digest_size=16)
    for piece in pieces(msgspec.structs.replace(trace, checksum="")):
        state.update(piece)
    return state.hexdigest()


def seal(trace: Trace) -> Trace:
    """Return the trace with the checksum that belongs to it."""
    return msgspec.structs.replace(trace, checksum=checksum(trace))


def load(path: str | os.PathLike[str]) -> Trace:
    """Read a trace file.

    Raises:
        TraceFormatError: there is none, or it cannot be used; one line says why and what to do.
    """
    origin = os.fspath(path)
    try:
        document = unpacked(read_whole(path))
    except FileNotFoundError:
        raise TraceFormatError(origin, "there is no such file; name a trace file") from None
    except IsADirectoryError:
        raise TraceFormatError(origin, "is a directory; name a trace file in it") from None
    except (OSError, ValueError) as error:
        raise TraceFormatError(origin, f"cannot be read ({reason(error)})") from None
    return decode(document, origin)


def save(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write a trace file, sealed, whole or not at all, with the directories it lies in.

    It is compressed if its name ends in ``.gz``.

    Raises:
        UsageError: the file cannot be written there.
    """
    document = pieces(seal(trace))
    packed = os.fspath(path).endswith(SUFFIX)
    write_whole(path, gzipped(document) if packed else document)
