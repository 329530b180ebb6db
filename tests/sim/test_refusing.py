"""A refusal ends its run, whatever the application makes of the error."""

import asyncio
import concurrent.futures
import contextlib
import logging
import socket

import pytest
from pgqueuer import RetryRequested

from simqueue.errors import RefusedError
from simqueue.sim.run import run


def attempt(call):
    """Reach for something that is refused; the line of this function is the user's."""
    call()


def swallowed(pq):
    @pq.entrypoint("probe")
    async def handle(job):
        try:
            attempt(socket.socket)
        except Exception:
            logging.getLogger("app").exception("job %s failed", job.id)


def translated(pq):
    @pq.entrypoint("probe")
    async def handle(job):
        try:
            attempt(socket.socket)
        except Exception as error:
            raise ConnectionError("the service is away") from error


def retried(pq):
    @pq.entrypoint("probe")
    async def handle(job):
        try:
            attempt(socket.socket)
        except Exception:
            raise RetryRequested from None


def held(pq):
    @pq.entrypoint("probe", on_failure="hold")
    async def handle(job):
        attempt(socket.socket)


def in_a_task_of_its_own(pq):
    @pq.entrypoint("probe")
    async def handle(job):
        async def call():
            attempt(socket.socket)

        await asyncio.wait({asyncio.create_task(call())})


@pytest.mark.parametrize("app", [swallowed, translated, retried, held, in_a_task_of_its_own])
def test_a_refusal_fails_the_run_whatever_the_application_does_with_it(app):
    async def scenario(sim):
        sim.worker("w", app)
        await sim.queries.enqueue("probe", None)
        await sim.settled()

    failure = run(scenario).failure
    assert failure.message.startswith("RefusedError: socket.socket is refused")
    assert failure.where.endswith(" in attempt")
    assert failure.signature == "exception:RefusedError:attempt:call()"


def test_a_refusal_is_told_before_what_came_of_it():
    async def scenario(sim):
        with contextlib.suppress(Exception):
            attempt(socket.socket)
        raise AssertionError("the reply is missing")

    assert run(scenario).failure.message.startswith("RefusedError: socket.socket is refused")


def test_what_is_refused_while_a_run_is_taken_down_changes_no_verdict():
    async def scenario(sim):
        async def wait():
            try:
                await asyncio.Event().wait()
            finally:
                with contextlib.suppress(RefusedError):
                    attempt(socket.socket)

        task = asyncio.create_task(wait())
        await asyncio.sleep(1)
        sim.log.info("left", task=task.get_name())

    run(scenario).check()


def test_sql_over_simqueues_own_driver_is_refused_in_a_run():
    def app(pq):
        @pq.entrypoint("ship")
        async def ship(job):
            with contextlib.suppress(Exception):
                await pq.connection.execute("UPDATE orders SET shipped = true")

    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue("ship", None)
        await sim.settled()

    assert "InMemoryDriver.execute is refused" in run(scenario).failure.message


def test_a_step_that_tries_a_refused_call_for_ever_is_ended():
    tries = []

    async def scenario(sim):
        while True:
            with contextlib.suppress(Exception):
                tries.append(None)
                attempt(socket.socket)

    assert run(scenario).failure.message.startswith("RefusedError: socket.socket is refused")
    assert len(tries) < 1000


def test_a_pool_of_processes_is_refused():
    async def scenario(sim):
        executor = concurrent.futures.ProcessPoolExecutor()
        await asyncio.get_running_loop().run_in_executor(executor, print)

    assert "ProcessPoolExecutor is refused" in run(scenario).failure.message
