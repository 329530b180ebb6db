"""Trace files that are compressed: read like others, and never unpacked beyond the limit."""

import gzip
import random
import tracemalloc

import pytest

from simqueue.errors import TraceFormatError
from simqueue.model.files import MAX_SIZE, UnfitError
from simqueue.model.gzipped import unpacked
from simqueue.model.trace import Trace


def refused(path):
    with pytest.raises(TraceFormatError) as caught:
        Trace.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_trace_whose_name_ends_in_gz_is_compressed_and_read_again(trace, tmp_path):
    trace.save(tmp_path / "plain.json")
    trace.save(tmp_path / "t.json.gz")
    packed = (tmp_path / "t.json.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "plain.json").read_bytes()
    assert Trace.load(tmp_path / "t.json.gz") == trace
    trace.save(tmp_path / "again.gz")
    assert (tmp_path / "again.gz").read_bytes() == packed


def test_what_is_compressed_is_read_under_any_name(trace, tmp_path):
    trace.save(tmp_path / "t.json.gz")
    (tmp_path / "t.json.gz").rename(tmp_path / "t.json")
    assert Trace.load(tmp_path / "t.json") == trace


@pytest.mark.parametrize("damage", [slice(0, -4), slice(0, 200), slice(0, 2)])
def test_a_compressed_trace_that_is_cut_off_is_refused(damage, trace, tmp_path):
    path = tmp_path / "t.json.gz"
    trace.save(path)
    path.write_bytes(path.read_bytes()[damage])
    assert "gzip compression is cut off" in refused(path)


def test_a_compressed_trace_that_is_damaged_or_goes_on_is_refused(trace, tmp_path):
    path = tmp_path / "t.json.gz"
    trace.save(path)
    content = bytearray(path.read_bytes())
    path.write_bytes(bytes(content) + b"more")
    assert "followed by something else" in refused(path)
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert "damaged" in refused(path)


def test_nothing_is_unpacked_beyond_what_may_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv(MAX_SIZE, "1MB")
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"[" * 50_000_000))
    assert path.stat().st_size < 100_000
    assert "unpacks to more than 1MB" in refused(path)


def test_a_document_that_is_too_large_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setenv(MAX_SIZE, "40MB")
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"[" * 50_000_000))
    tracemalloc.start()
    assert "unpacks to more than 40MB" in refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("size", [1, 65_536, 3_000_000])
def test_a_document_may_be_just_as_large_as_may_be_read(size, monkeypatch):
    document = random.Random(1).randbytes(size // 2) + bytes(size - size // 2)
    packed = gzip.compress(document)
    monkeypatch.setenv(MAX_SIZE, str(size))
    assert unpacked(packed) == document
    if size > 1:
        monkeypatch.setenv(MAX_SIZE, str(size - 1))
        with pytest.raises(UnfitError, match="unpacks to more"):
            unpacked(packed)
