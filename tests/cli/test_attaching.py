"""VS Code's and PyCharm's debuggers at a replay, spoken to as the editors do."""

import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from simqueue.model.events import HandlerStarted
from simqueue.model.trace import Trace

ROOT = Path(__file__).parents[2]
LAUNCH = json.loads(Path(__file__).with_name("launch.json").read_text())
SCENARIO = """
import asyncio
from datetime import timedelta

async def scenario(sim):
    def app(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            amount = 7 * job.id
            await asyncio.sleep(1)
            await sim.queries.queue_size()

    sim.worker("a", app)
    sim.worker("b", app)
    await sim.queries.enqueue(["charge"] * 2, [b"x"] * 2, [0] * 2)
    await sim.settled()
    assert sim.elapsed() < timedelta(seconds=1), "it is late"
"""
LINE = 1 + SCENARIO.splitlines().index("            amount = 7 * job.id")
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"},
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
PATIENCE_S = 120


def needs(name):
    # Not imported, which would load the debugger into this process.
    return pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed")


class Client:
    """Half of the Debug Adapter Protocol: what an editor says and hears."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._unread = []
        self.printed = ""
        self.status = None
        self.started = []

    def close(self):
        self._reader.close()
        self._writer.close()

    def request(self, command, **arguments):
        """Ask for something; return the number of the request."""
        number = next(self._numbers)
        self._send(seq=number, type="request", command=command, arguments=arguments)
        return number

    def ask(self, command, **arguments):
        """Ask for something and return the answer."""
        return self.answer(self.request(command, **arguments))

    def answer(self, number):
        found = self._await(lambda m: m["type"] == "response" and m["request_seq"] == number)
        assert found["success"], found
        return found.get("body", {})

    def event(self, name):
        """Wait for an event and return what it says."""
        return self._await(lambda m: m["type"] == "event" and m["event"] == name).get("body", {})

    def _await(self, wanted):
        for message in self._unread:
            if wanted(message):
                self._unread.remove(message)
                return message
        while True:
            message = self._read()
            self._note(message)
            if wanted(message):
                return message
            assert message.get("event") != "terminated", self.printed
            self._unread.append(message)

    def _note(self, message):
        body = message.get("body") or {}
        match message:
            case {"event": "output"} if body.get("category") != "telemetry":
                self.printed += body["output"]
            case {"event": "exited"}:
                self.status = body["exitCode"]
            case {"type": "request", "command": "runInTerminal", "arguments": given}:
                self._run(message["seq"], given)

    def _run(self, number, given):
        """Start what is to run in the editor's terminal."""
        process = subprocess.Popen(
            given["args"],
            cwd=given["cwd"],
            env={**ENVIRONMENT, **given["env"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        self._send(
            seq=next(self._numbers),
            type="response",
            request_seq=number,
            success=True,
            command="runInTerminal",
            body={"processId": process.pid},
        )

    def _send(self, **message):
        content = json.dumps(message).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self._writer.flush()

    def _read(self):
        length = 0
        while (line := self._reader.readline().strip()) or not length:
            assert line, "the adapter has gone"
            name, _, value = line.partition(b":")
            if name == b"Content-Length":
                length = int(value)
        return json.loads(self._reader.read(length))


@pytest.fixture
def trace(project):
    """A trace of a failed run."""
    project("one.py", SCENARIO)
    command = [sys.executable, "-m", "simqueue", "run", "one.py", "--trace", "t.json"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == 1, done
    return "t.json"


@pytest.fixture
def port():
    """A free port below those that the system gives out, also to who tries to connect to it."""
    for number in range(20_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", number)):
            return number
    raise AssertionError("all ports are taken")


def configuration(request, **variables):
    """Return what an editor makes of the launch configuration for a kind of request."""
    (found,) = (each for each in LAUNCH["configurations"] if each["request"] == request)
    text = json.dumps(found)
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", str(value))
    assert "${" not in text
    return json.loads(text)


def breaking(client, how, options, line):
    """Connect as an editor does, with a breakpoint set in a line of the scenario."""
    client.ask(
        "initialize",
        adapterID="debugpy",
        clientID="test",
        linesStartAt1=True,
        columnsStartAt1=True,
        pathFormat="path",
        supportsRunInTerminalRequest=True,
    )
    connecting = client.request(how, **options)
    client.event("initialized")
    if line:
        source = {"path": str(Path("one.py").resolve())}
        (set_,) = client.ask("setBreakpoints", source=source, breakpoints=[{"line": line}])[
            "breakpoints"
        ]
        assert set_["line"] == line
    client.ask("setExceptionBreakpoints", filters=[])
    client.ask("configurationDone")
    client.answer(connecting)


def stopped(client):
    """Wait until the run stands; return its thread and its frames, the innermost first."""
    thread = client.event("stopped")["threadId"]
    return thread, client.ask("stackTrace", threadId=thread)["stackFrames"]


def local(client, frame):
    """Return the variables of a frame as text."""
    scope = client.ask("scopes", frameId=frame["id"])["scopes"][0]
    found = client.ask("variables", variablesReference=scope["variablesReference"])["variables"]
    return {each["name"]: each["value"] for each in found}


def evaluate(client, frame, expression):
    found = client.ask("evaluate", expression=expression, frameId=frame["id"], context="repl")
    return found["result"]


def look_around(client):
    """Stop for each of two jobs, and do what a person does there."""
    for job in (1, 2):
        thread, (frame, *outer) = stopped(client)
        assert (frame["name"], frame["line"]) == ("charge", LINE)
        assert any("pgqueuer" in each["source"]["path"] for each in outer)
        client.ask("next", threadId=thread)
        thread, (frame, *_) = stopped(client)
        assert (frame["name"], frame["line"]) == ("charge", LINE + 1)
        assert local(client, frame)["amount"] == str(7 * job)
        assert evaluate(client, frame, "job.entrypoint") == "'charge'"
        evaluate(client, frame, "__import__('random').random()")
        evaluate(client, frame, "__import__('uuid').uuid4()")
        evaluate(client, frame, "__import__('time').sleep(5)")
        assert evaluate(client, frame, "str(sim.now().year)") == "'2024'"
        assert evaluate(client, frame, "str(int(__import__('time').time()))[:4]") == "'1704'"
        client.ask("continue", threadId=thread)


@pytest.fixture
def launched(tmp_path):
    """An adapter as the editor starts it, and a client of it."""
    with subprocess.Popen(
        [sys.executable, "-m", "debugpy.adapter"],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as adapter:
        watchdog = threading.Timer(PATIENCE_S, adapter.kill)
        watchdog.start()
        client = Client(adapter.stdout, adapter.stdin)
        try:
            yield client
        finally:
            watchdog.cancel()
            adapter.stdin.close()
            for process in client.started:
                process.kill()
                process.wait()
                process.stdout.close()


@pytest.mark.thorough
@needs("debugpy")
def test_the_launch_configuration_stops_in_a_handler_and_the_run_is_reproduced(trace, launched):
    options = configuration("launch", file=Path(trace).resolve(), workspaceFolder=Path.cwd())
    breaking(launched, "launch", options, LINE)
    look_around(launched)
    launched.event("terminated")
    (process,) = launched.started
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert printed.splitlines()[-1].startswith("reproduced: "), printed
    assert launched.status == 1


@pytest.fixture
def attached(trace, port):
    """Start a replay that waits for an editor; connect to it as one."""
    processes, ends = [], []

    def attach(*arguments):
        command = ["debugpy", "--listen", str(port), "--wait-for-client", "-m", "simqueue"]
        process = subprocess.Popen(
            [sys.executable, "-Xfrozen_modules=off", "-m", *command, "replay", trace, *arguments],
            env={**ENVIRONMENT, "PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        connection = connected(port, process)
        connection.settimeout(PATIENCE_S)
        client = Client(connection.makefile("rb"), connection.makefile("wb"))
        ends.extend([client, connection])
        return process, client

    yield attach
    for each in ends:
        each.close()
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def connected(port, process):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except ConnectionRefusedError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                raise AssertionError(process.stdout.read()) from None


@pytest.mark.thorough
@needs("debugpy")
def test_an_editor_attaches_to_a_waiting_replay_and_the_run_is_reproduced(attached, port):
    process, client = attached("--exact")
    options = configuration("attach")
    assert options["connect"] == {"host": "127.0.0.1", "port": 5678}
    breaking(client, "attach", {**options, "connect": {"host": "127.0.0.1", "port": port}}, LINE)
    look_around(client)
    client.event("terminated")
    client.request("disconnect")  # it ends with who listens to it
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert printed.splitlines()[-1].startswith("reproduced: "), printed
    assert process.returncode == 1


@pytest.mark.thorough
@needs("debugpy")
def test_an_editor_stops_at_an_event_with_the_tables_at_hand(attached, trace, port):
    (number,) = (n for n, entry in enumerate(Trace.load(trace).events) if is_start(entry.event, 2))
    process, client = attached("--break", str(number))
    options = configuration("attach")
    breaking(client, "attach", {**options, "connect": {"host": "127.0.0.1", "port": port}}, 0)
    thread, (frame, *_) = stopped(client)
    assert evaluate(client, frame, "number, event.job_id, task.get_name()[:8]").startswith(
        f"({number}, 2, "
    )
    assert "job 2" in evaluate(client, frame, "job(2)")
    assert "picked" in evaluate(client, frame, "tables.jobs")
    client.ask("continue", threadId=thread)
    client.event("terminated")
    client.request("disconnect")
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert f"Stopped at event {number} " in printed
    assert printed.splitlines()[-1].startswith("reproduced: "), printed


def is_start(event, job_id):
    return isinstance(event, HandlerStarted) and event.job_id == job_id


@needs("debugpy")
def test_who_forgets_to_pin_the_hash_seed_is_told_and_keeps_the_debugger(trace, port):
    command = [sys.executable, "-m", "debugpy", "--listen", str(port), "-m", "simqueue"]
    done = subprocess.run(
        [*command, "replay", trace],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert "set it to 0 in its configuration" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("reproduced: ")


# --- PyCharm ----------------------------------------------------------------------------------

CONNECT = """import os, pydevd_pycharm
pydevd_pycharm.settrace("127.0.0.1", port=int(os.environ["PORT"]), suspend=False)
"""
VERSION, SET_BREAK, RUN, SUSPENDED, GO_ON, EVALUATE = "501", "111", "101", "105", "106", "113"


class Server:
    """PyCharm's half of its debugger's protocol: lines of number, sequence and text."""

    def __init__(self, connection):
        self._connection, self._lines = connection, connection.makefile("r", newline="\n")
        self._numbers = itertools.count(1, 2)

    def close(self):
        self._lines.close()
        self._connection.close()

    def send(self, command, *fields):
        text = "\t".join(fields)
        self._connection.sendall(f"{command}\t{next(self._numbers)}\t{text}\n".encode())

    def wait(self, command):
        """Return the text of the next message of a kind."""
        while line := self._lines.readline():
            number, _, text = line.rstrip("\n").split("\t", 2)
            if number == command:
                return unquote(unquote(text))
        raise AssertionError("the debugger has gone")


@pytest.fixture
def pycharm(trace):
    """Start a replay whose debugger connects to us; returns the process and our end of it."""
    processes, ends = [], []

    def start(*command):
        listening = socket.create_server(("127.0.0.1", 0))
        ends.append(listening)
        listening.settimeout(PATIENCE_S)
        port = str(listening.getsockname()[1])
        process = subprocess.Popen(
            [*(port if each == "PORT" else each for each in command), "replay", trace, "--exact"],
            env={**ENVIRONMENT, "PYTHONHASHSEED": "0", "PORT": port},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        connection, _ = listening.accept()
        connection.settimeout(PATIENCE_S)
        server = Server(connection)
        ends.append(server)
        return process, server

    yield start
    for each in ends:
        each.close()
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def debug_two_jobs(server, line):
    """Stop in the handler for each of two jobs, and do what a person does there."""
    server.send(VERSION, "1.0", "UNIX", "ID")
    server.wait(VERSION)
    file = str(Path("one.py").resolve())
    server.send(SET_BREAK, "1", "python-line", file, str(line), "charge", "None", "None")
    server.send(RUN)
    for job in "12":
        suspended = server.wait(SUSPENDED)
        thread = re.search(r'thread id="([^"]+)"', suspended)[1]
        frame, name, file, at = re.search(
            r'frame id="([^"]+)" name="([^"]+)" file="([^"]+)" line="(\d+)"', suspended
        ).groups()
        assert (name, Path(file).name, int(at)) == ("charge", "one.py", line)
        for expression, value in (
            ("job.id", job),
            ("__import__('random').random() < 1", "True"),
            ("__import__('time').sleep(5)", "None"),
            ("str(__import__('time').time())[:4]", "1704"),
        ):
            server.send(EVALUATE, thread, frame, "FRAME", expression, "0")
            assert f'value="{value}"' in server.wait(EVALUATE)
        server.send(GO_ON, thread)


def verdict(process):
    printed, _ = process.communicate(timeout=PATIENCE_S)
    return printed.splitlines()[-1].partition(":")[0], process.returncode


@needs("pydevd_pycharm")
def test_pycharm_debugs_the_module_and_the_run_is_reproduced(pycharm):
    pydevd = find_spec("pydevd_pycharm").origin.replace("pydevd_pycharm.py", "pydevd.py")
    options = ["--module", "--multiprocess", "--client", "127.0.0.1", "--port", "PORT"]
    process, server = pycharm(sys.executable, pydevd, *options, "--file", "simqueue")
    debug_two_jobs(server, LINE)
    assert verdict(process) == ("reproduced", 1)


@pytest.mark.thorough
@needs("pydevd_pycharm")
def test_a_scenario_s_file_connects_to_pycharm_s_debug_server(project, pycharm):
    project("one.py", CONNECT + SCENARIO)
    process, server = pycharm(sys.executable, "-m", "simqueue")
    debug_two_jobs(server, LINE + 2)
    assert verdict(process) == ("reproduced", 1)
