import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
PLAIN = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:hypothesispytest")
"""Without plugins that keep the last results, shuffle the tests, or import all of Hypothesis, which
takes a third of the time."""


@pytest.fixture
def inner(pytester, plugin_args, monkeypatch):
    """Run pytest in a process of its own on the files made with ``pytester``.

    ``typed`` are the lines that a person types meanwhile.
    """
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(plugin_args))

    def run(*arguments, plain=PLAIN, typed=None):
        scope = ("-o", "asyncio_default_fixture_loop_scope=function")
        if typed is None:
            return pytester.runpytest_subprocess(*plain, *scope, *arguments)
        command = (sys.executable, "-m", "pytest", *plain, *scope, *arguments)
        return pytester.run(*command, stdin="".join(f"{line}\n" for line in typed).encode())

    return run


@pytest.fixture
def replay_line():
    """Read the command that replays a failure from what pytest printed."""

    def read(result):
        # On CI pytest says it once more, in its summary.
        (line,) = {line for line in result.outlines if line.startswith("Again: ")}
        return line.removeprefix("Again: ").split()

    return read
