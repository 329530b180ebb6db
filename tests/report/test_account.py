import msgspec

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.log_index import Course
from simqueue.report.story.last_actions import render_last_actions
from simqueue.report.story.participants import Involved, involved_in
from simqueue.report.story.story import render_story
from simqueue.report.story.timeline import render_timeline

GREEN, BLUE = "g" * 36, "b" * 36
NOT_EXECUTED = "which is not executed when the run ends"


def judged(trace, *events, message="it broke", **about):
    """A run that an invariant has failed, after these entries."""
    broken = Entry(9_000_000, "world", e.InvariantBroken("single-runner", message, "", **about))
    failure = msgspec.structs.replace(
        trace.outcome.failure,
        kind="invariant",
        message=message,
        where="single-runner",
        signature="invariant:single-runner",
        traceback="",
        expected="a job runs once",
    )
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    return msgspec.structs.replace(trace, events=(*events, broken), outcome=outcome, choices=())


def account(trace):
    return render_timeline(Course(trace.events), trace, involved_in(trace)).splitlines()


def started(*names):
    return [Entry(0, name, e.WorkerStarted(1)) for name in names]


def statement(number, worker, name, sent, committed, *events):
    """The entries of one statement, at seconds; their number in the log is the caller's affair."""
    return (
        Entry(sent, worker, e.StatementSent(number, f"{worker}-1", name)),
        Entry(committed, worker, e.StatementCommitted(number)),
        *(Entry(committed, worker, each) for each in events),
    )


def linked(entries):
    """The entries, those that a statement decided having its commit as their cause."""
    commit, made = None, []
    for number, entry in enumerate(entries):
        if isinstance(entry.event, e.StatementCommitted):
            commit = number
        decided = isinstance(entry.event, e.StoreEvent)
        made.append(msgspec.structs.replace(entry, cause=commit) if decided else entry)
    return made


# --- who is involved ---


def test_an_invariant_says_itself_whom_it_is_about(trace):
    told = judged(trace, message="job 8 and job 9", job_ids=(3, 1), schedule_ids=(2,))
    assert involved_in(told) == Involved((("job", 3), ("job", 1), ("schedule", 2)), (), True)


def test_one_that_does_not_is_read_for_names_of_jobs_and_workers(trace):
    told = judged(trace, *started("ada", "bob"), message="job 3 was taken from ada-2 by bob")
    assert involved_in(told) == Involved((("job", 3),), ("bob",), True)


def test_workers_that_had_the_jobs_are_involved_and_no_others(trace):
    picks = Entry(5, "ada", e.JobPicked(3, GREEN)), Entry(6, "bob", e.JobPicked(4, BLUE))
    assert involved_in(judged(trace, *started("ada", "bob"), *picks, job_ids=(3,))) == Involved(
        (("job", 3),), ("ada",), True
    )


def test_a_passed_run_involves_nobody(trace):
    outcome = msgspec.structs.replace(trace.outcome, passed=True, failure=None)
    assert involved_in(msgspec.structs.replace(trace, outcome=outcome)) == Involved()


# --- how it came about ---


def test_jobs_that_fare_alike_share_a_line(trace):
    enqueued = [Entry(1, "scenario", e.JobEnqueued(job, "mail", 0, 1)) for job in (1, 2, 3, 4)]
    picked = [Entry(2, "ada", e.JobPicked(job, GREEN)) for job in (1, 2, 4)]
    told = account(judged(trace, *enqueued, *picked, job_ids=(1, 2, 3, 4)))
    assert told[1:3] == [
        "      #0    +0.000001s  scenario enqueues jobs 1 to 4 (mail): no payload",
        "      #4    +0.000002s  ada picks jobs 1, 2, 4",
    ]


def test_jobs_of_different_instants_or_fates_do_not(trace):
    picked = Entry(1, "ada", e.JobPicked(1, GREEN)), Entry(2, "ada", e.JobPicked(2, GREEN))
    assert len(account(judged(trace, *picked, job_ids=(1, 2)))) == 4
    stale = (
        Entry(1, "ada", e.JobPicked(1, GREEN)),
        Entry(1, "ada", e.JobPicked(2, GREEN, stale=True)),
    )
    assert len(account(judged(trace, *stale, job_ids=(1, 2)))) == 4


def test_what_befell_its_workers_is_told_and_what_befell_others_is_not(trace):
    events = (
        *started("ada", "bob"),
        Entry(1, "ada", e.JobPicked(1, GREEN)),
        Entry(2, "ada", e.WorkerPaused(40_000_000)),
        Entry(3, "bob", e.WorkerStopping()),
        Entry(4, "server", e.ServerRestarted()),
        Entry(5, "ada", e.LogLine("app", "info", "hello")),
        Entry(6, "ada", e.LogLine("app", "warning", "no beat")),
    )
    told = "\n".join(account(judged(trace, *events, job_ids=(1,))))
    assert "ada is paused for 40 s" in told
    assert "server is shut down and started again" in told
    assert "no beat" in told
    assert "bob" not in told
    assert "hello" not in told


def test_heartbeats_are_counted_and_the_last_one_is_dated(trace):
    beats = [Entry(at * 1_000_000, "ada", e.JobsBeat((1, 2))) for at in range(3)]
    told = account(judged(trace, *beats, job_ids=(1,)))
    assert told[1] == "           ... 3 heartbeats, the last at +2.000000s"


def test_the_failure_is_named_and_not_told_twice(trace):
    told = account(judged(trace, job_ids=(1,), message="something long"))
    assert told[-1] == "      #0    +9.000000s  >> single-runner is broken"


def test_a_long_account_begins_with_how_much_is_left_out(trace):
    raised = [Entry(at, "ada", e.HandlerRaised("m", f"E{at}", job_id=1)) for at in range(40)]
    told = account(judged(trace, *raised, job_ids=(1,)))
    assert told[1] == "           ... 10 earlier lines"
    assert len(told) == 33


# --- what a statement's sender did not know ---


def test_a_tick_that_passes_while_a_statement_travels_is_told(trace):
    events = linked(
        (
            *statement(
                1, "ada", "insert_schedule", 0, 1, e.ScheduleInserted(1, "* * * * *", "s", 500)
            ),
            *statement(2, "ada", "fetch_schedule", 400, 600, e.SchedulePicked(1, 500, 500)),
        )
    )
    told = account(judged(trace, *events, schedule_ids=(1,)))
    assert told[2].endswith(
        "the next is +0.000500s (sent at +0.000400s, before its tick at +0.000500s)"
    )


def test_a_tick_that_had_passed_before_is_not(trace):
    events = linked(
        (
            *statement(
                1, "ada", "insert_schedule", 0, 1, e.ScheduleInserted(1, "* * * * *", "s", 500)
            ),
            *statement(2, "ada", "fetch_schedule", 500, 600, e.SchedulePicked(1, 500, 900)),
        )
    )
    assert "sent at" not in "\n".join(account(judged(trace, *events, schedule_ids=(1,))))


def test_a_change_that_overtook_a_statement_is_told(trace):
    sent, committed, picked = statement(2, "bob", "dequeue", 100, 300, e.JobPicked(1, BLUE))
    events = linked(
        (
            *statement(1, "scenario", "enqueue", 0, 1, e.JobEnqueued(1, "mail", 0, 1)),
            sent,
            *statement(3, "ada", "cancel", 150, 200, e.JobLogged(1, "canceled", "mail", 0)),
            committed,
            picked,
        )
    )
    told = account(judged(trace, *events, job_ids=(1,)))
    assert told[3].endswith("bob picks job 1 (sent at +0.000100s, before #6)")


# --- what the workers said and heard ---


def test_statements_are_told_with_what_they_did_and_when(trace):
    events = linked(
        (
            *started("ada"),
            *statement(1, "ada", "dequeue", 100, 300, e.JobPicked(1, GREEN)),
            Entry(400, "ada", e.StatementReplied(1)),
            *statement(2, "ada", "notify", 500, 600),
            Entry(700, "ada", e.StatementSent(3, "ada-1", "queued_work")),
        )
    )
    told = judged(trace, *events, job_ids=(1,))
    assert render_last_actions(Course(told.events), involved_in(told)).splitlines() == [
        "The last statements of ada, with their replies:",
        "      #1    +0.000100s  ada sends its dequeue, executed at +0.000300s: picks job 1",
        "      #7    +0.000700s  ada sends its count of queued jobs, " + NOT_EXECUTED,
    ]


def test_a_story_says_what_was_expected_and_tells_no_tail(trace):
    story = render_story(judged(trace, Entry(1, "ada", e.JobPicked(1, GREEN)), job_ids=(1,)))
    assert "Expected: a job runs once\nFailed: single-runner: it broke\n" in story
    assert "The last that happened" not in story


# --- silence ---


def taken_over(trace, *before):
    picked = Entry(1_000_000, "ada", e.JobPicked(3, GREEN))
    stale = Entry(40_000_000, "bob", e.JobPicked(3, BLUE, previous=GREEN, stale=True))
    return account(judged(trace, *started("ada", "bob"), picked, *before, stale, job_ids=(3,)))


def test_a_takeover_says_when_the_heart_last_beat(trace):
    beat = Entry(20_500_000, "ada", e.JobsBeat((3, 4)))
    other = Entry(30_000_000, "ada", e.JobsBeat((4,)))
    told = taken_over(trace, beat, other)[-2]
    assert told.endswith(f"from manager {GREEN} (its last heartbeat is #3, 19.5 s before)")


def test_a_takeover_says_that_it_never_did_and_whether_a_beat_is_under_way(trace):
    assert taken_over(trace)[-2].endswith("(no heartbeat since it was picked, 39 s before)")
    sent = Entry(9_000_000, "ada", e.StatementSent(7, "ada-1", "update_heartbeat"))
    assert taken_over(trace, sent)[-2].endswith(
        "39 s before; the one sent at +9.000000s is not executed yet)"
    )


# --- lives, settings, loops ---


def test_restarts_of_processes_that_had_nothing_in_hand_are_left_out(trace):
    restart = [e.WorkerStopping(), e.WorkerExited(), e.WorkerStarted(2)]
    lives = [Entry(at, "ada", each) for at, each in enumerate(restart)]
    picked = Entry(5, "ada", e.JobPicked(3, GREEN))
    told = account(judged(trace, *started("ada"), *lives, picked, job_ids=(3,)))
    assert "asked to stop" not in "\n".join(told)
    told = account(judged(trace, *started("ada"), picked, *lives, picked, job_ids=(3,)))
    assert "asked to stop" in "\n".join(told)


def test_settings_are_told_of_workers_that_are_alike_together(trace):
    ready = e.WorkerReady(GREEN, (("pay", 2), ("mail", 0)), heartbeat_timeout=5_000_000)
    drain = e.WorkerReady(BLUE, (), drain=True, tasks_max=4, pooled=True)
    events = (
        *started("ada", "bob", "eve"),
        *(Entry(0, name, ready) for name in ("ada", "bob", "ada")),
        Entry(0, "eve", drain),
    )
    told = account(judged(trace, *events, job_ids=(3,), message="ada, bob, eve"))
    assert told[1].strip() == (
        "(ada and bob: heartbeat_timeout 5 s, dequeue_timeout 30 s, one connection, "
        "concurrency_limit of pay 2)"
    )
    assert told[2].strip() == (
        "(eve: heartbeat_timeout 30 s, dequeue_timeout 30 s, a pool of connections, drain mode, "
        "max_concurrent_tasks 4)"
    )


def test_a_blocked_loop_is_blamed_on_its_handler_and_told_once(trace):
    handlers = [Entry(0, "ada", e.HandlerStarted("zip", job_id=job)) for job in (7, 8)]
    blocks = [Entry(at, "ada", e.LoopBlocked(1_000_000), cause=at) for at in (1, 2)]
    told = account(judged(trace, *started("ada"), *handlers, *blocks, message="ada of job 9"))
    assert told[1] == (
        "      #3    +0.000001s  ada blocks its loop for 1 s in job 7 (zip), "
        "and 1 more times until +1.000002s"
    )


def test_a_thread_that_sleeps_is_told_of_its_handler_and_blocks_no_loop(trace):
    handler = Entry(0, "ada", e.HandlerStarted("zip", job_id=7))
    sleep = Entry(1, "ada", e.LoopBlocked(2_000_000, thread=True), cause=1)
    told = account(judged(trace, *started("ada"), handler, sleep, message="ada of job 9"))
    assert told[1].endswith("ada has a thread of job 7 (zip) sleep for 2 s")


def test_what_a_question_was_answered_is_told(trace):
    def asked(name, answer):
        events = (
            *started("ada"),
            *statement(1, "ada", name, 100, 200),
            Entry(300, "ada", e.StatementReplied(1, answer)),
        )
        told = judged(trace, *events, message="ada of job 9")
        return render_last_actions(Course(told.events), involved_in(told)).rpartition(": ")[2]

    assert asked("queued_work", 0) == "none"
    assert asked("eligible_queued_work", 1) == "one or more"
    assert asked("queued_work", 7) == "7"
    assert asked("next_deferred_eta", None) == "none"
    assert asked("next_deferred_eta", 2_500_000) == "one is due in 2.5 s"


def test_of_many_jobs_some_are_told_and_the_others_are_counted(trace):
    told = account(judged(trace, Entry(1, "a", e.JobPicked(1, GREEN)), job_ids=tuple(range(1, 10))))
    assert told[0] == ("How it came about (jobs 1, 2, 3, 4, 5 and 4 more, which are not shown):")


# --- a LISTEN that was lost ---


def lost_listen(at, worker="ada"):
    return (
        Entry(at, worker, e.Listening(worker, "ch", on=False)),
        Entry(at, worker, e.ConnectionLost(worker)),
    )


def test_that_a_worker_stopped_listening_is_told_if_its_connection_broke(trace):
    told = account(judged(trace, *started("ada"), *lost_listen(5), message="ada is deaf"))
    assert told[1:3] == [
        "      #1    +0.000005s  ada stops listening to ch over ada",
        "      #2    +0.000005s  ada loses its connection ada",
    ]


def test_the_orderly_end_of_a_session_is_not(trace):
    silent = lost_listen(5)[0]
    told = account(judged(trace, *started("ada"), silent, message="ada is deaf"))
    assert not [line for line in told if "listening" in line]


def test_it_is_told_also_if_much_happened_since(trace):
    warned = [Entry(at, "ada", e.LogLine("app", "warning", f"no {at}")) for at in range(10, 60)]
    told = account(judged(trace, *started("ada"), *lost_listen(5), *warned, message="ada is deaf"))
    assert told[1:4] == [
        "      #1    +0.000005s  ada stops listening to ch over ada",
        "           ... 22 earlier lines",
        "     #24    +0.000031s  ada says app warning: no 31",
    ]
    assert len(told) == 33
