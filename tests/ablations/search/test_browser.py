"""The page of a search in a real browser: it draws, asks for nothing, and logs nothing."""

import pytest
from chromium import BASH, CHROMIUM, Browser

import ablations

pytestmark = pytest.mark.skipif(not (CHROMIUM and BASH), reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(search, tmp_path_factory):
    return ablations.search_report(search, tmp_path_factory.mktemp("page") / "search.html")


DRAWN = """
[...document.querySelectorAll('.chart')].map((box) =>
  box.querySelectorAll('svg .role-mark path, svg .role-mark line, svg .role-mark text').length)
"""


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_draws_and_asks_for_nothing(browser, page, width, mode):
    browser.open(page, width=width, mode=mode)
    marks = browser.value(DRAWN)
    assert len(marks) == 9
    assert min(marks) > 0
    assert browser.complaints() == []
    assert {url.split(":", 1)[0] for url in browser.requests()} <= {"file", "data"}
    assert len([url for url in browser.requests() if url.startswith("file")]) == 1
    assert browser.value("document.documentElement.scrollWidth") == width


def test_hostile_texts_stay_texts(browser, page):
    browser.open(page)
    assert browser.value("document.scripts.length") == 9 + 2
    assert browser.value("document.querySelectorAll('td b, th b, svg b').length") == 0
    assert browser.value("document.body.innerText.includes('<script>alert(1)</script>')")


def test_a_click_sorts_the_trials(browser, page):
    browser.open(page)
    table = "document.querySelector('#trials table')"
    at = browser.value(
        f"[...{table}.tHead.querySelectorAll('button')].findIndex((b) => b.innerText == 'score')"
    )
    browser.value(f"{table}.tHead.querySelectorAll('button')[{at}].click()")
    scores = browser.value(
        f"[...{table}.tBodies[0].rows].map((row) => Number(row.children[{at}].dataset.key))"
        ".filter(Number.isFinite)"
    )
    assert scores == sorted(scores)
    assert len(scores) == 114
