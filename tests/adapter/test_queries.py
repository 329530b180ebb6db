"""The adapter against the ports of the installed PgQueuer."""

import inspect

import pytest
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.ports import driver as driver_port
from pgqueuer.ports import repository

from simqueue import InMemoryDriver, InMemoryQueries


def methods(port):
    """Return a port's own and inherited methods and properties, by name."""
    return {
        name: member
        for parent in reversed(port.__mro__)
        if parent.__module__.startswith("pgqueuer")
        for name, member in vars(parent).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }


PORTS = [
    port
    for name, port in sorted(vars(repository).items())
    if name.endswith("RepositoryPort") or name in {"NotificationPort", "SchemaManagementPort"}
]
METHODS = [(InMemoryQueries, name, each) for port in PORTS for name, each in methods(port).items()]
METHODS += [(InMemoryDriver, name, each) for name, each in methods(driver_port.Driver).items()]
METHODS += [
    (InMemoryDriver, name, each)
    for port in [getattr(driver_port, "ListenerRemover", None)]
    if port is not None
    for name, each in methods(port).items()
]


def parameters(function):
    return {
        each.name: (each.kind, each.default)
        for each in inspect.signature(function).parameters.values()
    }


@pytest.mark.parametrize(
    ("adapter", "name", "method"),
    [pytest.param(*each, id=f"{each[0].__name__}.{each[1]}") for each in METHODS],
)
def test_a_method_takes_what_the_ports_method_takes(adapter, name, method):
    if isinstance(method, property):
        assert hasattr(adapter(*made_with(adapter)), name)
        return
    ours, theirs = parameters(getattr(adapter, name)), parameters(method)
    assert inspect.iscoroutinefunction(getattr(adapter, name))
    assert list(ours.items())[: len(theirs)] == list(theirs.items())
    # What a later PgQueuer takes may be left out.
    added = list(ours.values())[len(theirs) :]
    assert all(default is not inspect.Parameter.empty for _, default in added)


def made_with(adapter):
    return (InMemoryDriver(),) if adapter is InMemoryQueries else ()


def test_the_ports_were_found():
    assert len(PORTS) >= 4
    assert {"dequeue", "fetch_schedule", "notify_health_check", "has_trigger", "fetch"} <= {
        name for _, name, _ in METHODS
    }


def test_the_fields_are_those_of_pgqueuers_own_queries():
    ours = list(inspect.signature(InMemoryQueries).parameters)
    assert ours == list(inspect.signature(Queries).parameters)
