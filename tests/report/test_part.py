"""A page of a long log: which events it shows, and that what it shows of them is right."""

import json
import re

import msgspec
import pytest
from applications import busy_shop

from simqueue.adapter.installed import names_in_force
from simqueue.inspect.row_changes import table_changes
from simqueue.model import events as e
from simqueue.model.choice import Choice
from simqueue.model.events import Entry
from simqueue.report.page import render_page
from simqueue.report.page.shown import Gap, Shown
from simqueue.sim.run import run
from simqueue.store import fold

LIMIT = 120
TABLES = ("jobs", "schedules", "log", "statistics")


@pytest.fixture(scope="module")
def shop():
    """The trace of a run of some thousand events, and what its page of few knows."""
    trace = run(busy_shop, seed=3).trace
    assert len(trace.events) > 4 * LIMIT
    return trace, data_of(trace)


def data_of(trace, limit=LIMIT, changes=None):
    page = render_page(trace, table_changes(trace) if changes is None else changes, limit=limit)
    found = re.search(r'<script id="data"[^>]*>(.*?)</script>', page.decode(), re.DOTALL)
    return json.loads(found[1])


def column(data, name):
    return [data["events"][name]["texts"][place] for place in data["events"][name]["of"]]


def lines(data):
    """Return the place and the number of each event that is shown, without the gaps."""
    kinds = column(data, "kind")
    numbers = enumerate(data["events"]["numbers"])
    return [(place, number) for place, number in numbers if kinds[place] != "left_out"]


def long_log(trace, size, *extra):
    """Return a log of ticks in which only some events, by number, are others."""
    events = [Entry(at, "a", e.LogLine("app", "INFO", f"tick {at}")) for at in range(size)]
    for number, event in extra:
        events[number] = Entry(number, "b", event, cause=number // 2)
    return msgspec.structs.replace(trace, events=tuple(events), choices=())


# --- which events ---------------------------------------------------------------------------------


def test_a_page_that_has_room_for_all_events_is_the_same_with_a_limit(trace):
    assert render_page(trace, (), limit=len(trace.events)) == render_page(trace, ())
    assert "numbers" not in data_of(trace, limit=100)["events"]


def test_the_failure_its_causes_faults_and_the_end_are_shown(trace):
    failing = e.HandlerRaised("charge", "ValueError: no money", job_id=1)
    log = long_log(trace, 5_000, (1_600, failing), (3_000, e.FaultStruck("crash", "b")))
    data = data_of(log, limit=200)
    shown = {number for _, number in lines(data)}
    assert {1_600, 800, 3_000, 2_999, 3_001, 4_999, 4_990, 1_590, 0} <= shown
    assert len(shown) <= 210
    kinds = column(data, "kind")
    assert kinds[data["failure"]] == "handler_raised"
    assert data["events"]["numbers"][data["failure"]] == 1_600
    cause = data["events"]["cause"][data["failure"]]
    assert data["events"]["numbers"][cause] == 800
    assert data["size"] == 5_000


def test_a_gap_says_how_many_events_it_stands_for_and_how_to_list_them(trace):
    data = data_of(long_log(trace, 5_000), limit=200)
    words, kinds = column(data, "words"), column(data, "kind")
    gaps = [said for said, kind in zip(words, kinds, strict=True) if kind == "left_out"]
    counts = [re.match(r"([\d,]+) events left out \(#(\d+) to #(\d+)\)", gap) for gap in gaps]
    assert sum(int(each[1].replace(",", "")) for each in counts) == 5_000 - len(lines(data))
    assert all(int(each[3]) - int(each[2]) + 1 == int(each[1].replace(",", "")) for each in counts)
    assert f"simqueue show TRACE --from '#{counts[0][2]}' --until '#{counts[0][3]}'" in gaps[0]


def test_few_events_between_others_are_not_left_out():
    entries = [Entry(at, "a", e.Healed()) for at in range(20)]
    shown = Shown(entries, [3, 10])
    assert [line for line in shown.lines() if isinstance(line, Gap)] == [
        Gap(4, 9, 9),
        Gap(11, 19, 19),
    ]
    assert [shown.place(number) for number in (0, 3, 4, 9, 10, 15, -1)] == [0, 3, 4, 4, 5, 6, -1]
    assert shown.left_out == 15


def test_the_limit_bounds_the_page_whatever_the_run_did(trace):
    busy = [(number, e.FaultStruck("crash", "b")) for number in range(1, 3_000, 2)]
    assert len(lines(data_of(long_log(trace, 3_000, *busy), limit=100))) <= 120


# --- what it says of them -------------------------------------------------------------------------


def test_a_statement_is_shown_with_all_its_steps_or_not_at_all(shop):
    trace, data = shop
    assert data["lanes"]["statements"]
    kinds = column(data, "kind")
    for hops in data["lanes"]["statements"]:
        assert all(kinds[place] != "left_out" for place in hops[3:7] if place >= 0)
        sent = trace.events[data["events"]["numbers"][hops[3]]].event
        assert (sent.statement, hops[6] >= 0) == (hops[0], hops[6] >= 0)


def test_what_is_drawn_begins_and_ends_where_it_did(shop):
    trace, data = shop
    whole = data_of(trace, limit=None)["lanes"]
    numbers = data["events"]["numbers"]
    drawn = 0
    for lane in ("runs", "states", "lives", "silences"):
        wanted = {tuple(each) for each in whole[lane]}
        for whose, what, since, until, *by in data["lanes"][lane]:
            end = until if until < 0 else numbers[until]
            assert (whose, what, numbers[since], end, *by) in wanted
            drawn += 1
    assert drawn > 3


def test_the_tables_are_right_at_every_event_though_rows_are_left_out(shop):
    trace, data = shop
    history, names = data["history"], names_in_force(trace.config.epoch_us)
    tables = [{} for _ in TABLES]
    hidden = [dict(map(tuple, counts)) for counts in history["hidden"]]
    absent, changes, compared = [0] * len(TABLES), list(map(tuple, history["changes"])), 0
    for place, number in enumerate(data["events"]["numbers"]):
        while changes and changes[0][0] == place:
            _, table, row, old, new = changes.pop(0)
            assert tables[table].get(row, -1) == old
            tables[table][row] = new
            if new < 0:
                del tables[table][row]
        absent = [counts.get(place, was) for counts, was in zip(hidden, absent, strict=True)]
        if (place, number) not in lines(data):
            continue
        folded = fold(names, trace.events[: number + 1])
        for which, table in enumerate(TABLES):
            rows = getattr(folded, table).rows
            assert tables[which].keys() <= rows.keys()
            assert len(tables[which]) + absent[which] == len(rows)
            compared += len(tables[which])
    assert not changes
    assert compared > 60
    assert any(history["hidden"])


def test_a_row_that_an_event_on_the_page_changes_is_there(shop):
    trace, data = shop
    shown = {number: place for place, number in lines(data)}
    wanted = {
        (shown[change.event], change.row.id)
        for change in table_changes(trace)
        if change.event in shown
    }
    assert {(event, row) for event, _, row, *_ in data["history"]["changes"]} >= wanted


def test_deviations_keep_their_numbers_where_some_are_left_out(trace):
    choices = tuple(Choice("a order", k, 1, 2, 100 * k, 100 * k, "b") for k in range(40))
    log = msgspec.structs.replace(long_log(trace, 4_000), choices=choices)
    data = data_of(log, limit=200)
    assert data["deviated"] == 40
    assert 0 < len(data["deviations"]) < 40
    assert [number for *_, number in data["deviations"]] == [
        data["events"]["numbers"][place] // 100 + 1 for _, place, _ in data["deviations"]
    ]


def test_the_page_says_how_much_is_left_out_and_where_it_is(trace):
    page = render_page(long_log(trace, 5_000), (), limit=200).decode()
    left = 5_000 - len(lines(data_of(long_log(trace, 5_000), limit=200)))
    assert f"{left:,} of 5,000 events are not on this page" in page
    assert "simqueue report --events all" in page
    assert "are not on this page" not in render_page(long_log(trace, 150), (), limit=200).decode()
