import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import simqueue
from simqueue.model import events as e

pytest.importorskip("fastapi", reason="the dashboard needs simqueue[web]")
keys = pytest.importorskip("selenium.webdriver.common.keys")
waiting = pytest.importorskip("selenium.webdriver.support.wait")

ROOT = str(Path(__file__).parents[2])
HOSTILE = "</section><script>document.title = 'taken'</script><img src=x onerror=alert(1)>"


async def shop(sim):
    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            await asyncio.sleep(1)

    sim.worker("a", app, batch_size=2)
    await sim.queries.enqueue(["mail"] * 4, [HOSTILE.encode()] * 4, [0] * 4)
    sim.log.info(HOSTILE)
    await asyncio.sleep(10)
    raise AssertionError(HOSTILE)


@pytest.fixture(scope="module")
def recorded():
    return simqueue.run(shop, seed=1).trace


@pytest.fixture(scope="module")
def address(recorded, tmp_path_factory):
    """``simqueue serve`` in a process of its own; where it is."""
    path = tmp_path_factory.mktemp("traces") / "shop.json"
    recorded.save(path)
    command = [sys.executable, "-m", "simqueue", "serve", str(path)]
    path_of = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), ROOT]))
    environment = {**os.environ, "PYTHONPATH": path_of}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield re.match(r"http://[^/]*", process.stdout.readline())[0]
        process.kill()


@pytest.fixture
def dashboard(browser, address):
    """The browser on a page of an event."""

    def go(number, page="/"):
        browser.get(f"{address}/at/{number}{page}")
        return browser

    return go


def first(trace, kind, **fields):
    """Return the number of the first event of a kind."""
    for number, entry in enumerate(trace.events):
        if isinstance(entry.event, kind) and all(
            getattr(entry.event, name) == value for name, value in fields.items()
        ):
            return number
    raise AssertionError(kind)


def find(browser, selector):
    return browser.find_element("css selector", selector)


def arrives(browser, number):
    """Wait until the browser shows another event."""
    waiting.WebDriverWait(browser, 20).until(
        lambda _: (
            f"/at/{number}/" in browser.current_url
            and browser.execute_script("return document.readyState") == "complete"
        )
    )
    assert find(browser, "#simqueue-bar").get_attribute("data-number") == str(number)


def press(browser, *pressed):
    find(browser, "body").send_keys(*pressed)


def statuses(browser):
    """Return the statuses that the jobs page shows."""
    # In one step: htmx may put other rows in their place at any moment.
    return browser.execute_script(
        "return [...document.querySelectorAll('main td .status')].map((each) => each.innerText)"
    )


def test_the_jobs_change_as_the_tables_do(dashboard, recorded):
    picked = first(recorded, e.JobPicked)
    browser = dashboard(picked - 1, "/jobs")
    assert statuses(browser) == ["queued"] * 4
    find(browser, "a[rel=next]").click()
    arrives(browser, picked)
    assert statuses(browser) == ["picked", *["queued"] * 3]
    assert find(browser, ".sq-said").text == "a picks job 1"
    assert browser.title == "pgqueuer · jobs"


def test_keys_move_to_the_next_event_and_to_the_next_change(dashboard, recorded):
    picked = first(recorded, e.JobPicked)
    browser = dashboard(picked, "/jobs")
    press(browser, keys.Keys.ARROW_RIGHT)
    arrives(browser, picked + 1)
    assert statuses(browser) == ["picked", "picked", "queued", "queued"]
    press(browser, keys.Keys.ARROW_LEFT)
    arrives(browser, picked)
    press(browser, keys.Keys.SHIFT, keys.Keys.ARROW_LEFT)
    arrives(browser, first(recorded, e.JobEnqueued, job_id=4))
    press(browser, "f")
    arrives(browser, len(recorded.events) - 1)
    assert statuses(browser) == []


def test_keys_follow_a_job(dashboard, recorded):
    enqueued = first(recorded, e.JobEnqueued, job_id=3)
    browser = dashboard(enqueued, "/jobs/3")
    for kind in (e.JobPicked, e.HandlerStarted, e.HandlerFinished, e.JobLogged):
        press(browser, "j")
        arrives(browser, first(recorded, kind, job_id=3))
    assert "no longer in the queue table" in find(browser, "main").text
    assert "successful" in find(browser, "main").text
    press(browser, "k")
    arrives(browser, first(recorded, e.HandlerFinished, job_id=3))


def test_a_key_in_a_field_is_for_the_field(dashboard):
    browser = dashboard(9)
    press(browser, "g")
    number = browser.switch_to.active_element
    assert number.get_attribute("name") == "number"
    number.send_keys("12", keys.Keys.ARROW_LEFT, keys.Keys.ENTER)
    arrives(browser, 12)
    find(browser, ".jump input").send_keys("fjk", keys.Keys.ARROW_RIGHT)
    assert browser.current_url.endswith("/at/12/")
    assert find(browser, ".jump input").get_attribute("value") == "fjk"


def test_the_slider_tells_what_is_under_it_and_goes_there(dashboard, recorded):
    browser = dashboard(0, "/jobs")
    picked = first(recorded, e.JobPicked)
    drag = (
        "const slider = document.querySelector('.sq-slider'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event(arguments[1]));"
    )
    browser.execute_script(drag, picked, "input")
    said = find(browser, ".sq-said")
    waiting.WebDriverWait(browser, 20).until(lambda _: said.text == "a picks job 1")
    assert "sq-preview" in said.get_attribute("class")
    assert find(browser, "input[name=number]").get_attribute("value") == str(picked)
    assert browser.current_url.endswith("/at/0/jobs")
    browser.execute_script(drag, picked, "change")
    arrives(browser, picked)


def test_the_slider_is_moved_by_keys(dashboard):
    browser = dashboard(5)
    find(browser, ".sq-slider").send_keys(keys.Keys.ARROW_RIGHT)
    arrives(browser, 6)


def test_a_filter_goes_along_to_the_next_event(dashboard, recorded):
    picked = first(recorded, e.JobPicked)
    browser = dashboard(picked, "/jobs")
    find(browser, "select[name=status] option[value=queued]").click()
    waiting.WebDriverWait(browser, 20).until(lambda _: len(statuses(browser)) == 3)
    press(browser, keys.Keys.ARROW_RIGHT)
    arrives(browser, picked + 1)
    assert statuses(browser) == ["queued", "queued"]


def test_cancel_says_that_nothing_is_cancelled(dashboard, recorded):
    browser = dashboard(first(recorded, e.JobPicked), "/jobs")
    find(browser, "main button.danger").click()
    assert find(browser, ".sq-note").text.startswith("This is the past")
    browser.refresh()
    assert len(statuses(browser)) == 4


def test_what_jobs_hold_is_shown_and_not_run(dashboard, recorded):
    browser = dashboard(first(recorded, e.JobPicked), "/jobs/1")
    assert HOSTILE in find(browser, "main pre").text
    for number in (first(recorded, e.LogLine), len(recorded.events) - 1):
        press(dashboard(number), "g")
        assert browser.title == "pgqueuer · overview"
    assert "taken" in find(dashboard(first(recorded, e.LogLine)), ".sq-said").text


def test_without_scripts_links_and_the_number_still_lead_on(dashboard):
    browser = dashboard(4, "/jobs")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        find(browser, "a[rel=next]").click()
        waiting.WebDriverWait(browser, 20).until(lambda _: "/at/5/jobs" in browser.current_url)
        number = find(browser, "input[name=number]")
        number.clear()
        number.send_keys("8", keys.Keys.ENTER)
        waiting.WebDriverWait(browser, 20).until(lambda _: "/at/8/jobs" in browser.current_url)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_bar_is_as_light_or_dark_as_the_dashboard(dashboard, theme):
    browser = dashboard(4)
    browser.execute_script("pgqSetTheme(arguments[0])", theme)
    colors = [
        browser.execute_script("return getComputedStyle(arguments[0]).backgroundColor", element)
        for element in (find(browser, "body"), find(browser, "#simqueue-bar"))
    ]
    browser.execute_script("pgqSetTheme('auto')")
    assert (
        colors[0] == colors[1] == {"light": "rgb(255, 255, 255)", "dark": "rgb(19, 20, 23)"}[theme]
    )
