"""The page in a real browser: it draws, asks the network for nothing, and logs nothing."""

import base64
from dataclasses import replace

import pytest
from chromium import BASH, CHROMIUM, Browser

from ablations.report import write_report

pytestmark = pytest.mark.skipif(not (CHROMIUM and BASH), reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(contents, tmp_path_factory):
    return write_report(contents, tmp_path_factory.mktemp("page") / "report.html")


DRAWN = """
[...document.querySelectorAll('.chart')].map((box) =>
  box.querySelectorAll('svg .role-mark path, svg .role-mark line, svg .role-mark text').length)
"""


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_draws_and_asks_for_nothing(browser, page, width, mode):
    browser.open(page, width=width, mode=mode)
    marks = browser.value(DRAWN)
    assert len(marks) == 11
    assert min(marks) > 0
    assert browser.complaints() == []
    assert {url.split(":", 1)[0] for url in browser.requests()} <= {"file", "data"}
    assert browser.requests()[0] == page.as_uri()
    assert len([url for url in browser.requests() if url.startswith("file")]) == 1


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_nothing_is_wider_than_the_screen(browser, page, width):
    browser.open(page, width=width)
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("""
        [...document.querySelectorAll('.chart')].every((box) =>
          box.querySelector('svg').getBoundingClientRect().width <= box.clientWidth + 1)
    """)


@pytest.mark.parametrize("width", [390, 1280])
def test_names_on_axes_are_whole_and_verdicts_in_sight(browser, page, width):
    browser.open(page, width=width)
    names = browser.value("""
        [...document.querySelectorAll('#deltas .chart .role-axis-label text')]
          .map((text) => text.textContent)
    """)
    assert names.count("normalization=batch") == 2
    verdicts = browser.value("""
        [...document.querySelectorAll('#deltas table')].filter((table) => table.offsetParent)
          .flatMap((table) => [...table.querySelectorAll('.verdict')])
          .map((cell) => cell.getBoundingClientRect().right)
    """)
    assert verdicts
    assert max(verdicts) < width


def test_notes_of_a_table_are_not_cut(browser, contents, tmp_path):
    note = "3 of 3 never got there: no mean; the baseline never came to a finite value"
    table = contents.tables["Stability"].assign(**{f"column_{at}": at for at in range(9)})
    shown = replace(contents, tables={"Epochs": table.assign(notes=note)})
    browser.open(write_report(shown, tmp_path / "report.html"), width=1280)
    assert browser.value("""
        [...document.querySelectorAll('#table-Epochs .notes li')].map((line) => line.innerText)
    """) == note.split("; ")
    assert (
        browser.value("""
        document.querySelector('#table-Epochs .notes').getBoundingClientRect().right
    """)
        < 1280
    )


def test_hostile_texts_stay_texts(browser, page):
    browser.open(page)
    assert browser.value("document.scripts.length") == 11 + 2
    assert browser.value("document.querySelectorAll('main b b, td b, th b, svg b').length") == 0
    assert browser.value("document.body.innerText.includes('<script>alert(1)</script>')")


def test_the_network_is_closed_to_the_page(browser, page):
    browser.open(page)
    refused = "fetch('https://example.org/').then(() => 'open', () => 'closed')"
    assert browser.value(refused) == "closed"
    assert browser.value("(() => { try { return eval('1') } catch { return 'closed' } })()") == (
        "closed"
    )


def test_a_click_sorts_a_table(browser, page):
    browser.open(page)
    column = "[...document.querySelectorAll('#deltas table')[0].tBodies[0].rows].map((row) => {}"
    click = "document.querySelectorAll('#deltas table')[0].tHead.querySelectorAll('button')[3]"
    numbers = column.format("Number(row.children[3].dataset.key))").replace("-inf", "-Infinity")
    browser.value(f"{click}.click()")
    rising = browser.value(f"({numbers}).filter(Number.isFinite)")
    assert rising == sorted(rising)
    assert len(rising) == 7
    assert browser.value(f"{click}.parentNode.getAttribute('aria-sort')") == "ascending"
    browser.value(f"{click}.click()")
    assert browser.value(f"({numbers}).filter(Number.isFinite)") == rising[::-1]
    browser.value(f"{click.replace('[3]', '[1]')}.click()")
    levels = browser.value(column.format("row.children[1].innerText)"))
    assert levels.index("1") < levels.index("3") < levels.index("4096")


def test_charts_follow_the_mode(browser, page):
    browser.open(page, mode="light")
    ink = """
        getComputedStyle(document.querySelector('.chart svg .role-axis-title text')).fill
    """
    light = browser.value(ink)
    browser.mode("dark")
    assert browser.value(ink) != light


def test_the_page_prints_with_its_charts(browser, page):
    browser.open(page, mode="dark")
    printed = base64.b64decode(browser.send("Page.printToPDF", printBackground=True)["data"])
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > 2
    assert browser.complaints() == []
