"""The simulated database, pure and synchronous: tables, and what statements do to them.

``statement``    the server's decision and its answer; ``executing`` does it at one instant
``enqueueing``, ``dequeueing``, ``finishing``, ``scheduling``
                 ``decide_*``: read tables, return events, change nothing
``applying``     ``apply``: takes an event, changes tables; ``fold``: a whole event log
``tables``       the four tables: ``jobs``, ``log``, ``statistics``, ``schedules``
``lane``         the indexes over one entrypoint's jobs; ``ripening``: by when they are claimable
``keys``         the sorted sets that indexes are made of
``reads``        ``select_*``: what queries answer
``notifying``    the trigger's notification as text
``rejecting``    arguments that the server refuses; ``rejection``: what it raises for a statement
``jsonb``        documents as the server gives them back
``snapshot``     all rows as one value
``transaction``  statements that overlap; ``locks``: what they hold, ``touching``: and why
``names``        what the database's objects are called; ``semantics``: what older releases ask
"""

from simqueue.store.applying import apply, fold
from simqueue.store.dequeueing import Claim, decide_dequeue, lock_candidates
from simqueue.store.enqueueing import NewJob, decide_enqueue, enqueued_ids
from simqueue.store.executing import execute
from simqueue.store.finishing import (
    Finished,
    decide_aggregate,
    decide_clear_log,
    decide_clear_queue,
    decide_clear_statistics,
    decide_crash,
    decide_drop,
    decide_heartbeat,
    decide_log_jobs,
    decide_notify,
    decide_requeue,
    decide_retry,
)
from simqueue.store.jsonb import normalize_json
from simqueue.store.locks import ADVISORY, Resource
from simqueue.store.names import Names
from simqueue.store.notifying import render_table_changed
from simqueue.store.reads import (
    ActiveWorker,
    JobDurations,
    QueueAge,
    QueueSize,
    Throughput,
    ThroughputBucket,
    select_active_workers,
    select_browse_queue,
    select_eligible_queued_work,
    select_exception_logs,
    select_job_duration_percentiles,
    select_job_log_history,
    select_job_status,
    select_list_failed_jobs,
    select_log_statistics,
    select_next_deferred_eta,
    select_peek_schedule,
    select_queue_age,
    select_queue_job_by_id,
    select_queue_log,
    select_queue_size,
    select_queued_work,
    select_stale_jobs,
    select_table_sizes,
    select_throughput_summary,
    select_throughput_timeseries,
    select_unaggregated_log_count,
)
from simqueue.store.rejecting import identifier
from simqueue.store.rejection import Rejection, rejected
from simqueue.store.scheduling import (
    decide_beat_schedules,
    decide_delete_schedules,
    decide_fetch_schedules,
    decide_insert_schedules,
    decide_release_schedules,
    decide_truncate_schedules,
)
from simqueue.store.semantics import Semantics, semantics_of
from simqueue.store.snapshot import Snapshot, snapshot
from simqueue.store.statement import Statement
from simqueue.store.tables import Tables
from simqueue.store.touching import uses as tables_used
from simqueue.store.transaction import Transaction, Transactions

__all__ = [
    "ADVISORY",
    "ActiveWorker",
    "Claim",
    "Finished",
    "JobDurations",
    "Names",
    "NewJob",
    "QueueAge",
    "QueueSize",
    "Rejection",
    "Resource",
    "Semantics",
    "Snapshot",
    "Statement",
    "Tables",
    "Throughput",
    "ThroughputBucket",
    "Transaction",
    "Transactions",
    "apply",
    "decide_aggregate",
    "decide_beat_schedules",
    "decide_clear_log",
    "decide_clear_queue",
    "decide_clear_statistics",
    "decide_crash",
    "decide_delete_schedules",
    "decide_dequeue",
    "decide_drop",
    "decide_enqueue",
    "decide_fetch_schedules",
    "decide_heartbeat",
    "decide_insert_schedules",
    "decide_log_jobs",
    "decide_notify",
    "decide_release_schedules",
    "decide_requeue",
    "decide_retry",
    "decide_truncate_schedules",
    "enqueued_ids",
    "execute",
    "fold",
    "identifier",
    "lock_candidates",
    "normalize_json",
    "rejected",
    "render_table_changed",
    "select_active_workers",
    "select_browse_queue",
    "select_eligible_queued_work",
    "select_exception_logs",
    "select_job_duration_percentiles",
    "select_job_log_history",
    "select_job_status",
    "select_list_failed_jobs",
    "select_log_statistics",
    "select_next_deferred_eta",
    "select_peek_schedule",
    "select_queue_age",
    "select_queue_job_by_id",
    "select_queue_log",
    "select_queue_size",
    "select_queued_work",
    "select_stale_jobs",
    "select_table_sizes",
    "select_throughput_summary",
    "select_throughput_timeseries",
    "select_unaggregated_log_count",
    "semantics_of",
    "snapshot",
    "tables_used",
]
