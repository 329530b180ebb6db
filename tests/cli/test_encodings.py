import json
import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli import encodings
from simqueue.cli.app import app
from simqueue.errors import TargetError
from simqueue.model.summary import SavedFailure, Summary, TargetSummary, encode
from simqueue.search.target import load_target, load_targets

ROOT = str(Path(__file__).parents[2])
FAILING = "async def scenario(sim):\n    assert sim.random.random() < 0, 'always'\n"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def spawn(*words, **environment):
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return subprocess.run(
        [sys.executable, "-m", "simqueue", *words],
        env={**inherited, "PYTHONPATH": ROOT, **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("pinned", [{}, {"PYTHONHASHSEED": "0"}])
def test_a_name_that_the_locale_cannot_encode_is_that_of_any_other_locale(pinned, project):
    project("bug é.py", FAILING)
    found = spawn("fuzz", "bug é.py", "--runs", "2", "--json", "é.json", **ASCII, **pinned)
    assert (found.returncode, found.stderr) == (1, b"")
    again = "Again: simqueue replay '.simqueue/failures/bug-é-"
    assert again.encode() in found.stdout
    summary = json.loads(Path("é.json").read_text(encoding="utf-8"))
    assert summary["targets"][0]["target"] == "bug é.py:scenario"
    (file,) = Path(".simqueue/failures").iterdir()
    replayed = CliRunner().invoke(app, ["replay", str(file)], prog_name="simqueue")
    assert replayed.stdout.splitlines()[-1].startswith("reproduced: ")


def test_a_name_that_is_no_utf_8_is_refused_as_a_target_and_works_elsewhere(project):
    project("bug.py", FAILING)
    other = os.fsdecode(b"d\xff")
    Path(other).mkdir()
    Path(other, "bug.py").write_text(FAILING)
    for find in (load_target, load_targets):
        with pytest.raises(TargetError, match=r"^d\\udcff/bug\.py: its name is not UTF-8"):
            find(f"{other}/bug.py")
    with pytest.raises(TargetError, match="its name is not UTF-8, which traces"):
        load_targets(other)
    found = spawn(
        "fuzz", "bug.py", "--runs", "2", "--strategy", "random", "--traces", f"{other}/traces",
        "--state", f"{other}/state", "--json", f"{other}/s.json", "--junit", f"{other}/j.xml",
        PYTHONIOENCODING="utf-8:strict",
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (1, b"")
    assert b"Again: simqueue replay 'd\xff/traces/bug-" in found.stdout
    (failure,) = json.loads(Path(other, "s.json").read_text())["targets"][0]["failures"]
    assert failure["trace"].startswith("d\\udcff/traces/bug-")
    assert Path(other, "j.xml").is_file()


def test_text_that_no_file_can_hold_is_one_line(monkeypatch):
    from simqueue.model.trace import Trace

    def load(path):
        raise UnicodeEncodeError("utf-8", "a\udcffb", 1, 2, "surrogates not allowed")

    monkeypatch.setattr(Trace, "load", load)
    result = CliRunner().invoke(app, ["show", "t.json"], prog_name="simqueue")
    assert result.exit_code == 2
    assert result.stderr == (
        "simqueue: text with '\\udcff' cannot be written in utf-8: if it is the name of a file or "
        "a directory, rename it\n"
    )


@pytest.mark.parametrize(
    ("encoding", "text", "wanted"),
    [
        ("utf-8", "d\udcff é", b"d\xff \xc3\xa9"),
        ("utf-8", "\ud800", rb"\ud800"),
        ("latin-1", "é \u2192 \udcff", b"\xe9 \\u2192 \xff"),
        ("ascii", "é", rb"\xe9"),
    ],
)
def test_output_that_cannot_be_encoded_is_escaped(encoding, text, wanted, monkeypatch):
    raw = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(raw, encoding=encoding, errors="strict"))
    encodings.escape_output()
    sys.stdout.write(text)
    sys.stdout.flush()
    assert raw.getvalue() == wanted


def test_names_in_a_summary_are_escaped():
    saved = SavedFailure("d\udcff/t.json", "s", "fails", "d\udcff/t.json still fails")
    target = TargetSummary("a.py:scenario", "random", 0, (1, 1), 1, 1, 0, 1, 0.5, saved=(saved,))
    document = json.loads(encode(Summary("1", "2", "3", 1, (target,))))
    assert document["targets"][0]["saved"][0]["trace"] == "d\\udcff/t.json"
    assert document["targets"][0]["shard"] == [1, 1]
