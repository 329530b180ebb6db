"""Dialects: translates errors of the simulated server into those of asyncpg and psycopg."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, assert_never

from pgqueuer.domain import errors

from simqueue.errors import PostgresError, is_by_fault, mark_by_fault

T = TypeVar("T")

Translate = Callable[[PostgresError], Exception]
"""Returns the client library's error for one of the simulated server."""

_HOST, _PORT = "127.0.0.1", 5432
_SHUTDOWN = "57P01"
_NOBODY_LISTENS = "08001"


async def speak(translate: Translate | None, awaited: Awaitable[T]) -> T:
    """Await something, and raise errors of the database as the client's library does."""
    if translate is None:
        return await awaited
    try:
        return await awaited
    except PostgresError as error:
        translated = _translated(translate, error)
    except errors.DuplicateJobError as error:
        if isinstance(error.__cause__, PostgresError):
            error.__cause__ = _translated(translate, error.__cause__)
        raise
    raise translated  # outside the handler, so that the error has no context


def _translated(translate: Translate, error: PostgresError) -> Exception:
    translated = translate(error)
    if is_by_fault(error):
        mark_by_fault(translated)
    return translated.with_traceback(error.__traceback__)


def client_error(message: str) -> PostgresError:
    """Return an error of the client library itself."""
    error = PostgresError("08003", message)
    error.occasion = "client"
    return error


def library(name: str) -> Any:
    """Return a client library, which was imported before the run."""
    return importlib.import_module(name)


def _made(kind: Callable[[str], Exception], message: str) -> Exception:
    return kind(message)


# --- asyncpg ---


def asyncpg_error(error: PostgresError) -> Exception:
    """Return the error that asyncpg raises."""
    asyncpg = library("asyncpg")
    match error.occasion:
        case "in flight":
            return _asyncpg_lost(error)
        case "closed":
            return _made(asyncpg.InterfaceError, "connection is closed")
        case "client":
            return _made(asyncpg.InterfaceError, error.message)
        case "connecting":
            return _asyncpg_refusal(error)
        case "statement":
            return _asyncpg_rejection(error)
        case _:
            assert_never(error.occasion)


def _asyncpg_rejection(error: PostgresError) -> Exception:
    if error.sqlstate == "22000":  # asyncpg cannot encode an argument
        return _made(library("asyncpg").DataError, error.message)
    return _asyncpg_answer(error)


def _asyncpg_refusal(error: PostgresError) -> Exception:
    if error.sqlstate != _NOBODY_LISTENS:
        return _asyncpg_answer(error)
    text = f"Connect call failed ('{_HOST}', {_PORT})"
    return ConnectionRefusedError(errno.ECONNREFUSED, text)


def _asyncpg_lost(error: PostgresError) -> Exception:
    asyncpg = library("asyncpg")
    message = "connection was closed in the middle of operation"
    if error.sqlstate != _SHUTDOWN:
        return _made(asyncpg.ConnectionDoesNotExistError, message)
    lost = _made(asyncpg.ConnectionDoesNotExistError, f"{message}: {error.message}")
    lost.__cause__ = _asyncpg_answer(error)
    return lost


def _asyncpg_answer(error: PostgresError) -> Exception:
    asyncpg = library("asyncpg")
    severity = _severity(error)
    fields = {
        "S": severity,
        "V": severity,
        "C": error.sqlstate,
        "M": error.message,
        "D": error.detail,
        "s": error.schema_name,
        "t": error.table_name,
        "n": error.constraint_name,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    answer: Exception = asyncpg.PostgresError.new(known)
    return answer


def _severity(error: PostgresError) -> str:
    return "ERROR" if error.occasion == "statement" else "FATAL"


# --- psycopg ---


def psycopg_error(error: PostgresError) -> Exception:
    """Return the error that psycopg raises."""
    import psycopg

    match error.occasion:
        case "in flight":
            return _psycopg_lost(error)
        case "closed":
            return psycopg.OperationalError("the connection is closed")
        case "client":
            return psycopg.OperationalError(error.message)
        case "connecting":
            return psycopg.OperationalError(_psycopg_refusal(error))
        case "statement":
            return _psycopg_rejection(error)
        case _:
            assert_never(error.occasion)


def _psycopg_lost(error: PostgresError) -> Exception:
    import psycopg

    if error.sqlstate == _SHUTDOWN:
        return _psycopg_answer(error)
    return psycopg.OperationalError(_PSYCOPG_LOST)


def _psycopg_rejection(error: PostgresError) -> Exception:
    import psycopg

    if error.sqlstate == "22000":  # psycopg cannot encode an argument
        return psycopg.DataError(error.message)
    return _psycopg_answer(error)


_PSYCOPG_LOST = (
    "consuming input failed: server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request."
)


def _psycopg_refusal(error: PostgresError) -> str:
    where = f'connection failed: connection to server at "{_HOST}", port {_PORT} failed: '
    if error.sqlstate == _NOBODY_LISTENS:
        hint = "\n\tIs the server running on that host and accepting TCP/IP connections?"
        return f"{where}Connection refused{hint}"
    return f"{where}FATAL:  {error.message}"


def _psycopg_answer(error: PostgresError) -> Exception:
    from psycopg.errors import DatabaseError, lookup
    from psycopg.pq import DiagnosticField as Field

    severity = _severity(error)
    fields = {
        Field.SEVERITY: severity,
        Field.SEVERITY_NONLOCALIZED: severity,
        Field.SQLSTATE: error.sqlstate,
        Field.MESSAGE_PRIMARY: error.message,
        Field.MESSAGE_DETAIL: error.detail,
        Field.SCHEMA_NAME: error.schema_name,
        Field.TABLE_NAME: error.table_name,
        Field.CONSTRAINT_NAME: error.constraint_name,
    }
    info: Any = dict.fromkeys(Field)
    info |= {field: value.encode() for field, value in fields.items() if value is not None}
    try:
        kind = lookup(error.sqlstate)
    except KeyError:
        kind = DatabaseError
    detail = "" if error.detail is None else f"\nDETAIL:  {error.detail}"
    return kind(error.message + detail, info=info)
