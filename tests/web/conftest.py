import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pgqueuer.domain.models import Schedule

import simqueue
from simqueue.adapter.installed import names_in_force
from simqueue.store import fold

pytest.importorskip("fastapi", reason="the dashboard needs simqueue[web]")
pytest.importorskip("pgqueuer.adapters.web.routes", reason="this PgQueuer has no dashboard")

ROOT = str(Path(__file__).parents[2])
HOSTILE = "</section><script>document.title = 'taken'</script>"


async def shop(sim):
    """Jobs that succeed, raise and are held, one that is deferred, and a schedule."""

    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            await asyncio.sleep(sim.random.uniform(0.1, 2))
            if job.payload == b"bad":
                raise ValueError(HOSTILE)

        @pq.entrypoint("charge", on_failure="hold")
        async def charge(job):
            raise RuntimeError("no money")

        @pq.schedule("sweep", "* * * * *")
        async def sweep(schedule: Schedule) -> None:
            await asyncio.sleep(0.5)

    worker = sim.worker("a", app, batch_size=2)
    payloads = [b"bad", HOSTILE.encode(), b"x", b"y", None]
    await sim.queries.enqueue(["mail"] * 5, payloads, [0] * 5)
    await sim.queries.enqueue("charge", b"1", 0)
    await sim.queries.enqueue("mail", None, 0, execute_after=timedelta(seconds=90))
    sim.log.info(HOSTILE)
    await asyncio.sleep(100)
    worker.stop()
    await worker.wait()
    raise AssertionError(HOSTILE)


@pytest.fixture(scope="session")
def recorded():
    """The trace of a run that fails, in a file, and that file."""
    trace = simqueue.run(shop, seed=5).trace
    assert trace.outcome.failure is not None
    return trace


@pytest.fixture(scope="session")
def trace_file(recorded, tmp_path_factory):
    path = tmp_path_factory.mktemp("traces") / "shop.json"
    recorded.save(path)
    return str(path)


@dataclass
class Reply:
    status: int
    headers: dict
    text: str

    @property
    def main(self):
        """What the dashboard shows, without the bar and without spaces between its tags."""
        found = re.search(r"<main>(.*)</main>", self.text, re.DOTALL)
        return re.sub(r"\s+", " ", found[1])

    @property
    def told(self):
        """The bar's words."""
        return re.search(r"<output[^>]*>(.*?)</output>", self.text, re.DOTALL)[1]

    def rows(self, kind):
        """The numbers of the rows whose id begins so: ``job-3`` is 3 of ``job``."""
        return [int(number) for number in re.findall(rf'<tr id="{kind}-(\d+)"', self.text)]


class Served:
    """``simqueue serve`` in a process of its own."""

    def __init__(self, *arguments):
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), ROOT]))
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-m", "simqueue", "serve", *arguments]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.line = self.process.stdout.readline()
        self.address = self.line.split(" ")[0]
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/at/\d+/)", self.address)
        assert found, self.line + self.process.stderr.read()
        self.port, self.start = int(found[1]), found[2]

    def ask(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read().decode())
        connection.close()
        return reply

    def json(self, path):
        return json.loads(self.ask(path).text)

    def interrupt(self):
        """Press ctrl-C; return the exit status and what was said on stderr."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="session")
def served(trace_file):
    server = Served(trace_file)
    yield server
    server.close()


@pytest.fixture
def serve(request):
    """Serve something else."""

    def start(*arguments):
        server = Served(*arguments)
        request.addfinalizer(server.close)
        return server

    return start


@pytest.fixture(scope="session")
def tables_at(recorded):
    """The tables after an event, folded from the log."""
    names = names_in_force(recorded.config.epoch_us)
    return lambda number: fold(names, recorded.events[: number + 1])
