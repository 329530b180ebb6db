import errno
import multiprocessing
import os
import signal
from multiprocessing import Pipe
from pathlib import Path

import pytest

from simqueue.errors import UsageError
from simqueue.search.planning.assignment import Assignment, FromSeed
from simqueue.search.planning.plan import Independent
from simqueue.search.processes import crew, hands
from simqueue.search.processes.forks import die_with_parent
from simqueue.search.processes.workers import in_turns_by_processes
from simqueue.search.processes.workload import Workload
from simqueue.sim.run import run

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)


async def nothing(sim):
    pass


def play(assignment):
    return run(nothing, seed=assignment.seed)


def results_of_processes(job, plan, processes, *, runs, **options):
    """Yield the results of one plan's runs."""
    load = Workload(job, plan, runs)
    for _, result in in_turns_by_processes([load], processes, **options):
        if result is not None:
            yield result


def played(job, plan, processes=2, runs=8, **options):
    return sorted(results_of_processes(job, plan, processes, runs=runs, **options), key=number)


def number(result):
    return result.number


def is_over(pid):
    """Return whether a process has ended, be it that nobody asked for its status yet."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks whether a process ended")
def test_a_process_that_dies_with_nothing_to_do_costs_no_run(tmp_path):
    pids, others = Pipe(duplex=False)

    class Plan:
        """Run 2 waits for run 1, which waits for whoever played run 0, and ends it."""

        def __init__(self):
            self.chunks = [[0], [1]]

        def take(self, count):
            numbers = self.chunks.pop(0) if self.chunks else []
            return [Assignment(each, each, FromSeed()) for each in numbers]

        def learn(self, result):
            if result.number == 0:
                others.send(int((tmp_path / "pid").read_text()))
            if result.number == 1:
                self.chunks.append([2])

    def job(assignment):
        if assignment.number == 0:
            (tmp_path / "pid").write_text(str(os.getpid()))
        if assignment.number == 1:
            pid = pids.recv()
            os.kill(pid, signal.SIGKILL)
            while not is_over(pid):
                pass
        return play(assignment)

    results = played(job, Plan())
    pids.close()
    others.close()
    assert [(result.number, result.lost) for result in results] == [(0, ""), (1, ""), (2, "")]


def test_a_process_is_named_by_what_ended_it_and_only_one_that_was_killed_is_replaced(tmp_path):
    def job(assignment):
        with (tmp_path / str(assignment.number)).open("a") as plays:
            plays.write("x")
        if assignment.number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        if assignment.number == 2:
            os._exit(3)
        if assignment.number == 3:
            os.kill(os.getpid(), signal.SIGSYS)
        if assignment.number == 4 and (tmp_path / "4").read_text() == "x":
            os.kill(os.getpid(), signal.SIGKILL)
        return play(assignment)

    results = {result.number: result for result in played(job, Independent(range(6), from_seed))}
    assert {number: result.lost for number, result in results.items()} == {
        0: "",
        1: "was killed by SIGTERM, twice",
        2: "ended with status 3",
        3: "was killed by SIGSYS",
        4: "",
        5: "",
    }
    plays = {number: (tmp_path / str(number)).read_text() for number in results}
    assert plays == {0: "x", 1: "xx", 2: "x", 3: "x", 4: "xx", 5: "x"}
    assert results[4].killed == "was killed by SIGKILL"
    assert [number for number, result in results.items() if result.is_open] == [1]


async def starting_a_process(sim):
    multiprocessing.Process(target=print).start()


def test_what_a_run_is_refused_is_the_same_in_every_process():
    def job(assignment):
        return run(starting_a_process, seed=assignment.seed)

    (result,) = played(job, Independent(range(1), from_seed), runs=1)
    assert result.signature == run(starting_a_process).failure.signature
    assert "RefusedError" in result.signature


def from_seed(number):
    return FromSeed()


def test_a_process_that_takes_too_long_loses_its_run_and_the_rest_is_played(monkeypatch):
    time = 0.0
    for module in (crew, hands):
        monkeypatch.setattr(module, "perf_counter", lambda: time)

    def job(assignment):
        if assignment.number == 3:
            signal.pause()
        return play(assignment)

    results = []
    plan = Independent(range(8), from_seed)
    for result in results_of_processes(job, plan, 2, runs=64, run_limit=0.1):
        results.append(result)
        if len(results) == 3:  # the next one is never reported: it and the rest are one chunk
            time = 1.0
    assert sorted(result.number for result in results[:3]) == [0, 1, 2]
    assert {result.number: result.lost for result in results[3:]} == {
        3: "took longer than 0.1 s",
        **dict.fromkeys(range(4, 8), ""),
    }


def test_a_process_whose_parent_is_dead_already_ends_at_once():
    def live():
        die_with_parent(-1)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=live)
    process.start()
    process.join()
    assert process.exitcode == 1


def test_fewer_processes_than_wanted_play_all_runs(monkeypatch):
    fork, forked = crew.fork_hand, []

    def fork_once(load, *arguments, **options):
        if forked:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        forked.append(load)
        return fork(load, *arguments, **options)

    monkeypatch.setattr(crew, "fork_hand", fork_once)
    results = played(play, Independent(range(40), from_seed), processes=3, runs=40)
    assert [result.number for result in results] == list(range(40))


def test_no_room_for_a_single_process_is_an_error(monkeypatch):
    def no_fork(load, *arguments, **options):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(crew, "fork_hand", no_fork)
    with pytest.raises(UsageError, match="no process can be forked: resource temporarily"):
        played(play, Independent(range(3), from_seed))
