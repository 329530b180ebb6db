import json
import os
import sys
from pathlib import Path

import msgspec
import pytest

import simqueue.model
from simqueue.errors import TraceFormatError, UsageError
from simqueue.model import trace as tracefile
from simqueue.model import trace_schema
from simqueue.model.trace import TRACE_VERSION, Trace


@pytest.fixture
def path(trace, tmp_path):
    path = tmp_path / "trace.json"
    trace.save(path)
    return path


def problem_of(path):
    with pytest.raises(TraceFormatError) as caught:
        Trace.load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text


def changed(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_trace_is_read_back_as_it_was_saved(trace, path):
    assert Trace.load(path) == trace


def test_choices_are_given_to_a_run_by_key_and_position(trace):
    assert trace.recorded() == {"a dequeue reply": {1: 2, 3: 1}, "a order": {0: 1}}
    assert list(trace.recorded()) == sorted(trace.recorded())


def test_a_document_has_a_line_for_each_event_and_ends_in_a_newline(trace, path):
    document = path.read_text()
    assert document.endswith("\n")
    assert sum(line.startswith('{"at":') for line in document.splitlines()) == len(trace.events)
    assert list(json.loads(document)) == list(Trace.__struct_fields__)


def test_a_target_that_looks_like_the_events_does_not_confuse_the_writer(trace, tmp_path):
    odd = tracefile.seal(msgspec.structs.replace(trace, target='x","events":["'))
    odd.save(tmp_path / "odd.json")
    assert Trace.load(tmp_path / "odd.json") == odd


def test_a_trace_without_events_is_read_back(trace, tmp_path):
    empty = tracefile.seal(msgspec.structs.replace(trace, events=()))
    empty.save(tmp_path / "empty.json")
    assert Trace.load(tmp_path / "empty.json") == empty


def test_a_reformatted_document_still_loads(trace, path):
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    assert Trace.load(path) == trace


def test_half_a_file_is_said_to_break_off(path):
    path.write_bytes(path.read_bytes()[:700])
    assert "breaks off in the middle, after 700 bytes" in problem_of(path)


def test_every_truncation_is_refused(path):
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        problem_of(path)


def test_every_flipped_letter_of_the_events_is_noticed(trace, path):
    whole = path.read_bytes()
    start, end = whole.index(b'"events"'), whole.index(b'"outcome"')
    for place in range(start, end):
        if chr(whole[place]).isalnum():
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            try:
                assert Trace.load(path) == trace  # base64 has bits that mean nothing
            except TraceFormatError:
                continue


def test_a_flipped_digit_is_told_by_the_checksum(path):
    path.write_bytes(path.read_bytes().replace(b'"at":800', b'"at":801'))
    assert "is damaged: its checksum is" in problem_of(path)


def test_bytes_that_are_no_text_are_noticed_wherever_they_are(trace, path):
    document = path.read_bytes()
    for position in range(0, len(document), 7):
        damaged = document[:position] + b"\xff" + document[position + 1 :]
        with pytest.raises(TraceFormatError):
            tracefile.decode(damaged)


def test_an_overwritten_file_keeps_its_mode(trace, path):
    path.chmod(0o640)
    trace.save(path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_json_of_another_kind_is_told_apart(path):
    for text in ("{}", "[1, 2]", '"trace"', '{"format": "har"}', '{"format": 5}'):
        path.write_text(text)
        assert 'is not a trace (a JSON object whose "format" is' in problem_of(path)


def test_a_file_that_is_not_json_is_told_apart(path):
    for document in (b"# readme", b"\xff\xfe\x00", b"{]"):
        path.write_bytes(document)
        assert "is not JSON" in problem_of(path)


def test_an_endlessly_nested_document_is_refused(path):
    path.write_bytes(b'{"format":' + b"[" * 100_000)
    problem_of(path)


def test_an_empty_file_is_said_to_be_empty(path):
    path.write_bytes(b"\n")
    assert "is empty" in problem_of(path)


def test_a_future_version_names_its_simqueue_and_says_upgrade(path):
    changed(path, version=TRACE_VERSION + 1, simqueue="9.1", unheard_of=True)
    text = problem_of(path)
    assert f"written by simqueue 9.1 in trace format {TRACE_VERSION + 1}" in text
    assert "upgrade simqueue" in text


def test_a_version_of_the_past_says_how_to_get_a_new_trace(path):
    changed(path, version=TRACE_VERSION - 1, config={"faults": {"preset": "none"}})
    assert "run its target again to record a new trace" in problem_of(path)


def test_a_wrong_field_is_named_with_its_path(path):
    events = json.loads(path.read_text())["events"]
    events[3]["event"]["type"] = "job_teleported"
    changed(path, events=events)
    assert "$.events[3].event" in problem_of(path)


def test_a_missing_file_and_a_directory_are_told_apart(tmp_path):
    assert "there is no such file" in problem_of(tmp_path / "nope.json")
    assert "is a directory" in problem_of(tmp_path)


def test_saving_makes_the_directories_and_leaves_nothing_else_behind(trace, tmp_path):
    trace.save(tmp_path / "a" / "b" / "trace.json")
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["trace.json"]


def test_a_save_that_fails_leaves_the_old_file_and_no_other(trace, path, monkeypatch):
    before = path.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="no space left"):
        msgspec.structs.replace(trace, seed=3).save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(trace, path):
    with pytest.raises(UsageError, match=r"trace\.json/inner\.json: cannot be written"):
        trace.save(path / "inner.json")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such file")
def test_a_device_is_not_replaced_by_a_file(trace):
    with pytest.raises(UsageError, match="not a regular file"):
        trace.save(os.devnull)
    assert not Path(os.devnull).is_file()


def test_a_symbolic_link_is_refused_and_what_it_leads_to_is_left_alone(trace, path):
    before = path.read_bytes()
    for there in (path, path.parent / "nothing.json"):
        link = path.parent / "link.json"
        link.symlink_to(there)
        with pytest.raises(
            UsageError, match=r"link\.json: is a symbolic link, .*: name the file itself"
        ):
            msgspec.structs.replace(trace, seed=3).save(link)
        assert link.is_symlink()
        link.unlink()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_published_schema_is_in_step():
    published = Path(simqueue.model.__file__).with_name("trace.schema.json")
    assert published.read_bytes() == trace_schema.schema(), (
        "write simqueue.model.trace_schema.schema() to simqueue/model/trace.schema.json"
    )
