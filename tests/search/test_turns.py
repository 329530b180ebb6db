"""Several campaigns at the same time."""

import ctypes
import itertools
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from simqueue.errors import UsageError
from simqueue.search.campaign.journal import Journal
from simqueue.search.campaign.keeping import Keeping
from simqueue.search.campaign.order import Means, Order
from simqueue.search.campaign.turns import Watcher, play_campaigns
from simqueue.search.planning.assignment import FromSeed
from simqueue.search.planning.plan import Independent
from simqueue.search.processes.crew import _IDLE_MAX, Crew
from simqueue.search.processes.workload import Workload
from simqueue.sim.run import run

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)


async def thirds(sim):
    assert sim.choice(range(3)), "a third"


async def sometimes(sim):
    number = sim.choice(range(6))
    sim.sometimes("five", number == 5)
    assert number != 3, "three"


async def never(sim):
    pass


SCENARIOS = (thirds, sometimes, never)


def orders(**fields):
    return [Order(each, each.__name__, runs=30, **fields) for each in SCENARIOS]


def without_time(campaign):
    return replace(campaign, elapsed=0.0)


@pytest.mark.parametrize("strategy", ["auto", "random", "exhaustive:2"])
@pytest.mark.parametrize("processes", [1, 3])
def test_each_campaign_comes_to_what_it_comes_to_alone(processes, strategy):
    together = play_campaigns(orders(strategy=strategy), Means(processes=processes))
    alone = [play_campaigns([each], Means())[0] for each in orders(strategy=strategy)]
    assert [*map(without_time, together)] == [*map(without_time, alone)]
    assert any(each.failures for each in together)


def test_each_has_a_run_before_one_has_two():
    played = []
    watcher = Watcher(on_result=lambda order, campaign: played.append(order.target))
    play_campaigns(orders(), Means(), watcher)
    assert sorted(played[: len(SCENARIOS)]) == sorted(each.__name__ for each in SCENARIOS)
    assert len(played) == 30 * len(SCENARIOS)


def test_a_scenario_that_waits_for_the_others_does_not_hold_them_up(tmp_path):
    async def slow(sim):
        while not (tmp_path / "29").exists():  # computes until the others are done
            pass

    async def quick(sim):
        (tmp_path / str(len(list(tmp_path.iterdir())))).touch()

    slow_one, quick_one = (
        Order(slow, "slow", runs=1, strategy="calm"),
        Order(quick, "quick", runs=30),
    )
    campaigns = play_campaigns([slow_one, quick_one], Means(processes=2))
    assert [each.passed for each in campaigns] == [1, 30]


@pytest.mark.parametrize("processes", [1, 2])
def test_each_campaign_ends_once_with_its_last_run(processes):
    results, ends = [], []

    def on_end(order, campaign):
        ends.append((order.target, campaign.runs, results.count(order.target)))

    watcher = Watcher(lambda order, campaign: results.append(order.target), on_end)
    few, many = Order(never, "few", runs=2), Order(never, "many", runs=12)
    play_campaigns([few, many], Means(processes=processes), watcher)
    assert sorted(ends) == [("few", 2, 2), ("many", 12, 12)]


def test_time_that_is_up_ends_all_of_them_after_the_run_under_way():
    campaigns = play_campaigns(orders(), Means(time_limit=timedelta(0)))
    assert sum(each.runs for each in campaigns) == 1


def test_one_order_that_makes_no_sense_is_refused_before_anything_is_played():
    async def deadly(sim):
        pytest.fail("it is played")

    with pytest.raises(UsageError):
        play_campaigns([Order(deadly), Order(never, runs=0)], Means())


def test_a_calm_run_that_is_lost_is_named_after_its_target():
    async def dying(sim):
        ctypes.CDLL(None)._exit(3)

    played = [Order(each, each.__name__, strategy="exhaustive:1") for each in (never, dying)]
    with pytest.raises(UsageError, match=r"the calm run of dying, .* ended with status 3"):
        play_campaigns(played, Means(processes=2))


def test_a_campaign_given_up_leaves_the_others_alone():
    async def dies(sim):
        ctypes.CDLL(None).kill(ctypes.CDLL(None).getpid(), 9)

    lost, whole = play_campaigns(
        [Order(dies, "dies", runs=200), Order(never, "never", runs=40)], Means(processes=2)
    )
    assert len(lost.lost) == 16
    assert lost.said == ("given up: 16 runs in a row were lost with their processes",)
    assert whole.passed == 40


def test_the_state_stays_locked_when_a_failure_is_written_down_in_it(tmp_path):
    order = Order(thirds, "thirds", runs=12)
    keeping = Keeping.of(tmp_path, order.identity(), order.session(), resume=False)
    statuses = []

    def on_result(_, campaign):
        if campaign.failures and not keeping.lines:
            (found,) = campaign.failures
            keeping.note(found.trace, found.signature, found.trace)
            statuses.append(taken_by_another_process())

    def taken_by_another_process():
        child = os.fork()
        if not child:
            try:
                Journal(keeping.path, order.identity(), order.session(), resume=True)
            except UsageError as error:
                os._exit(7 if "is in use" in str(error) else 1)
            finally:
                os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    means = Means(state=str(tmp_path))
    play_campaigns([replace(order, keeping=keeping)], means, Watcher(on_result))
    assert statuses == [7]
    again = Keeping.of(tmp_path, order.identity(), order.session(), resume=True)
    assert again.lines == keeping.lines


def test_few_processes_wait_for_their_next_turn():
    def play(assignment):
        return run(never, seed=assignment.seed)

    loads = [
        Workload(play, Independent(range(3), lambda _: FromSeed()), 3) for _ in range(_IDLE_MAX + 5)
    ]
    crew = Crew(loads, 2, 60.0)
    try:
        most = max(len(crew.hands) for _ in crew.results())
    finally:
        crew.dismiss()
    assert 2 <= most <= _IDLE_MAX + 3
    assert [load.played for load in loads] == [3] * len(loads)


def test_a_chunk_is_small_until_the_runs_are_known_to_be_quick():
    load = Workload(None, Independent(itertools.count(), lambda _: FromSeed()), 10_000)
    assert len(load.take(2)) == 1
    load.played, load.spent_s = 1, 0.001
    assert len(load.take(2)) == 16
    load.spent_s = 3.0
    assert len(load.take(2)) == 1
