import signal
import subprocess
import sys

import pytest

from simqueue.errors import UsageError
from simqueue.model.files import changing

COUNT = """
for _ in range(40):
    with changing(file):
        file.write_text(str(int(file.read_text()) + 1))
"""
KILLED = """
import os, signal
from simqueue.model.files import changing
with changing("count"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(directory):
    return [path.name for path in directory.iterdir()]


def test_processes_change_a_file_one_after_another(directory, at_once):
    (directory / "count").write_text("0")
    imports = "from pathlib import Path; from simqueue.model.files import changing"
    at_once(4, f"{imports}; file = Path('count')", COUNT)
    assert (directory / "count").read_text() == "160"
    assert names(directory) == ["count"]


def test_a_lock_ends_with_the_process_that_is_killed(directory):
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert names(directory) == [".count.lock"]
    with changing("count"):
        (directory / "count").write_text("1")
    assert names(directory) == ["count"]


def test_a_file_of_the_user_that_is_named_like_a_lock_is_kept(directory):
    (directory / ".count.lock").write_text("mine")
    with changing("count"):
        pass
    assert (directory / ".count.lock").read_text() == "mine"


def test_a_lock_that_is_a_link_is_refused_by_name(directory):
    (directory / ".count.lock").symlink_to("nowhere")
    with (
        pytest.raises(UsageError, match=r"\.count\.lock: is a symbolic link"),
        changing("count"),
    ):
        raise AssertionError
    assert not (directory / "nowhere").exists()


def test_what_fails_inside_lets_go_of_the_lock(directory):
    with pytest.raises(ZeroDivisionError), changing("count"):
        raise ZeroDivisionError
    assert names(directory) == []
