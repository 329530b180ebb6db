"""A journal: the state of a campaign in a file, a line for each run as it becomes known.

A line is written before the run counts, and lines are only added. So if the campaign is killed, the
file holds every result reported by then, except a torn last line. Each line has a checksum.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO, FileIO
from pathlib import Path
from typing import NoReturn, assert_never

import msgspec

from simqueue.errors import UsageError, excerpt
from simqueue.model.bounds import Int64
from simqueue.model.files import UnfitError, check_readable, read_whole, reason, write_whole
from simqueue.model.links import refuse_link
from simqueue.model.parts import clear_parts
from simqueue.model.trace import TRACE_VERSION, Trace, check_sound
from simqueue.search.campaign.sealing import is_torn, sealed, unsealed
from simqueue.search.campaign.statelines import (
    FORMAT,
    STATE_VERSION,
    Ended,
    Header,
    Identity,
    Kept,
    Line,
    Session,
)
from simqueue.search.planning.coverage import Evidence
from simqueue.search.planning.result import Result

DEFAULT_DIRECTORY = ".simqueue/campaigns"
_PREVIOUS = ".previous"
_REMEDY = "repair or remove it, or start the campaign again without --resume"


_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


class State:
    """What a journal holds: ``results`` are in the order in which they became known.

    ``size`` is how many of its bytes are whole lines.
    """

    def __init__(self, origin: str, identity: Identity) -> None:
        self.origin, self.identity = origin, identity
        self.sessions: list[Session] = []
        self.results: dict[int, Result] = {}
        self.ends: list[Ended] = []
        self.kept: list[Kept] = []
        self.finished = False
        self.size = 0
        self._with_trace = set(identity.accepted)
        self._evidence: dict[Evidence, Evidence] = {}

    def known(self) -> dict[int, Result]:
        """Return the results without those of runs that are to be played again."""
        return {number: each for number, each in self.results.items() if not each.is_open}

    def open_runs(self) -> dict[int, Result]:
        """Return the results of runs that were lost because their processes were killed."""
        return {number: each for number, each in self.results.items() if each.is_open}

    def extent(self) -> int:
        """Return how many runs a campaign must have to include all runs in the state."""
        return max(self.results, default=self.identity.seed - 1) - self.identity.seed + 1

    def add(self, line: Line) -> None:
        """Add a line to the state; raise ``ValueError`` if it does not belong there."""
        self.finished = isinstance(line, Ended) or (self.finished and isinstance(line, Kept))
        match line:
            case Header():
                raise ValueError("it begins another campaign")
            case Session():
                self._add_session(line)
            case Ended():
                self.ends.append(line)
            case Kept():
                self.kept.append(line)
            case Result():
                self._add_result(line)
            case _:
                assert_never(line)

    def _add_session(self, session: Session) -> None:
        # An accepted failure has no trace: it would be lost if it counted as new.
        if {each.signature for each in session.known} != set(self.identity.accepted):
            raise ValueError("its accepted failures are not those of the campaign")
        self.sessions.append(session)

    def _add_result(self, result: Result) -> None:
        if not self.sessions:
            raise ValueError("no session has begun yet")
        before = self.results.get(result.number)
        if before is not None and not before.is_open:
            raise ValueError(f"run {result.number} was there before")
        if not self.identity.includes(result.number, max(each.runs for each in self.sessions)):
            raise ValueError(f"run {result.number} is none of this campaign's")
        if result.trace is not None:
            self._check_trace(result.trace, result)
        if result.trace is not None and result.signature is not None:
            self._with_trace.add(result.signature)
        if result.signature is not None and result.signature not in self._with_trace:
            raise ValueError(f"the trace of {excerpt(result.signature)} is missing")
        # Most runs have the same result: share one set instead of a million equal ones.
        evidence = self._evidence.setdefault(result.evidence, result.evidence)
        self.results.pop(result.number, None)  # so that it is in its place by time
        self.results[result.number] = msgspec.structs.replace(result, evidence=evidence)

    def _check_trace(self, trace: Trace, result: Result) -> None:
        check_sound(trace)
        failure = trace.outcome.failure
        if failure is None or failure.signature != result.signature:
            raise ValueError(f"the trace of run {result.number} is of another failure")
        if trace.target != self.identity.target:
            raise ValueError(f"the trace of run {result.number} is of another target")


def read_state(path: str | os.PathLike[str]) -> State:
    """Read a campaign's state.

    Raises:
        UsageError: there is none, or it cannot be used.
    """
    origin = os.fspath(path)
    try:
        document = read_whole(path)
    except OSError as error:
        raise UsageError(f"{origin}: cannot be read ({reason(error)})") from None
    return decode_state(document, origin)


def decode_state(document: bytes, origin: str) -> State:
    """Return the state in a document; ``origin`` names it in errors. A torn last line is dropped.

    Raises:
        UsageError: it is damaged, something else, or of another version.
    """
    lines = BytesIO(document)
    state = State(origin, _decode_header(lines.readline(), origin).identity)
    state.size = lines.tell()
    for number, line in enumerate(lines, start=2):
        if not line.endswith(b"\n") and is_torn(line):
            break
        state.size = lines.tell()
        try:
            state.add(_DECODER.decode(unsealed(line)))
        except (ValueError, RecursionError, UsageError) as error:
            problem = excerpt(str(error))
            raise UsageError(f"{origin}: line {number} is damaged: {problem}; {_REMEDY}") from None
    return state


class _AnyHeader(msgspec.Struct, frozen=True):
    format: str = ""
    version: Int64 = 0
    trace_version: Int64 = 0


def _decode_header(line: bytes, origin: str) -> Header:
    try:
        header = msgspec.json.decode(line, type=_AnyHeader)
    except (ValueError, RecursionError):
        _refuse_foreign(origin)
    if header.format != FORMAT:
        _refuse_foreign(origin)
    if (header.version, header.trace_version) != (STATE_VERSION, TRACE_VERSION):
        _refuse_version(header, origin)
    try:
        return msgspec.json.decode(unsealed(line), type=Header)
    except (ValueError, RecursionError, UsageError) as error:
        problem = excerpt(str(error))
        raise UsageError(f"{origin}: line 1 is damaged: {problem}; {_REMEDY}") from None


def _refuse_version(header: _AnyHeader, origin: str) -> NoReturn:
    written, read = (header.version, header.trace_version), (STATE_VERSION, TRACE_VERSION)
    release = "an older" if written < read else "a newer"
    problem = f"is of {release} release (state {written[0]}, traces {written[1]}; this one reads "
    problem += f"state {read[0]}, traces {read[1]}) and cannot be read: start the campaign again"
    raise UsageError(f"{origin}: {problem}")


def _refuse_foreign(origin: str) -> NoReturn:
    raise UsageError(f"{origin}: is not the state of a campaign; name a file that fuzz wrote")


# --- writing --------------------------------------------------------------------------------------


@contextmanager
def kept(
    directory: str | os.PathLike[str] | None, identity: Identity, session: Session, *, resume: bool
) -> Iterator[Journal | Nowhere]:
    """Keep the state of a campaign in its file of a directory, if one is given.

    Raises:
        UsageError: the file cannot be written, is in use, or is not this campaign's.
    """
    if directory is None:
        yield Nowhere(identity)
        return
    if not identity.target:
        raise UsageError(
            "a campaign whose state is kept needs a target: what it calls its scenario"
        )
    journal = Journal(Path(directory) / identity.file_name(), identity, session, resume=resume)
    try:
        yield journal
    finally:
        journal.close()


class Nowhere:
    """The journal of a campaign that keeps no state."""

    def __init__(self, identity: Identity) -> None:
        self.stored = State("", identity)
        self.opening: list[str] = []
        self.notes: list[str] = []

    def append(self, line: Line) -> None:
        """Do nothing."""


class Journal:
    """Keeps the state of a campaign that is being played.

    ``stored`` is what was known before. ``opening`` holds lines about what the file
    contained, ``notes`` lines that a reader of the results must know.
    """

    def __init__(self, path: Path, identity: Identity, session: Session, *, resume: bool) -> None:
        """Open a file, and make it if need be.

        Raises:
            UsageError: it cannot be written, is in use, or is not this campaign's.
        """
        self._path, self._name = path, _relative(path)
        self.opening: list[str] = []
        self.notes: list[str] = []
        self._failed = False
        self._file = _open(path, self._name)
        try:
            _lock(self._file, self._name)
            self.stored = self._take_over(identity, session, resume=resume)
            self.append(session)
            self._refuse_failed()
        except BaseException:
            self.close()
            raise

    def _refuse_failed(self) -> None:
        if self._failed:
            raise UsageError(self.notes.pop())

    def _take_over(self, identity: Identity, session: Session, *, resume: bool) -> State:
        """Return what the file holds; keep a copy of a state that is not continued."""
        document = self._file.readall()
        if resume and b"\n" in document:
            state = decode_state(document, self._name)
            if state.identity != identity:
                raise UsageError(f"{self._name}: is of another campaign; {_REMEDY}")
            self._file.truncate(state.size)
            self._note_resumed(state, session)
            return state
        self._put_away(document)
        self._file.truncate(0)
        self.append(Header(identity))
        return State(self._name, identity)

    def _note_resumed(self, state: State, now: Session) -> None:
        self.opening.append(f"resumed: {len(state.known())} runs are from {self._name}")
        changes = {change for session in state.sessions for change in session.changes(now)}
        self.notes += [f"some of them were played with {change}" for change in sorted(changes)]

    def _put_away(self, document: bytes) -> None:
        """Keep a copy of an unfinished campaign's state: the user may still need it."""
        try:
            state = decode_state(document, "")
            if state.finished or not state.results:
                return
            what = f"a campaign of {len(state.results)} runs was cut short here, which --resume"
            what += " would have continued"
        except UsageError:
            if b"\n" not in document:
                return
            what = "what was here cannot be read"
        write_whole(f"{self._path}{_PREVIOUS}", document)
        self.opening.append(f"started again: {what}; it is kept as {self._name}{_PREVIOUS}")

    def append(self, line: Line) -> None:
        """Write one line; a full disk does not end the campaign."""
        if self._failed:
            return
        if isinstance(line, Result) and line.printed:
            line = msgspec.structs.replace(line, printed="")
        try:
            _write(self._file, sealed(_ENCODER.encode(line)))
        except OSError as error:
            self._failed = True
            self.notes.append(
                f"the state could not be kept to the end: {self._name}: {reason(error)}"
            )

    def close(self) -> None:
        """Close the file, which gives up the lock."""
        self._file.close()


def append_to(path: Path, line: Line) -> None:
    """Add a line to the journal of a campaign whose runs are over, if that can be written.

    A file that another session uses, or that does not end with a whole line, is left alone.
    """
    if not path.exists():
        return
    with suppress(OSError, UsageError), _open(path, _relative(path)) as file:
        _lock(file, _relative(path))
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            _write(file, sealed(_ENCODER.encode(line)))


def _open(path: Path, name: str) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_parts(path.parent)
        _keep_out_of_git(path.parent)
        # Unbuffered: a forked process would write what is left in a buffer once more.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW
        return _checked(FileIO(os.open(path, flags, 0o666), "r+"))
    except OSError as error:
        refuse_link(path, "remove it, or name another directory", name)
        problem = f"the campaign's state cannot be written ({reason(error)})"
        raise UsageError(f"{name}: {problem}; name another directory") from None


def _checked(file: FileIO) -> FileIO:
    """Return a file that may be read and written; close any other and raise."""
    try:
        check_readable(file.fileno())
        names = os.fstat(file.fileno()).st_nlink
        if names > 1:  # it is written in place
            raise UnfitError(f"it has {names} names (hard links), and all would change")
    except OSError:
        file.close()
        raise
    return file


def _relative(path: Path) -> str:
    """Return the path of a file relative to the current directory."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _keep_out_of_git(directory: Path) -> None:
    """Let git ignore the default directory; any other, also behind a link, is the user's own."""
    ours = directory.resolve().parts[-2:] == Path(DEFAULT_DIRECTORY).parts
    ignored = directory / ".gitignore"
    if ours and not os.path.lexists(ignored):
        write_whole(ignored, b"*\n")


def _lock(file: FileIO, name: str) -> None:
    """Hold a lock that ends with this process, and that forked ones do not inherit."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UsageError(f"{name}: is in use: this campaign is being played already") from None


def _write(file: FileIO, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[file.write(rest) or 0 :]
