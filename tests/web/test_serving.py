import http.client
import re
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

PAGES = (
    "/", "/entrypoints", "/jobs", "/failures", "/workers", "/schedules", "/system", "/healthz",
    "/partials/overview", "/partials/entrypoints?window=6h", "/partials/jobs?status=queued",
    "/partials/failures", "/partials/workers?stale_after=5", "/static/style.css",
    "/static/htmx.min.js",
)  # fmt: skip
NONE = "\N{EN DASH}"
CARD = re.compile(r'<span class="value">([^<]*)</span><span class="label">([^<]*)</span>')


@pytest.fixture(scope="module")
def some(recorded):
    """Events all over the trace, the first and the last among them."""
    last = len(recorded.events) - 1
    return sorted({*range(0, last, max(1, last // 25)), last})


def status_of(tables):
    return Counter(row.status for row in tables.jobs.rows.values())


def test_the_run_shows_what_there_is_to_see(recorded, tables_at):
    seen = Counter()
    for number in range(len(recorded.events)):
        seen |= status_of(tables_at(number))
    assert set(seen) == {"queued", "picked", "failed"}
    tables = tables_at(len(recorded.events) - 1)
    assert tables.schedules.rows
    assert {"successful", "exception"} < {row.status for row in tables.log.rows.values()}


@pytest.mark.parametrize("page", PAGES)
def test_each_page_of_the_dashboard_is_there_at_each_event(served, some, page):
    statuses = {number: served.ask(f"/at/{number}{page}").status for number in some}
    assert statuses == dict.fromkeys(some, 200)


def test_the_overview_counts_what_the_tables_hold(served, some, tables_at):
    for number in some:
        shown = {label: value for value, label in CARD.findall(served.ask(f"/at/{number}/").main)}
        status = status_of(tables_at(number))
        assert shown["queued"] == str(status["queued"])
        assert shown["in flight"] == str(status["picked"])
        assert shown["held failed"] == str(status["failed"])


def test_ages_are_those_of_the_instant(served, some, recorded, tables_at):
    ages = set()
    for number in some:
        shown = {label: value for value, label in CARD.findall(served.ask(f"/at/{number}/").main)}
        queued = [row for row in tables_at(number).jobs.rows.values() if row.status == "queued"]
        oldest = min((row.created for row in queued), default=None)
        age = NONE
        if oldest is not None:
            seconds = (recorded.events[number].at - oldest) // 1_000_000
            age = f"{seconds}s" if seconds < 60 else f"{seconds // 60}m {seconds % 60}s"
        assert shown["oldest queued"] == age
        ages.add(age)
    assert len(ages) > 2


def test_the_chart_of_the_last_hour_ends_at_the_instant(served, recorded):
    last = len(recorded.events) - 1
    began = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=recorded.config.epoch_us)
    ends = began + timedelta(microseconds=recorded.events[last].at)
    chart = served.ask(f"/at/{last}/").main
    titles = re.findall(r"<title>([^<]*)</title>", chart)
    assert titles
    assert titles[-1].split(" UTC")[0][-5:] <= f"{ends:%H:%M}"
    assert "successful 5" in re.sub(r"</?\w[^>]*>", " ", chart)


def test_the_jobs_are_those_of_the_table(served, some, tables_at):
    for number in some:
        rows = tables_at(number).jobs.rows.values()
        active = {row.id for row in rows if row.status in {"queued", "picked"}}
        held = {row.id for row in rows if row.status == "failed"}
        assert set(served.ask(f"/at/{number}/jobs").rows("job")) == active
        assert set(served.ask(f"/at/{number}/failures").rows("held")) == held


def test_a_job_has_the_history_that_it_had_by_then(served, some, tables_at):
    for number in some:
        tables = tables_at(number)
        history = tables.log.of_job(3, 100)
        page = served.ask(f"/at/{number}/jobs/3")
        if not history:
            assert page.status == 404
            assert "job 3 not found, as things stood after this event" in page.main
            continue
        shown = re.findall(r"<h2>History</h2>(.*)", page.main)[0]
        assert re.findall(r'status-(\w+)"', shown) == [row.status for row in history]


def test_schedules_are_overdue_by_the_clock_of_the_instant(served, some, recorded, tables_at):
    for number in some:
        rows = tables_at(number).schedules.rows.values()
        now = recorded.events[number].at
        overdue = [row for row in rows if row.next_run < now and row.status != "picked"]
        page = served.ask(f"/at/{number}/schedules").main
        assert page.count('<tr class="alert">') == len(overdue)
        assert page.count("<code>* * * * *</code>") == len(rows)


def test_the_system_page_counts_rows_although_other_pages_aggregate_the_log(
    served, some, tables_at
):
    for number in some:
        served.ask(f"/at/{number}/")
        tables = tables_at(number)
        page = served.ask(f"/at/{number}/system").main
        sizes = re.findall(r"<code>(\w+)</code></td> <td>[^<]*</td> <td>(\d+)</td>", page)
        assert dict(sizes)[tables.names.queue_table] == str(len(tables.jobs.rows))
        assert dict(sizes)[tables.names.queue_table_log] == str(len(tables.log.rows))
        assert f"<strong >{tables.log.unaggregated}</strong>" in page


def test_links_of_a_page_stay_at_its_event(served):
    page = served.ask("/at/40/jobs")
    links = re.findall(r'(?:href|action|hx-\w+)="http://[^/"]*(/[^"]*)"', page.text)
    assert len(links) > 8
    assert [link for link in links if not link.startswith("/at/40/")] == []
    reply = served.ask("/at/40/jobs/goto?id=3")
    assert reply.headers["location"].endswith(f":{served.port}/at/40/jobs/3")


def test_the_bar_tells_the_event_and_leads_to_others(served, recorded):
    last = len(recorded.events) - 1
    page = served.ask("/at/40/jobs?status=queued")
    assert f'data-number="40" data-last="{last}"' in page.text
    assert page.told
    for to in (0, 39, 41, last):
        assert f'<a href="/at/{to}/jobs?status=queued"' in page.text
    first, end = served.ask("/at/0/"), served.ask(f"/at/{last}/")
    assert 'rel="prev"' not in first.text
    assert 'rel="next"' not in end.text


def test_a_part_of_a_page_has_no_bar(served):
    assert "simqueue-bar" not in served.ask("/at/40/partials/jobs").text


def test_text_from_the_run_cannot_break_out_of_the_bar(served, recorded):
    taken = "<script>document.title = 'taken'"
    for number in range(len(recorded.events)):
        assert taken not in served.ask(f"/at/{number}/jobs/2").text
    assert any("&lt;script&gt;document" in served.ask(f"/at/{n}/").told for n in range(20))
    assert "&lt;/section&gt;" in served.ask("/at/0/").text  # the failure's message is a title


def test_the_failure_is_where_one_begins(served, recorded):
    assert served.start == f"/at/{len(recorded.events) - 1}/"
    assert served.ask("/").headers["location"] == served.start


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(served, tables_at, method):
    number = next(n for n in range(500) if status_of(tables_at(n))["queued"] > 2)
    before = served.ask(f"/at/{number}/jobs").main
    job = served.ask(f"/at/{number}/jobs").rows("job")[0]
    for path in (f"/at/{number}/jobs/{job}/cancel", f"/at/{number}/jobs/requeue", "/goto"):
        reply = served.ask(path, method, **{"sec-fetch-site": "same-origin"})
        assert reply.status == 405
        assert "read-only" in reply.text
        assert reply.headers["allow"] == "GET, HEAD"
    assert served.ask(f"/at/{number}/jobs").main == before


def test_another_host_is_refused(served):
    for host in ("evil.example", f"evil.example:{served.port}", "127.0.0.1.evil.example"):
        assert served.ask("/at/3/", host=host).status == 400
    assert served.ask("/at/3/", host=f"localhost:{served.port}").status == 200


@pytest.mark.parametrize(
    "path", ["/at/99999/", "/at/99999/jobs", "/event/99999", "/goto?number=99999"]
)
def test_an_event_that_the_trace_does_not_have_is_refused(served, recorded, path):
    reply = served.ask(path)
    assert reply.status == 404
    last = len(recorded.events) - 1
    assert f"there is no event 99999; the trace has events 0 to {last}." in reply.text
    assert f'href="/at/{last}/"' in reply.text


@pytest.mark.parametrize("path", ["/at/x/", "/nothing", "/at/-1/", "/goto?number=1e3", "/goto"])
def test_an_address_that_is_none_gets_a_page_that_says_so(served, path):
    reply = served.ask(path)
    assert reply.status == 404
    assert "Nothing to see here" in reply.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/jobs/abc", 422, "the address names nothing"),
        ("/jobs/99999999999999999999", 400, "out of int64 range"),
        ("/workers?stale_after=99999999999999", 500, "the dashboard failed: OverflowError"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_what_the_dashboard_cannot_show_is_told_below_the_bar(served, path, status, said):
    reply = served.ask(f"/at/40{path}")
    assert reply.status == status
    assert said in reply.main
    assert "simqueue-bar" in reply.text
    assert served.ask("/at/40/jobs").status == 200


def test_a_number_that_is_typed_leads_to_the_same_page(served):
    reply = served.ask("/goto?number=12&page=%2Fjobs%3Fstatus%3Dqueued")
    assert (reply.status, reply.headers["location"]) == (303, "/at/12/jobs?status=queued")
    assert (
        served.ask("/goto?number=12&page=//evil.example/").headers["location"].startswith("/at/12/")
    )
    assert served.ask("/goto?number=12&page=%0d%0aa").status == 404


def test_a_page_loads_nothing_from_elsewhere_and_is_not_kept(served):
    reply = served.ask("/at/40/jobs")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-security-policy"].startswith("default-src 'self'")
    assert re.findall(r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1:)', reply.text) == []


def test_ctrl_c_ends_it_with_0(serve, trace_file):
    server = serve(trace_file, "--at", "7")
    assert server.start == "/at/7/"
    open_page = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    open_page.request("GET", "/at/7/")
    assert open_page.getresponse().read()
    assert server.interrupt() == (0, "")
    open_page.close()


def test_a_run_that_passed_begins_at_its_end(serve, recorded, tmp_path):
    outcome = msgspec.structs.replace(recorded.outcome, passed=True, failure=None)
    passed = msgspec.structs.replace(recorded, outcome=outcome, events=recorded.events[:30])
    passed.save(tmp_path / "passed.json")
    server = serve(str(tmp_path / "passed.json"))
    assert server.start == "/at/29/"
    assert 'data-key="f"' not in server.ask("/at/3/").text


def test_what_is_no_page_is_turned_away(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as client:
        client.sendall(
            b"GET /at/0/ HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n"
        )
        answer = client.recv(65536)
    assert re.match(rb"HTTP/1.1 (403|400|200|404|426)", answer), answer
