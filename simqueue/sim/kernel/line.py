"""The line: which process could take the next step, for a choice to pick one."""

from __future__ import annotations

from simqueue.sim.kernel.process import Process


class Line:
    """The runnable processes, the one that has waited longest first.

    ``order`` is what ``options`` returned last.
    """

    __slots__ = ("_runnable", "order")

    def __init__(self, runnable: list[Process]) -> None:
        self._runnable = runnable
        self.order: list[Process] = []

    def options(self) -> list[Process]:
        """Return the processes in their order."""
        self.order = sorted(self._runnable, key=_waiting_since)
        return self.order

    def steps(self, value: int) -> tuple[str, str, str]:
        """Return the process that ``value`` picks, its next task, and the task it overtakes."""
        line = self.options()
        chosen = line[value]
        return chosen.name, chosen.doing, line[0].doing


def _waiting_since(process: Process) -> int:
    return process.ready[0].sequence
