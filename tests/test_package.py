import importlib.metadata
import subprocess
import sys

import pytest

import simqueue

PUBLIC = [
    "Campaign",
    "Config",
    "FailedRun",
    "Failure",
    "Faults",
    "InMemoryDriver",
    "InMemoryQueries",
    "Replay",
    "Run",
    "SimqueueError",
    "Simulation",
    "Trace",
    "Worker",
    "__version__",
    "fuzz",
    "in_memory",
    "replay",
    "run",
    "shrink",
]


def test_the_public_names_are_these():
    assert sorted(simqueue.__all__) == PUBLIC
    assert dir(simqueue) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_loaded_and_stays_the_same(name):
    first = getattr(simqueue, name)
    assert first is not None
    assert getattr(simqueue, name) is first


@pytest.mark.parametrize("name", [name for name in PUBLIC if name[0].isalpha()])
def test_a_public_name_is_called_at_home_what_it_is_called_here(name):
    assert getattr(simqueue, name).__name__ == name


def test_importing_the_package_loads_nothing_slow():
    script = (
        "import sys, simqueue\n"
        "print(sorted({'asyncio', 'msgspec', 'pgqueuer', 'pydantic'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="module 'simqueue' has no attribute 'nonsense'"):
        _ = simqueue.nonsense


def test_the_version_is_that_of_the_distribution(monkeypatch):
    monkeypatch.delitem(vars(simqueue), "__version__", raising=False)
    monkeypatch.setattr(importlib.metadata, "version", {"simqueue": "9.8.7"}.get)
    assert simqueue.__version__ == "9.8.7"
