import json
from datetime import datetime, timedelta

import msgspec

from simqueue.model.events import AnyEvent, Entry
from simqueue.report.export import render_export

ORDER = ["number", "at", "time", "worker", "cause", "began", "type", "fields", "words"]


def test_the_lines_give_the_events_back(played):
    read = []
    for line in render_export(played, "jsonl").splitlines():
        said = json.loads(line)
        assert list(said) == ORDER
        plain = {"type": said["type"], **said["fields"]}
        event = msgspec.convert(plain, AnyEvent)
        read.append(Entry(said["at"], said["worker"], event, said["cause"], said["began"]))
        assert said["number"] == len(read) - 1
    assert tuple(read) == played.events


def test_time_is_that_of_the_run(played):
    for line in render_export(played, "jsonl").splitlines():
        said = json.loads(line)
        passed = datetime.fromisoformat(said["time"]) - played.config.start
        assert passed == timedelta(microseconds=said["at"])


def test_a_line_says_what_happened(trace):
    lines = [json.loads(line) for line in render_export(trace, "jsonl").splitlines()]
    assert lines[0]["words"] == "the scenario enqueues job 1 (charge): b'x'"
    assert lines[0]["fields"]["payload"] == "eA=="
    assert lines[5] == {
        "number": 5,
        "at": 1_000_900,
        "time": "2024-01-01T00:00:01.000900+00:00",
        "worker": "a",
        "cause": 4,
        "began": None,
        "type": "handler_raised",
        "fields": {
            "entrypoint": "charge",
            "error": "ValueError: no money",
            "job_id": 1,
            "schedule_id": None,
            "retry": False,
            "cancelled": False,
        },
        "words": "a fails in job 1 (charge): ValueError: no money",
    }
