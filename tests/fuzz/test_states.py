"""States of campaigns that were damaged, or edited and sealed again: refused, or as they were."""

import shutil
from pathlib import Path

import pytest
from commands import called
from structure import edited_state

import simqueue
from simqueue.errors import UsageError
from simqueue.search.campaign.journal import decode_state, read_state
from simqueue.search.campaign.known import Known


async def rarely(sim):
    number = sim.choice(range(3))
    sim.sometimes("two", number == 2)
    assert number != 1, "one"


def play(*, resume=False):
    return simqueue.fuzz(
        rarely, runs=6, strategy="random", target="x", state=".", known=Known(), resume=resume
    )


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The state of a campaign with a failure, in the current directory."""
    monkeypatch.chdir(tmp_path)
    campaign = play()
    assert campaign.failures
    assert campaign.passed
    (path,) = Path().glob("*.jsonl")
    return path


def test_no_flipped_bit_changes_what_a_state_says(state):
    whole = state.read_bytes()
    said = decode_state(whole, "x")
    assert len(said.results) == 6
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    flips = [(place, place // 2 % 8) for place in range(0, len(whole), 2)]
    flips += [(place, bit) for place in ends for bit in range(8)]
    for place, bit in flips:
        flipped = whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
        with pytest.raises(UsageError, match=r"is damaged|not the state|release"):
            decode_state(flipped, "x")


def test_an_edited_state_is_refused_in_one_line_or_merged(state, thorough):
    whole, outcomes = state.read_bytes(), set()
    for seed in range(thorough(150, 40, "SIMQUEUE_FUZZED_STATES")):
        state.write_bytes(edited_state(whole, seed))
        status, _, complained = called("merge", str(state))
        outcomes.add(status)
        assert status in {0, 1, 2, 4}, (seed, complained)
        if status == 2:
            (line,) = complained.splitlines()
            assert line.startswith("simqueue: "), seed
            assert state.name in line, seed
            assert len(line) < 1_000, seed
        resumed_or_refused(seed)
        shutil.rmtree(".simqueue", ignore_errors=True)
    assert {1, 2} <= outcomes


def resumed_or_refused(seed):
    try:
        campaign = play(resume=True)
    except UsageError:
        return
    assert 6 <= campaign.runs <= 7, seed


def test_a_key_that_is_not_known_is_refused_even_if_it_is_sealed(state):
    from simqueue.search.campaign.sealing import sealed, unsealed

    lines = state.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"signature"' in line)
    renamed = unsealed(lines[place]).replace(b'"signature"', b'"sicnature"', 1)
    state.write_bytes(b"".join([*lines[:place], sealed(renamed), *lines[place + 1 :]]))
    with pytest.raises(UsageError, match=f"line {place + 1} is damaged: .*sicnature"):
        read_state(state)


@pytest.mark.parametrize("trace", ["events", "outcome"])
def test_a_state_whose_trace_no_run_can_have_written_is_refused(trace, state):
    from simqueue.search.campaign.sealing import sealed, unsealed

    lines = state.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"trace"' in line)
    edits = {"events": (b'"at":0', b'"at":-1'), "outcome": (b'"passed":false', b'"passed":true')}
    record = unsealed(lines[place])
    assert edits[trace][0] in record
    edited = record.replace(*edits[trace], 1)
    state.write_bytes(b"".join([*lines[:place], sealed(edited), *lines[place + 1 :]]))
    with pytest.raises(UsageError, match=f"line {place + 1} is damaged"):
        read_state(state)
