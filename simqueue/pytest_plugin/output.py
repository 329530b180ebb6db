"""What pytest prints for the plugin: control characters of traces and tests come out as escapes.

As ``simqueue.terminal`` does for the command line. ``tests/test_terminal.py`` looks for ways
around.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

_REMARK = "simqueue"
"""The property of a test's report, also in JUnit's XML, that says what its runs came to."""


def _printable(text: str) -> str:
    from simqueue.report.printable import printable  # slow to import, and most sessions need none

    return printable(text)


def failure(text: str) -> BaseException:
    """Return what fails a test with a text and no traceback."""
    return pytest.fail.Exception(_printable(text), pytrace=False)


def fail(text: str) -> NoReturn:
    """Fail the test that runs, with a text and no traceback."""
    __tracebackhide__ = True
    raise failure(text)


def usage_error(text: str) -> pytest.UsageError:
    """Return what ends the session with a line about its options."""
    return pytest.UsageError(_printable(text))


def collect_error(text: str) -> pytest.Collector.CollectError:
    """Return what makes a test an error that cannot be run."""
    return pytest.Collector.CollectError(_printable(text))


def remark(item: pytest.Item, text: str) -> None:
    """Note what the runs of a test came to, to be printed at the end, also if it passes."""
    item.user_properties.append((_REMARK, _printable(text)))


def write_line(reporter: pytest.TerminalReporter, text: str) -> None:
    """Print a line at the end of the session."""
    reporter.write_line(_printable(text))


def write_remarks(reporter: pytest.TerminalReporter, report: pytest.TestReport) -> None:
    """Print what the runs of a test came to."""
    for name, text in report.user_properties:
        if name == _REMARK:
            write_line(reporter, f"{report.nodeid}: {text}")
