"""The same seed is the same run: twice in one process, and in another under another hash."""

import inspect
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from applications import busy_shop, deduplicated, impatient

from simqueue.model.trace import encode
from simqueue.search.target import load_target
from simqueue.sim.run import run

SCENARIOS = {scenario.__name__: scenario for scenario in (busy_shop, deduplicated, impatient)}


def digests(scenario, seeds):
    return {seed: run(SCENARIOS[scenario], seed=seed).digest for seed in seeds}


def test_many_seeds_repeat_in_this_process_and_in_another(thorough):
    """Digests and trace bytes, of every scenario and seed.

    200 seeds with --thorough, 15 without; SIMQUEUE_TORTURE_SEEDS overrides both.
    """
    seeds = thorough(200, 15, "SIMQUEUE_TORTURE_SEEDS")
    others = [_elsewhere(hashseed, seeds) for hashseed in ("1", "4242")]
    here = list(_traces(seeds))
    again = list(_traces(seeds))
    assert here == again
    for other in others:
        out, err = other.communicate()
        assert other.returncode == 0, err
        assert json.loads(out) == here
    assert len({digest for _, _, digest, _ in here}) > 2 * seeds


def _traces(seeds):
    """Yield name, seed, digest and a hash of the trace's bytes."""
    from hashlib import sha256

    for name, scenario in SCENARIOS.items():
        for seed in range(seeds):
            trace = run(scenario, seed=seed).trace
            yield [name, seed, trace.digest, sha256(encode(trace)).hexdigest()]


def _elsewhere(hashseed, seeds):
    """Start the same runs in a new process, which has another heap and other string hashes."""
    code = (
        "import sys, json; junk = [bytearray(n) for n in range(4000)];"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r});"
        f"import test_determinism as t; json.dump(list(t._traces({seeds})), sys.stdout)"
    )
    environment = os.environ | {"PYTHONHASHSEED": hashseed}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_traces_choices_repeat_its_run_under_any_other_seed(name, seed):
    first = run(SCENARIOS[name], seed=seed)
    again = run(SCENARIOS[name], seed=seed, choices=first.trace.recorded())
    assert again.trace == first.trace


def test_the_digest_notices_what_is_no_event():
    import random

    async def draws(sim):
        random.random()

    async def rests(sim):
        pass

    assert run(draws).events == run(rests).events == ()
    assert run(draws).digest != run(rests).digest


async def fails_and_logs(sim):
    def app(pq):
        @pq.entrypoint("charge", on_failure="hold")
        async def charge(job):
            logging.getLogger("shop").info("charging %s", job.id)
            raise ValueError("no money")

    sim.worker("a", app)
    await sim.queries.enqueue("charge", None)
    await sim.settled()


def test_how_a_program_logs_decides_nothing():
    before = run(fails_and_logs).digest
    root, pgqueuer = logging.getLogger(), logging.getLogger("pgqueuer")
    level = root.level
    root.setLevel(logging.ERROR)
    logging.disable(logging.CRITICAL)
    pgqueuer.disabled, pgqueuer.propagate = True, False
    try:
        assert run(fails_and_logs).digest == before
        assert (root.level, logging.root.manager.disable) == (logging.ERROR, logging.CRITICAL)
        assert (pgqueuer.disabled, pgqueuer.propagate) == (True, False)
    finally:
        root.setLevel(level)
        logging.disable(logging.NOTSET)
        pgqueuer.disabled, pgqueuer.propagate = False, True


def test_where_a_scenarios_file_lies_and_how_it_is_named_decides_nothing(tmp_path, monkeypatch):
    text = f"import logging\n{inspect.getsource(fails_and_logs)}"
    digests = set()
    for directory in ("here", "there/below"):
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "shop.py").write_text(text)
        for current, target in ((directory, "shop.py"), (".", f"{directory}/shop.py")):
            monkeypatch.chdir(tmp_path / current)
            found = load_target(f"{target}:fails_and_logs")
            digests.add(run(found.scenario, seed=3).digest)
    monkeypatch.chdir("/")
    found = load_target(f"{tmp_path}/here/shop.py:fails_and_logs")
    digests.add(run(found.scenario, seed=3).digest)
    assert len(digests) == 1
