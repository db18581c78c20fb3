"""The page of a search in Chromium: drawn charts, no requests, no messages."""

import itertools

import pytest
from helpers.chromium import BASH, CHROMIUM, Browser

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
def test_page_draws_its_charts_without_requests(browser, page, width, mode):
    browser.show(page, width=width, mode=mode)
    marks = browser.value(DRAWN)
    assert len(marks) == 12
    assert min(marks) > 0
    assert browser.complaints() == []
    assert {url.split(":", 1)[0] for url in browser.requests()} <= {"file", "data"}
    assert len([url for url in browser.requests() if url.startswith("file")]) == 1
    assert browser.value("document.documentElement.scrollWidth") == width


LABELS = """
[...document.querySelectorAll('#progress .role-axis-label text')].map((text) => text.textContent)
"""


def test_axes_of_one_scored_trial(browser, written, tmp_path):
    levels = {"filters": 8, "learning_rate": 0.01, "normalization": "none", "batch_size": 16}
    one = written(tmp_path / "one", {"0": (levels, {0: 0.2944}, None)})
    browser.open(ablations.search_report(one, tmp_path / "one.html"))
    trial, *scores = browser.value(LABELS)
    assert trial == "1"
    assert float(scores[0]) < 0.2944 < float(scores[-1])
    assert len(set(scores)) == len(scores) > 2


def test_trial_axis_has_whole_numbers(browser, page):
    browser.show(page)
    labels = [int(label) for label in browser.value(LABELS) if "." not in label]
    assert labels == [8, 24, 40, 56]  # of 59, as many as there are on other axes


@pytest.mark.parametrize("width", [390, 1280])
def test_labels_of_close_levels_do_not_overlap(browser, written, tmp_path, width):
    trials = {}
    for at, (rate, filters) in enumerate([(1e-4, 8), (1.1e-4, 16), (0.05, 24), (0.09, 64)]):
        levels = {"filters": filters, "learning_rate": rate, "normalization": "none"}
        levels |= {"batch_size": 16 * at + 16, "logits": at % 2 == 0}
        trials[str(at)] = (levels, {0: 0.1 * at}, None)
    close = written(tmp_path / "close", trials)
    browser.open(ablations.search_report(close, tmp_path / "close.html"), width=width)
    boxes = browser.value("""
        [...document.querySelectorAll('#parallel .mark-text text')].map((text) => {
          const box = text.getBoundingClientRect();
          return [text.textContent, box.left, box.right, Math.round(box.top)]; })
    """)
    shown = sorted({tuple(box) for box in boxes}, key=lambda box: (box[3], box[1]))
    assert {"8", "64", "0.0001", "0.09", "False", "True"} <= {box[0] for box in shown}
    for (_, _, right, top), (_, left, _, below) in itertools.pairwise(shown):
        assert right <= left or below > top
    chart = browser.value("""
        (() => { const box = document.querySelector('#parallel .chart').getBoundingClientRect();
          return [box.left, box.right]; })()
    """)
    assert chart[0] <= min(box[1] for box in shown)
    assert max(box[2] for box in shown) <= chart[1]


def test_hostile_texts_are_escaped(browser, page):
    browser.show(page)
    assert browser.value("document.scripts.length") == 12 + 2
    assert browser.value("document.querySelectorAll('td b, th b, svg b').length") == 0
    assert browser.value("document.body.innerText.includes('<script>alert(1)</script>')")


def test_click_sorts_the_trials(browser, page):
    browser.open(page)
    browser.value("document.querySelector('#trials summary').click()")
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
