"""One probe for each source of entropy, played in a scenario and in a PgQueuer handler.

A controlled source has to give the same in every run of a seed. Names are bound when this module
is imported, long before any run, as an application binds them.
"""

import asyncio
import contextlib
import datetime as dt
import functools
import gc
import json
import logging
import os
import platform
import queue
import random
import resource
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import weakref
from asyncio import Future, Task
from contextlib import suppress
from os import getpid, getrandom, urandom
from pathlib import Path
from random import Random, randint, shuffle
from random import random as rand
from secrets import token_hex
from ssl import RAND_bytes
from time import monotonic, perf_counter, sleep
from time import time as now
from uuid import uuid1, uuid4

import anyio
import anyio.to_thread
import numpy as np
import pytest
from pydantic import FutureDatetime, PastDatetime, TypeAdapter, ValidationError
from tables import flushed

from simqueue.sim import patches
from simqueue.sim import sources as entropy
from simqueue.sim.run import run
from simqueue.sim.sources import CONTROLS, SOURCES


class OwnTask(asyncio.Task):
    """A task of a class of the application's own."""


DRAWS = {}
READINGS = {}
ORDERS = {}
PINNED = {}


def probe(kind):
    """Put an async function into one of the tables above."""

    def register(function):
        kind[function.__name__] = function
        return function

    return register


# --- randomness: the same for a seed, another for another seed ---


@probe(DRAWS)
async def global_generator():
    order = list(range(20))
    shuffle(order)
    return rand(), randint(0, 10**9), random.gauss(0, 1), random.choice(range(10**9)), order


@probe(DRAWS)
async def unseeded_generator():
    return Random().random(), random.Random().getrandbits(64)


@probe(DRAWS)
async def reseeded_generators():
    generator = Random(3)
    generator.seed()
    random.seed()
    return generator.random(), rand()


@probe(DRAWS)
async def subclassed_generator():
    class Dice(Random):
        pass

    return Dice().randint(1, 10**9)


@probe(DRAWS)
async def operating_system():
    return urandom(8), getrandom(8), os.urandom(3), os.getrandom(3, os.GRND_NONBLOCK)


@probe(DRAWS)
async def system_generator():
    return random.SystemRandom().random(), secrets.randbelow(10**12)


@probe(DRAWS)
async def tokens():
    return token_hex(8), secrets.token_urlsafe(9), secrets.choice(range(10**9))


@probe(DRAWS)
async def tls_randomness():
    return RAND_bytes(8)


@probe(DRAWS)
async def random_uuids():
    return uuid4(), uuid.uuid4()


@probe(DRAWS)
async def timed_uuids():
    return uuid1(), uuid.uuid1(), uuid1(node=5)


@probe(DRAWS)
async def temporary_names():
    with tempfile.TemporaryDirectory() as place, tempfile.NamedTemporaryFile(dir=place) as file:
        return Path(file.name).name, Path(place).name, Path(tempfile.mktemp()).name


@probe(DRAWS)
async def arrays():
    return np.random.random(), np.random.default_rng().integers(10**12)  # noqa: NPY002  the old one too


# --- clocks: the same for a choice of delays ---


@probe(READINGS)
async def wall_clock():
    await asyncio.sleep(0.25)
    return (
        now(), time.time_ns(), dt.datetime.now(dt.UTC), dt.datetime.now(),  # noqa: DTZ005
        dt.datetime.today(),  # noqa: DTZ002
        dt.date.today(),  # noqa: DTZ011
        time.localtime(), time.gmtime(), time.ctime(), time.ctime(None), time.asctime(),
        time.strftime("%c"), time.clock_gettime(time.CLOCK_REALTIME),
    )  # fmt: skip


@probe(READINGS)
async def running_clocks():
    await asyncio.sleep(0.25)
    return (
        monotonic(), perf_counter(), time.process_time(), time.thread_time(), time.monotonic_ns(),
        time.perf_counter_ns(), time.process_time_ns(), time.thread_time_ns(),
        time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        asyncio.get_running_loop().time(), os.times(), resource.getrusage(resource.RUSAGE_SELF),
    )  # fmt: skip


@probe(READINGS)
async def blocking_sleep():
    before = monotonic()
    sleep(1.5)
    return monotonic() - before, now()


@probe(READINGS)
async def waiting_in_vain():
    before = monotonic()
    heard = threading.Event().wait(2)
    lock = threading.Lock()
    taken = lock.acquire(timeout=1), lock.acquire(timeout=0.01)
    for empty in (queue.Queue(), queue.SimpleQueue()):
        with contextlib.suppress(queue.Empty):
            return empty.get(timeout=3)
    return heard, taken, monotonic() - before


@probe(READINGS)
async def times_that_pydantic_compares():
    await asyncio.sleep(0.25)
    moment = dt.datetime.now(dt.UTC)
    return [
        _valid(kind, moment + shift)
        for kind in (PAST, FUTURE)
        for shift in (-dt.timedelta(microseconds=1), dt.timedelta(microseconds=1))
    ]


PAST, FUTURE = TypeAdapter(PastDatetime), TypeAdapter(FutureDatetime)


def _valid(adapter, moment):
    try:
        adapter.validate_python(moment)
    except ValidationError:
        return False
    return True


# --- order ---


@probe(ORDERS)
async def set_of_tasks():
    """Tasks that are cancelled in the order of a set."""
    order = []

    async def wait(number):
        try:
            await asyncio.sleep(100)
        finally:
            order.append(number)

    tasks = {asyncio.create_task(wait(number)) for number in range(40)}
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return order


@probe(ORDERS)
async def set_of_futures():
    loop = asyncio.get_running_loop()
    futures = {asyncio.Future(): number for number in range(20)}
    futures |= {asyncio.Future(loop=loop): number for number in range(20, 40)}
    futures |= {asyncio.Future[int](): number for number in range(40, 60)}
    return [futures[future] for future in frozenset(futures)]


@probe(ORDERS)
async def completed_tasks():
    async def work(number):
        await asyncio.sleep(0)
        return number

    done, _ = await asyncio.wait([asyncio.create_task(work(number)) for number in range(30)])
    return [task.result() for task in done]


@probe(ORDERS)
async def all_tasks():
    tasks = [asyncio.create_task(asyncio.sleep(1), name=str(number)) for number in range(20)]
    await asyncio.sleep(0)
    names = [task.get_name() for task in asyncio.all_tasks() if task in tasks]
    await asyncio.gather(*tasks)
    return names


@probe(ORDERS)
async def names_bound_long_ago():
    """The classes as they were bound when this module was imported, and a subclass of one."""
    order = []

    async def wait(number):
        try:
            await asyncio.sleep(100)
        finally:
            order.append(number)

    loop = asyncio.get_running_loop()
    tasks = {Task(wait(number), loop=loop) for number in range(20)}
    tasks |= {OwnTask(wait(number), loop=loop) for number in range(20, 40)}
    names = sorted(task.get_name() for task in tasks)
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    futures = {Future(loop=loop): number for number in range(20)}
    return order, names, [futures[future] for future in frozenset(futures)]


@probe(ORDERS)
async def scopes_of_anyio():
    order = []

    async def wait(number):
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 100)
                await anyio.sleep(100)
        finally:
            order.append(number)

    with anyio.move_on_after(1):
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(wait, number)
    return order


@probe(ORDERS)
async def names_of_tasks():
    async def work():
        return asyncio.current_task().get_name()

    plain = asyncio.Task(work())
    return await asyncio.create_task(work()), await plain


@probe(ORDERS)
async def abandoned_generators():
    log = []

    async def numbers(name):
        try:
            for number in range(10):
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            log.append(name)

    for name in "abc":
        async for _ in numbers(name):
            break
        log.append(f"left {name}")
    await asyncio.sleep(1)
    return log


@probe(ORDERS)
async def threads_of_asyncio():
    log = []

    def work(number):
        sleep(0.5)
        log.append((number, monotonic()))
        return number

    done = await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(5)))
    return done, log


@probe(ORDERS)
async def threads_of_anyio():
    log = []

    def work(number):
        sleep(0.5)
        log.append((number, monotonic()))
        return threading.get_ident() == owner

    owner = threading.get_ident()
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(anyio.to_thread.run_sync, work, number)
    return log, await anyio.to_thread.run_sync(work, 6)


class Node:
    """A member of a reference cycle that says when it is found."""

    def __init__(self, log, steps):
        self.myself, self.log, self.steps = self, log, steps

    def __del__(self):
        self.log.append(("del", self.steps[0]))


def note_collected(log, steps, step, _):
    log.append(("ref", steps[0], step))


async def _litter(collect):
    """Leave cycles behind while counting steps; return the steps at which they were found."""
    log, steps, watchers = [], [0], []
    for step in range(2_000):
        steps[0] = step
        node = Node(log, steps)
        if step % 100 == 0:
            note = functools.partial(note_collected, log, steps, step)
            watchers.append(weakref.ref(node, note))
        del node
        if collect and step % 700 == 0:
            gc.collect()
        await asyncio.sleep(0)
    return tuple(log)  # what the end of the run finds comes later


@probe(ORDERS)
async def cycles_left_to_the_run():
    return await _litter(collect=False)


@probe(ORDERS)
async def cycles_collected_by_hand():
    gc.enable()
    return await _litter(collect=True)


@probe(ORDERS)
async def sets_of_coroutines():
    """Coroutines that come out of sets into which they were put in a drawn order."""

    async def work(number):
        order.append(number)
        await asyncio.sleep(0)
        return number

    def drawn():
        coroutines = [work(number) for number in range(40)]
        shuffle(coroutines)
        numbers = [each.cr_frame.f_locals["number"] for each in coroutines]
        return coroutines, numbers

    order = []
    coroutines, one = drawn()
    done = [await each for each in asyncio.as_completed(coroutines)]
    coroutines, other = drawn()
    await asyncio.gather(*set(coroutines))
    coroutines, third = drawn()
    await asyncio.wait({asyncio.create_task(each) for each in frozenset(coroutines)})
    return order, one + other + third, done


@probe(ORDERS)
async def rows_of_a_flush():
    return flushed()


# --- what is the same everywhere ---


@probe(PINNED)
async def process_and_host():
    return (
        getpid(), os.getppid(), threading.get_native_id(), socket.gethostname(), platform.node(),
        os.uname().nodename, os.cpu_count(), os.sched_getaffinity(0), os.getloadavg(),
        uuid.getnode(),
    )  # fmt: skip


@probe(PINNED)
async def process_groups():
    return os.getpgrp(), os.getpgid(0), os.getpgid(getpid()), os.getsid(0)


@probe(PINNED)
async def depth_of_recursion():
    deepest = []

    def descend(depth):
        deepest.append(depth)
        descend(depth + 1)

    for limit in (sys.getrecursionlimit(), 600):
        sys.setrecursionlimit(limit)
        with suppress(RecursionError):
            descend(1)
    return deepest.count(1), max(deepest), deepest[-1], sys.getrecursionlimit()


@probe(PINNED)
async def addresses_in_log_lines():
    thing, log = object(), logging.getLogger("shop")
    ident = threading.get_ident()
    for line in (f"{id(thing)} {ident}", f"{id(thing):x} {ident:X}", f"{id(thing):#X} {thing}"):
        log.warning(line)


@probe(PINNED)
async def local_time_zone():
    return time.tzname, time.timezone, dt.datetime(2024, 7, 1).astimezone().utcoffset()


ALL = DRAWS | READINGS | ORDERS | PINNED


def in_scenario(probe, seed):
    """Play a probe in a scenario's own process; return what it saw, as text."""
    seen = []

    async def scenario(sim):
        seen.append(repr(await probe()))

    result = run(scenario, seed=seed)
    result.check()
    return *seen, result.digest


def in_handler(probe, seed):
    """Play a probe in a handler of a worker."""
    seen = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("probe")
            async def handle(job):
                seen.append(repr(await probe()))

        sim.worker("w", app)
        await sim.queries.enqueue("probe", None)
        await sim.settled()

    result = run(scenario, seed=seed)
    result.check()
    return *seen, result.digest


def disturb():
    """Move everything that a leak would show."""
    junk = [bytearray(number) for number in range(50)]
    rand(), uuid1(), urandom(1), asyncio.run(asyncio.sleep(0))
    time.sleep(0.001)  # the real clocks are one of the things to move
    return junk


@pytest.mark.parametrize("play", [in_scenario, in_handler])
@pytest.mark.parametrize("name", ALL)
def test_a_seed_gives_the_same_whenever_it_is_played(name, play):
    first = play(ALL[name], 7)
    junk = disturb()
    assert play(ALL[name], 7) == first
    assert len(first) == 2
    del junk


def seen_here():
    """What every probe sees in this process, scenario and handler alike."""
    plays = (in_scenario, in_handler)
    return [[name, *play(ALL[name], 7)] for name in ALL for play in plays]


def test_every_probe_sees_the_same_in_another_process_under_another_string_hash():
    code = (
        "import sys, json; junk = [bytearray(n) for n in range(4000)];"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r});"
        "import test_entropy as t; json.dump(t.seen_here(), sys.stdout)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == seen_here()


@pytest.mark.parametrize("play", [in_scenario, in_handler])
@pytest.mark.parametrize("name", DRAWS)
def test_another_seed_draws_other_numbers(name, play):
    assert play(DRAWS[name], 7)[0] != play(DRAWS[name], 8)[0]


def answers(probe):
    """Play a probe in a calm run, where no timer is late, and return what it returned."""
    found = []

    async def scenario(sim):
        found.append(await probe())

    run(scenario, choices={}).check()
    return found[0]


def test_names_bound_before_the_run_show_virtual_time():
    start = dt.datetime(2024, 1, 1, 0, 0, 0, 250_000, dt.UTC)
    wall, wall_ns, aware, naive, today, day, local, utc, *texts, last = answers(wall_clock)
    assert (wall, wall_ns) == (start.timestamp(), 1_704_067_200_250_000_000)
    assert (aware, naive) == (start, start.replace(tzinfo=None))
    assert (today, day) == (naive, naive.date())
    assert local[:6] == utc[:6] == (2024, 1, 1, 0, 0, 0)
    assert set(texts) == {"Mon Jan  1 00:00:00 2024"}
    assert last == wall
    clocks = answers(running_clocks)
    assert clocks[:4] == (0.25,) * 4
    assert clocks[4:8] == (250_000_000,) * 4
    assert clocks[8:11] == (0.25, 250_000_000, 0.25)
    assert (clocks[11].elapsed, clocks[12].ru_utime) == (0.25, 0.25)


def test_a_blocking_sleep_takes_virtual_time():
    slept, wall = answers(blocking_sleep)
    assert (slept, wall) == (1.5, 1_704_067_201.5)
    assert answers(waiting_in_vain) == (False, (True, False), 8.01)


def test_functions_in_threads_run_on_this_thread_in_virtual_time():
    log, here = answers(threads_of_anyio)
    assert here
    assert sorted(number for number, _ in log) == [0, 1, 2, 3, 4, 6]
    done, _ = answers(threads_of_asyncio)
    assert done == [0, 1, 2, 3, 4]


def test_cycles_are_found_where_the_code_collects():
    log = answers(cycles_collected_by_hand)
    steps = {entry[1] for entry in log}
    assert steps == {0, 700, 1_400}
    assert {entry[0] for entry in log} == {"del", "ref"}


def test_sets_of_futures_iterate_in_the_order_of_creation():
    assert answers(set_of_futures) == list(range(60))
    assert answers(set_of_tasks) == list(range(40))


def test_sets_of_coroutines_iterate_in_the_order_in_which_they_were_put_in():
    order, drawn, done = answers(sets_of_coroutines)
    assert order == drawn
    assert sorted(done) == list(range(40))


def test_pydantic_compares_with_the_virtual_clock_whenever_a_validator_was_made():
    assert answers(times_that_pydantic_compares) == [True, False, False, True]
    real = dt.datetime.now(dt.UTC)
    assert _valid(PAST, real - dt.timedelta(minutes=1))
    assert _valid(FUTURE, real + dt.timedelta(minutes=1))


def test_a_process_leads_a_group_and_a_session_of_its_own():
    assert set(answers(process_groups)) == {answers(process_and_host)[0]}


@pytest.mark.parametrize("above", [0, 7, 90])
def test_code_can_go_as_deep_wherever_run_is_called(above):
    def deeper(left):
        return deeper(left - 1) if left else answers(depth_of_recursion)

    before = sys.getrecursionlimit()
    assert deeper(above) == deeper(3)
    assert sys.getrecursionlimit() == before


def test_a_recursion_limit_that_the_code_sets_counts_from_the_process():
    times, deepest, last, limit = answers(depth_of_recursion)
    assert (times, limit) == (2, 600)
    assert deepest - last == sys.getrecursionlimit() - 600


def test_numpy_imported_in_a_run_draws_what_later_runs_draw():
    code = (
        "import simqueue, sys\n"
        "async def scenario(sim):\n"
        "    import numpy as np\n"
        "    sim.log.info(f'{np.random.random()} {np.random.default_rng().random()}')\n"
        "assert 'numpy' not in sys.modules\n"
        "print(*[simqueue.run(scenario).digest for _ in range(2)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    assert first == second


def test_process_and_host_are_not_the_machines():
    pid, parent, native, *names, count, processors, load, node = answers(process_and_host)
    assert pid == native != os.getpid()
    assert parent == 1
    assert set(names) == {"simulated"}
    assert (count, processors, load) == (4, {0, 1, 2, 3}, (0.0, 0.0, 0.0))
    assert node == answers(timed_uuids)[0].node


def test_the_local_time_zone_is_utc(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert answers(local_time_zone) == (("UTC", "UTC"), 0, dt.timedelta(0))
        assert time.tzname[0] == "EST"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_that_numpy_is_loaded_makes_no_difference_to_what_does_not_use_it(monkeypatch):
    loaded = in_scenario(operating_system, 7)
    assert "numpy.random" in sys.modules
    for name in ("numpy", "numpy.random"):
        monkeypatch.delitem(sys.modules, name)
    assert in_scenario(operating_system, 7) == loaded


def test_workers_draw_numbers_of_their_own():
    drawn = {}

    async def scenario(sim):
        def app(pq):
            drawn[len(drawn)] = (rand(), urandom(8), getpid())

        sim.worker("a", app)
        sim.worker("b", app)
        await asyncio.sleep(1)

    run(scenario).check()
    (a, b) = drawn.values()
    assert all(mine != yours for mine, yours in zip(a, b, strict=True))


# --- the table ---

SHOWN_BY = {
    "time.monotonic, perf_counter": ["running_clocks"],
    "time.time, time_ns": ["wall_clock", "local_time_zone"],
    "time.ctime, asctime": ["wall_clock"],
    "time.clock_gettime": ["running_clocks"],
    "os.times, resource.getrusage": ["running_clocks"],
    "time.sleep": ["blocking_sleep"],
    "threading.Condition.wait": ["waiting_in_vain"],
    "queue.SimpleQueue.get": ["waiting_in_vain"],
    "threading.Lock.acquire": ["waiting_in_vain"],
    "garbage collection": ["cycles_left_to_the_run", "cycles_collected_by_hand"],
    "random.random, randint": ["global_generator"],
    "random.Random()": ["unseeded_generator", "reseeded_generators", "subclassed_generator"],
    "os.urandom, os.getrandom": ["operating_system", "system_generator", "tokens", "random_uuids"],
    "names of temporary files": ["temporary_names"],
    "numpy.random": ["arrays"],
    "uuid.uuid1": ["timed_uuids"],
    "os.getpgrp": ["process_groups"],
    "order of sets of coroutines": ["sets_of_coroutines"],
    "SQLAlchemy": ["rows_of_a_flush"],
    "pydantic's": ["times_that_pydantic_compares"],
    "RecursionError": ["depth_of_recursion"],
    "id() and threading.get_ident()": ["addresses_in_log_lines"],
    "os.getpid": ["process_and_host"],
    "socket.gethostname": ["process_and_host"],
    "os.cpu_count": ["process_and_host"],
    "order of sets of asyncio": ["set_of_tasks", "names_bound_long_ago", "completed_tasks"],
    "asyncio.all_tasks()": ["all_tasks"],
    "anyio task groups": ["scopes_of_anyio"],
    "anyio.to_thread": ["threads_of_anyio"],
    "asyncio.to_thread": ["threads_of_asyncio"],
    "async generators": ["abandoned_generators"],
    "names of tasks": ["names_of_tasks"],
}
"""Which probes show what a row says; its key is how the row's name begins."""

SHOWN_ELSEWHERE = {
    "PgQueuer.in_memory()": "test_patches.py",
    "asyncpg.connect, asyncpg.create_pool": "test_factories.py",
    "psycopg.AsyncConnection.connect": "test_factories.py",
    "PgQueuer's AsyncpgDriver": "test_factories.py",
    "loop.time, call_later": "test_loop.py",
    "which callback, statement": "test_scheduler.py",
    "hash of str": "test_determinism.py",
    "asyncio.Lock, Semaphore": "test_primitives.py",
    "hash of None": "test_address_space.py",
}


def test_every_row_of_the_table_is_shown_by_a_probe():
    shown = {*SHOWN_BY, *SHOWN_ELSEWHERE}
    rows = [row.name for row in SOURCES if row.treatment in ("controlled", "pinned")]
    assert [name for name in rows if not name.startswith(tuple(shown))] == []
    assert [key for key in shown if not any(name.startswith(key) for name in rows)] == []
    assert {name for names in SHOWN_BY.values() for name in names} <= set(ALL)


def test_the_table_has_a_row_for_every_patch_and_no_row_twice():
    names = [row.name for row in SOURCES]
    assert len(set(names)) == len(names)
    assert {control.source for control in CONTROLS} <= set(SOURCES)
    assert {row.treatment for row in SOURCES} == {"controlled", "refused", "pinned", "not covered"}


def test_the_table_names_what_it_does_not_cover():
    uncovered = " ".join(row.name for row in entropy.UNCOVERED)
    for word in (
        "id()",
        "bound methods",
        "uuid_utils",
        "files",
        "C extensions",
        "Lock.acquire",
        "_socket.socket",
    ):
        assert word in uncovered


LEAKS_WITHOUT = {
    "time.monotonic, perf_counter": running_clocks,
    "time.time, time_ns": wall_clock,
    "time.clock_gettime": running_clocks,
    "os.times, resource.getrusage": running_clocks,
    "random.random, randint": global_generator,
    "random.Random()": unseeded_generator,
    "os.urandom, os.getrandom": operating_system,
    "SQLAlchemy": rows_of_a_flush,
}


def test_without_its_patches_pydantic_reads_the_real_clock_and_coroutines_lose_their_order(
    monkeypatch,
):
    rows = ("pydantic", "order of sets of coroutines")
    kept = tuple(each for each in CONTROLS if not each.source.name.startswith(rows))
    assert len(kept) == len(CONTROLS) - len(rows)
    monkeypatch.setattr(patches, "CONTROLS", kept)
    assert answers(times_that_pydantic_compares) != [True, False, False, True]
    order, drawn, _ = answers(sets_of_coroutines)
    assert order != drawn


@pytest.mark.parametrize("row", LEAKS_WITHOUT)
def test_without_its_patches_a_source_leaks(row, monkeypatch):
    kept = tuple(each for each in CONTROLS if not each.source.name.startswith(row))
    assert len(kept) == len(CONTROLS) - 1
    monkeypatch.setattr(patches, "CONTROLS", kept)
    assert in_scenario(LEAKS_WITHOUT[row], 7) != in_scenario(LEAKS_WITHOUT[row], 7)
