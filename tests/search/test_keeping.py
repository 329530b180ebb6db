from dataclasses import replace as with_fields
from pathlib import Path

import pytest
from msgspec.structs import replace

from simqueue.model.config import Config
from simqueue.model.trace import seal
from simqueue.search.campaign.journal import kept, read_state
from simqueue.search.campaign.keeping import Keeping
from simqueue.search.campaign.statelines import Ended, Identity, Session
from simqueue.search.replay.regressions import saved_failures
from simqueue.search.saved import keep

IDENTITY = Identity("app.py:scenario", Config(), "auto", 5, (1, 1))
SESSION = Session("0.1.0", "1.6.0", "3.12.0", "abc", frozenset(), (), "known.toml", 9)
S = "a signature"


@pytest.fixture
def state(tmp_path):
    """The state of a campaign that has come to its end."""
    with kept(tmp_path / "state", IDENTITY, SESSION, resume=False) as journal:
        journal.append(Ended(1.0))
    return tmp_path / "state"


@pytest.fixture
def traces(tmp_path):
    return tmp_path / "traces"


def read(state, *, identity=IDENTITY, session=SESSION, resume=True):
    return Keeping.of(state, identity, session, resume=resume)


def small(trace):
    return replace(trace, choices=trace.choices[:1])


def test_a_file_is_the_campaigns_own_as_it_was_found_and_as_it_was_shrunk(state, traces, trace):
    keeping = read(state)
    keeping.note(trace, S, trace)
    path = keep(trace, traces)
    own = read(state).own(trace, S, traces)
    assert (own.path, own.unshrunk, own.done, own.note) == (path, True, False, "")
    keeping.note(trace, S, small(trace), done=True, note="2 fewer")
    assert read(state).own(trace, S, traces) == own  # killed before the file was written
    small(trace).save(path)
    own = read(state).own(trace, S, traces)
    assert (own.path, own.unshrunk, own.done, own.note) == (path, False, True, "2 fewer")
    assert own.trace == seal(small(trace))
    assert all(map(read(state).owns, saved_failures(traces, trace.target)))
    assert read_state(keeping.path).finished


def test_what_was_shrunk_of_another_run_is_to_be_replaced(state, traces, trace):
    keeping = read(state)
    keeping.note(trace, S, small(trace), done=True)
    keep(small(trace), traces)
    own = read(state).own(replace(trace, seed=3), S, traces)
    assert (own.unshrunk, own.done) == (False, False)
    assert read(state).own(trace, "another", traces) is None


def test_a_file_that_was_changed_or_damaged_is_not_its_own(state, traces, trace):
    keeping = read(state)
    keeping.note(trace, S, trace)
    path = keep(trace, traces)
    path.write_bytes(path.read_bytes().replace(b"no money", b"on money"))
    assert keeping.own(trace, S, traces) is None
    replace(trace, seed=3).save(path)
    assert keeping.own(trace, S, traces) is None
    assert not any(map(keeping.owns, saved_failures(traces, trace.target)))


def test_no_file_is_its_own_once_the_code_has_changed_or_it_is_not_resumed(state, traces, trace):
    read(state).note(trace, S, trace)
    keep(trace, traces)
    for other in (
        read(state, resume=False),
        read(state, session=replace(SESSION, source="another")),
        read(state, identity=replace(IDENTITY, seed=6)),
        with_fields(read(state), lines=[]),
    ):
        assert other.own(trace, S, traces) is None


def test_a_state_that_cannot_be_added_to_is_left_alone(state, traces, trace):
    keeping = read(state)
    keeping.path.write_bytes(keeping.path.read_bytes()[:-1])
    torn = keeping.path.read_bytes()
    keeping.note(trace, S, trace)
    assert keeping.path.read_bytes() == torn
    keeping.path.unlink()
    keeping.note(trace, S, trace)
    assert not keeping.path.exists()
    assert list(Path(state).iterdir()) == []
