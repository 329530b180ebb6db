import pytest


def test_a_page_is_read(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<title>a page</title><script>document.title += '!'</script>")
    browser.get(page.as_uri())
    assert browser.title == "a page!"


def test_an_error_on_the_console_is_seen(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<script>throw new Error('broken')</script>")
    browser.get(page.as_uri())
    errors = browser.get_log("browser")
    with pytest.raises(AssertionError):
        assert [each for each in errors if "broken" in each["message"]] == []
