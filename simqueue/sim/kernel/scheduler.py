"""The world's scheduler: which process takes its next step, and when time moves."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextvars import Context
from typing import Any

from simqueue.choices import Choices
from simqueue.model.choice_key import key_of
from simqueue.model.delays import ladder
from simqueue.sim.kernel.appointments import Appointments
from simqueue.sim.kernel.handles import Handle, Timer
from simqueue.sim.kernel.line import Line
from simqueue.sim.kernel.process import HOME, Process

_STEPS_BETWEEN_CLEANINGS = 16_384
_US_BETWEEN_SWEEPS = 60_000_000
_STEPS_FREE = 1_000
_STEPS_BILLED = 100
_STEP_US = 10
"""The first ``_STEPS_FREE`` steps of an instant take no time. Each later one takes ``_STEP_US``,
added for ``_STEPS_BILLED`` steps at once: so a busy loop takes time."""


class Livelock(Exception):  # noqa: N818  an end of the run, not an error of the running code
    """More steps than allowed ran without a moment at which none was ready."""


class Deadlock(Exception):  # noqa: N818
    """Nothing is ready and no timer is pending."""


class TimeLimit(Exception):  # noqa: N818
    """Virtual time reached the limit of the run."""


class Scheduler:
    """Ready queues, timers and the one virtual clock.

    Within a process, steps run in the order they became ready, as asyncio promises. Which process
    runs next is a choice; 0 is the one whose step has waited longest, so that a run of zeros is one
    first-in-first-out queue. Time moves when no process can run, and in a busy loop.
    """

    __slots__ = (
        "_appointments", "_attention", "_cleaning", "_collect", "_heap",
        "_instant_began", "_lags", "_line",
        "_sweep_due", "choices", "current", "interrupted", "limit", "now", "on_error", "on_exit",
        "on_sweep", "processes", "runnable", "sequence", "steps", "steps_per_instant_max",
        "stopped",
    )  # fmt: skip

    def __init__(
        self,
        choices: Choices,
        *,
        limit_us: int,
        lag_max_us: int,
        steps_per_instant_max: int,
        collect: Callable[[], object],
        on_error: Callable[[Handle, BaseException], object],
        on_exit: Callable[[Process, BaseException], object],
    ) -> None:
        self.choices = choices
        self.limit = limit_us
        self.steps_per_instant_max = steps_per_instant_max
        self.now = 0
        self.steps = 0
        self.stopped = False
        self.processes: list[Process] = []
        self.runnable: list[Process] = []
        self._lags = ladder(lag_max_us)
        self._collect = collect
        self.on_error = on_error
        self.on_exit = on_exit
        self.interrupted: Callable[[], bool] = lambda: True
        """Whether a ``KeyboardInterrupt`` comes from outside the run, and then ends it at once."""
        self._heap: list[tuple[int, int, Process, Timer]] = []
        self._appointments = Appointments()
        self._line = Line(self.runnable)
        self._sweep_due = _US_BETWEEN_SWEEPS
        self.on_sweep: Callable[[], object] = lambda: None
        """Called about every ``_US_BETWEEN_SWEEPS`` of virtual time, while time moves at all."""
        self.sequence = 0
        self._instant_began = 0
        self._cleaning = _STEPS_BETWEEN_CLEANINGS
        self._attention = self._next_attention(0)
        self.current = self.spawn("world")

    def spawn(self, name: str, owner: Process | None = None) -> Process:
        """Add a process, or a thread of ``owner``, whose tasks will carry it in their context."""
        context = Context() if owner is None else owner.context.copy()
        process = Process(
            name,
            context,
            self.choices.stream(key_of(name, kind="order")),
            self.choices.stream(key_of(name, kind="lag")),
            1000 + len(self.processes) if owner is None else owner.pid,
            owner,
        )
        context.run(HOME.set, process)
        if owner is None:
            self.processes.append(process)
        else:
            owner.lanes.append(process)
        return process

    def retire(self, lane: Process) -> None:
        """Forget a thread that has nothing left to do."""
        lane.alive = False
        if lane.owner is not None:
            lane.owner.lanes.remove(lane)

    def kill(self, process: Process) -> None:
        """Drop everything the process and its threads would still do."""
        victims = (process, *process.lanes)
        for victim in victims:
            victim.alive = False
            victim.remains.extend(victim.ready)
            victim.ready = type(victim.ready)()
            self._unqueue(victim)
        for _, _, owner, timer in self._heap:
            if owner in victims:
                owner.remains.append(timer)
        self._heap = [item for item in self._heap if item[2] not in victims]
        heapq.heapify(self._heap)

    def pause(self, process: Process, until: int) -> None:
        """Let nothing of a process and its threads run until ``until``."""
        for each in (process, *process.lanes):
            if each.paused_until <= self.now:
                each.floor_unpaused = each.floor
            each.paused_until = max(each.paused_until, until)
            each.floor = max(each.floor_unpaused, each.paused_until)
            if each.floor > self.now:
                self._block(each)

    def resume(self, process: Process) -> None:
        """End a pause now; a loop that a step has blocked stays blocked."""
        for each in (process, *process.lanes):
            if each.paused_until > self.now:
                each.floor, each.paused_until = each.floor_unpaused, self.now
                self.post(each, max(self.now, each.floor), _wake_up)

    def local_now(self) -> int:
        """Return virtual microseconds as the running process sees them."""
        floor = self.current.floor
        return max(self.now, floor)

    # --- callbacks to run ---

    def at(self, process: Process, due: int, callback: Callable[..., object],
           args: tuple[Any, ...], context: Context) -> Timer:  # fmt: skip
        """Append a step to the process's ready queue when the world's time is ``due``."""
        self.sequence = sequence = self.sequence + 1
        timer = Timer(callback, args, context, sequence, False, due)
        heapq.heappush(self._heap, (due, sequence, process, timer))
        return timer

    def post(
        self, process: Process, due: int, callback: Callable[..., object], *args: Any
    ) -> Timer:
        """Deliver a message: like ``at``, in the process's own context, never noticed late."""
        return self.at(process, due, callback, args, process.context)

    def after_steps(
        self, count: int, watched: Process, process: Process, callback: Callable[[], object]
    ) -> None:
        """Call ``callback()`` as ``process`` when ``watched`` has run ``count`` more steps.

        Steps of other processes do not count: they must not move a fault of this one.
        """
        self._appointments.add(self.steps, count, watched, process, callback)
        self._attention = min(self._attention, self.steps)

    def enqueue(self, process: Process, handle: Handle) -> None:
        """Append a step to a ready queue, making its process runnable if it can run."""
        if not process.alive:
            process.remains.append(handle)
            return
        process.ready.append(handle)
        if not process.queued and process.floor <= self.now:
            process.queued = True
            self.runnable.append(process)

    # --- running ---

    def run(self) -> None:  # noqa: C901, PLR0912  the loop: a call costs a tenth of a step
        """Run until ``stopped``; raise ``Deadlock``, ``Livelock`` or ``TimeLimit``."""
        runnable = self.runnable
        while not self.stopped:
            if not runnable:
                self._advance()
                continue
            if self.steps >= self._attention:
                # Before a step is taken out: a process with one to run is not idle.
                self._attend()
                continue
            process = runnable[0]
            if len(runnable) > 1:
                # Calm is the process whose step became ready first.
                earliest = process.ready[0].sequence
                for other in runnable:
                    sequence = other.ready[0].sequence
                    if sequence < earliest:
                        process, earliest = other, sequence
                if process.order.quiet:
                    process.order.quiet -= 1
                else:
                    process = self._choose(process)
            handle = process.ready.popleft()
            if not handle._cancelled:  # noqa: SLF001  as asyncio's own loop reads it
                self.current = process
                self.steps += 1
                try:
                    handle._context.run(handle._callback, *handle._args)  # noqa: SLF001
                except (KeyboardInterrupt, SystemExit) as error:
                    if isinstance(error, KeyboardInterrupt) and self.interrupted():
                        raise
                    self.on_exit(process, error)
                except BaseException as error:  # noqa: BLE001  as asyncio's own loop takes it
                    self._raised(process, handle, error)
                if process.floor > self.now:
                    self._block(process)
            # Not before the step has run: most steps make their process runnable again.
            if not process.ready:
                self._unqueue(process)

    def _raised(self, process: Process, handle: Handle, error: BaseException) -> None:
        if handle._context is process.context:  # noqa: SLF001
            raise error  # A message of simqueue's own, so this is a bug of simqueue.
        self.on_error(handle, error)

    def _attend(self) -> None:
        """Do the work due at certain steps, the same ones in all runs of the same choices."""
        spent = self.steps - self._instant_began
        if spent > self.steps_per_instant_max:
            raise Livelock
        if self.steps >= self._cleaning:
            self._cleaning += _STEPS_BETWEEN_CLEANINGS
            self._clean()
        if spent >= _STEPS_FREE:
            # Steps take time, too: code that waits for a timer in a busy loop must get there.
            self._ripen(self.now + _STEPS_BILLED * _STEP_US)
        if self._appointments:
            self._keep_appointments()
        self._attention = self._next_attention(spent)

    def _next_attention(self, spent: int) -> int:
        left = _STEPS_BILLED if spent >= _STEPS_FREE else _STEPS_FREE - spent
        return min(
            self._appointments.next_step(self.steps) if self._appointments else self._cleaning,
            self._cleaning,
            self.steps + left,
            self._instant_began + self.steps_per_instant_max + 1,
        )

    def _keep_appointments(self) -> None:
        """Call the appointments that are due after the running process's step."""
        for each in self._appointments.due(self.steps, self.current.owner or self.current):
            self.current = each.process
            each.callback()

    def _clean(self) -> None:
        """Collect garbage, so that finalizers run here and nowhere else; drop cancelled timers."""
        self._collect()
        if len(self._heap) > _STEPS_BETWEEN_CLEANINGS // 8:
            self._heap = [item for item in self._heap if not item[3]._cancelled]  # noqa: SLF001
            heapq.heapify(self._heap)

    def _choose(self, first: Process) -> Process:
        """Pick which process goes next; 0 is ``first``."""
        which = first.order.pick(len(self.runnable), self._line)
        return self._line.order[which] if which else first

    def _block(self, process: Process) -> None:
        """Keep a process from running until the world's time has reached its own."""
        self._unqueue(process)
        self.post(process, process.floor, _wake_up)

    def _unqueue(self, process: Process) -> None:
        if process.queued:
            process.queued = False
            self.runnable.remove(process)

    def _advance(self) -> None:
        heap = self._heap
        while heap and (heap[0][3]._cancelled or not heap[0][2].alive):  # noqa: SLF001
            _, _, process, timer = heapq.heappop(heap)
            if not process.alive:
                process.remains.append(timer)  # dropping its arguments might run a finalizer
        if not heap:
            raise Deadlock
        if heap[0][0] > self.now:
            self._instant_began = self.steps
            self._attention = self._next_attention(0)
        self._ripen(max(heap[0][0], self.now))

    def _ripen(self, now: int) -> None:
        """Set the time to ``now``, and make the processes that are due by then ready."""
        if now > self.limit:
            raise TimeLimit
        self.now = now
        if now >= self._sweep_due:
            self._sweep_due = now + _US_BETWEEN_SWEEPS
            self.on_sweep()
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, process, timer = heapq.heappop(heap)
            if not timer._cancelled:  # noqa: SLF001
                self._due(process, timer)

    def _due(self, process: Process, timer: Timer) -> None:
        # An idle loop may be woken late by its timer: the machine may be busy.
        idle = not process.ready and process.floor <= self.now and process.alive
        self.enqueue(process, timer)
        if idle and timer._context is not process.context:  # noqa: SLF001
            if process.lag.quiet:
                process.lag.quiet -= 1
            elif late := self._lags[process.lag.pick(len(self._lags), process)]:
                process.floor = self.now + late
                self._block(process)


def _wake_up() -> None:
    """Do nothing: running any step makes a process that was blocked go on."""
