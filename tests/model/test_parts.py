import os
import signal
import subprocess
import sys
import threading

import pytest

from simqueue.errors import UsageError
from simqueue.model.files import write_whole

KILLED = """
import os, signal
from simqueue.model.files import write_whole
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
write_whole("t.json", b"never")
"""
WAITING = """
import os
from simqueue.model.files import write_whole
os.fsync = lambda descriptor: print(input("written\\n"), flush=True)
write_whole("t.json", b"late")
"""
PART = ".t.json.simqueue-{}.part"


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def killed(directory):
    """Let a process be killed while it writes; return the name of what it left."""
    process = subprocess.Popen([sys.executable, "-c", KILLED])
    assert process.wait() == -signal.SIGKILL
    part = PART.format(process.pid)
    assert part in names(directory)
    return part


def test_what_a_killed_process_has_left_is_removed_by_the_next_write(directory):
    killed(directory)
    killed(directory)
    write_whole("other.json", b"other")
    assert names(directory) == ["other.json"]


def test_a_part_of_a_process_that_still_writes_is_left_to_it(directory):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "written\n"
        write_whole("t.json", b"early")
        assert names(directory) == [PART.format(process.pid), "t.json"]
        process.communicate("\n")
    assert process.returncode == 0
    assert (directory / "t.json").read_bytes() == b"late"
    assert names(directory) == ["t.json"]


def test_files_that_are_only_named_alike_are_left_alone(directory):
    others = ["x.part", ".x.part", ".x.12.part", "t.json.simqueue-12.part", ".t.simqueue-x.part"]
    for name in others:
        (directory / name).write_text("mine")
    (directory / "mine").write_text("mine")
    (directory / PART.format(1)).symlink_to("mine")
    (directory / PART.format(2)).mkdir()
    os.mkfifo(directory / PART.format(3))
    before = names(directory)
    write_whole("t.json", b"new")
    assert names(directory) == sorted([*before, "t.json"])
    assert {(directory / name).read_text() for name in [*others, "mine"]} == {"mine"}


def test_a_link_in_place_of_the_part_is_refused_by_name(directory):
    (directory / "mine").write_text("mine")
    part = PART.format(os.getpid())
    (directory / part).symlink_to("mine")
    with pytest.raises(UsageError, match=rf"{part}: is a symbolic link, .*: remove it$"):
        write_whole("t.json", b"new")
    assert (directory / "mine").read_text() == "mine"
    assert names(directory) == sorted([part, "mine"])


def test_threads_that_write_one_file_at_once_do_not_share_a_part(directory, monkeypatch):
    all_written = threading.Barrier(4)
    monkeypatch.setattr(os, "fsync", lambda descriptor: all_written.wait(60))
    documents = [bytes([number]) * 1_000 for number in range(4)]
    threads = [threading.Thread(target=write_whole, args=("t.json", each)) for each in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (directory / "t.json").read_bytes() in documents
    assert names(directory) == ["t.json"]


def test_modes_of_files_are_those_of_the_umask_and_of_what_was_there(directory):
    before = os.umask(0o027)
    try:
        write_whole("t.json", b"new")
        assert (directory / "t.json").stat().st_mode & 0o777 == 0o640
        (directory / "t.json").chmod(0o604)
        write_whole("t.json", b"again")
    finally:
        os.umask(before)
    assert (directory / "t.json").stat().st_mode & 0o777 == 0o604


def test_a_directory_that_is_a_link_is_written_into(directory):
    (directory / "real").mkdir()
    (directory / "link").symlink_to("real")
    write_whole("link/t.json", b"new")
    assert (directory / "link").is_symlink()
    assert names(directory / "real") == ["t.json"]


def test_pipes_and_directories_are_not_replaced(directory):
    os.mkfifo("pipe")
    (directory / "inner").mkdir()
    for name, problem in (("pipe", "not a regular file"), ("inner", "is a directory")):
        with pytest.raises(UsageError, match=rf"{name}: cannot be written \(.*{problem}"):
            write_whole(name, b"new")
    assert names(directory) == ["inner", "pipe"]
    assert (directory / "pipe").is_fifo()


def test_another_name_of_the_same_file_keeps_what_it_had(directory):
    (directory / "mine").write_text("mine")
    (directory / "t.json").hardlink_to("mine")
    write_whole("t.json", b"new")
    assert (directory / "mine").read_text() == "mine"
