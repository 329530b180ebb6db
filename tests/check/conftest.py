import pytest

from simqueue.check import Panel
from simqueue.model import events as e
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.store import Names, Tables, apply


class History:
    """A run told event by event; each method says what happens next and returns the history.

    ``broken`` is what the invariants said so far, as pairs of a name and what is wrong. Time is in
    seconds, at first 0, and stands still until ``at`` moves it. Times within events are
    microseconds, as always.
    """

    def __init__(self, *only, **settings):
        self.config = Config(invariants=only or None, **settings)
        self.tables = Tables(Names())
        self.panel = Panel(self.tables, self.config)
        self.now = 0
        self.broken = []
        self.entries = []
        self._incarnations = {}

    def at(self, seconds):
        """Go to a moment."""
        self.now = round(seconds * 1_000_000)
        return self

    def event(self, worker, *events, began=None):
        """Have any events happen on behalf of a worker; ``began`` is what NOW() was, in seconds."""
        began = None if began is None else round(began * 1_000_000)
        for event in events:
            entry = Entry(self.now, worker, event, None, began)
            self.entries.append(entry)
            if isinstance(event, e.StoreEvent):
                apply(self.tables, entry.now, event)
            verdict = next(iter(self.panel.see(entry)), None)
            if verdict is not None:
                self.broken.append((verdict[0].name, verdict[1]))
        return self

    def overdue(self, seconds):
        """Return the first thing that is owed at a moment, as a name and what is wrong, or None."""
        verdict = next(iter(self.panel.overdue(round(seconds * 1_000_000))), None)
        return None if verdict is None else (verdict[0].name, verdict[1])

    # --- the world ---

    def worker(self, name, entrypoints=("charge",), **ready):
        """Start a worker, or its next incarnation; its manager is ``a-1``, then ``a-2``, ..."""
        number = self._incarnations[name] = self._incarnations.get(name, 0) + 1
        if not isinstance(entrypoints, dict):
            entrypoints = dict.fromkeys(entrypoints, 0)
        registered = tuple(entrypoints.items())
        return self.event(
            name, e.WorkerStarted(number), e.WorkerReady(f"{name}-{number}", registered, **ready)
        )

    def manager(self, name):
        """The manager of a worker's latest incarnation."""
        return f"{name}-{self._incarnations[name]}"

    def crashes(self, name):
        return self.event(name, e.WorkerCrashed())

    def pauses(self, name, seconds):
        return self.event(name, e.WorkerPaused(round(seconds * 1_000_000)))

    def blocks(self, name, seconds):
        """A step of the worker blocks its loop."""
        return self.event(name, e.LoopBlocked(round(seconds * 1_000_000)))

    def sleeps(self, name, seconds):
        """A thread of the worker sleeps, and its loop goes on."""
        return self.event(name, e.LoopBlocked(round(seconds * 1_000_000), thread=True))

    def loses(self, name, connection=None):
        """A connection of the worker breaks."""
        return self.event(name, e.ConnectionLost(connection or name))

    # --- jobs ---

    def enqueue(self, *jobs, entrypoint="charge", key=None, due=None, client="scenario"):
        due = self.now if due is None else round(due * 1_000_000)
        for job in jobs:
            self.event(client, e.JobEnqueued(job, entrypoint, 0, due, dedupe_key=key))
        return self

    def picks(self, name, *jobs, began=None, stale=None):
        """A worker claims jobs, stale ones if they are picked and unless told otherwise."""
        for job in jobs:
            row = self.tables.jobs.rows[job]
            picked = row.status == "picked" if stale is None else stale
            previous = row.queue_manager_id
            self.event(
                name,
                e.JobPicked(job, self.manager(name), previous=previous, stale=picked),
                began=began,
            )
        return self

    def starts(self, name, job, entrypoint="charge"):
        return self.event(name, e.HandlerStarted(entrypoint, job_id=job))

    def finishes(self, name, job, entrypoint="charge", **how):
        return self.event(name, e.HandlerFinished(entrypoint, job_id=job, **how))

    def raises(self, name, job, error="ValueError: no money", entrypoint="charge", **how):
        return self.event(name, e.HandlerRaised(entrypoint, error, job_id=job, **how))

    def beats(self, name, *jobs, began=None):
        return self.event(name, e.JobsBeat(jobs), began=began)

    def logs(self, name, job, status, began=None, entrypoint="charge"):
        return self.event(name, e.JobLogged(job, status, entrypoint, 0), began=began)

    def retries(self, name, job, due=None, began=None):
        due = self.now if due is None else round(due * 1_000_000)
        return self.event(name, e.JobRetried(job, due), began=began)

    def requeues(self, name, *jobs):
        return self.event(name, *map(e.JobRequeued, jobs))

    # --- schedules ---

    def registers(self, name, schedule, due, entrypoint="sweep", expression="* * * * *"):
        due = round(due * 1_000_000)
        return self.event(name, e.ScheduleInserted(schedule, expression, entrypoint, due))

    def claims(self, name, schedule, next_run, *, stale=False, began=None):
        due = self.tables.schedules.rows[schedule].next_run
        next_run = round(next_run * 1_000_000)
        event = e.SchedulePicked(schedule, due, next_run, stale=stale)
        return self.event(name, event, began=began)

    def ticks(self, name, schedule, entrypoint="sweep"):
        """A schedule's handler starts."""
        return self.event(name, e.HandlerStarted(entrypoint, schedule_id=schedule))

    def ticked(self, name, schedule, entrypoint="sweep"):
        """A schedule's handler returns."""
        return self.event(name, e.HandlerFinished(entrypoint, schedule_id=schedule))

    def releases(self, name, schedule):
        return self.event(name, e.ScheduleReleased(schedule))


@pytest.fixture
def history():
    """Begin a history: ``history("single-runner", patience=...)`` judges that invariant alone."""
    return History
