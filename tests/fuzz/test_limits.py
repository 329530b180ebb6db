"""The guards of the fuzzer themselves: what they let pass, and what they end or notice."""

import os
import signal

import pytest
from limits import ProcessorTimeError, bounded, tree


def test_a_command_that_takes_too_much_memory_is_refused_it():
    with bounded():
        assert len(bytearray(100_000_000)) == 100_000_000
        with pytest.raises(MemoryError):
            bytearray(600_000_000)
    assert len(bytearray(600_000_000)) == 600_000_000


def test_a_command_that_never_ends_is_ended_by_its_processor_time():
    before = signal.getsignal(signal.SIGXCPU)
    with pytest.raises(ProcessorTimeError), bounded(seconds=0):
        while True:
            pass
    assert signal.getsignal(signal.SIGXCPU) is before


def test_whatever_changes_in_a_tree_is_noticed_but_what_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("1")
    (tmp_path / "link").symlink_to("in/a")
    before = tree(tmp_path)
    (tmp_path / "out").write_text("new")
    assert tree(tmp_path, [tmp_path / "out"]) == before
    assert tree(tmp_path) != before
    os.utime(tmp_path / "in" / "a", ns=(1, 1))
    assert tree(tmp_path, [tmp_path / "out"]) != before
    (tmp_path / "link").unlink()
    assert (tmp_path / "link") not in tree(tmp_path)
