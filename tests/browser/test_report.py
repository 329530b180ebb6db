"""The HTML report in a real browser: opened from its file, clicked, typed at, and measured."""

from itertools import pairwise

import msgspec
import pytest
from applications import busy_shop

from simqueue.adapter.installed import names_in_force
from simqueue.inspect.row_changes import table_changes
from simqueue.model import events as e
from simqueue.model.choice import Choice
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.trace import seal
from simqueue.report.page import render_page
from simqueue.sim.run import run
from simqueue.store import fold

webdriver = pytest.importorskip("selenium.webdriver")
By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

HOSTILE = "</script><script>hacked=1</script><img src=x onerror=hacked=1>"
MANAGER = "00000001-1111-1111-1111-111111111111"

CONTRASTS = """
const seen = [];
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
function linear(channel) {
  const share = channel / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
function ratio(one, other) {
  const [bright, dark] = [light(one), light(other)].sort((p, q) => q - p);
  return (bright + 0.05) / (dark + 0.05);
}
function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return null;
}
for (const element of document.querySelectorAll("body *:not(script, style, noscript)")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !element.checkVisibility()) continue;
  const colour = channels(getComputedStyle(element).color);
  seen.push([ratio(colour, ground(element)), element.tagName, element.textContent.slice(0, 40)]);
}
const probe = document.body.appendChild(document.createElement("p"));
function ink(name) {
  probe.style.color = getComputedStyle(document.documentElement).getPropertyValue("--" + name);
  return channels(getComputedStyle(probe).color);
}
const drawn = arguments[0].map(([front, back, wanted]) =>
  [ratio(ink(front), ink(back)), wanted, front, back]);
probe.remove();
return [seen, drawn];
"""
"""Contrast ratios as WCAG computes them: of every text in the document, and of what is drawn."""

DRAWN = [
    *((each, "panel", 4.5) for each in ("text", "muted", "bad", "deviation", "note", "good")),
    *(("bar-text", f"{each}-ground", 4.5) for each in ("picked", "queued", "running", "bad")),
    *(("panel", each, 4.5) for each in ("bad", "deviation")),
    *((each, "panel", 3) for each in ("queued", "picked", "running", "statement", "accent")),
]

FIND = """
const [text, from] = arguments, canvas = document.getElementById("canvas");
const box = canvas.getBoundingClientRect(), tip = document.getElementById("tip");
function says(x, y) {
  const spot = { clientX: box.left + x, clientY: box.top + y };
  canvas.dispatchEvent(new PointerEvent("pointermove", spot));
  return !tip.hidden && tip.textContent.includes(text);
}
for (let y = 2; y < box.height - 2; y += 3) {
  for (let x = from; x < box.width - 2; x += 3) {
    if (!says(x, y) || !says(x + 2, y + 2)) continue;
    says(x + 1, y + 1);
    return [x + 1, y + 1];
  }
}
return null;
"""
"""Move the pointer over the timeline until its tip says a text; return where that is."""

TABLE = """
const names = [...arguments[0].querySelectorAll("th")].map((th) => th.textContent);
return [...arguments[0].querySelectorAll("tbody tr")].map((tr) => {
  const row = /before|after/.exec(tr.className)?.[0] || "";
  const cells = [...tr.cells].map((td, k) => [names[k], td.textContent]);
  return Object.fromEntries([["row", row], ...cells]);
});
"""

REDRAWN = """
const [key, done] = arguments;
const lanes = document.getElementById("lanes"), canvas = document.getElementById("canvas");
lanes.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
requestAnimationFrame(() => requestAnimationFrame(() => done({ ...canvas.dataset })));
"""


def synthetic(trace, size):
    """Return a failed run of so many events: three workers that each do job after job."""
    entries, at, statement = [], 0, 0

    def put(who, event, cause=None):
        entries.append(Entry(at, who, event, cause))
        return len(entries) - 1

    def send(who, name, *changes):
        nonlocal at, statement
        statement, at = statement + 1, at + 200
        sent = put(who, e.StatementSent(statement, who, name))
        at += 200
        committed = put(who, e.StatementCommitted(statement), sent)
        for change in changes:
            put(who, change, committed)
        at += 200
        return put(who, e.StatementReplied(statement), committed)

    for number, worker in enumerate("abc"):
        put(worker, e.WorkerStarted(1))
        put(worker, e.WorkerReady(MANAGER.replace("1", str(number + 1), 1)))
    job = 0
    while len(entries) < size - 1:
        job, worker = job + 1, "abc"[job % 3]
        send("scenario", "enqueue", e.JobEnqueued(job, "charge", 0, at, HOSTILE.encode()))
        replied = send(worker, "dequeue", e.JobPicked(job, MANAGER))
        put(worker, e.HandlerStarted("charge", job_id=job), replied)
        at += 50_000
        send(worker, "update_heartbeat", e.JobsBeat((job,)))
        at += 2_000_000 if job % 7 == 0 else 5_000
        put(worker, e.LogLine("app", "INFO", HOSTILE))
        put(worker, e.HandlerFinished("charge", job_id=job))
        if job % 9:
            send(worker, "log_jobs", e.JobLogged(job, "successful", "charge", 0))
    del entries[size - 1 :]
    broken = e.InvariantBroken("single-runner", "a started job 1 a second time")
    put("a", broken, len(entries) - 1)
    failure = Failure("invariant", broken.message, "single-runner", broken.signature)
    outcome = msgspec.structs.replace(trace.outcome, failure=failure, simulated=at)
    choices = (
        Choice("a dequeue request", 0, 1, 64, entries[10].at, 11),
        Choice("b order", 0, 1, 2, entries[20].at, 20, "a"),
    )
    changed = msgspec.structs.replace(
        trace, events=tuple(entries), outcome=outcome, choices=choices
    )
    return seal(changed)


class Page:
    """A report in the browser, and what the tests do with it."""

    def __init__(self, browser):
        self.browser = browser

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        """Return what all of them show, in one step: the list may be made anew meanwhile."""
        return self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)",
            selector,
        )

    def press(self, *keys):
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def focused(self):
        return self.browser.execute_script("return document.activeElement.id")

    def event(self):
        """Return the number of the event whose details are shown."""
        return int(self.one("#details h2").text.removeprefix("#"))

    def redrawn(self, key):
        """Press a key in the timeline; return what is told of its drawing after that."""
        return self.browser.execute_async_script(REDRAWN, key)

    def click_in_timeline(self, text, left=0):
        spot = self.browser.execute_script(FIND, text, left)
        assert spot is not None, text
        canvas = self.one("#canvas")
        across, down = spot[0] - canvas.rect["width"] / 2, spot[1] - canvas.rect["height"] / 2
        actions = webdriver.ActionChains(self.browser)
        actions.move_to_element_with_offset(canvas, round(across), round(down)).click().perform()

    def table(self, name):
        """Return a table's rows: each its marks and its cells by column."""
        found = self.all(f'#tables .hold[aria-label="{name} table"]')
        if not found:
            return []
        return self.browser.execute_script(TABLE, found[0])


@pytest.fixture
def show(browser, tmp_path):
    """Open the report of a trace from its file; returns the page."""

    def opened(trace, limit=None):
        path, again = tmp_path / "report.html", "simqueue replay t.json"
        path.write_bytes(render_page(trace, table_changes(trace), again=again, limit=limit))
        browser.get(path.as_uri())
        return Page(browser)

    return opened


@pytest.fixture
def page(show, trace):
    """The report of a short failed run."""
    return show(synthetic(trace, 120))


@pytest.fixture
def media(browser):
    """Emulate what the reader prefers, ``media(prefers-color-scheme="dark")``."""

    def emulate(**features):
        wanted = [{"name": name.replace("_", "-"), "value": features[name]} for name in features]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})

    yield emulate
    emulate()


def test_it_opens_from_its_file_at_the_failure_and_fetches_nothing(page, browser):
    assert page.one("h1").text == "a started job 1 a second time"
    assert page.event() == 119
    assert page.one("#list [aria-selected=true]").get_attribute("id") == "event-119"
    assert "breaks single-runner" in page.one("#selection").get_attribute("textContent")
    entries = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert browser.execute_script(entries) == []
    warnings = [each for each in browser.get_log("browser") if each["level"] != "DEBUG"]
    assert warnings == []


def test_a_click_on_an_event_shows_the_tables_before_and_after_it(page):
    page.press("/", "picks job 2", Keys.ENTER)
    page.one("#list .row").click()
    shown = [row for row in page.table("jobs") if row["id"] == "2"]
    assert [(row["row"], row["status"], row["manager"]) for row in shown] == [
        ("before", "queued", "-"),
        ("after", "picked", "a (00000001)"),
    ]
    assert [row["row"] for row in page.table("log") if row["row"]] == ["after"]
    page.one('[data-mode="before"]').click()
    assert [row["status"] for row in page.table("jobs") if row["id"] == "2"] == ["queued"]
    page.one('[data-mode="after"]').click()
    assert [row["status"] for row in page.table("jobs") if row["id"] == "2"] == ["picked"]
    assert page.one('[data-mode="after"]').get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("seed", [3, 5])
def test_the_tables_are_the_fold_of_the_log_wherever_one_jumps(show, seed):
    trace = run(busy_shop, seed=seed).trace
    page, size, names = show(trace), len(trace.events), names_in_force(trace.config.epoch_us)
    page.one("#routine").click()
    compared = 0
    for number in [size - 1, 0, size // 2, size // 3, size - 2, size // 2 + 1]:
        page.browser.execute_script(
            "document.getElementById('list').scrollTop = arguments[0] * 22 - 100;", number
        )
        page.browser.execute_async_script("requestAnimationFrame(() => arguments[0]())")
        page.one(f"#event-{number}").click()
        assert page.one("#details h2").text == f"#{number}"
        for which, end in (("before", number), ("after", number + 1)):
            page.one(f'[data-mode="{which}"]').click()
            rows = fold(names, trace.events[:end]).jobs.rows.values()
            wanted = sorted((str(row.id), row.status, row.entrypoint) for row in rows)
            assert len(wanted) <= 30  # as many as are shown without a click
            shown = page.table("jobs")
            told = sorted((row["id"], row["status"], row["entrypoint"]) for row in shown)
            assert told == wanted
            compared += len(told)
    assert compared > 20


def test_a_click_on_a_job_shows_its_history(page):
    page.click_in_timeline("job 2 (charge): click for its history")
    assert page.one("#details h2").text == "History of job 2 (charge)"
    said = page.texts(".history button span:last-child")
    assert said[0].startswith("scenario enqueues job 2 (charge)")
    worker = said[1].split()[0]
    assert said[1:] == [
        f"{worker} picks job 2",
        f"{worker} starts to run job 2 (charge)",
        f"{worker} finishes job 2 (charge)",
        f"{worker} logs job 2 (charge) successful",
    ]
    assert "1 heartbeat" in page.one(".history .fold").text
    page.all(".history button")[1].click()
    assert page.one("#details .words").text.endswith("picks job 2")


def test_a_click_in_the_timeline_shows_the_event_there(page):
    page.redrawn("0")
    page.click_in_timeline("dequeue (statement 2)")
    assert "statement 2" in page.one("#details").text
    page.click_in_timeline("deviation 1")
    assert "deviation 1" in page.one("#details dl").text


def test_the_pointer_is_told_what_it_is_over(page):
    assert page.browser.execute_script(FIND, "a's enqueue", 0) is None
    assert page.browser.execute_script(FIND, "scenario's enqueue (statement", 0) is not None
    assert "committed +" in page.one("#tip").text


def test_what_caused_an_event_is_one_step_away(page):
    page.press("c")
    assert page.event() == 118
    page.press("f")
    page.one("#details dd .link").click()
    assert page.event() == 118


def test_a_search_shows_only_what_fits(page):
    whole = page.one("#count").text
    page.press("/")
    assert page.focused() == "search"
    page.press("job 3")
    shown = page.texts("#list .row .said")
    assert shown
    assert all("job 3" in said for said in shown)
    page.press(Keys.ESCAPE)
    assert page.one("#count").text == whole
    page.press("/", "heartbeat SENDS")
    assert set(page.texts("#list .row .who")) == {"a", "b", "c"}
    page.press("/", Keys.CONTROL + "a")
    page.press("no such words")
    assert page.one("#list").text == "No event fits the search."
    assert "0 events found" in page.one("#selection").get_attribute("textContent")


def test_the_keyboard_alone_does_everything(page, browser):
    reached = []
    for _ in range(60):
        page.press(Keys.TAB)
        outline = browser.execute_script(
            "const at = document.activeElement; return [at.id || at.className || at.tagName,"
            " getComputedStyle(at).outlineStyle, parseFloat(getComputedStyle(at).outlineWidth)]"
        )
        if outline[0] == "BODY":
            break
        assert outline[1] != "none", outline
        assert outline[2] >= 1, outline
        reached.append(outline[0])
    assert {
        "to-failure", "next-deviation", "help", "line", "fit", "lanes", "search", "routine", "list",
    } <= set(reached)  # fmt: skip
    assert reached.index("next-deviation") < reached.index("lanes") < reached.index("list")

    browser.execute_script("document.getElementById('lanes').focus()")
    page.press("n")
    assert "deviation 1" in page.one("#details dl").text
    page.press("n")
    assert "deviation 2" in page.one("#details dl").text
    page.press("p")
    assert "deviation 1" in page.one("#details dl").text
    page.press("f", Keys.ARROW_LEFT)
    before = page.event()
    assert before < 119
    page.press(Keys.ARROW_RIGHT)
    assert page.event() == 119
    page.press(Keys.HOME)
    assert page.event() == 0
    page.press(Keys.ENTER)
    assert page.focused() == "details"
    page.press(Keys.ESCAPE)
    assert page.focused() == "list"
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert page.one("#list").get_attribute("aria-activedescendant") == f"event-{page.event()}"
    page.press("f", "j")
    assert page.one("#details h2").text == "History of job 1 (charge)"
    page.press(Keys.TAB)
    page.press(Keys.ENTER)
    assert "enqueues job 1" in page.one("#details .words").text
    page.press("?")
    assert page.one("#keys").get_attribute("open") is not None
    page.press(Keys.ENTER)
    assert page.one("#keys").get_attribute("open") is None


def test_zoom_and_pan_by_keys_wheel_and_drag(page, browser):
    whole = page.redrawn("0")
    assert (whole["first"], whole["last"]) == ("0", "119")
    near = page.redrawn("+")
    assert int(near["last"]) - int(near["first"]) < 119
    canvas = page.one("#canvas")
    wheel = webdriver.common.actions.wheel_input.ScrollOrigin.from_element(canvas)
    webdriver.ActionChains(browser).scroll_from_origin(wheel, 0, -400).perform()
    nearer = page.redrawn("x")
    assert int(nearer["last"]) - int(nearer["first"]) < int(near["last"]) - int(near["first"])
    drag = webdriver.ActionChains(browser).move_to_element(canvas).click_and_hold()
    drag.move_by_offset(-200, 0).release().perform()
    assert int(page.redrawn("x")["first"]) > int(nearer["first"])
    page.press("t")
    assert page.one("#scale").get_attribute("aria-pressed") == "true"
    assert page.redrawn("0")["last"] == "119"


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_everything_is_readable(page, media, theme):
    media(prefers_color_scheme=theme)
    page.press("/", "picks job", Keys.ENTER)
    page.one("#list .row").click()
    page.press("?")
    texts, drawn = page.browser.execute_script(CONTRASTS, DRAWN)
    assert len(texts) > 80
    assert [each for each in texts if each[0] < 4.5] == []
    assert [each for each in drawn if each[0] < each[1]] == []
    dark = page.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, dark[4:-1].split(","))) < 150) == (theme == "dark")


def test_nothing_moves_for_who_does_not_want_it(page, media):
    media(prefers_reduced_motion="reduce")
    moving = """return [...document.querySelectorAll("*")].filter((each) => {
        const style = getComputedStyle(each);
        return parseFloat(style.transitionDuration) || style.animationName !== "none"; }).length"""
    assert page.browser.execute_script(moving) == 0


def test_text_of_a_trace_stays_text(page, browser):
    scripts = browser.execute_script("return document.scripts.length")
    page.press("/", "says app", Keys.ENTER)
    page.one("#list .row").click()
    assert HOSTILE in page.one("#details .words").text
    assert HOSTILE in page.one("#list .row .said").text
    page.press("/", Keys.CONTROL + "a")
    page.press("enqueues", Keys.ENTER)
    page.one("#list .row").click()
    assert "<script>" in page.one("#tables").text
    assert browser.execute_script("return [typeof hacked, document.scripts.length]") == [
        "undefined",
        scripts,
    ]
    assert page.all("img") == []


def test_a_passed_run_and_one_in_which_nothing_happened_open_too(show, trace):
    passed = msgspec.structs.replace(trace.outcome, passed=True, failure=None)
    page = show(msgspec.structs.replace(trace, outcome=passed))
    assert page.event() == 0
    page = show(msgspec.structs.replace(trace, outcome=passed, events=(), choices=()))
    assert page.one("#list").text == "Nothing happened in this run."
    for key in ["0", "+", "-", "t", "ArrowLeft", "Home", "PageDown"]:
        page.redrawn(key)
    page.press("c", "j", "n", "f")


def test_long_texts_leave_room_for_the_rest(show, trace):
    long = "a very long message " * 500
    failure = msgspec.structs.replace(trace.outcome.failure, message=long, where="x" * 3_000)
    events = (*trace.events, Entry(trace.events[-1].at, "w" * 500, e.LogLine("app", "INFO", long)))
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    page = show(msgspec.structs.replace(trace, events=events, outcome=outcome))
    boxes = [page.one(each).rect for each in ("#story", "#timeline", "#events")]
    for above, below in pairwise(boxes):
        assert above["y"] + above["height"] <= below["y"] + 1
    assert min(box["height"] for box in boxes) > 150
    assert page.one("#canvas").rect["height"] > 150
    assert page.one("#details").rect["width"] > 300
    sizes = "const all = document.body; return [all.scrollWidth, all.scrollHeight, innerHeight]"
    wide, high, height = page.browser.execute_script(sizes)
    assert wide <= page.browser.execute_script("return innerWidth")
    assert high <= height


def test_twenty_thousand_events_cost_what_the_screen_can_show(show, trace, browser):
    """Bounds of work, not of time: what is drawn depends on pixels, not on the run's length."""
    page = show(synthetic(trace, 20_000))
    nodes = "return document.querySelectorAll('*').length"
    wide = page.one("#canvas").rect["width"]
    assert page.redrawn("0")["last"] == "19999"
    for key in ["0", *"++++++++++++"]:
        told = page.redrawn(key)
        assert 50 < int(told["drawn"]) < 4 * wide, told
    assert int(told["last"]) - int(told["first"]) < 200
    assert browser.execute_script(nodes) < 1_500
    page.one("#routine").click()
    browser.execute_script("document.getElementById('list').scrollTop = 220000")
    browser.execute_async_script("requestAnimationFrame(() => arguments[0]())")
    assert len(page.all("#list .row")) < 100
    page.one("#event-10003").click()
    assert page.event() == 10_003
    page.press("f")
    assert page.event() == 19_999
    page.press("/", "job 1000")
    assert "job 1000" in page.one("#list .row .said").text
    assert browser.execute_script(nodes) < 1_500


def test_a_page_of_a_part_tells_what_is_left_out_and_has_right_tables(show, trace, browser):
    log = synthetic(trace, 3_000)
    page = show(log, limit=300)
    assert page.event() == 2_999
    assert "of 3,000 events are not on this page" in page.one("#left-out").text
    assert " not on this page" in page.one("#count").text
    folded = fold(names_in_force(log.config.epoch_us), log.events)
    sizes = [said for said in page.texts("#tables .name") if said.startswith("log")]
    assert f"{len(folded.log.rows)} rows" in sizes[0]
    assert "not on this page" in sizes[0]
    page.press("/", "left out")
    gaps = page.texts("#list .row .said")
    assert gaps
    assert all("simqueue show TRACE --from '#" in said for said in gaps)
    page.press(Keys.ENTER, Keys.HOME)
    assert page.one("#details h2").text == "…"
    assert "these events change" in page.one("#tables .facts").text
    page.press("/", Keys.CONTROL + "a")
    page.press("#2990", Keys.ENTER, Keys.HOME)
    assert page.event() == 2_990
    page.press("n")
    assert "deviation 1" in page.one("#details dl").text
    assert page.event() == 10
    page.press("f")
    assert page.event() == 2_999
    assert page.redrawn("0")["first"] == "0"
