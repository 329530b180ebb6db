"""What runs print during a campaign."""

import logging
import os
import pdb  # noqa: T100  it is what takes the terminal
import sys

import pytest

from simqueue.search.campaign.order import Means, Order
from simqueue.search.campaign.turns import play_campaigns
from simqueue.search.processes.output import LINES_SHOWN, Output
from simqueue.search.processes.workers import default_processes
from simqueue.sim.run import run

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)


@pytest.fixture
def output():
    with Output() as made:
        yield made


def test_whatever_is_printed_is_captured_in_its_order(output, capfd):
    with output.captured():
        sys.stdout.write("one\n")
        sys.stderr.write("two\n")
        os.write(1, b"three\n")
        os.write(2, b"four \xff\n")
    assert output.tail() == "one\ntwo\nthree\nfour \N{REPLACEMENT CHARACTER}"
    assert capfd.readouterr() == ("", "")
    sys.stdout.write("shown\n")
    os.write(1, b"as well\n")
    assert capfd.readouterr().out.split("\n") == ["shown", "as well", ""]


def test_a_handler_that_keeps_its_stream_prints_into_the_run_that_logs(output, capfd):
    logger = logging.Logger("kept")  # noqa: LOG001  known to nobody else
    with output.captured():
        logger.addHandler(logging.StreamHandler())
        logger.warning("first")
    assert output.tail() == "first"
    with Output() as another, another.captured():
        logger.warning("second")
        assert another.tail() == "second"
    logger.warning("third")
    assert capfd.readouterr().err == "third\n"


def test_the_last_lines_are_kept(output):
    with output.captured():
        for number in range(100):
            sys.stdout.write(f"line {number}\n")
    assert output.tail().splitlines() == [f"line {n}" for n in range(100 - LINES_SHOWN, 100)]
    with output.captured():
        pass
    assert output.tail() == ""


def test_of_one_very_long_line_the_end_is_kept(output):
    with output.captured():
        sys.stdout.write("x" * 99_999 + "end")
    assert output.tail().startswith("... xxx")
    assert output.tail().endswith("xend")
    assert len(output.tail()) < 10_000
    with output.captured():
        sys.stdout.write("x" * 99_999 + "\nlast")
    assert output.tail() == "last"


def test_a_run_that_prints_without_end_fills_no_disk(output):
    with output.captured():
        for _ in range(30):
            sys.stdout.write("x" * 999_999 + "\n")
        assert os.fstat(output._file.fileno()).st_size < 6_000_000


def test_simqueue_itself_prints_meanwhile(output, capfd):
    with output.captured():
        sys.stdout.write("of the run\n")
        with output.paused():
            os.write(1, b"of simqueue\n")
        sys.stdout.write("of the run\n")
    assert capfd.readouterr().out == "of simqueue\n"
    assert output.tail() == "of the run\nof the run"


def test_a_debugger_has_the_terminal(output, capfd):
    with output.captured():
        sys.stdout.write("before\n")
        debugger = pdb.Pdb()
        debugger.message("at the prompt")
    assert output.debugged
    assert output.tail() == "before"
    assert "at the prompt" in capfd.readouterr().out


async def printing(sim):
    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            sys.stdout.write(f"mail {job.id}\n")
            sys.stderr.write("sent\n")

    sim.worker("a", app)
    await sim.queries.enqueue(["mail"] * 2, [None] * 2, [0] * 2)
    await sim.settled()
    assert sim.choice(range(3)), "a third"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failing_run_has_what_it_printed_and_nothing_is_shown(processes, capfd):
    means = Means(processes=processes, capture=True)
    (campaign,) = play_campaigns([Order(printing, runs=12)], means)
    (found,) = campaign.failures
    assert sorted(found.printed.splitlines()) == ["mail 1", "mail 2", "sent", "sent"]
    assert capfd.readouterr() == ("", "")


def test_capturing_changes_no_run(output):
    with output.captured():
        captured = [run(printing, seed=seed).digest for seed in range(5)]
    assert captured == [run(printing, seed=seed).digest for seed in range(5)]


def test_there_is_a_process_for_each_core_unless_somebody_traces(monkeypatch):
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert default_processes() == 3
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    assert default_processes() == 1
