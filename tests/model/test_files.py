import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import simqueue
from simqueue.errors import UsageError
from simqueue.model.files import MAX_SIZE, parse_size, read_whole, reason
from simqueue.model.trace import Trace
from simqueue.search.campaign.journal import read_state
from simqueue.search.campaign.known import load_known
from simqueue.search.replay.regressions import saved_failures


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "app-1.json"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("read", [Trace.load, read_state, load_known])
def test_what_is_not_a_regular_file_is_refused_before_it_is_read(read, pipe):
    for path in (str(pipe), "/dev/zero", "/dev/null"):
        with pytest.raises(UsageError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: cannot be read (it is not a regular file; ")


def test_a_pipe_on_standard_input_is_refused(tmp_path):
    command = [sys.executable, "-m", "simqueue", "show", "/dev/stdin"]
    done = subprocess.run(command, input="{}", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "/dev/stdin: cannot be read (it is not a regular file; save what it gives" in line


def test_a_pipe_among_saved_failures_is_not_waited_for(pipe):
    (saved,) = saved_failures(pipe.parent, "app.py:scenario")
    assert saved.path == pipe


def test_a_file_that_is_larger_than_the_limit_is_refused(trace, tmp_path, monkeypatch):
    path = tmp_path / "t.json"
    trace.save(path)
    size = path.stat().st_size
    monkeypatch.setenv(MAX_SIZE, str(size))
    assert Trace.load(path) == trace
    monkeypatch.setenv(MAX_SIZE, str(size - 1))
    for read in (Trace.load, read_state, load_known):
        with pytest.raises(UsageError, match=f"it has {size:,} bytes, and {size - 1} is the most"):
            read(path)


def test_a_file_of_many_gigabytes_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "t.json"
    path.touch()
    os.truncate(path, 2**40)
    with pytest.raises(UsageError, match="and 1GB is the most that is read"):
        Trace.load(path)


def test_sizes_are_numbers_with_units():
    for text, size in (("1", 1), ("20kb", 20_000), ("1.5 MB", 1_500_000), ("2GB", 2_000_000_000)):
        assert parse_size(text, "--max-size") == size
    for text in ("", "0", "-1", "1TB", "GB", "1e9", "x"):
        with pytest.raises(UsageError, match=r"--max-size .*: write a number of bytes"):
            parse_size(text, "--max-size")


def test_a_file_is_read_whole(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"")
    assert read_whole(path) == b""
    path.write_bytes(b"abc" * 100_000)
    assert read_whole(path) == b"abc" * 100_000
    with pytest.raises(IsADirectoryError) as caught:
        read_whole(tmp_path)
    assert reason(caught.value) == "is a directory"


WRITERS = {"write_text", "write_bytes", "touch", "rename", "mkstemp", "NamedTemporaryFile"}
OPENERS = {"open", "fdopen", "FileIO"}
MODES = {"w", "wb", "a", "ab", "x", "xb", "r+", "r+b"}
FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT"}
DOORS = {
    "model/files.py": "write_whole",
    "model/parts.py": "parts of files",
    "model/locks.py": "locks",
    "search/campaign/journal.py": "states, which are appended to",
    "search/processes/clean.py": "the null device",
    "search/processes/output.py": "the output of a run, in a file without a name",
}


def writes(node):
    """Return whether a node of the source may be about a file that is written."""
    if isinstance(node, ast.Attribute):
        return node.attr in FLAGS
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    values = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return name in WRITERS or (name in OPENERS and bool(values & MODES))


def test_files_are_written_by_the_modules_that_refuse_links_alone():
    root, found = Path(simqueue.__file__).parent, set()
    for path in root.rglob("*.py"):
        if any(map(writes, ast.walk(ast.parse(path.read_text(encoding="utf-8"))))):
            found.add(path.relative_to(root).as_posix())
    assert found == set(DOORS)
