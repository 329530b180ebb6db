"""Advice: how to solve a refusal, if that depends on the place of the refused call.

Advice that is always the same is in the table of sources, beside the refused function.
"""

from __future__ import annotations

from simqueue.sim.code.origins import Origin, in_handler
from simqueue.sim.kernel.process import HOME

THREADS = "use asyncio.to_thread or anyio.to_thread, which run at a chosen step of the simulation"
SOCKETS = (
    "talk to the simulated database through sim.driver or sim.connect(), and put a fake of your "
    "own in place of other services"
)
PROCESSES = (
    "another simulated process is sim.worker(); put a fake of your own in place of a program"
)
SQL = (
    "the simulated database speaks PgQueuer's statements alone; put a fake of your own in place of "
    "the code that sends SQL"
)
BLOCKING = (
    "a simulation has no synchronous client of the database; instead of SyncQueries over "
    "SyncPsycopgDriver, await sim.queries or PgQueuer's Queries over asyncpg or "
    "psycopg.AsyncConnection.connect(..., autocommit=True); put a fake of your own in place of "
    "code that sends other SQL"
)
MADE_BEFORE = (
    "it was made before the run, such as when its module was imported, and is no client of the "
    "simulated database: call asyncpg.create_pool() inside the factory"
)
POLLING = (
    "the function runs to its end in one step of the simulation, so nothing that it polls can "
    "change during it: let the async code await an asyncio.Event and start the function then; one "
    "that does take so long needs a longer Config.limit"
)
POOLS = (
    "give PgQueuer a psycopg.AsyncConnection.connect(..., autocommit=True) or an asyncpg pool, and "
    "put a fake of your own in place of a psycopg pool that sends other SQL"
)

_RESOURCES = (
    ", or let handlers take it from resources, where a scenario can put one: "
    "sim.worker(..., resources=...)"
)
_PATCH = ": patch it in the scenario before it starts the worker"

_DRIVERS = {"psycopg", "pgqueuer"}

_CLIENTS = {
    "httpx": "give the client a fake transport, httpx.AsyncClient(transport=httpx.MockTransport("
    "answer)), where answer is a function of the request",
    "aiohttp": "put a fake in place of the session, or patch aiohttp.ClientSession._request in the "
    "scenario",
    "requests": "put a fake in place of the session, or patch requests.Session.request in the "
    "scenario",
}
"""How to give known HTTP clients answers without a network."""


_SIGNALS = ("loop.add_signal_handler", "loop.remove_signal_handler", "signal.signal")


def fitting(what: str, instead: str, origin: Origin) -> str:
    """Return advice that fits the place that the refused call ``what`` comes from.

    ``instead`` is the advice for a call of the user's own code.
    """
    factory = running_factory()
    if factory and what in _SIGNALS:
        return split(factory)
    if instead == SQL or (instead == BLOCKING and set(origin.libraries) - _DRIVERS):
        instead = SQL  # the user of an ORM needs no other way to enqueue
        return instead + (_RESOURCES if in_handler() else _PATCH)
    if not origin.libraries:
        return instead
    if instead == THREADS:
        return _thread_of(origin.libraries[-1])
    if instead == PROCESSES:
        return _program_of(origin.libraries[-1])
    return _client(origin.libraries) if instead == SOCKETS else instead


def running_factory() -> str:
    """Return the name of the factory that the running process executes, or an empty string."""
    home = HOME.get(None)
    return "" if home is None else home.making


def split(factory: str) -> str:
    """Return what to do about a factory that runs its PgQueuer itself."""
    return (
        f"a factory returns its PgQueuer and does not run it: split {factory}() into a function "
        "that makes the PgQueuer and returns it, which is the one for sim.worker() and "
        "simqueue new, and one that installs signal handlers and runs it; worker.stop() does what "
        "SIGTERM does under `pgq run`"
    )


def _thread_of(library: str) -> str:
    return (
        f"{library} starts this thread, and no seed can repeat what a thread does; do not set "
        f"{library} up in the simulation, or patch what starts the thread in the scenario"
    )


def _program_of(library: str) -> str:
    return (
        f"{library} starts this program; do not set {library} up in the simulation, or patch what "
        "starts the program in the scenario"
    )


def _client(libraries: tuple[str, ...]) -> str:
    known = next((library for library in libraries if library in _CLIENTS), None)
    if known is None:
        return f"a simulation has no network: put a fake in place of {libraries[0]}'s client" + (
            _RESOURCES if in_handler() else _PATCH
        )
    return f"a simulation has no network: {_CLIENTS[known]}"
