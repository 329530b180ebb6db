import base64
import json
from collections import Counter

import pytest

from simqueue.model import events as e
from simqueue.report.export import render_export

json_format = pytest.importorskip("google.protobuf.json_format")
service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def with_base64(node):
    """Return the document with ids as protobuf's JSON has them; OTLP's are hexadecimal."""
    if isinstance(node, list):
        return [with_base64(each) for each in node]
    if not isinstance(node, dict):
        return node
    read = {}
    for key, value in node.items():
        if key in IDS:
            assert value == value.lower()
            assert len(bytes.fromhex(value)) in {IDS[key], 0}
            read[key] = base64.b64encode(bytes.fromhex(value)).decode()
        else:
            read[key] = with_base64(value)
    return read


@pytest.fixture(scope="module")
def spans(played):
    """The spans as OpenTelemetry's own definitions read them, by id."""
    document = with_base64(json.loads(render_export(played, "otlp")))
    request = json_format.Parse(json.dumps(document), service.ExportTraceServiceRequest())
    found = {}
    for resource in request.resource_spans:
        process = attributes(resource.resource)["service.name"]
        for scope in resource.scope_spans:
            assert scope.scope.name == "simqueue"
            for span in scope.spans:
                assert span.span_id not in found
                found[span.span_id] = (process, span)
    return found


def attributes(holder):
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes
    }


def of(spans, kind):
    return [(process, span) for process, span in spans.values() if span.kind == kind]


INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5


def count(trace, *kinds):
    return sum(isinstance(entry.event, kinds) for entry in trace.events)


def test_every_span_belongs_to_the_one_trace_and_has_a_parent_but_the_run(spans, played):
    assert len({span.trace_id for _, span in spans.values()}) == 1
    roots = [span for _, span in spans.values() if not span.parent_span_id]
    assert [span.name for span in roots] == [f"run {played.target}".strip()]
    for _, span in spans.values():
        assert len(span.trace_id) == 16
        assert any(span.trace_id)
        assert span is roots[0] or span.parent_span_id in spans or not span.parent_span_id


def test_no_span_is_its_own_ancestor_or_begins_before_its_parent(spans):
    for key, (_, span) in spans.items():
        seen, at = {key}, span
        while at.parent_span_id:
            assert at.parent_span_id not in seen
            seen.add(at.parent_span_id)
            parent = spans[at.parent_span_id][1]
            assert parent.start_time_unix_nano <= at.start_time_unix_nano
            at = parent


def test_times_are_the_runs(spans, played):
    epoch = played.config.epoch_us * 1_000
    last = epoch + played.events[-1].at * 1_000
    for _, span in spans.values():
        assert epoch <= span.start_time_unix_nano <= span.end_time_unix_nano <= last
        for event in span.events:
            assert span.start_time_unix_nano <= event.time_unix_nano <= last


def test_there_is_a_span_for_each_job_handler_and_statement(spans, played):
    kinds = Counter(span.kind for _, span in spans.values())
    heard = count(played, e.NotificationDelivered, e.NotificationDropped)
    assert kinds[CLIENT] + kinds[PRODUCER] == count(played, e.StatementSent) + heard
    jobs = [s for p, s in spans.values() if p == "jobs and schedules" and s.name.startswith("job ")]
    assert len(jobs) == count(played, e.JobEnqueued)
    assert kinds[CONSUMER] == sum(
        isinstance(x.event, e.HandlerStarted) and x.event.job_id is not None for x in played.events
    )
    executed = {x.event.statement for x in played.events if isinstance(
        x.event, (e.StatementCommitted, e.StatementHeld, e.StatementFailed))}  # fmt: skip
    assert kinds[SERVER] == len(executed)


def test_a_handler_is_a_child_of_its_job_and_linked_to_its_pick(spans, played):
    handlers = of(spans, CONSUMER)
    assert handlers
    for process, span in handlers:
        said = attributes(span)
        entry = played.events[said["simqueue.event"]]
        assert process == entry.worker
        assert said["messaging.system"] == "pgqueuer"
        assert said["messaging.operation.type"] == "process"
        assert said["messaging.message.id"] == str(entry.event.job_id)
        job = attributes(spans[span.parent_span_id][1])
        assert job["messaging.message.id"] == said["messaging.message.id"]
        picked = [link for link in span.links if attributes(link)["simqueue.link"] == "picked by"]
        assert [spans[link.span_id][1].name for link in picked] == ["dequeue"]


def test_a_job_is_a_child_of_the_statement_that_enqueued_it(spans):
    jobs = [s for p, s in spans.values() if p == "jobs and schedules" and s.name.startswith("job ")]
    for job in jobs:
        process, server = spans[job.parent_span_id]
        assert (process, server.kind, server.name) == ("server", SERVER, "enqueue")
        process, client = spans[server.parent_span_id]
        assert (process, client.kind) == ("scenario", PRODUCER)
        assert attributes(client)["messaging.operation.type"] == "send"
        assert job.events[0].name == "queued"


def test_a_job_that_runs_again_is_linked_to_the_run_before(spans, played):
    again = [
        (span, spans[link.span_id][1])
        for _, span in of(spans, CONSUMER)
        for link in span.links
        if attributes(link)["simqueue.link"] == "runs again"
    ]
    for later, earlier in again:
        assert earlier.start_time_unix_nano < later.start_time_unix_nano
        assert earlier.parent_span_id == later.parent_span_id
    runs, repeated = Counter(), 0
    for entry in played.events:
        match entry.event:
            case e.JobEnqueued(job_id):
                runs[job_id] = 0  # also where a crash has emptied the queue, and ids begin again
            case e.HandlerStarted(_, int(job_id)):
                repeated += runs[job_id] > 0
                runs[job_id] += 1
    assert len(again) == repeated


def test_what_went_wrong_is_an_error(spans, played):
    failed = [
        span for _, span in of(spans, CONSUMER) if "exception" in [x.name for x in span.events]
    ]
    assert len(failed) == count(played, e.HandlerRaised)
    assert all(span.status.code == 2 for span in failed)
    for span in failed:
        said = attributes(span.events[0])
        assert attributes(span)["error.type"] == said["exception.type"]
    done = [span for _, span in of(spans, CONSUMER) if span.status.code == 1]
    assert len(done) == sum(
        isinstance(x.event, e.HandlerFinished) and x.event.job_id is not None for x in played.events
    )
    rejected = [span for _, span in of(spans, SERVER) if span.status.code == 2]
    assert len(rejected) == count(played, e.StatementFailed)
    root = next(span for _, span in spans.values() if not span.parent_span_id)
    assert root.status.code == (1 if played.outcome.passed else 2)
