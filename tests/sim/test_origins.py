import asyncio
import importlib.util
import inspect
import pickle
import subprocess
import sys
import threading

import pytest

from simqueue.errors import RefusedError
from simqueue.sim.code.places import is_users, library_of
from simqueue.sim.run import run

LIBRARY = """
import asyncio, socket, subprocess, threading

def look_up(host):
    return socket.getaddrinfo(host, 80)

async def fetch(host):
    return look_up(host)

class Session:
    async def __aenter__(self):
        await asyncio.sleep(0)
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "host", 80)
    async def __aexit__(self, *_):
        pass

def session():
    return Session()

async def fetch_in_a_task(host):
    return await asyncio.get_running_loop().create_task(fetch(host))

async def fetch_later(host, seconds):
    await asyncio.sleep(seconds)
    await fetch(host)

def start():
    threading.Thread(target=print).start()

def start_program():
    subprocess.run(["true"])

async def sql(connection):
    await connection.execute("SELECT 1")
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return an installed package, ``weblib``."""
    folder = tmp_path / "site-packages"
    folder.mkdir()

    def install(name="weblib", text=LIBRARY):
        file = folder / f"{name}.py"
        file.write_text(text)
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return install


def refusal_of(work, *, factory=False):
    """Return the refusal that an async function meets in a handler, or in a factory."""

    async def scenario(sim):
        def handlers(pq):
            @pq.entrypoint("work")
            async def handler(job):
                await work()

        async def making(pq):
            await work()

        sim.worker("a", making if factory else handlers)
        await sim.queries.enqueue("work", None)
        await sim.settled()

    played = run(scenario)
    error = played.failure
    assert error is not None
    assert error.message.startswith("RefusedError: ")
    assert "\n" not in error.message
    return error


def line_of(function, offset=1):
    code = function.__code__
    name = code.co_qualname.replace(".<locals>", "")
    return f"test_origins.py:{code.co_firstlineno + offset} in {name}"


def test_a_refusal_names_what_the_user_called_and_the_library_in_between(library):
    lib = library()

    async def work():
        await lib.fetch("example.com")

    failure = refusal_of(work)
    assert failure.message.startswith(
        "RefusedError: lib.fetch() is refused inside a simulation "
        f"(at {line_of(work)}, through weblib: socket.getaddrinfo): "
    )
    assert failure.where == line_of(work)


def test_a_refused_call_of_the_users_own_is_named_itself():
    import socket

    async def work():
        socket.getaddrinfo("example.com", 80)

    assert refusal_of(work).message.startswith(
        f"RefusedError: socket.getaddrinfo is refused inside a simulation (at {line_of(work)}): "
    )


def test_what_leads_through_pythons_own_modules_is_named_as_it_was_called():
    async def work():
        subprocess.run(["true"], check=True)

    assert (
        f"subprocess.run() is refused inside a simulation (at {line_of(work)}, through subprocess"
        in refusal_of(work).message
    )


def test_the_user_is_found_who_waits_for_a_task_of_a_librarys(library):
    lib = library()

    async def work():
        await lib.fetch_in_a_task("example.com")

    failure = refusal_of(work)
    assert f"lib.fetch_in_a_task() is refused inside a simulation (at {line_of(work)}, " in (
        failure.message
    )
    assert failure.where == line_of(work)


def test_entering_a_librarys_block_is_named_by_its_call(library):
    lib = library()

    async def work():
        async with lib.session():
            pass

    assert f"lib.session() is refused inside a simulation (at {line_of(work)}, through weblib" in (
        refusal_of(work).message
    )


def test_the_handler_is_found_of_a_task_that_nobody_awaits(library):
    lib = library()

    async def work():
        task = asyncio.get_running_loop().create_task(lib.fetch_later("example.com", 1))
        await asyncio.sleep(5)
        await task

    failure = refusal_of(work)
    assert f"socket.getaddrinfo is refused inside a simulation (at {line_of(work, 2)}, " in (
        failure.message
    )
    assert ", through weblib): " in failure.message


def test_the_handler_is_found_of_a_function_in_a_thread(library):
    lib = library()

    async def work():
        await asyncio.to_thread(lib.look_up, "example.com")

    assert f"asyncio.to_thread() is refused inside a simulation (at {line_of(work)}, " in (
        refusal_of(work).message
    )


def test_without_a_line_of_the_users_the_workers_function_is_named(library):
    lib = library()

    async def scenario(sim):
        def handlers(pq):
            asyncio.get_running_loop().call_later(1, lib.look_up, "example.com")

        scenario.handlers = handlers
        sim.worker("a", handlers)
        await asyncio.sleep(5)

    message = run(scenario).failure.message
    assert f"(at {line_of(scenario.handlers, 0)}, through weblib)" in message


def test_the_user_is_found_in_a_greenlet_that_waits(library):
    greenlet = pytest.importorskip("greenlet")
    lib = library()

    async def work():
        greenlet.greenlet(lib.look_up).switch("example.com")

    assert f"(at {line_of(work)}, through weblib: socket.getaddrinfo)" in refusal_of(work).message


# --- advice that can be followed there ---


def test_a_thread_of_a_librarys_is_blamed_on_the_library(library):
    lib = library("tracing")

    async def work():
        lib.start()

    message = refusal_of(work).message
    assert "tracing starts this thread" in message
    assert "to_thread" not in message


def test_a_thread_of_the_users_own_goes_to_to_thread():
    async def work():
        threading.Thread(target=print).start()

    message = refusal_of(work).message
    assert "threading.Thread().start() is refused" in message
    assert "use asyncio.to_thread" in message


def test_a_program_of_a_librarys_is_blamed_on_the_library(library):
    lib = library("tracing")

    async def work():
        lib.start_program()

    assert "tracing starts this program" in refusal_of(work).message


def test_a_module_may_start_a_program_as_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "starts_true.py").write_text("import subprocess\nsubprocess.run(['true'])\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    async def scenario(sim):
        import starts_true  # noqa: F401

    run(scenario).check()
    sys.modules.pop("starts_true")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("httpx", "httpx.MockTransport"),
        ("aiohttp", "patch aiohttp.ClientSession._request"),
        ("requests", "patch requests.Session.request"),
        (
            "weblib",
            "put a fake in place of weblib's client, or let handlers take it from resources",
        ),
    ],
)
def test_a_client_of_http_gets_advice_of_its_own(name, advice, library):
    lib = library(name)

    async def work():
        await lib.fetch("example.com")

    assert advice in refusal_of(work).message


def test_in_a_factory_nobody_is_sent_to_resources(library):
    lib = library()

    async def work():
        await lib.fetch("example.com")

    message = refusal_of(work, factory=True).message
    assert "take it from resources" not in message
    assert "patch it in the scenario before it starts the worker" in message


def test_sql_through_a_library_names_the_library_and_the_driver(library):
    asyncpg = pytest.importorskip("asyncpg")
    lib = library("orm")

    async def work():
        connection = await asyncpg.connect()
        await lib.sql(connection)

    message = refusal_of(work).message
    assert f"lib.sql() is refused inside a simulation (at {line_of(work, 2)}, " in message
    assert "through orm and asyncpg: Connection.execute)" in message
    assert "resources=..." in message


def test_an_orm_over_a_synchronous_driver_is_not_sent_to_queries(library):
    psycopg = pytest.importorskip("psycopg")
    lib = library("orm", "def save(connect):\n    connect('dbname=x')\n")

    async def work():
        await asyncio.to_thread(lib.save, psycopg.connect)

    message = refusal_of(work).message
    assert "through orm and psycopg: psycopg.connect" in message
    assert "SyncQueries" not in message
    assert "put a fake of your own in place of the code that sends SQL" in message


def test_a_synchronous_driver_of_the_users_own_is_told_what_works_instead():
    psycopg = pytest.importorskip("psycopg")

    async def work():
        psycopg.connect("")

    message = refusal_of(work).message
    assert f"psycopg.connect is refused inside a simulation (at {line_of(work)}): " in message
    assert "instead of SyncQueries over SyncPsycopgDriver, await sim.queries" in message


def test_sqlalchemy_users_are_told_of_their_session():
    pytest.importorskip("greenlet")
    engines = pytest.importorskip("sqlalchemy.ext.asyncio")
    text = pytest.importorskip("sqlalchemy").text
    engine = engines.create_async_engine("postgresql+asyncpg://app@localhost/app")

    async def work():
        async with engines.AsyncSession(engine) as session:
            await session.execute(text("SELECT 1"))

    failure = refusal_of(work)
    assert failure.message.startswith(
        "RefusedError: session.execute() is refused inside a simulation "
        f"(at {line_of(work, 2)}, through sqlalchemy and asyncpg: Connection."
    )
    assert failure.where == line_of(work, 2)


def test_httpx_users_are_told_of_their_client():
    httpx = pytest.importorskip("httpx")

    async def work():
        async with httpx.AsyncClient() as client:
            await client.get("http://localhost:9/")

    message = refusal_of(work).message
    assert f"client.get() is refused inside a simulation (at {line_of(work, 2)}, " in message
    assert "httpx.MockTransport" in message


def test_the_advice_for_httpx_works():
    httpx = pytest.importorskip("httpx")
    answers = []

    async def scenario(sim):
        transport = httpx.MockTransport(lambda request: httpx.Response(201))
        async with httpx.AsyncClient(transport=transport) as client:
            answers.append((await client.get("http://localhost:9/")).status_code)

    run(scenario).check()
    assert answers == [201]


def test_a_psycopg_pool_made_at_import_is_refused_where_it_is_used():
    psycopg_pool = pytest.importorskip("psycopg_pool")
    pool = psycopg_pool.AsyncConnectionPool("", open=False)

    async def opened():
        await pool.open()

    async def used():
        async with pool.connection():
            pass

    for work in (opened, used):
        message = refusal_of(work, factory=True).message
        assert "psycopg_pool.AsyncConnectionPool." in message
        assert f"(at {line_of(work)})" in message


def test_an_asyncpg_pool_made_before_the_run_is_refused_where_it_is_used():
    asyncpg = pytest.importorskip("asyncpg")
    loop = asyncio.new_event_loop()
    pool = asyncpg.create_pool(loop=loop)
    loop.close()

    async def opened():
        await pool

    async def used():
        async with pool.acquire():
            pass

    for work in (opened, used):
        message = refusal_of(work, factory=True).message
        assert "asyncpg: Pool" in message
        assert f"(at {line_of(work)}" in message
        assert "call asyncpg.create_pool() inside the factory" in message


# --- whose file it is ---


def test_generated_code_and_console_scripts_are_not_the_users():
    assert not is_users("<sqlalchemy generated _go() wrapper>")
    assert not is_users(f"{sys.prefix}/bin/simqueue")
    assert not is_users("/srv/other/lib/python3.12/site-packages/httpx/_client.py")
    assert is_users("<stdin>")
    assert is_users(inspect.getfile(refusal_of))
    assert library_of("/srv/other/lib/python3.12/site-packages/httpx/_client.py") == "httpx"


def test_a_refusal_passes_between_processes_whole():
    error = RefusedError("session.get()", "app.py:3 in f", "do so", "sqlalchemy and asyncpg: x")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.through == "sqlalchemy and asyncpg: x"
