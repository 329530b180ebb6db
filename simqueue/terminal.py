r"""The only way from simqueue to a terminal: control characters come out as escapes.

A trace, a campaign's state, the name of a file and the log lines of an application are written by
others, and may hold sequences that clear a screen, retitle a window or hide text. All that simqueue
prints goes through this module, which writes such characters as ``\x1b``; colours are added after
that. What the application itself prints during a run is not printed by this module.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from simqueue.errors import excerpt
from simqueue.report.printable import UNSEEN, printable

if TYPE_CHECKING:
    import structlog
    from rich.console import Console
    from rich.text import Text

COMPLAINT_MAX = 4_000
"""The largest number of characters in a line on stderr."""


def say(text: str, *, end: str = "\n") -> None:
    """Print text and ``end`` on stdout."""
    _write(sys.stdout, printable(text) + end)


def complain(text: str, *, indent: str = "", end: str = "\n") -> None:
    """Print a text on stderr as one line of bounded length."""
    line = " ".join(filter(None, (line.strip(" \t\r") for line in text.split("\n"))))
    _write(sys.stderr, f"{indent}{excerpt(line, COMPLAINT_MAX)}{end}")


def can_ask() -> bool:
    """Return whether a person at a terminal can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty() and is_terminal(err=True)


def ask(question: str) -> str:
    """Print one line on stderr, and return the line that is typed after it."""
    complain(question, end=" ")
    return sys.stdin.readline()


def say_json(document: bytes) -> None:
    """Print a JSON document on stdout in UTF-8; the escapes do not change its meaning."""
    text = UNSEEN.sub(lambda unseen: json.dumps(unseen[0])[1:-1], document.decode())
    output = sys.stdout
    binary = getattr(output, "buffer", None)
    if binary is None:
        _write(output, text)
        return
    output.flush()
    binary.write(text.encode())
    binary.flush()


def say_painted(text: str, paint: Callable[[str], Text]) -> None:
    """Print text as ``paint`` colours it if a terminal shows it, else as it is; add no newline."""
    shown = console()
    if shown.is_terminal:
        shown.print(paint(printable(text)), end="", soft_wrap=True)
    else:
        say(text, end="")


def say_crash(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Print a traceback on stderr, as ``sys.excepthook`` does."""
    _write(sys.stderr, printable("".join(traceback.format_exception(kind, error, at))))


def is_terminal(*, err: bool = False) -> bool:
    """Return whether a person reads stdout, or stderr."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()


def console(*, err: bool = False) -> Console:
    """Return a console of Rich's for stdout or stderr that escapes control characters."""
    from rich.console import Console
    from rich.segment import Segment

    class Escaping(Console):
        """Escapes text before it is styled; text is not read as Rich's markup."""

        def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
            for segment in super().render(*arguments, **options):
                text, style, control = segment
                yield segment if control else Segment(printable(text), style)

    file = sys.stderr if err else sys.stdout
    return Escaping(file=file, highlight=False, markup=False, emoji=False)


def line_logger() -> structlog.BoundLogger:
    """Return a logger whose lines are printed on stdout, in colours on a terminal."""
    import structlog

    logger: structlog.BoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout),
        processors=[
            _with_escapes,
            structlog.dev.ConsoleRenderer(colors=is_terminal(), sort_keys=False),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return logger


def _with_escapes(
    logger: object, method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = printable(value)
    return fields


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # the descriptor was closed before Python started
        return
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(text.encode(stream.encoding, "backslashreplace").decode(stream.encoding))
    stream.flush()
