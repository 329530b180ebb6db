"""The plugin's output in pytest, with control characters of traces and tests escaped.

As ``simqueue.terminal`` does for the command line. ``tests/test_terminal.py`` looks for ways
around.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

_REMARK = "simqueue"
"""The property of a test's report, also in JUnit's XML, that holds remarks about its runs."""


def _printable(text: str) -> str:
    from simqueue.report.printable import printable  # slow to import, and most sessions need none

    return printable(text)


def failure(text: str) -> BaseException:
    """Return an exception that fails a test with a text and no traceback."""
    return pytest.fail.Exception(_printable(text), pytrace=False)


def fail(text: str) -> NoReturn:
    """Fail the test that runs, with a text and no traceback."""
    __tracebackhide__ = True
    raise failure(text)


def usage_error(text: str) -> pytest.UsageError:
    """Return an exception that ends the session with a line about its options."""
    return pytest.UsageError(_printable(text))


def collect_error(text: str) -> pytest.Collector.CollectError:
    """Return an exception that makes a test an error of collection."""
    return pytest.Collector.CollectError(_printable(text))


def remark(item: pytest.Item, text: str) -> None:
    """Add a remark about a test's runs, which is printed at the end even if it passes."""
    item.user_properties.append((_REMARK, _printable(text)))


def write_line(reporter: pytest.TerminalReporter, text: str) -> None:
    """Print a line at the end of the session."""
    reporter.write_line(_printable(text))


def write_remarks(reporter: pytest.TerminalReporter, report: pytest.TestReport) -> None:
    """Print the remarks about a test's runs."""
    for name, text in report.user_properties:
        if name == _REMARK:
            write_line(reporter, f"{report.nodeid}: {text}")
