"""A real browser: Debian's Chromium, headless, driven over its own protocol."""

import os
import shutil

import pytest

NO_BROWSER = "no chromium and chromedriver on PATH: `apt-get install chromium chromium-driver`"


@pytest.fixture(scope="session")
def chromium():
    """The browser; CI installs it, and a test that cannot have it there fails."""
    found, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if found is None or driver is None:
        if "CI" in os.environ:
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def browser(chromium):
    """The browser on an empty page; what a test leaves on its console as an error fails it."""
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    errors = [line["message"] for line in chromium.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []
