from datetime import date, timedelta
from io import FileIO

import msgspec
import pytest
from msgspec.structs import replace

from simqueue.errors import UsageError
from simqueue.model.config import Config, Faults
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.campaign.journal import decode_state, kept, read_state
from simqueue.search.campaign.known import KnownFailure
from simqueue.search.campaign.merging import find_states
from simqueue.search.campaign.sealing import sealed
from simqueue.search.campaign.statelines import STATE_VERSION, Ended, Header, Identity, Session
from simqueue.search.planning.coverage import Evidence
from simqueue.search.planning.result import Result

IDENTITY = Identity("app.py:scenario", Config(), "auto", 5, (1, 1))
SESSION = Session("0.1.0", "1.6.0", "3.12.0", "abc", frozenset({"m"}), (), "known.toml", 9)


@pytest.fixture
def results(trace):
    evidence = Evidence(
        reached=frozenset({"m"}),
        scheduled=frozenset({("tick", "* * * * *")}),
        broken=frozenset("b"),
    )
    return [
        Result(5, "random", evidence=evidence),
        Result(6, "pct:2", trace.outcome.failure.signature, trace),
        Result(7, lost="was killed by SIGKILL"),
    ]


@pytest.fixture
def write(tmp_path, results):
    """Write a journal of three results; returns its path."""

    def write(*, identity=IDENTITY, end=True):
        with kept(tmp_path, identity, SESSION, resume=False) as journal:
            for result in results:
                journal.append(result)
            if end:
                journal.append(Ended(1.5, ("covered",)))
        return tmp_path / identity.file_name()

    return write


def notes_of(path, *, resume, session=SESSION, identity=IDENTITY):
    """Open a journal once more; return what it says of the file, and what it holds."""
    with kept(path.parent, identity, session, resume=resume) as journal:
        return [*journal.opening, *journal.notes], journal.stored


def encoded(*lines):
    return b"".join(sealed(msgspec.json.encode(line)) for line in lines)


def test_what_is_written_is_read(write, results):
    state = read_state(write())
    assert state.identity == IDENTITY
    assert list(state.results.values()) == results
    assert state.sessions == [SESSION]
    assert state.ends == [Ended(1.5, ("covered",))]
    assert state.finished
    assert state.extent() == 3


def test_a_campaign_that_was_cut_short_is_not_finished_and_can_go_on(write, results):
    path = write(end=False)
    assert not read_state(path).finished
    notes, stored = notes_of(path, resume=True)
    assert notes == [f"resumed: 3 runs are from {path}"]
    assert list(stored.results.values()) == results


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_last_line_that_breaks_off_is_dropped_and_written_over(write, results, cut):
    path = write(end=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    _, stored = notes_of(path, resume=True)
    assert list(stored.results.values()) == results[:-1]
    with kept(path.parent, IDENTITY, SESSION, resume=True) as journal:
        journal.append(results[-1])
    assert list(read_state(path).results.values()) == results


def test_any_beginning_of_a_journal_is_a_journal(write, results):
    whole = write().read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(first, len(whole), 11):
        state = decode_state(whole[:size], "x")
        assert list(state.results.values()) == results[: len(state.results)]
        assert whole[: state.size].endswith(b"\n")


def test_a_line_that_is_damaged_is_refused_with_its_number(write):
    path = write()
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines[1:], start=2):
        damaged = [*lines[: number - 1], line[: len(line) // 2] + b"\n", *lines[number:]]
        path.write_bytes(b"".join(damaged))
        with pytest.raises(UsageError, match=f"line {number} is damaged"):
            read_state(path)


def test_lines_that_do_not_belong_there_are_refused(results, trace):
    header = Header(IDENTITY)
    bad = {
        "run 5 was there before": encoded(header, SESSION, results[0], results[0]),
        "no session has begun": encoded(header, results[0]),
        "begins another": encoded(header, header),
        "the trace of": encoded(header, SESSION, Result(9, signature="other")),
    }
    for problem, document in bad.items():
        with pytest.raises(UsageError, match=problem):
            decode_state(document, "x")


def test_what_a_state_accepts_is_what_its_campaign_accepts():
    # It has no trace, so that a failure of which the session does not know would not count.
    accepted = replace(IDENTITY, accepted=("other",))
    known = KnownFailure(IDENTITY.target, "other", "slow", "it failed", date(2024, 1, 1))
    session, failed = replace(SESSION, known=(known,)), Result(9, signature="other")
    assert decode_state(encoded(Header(accepted), session, failed), "x").results
    renamed = replace(SESSION, known=(replace(known, signature="another"),))
    for identity, wrong in (accepted, SESSION), (accepted, renamed), (IDENTITY, session):
        with pytest.raises(UsageError, match="line 2 is damaged: its accepted failures are not"):
            decode_state(encoded(Header(identity), wrong, failed), "x")


def test_a_trace_of_another_failure_or_target_is_refused(trace):
    signature = trace.outcome.failure.signature
    results = {
        "another failure": (Result(6, "", None, trace), Result(6, "", "other", trace)),
        "another target": (Result(6, "", signature, replace(trace, target="b.py:scenario")),),
    }
    for problem, wrong in results.items():
        for result in wrong:
            with pytest.raises(UsageError, match=f"the trace of run 6 is of {problem}"):
                decode_state(encoded(Header(IDENTITY), SESSION, result), "x")


def test_another_version_and_another_thing_are_refused(write):
    path = write()
    whole = path.read_bytes()
    version = f'"version":{STATE_VERSION},'.encode()
    foreign = [b"{}\n", b"\xff\n", b"[1]\n", b"\n", b'{"format":"other"}\n']
    for document in foreign:
        with pytest.raises(UsageError, match="is not the state of a campaign"):
            decode_state(document, "x")
    with pytest.raises(UsageError, match=r"is of a newer release .* start the campaign again"):
        decode_state(whole.replace(version, b'"version":99,', 1), "x")
    with pytest.raises(UsageError, match=r"is of an older release .* start the campaign again"):
        decode_state(whole.replace(b'"trace_version":3', b'"trace_version":2', 1), "x")


def test_another_campaign_has_another_file():
    others = [
        msgspec.structs.replace(IDENTITY, **change)
        for change in (
            {"target": "b.py:scenario"},
            {"config": Config(faults=Faults(("pause",)))},
            {"strategy": "random"},
            {"seed": 6},
            {"shard": (1, 2)},
            {"shard": (2, 2)},
            {"accepted": ("x",)},
        )
    ]
    assert len({each.file_name() for each in [IDENTITY, *others]}) == len(others) + 1


def test_a_file_of_another_campaign_is_not_gone_on_with(write):
    other = msgspec.structs.replace(IDENTITY, seed=6)
    path = write()
    path.rename(path.with_name(other.file_name()))
    with pytest.raises(UsageError, match="is of another campaign"):
        notes_of(path, resume=True, identity=other)


def test_what_was_played_with_other_code_or_versions_is_named(write):
    now = msgspec.structs.replace(SESSION, pgqueuer="1.6.1", source="def")
    notes, _ = notes_of(write(), resume=True, session=now)
    assert notes[1:] == [
        "some of them were played with another version of the scenario's file",
        "some of them were played with pgqueuer 1.6.0, this is 1.6.1",
    ]


def test_a_campaign_that_was_cut_short_is_put_away_and_one_that_ended_is_not_needed(write):
    path = write(end=False)
    before = path.read_bytes()
    previous = path.with_name(f"{path.name}.previous")
    (note,), stored = notes_of(path, resume=False)
    assert "a campaign of 3 runs was cut short" in note
    assert not stored.results
    assert previous.read_bytes() == before
    previous.unlink()
    write()
    assert notes_of(path, resume=False)[0] == []
    assert not previous.exists()


def test_what_cannot_be_read_does_not_keep_a_new_campaign_from_beginning(write):
    path = write()
    path.write_bytes(b"precious\n")
    (note,), _ = notes_of(path, resume=False)
    assert "what was here cannot be read" in note
    assert path.with_name(f"{path.name}.previous").read_bytes() == b"precious\n"
    with pytest.raises(UsageError, match="is not the state of a campaign"):
        path.write_bytes(b"precious\n")
        notes_of(path, resume=True)


def test_a_state_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match="the campaign's state cannot be written"),
        kept(tmp_path / "file", IDENTITY, SESSION, resume=False),
    ):
        raise AssertionError
    nameless = msgspec.structs.replace(IDENTITY, target="")
    with (
        pytest.raises(UsageError, match="needs a target"),
        kept(tmp_path, nameless, SESSION, resume=False),
    ):
        raise AssertionError


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("make", ["symlink_to", "hardlink_to"])
def test_a_state_that_is_another_file_is_refused_and_that_is_left_alone(tmp_path, make, resume):
    victim, path = tmp_path / "victim", tmp_path / IDENTITY.file_name()
    victim.write_bytes(b"precious\n")
    getattr(path, make)(victim)
    with (
        pytest.raises(UsageError) as caught,
        kept(tmp_path, IDENTITY, SESSION, resume=resume),
    ):
        raise AssertionError
    problem = {
        "symlink_to": "is a symbolic link, and simqueue writes through none: remove it",
        "hardlink_to": "cannot be written (it has 2 names (hard links), and all would",
    }
    assert path.name in str(caught.value)
    assert problem[make] in str(caught.value)
    assert victim.read_bytes() == b"precious\n"
    assert sorted(tmp_path.iterdir()) == sorted([victim, path])


def test_only_the_default_directory_is_kept_out_of_git(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "linked" / ".simqueue").mkdir(parents=True)
    (tmp_path / "linked/.simqueue/campaigns").symlink_to(tmp_path / "package")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/.simqueue").symlink_to(tmp_path / "package")
    places = ["campaigns", "state", ".simqueue/state", "linked/.simqueue/campaigns"]
    places.append("deep/.simqueue/campaigns")
    for place in places:
        with kept(tmp_path / place, IDENTITY, SESSION, resume=False):
            assert not (tmp_path / place / ".gitignore").exists(), place
    ours = tmp_path / ".simqueue/campaigns"
    for text in ("*\n", "!*.jsonl\n"):
        with kept(ours, IDENTITY, SESSION, resume=False):
            assert (ours / ".gitignore").read_text() == text
        (ours / ".gitignore").write_text("!*.jsonl\n")


def test_what_a_killed_command_has_left_beside_a_state_is_removed(write, tmp_path):
    write()
    part = tmp_path / f".{IDENTITY.file_name()}.previous.simqueue-1.part"
    part.write_bytes(b"half")
    notes_of(tmp_path / IDENTITY.file_name(), resume=True)
    assert not part.exists()


def test_a_state_in_a_directory_that_is_a_link_is_kept(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".simqueue").symlink_to("elsewhere")
    with kept(tmp_path / ".simqueue/campaigns", IDENTITY, SESSION, resume=False):
        pass
    assert read_state(tmp_path / "elsewhere/campaigns" / IDENTITY.file_name()).sessions == [SESSION]


def test_a_campaign_outlives_a_disk_that_is_full(write, results, monkeypatch):
    path = write()
    with (
        FileIO("/dev/full", "w") as full,
        kept(path.parent, IDENTITY, SESSION, resume=False) as journal,
        monkeypatch.context() as patch,
    ):
        journal.append(results[0])
        patch.setattr(journal, "_file", full)
        journal.append(results[1])
        journal.append(results[2])
        (note,) = journal.notes
    assert "could not be kept to the end" in note
    assert list(read_state(path).results.values()) == results[:1]


def test_states_are_found_in_directories_however_deep(tmp_path, write):
    path = write()
    (tmp_path / "deep/er").mkdir(parents=True)
    other = tmp_path / "deep/er/other.jsonl"
    other.touch()
    assert find_states([tmp_path, path]) == [str(path), str(other)]
    with pytest.raises(UsageError, match="is in this directory"):
        (tmp_path / "empty").mkdir()
        find_states([tmp_path / "empty"])


# --- campaigns --------------------------------------------------------------------------------


async def sometimes(sim):
    sim.sometimes("two", sim.choice(range(6)) == 2)
    number = sim.choice(range(6))
    assert number != 3, "three"
    if number == 5:
        raise ValueError("five")


def summary(campaign):
    found = [(one.signature, one.number, one.count, one.trace) for one in campaign.failures]
    return campaign.runs, campaign.passed, campaign.lost, campaign.inconclusive, found


def cut(directory, lines):
    """Leave so many lines of the only journal there, and a piece of the next."""
    (path,) = directory.glob("*.jsonl")
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:lines]) + whole[lines][:20])


@pytest.mark.parametrize("strategy", ["random", "auto", "pct:2", "exhaustive:2", "calm"])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_campaign_that_goes_on_comes_to_what_it_would_have_come_to(tmp_path, strategy, processes):
    how = {"seed": 7, "strategy": strategy, "target": "x", "processes": processes}
    fuzz(sometimes, runs=30, state=tmp_path, **how)
    cut(tmp_path, 20)
    gone_on = fuzz(sometimes, runs=50, state=tmp_path, resume=True, **how)
    assert summary(gone_on) == summary(fuzz(sometimes, runs=50, **how))
    assert gone_on.resumed == 18
    (path,) = tmp_path.glob("*.jsonl")
    assert len(read_state(path).results) == gone_on.runs  # no number stands there twice


def test_a_campaign_forgets_no_run_when_fewer_are_wanted(tmp_path):
    how = {"state": tmp_path, "target": "x"}
    whole = fuzz(sometimes, runs=30, **how)
    again = fuzz(sometimes, runs=10, resume=True, **how)
    assert summary(again) == summary(whole)
    assert again.resumed == 30


def test_a_run_that_was_lost_by_its_own_doing_is_not_played_again(tmp_path):
    how = {"state": tmp_path, "target": "x"}
    fuzz(sometimes, runs=3, **how)
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + encoded(Result(1, lost="took longer than 1 s")))
    again = fuzz(sometimes, runs=3, resume=True, **how)
    assert [lost.number for lost in again.lost] == [1]
    assert again.runs == 2


KILLED = Result(1, lost="was killed by SIGKILL, twice", killed="was killed by SIGKILL")


@pytest.fixture
def with_a_killed_run(tmp_path):
    """A campaign of three runs, of which run 1 was lost to somebody who killed processes."""
    fuzz(sometimes, runs=3, state=tmp_path, target="x")
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], encoded(KILLED), *lines[4:]]))
    return path


def test_a_run_whose_process_was_killed_from_outside_is_played_again(tmp_path, with_a_killed_run):
    again = fuzz(sometimes, runs=3, resume=True, state=tmp_path, target="x")
    assert again.opening == (f"resumed: 2 runs are from {with_a_killed_run}",)
    assert summary(again) == summary(fuzz(sometimes, runs=3, target="x"))
    state = read_state(with_a_killed_run)
    assert [*state.results] == [0, 2, 1]
    assert not state.results[1].lost
    with pytest.raises(UsageError, match="run 1 was there before"):
        decode_state(with_a_killed_run.read_bytes() + encoded(KILLED), "x")


def test_a_killed_run_stays_lost_if_there_is_no_time_for_it(tmp_path, with_a_killed_run):
    lines = with_a_killed_run.read_bytes().splitlines(keepends=True)
    killed = [KILLED, replace(KILLED, number=2)]
    with_a_killed_run.write_bytes(b"".join([*lines[:3], encoded(*killed)]))
    how = {"state": tmp_path, "target": "x", "time_limit": timedelta(0)}
    again = fuzz(sometimes, runs=3, resume=True, **how)
    assert [lost.number for lost in again.lost] == [2]
    assert again.runs == 2
    assert not fuzz(sometimes, runs=3, resume=True, **how).lost


def test_two_campaigns_do_not_write_one_file(tmp_path):
    import subprocess
    import sys

    code = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError: print('locked')\n"
    )
    with kept(tmp_path, IDENTITY, SESSION, resume=False):
        path = tmp_path / IDENTITY.file_name()
        said = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert said.stdout == b"locked\n"
