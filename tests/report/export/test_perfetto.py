import json
from collections import Counter, defaultdict

import pytest

from simqueue.model import events as e
from simqueue.report.export import render_export

PHASES = {
    "M": {"pid", "tid", "name", "args"},
    "X": {"pid", "tid", "ts", "dur", "name", "cat", "args"},
    "i": {"pid", "tid", "ts", "name", "cat", "s", "args"},
    "C": {"pid", "tid", "ts", "name", "args"},
    "b": {"pid", "tid", "ts", "name", "cat", "id2", "args"},
    "e": {"pid", "tid", "ts", "name", "cat", "id2"},
    "s": {"pid", "tid", "ts", "name", "cat", "id"},
    "t": {"pid", "tid", "ts", "name", "cat", "id", "bp"},
    "f": {"pid", "tid", "ts", "name", "cat", "id", "bp"},
}


class Checked:
    """A document that keeps every rule of the format that its viewers rely on."""

    def __init__(self, document):
        whole = json.loads(document)
        assert set(whole) == {"traceEvents", "displayTimeUnit", "otherData"}
        self.records = whole["traceEvents"]
        self.header = whole["otherData"]
        for record in self.records:
            assert set(record) == {"ph"} | PHASES[record["ph"]], record
            assert all(type(record.get(key, 0)) is int for key in ("pid", "tid", "ts", "dur"))
        self._check_names()
        self._check_time()
        self.slices = self.of("X")
        self._check_slices()
        self._check_strands()
        self._check_arrows()
        assert all(record["s"] == "t" for record in self.of("i"))

    def of(self, *phases):
        return [record for record in self.records if record["ph"] in phases]

    def _check_names(self):
        named = Counter((r["name"], r["pid"], r["tid"]) for r in self.of("M"))
        assert set(named.values()) == {1}
        for record in self.records:
            assert named["process_name", record["pid"], record["pid"]] == 1
            if record["ph"] in "Xistf":
                assert named["thread_name", record["pid"], record["tid"]] == 1
        self.processes = {
            r["pid"]: r["args"]["name"] for r in self.of("M") if r["name"] == "process_name"
        }
        assert len(set(self.processes.values())) == len(self.processes)
        tids = [r["tid"] for r in self.of("M") if r["name"] == "thread_name"]
        assert len(set(tids)) == len(tids)
        assert not set(tids) & set(self.processes)
        self.tracks = {
            (r["pid"], r["tid"]): r["args"]["name"]
            for r in self.of("M")
            if r["name"] == "thread_name"
        }

    def _check_time(self):
        times = [record["ts"] for record in self.records if record["ph"] != "M"]
        assert times == sorted(times)
        assert times[0] >= 0

    def _check_slices(self):
        """Slices of a track nest: each is within what is open when it begins."""
        rows = defaultdict(list)
        for each in self.slices:
            assert each["dur"] > 0
            stack = rows[each["pid"], each["tid"]]
            while stack and stack[-1] <= each["ts"]:
                stack.pop()
            end = each["ts"] + each["dur"]
            assert not stack or end <= stack[-1], each
            stack.append(end)

    def _check_strands(self):
        """What begins ends, the last begun first, and nothing is left open."""
        open_ = defaultdict(list)
        for record in self.of("b", "e"):
            stack = open_[record["pid"], record["cat"], record["id2"]["local"]]
            if record["ph"] == "b":
                stack.append(record["name"])
            else:
                assert stack.pop() == record["name"]
        assert not any(open_.values())

    def _check_arrows(self):
        """Each arrow begins once and ends once, later, and at each point within a slice."""
        arrows = defaultdict(list)
        for record in self.of("s", "t", "f"):
            arrows[record["id"]].append(record)
        by_row = defaultdict(list)
        for each in self.slices:
            by_row[each["pid"], each["tid"]].append((each["ts"], each["ts"] + each["dur"]))
        for points in arrows.values():
            phases = "".join(point["ph"] for point in points)
            assert phases == "s" + "t" * (len(points) - 2) + "f"
            for point in points:
                rows = by_row[point["pid"], point["tid"]]
                assert any(start <= point["ts"] < end for start, end in rows), point

    def named(self, process, track=None):
        return [
            each
            for each in self.slices
            if self.processes[each["pid"]] == process
            and (track is None or self.tracks[each["pid"], each["tid"]].startswith(track))
        ]


@pytest.fixture(scope="module")
def checked(played):
    return Checked(render_export(played, "perfetto"))


def count(trace, *kinds):
    return sum(isinstance(entry.event, kinds) for entry in trace.events)


def test_the_document_keeps_the_rules_of_its_format(checked, played):
    assert checked.header["digest"] == played.digest


def test_each_handler_and_each_statement_is_a_slice(checked, played):
    kinds = Counter(each["cat"] for each in checked.slices)
    server = checked.named("server")
    assert kinds["handler"] == count(played, e.HandlerStarted)
    assert kinds["statement"] - len(server) == count(played, e.StatementSent)
    executed = {getattr(x.event, "statement", None) for x in played.events if isinstance(
        x.event, (e.StatementCommitted, e.StatementHeld, e.StatementFailed))}  # fmt: skip
    assert {each["args"]["statement"] for each in server} == executed
    heard = count(played, e.NotificationDelivered, e.NotificationDropped)
    assert kinds["notification"] == heard > 0


def test_hops_fill_a_statement_that_the_server_executed_and_answered(checked):
    executed = {each["args"]["statement"] for each in checked.named("server")}
    hops = defaultdict(list)
    for each in checked.slices:
        if each["cat"] == "hop":
            hops[each["pid"], each["tid"]].append((each["ts"], each["ts"] + each["dur"]))
    filled = 0
    for each in checked.slices:
        args, start, end = each["args"], each["ts"], each["ts"] + each["dur"]
        if each["cat"] != "statement" or checked.processes[each["pid"]] == "server":
            continue
        if args["ended"] != "done" or args["statement"] not in executed:
            continue
        within = [hop for hop in hops[each["pid"], each["tid"]] if start <= hop[0] < end]
        assert within[0][0] == start
        assert [first[1] for first in within] == [*[second[0] for second in within[1:]], end]
        filled += len(within) > 1
    assert filled > 5


def test_slices_and_strands_name_their_events(checked, played):
    for each in checked.slices:
        if each["cat"] == "handler":
            entry = played.events[each["args"]["event"]]
            assert entry.at == each["ts"]
            assert checked.processes[each["pid"]] == entry.worker
    for record in checked.of("b"):
        assert played.events[record["args"]["event"]].at == record["ts"]


def test_a_job_is_a_strand_of_its_statuses(checked, played):
    jobs = [record for record in checked.of("b") if record["name"].startswith("job ")]
    assert len(jobs) == count(played, e.JobEnqueued)
    picked = [record for record in checked.of("b") if record["name"] == "picked"]
    assert len(picked) == count(played, e.JobPicked, e.SchedulePicked)


def test_counters_end_at_what_is_left(checked, played):
    jobs = {}
    for entry in played.events:
        match entry.event:
            case e.JobEnqueued(job_id):
                jobs[job_id] = "queued"
            case e.JobPicked(job_id):
                jobs[job_id] = "picked"
            case e.JobRetried(job_id):
                jobs[job_id] = "queued"
            case e.JobLogged(job_id):
                jobs.pop(job_id, None)
            case e.ServerCrashed(emptied) if "queue" in emptied:
                jobs.clear()
    counters = [record["args"] for record in checked.of("C")]
    left = Counter(jobs.values())
    assert counters[-1] == {"queued": left["queued"], "picked": left["picked"], "failed": 0}
    assert max(each["picked"] for each in counters) > 0


def test_arrows_lead_from_a_statement_to_its_commit_and_its_reply(checked, played):
    arrows = defaultdict(list)
    for record in checked.of("s", "t", "f"):
        arrows[record["id"]].append(checked.processes[record["pid"]])
    ways = Counter(tuple(dict.fromkeys(way)) for way in arrows.values())
    server = len(checked.named("server"))
    statements = [way for way in arrows.values() if way[0] != "server"]
    assert len(statements) == server
    answered = [way for way in statements if way[-1] == way[0]]
    executed = {each["args"]["statement"] for each in checked.named("server")}
    replied = [x.event for x in played.events if isinstance(x.event, e.StatementReplied)]
    assert len(answered) == sum(event.statement in executed for event in replied)
    picks = count(played, e.HandlerStarted) - sum(
        isinstance(x.event, e.HandlerStarted) and x.cause is None for x in played.events
    )
    told = count(played, e.NotificationDelivered, e.NotificationDropped)
    from_server = sum(times for way, times in ways.items() if way[0] == "server")
    assert picks < from_server <= picks + told


def test_faults_and_verdicts_have_tracks_of_the_run(checked, played):
    marks = [record for record in checked.of("i") if checked.processes[record["pid"]] == "run"]
    kinds = Counter((checked.tracks[x["pid"], x["tid"]], x["cat"]) for x in marks)
    assert kinds["verdicts", "failure"] == (0 if played.outcome.passed else 1)
    assert kinds["verdicts", "invariant_broken"] == count(played, e.InvariantBroken)
    assert kinds["faults", "fault_struck"] == count(played, e.FaultStruck)
    assert kinds["faults", "server_crashed"] == count(played, e.ServerCrashed)


def test_processes_are_those_of_the_run(checked, played):
    assert list(checked.processes.values())[:3] == ["run", "jobs and schedules", "server"]
    workers = {entry.worker for entry in played.events}
    assert workers <= set(checked.processes.values())


def test_what_a_killed_process_did_ends_with_it(trace):
    import msgspec

    from simqueue.model.events import Entry

    events = (
        Entry(0, "a", e.WorkerStarted(1)),
        Entry(10, "a", e.HandlerStarted("charge", job_id=1)),
        Entry(20, "a", e.StatementSent(1, "a", "log_jobs")),
        Entry(30, "a", e.WorkerCrashed()),
        Entry(220, "a", e.StatementCommitted(1), cause=2),
        Entry(900, "b", e.WorkerStarted(1)),
    )
    killed = msgspec.structs.replace(trace, events=events)
    checked = Checked(render_export(killed, "perfetto"))
    ends = {(each["cat"], checked.processes[each["pid"]]): each for each in checked.slices}
    handler, statement = ends["handler", "a"], ends["statement", "a"]
    assert (handler["ts"], handler["dur"], handler["args"]["ended"]) == (10, 20, "killed")
    assert (statement["ts"], statement["dur"], statement["args"]["ended"]) == (20, 10, "killed")
    assert ends["process", "a"]["dur"] == 30
    assert ends["statement", "server"]["ts"] == 220


def test_threads_that_sleep_block_no_loop(trace):
    import msgspec

    from simqueue.model.events import Entry

    sleeps = [
        Entry(at, "a", e.LoopBlocked(duration, thread=thread))
        for at, duration, thread in ((5, 40, True), (20, 90, True), (130, 10, False))
    ]
    events = (Entry(0, "a", e.WorkerStarted(1)), *sleeps)
    asleep = msgspec.structs.replace(trace, events=events)
    names = Counter(each["name"] for each in Checked(render_export(asleep, "perfetto")).slices)
    assert (names["a thread sleeps"], names["blocks its loop"]) == (2, 1)
