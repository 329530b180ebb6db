"""The faults that simqueue injects, one row each.

``FAULTS`` is the only list of them. The kinds of ``Config.faults``, the presets, the help, the
guide, the injector and the words of reports derive from it. A new kind that uses a known effect is
one row. A new ``Effect`` needs an arm in each ``match`` over effects, which mypy names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from simqueue.model.fault_record import Effect, Fault, ServerError, Severity

__all__ = [
    "FAULTS",
    "FAULT_KINDS",
    "FAULT_OF",
    "PRESETS",
    "Effect",
    "Fault",
    "FaultKind",
    "ServerError",
    "Severity",
    "faults_with",
]

FAULTS: tuple[Fault, ...] = (
    Fault(
        kind="crash",
        subject="worker",
        effect="kill",
        severity="disaster",
        each_second=True,
        around_statements=True,
        noun="a crash",
        summary=(
            "a worker's process is killed between two of its steps, as by SIGKILL, and started "
            "again later"
        ),
        reason=(
            "The kernel kills a process that runs out of memory, a node fails, a deployment is "
            "forced. Nothing of the process runs any more: no `finally`, no shutdown, no last "
            "statement. Its jobs stay picked until another worker finds their heartbeats stale."
        ),
        no_violation=(
            "A job runs a second time, because PgQueuer runs a job at least once. A job waits for "
            "`heartbeat_timeout` before another worker takes it."
        ),
        advice=(
            "Make handlers idempotent: write their effects and a key of the job in one "
            "transaction, or check before the effect whether it was done already."
        ),
    ),
    Fault(
        kind="stop",
        subject="worker",
        effect="stop",
        severity="disaster",
        each_second=True,
        around_statements=True,
        noun="a stop",
        summary=(
            "a worker's process gets SIGTERM, sometimes a second one within a second, and is "
            "started again after it has ended"
        ),
        reason=(
            "Every deployment and every scale-down stops workers like that. The worker claims no "
            "more jobs, but waits for the handlers that run."
        ),
        no_violation=(
            "A stopped worker takes as long to end as its longest handler. Jobs wait while no "
            "worker is up."
        ),
        advice=(
            "Keep handlers shorter than the time that your platform grants between SIGTERM and "
            "SIGKILL, or let long ones end early when the event `PgQueuer.shutdown` is set."
        ),
    ),
    Fault(
        kind="pause",
        subject="worker",
        effect="pause",
        severity="disaster",
        each_second=True,
        around_statements=True,
        longest_s=90,
        noun="a pause",
        summary=(
            "nothing of a worker's process runs for up to 90 s, as after SIGSTOP, while its "
            "connections stay open"
        ),
        reason=(
            "A machine that swaps, a virtual machine that migrates, a throttled container or a "
            "debugger stop a process without ending it. Its heartbeats stop; another worker may "
            "take over its jobs, and then the paused worker goes on with them."
        ),
        no_violation=(
            "A job runs on two workers at once after a pause longer than `heartbeat_timeout`: its "
            "lease has expired. The invariants excuse this."
        ),
        advice=(
            "Let the effect of a handler check that the job still belongs to it, or be harmless "
            "when it is done twice. Choose `heartbeat_timeout` longer than the pauses you expect."
        ),
    ),
    Fault(
        kind="skew",
        subject="worker",
        effect="set-clock",
        severity="mishap",
        each_second=True,
        longest_s=600,
        noun="a wrong clock",
        summary=(
            "the wall clock of a worker's machine is set up to ten minutes forwards or back, and "
            "the other machines keep theirs"
        ),
        reason=(
            "Clocks of machines differ, and NTP corrects them in jumps. PgQueuer compares times of "
            "workers with times of the server, for instance where it schedules jobs. Loop time and "
            "`time.monotonic()` are not affected."
        ),
        no_violation=("Times that the worker itself writes or logs are as wrong as its clock."),
        advice=(
            "Measure durations with `time.monotonic()` or `loop.time()`, and take times that "
            "several machines compare from the database (`now()`)."
        ),
    ),
    Fault(
        kind="disconnect",
        subject="connection",
        effect="disconnect",
        severity="disaster",
        each_second=True,
        presets=("network",),
        noun="a broken connection",
        summary=(
            "a connection breaks: before a statement arrives, after its commit and before the "
            "reply, or at any moment"
        ),
        reason=(
            "Load balancers drop connections, networks fail, servers close sessions. A client "
            "whose connection breaks while a statement is under way cannot know whether the "
            "statement was committed. Listeners on the connection get no notifications."
        ),
        no_violation=(
            "A statement that raised may have been committed. A worker without a pool ends with "
            "the error, and its supervisor starts it again."
        ),
        advice=(
            "Retry only what may be done twice, or look first whether it was done. Use a pool, "
            "and have a supervisor that restarts workers."
        ),
    ),
    Fault(
        kind="refuse",
        subject="connection",
        effect="refuse",
        severity="mishap",
        errors=(
            ServerError("53300", "sorry, too many clients already"),
            ServerError("57P03", "the database system is starting up"),
            ServerError("08001", "could not connect to server"),
        ),
        presets=("network",),
        noun="a refused connection",
        summary="the server refuses a new connection: 53300, 57P03 or 08001",
        reason=(
            "`max_connections` is reached when many workers start at once, a server starts up "
            "after a fail-over, a firewall or a name server fails for a moment."
        ),
        no_violation="A worker ends with this error while it starts, and is started again.",
        advice=(
            "Open connections with retries and a growing delay, keep pools small, and let a "
            "supervisor restart workers."
        ),
    ),
    Fault(
        kind="fail",
        subject="statement",
        effect="reject",
        severity="mishap",
        errors=(
            ServerError("40001", "could not serialize access due to concurrent update"),
            ServerError("40P01", "deadlock detected"),
            ServerError("57014", "canceling statement due to statement timeout"),
            ServerError(
                "57P01", "terminating connection due to administrator command", breaks=True
            ),
            ServerError("53300", "sorry, too many clients already"),
            ServerError("08006", "connection failure", breaks=True),
        ),
        presets=("network",),
        noun="a rejected statement",
        summary=(
            "the server rejects a statement before it changes anything: 40001, 40P01, 57014, "
            "53300, or 57P01 and 08006, with which the connection is lost"
        ),
        reason=(
            "Statements fail by deadlocks, by conflicts with concurrent ones, by timeouts and by "
            "an administrator who ends sessions. Such errors are rare in tests and regular in "
            "production."
        ),
        no_violation="A statement raises its error, and a worker that ends with it is restarted.",
        advice=(
            "Catch these errors where a statement can be repeated, and repeat the whole "
            "transaction. Do not catch them in order to ignore them."
        ),
    ),
    Fault(
        kind="slow",
        subject="statement",
        effect="slow",
        severity="mishap",
        longest_s=60,
        presets=("network",),
        noun="a slow statement",
        summary="a statement takes up to 60 s more before it begins or before it commits",
        reason=(
            "A lock, a checkpoint, a full disk cache or a bad plan make a statement slow that is "
            "fast otherwise. Its connection carries nothing else meanwhile. One that commits late "
            "holds its locks, and no other client sees its changes."
        ),
        no_violation=(
            "Jobs, schedules and shutdowns wait as long as the statement does. A takeover because "
            "heartbeats waited behind one slow statement is a violation, though: `single-runner`."
        ),
        advice=(
            "Give workers a pool, so that heartbeats need not wait for other statements, set "
            "`statement_timeout`, and choose `heartbeat_timeout` with room."
        ),
    ),
    Fault(
        kind="late-notify",
        subject="connection",
        effect="hold-up",
        severity="mishap",
        longest_s=30,
        presets=("network",),
        noun="a late notification",
        summary=(
            "a notification, and whatever the server sends after it over the same connection, "
            "arrives up to 30 s late"
        ),
        reason=(
            "A client that reads slowly or a lost packet delays what the server sends. PgQueuer "
            "wakes workers and cancels jobs by notifications, which arrive in order."
        ),
        no_violation=(
            "A worker finds a job only when it polls, after `dequeue_timeout`. A cancellation "
            "arrives after the job has ended."
        ),
        advice=(
            "Do not rely on the time at which a notification arrives. Choose `dequeue_timeout` as "
            "the longest time that a job may wait."
        ),
    ),
    Fault(
        kind="restart-server",
        subject="server",
        effect="restart-server",
        severity="disaster",
        each_second=True,
        longest_s=20,
        noun="a restart",
        clause="the server is shut down and started again",
        summary=(
            "the server is shut down properly and started again, with up to 20 s in which it "
            "accepts no connection; every connection is lost"
        ),
        reason=(
            "Updates and changes of settings restart the server. Transactions that had not "
            "committed are rolled back; every client has to connect and to LISTEN again."
        ),
        no_violation="Workers without a pool end with an error and are started again.",
        advice="Use a pool, and have a supervisor that restarts workers. No row is lost.",
    ),
    Fault(
        kind="crash-server",
        subject="server",
        effect="crash-server",
        severity="disaster",
        each_second=True,
        longest_s=20,
        noun="a crash",
        clause="the server crashes and comes up again",
        summary=(
            "the server crashes and comes up again after up to 20 s; every connection is lost, "
            "and UNLOGGED tables are empty"
        ),
        reason=(
            "PostgreSQL recovers what was committed from its write-ahead log, but truncates "
            "UNLOGGED tables after a crash. PgQueuer can be installed with such tables "
            "(`--durability volatile` or `balanced`)."
        ),
        no_violation="Jobs and logs in UNLOGGED tables are gone. The invariants allow for this.",
        advice=(
            "Install PgQueuer with durable tables if jobs must survive a crash of the server, or "
            "enqueue again what has no result."
        ),
    ),
    Fault(
        kind="fail-over",
        subject="server",
        effect="crash-server",
        severity="disaster",
        each_second=True,
        longest_s=20,
        noun="a fail-over",
        clause="a replica takes the server's place",
        summary=(
            "a replica that has all committed transactions takes the server's place after up to "
            "20 s; every connection is lost, and UNLOGGED tables are empty"
        ),
        reason=(
            "High availability replaces a failed server by its replica. UNLOGGED tables are not "
            "replicated. Fail-overs that lose committed transactions (asynchronous replication) "
            "are not simulated."
        ),
        no_violation="Jobs and logs in UNLOGGED tables are gone. The invariants allow for this.",
        advice=(
            "Install PgQueuer with durable tables, connect by a name that follows the primary, "
            "and have a supervisor that restarts workers."
        ),
    ),
)
"""Every fault, in the order in which help and guides list them."""

FAULT_OF: dict[str, Fault] = {fault.kind: fault for fault in FAULTS}
"""The faults by kind."""

FAULT_KINDS: tuple[FaultKind, ...] = tuple(FAULT_OF)

if TYPE_CHECKING:
    FaultKind = str
else:
    FaultKind = Literal[FAULT_KINDS]
    """A kind of fault. For a reader of traces and for their schema it is one of the table's."""

PRESETS: dict[str, tuple[FaultKind, ...]] = {
    "none": (),
    **{
        preset: tuple(fault.kind for fault in FAULTS if preset in fault.presets)
        for preset in dict.fromkeys(name for fault in FAULTS for name in fault.presets)
    },
    "production": FAULT_KINDS,
}
"""The kinds of faults that one name stands for."""


def faults_with(effect: Effect) -> tuple[Fault, ...]:
    """Return the faults that have an effect."""
    return tuple(fault for fault in FAULTS if fault.effect == effect)
