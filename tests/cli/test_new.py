import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.model.trace import Trace

REGISTRATION = """
    running = []

    @pgq.entrypoint("charge"{limit})
    async def charge(job):
        running.append(job.id)
        await asyncio.sleep(0.02)
        if len(running) > 1:
            raise RuntimeError("two at once")
        running.clear()

    @pgq.entrypoint("mail", concurrency_limit=3)
    async def mail(job):
        await Queries(pgq.connection).queue_size()

    @pgq.schedule("sweep", "*/5 * * * *")
    async def sweep(schedule):
        pass
"""
HEAD = """
import asyncio
from contextlib import asynccontextmanager
import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


def register(pgq):
"""
FORMS = {
    "asyncpg.connect": """
async def main():
    pgq = PgQueuer(AsyncpgDriver(await asyncpg.connect()))
    register(pgq)
    return pgq
""",
    "asyncpg.create_pool": """
@asynccontextmanager
async def create_pgqueuer():
    async with asyncpg.create_pool() as pool:
        pgq = PgQueuer.from_asyncpg_pool(pool)
        register(pgq)
        yield pgq
""",
    "psycopg": """
import psycopg

async def main():
    connection = await psycopg.AsyncConnection.connect(autocommit=True)
    pgq = PgQueuer.from_psycopg_connection(connection)
    register(pgq)
    return pgq
""",
    "in_memory": """
async def make() -> PgQueuer:
    pgq = PgQueuer.in_memory()
    register(pgq)
    return pgq
""",
    "builder": """
def build(connection: asyncpg.Connection) -> PgQueuer:
    pgq = PgQueuer(AsyncpgDriver(connection))
    register(pgq)
    return pgq
""",
    "builder over psycopg": """
import psycopg
from pgqueuer.db import PsycopgDriver

async def main(connection: "psycopg.AsyncConnection"):
    pgq = PgQueuer(PsycopgDriver(connection))
    register(pgq)
    return pgq
""",
    "setup": """
def setup(pgq: PgQueuer) -> None:
    register(pgq)
""",
}


def source(form, limit=1):
    options = f", concurrency_limit={limit}" if limit else ""
    return HEAD + REGISTRATION.replace("{limit}", options) + FORMS[form]


HEALTHY, BROKEN = source("asyncpg.connect"), source("asyncpg.connect", limit=0)


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


def refused(result):
    """Assert that bad input got one line on stderr; return it."""
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("simqueue: ")
    return result.stderr


def assert_formatted(file):
    if importlib.util.find_spec("ruff") is None:
        return  # it is no test dependency; whoever works on simqueue has it
    for length in ("88", "100", "120"):
        command = ["-m", "ruff", "format", "--isolated", "--diff", f"--line-length={length}", file]
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")


MANAGERS = """
import asyncpg
from pgqueuer import QueueManager, SchedulerManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


async def jobs() -> QueueManager:
    manager = QueueManager(Queries(AsyncpgDriver(await asyncpg.connect())))

    @manager.entrypoint("mail")
    async def mail(job):
        pass

    return manager


async def schedules() -> SchedulerManager:
    manager = SchedulerManager(Queries(AsyncpgDriver(await asyncpg.connect())))

    @manager.schedule("sweep", "*/5 * * * *")
    async def sweep(schedule):
        pass

    return manager
"""


def test_a_manager_alone_gets_a_scenario_of_what_it_runs(project, call):
    project("app.py", MANAGERS)
    assert "the module has 2 of them (app.py:jobs, app.py:schedules)" in refused(
        call("new", "app.py")
    )
    assert call("new", "app.py:jobs", "-o", "jobs.py").stdout.startswith(
        "jobs.py plays app:jobs: entrypoint mail\n"
    )
    assert call("new", "app.py:schedules", "-o", "schedules.py").stdout.startswith(
        "schedules.py plays app:schedules: schedule sweep\n"
    )
    assert "enqueue" in Path("jobs.py").read_text()
    assert "enqueue" not in Path("schedules.py").read_text()
    played = call("fuzz", "jobs.py", "schedules.py", "--runs", "2")
    assert "jobs.py:scenario: 2 runs, 0 failed" in played.output
    assert "schedules.py:scenario: 2 runs, 0 failed" in played.output


@pytest.mark.parametrize("form", FORMS)
def test_the_scenario_of_a_healthy_application_passes(form, project, call):
    if "psycopg" in form:
        pytest.importorskip("psycopg")
    project("app.py", source(form))
    result = call("new", "app.py")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("tests/scenario_app.py plays app:")
    assert "entrypoints charge, mail; schedule sweep" in result.stdout
    again = result.stdout.splitlines()[-1].split()
    assert again == ["simqueue", "fuzz", "tests/scenario_app.py"]
    assert_formatted("tests/scenario_app.py")
    fuzzed = call(*again[1:], "--runs", "6")
    assert fuzzed.exit_code == 0, fuzzed.output


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_the_scenario_of_an_application_with_a_bug_finds_it(form, project, call):
    if "psycopg" in form:
        pytest.importorskip("psycopg")
    project("app.py", source(form, limit=0))
    assert call("new", "app.py").exit_code == 0
    fuzzed = call("fuzz", "tests/scenario_app.py", "--runs", "6")
    assert fuzzed.exit_code == 1
    assert "two at once" in fuzzed.output
    (saved,) = Path(".simqueue/failures").glob("*.json")
    assert "jobs that failed: ['charge" in Trace.load(saved).outcome.failure.message
    assert call("replay", str(saved)).exit_code == 1


def test_the_scenario_tells_limits_and_expressions(project, call):
    project("app.py", HEALTHY)
    call("new", "app.py", "-o", "first.py")
    text = Path("first.py").read_text()
    assert '("charge", b"{}"),  # at most 1 at a time' in text
    assert '("mail", b"{}"),  # at most 3 at a time' in text
    assert "# sweep: */5 * * * *" in text
    assert "sys.path" not in text  # it stands beside the application
    assert re.search(r"^from app import main$", text, re.MULTILINE)
    body = text.partition("async def scenario")[2]
    assert len([line for line in body.splitlines() if line.strip()]) < 32
    assert_formatted("first.py")


def test_a_module_of_a_package_is_imported_as_such(project, call):
    project("src/shop/__init__.py", "")
    project("src/shop/jobs/__init__.py", "")
    project("src/shop/jobs/names.py", "NAME = 'order'")
    lines = "from .names import NAME\n" + FORMS["in_memory"].replace("register(pgq)", "").strip()
    project(
        "src/shop/jobs/worker.py",
        f"from pgqueuer import PgQueuer\n{lines.replace('    return pgq', '')}"
        "    @pgq.entrypoint(NAME)\n    async def order(job):\n        pass\n    return pgq\n",
    )
    result = call("new", "src/shop/jobs/worker.py", "-o", "checks/deep/scenario.py")
    assert result.exit_code == 0, result.output
    text = Path("checks/deep/scenario.py").read_text()
    assert 'sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))' in text
    assert "from shop.jobs.worker import make  # noqa: E402" in text
    assert_formatted("checks/deep/scenario.py")
    assert call("fuzz", "checks/deep/scenario.py", "--runs", "3").exit_code == 0


def test_a_module_is_named_with_dots_too(project, call):
    project("shop/__init__.py", "")
    project("shop/worker.py", HEALTHY)
    result = call("new", "shop.worker:main")
    assert result.exit_code == 0, result.output
    assert (
        "from shop.worker import main  # noqa: E402" in Path("tests/scenario_worker.py").read_text()
    )
    assert call("fuzz", "tests/scenario_worker.py", "--runs", "3").exit_code == 0


def test_it_runs_in_a_process_of_its_own(project):
    project("app.py", HEALTHY)
    command = [sys.executable, "-m", "simqueue"]
    new = subprocess.run([*command, "new", "app.py"], capture_output=True, text=True, check=False)
    assert (new.returncode, new.stderr) == (0, "")
    run = [*command, "run", "tests/scenario_app.py"]
    played = subprocess.run(run, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr


def test_schedules_alone_make_a_scenario_and_so_do_entrypoints_alone(project, call):
    schedules = "def setup(pgq: 'PgQueuer'):\n    @pgq.schedule('tick', '* * * * *')\n"
    schedules += "    async def tick(schedule):\n        pass\n"
    project("ticks.py", schedules)
    entrypoints = schedules.replace("schedule('tick', '* * * * *')", "entrypoint('it\\'s \"x\"')")
    project("jobs.py", entrypoints)
    for name in ("ticks", "jobs"):
        assert call("new", f"{name}.py", "-o", f"{name}_scenario.py").exit_code == 0
        assert_formatted(f"{name}_scenario.py")
        assert call("fuzz", f"{name}_scenario.py", "--runs", "3").exit_code == 0
    assert "enqueue" not in Path("ticks_scenario.py").read_text()
    assert "minutes=2)" in Path("ticks_scenario.py").read_text()
    assert "schedules tick" not in Path("jobs_scenario.py").read_text()


def test_a_function_whose_name_the_scenario_needs_gets_another(project, call):
    project("app.py", HEALTHY.replace("def main", "def scenario"))
    assert call("new", "app.py:scenario", "-o", "s.py").exit_code == 0
    assert "from app import scenario as application" in Path("s.py").read_text()
    assert call("fuzz", "s.py", "--runs", "2").exit_code == 0


def test_a_file_that_is_there_is_left_alone(project, call):
    project("app.py", HEALTHY)
    mine = project("tests/scenario_app.py", "mine")
    said = refused(call("new", "app.py"))
    assert "tests/scenario_app.py exists" in said
    assert "-o" in said
    assert mine.read_text() == "mine"
    refused(call("new", "app.py", "-o", "tests/scenario_app.py"))
    assert mine.read_text() == "mine"
    assert "ends in .py" in refused(call("new", "app.py", "-o", "scenario.txt"))


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        ("", "gone.py", "there is no such file"),
        ("", "no.such.module", "there is no module or file"),
        ("x = 1", "app.py", "the module has none; name one as app.py:function"),
        (HEALTHY, "app.py:other", "has no function 'other' (app.py:main)"),
        ("def main(a, b): ...", "app.py", "main takes a and b, so it neither registers handlers"),
        (
            "def build(dsn: str):\n    ...",
            "app.py",
            "build takes dsn (builtins.str), so it neither registers handlers with a PgQueuer",
        ),
        (
            (
                "import asyncpg\nfrom pgqueuer import PgQueuer\n"
                "from pgqueuer.db import AsyncpgDriver\n"
                "async def main():\n"
                "    await PgQueuer(AsyncpgDriver(await asyncpg.connect())).run()"
            ),
            "app.py",
            (
                "PgQueuer.run is refused inside a simulation (at app.py:5 in main): a factory "
                "returns its PgQueuer and does not run it: split main() into a function that makes"
            ),
        ),
        ("main = 3", "app.py", "no function without parameters, or of one PgQueuer"),
        ("1 / 0", "app.py", "cannot be imported: app.py:1: ZeroDivisionError"),
        (
            "from pgqueuer import PgQueuer\ndef one() -> PgQueuer: ...\ndef two(pq: PgQueuer): ...",
            "app.py",
            "has 2 of them (app.py:one, app.py:two); name one",
        ),
        ("async def main(): ...", "app.py", "a QueueManager or a SchedulerManager, not NoneType"),
        ("async def main(): {}['dsn']", "app.py", "does not start in a simulation: KeyError"),
        ("def main(pq): ...", "app.py", "registers neither entrypoints nor schedules"),
        (
            "import asyncpg\nasync def main():\n  await (await asyncpg.connect()).fetch('')",
            "app.py",
            "asyncpg: Connection.fetch is refused inside a simulation (at app.py:3 in main)",
        ),
        (
            "import asyncio\nasync def main():\n    await asyncio.sleep(3600)",
            "app.py",
            "it is not ready after 0:10:00; a factory returns its PgQueuer, and does not run it",
        ),
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(text, target, said, project, call):
    project("app.py", text)
    assert said in refused(call("new", target))
    assert not Path("tests").exists()


@pytest.mark.parametrize("name", ["my-app.py", "queue.py"])
def test_a_file_that_cannot_be_imported_by_its_name_is_refused(name, project, call):
    project(name, HEALTHY)
    assert "give the file another name" in refused(call("new", name))


def test_a_file_that_another_module_hides_is_refused(project, call):
    project("one/app.py", HEALTHY)
    assert call("new", "one/app.py", "-o", "a.py").exit_code == 0
    project("two/app.py", HEALTHY)
    assert "finds one/app.py instead" in refused(call("new", "two/app.py", "-o", "b.py"))


def test_a_name_stays_in_its_comment(project, call):
    assert HEALTHY.count('"sweep"') == 1
    project("app.py", HEALTHY.replace('"sweep"', r'"a\nimport os\r\x0cb"'))
    call("new", "app.py", "-o", "first.py")
    text = Path("first.py").read_text()
    compile(text, "first.py", "exec")
    assert r"# 'a\nimport os\r\x0cb': */5 * * * *" in text


def test_an_application_may_change_the_directory_while_it_is_imported(project, call, tmp_path):
    project("app.py", HEALTHY + "\nimport os\nos.chdir('/')\n")
    result = call("new", "app.py", "-o", str(tmp_path / "first.py"))
    assert result.exit_code == 0, result.output


WITH_A_PREFIX = """
import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.adapters.persistence import qb
from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries

SETTINGS = DBSettings(queue_table="shop_jobs", queue_table_log="shop_log", channel="shop")


async def main():
    driver = AsyncpgDriver(await asyncpg.connect())
    queries = Queries(
        driver,
        qb.QueryBuilderEnvironment(SETTINGS),
        qb.QueryQueueBuilder(SETTINGS),
        qb.QuerySchedulerBuilder(SETTINGS),
    )
    pgq = PgQueuer(driver, channel=SETTINGS.channel, queries=queries)

    @pgq.entrypoint("charge")
    async def charge(job):
        print(f"charged {job.id}")

    return pgq
"""


@pytest.mark.thorough
def test_the_scenario_of_an_application_with_settings_of_its_own_runs_its_jobs(project, call):
    project("app.py", WITH_A_PREFIX)
    assert call("new", "app.py").exit_code == 0
    fuzzed = call("fuzz", "tests/scenario_app.py", "--runs", "3", "-s")
    assert fuzzed.exit_code == 0, fuzzed.output
    assert "charged 3" in fuzzed.output
