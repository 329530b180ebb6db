"""Traces and states whose structure was edited and whose checksum was set right again, by seed."""

import copy
import json
import random
from contextlib import suppress

import msgspec

from simqueue.model import trace as tracefile
from simqueue.model.trace import Trace
from simqueue.search.campaign import sealing

HUGE = (-1, 0, 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, 10**30, -(10**30))
SECONDS = (-1_000_000, 10**6, 10**12, 3 * 10**17)
WRONG = (None, True, 1.5, "", "x", [], {}, [[]], {"a": 1}, [None] * 3)
HOSTILE = (
    "\x1b[2J\x1b]0;taken\x07", "a\nb\r\nc", "\u202egnp.exe", "</script><script>", "%s{0}{{x}}",
    "job 99999999999999999999999999999", "job " + "9" * 5000, "'; --", "\x00", "é" * 300, " ",
    "../../etc/passwd", "-p", "--junitxml=x", "schedule 7", "#99999999999999999999", "0x1p-3 nan",
)  # fmt: skip
NUMBERS = ("job_id", "schedule_id", "statement", "sent", "burned", "awaits", "slot", "count")


def edited(document: dict, seed: int) -> bytes:
    """Return a document after one to four edits, sealed if it still has the types of a trace."""
    chance = random.Random(seed)
    changed = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        # What an edit before it left may have no place for it.
        with suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):
            chance.choice(EDITS)(changed, chance)
    return sealed(json.dumps(changed).encode("utf-8", "surrogatepass"))


def sealed(document: bytes) -> bytes:
    """Return a document with the checksum that belongs to it, if it can be decoded at all."""
    try:
        trace = msgspec.json.decode(document, type=Trace)
    except Exception:
        return document
    return tracefile.encode(tracefile.seal(trace))


def _event(document, chance):
    return chance.choice(document["events"]) if document.get("events") else {"event": {}}


def drop(document, chance):
    """Remove a stretch of events; causes are not changed."""
    events = document["events"]
    start = chance.randrange(len(events) + 1)
    del events[start : start + chance.choice((1, 1, 2, 5, 50))]


def drop_kind(document, chance):
    """Remove all events of one kind."""
    kind = _event(document, chance)["event"].get("type")
    document["events"] = [e for e in document["events"] if e["event"].get("type") != kind]


def double(document, chance):
    """Repeat an event, there or elsewhere."""
    events = document["events"]
    again = copy.deepcopy(_event(document, chance))
    place = chance.randrange(len(events) + 1)
    if chance.random() < 0.5 and place:
        again["at"] = events[place - 1].get("at", 0)
    events.insert(place, again)


def swap(document, chance):
    """Let two events change places, with their times or without them."""
    events = document["events"]
    if len(events) < 2:
        return
    one, other = chance.sample(range(len(events)), 2)
    events[one], events[other] = events[other], events[one]
    if chance.random() < 0.5:
        events[one]["at"], events[other]["at"] = events[other]["at"], events[one]["at"]


def move_cause(document, chance):
    """Let an event be caused by itself, by a later one, by none, or by any other."""
    events = document["events"]
    if events:
        number = chance.randrange(len(events))
        causes = (number, number + 1, len(events), -1, 0, chance.randrange(len(events)), None)
        events[number]["cause"] = chance.choice((*causes, *HUGE))


def move_time(document, chance):
    """Change an event's time."""
    entry = _event(document, chance)
    field = chance.choice(("at", "at", "began"))
    entry[field] = chance.choice((*HUGE, *SECONDS, entry.get("at", 0)))


def move_all_times(document, chance):
    """Let the rest of the run happen at another time."""
    events = document["events"]
    by = chance.choice((*SECONDS, *HUGE))
    for entry in events[chance.randrange(len(events) + 1) :]:
        entry["at"] = entry.get("at", 0) + by


def change_number(document, chance):
    """Let an event be about another job, schedule, statement or event."""
    fields = _event(document, chance)["event"]
    named = [name for name in fields if name in NUMBERS]
    if named:
        fields[chance.choice(named)] = chance.choice((*HUGE, 1, 2, 3, chance.randrange(200)))


def change_field(document, chance):
    """Change a field of an event to something of its kind."""
    fields = _event(document, chance)["event"]
    name = chance.choice(list(fields) or ["type"])
    fields[name] = _other(fields.get(name), chance)


def change_kind(document, chance):
    """Give an event the fields of another, or its type alone."""
    one, other = _event(document, chance), _event(document, chance)
    if chance.random() < 0.5:
        one["event"] = copy.deepcopy(other["event"])
    elif "type" in other["event"]:
        one["event"]["type"] = other["event"]["type"]


def break_type(document, chance):
    """Put a value of another type anywhere."""
    holder, key = _anywhere(document, chance)
    holder[key] = chance.choice((*WRONG, 10**4000 if chance.random() < 0.1 else 0))


def lose_field(document, chance):
    """Remove a field anywhere."""
    holder, key = _anywhere(document, chance)
    del holder[key]


def add_field(document, chance):
    """Add a field that nothing knows."""
    holder, _ = _anywhere(document, chance)
    if isinstance(holder, dict):
        holder[chance.choice(("x", "cause", "job_id", "stale", "detail"))] = 1


def change_anything(document, chance):
    """Change a value anywhere to something of its kind."""
    holder, key = _anywhere(document, chance)
    holder[key] = _other(holder[key], chance)


def empty(document, chance):
    """Empty a list anywhere at the top."""
    document[chance.choice(("events", "choices"))] = []


def nest(document, chance):
    """Nest lists deep in a value."""
    deep: object = 0
    for _ in range(chance.choice((50, 400))):
        deep = [deep]
    holder, key = _anywhere(document, chance)
    holder[key] = deep


def change_choice(document, chance):
    """Change a part of a choice."""
    if document["choices"]:
        choice = chance.choice(document["choices"])
        part = chance.randrange(len(choice))
        keys = ("a", " ", "server order", "a fault:slow/dequeue", "a worker:crash/second", "x lag")
        old = choice[part]
        choice[part] = chance.choice(keys) if isinstance(old, str) else _other(old, chance)


def change_config(document, chance):
    """Change a setting of the run."""
    config = document["config"]
    spans = ("PT0S", "P999999999D", "-PT1S", "PT1S", "PT0.000001S", "P1D")
    values = {
        "start": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:00Z", "2024-01-01T00:00:30Z", "x"),
        "invariants": ([], ["nonsense"], None, ["no-orphan"]),
        "without": (["x" * 500], []),
        "log_level": ("LOUD", "DEBUG"),
        "steps_per_instant_max": (0, 1, 10**30),
        "faults": ({"kinds": ["crash"]}, {"kinds": ["x" * 999]}, {"kinds": []}),
        **dict.fromkeys(("limit", "hop", "hop_max", "commit_max", "lag_max", "patience"), spans),
        "accepted": (["invariant:no-orphan"],),
    }
    name = chance.choice(list(values))
    config[name] = chance.choice(values[name])


def change_outcome(document, chance):
    """Change how the run ended."""
    outcome = document["outcome"]
    failure = {"kind": "exception", "message": "", "where": "", "signature": ""}
    failure["message"] = chance.choice(HOSTILE)
    outcome[chance.choice(("passed", "failure", "steps", "simulated"))] = chance.choice(
        (True, False, None, failure, *HUGE)
    )


def change_fault(document, chance):
    """Let a fault strike that did not, with a detail of any kind."""
    kind = chance.choice(("slow", "late-notify", "crash", "skew", "fail-over", "fail"))
    detail = chance.choice(
        ("", "x s", "nan s", "inf s", "1e400 s to begin", "1 s to commit", "9" * 400)
    )
    event = {"type": "fault_struck", "fault": kind, "detail": detail, "statement": 1}
    place = chance.randrange(len(document["events"]) + 1)
    at = document["events"][place - 1].get("at", 0) if place else 0
    document["events"].insert(place, {"at": at, "worker": "a", "event": event})
    key = f"a fault:{kind}/dequeue"
    document["choices"].append([key, 0, 1, 64, at if isinstance(at, int) else 0, place, ""])


EDITS = (
    drop, drop_kind, double, swap, move_cause, move_time, move_all_times, change_number,
    change_field, change_field, change_kind, break_type, lose_field, add_field, change_anything,
    empty, nest, change_choice, change_config, change_outcome, change_fault,
)  # fmt: skip


def _anywhere(document, chance):
    """Return a place of the document: what holds it and its key there."""
    holder = {"": document}
    key: object = ""
    while True:
        inner = holder[key]
        if not isinstance(inner, (dict, list)) or not inner or chance.random() < 0.15:
            if key == "":
                return document, chance.choice(list(document))
            return holder, key
        holder = inner
        key = (
            chance.choice(list(inner)) if isinstance(inner, dict) else chance.randrange(len(inner))
        )


def _other(value, chance):
    """Return another value of the kind of one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice((*HUGE, value + 1, value - 1, 2 * value))
    if isinstance(value, str):
        return chance.choice((*HOSTILE, "", value + "x", value[::-1]))
    if isinstance(value, list):
        return chance.choice(([], value * 2, value[:1] * 50, value[::-1]))
    if isinstance(value, dict):
        return {}
    return chance.choice(("x", 1, 0))


# --- states ---------------------------------------------------------------------------------------


def edited_state(document: bytes, seed: int) -> bytes:
    """Return a campaign's state after an edit of one of its lines, or of their order; sealed."""
    chance = random.Random(seed)
    lines = [json.loads(line) for line in document.splitlines()]
    for line in lines:
        del line["checksum"]
    line = chance.choice(lines)
    with suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):
        chance.choice((*STATE_EDITS, lambda _, chance: _move_line(lines, chance)))(line, chance)
    encoded = (json.dumps(line, separators=(",", ":")) for line in lines)
    return b"".join(sealing.sealed(line.encode()) for line in encoded)


def change_number_of_state(line, chance):
    """Change one of the numbers that a line begins with."""
    numbers = [name for name in ("number", "runs", "elapsed") if name in line]
    if "identity" in line:
        line, numbers = line["identity"], ["seed", "shard"]
    name = chance.choice(numbers)
    line[name] = chance.choice((*HUGE, 1e300, [0, 0], [1, 10**9], [2, 1]))


def _move_line(lines, chance):
    moved = lines.pop(chance.randrange(len(lines)))
    lines[chance.randrange(len(lines) + 1) : 0] = [moved] * chance.choice((0, 1, 2))


STATE_EDITS = (
    break_type, lose_field, add_field, change_anything, nest, change_number_of_state,
    change_number_of_state,
)  # fmt: skip
