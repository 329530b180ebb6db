import socket
import sys

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.web import serving

pytest.importorskip("fastapi", reason="the dashboard needs simqueue[web]")


@pytest.fixture
def call(trace, tmp_path, monkeypatch):
    """Call ``serve`` with a trace; returns its result."""
    monkeypatch.chdir(tmp_path)
    trace.save("t.json")
    return lambda *options: CliRunner().invoke(app, ["serve", *options], prog_name="simqueue")


@pytest.fixture
def served(monkeypatch):
    """What is served, for as long as it takes to say so."""
    uvicorn = pytest.importorskip("uvicorn")
    runs = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: runs.append(sockets[0]))
    return runs


def refused(result):
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("simqueue: ")
    return result.stderr


def test_the_address_is_printed(call, served):
    result = call("t.json", "--at", "3")
    assert result.exit_code == 0
    assert result.output.startswith("http://127.0.0.1:")
    assert result.output.endswith("/at/3/  (ctrl-C ends it)\n")
    assert len(served) == 1


def test_one_begins_at_the_failure(call, served):
    assert "/at/5/ " in call("t.json").output


def test_an_event_that_is_not_there_is_refused(call):
    assert "there is no event 6; the trace has events 0 to 5" in refused(
        call("t.json", "--at", "6")
    )


def test_a_trace_that_is_not_there_is_refused(call):
    assert "none.json" in refused(call("none.json"))


def test_a_port_that_is_taken_is_refused(call):
    with socket.socket() as other:
        other.bind((serving.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(call("t.json", "--port", str(port)))
    assert f"--port {port}: cannot be listened on (address already in use)" in said


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(call, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert f"it needs {missing}; pip install 'simqueue[web]'" in refused(call("t.json"))


def test_a_pgqueuer_without_a_dashboard_is_told(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "pgqueuer.adapters.web.routes", None)
    said = refused(call("t.json"))
    assert "has none; install 1.3 or newer" in said
