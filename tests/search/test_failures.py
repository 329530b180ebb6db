import msgspec
import pytest

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.search.saved import check_directory, keep


def test_a_failure_is_kept_under_its_targets_name(trace, tmp_path):
    path = keep(trace, tmp_path / "new")
    assert path.name.startswith("app-")
    assert Trace.load(path) == trace


def test_the_same_run_is_kept_once(trace, tmp_path):
    assert keep(trace, tmp_path) == keep(trace, tmp_path)


def test_another_run_with_the_same_signature_does_not_replace_the_first(trace, tmp_path):
    first = keep(trace, tmp_path)
    second = keep(msgspec.structs.replace(trace, seed=18), tmp_path)
    assert second.name == f"{first.stem}-2.json"
    assert Trace.load(first).seed == 17
    assert Trace.load(second).seed == 18


def test_runs_that_are_kept_at_once_do_not_replace_each_other(
    trace, tmp_path, monkeypatch, at_once
):
    monkeypatch.chdir(tmp_path)
    trace.save("t.json")
    imports = "import msgspec; from simqueue.model.trace import Trace\n"
    imports += "from simqueue.search.saved import keep\ntrace = Trace.load('t.json')"
    at_once(4, imports, 'keep(msgspec.structs.replace(trace, seed=number), "kept")')
    assert {Trace.load(path).seed for path in (tmp_path / "kept").iterdir()} == {0, 1, 2, 3}


def test_a_link_in_place_of_a_failure_is_left_alone(trace, tmp_path):
    taken = keep(trace, tmp_path / "first").name
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / taken).symlink_to(tmp_path / "victim.json")
    assert keep(trace, tmp_path / "kept").name == taken.replace(".json", "-2.json")
    assert not (tmp_path / "victim.json").exists()


def test_another_signature_or_another_test_has_another_name(trace, tmp_path):
    failure = msgspec.structs.replace(trace.outcome.failure, signature="other")
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    named = [
        keep(trace, tmp_path),
        keep(msgspec.structs.replace(trace, outcome=outcome), tmp_path),
        keep(
            msgspec.structs.replace(trace, target="pytest:tests/test_a.py::test_b[x/y]"), tmp_path
        ),
    ]
    assert len({path.name for path in named}) == 3
    assert named[2].name.startswith("test_b-x-y-")


def test_a_directory_that_cannot_be_is_refused_before_it_is_needed(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a directory"):
        check_directory(tmp_path / "file" / "inner")
    check_directory(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    "target",
    [
        "../../etc/passwd",
        "/etc/passwd.py:x",
        "pytest:--junitxml=x",
        "-p.py",
        "pytest:a.py::../../b",
    ],
)
def test_no_target_leads_out_of_the_directory(trace, tmp_path, target):
    directory = tmp_path / "deep" / "failures"
    path = keep(msgspec.structs.replace(trace, target=target), directory)
    assert path.resolve().parent == directory
    assert path.name[0].isalnum()
