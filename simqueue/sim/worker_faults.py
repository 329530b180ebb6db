"""The effects of faults on a worker's process, as the injector calls them."""

from __future__ import annotations

from simqueue.model.fault import FaultKind
from simqueue.model.ids import Duration
from simqueue.sim.worker_process import WorkerProcess


class FaultableProcess(WorkerProcess):
    """A worker's process with the methods of ``simqueue.sim.faults.injector.Victim``."""

    def fell(self) -> None:
        """Kill the process; it starts again later."""
        if self.process is not None and self.process.alive:
            self.return_after_fault()
            self.kill(self.process)

    def stop_by_fault(self) -> None:
        """Send SIGTERM to the process, which starts again after its end."""
        if not self.stopping:
            self.return_after_fault()
            self.terminate()

    def pause_by_fault(self, microseconds: int) -> None:
        """Let nothing of the process run for ``microseconds``."""
        if self.process is not None and self.process.alive:
            self.pause(self.process, Duration(microseconds))

    def drift_by_fault(self, microseconds: int) -> None:
        """Set the wall clock ``microseconds`` ahead of where the scenario has set it."""
        self.drift = microseconds
        self.set_clock()

    def disconnect_by_fault(self, which: int, kind: FaultKind) -> None:
        """Break one of the process's open connections, number ``which`` modulo their count."""
        whole = [each for each in self.connections if not (each.lost or each.closed)]
        if whole:
            self.world.injector.tell(self.name, kind)
            whole[which % len(whole)].lose()

    def recover(self) -> None:
        """Undo what faults have done: end a pause, set the clock right, start again."""
        if self.drift:
            self.drift_by_fault(0)
        if self.alive and self.process is not None:
            self.resume(self.process)
        elif self.restarts.after_fault is not None:
            self.start()
