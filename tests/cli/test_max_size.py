import os

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.model.files import MAX_SIZE


@pytest.fixture
def call(trace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(MAX_SIZE, raising=False)
    trace.save("t.json")
    return lambda *words: CliRunner().invoke(app, words)


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["report"],
        ["export", "--format", "otlp"],
        ["serve"],
        ["diff"],
        ["replay"],
        ["shrink"],
        ["accept", "--reason", "x"],
        ["merge"],
    ],
)
def test_every_command_that_reads_a_file_refuses_one_that_is_too_large(call, command):
    refused = call("--max-size", "1KB", *command, "t.json")
    assert refused.exit_code == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("simqueue: t.json: cannot be read (it has ")
    assert "and 1KB is the most that is read; allow more with `simqueue --max-size SIZE" in line


def test_the_size_is_that_of_one_command(call):
    assert call("--max-size", "1MB", "show", "t.json").exit_code == 0
    assert call("--max-size", "1KB", "show", "t.json").exit_code == 2
    assert call("show", "t.json").exit_code == 0
    assert not os.environ.get(MAX_SIZE)


def test_a_size_that_is_none_is_refused(call):
    refused = call("--max-size", "much", "show", "t.json")
    assert refused.exit_code == 2
    assert "--max-size much: write a number of bytes" in refused.stderr
