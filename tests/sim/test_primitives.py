"""Primitives of asyncio that modules made: each simulated process of each run has its own."""

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest

from simqueue.search.processes.outliving import picture
from simqueue.sim.entropy.primitives import made_by_modules
from simqueue.sim.run import run
from simqueue.sim.text.descriptions import described

ORDINARY = asyncio.Lock()


class Bounded(asyncio.Queue):
    """A queue of the application's own, which counts what it was given."""

    def __init__(self):
        super().__init__(maxsize=2)
        self.given = 0

    async def put(self, item):
        self.given += 1
        await super().put(item)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's; what a test puts into it was made when it was imported."""
    made = ModuleType("shop_with_primitives")
    made.__file__ = str(tmp_path / "shop_with_primitives.py")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def in_two_processes(scenario_part, handler_part, jobs=1):
    """Return a run in which a worker's handler and the scenario use the same object."""

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("x")
            async def x(job):
                await handler_part()

        sim.worker("a", app)
        await sim.queries.enqueue(["x"] * jobs, [None] * jobs, [0] * jobs)
        await sim.settled()
        await scenario_part(sim)

    return run(scenario)


def test_a_semaphore_of_a_module_serves_one_run_after_the_other(module):
    module.api = asyncio.Semaphore(2)

    async def wait():
        async with module.api:
            await asyncio.sleep(0.5)

    async def nothing(sim):
        pass

    for _ in range(3):
        in_two_processes(nothing, wait, jobs=6).check()
    assert module.api._value == 2
    assert type(module.api) is asyncio.Semaphore


def test_a_lock_that_a_process_holds_is_free_in_another(module):
    module.lock = asyncio.Lock()

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("x")
            async def x(job):
                async with module.lock:
                    await asyncio.sleep(1)

        a = sim.worker("a", app)
        await sim.queries.enqueue("x", None)
        await asyncio.sleep(0.5)
        assert not module.lock.locked()
        a.crash()
        a.restart()  # a new process, in which nobody holds it
        await sim.settled()

    run(scenario).check()


@pytest.mark.parametrize(
    "make",
    [
        asyncio.Lock,
        asyncio.Event,
        asyncio.Condition,
        lambda: asyncio.BoundedSemaphore(1),
        asyncio.PriorityQueue,
        asyncio.LifoQueue,
        lambda: asyncio.Barrier(2),
    ],
)
def test_every_kind_is_found_and_left_as_it_was(module, make):
    module.thing = thing = make()
    before = dict(vars(thing))

    async def use(sim):
        assert isinstance(module.thing, type(thing).__mro__[0])
        match thing:
            case asyncio.Queue():
                thing.put_nowait(1)
                assert thing.qsize() == 1
            case asyncio.Event():
                thing.set()
                assert thing.is_set()
            case asyncio.Barrier():
                await asyncio.gather(thing.wait(), thing.wait())
            case _:
                await thing.acquire()
                assert thing.locked()

    run(use).check()
    run(use).check()
    assert vars(thing) == before


def test_they_are_found_within_what_modules_hold_and_each_once(module):
    module.client = SimpleNamespace(limit=asyncio.Semaphore(3))
    module.alias = module.client
    module.table = {"queues": [Bounded()]}

    def limited(semaphore):
        def call():
            return semaphore

        return call

    limited.__module__ = module.__name__
    module.call = limited(asyncio.Lock())
    module.call.__module__ = module.__name__
    found = [each for each in made_by_modules() if each is not ORDINARY]
    wanted = [module.client.limit, module.table["queues"][0], module.call()]
    assert all(any(each is one for each in found) for one in wanted)
    assert len({id(each) for each in found}) == len(found)


def test_attributes_of_a_subclass_are_a_processes_own_as_well(module):
    module.queue = Bounded()

    async def put():
        await module.queue.put(1)

    async def check(sim):
        assert module.queue.given == 0
        assert module.queue.empty()

    in_two_processes(check, put, jobs=2).check()
    assert module.queue.given == 0


def test_what_a_scenario_makes_or_is_given_is_shared_by_its_processes():
    given = asyncio.Event()

    async def scenario(sim):
        made = asyncio.Event()

        def app(pq):
            @pq.entrypoint("x")
            async def x(job):
                made.set()
                given.set()

        sim.worker("a", app)
        await sim.queries.enqueue("x", None)
        await made.wait()
        await given.wait()

    run(scenario).check()
    assert given.is_set()


def test_an_earlier_use_on_another_loop_leaves_no_mark(module):
    module.lock = asyncio.Lock()

    async def contend():
        async def hold():
            async with module.lock:
                await asyncio.sleep(0)

        await asyncio.gather(hold(), hold())

    asyncio.run(contend())

    async def scenario(sim):
        await contend()

    run(scenario).check()


def test_an_error_of_another_loop_says_that_something_outlives_the_runs():
    lock = asyncio.Lock()

    async def scenario(sim):
        async def hold():
            async with lock:
                await asyncio.sleep(1)

        await asyncio.gather(hold(), hold())

    run(scenario).check()
    failure = run(scenario).failure
    assert "is bound to a different event loop: something outlives the runs" in failure.message
    assert "outlives" not in described(RuntimeError("bound to nothing"))


def test_they_are_found_beside_large_constants(module):
    module.ZIPS = [str(number) for number in range(300_000)]
    module.service = SimpleNamespace(lock=asyncio.Lock())
    assert any(each is module.service.lock for each in made_by_modules())


class Lazy:
    """An object that does something when it is first asked for its class, as Django's settings."""

    asked = 0

    @property
    def __class__(self):
        type(self).asked += 1
        raise RuntimeError("not configured")


def test_lazy_objects_of_modules_are_left_asleep(module):
    module.settings = Lazy()
    module.lock = asyncio.Lock()
    assert any(each is module.lock for each in made_by_modules())
    assert picture(None)
    assert Lazy.asked == 0


def test_a_mock_of_a_primitive_is_left_alone(module):
    module.lock = MagicMock(spec=asyncio.Lock)

    async def scenario(sim):
        module.lock.locked()

    run(scenario).check()
