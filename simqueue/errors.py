"""The errors that simqueue raises, one class for each remedy.

SimqueueError
├── UsageError            fix the call, the command line or the file that was named
│   ├── TargetError       name a scenario that exists
│   ├── ClusterError      look after the Dask cluster, or the project on its machines
│   └── TraceFormatError  bring a whole, undamaged trace of a format this release reads
├── RefusedError          use the simulated counterpart of the function that was called
├── DivergenceError       the code changed, or something decided on its own: record again, or audit
├── SettleTimeoutError    look at the unfinished jobs
├── InvariantError        look at the statements that the database executed
└── PostgresError         an error reported by the simulated server; carries a SQLSTATE
    └── UniqueViolationError
"""

from __future__ import annotations

from typing import Literal, Self

Occasion = Literal["statement", "in flight", "closed", "connecting", "client"]
"""When the client got an error of the database.

``statement``   the server rejected a statement
``in flight``   the connection broke before the answer came
``closed``      the connection was gone before the statement was sent
``connecting``  the server refused the connection
``client``      the client library itself refused the call
"""


class SimqueueError(Exception):
    """Base class of the errors that simqueue raises.

    Example:
        >>> try:
        ...     simqueue.run(print)
        ... except simqueue.SimqueueError as error:
        ...     type(error).__name__
        'TargetError'
    """


class UsageError(SimqueueError):
    """A call, an option or a file cannot be used as it stands; the text says what to do."""


class TargetError(UsageError):
    """A scenario cannot be found or is not a scenario."""

    def __init__(self, target: str, problem: str) -> None:
        super().__init__(target, problem)  # the args, so that it pickles between processes
        self.target, self.problem = target, problem

    def __str__(self) -> str:
        return f"{excerpt(self.target, NAME_SHOWN)}: {self.problem}"


class ClusterError(UsageError):
    """A Dask cluster cannot run a campaign, or cannot complete it."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(address, problem)
        self.address, self.problem = address, problem

    def __str__(self) -> str:
        return f"{self.address}: {self.problem}"


class TraceFormatError(UsageError):
    """A file is not a trace that this release can replay."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class RefusedError(SimqueueError):
    """Simulated code called a function whose result no seed could repeat.

    ``what`` is the function that the user's code called, at ``where``. ``through`` names the
    libraries between it and the refused function, and that function; it is empty if the user's code
    called the refused function itself.
    """

    def __init__(self, what: str, where: str, instead: str, through: str = "") -> None:
        super().__init__(what, where, instead, through)
        self.what, self.where, self.instead, self.through = what, where, instead, through

    def __str__(self) -> str:
        through = f", through {self.through}" if self.through else ""
        place = f"at {self.where}{through}"
        return f"{self.what} is refused inside a simulation ({place}): {self.instead}"


class DivergenceError(SimqueueError):
    """A run that should have repeated a trace did something else."""

    def __init__(self, number: int, recorded: str, happened: str, actor: str) -> None:
        super().__init__(number, recorded, happened, actor)
        self.number, self.recorded, self.happened, self.actor = number, recorded, happened, actor

    def __str__(self) -> str:
        return (
            f"diverged at event {self.number} (by {excerpt(self.actor)}): the trace has "
            f"{excerpt(self.recorded)}, this run has {excerpt(self.happened)}. If the code "
            "changed, record again; if it did not, `simqueue audit` names what decided on its own."
        )


class SettleTimeoutError(SimqueueError):
    """Jobs were still queued or picked when ``sim.settled`` gave up."""

    def __init__(self, timeout_s: float, remaining: str) -> None:
        super().__init__(timeout_s, remaining)
        self.timeout_s, self.remaining = timeout_s, remaining

    def __str__(self) -> str:
        return f"not settled after {self.timeout_s:g} s: {self.remaining}"


class InvariantError(SimqueueError):
    """Something that must hold at every moment did not."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(name, message)
        self.name, self.message = name, message

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class PostgresError(SimqueueError):
    """An error of the simulated server, shaped as asyncpg shapes one.

    ``sqlstate`` is the five-character code, ``constraint_name`` names a violated constraint.
    ``by_fault`` says that the statement would have succeeded but for a fault. ``occasion`` decides
    which class a client of another library gets; ``detail``, ``schema_name`` and ``table_name`` are
    further fields of the server's message.
    """

    by_fault = False
    occasion: Occasion = "statement"
    detail: str | None = None
    schema_name: str | None = None
    table_name: str | None = None

    def __init__(self, sqlstate: str, message: str, constraint_name: str | None = None) -> None:
        super().__init__(sqlstate, message, constraint_name)
        self.sqlstate, self.message, self.constraint_name = sqlstate, message, constraint_name

    def __str__(self) -> str:
        return self.message


class UniqueViolationError(PostgresError):
    """A row would have broken a unique index (SQLSTATE 23505); the statement changed nothing."""

    @classmethod
    def of(cls, index: str) -> UniqueViolationError:
        """Name the violated ``index`` in the server's words."""
        return cls("23505", f'duplicate key value violates unique constraint "{index}"', index)

    def within(self, schema: str, table: str, detail: str) -> Self:
        """Add the table and the taken key, as the server does."""
        self.schema_name, self.table_name, self.detail = schema, table, detail
        return self


_BY_FAULT = "_simqueue_by_fault"


def mark_by_fault(error: BaseException) -> None:
    """Note that a fault explains an error, of whatever class."""
    setattr(error, _BY_FAULT, True)


def is_by_fault(error: BaseException) -> bool:
    """Return whether a fault explains an error: PostgreSQL's, asyncpg's, psycopg's or a timeout."""
    if isinstance(error, PostgresError):
        return error.by_fault
    # The cause of a timeout is the cancellation with which it ended the call.
    cause = error.__cause__ if isinstance(error, TimeoutError) else None
    return any(getattr(each, _BY_FAULT, False) is True for each in (error, cause))


EXCERPT_SHOWN = 200
NAME_SHOWN = 500
"""Characters of a target, which is a path and has to be recognized."""


def excerpt(text: str, shown: int = EXCERPT_SHOWN) -> str:
    """Return the beginning of a text on one line, with unprintable characters as escapes.

    For errors that quote a file, since its text may have any length and content.
    """
    cut = text[:shown]
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return line if len(text) <= shown else f"{line}... ({len(text)} characters)"
