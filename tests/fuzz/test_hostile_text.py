"""Text of others, in every string of a file and in names of files, over every command.

No command may print a character that steers a terminal, nor read what it prints as markup.
"""

import base64
import contextlib
import copy
import json
import re
import shutil
import textwrap
import unicodedata
from pathlib import Path

import pytest
from commands import called
from structure import sealed

import simqueue
from simqueue.model import trace as tracefile
from simqueue.model.trace import Trace
from simqueue.search.campaign import sealing
from simqueue.search.target import load_target

HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\x7f\r[bold]x[/bold]"
NAME = HOSTILE.replace("/", "")
SHOWN = (r"\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\x7f", "[bold]x[/bold]")
SHOP = f"""
    import asyncio
    import logging

    HOSTILE = {HOSTILE!r}
    logging.addLevelName(31, HOSTILE)

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("mail" + HOSTILE, concurrency_limit=2)
            async def mail(job):
                logging.getLogger("pgqueuer" + HOSTILE).log(31, "said %s", HOSTILE)
                if sim.random.random() < 0.5:
                    raise ValueError(HOSTILE)

            @pq.schedule("sweep" + HOSTILE, "* * * * *")
            async def sweep(schedule):
                pass

        sim.worker("[bold]a[/bold]", app)
        for key in (HOSTILE, None):
            await sim.queries.enqueue(
                "mail" + HOSTILE, HOSTILE.encode(), 0, dedupe_key=key, headers={{"x": HOSTILE}}
            )
        await asyncio.sleep(61)
        raise AssertionError("job 1 " + HOSTILE)
"""
READING = [
    ("show",), ("show", "--all"), ("show", "--json"), ("show", "--at", "20"),
    ("show", "--worker", HOSTILE), ("export", "--format", "perfetto"),
    ("export", "--format", "otlp"), ("export", "--format", "jsonl"), ("diff", "whole.json"),
    ("report", "-o", f"page{NAME}.html"), ("serve", "--at", "99999"),
    ("accept", "--reason", HOSTILE, "--known", f"known{NAME}.toml"),
]  # fmt: skip
PLAYING = [
    ("replay", "-v", "--nearby", "1"), ("replay", "--exact"),
    ("shrink", "--runs", "2", "-o", f"small{NAME}.json"),
    ("diff", "--runs", "2", "-o", f"near{NAME}.json"), ("show", "--inevitable", "--runs", "2"),
]  # fmt: skip
BIDIRECTIONAL = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def steers(character):
    if character in "\n\t":
        return False
    category = unicodedata.category(character)
    return category in {"Cc", "Cs"} or unicodedata.bidirectional(character) in BIDIRECTIONAL


def printed(*words):
    """Call a command; return what it printed, in which nothing steers a terminal."""
    status, said, complained = called(*words)
    raw = {character for character in said + complained if steers(character)}
    assert not raw, (words, raw)
    assert "Traceback" not in complained, (words, complained)
    assert status in {0, 1, 2, 3, 4, 125}, (words, status)
    assert all(len(line) < 5_000 for line in complained.splitlines()), words
    return said + complained


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A directory with a scenario whose application says such text, and a document of its trace."""
    home = tmp_path_factory.mktemp("shop")
    (home / "shop.py").write_text(textwrap.dedent(SHOP))
    with contextlib.chdir(home):
        target = load_target("shop.py")
        config = simqueue.Config(faults=simqueue.Faults.named("production"))
        trace = simqueue.run(target.scenario, seed=3, config=config, target=target.name).trace
        assert trace.choices
        trace.save("whole.json")
        return home, json.loads(tracefile.encode(trace))


@pytest.fixture
def document(shop, monkeypatch):
    home, document = shop
    monkeypatch.chdir(home)
    yield copy.deepcopy(document)
    shutil.rmtree(".simqueue", ignore_errors=True)


def places_of(document):
    """Return the places of all strings, by what they are: the kind of event and the field."""
    groups = {}

    def walk(node, path, kind, holder, key):
        if isinstance(node, dict):
            for name, inner in node.items():
                walk(inner, f"{path}.{name}", node.get("type", kind), node, name)
        elif isinstance(node, list):
            for number, inner in enumerate(node):
                walk(inner, f"{path}[]", kind, node, number)
        elif isinstance(node, str):
            groups.setdefault((kind, path), []).append((holder, key))

    walk(document, "", "", None, None)
    return groups


def poison(places):
    """Add the text to strings; return what they were."""
    before = [holder[key] for holder, key in places]
    for holder, key in places:
        encoded = base64.b64encode(HOSTILE.encode()).decode()
        holder[key] = encoded if key == "payload" else holder[key] + HOSTILE
    return before


def restore(places, before):
    for (holder, key), text in zip(places, before, strict=True):
        holder[key] = text


def write(document):
    Path("t.json").write_bytes(sealed(json.dumps(document).encode()))


def shows(text):
    """Return whether a text has all of the hostile one, as we or JSON escape it."""
    plain = re.sub(r"\\u00(..)", r"\\x\1", text)
    return all(part in plain for part in SHOWN)


def over_every_command(commands, file="t.json"):
    return [printed(name, file, *words) for name, *words in commands]


def test_each_string_of_a_trace_is_escaped_where_it_is_shown_or_refused(document):
    groups = places_of(document)
    assert len(groups) > 60
    kept, refusals = [], 0
    for group, places in groups.items():
        before = poison(places)
        write(document)
        try:
            Trace.load("t.json")
            kept.append((group, places, before))
        except simqueue.SimqueueError:
            refusals += 1
            assert printed("show", "t.json").startswith("simqueue: t.json: is not ")
        restore(places, before)
    assert refusals > 20
    for (_, path), places, _ in kept:
        if path not in {".target", ".outcome.failure.signature"}:
            poison(places)
    write(document)
    shown = over_every_command(READING)
    assert sum(map(shows, shown)) >= 9
    over_every_command(PLAYING)


@pytest.mark.parametrize(
    "target", [HOSTILE, f"{HOSTILE}.py:x", f"shop.py:{HOSTILE}", f"pytest:x.py::{HOSTILE}", ""]
)
def test_a_target_and_a_signature_are_escaped_by_every_command(target, document):
    document["target"] = target
    document["outcome"]["failure"]["signature"] = HOSTILE
    write(document)
    shown = over_every_command([*READING[-1:], *PLAYING])
    assert sum(map(shows, shown)) >= (4 if target else 1)


def test_a_run_whose_application_says_such_text_is_told_by_every_command(document):
    shown = over_every_command([*READING, *PLAYING], "whole.json")
    assert sum(map(shows, shown)) >= 10
    verbose = printed("run", "shop.py", "-v", "--trace", f"run{NAME}.json")
    for part in (f"said {SHOWN[0]}", f"enqueues job 1 (mail{SHOWN[0]}", "worker=[bold]a[/bold]"):
        assert part in verbose
    assert printed("run", "shop.py").count(SHOWN[0]) > 5


def test_a_campaign_and_its_state_are_told_without_such_characters(document):
    options = ["--runs", "2", "--shrink-runs", "2", "--state", "state", "--known", "k.toml"]
    reports = ["--json", f"s{NAME}.json", "--junit", f"j{NAME}.xml"]
    Path("k.toml").write_text("")
    assert shows(printed("fuzz", "shop.py", *options, *reports))
    assert shows(printed("fuzz", "shop.py", *options))  # with what was saved
    (failure,) = Path(".simqueue/failures").glob("*.json")
    printed("accept", str(failure), "--reason", HOSTILE, "--known", "k.toml")
    printed("accept", "t.json", "--reason", HOSTILE, "--known", "k.toml")
    assert shows(printed("fuzz", "shop.py", *options, "--no-regressions"))
    damaged = failure.read_bytes().replace(b'"checksum":"', b'"checksum":"\\u001b[2J')
    failure.write_bytes(damaged)
    assert r"\x1b[2J" in printed("fuzz", "shop.py", *options)
    state = next(Path("state").glob("*.jsonl"))
    shown = []
    lines = [sealing.unsealed(line) for line in state.read_bytes().splitlines(keepends=True)]
    for number, line in enumerate(lines):
        content = json.loads(line)
        for places in places_of(content).values():
            before = poison(places)
            changed = [*lines[:number], json.dumps(content).encode(), *lines[number + 1 :]]
            Path(f"state{NAME}.jsonl").write_bytes(b"".join(map(sealing.sealed, changed)))
            shown.append(printed("merge", f"state{NAME}.jsonl"))
            restore(places, before)
    assert sum(SHOWN[0] in text for text in shown) > 20


def test_names_of_files_and_foreign_files_are_escaped(document):
    file = f"trace{NAME}.json"
    shutil.copy("whole.json", file)
    over_every_command([*READING, *PLAYING], file)
    for content in (b"{", b"\x1b[2J", b'{"format": "\x1b"}', b"[]", b"\xff\x9b"):
        Path(file).write_bytes(content)
        for words in (("show", file), ("merge", file), ("fuzz", "shop.py", "--known", file)):
            assert SHOWN[0] in printed(*words)
        assert SHOWN[0] in printed("run", file)
    header = {"format": "simqueue-trace", "version": 99, "simqueue": HOSTILE}
    Path("t.json").write_text(json.dumps(header))
    assert shows(printed("show", "t.json"))
    document["checksum"] = HOSTILE
    Path("t.json").write_text(json.dumps(document))
    assert shows(printed("show", "t.json"))
    assert SHOWN[0] in printed("show", HOSTILE)


def test_words_of_a_command_line_are_escaped(document):
    for words in (
        [HOSTILE], [f"--{HOSTILE}"], ["show", "whole.json", HOSTILE], ["show", f"-{HOSTILE}", "x"],
        ["show", "whole.json", f"--jo{HOSTILE}"],
        ["--max-size", HOSTILE, "show", "whole.json"], ["run", HOSTILE, "--start", HOSTILE],
        ["fuzz", "shop.py", "--shard", HOSTILE], ["fuzz", "shop.py", "--strategy", HOSTILE],
        ["fuzz", "shop.py", "--without", HOSTILE], ["run", "shop.py", "--faults", HOSTILE],
        ["replay", "whole.json", "--break-kind", HOSTILE], ["new", HOSTILE],
        ["export", "whole.json", "--format", HOSTILE], ["audit", f"shop.py:{HOSTILE}"],
    ):  # fmt: skip
        assert r"\x1b" in printed(*words), words
    printed("fuzz", "shop.py", "--runs", HOSTILE)  # quoted by some releases of typer


def test_what_a_broken_module_says_is_escaped(document):
    Path("broken.py").write_text(f"raise RuntimeError({HOSTILE * 1000!r})")
    assert shows(printed("run", "broken.py"))
    Path("app.py").write_text(
        "from pgqueuer import PgQueuer\ndef main(pq: PgQueuer):\n"
        f"    @pq.entrypoint({HOSTILE!r})\n    async def mail(job): ...\n"
    )
    assert shows(printed("new", "app.py"))


def test_error_lines_quote_a_piece_of_a_long_text(document):
    for (kind, path), places in places_of(document).items():
        if path in {".simqueue", ".pgqueuer", ".python"} or kind in {"job_enqueued", "log_line"}:
            for holder, key in places:
                if key not in {"type", "payload", "headers"}:
                    holder[key] += "y" * 2_000
    for entry in document["events"]:
        entry["worker"] += "y" * 2_000
    for target in ("shop.py:" + "z" * 3_000, "z" * 3_000, "pytest:" + "z" * 3_000 + ".py::x"):
        document["target"] = target
        write(document)
        for name, *words in [("show", "--worker", "b"), *PLAYING[1:4]]:
            _, _, complained = called(name, "t.json", *words)
            assert complained
            assert all(len(line) < 1_500 for line in complained.splitlines()), (name, target[:9])
