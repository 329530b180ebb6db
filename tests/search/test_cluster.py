"""Campaigns on a real Dask scheduler and its workers, all of them processes of this machine."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import dask
import pytest
from distributed import Client
from typer.testing import CliRunner

from simqueue.choices import Calm
from simqueue.choices.survey import Survey
from simqueue.cli.app import app
from simqueue.errors import ClusterError, TargetError, UsageError
from simqueue.model.config import Config, Faults
from simqueue.model.trace import Trace
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.campaign.known import Known, KnownFailure
from simqueue.search.dask.cluster import results_of_dask, surveys
from simqueue.search.dask.playing import Work
from simqueue.search.planning.share import Share
from simqueue.search.planning.strategy import Strategy
from simqueue.search.target import load_target

ROOT = str(Path(__file__).parents[2])
ENVIRONMENT = {**os.environ, "PYTHONPATH": ROOT}
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")

WITHOUT_SIMQUEUE = """
import sys
sys.modules["simqueue"] = None
from distributed.cli.dask_scheduler import main
main()
"""

SCENARIO = """
import asyncio, ctypes, os, sys
from pathlib import Path

LIBRARY = ctypes.CDLL(None)  # whose calls no simulation refuses

async def scenario(sim):
    number = sim.choice(range(6))
    sim.sometimes("never", False)
    await asyncio.sleep(1)
    assert number != 3, "three"
    if number == 5:
        raise ValueError("five")

async def calm(sim):
    await asyncio.sleep(1)

async def deadly(sim):
    if sim.choice(range(7)) == 2:
        getattr(LIBRARY, "raise")(9)

async def harmless(sim):
    assert sim.choice(range(7)) != 2

async def deadly_to_workers(sim):
    if sim.choice(range(7)) == 2:
        LIBRARY.kill(LIBRARY.getppid(), 9)

def hang(text):
    pipe = os.open("pipe", os.O_WRONLY)
    os.write(pipe, str(text).encode())
    while True:  # whoever reads from the pipe comes to its end when this process does
        LIBRARY.pause()

def killed_once(file):
    try:
        Path(file).touch(exist_ok=False)
    except FileExistsError:
        return
    LIBRARY.kill(LIBRARY.getpid(), 9)

if "_play" in sys.argv and os.path.exists("kill-start"):
    killed_once("start")

async def harmed(sim):
    number = sim.choice(range(6))
    if number in (0, 5) and os.path.exists("kill-player"):
        killed_once("player")
    assert number != 3, "three"

async def deadly_always(sim):
    LIBRARY.kill(LIBRARY.getpid(), 9)

async def hanging(sim):
    hang(LIBRARY.getpid())

async def hanging_once(sim):
    number = sim.choice(range(6))
    if number == 4 and not os.path.exists("hung"):
        Path("hung").touch()
        hang(LIBRARY.getppid())
    assert number != 3, "three"
"""


@dataclass
class Cluster:
    """A scheduler and its workers; the scheduler's address is known when it listens."""

    scheduler: subprocess.Popen
    address: str
    workers: list[subprocess.Popen] = field(default_factory=list)

    def hire(self, number, directory):
        """See to it that there are so many workers, and wait until they are known."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < number:
            self.workers.append(
                spawn("worker", self.address, "--no-nanny", "--nthreads", "1",
                      "--local-directory", str(directory))
            )  # fmt: skip
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(number)

    def end(self):
        for process in [self.scheduler, *self.workers]:
            process.kill()
            process.wait()


def spawn(kind, *arguments, **options):
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments, *LOOPBACK]
    options = {"stderr": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, **options)


def started(**settings):
    """Start a scheduler."""
    environment = {f"DASK_DISTRIBUTED__SCHEDULER__{name}": text for name, text in settings.items()}
    scheduler = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_SIMQUEUE, "--port", "0", "--no-jupyter", *LOOPBACK],
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in scheduler.stderr:
        if "Scheduler at:" in line:
            break
    threading.Thread(target=drain, args=(scheduler.stderr,)).start()
    return Cluster(scheduler, line.split()[-1])


def drain(stream):
    with stream:
        stream.read()


@pytest.fixture(scope="module")
def shared():
    cluster = started()
    yield cluster
    cluster.end()


@pytest.fixture
def cluster(shared, tmp_path_factory):
    """Two workers, whatever befell those of the test before."""
    shared.hire(2, tmp_path_factory.mktemp("workers"))
    return shared


@pytest.fixture
def bare(request):
    """A scheduler of the test's own, without workers; it holds a task guilty at once."""
    cluster = started(ALLOWED_FAILURES="0")
    yield cluster
    cluster.end()


@pytest.fixture
def target(project):
    """Load a scenario by its function's name."""
    project("one.py", SCENARIO)
    return lambda function="scenario": load_target(f"one.py:{function}")


def fuzzed(target, **options):
    return replace(fuzz(target.scenario, target=target.name, **options), elapsed=0.0)


# --- the same as in one process -------------------------------------------------------------------


@pytest.mark.parametrize(
    "strategy", ["auto", pytest.param("exhaustive:1", marks=pytest.mark.thorough)]
)
def test_the_result_is_that_of_one_process(cluster, target, strategy):
    options = {"runs": 60, "seed": 3, "strategy": strategy}
    alone = fuzzed(target(), **options)
    assert fuzzed(target(), dask=cluster.address, **options) == alone
    assert len(alone.failures) == 2
    assert alone.inconclusive == ("sometimes 'never' was never reached",)


def test_known_failures_faults_and_shards_are_as_in_one_process(cluster, target):
    (three, _) = fuzzed(target(), runs=40).failures
    known = KnownFailure(target().name, three.signature, "why not", "", "2024-01-01")
    options = {
        "runs": 60,
        "config": Config(faults=Faults(("pause",)), without=("no-orphan",)),
        "known": Known(failures=(known,)),
        "shard": (2, 3),
    }
    alone = fuzzed(target(), **options)
    assert fuzzed(target(), dask=cluster.address, **options) == alone
    assert [each.signature for each in alone.accepted] == [three.signature]
    assert "fault pause was never injected" in alone.inconclusive


def test_a_campaign_can_end_with_its_first_failure(cluster, target):
    campaign = fuzzed(target(), runs=10**6, until_failure=True, dask=cluster.address)
    assert campaign.failed == 1


# --- what is lost ---------------------------------------------------------------------------------


def test_what_a_killed_worker_had_in_hand_is_played_by_the_other(cluster, target, tmp_path):
    heard = []

    def kill_the_worker_that_hangs():
        with Path("pipe").open("rb", buffering=0) as pipe:
            heard.append(int(pipe.read(99)))
            os.kill(heard[0], signal.SIGKILL)
            heard.append(pipe.read())  # ends with the helper

    os.mkfifo("pipe")
    watcher = threading.Thread(target=kill_the_worker_that_hangs)
    watcher.start()
    campaign = fuzzed(target("hanging_once"), runs=60, dask=cluster.address)
    watcher.join()
    assert heard == [heard[0], b""]
    assert heard[0] in [worker.pid for worker in cluster.workers]
    assert campaign == fuzzed(target("hanging_once"), runs=60)
    assert campaign.failed


@pytest.mark.thorough
def test_workers_are_killed_and_come_while_a_campaign_runs(cluster, target, tmp_path):
    def kill_one_half_way(campaign):
        if campaign.runs == 30:
            cluster.workers[0].kill()

    campaign = fuzzed(target(), runs=60, dask=cluster.address, on_progress=kill_one_half_way)
    assert cluster.workers[0].wait() == -signal.SIGKILL
    assert campaign == fuzzed(target(), runs=60)
    assert campaign.lost == ()


@pytest.mark.thorough
def test_a_deadly_run_is_lost_alone_and_the_worker_is_named(cluster, target):
    wanted = fuzzed(target("harmless"), runs=30, strategy="random")
    campaign = fuzzed(target("deadly"), runs=30, strategy="random", dask=cluster.address)
    assert campaign.runs == campaign.passed == wanted.passed
    assert len(campaign.lost) == wanted.failed > 0
    assert campaign.lost[0].number == wanted.failures[0].number
    assert " was killed on tcp://127.0.0.1:" in str(campaign.lost[0])


def test_a_run_that_takes_too_long_is_lost(cluster, target):
    found = target("calm")
    work = Work.of(found.scenario, found.name, Config())
    plan = Strategy.named("random").plan(Share(0, 2), None)
    lost = [
        result.lost for result in results_of_dask(work, plan, cluster.address, runs=2, run_limit=0)
    ]
    assert [text.partition(" on ")[0] for text in lost] == ["took longer than 0 s"] * 2


@pytest.mark.thorough
def test_a_run_that_kills_workers_again_and_again_is_lost_alone(bare, target, tmp_path):
    wanted = fuzzed(target("harmless"), runs=10, strategy="random")
    assert wanted.failed == 1  # it takes two workers with it, in its chunk and alone
    bare.hire(3, tmp_path)
    campaign = fuzzed(target("deadly_to_workers"), runs=10, strategy="random", dask=bare.address)
    assert campaign.passed == wanted.passed
    (lost,) = campaign.lost
    assert lost.number == wanted.failures[0].number
    assert "killed again and again with its Dask worker, last tcp://" in lost.why


@pytest.mark.thorough
def test_a_run_whose_process_was_killed_once_is_played_again(cluster, target):
    Path("kill-player").touch()
    campaign = fuzzed(target("harmed"), runs=30, strategy="random", dask=cluster.address)
    assert Path("player").exists()
    (again,) = campaign.again
    assert "was killed on tcp://127.0.0.1:" in str(again)
    wanted = fuzzed(target("harmed"), runs=30, strategy="random")
    assert replace(campaign, again=()) == wanted


@pytest.mark.thorough
def test_a_process_that_is_killed_while_it_starts_does_not_end_a_campaign(cluster, target):
    harmed = target("harmed")
    Path("kill-start").touch()
    campaign = fuzzed(harmed, runs=30, strategy="random", dask=cluster.address)
    assert Path("start").exists()
    (again,) = campaign.again
    assert "was killed by SIGKILL while it started on tcp://127.0.0.1:" in str(again)
    assert replace(campaign, again=()) == fuzzed(harmed, runs=30, strategy="random")


@pytest.mark.thorough
def test_a_process_that_counts_choices_is_replaced_once_when_it_is_killed(target):
    found, always = target("harmed"), target("deadly_always")
    for file in ("start", "player"):
        Path(f"kill-{file}").touch()
        with surveys(Work.of(found.scenario, found.name, Config()), 3) as play:
            survey = Survey(Calm())
            assert play(survey).passed
            assert survey.options
        assert Path(file).exists()
    with (
        surveys(Work.of(always.scenario, always.name, Config()), 0) as play,
        pytest.raises(UsageError, match="counts the choices of a run was killed"),
    ):
        play(Survey(Calm()))


DYING = """
import os
from simqueue.search.dask.errands import Helpers
Helpers.setup = lambda self, worker: os.kill(os.getpid(), 9)
"""


@pytest.mark.thorough
def test_a_worker_that_is_killed_while_it_starts_does_not_end_a_campaign(bare, target, tmp_path):
    bare.hire(1, tmp_path)
    (tmp_path / "dying.py").write_text(DYING)
    dying = spawn(
        "worker", bare.address, "--no-nanny", "--preload", str(tmp_path / "dying.py"),
        "--local-directory", str(tmp_path / "dying"),
    )  # fmt: skip
    bare.workers.append(dying)
    with Client(bare.address, set_as_default=False) as client:
        client.wait_for_workers(2)
    campaign = fuzzed(target(), runs=30, strategy="random", dask=bare.address)
    assert dying.wait() == -signal.SIGKILL
    assert campaign == fuzzed(target(), runs=30, strategy="random")


# --- what cannot be done --------------------------------------------------------------------------


def test_a_target_that_a_worker_does_not_have_is_named_with_the_worker(cluster, target, tmp_path):
    found = target("calm")
    Path("one.py").unlink()
    with pytest.raises(
        ClusterError, match=r"^tcp://.*: one.py:calm: there is no such file"
    ) as said:
        fuzzed(found, runs=4, strategy="random", dask=cluster.address)
    assert f"every worker needs the project at {tmp_path}" in str(said.value)


def test_a_worker_with_other_code_is_refused(cluster, target, project):
    project("other.py", "async def calm(sim): ...\n")
    other = load_target("other.py:calm")
    with pytest.raises(ClusterError, match=r"one\.py:calm: is not the same code here"):
        fuzz(other.scenario, target="one.py:calm", dask=cluster.address, runs=2, strategy="calm")


def test_a_worker_with_other_releases_is_refused(cluster, target, monkeypatch):
    monkeypatch.setattr("simqueue.search.dask.playing.versions", lambda: {**NOW, "pgqueuer": "0.1"})
    with pytest.raises(ClusterError, match=r"^tcp://.*: pgqueuer is 1\.\d.*, and 0\.1 where"):
        fuzzed(target("calm"), runs=2, strategy="random", dask=cluster.address)


NOW = Work.of(fuzzed, "", Config()).versions


def test_workers_without_simqueue_are_refused(bare, target, tmp_path):
    command = [sys.executable, "-c", WITHOUT_SIMQUEUE.replace("scheduler", "worker")]
    arguments = ["--no-nanny", "--local-directory", str(tmp_path), *LOOPBACK]
    bare.workers.append(
        subprocess.Popen([*command, bare.address, *arguments], stderr=subprocess.DEVNULL)
    )
    bare.hire(1, tmp_path)
    with pytest.raises(ClusterError, match=r"^tcp://.*: its workers cannot do .*simqueue"):
        fuzzed(target("calm"), runs=2, strategy="random", dask=bare.address)


def test_a_call_that_dask_cannot_serve_is_refused(target):
    calm = target("calm")
    with pytest.raises(UsageError, match="needs target="):
        fuzz(calm.scenario, dask="tcp://127.0.0.1:1")
    with pytest.raises(UsageError, match="exclude each other"):
        fuzzed(calm, dask="tcp://127.0.0.1:1", processes=2)
    with pytest.raises(TargetError):
        fuzz(lambda sim: None, target=calm.name, dask="tcp://127.0.0.1:1")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://here"])
def test_an_address_where_nobody_listens_is_named(target, address):
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "10ms"}),
        pytest.raises(ClusterError, match=f"^{address}: there is no Dask scheduler"),
    ):
        fuzzed(target("calm"), dask=address)


def test_an_address_with_tls_needs_certificates(target):
    with pytest.raises(ClusterError, match=r"^tls://127.0.0.1:1: TLS needs certificates: name"):
        fuzzed(target("calm"), dask="tls://127.0.0.1:1")


def test_without_workers_a_campaign_gives_up(bare, target):
    found = target("calm")
    work = Work.of(found.scenario, found.name, Config())
    plan = Strategy.named("random").plan(Share(0, 2), None)
    with pytest.raises(
        ClusterError, match=f"no worker for 0 s; start `dask worker {bare.address}`"
    ):
        list(results_of_dask(work, plan, bare.address, runs=2, patience=0))


# --- the command line -----------------------------------------------------------------------------


@pytest.mark.thorough
def test_failures_are_saved_and_replay(cluster, target):
    target()
    done = spawn_fuzz("one.py", "--runs", "30", "--dask", cluster.address)
    said, _ = done.communicate()
    assert done.returncode == 1
    assert "one.py:scenario: 30 runs, " in said
    (path, *_) = Path(".simqueue/failures").iterdir()
    assert Trace.load(path).target == "one.py:scenario"
    assert CliRunner().invoke(app, ["replay", str(path), "--exact"]).exit_code == 1


@pytest.mark.thorough
def test_what_was_found_is_kept_when_the_cluster_goes(bare, target, tmp_path, monkeypatch):
    @contextmanager
    def kill_the_scheduler_after_the_first_failure(name, total):
        def show(campaigns):
            if any(campaign.failed for campaign in campaigns):
                bare.scheduler.kill()

        yield SimpleNamespace(show=show, hidden=nullcontext)

    bar = "simqueue.cli.campaigns.campaign_bar"
    monkeypatch.setattr(bar, kill_the_scheduler_after_the_first_failure)
    bare.hire(1, tmp_path)
    target()
    result = CliRunner().invoke(app, ["fuzz", "one.py", "--time", "1h", "--dask", bare.address])
    assert result.exit_code == 2
    assert " x exception:" in result.stdout
    assert list(Path(".simqueue/failures").iterdir())
    assert f"simqueue: {bare.address}: the scheduler is gone" in result.stderr


@pytest.mark.thorough
def test_a_scheduler_that_is_lost_is_told_in_one_line(bare, target, tmp_path):
    bare.hire(1, tmp_path)
    target()
    os.mkfifo("pipe")
    done = spawn_fuzz("one.py:hanging", "--strategy", "random", "--dask", bare.address)
    with Path("pipe").open("rb", buffering=0) as pipe:
        assert int(pipe.read(99))
        bare.scheduler.kill()
        output, complained = done.communicate()
    assert done.returncode == 2, output
    (line,) = complained.splitlines()
    assert line.startswith(f"simqueue: {bare.address}: the scheduler is gone")


def test_ctrl_c_ends_a_campaign_and_its_helpers(cluster, target, tmp_path):
    target()
    os.mkfifo("pipe")
    done = spawn_fuzz("one.py:hanging", "--strategy", "random", "--dask", cluster.address)
    with Path("pipe").open("rb", buffering=0) as pipe:
        assert int(pipe.read(99))
        done.send_signal(signal.SIGINT)
        _, complained = done.communicate()
        assert done.returncode == 130
        assert "interrupted" in complained
        pipe.read()  # ends with the helpers


def spawn_fuzz(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "simqueue", "fuzz", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_dask_the_command_says_what_to_install(target, monkeypatch):
    target()
    monkeypatch.setitem(sys.modules, "distributed", None)
    for name in ("cluster", "errands"):
        monkeypatch.delitem(sys.modules, f"simqueue.search.dask.{name}")
    result = CliRunner().invoke(app, ["fuzz", "one.py", "--dask", "tcp://127.0.0.1:1"])
    assert result.exit_code == 2
    assert result.stderr == "simqueue: Dask is not installed here: pip install 'simqueue[dask]'\n"
