"""The page of a study in Chromium: drawn charts, no requests, no messages."""

import base64
from dataclasses import replace

import pytest
from helpers.chromium import BASH, CHROMIUM, Browser
from helpers.drawn_networks import chain

from ablations.report import write_report
from ablations.report.network.chart import COLUMN_ROWS

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


@pytest.mark.parametrize(
    ("width", "mode"),
    [
        *((320, "light"), (320, "dark"), (390, "light"), (700, "light")),
        *((1280, "dark"), (1280, "light")),
    ],
)
def test_page_draws_its_charts_without_requests(browser, page, width, mode):
    browser.show(page, width=width, mode=mode)
    marks = browser.value(DRAWN)
    assert len(marks) == 12
    assert min(marks) > 0
    assert browser.complaints() == []
    assert {url.split(":", 1)[0] for url in browser.requests()} <= {"file", "data"}
    assert browser.requests()[0] == page.as_uri()
    assert len([url for url in browser.requests() if url.startswith("file")]) == 1
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("""
        [...document.querySelectorAll('.chart')].every((box) =>
          box.querySelector('svg').getBoundingClientRect().width <= box.clientWidth + 1)
    """)


@pytest.mark.parametrize("width", [1280, 390])
def test_axis_labels_are_complete_and_verdicts_visible(browser, page, width):
    browser.show(page, width=width)
    names = browser.value("""
        [...document.querySelectorAll('#deltas .chart .role-axis-label text')]
          .map((text) => text.textContent)
    """)
    assert names.count("normalization=batch \N{DAGGER}") == 2
    shown = browser.value("""
        [...document.querySelectorAll('#deltas table:has(.verdict)')]
          .flatMap((table) => [...table.querySelectorAll('td:nth-child(-n + 3)')])
          .map((cell) => cell.getBoundingClientRect().right)
    """)
    assert len(shown) == 2 * 9 * 2  # the verdicts and the deltas
    assert max(shown) < width


@pytest.mark.parametrize(("width", "columns"), [(1280, 2), (390, 1)])
def test_network_is_drawn_for_the_width_with_whole_names(
    browser, contents, tmp_path, width, columns
):
    count = 2 * COLUMN_ROWS - 2
    changes = {"baseline": {}, "pool_size=1": {"part:block0": "remove"}}
    shown = replace(contents, network=chain(*range(1, count + 1)), changes=changes)
    browser.open(write_report(shown, tmp_path / "network.html"), width=width)
    assert browser.complaints() == []
    names = browser.value("""
        (() => { const svg = document.querySelector('#network .chart svg').getBoundingClientRect();
          return [...document.querySelectorAll('#network .role-mark text')]
            .filter((text) => /block|head/.test(text.textContent))
            .map((text) => [text.textContent, text.getBoundingClientRect().left >= svg.left,
              Math.round(text.getBoundingClientRect().right)]); })()
    """)
    assert {name for name, _, _ in names} == {*(f"block{n}" for n in range(count)), "head"}
    assert all(inside for _, inside, _ in names)
    assert len({right for _, _, right in names}) == columns


def test_long_axis_labels_are_complete_on_a_phone(browser, contents, tmp_path):
    long = {
        f"pool_size={level}": f"augment=crop_then_flip_with_a_long_name_{level}"
        for level in (1, 3, 4)
    }
    renamed = {
        name: getattr(contents, name).replace({"variant": long})
        for name in ("trials", "deltas", "history", "costs")
    }
    browser.open(write_report(replace(contents, **renamed), tmp_path / "long.html"), width=390)
    names = browser.value("""
        [...document.querySelectorAll('#deltas .chart .role-axis-label text')]
          .map((text) => text.textContent)
    """)
    assert {
        names.count(f"augment=crop_then_flip_with_a_long_name_{level}") for level in (1, 3, 4)
    } == {2}


def test_values_of_very_different_sizes_use_a_log_scale(browser, contents, tmp_path):
    trials, failed = contents.trials.copy(), contents.trials["variant"] == "pool_size=4"
    trials.loc[failed, ["test_loss", "params"]] *= 1e6
    shown = replace(contents, trials=trials, costs=None)
    browser.open(write_report(shown, tmp_path / "sizes.html"))
    assert browser.complaints() == []
    titles = browser.value("""
        [...document.querySelectorAll('#costs .role-axis-title text')].map((it) => it.textContent)
    """)
    assert [title for title in titles if "log scale" in title] == [
        *("parameters (log scale)", "test loss (log scale)lower is better"),
        "parameters (log scale)",
    ]


def test_one_seed_is_drawn_beside_its_names(browser, one_seed, tmp_path):
    browser.open(write_report(one_seed, tmp_path / "one.html"))
    assert browser.complaints() == []
    right, left = browser.value("""
        (() => { const chart = document.querySelector('#deltas .chart');
          const places = (which) => [...chart.querySelectorAll(which)]
            .map((mark) => mark.getBoundingClientRect());
          return [
            Math.max(...[...chart.querySelectorAll('.role-axis-label text')]
              .filter((text) => text.textContent.includes('='))
              .map((text) => text.getBoundingClientRect().right)),
            Math.min(...places('.role-mark path').map((box) => box.left))]; })()
    """)
    assert right < left


def test_failure_reason_wraps_below_its_variant_on_a_phone(browser, page):
    places = """
        (() => { const row = document.querySelector('#failures tbody tr');
          const [variant, reason] = [row.firstElementChild, row.querySelector('.long')]
            .map((cell) => cell.getBoundingClientRect());
          return [variant.bottom, reason.top, reason.right]; })()
    """
    browser.show(page, width=390)
    bottom, top, right = browser.value(places)
    assert bottom <= top
    assert right < 390
    browser.show(page, width=1280)
    bottom, top, _ = browser.value(places)
    assert top < bottom


@pytest.mark.parametrize("selector", ["#deltas .scroll", "[id^=table] .scroll", "#costs .scroll"])
def test_tables_fit_a_desktop_screen(browser, page, selector):
    browser.show(page, width=1280)
    widths = browser.value(f"""
        [...document.querySelectorAll('{selector}')].filter((box) => box.offsetParent)
          .map((box) => [box.scrollWidth, box.clientWidth])
    """)
    assert widths
    assert all(whole <= shown for whole, shown in widths)


def test_table_notes_are_not_cut(browser, contents, tmp_path):
    note = "3 of 3 never got there: no mean; the baseline never came to a finite value"
    table = contents.tables["Stability"].assign(**{f"column_{at}": at for at in range(9)})
    noted = table.assign(notes=[note] + [""] * (len(table) - 1))
    shown = replace(contents, tables={"Epochs": noted})
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


def test_hostile_texts_are_escaped(browser, page):
    browser.show(page)
    assert browser.value("document.scripts.length") == 12 + 2
    assert browser.value("document.querySelectorAll('main b b, td b, th b, svg b').length") == 0
    assert browser.value("document.body.innerText.includes('<script>alert(1)</script>')")


def test_page_cannot_use_the_network(browser, page):
    browser.show(page)
    refused = "fetch('https://example.org/').then(() => 'open', () => 'closed')"
    assert browser.value(refused) == "closed"
    assert browser.value("(() => { try { return eval('1') } catch { return 'closed' } })()") == (
        "closed"
    )


def test_click_sorts_a_table(browser, page):
    browser.open(page)
    column = "[...document.querySelectorAll('#deltas table')[0].tBodies[0].rows].map((row) => {}"
    click = "document.querySelectorAll('#deltas table')[0].tHead.querySelectorAll('button')[2]"
    numbers = column.format("Number(row.children[2].dataset.key))").replace("-inf", "-Infinity")
    browser.value(f"{click}.click()")
    rising = browser.value(f"({numbers}).filter(Number.isFinite)")
    assert rising == sorted(rising)
    assert len(rising) == 7
    assert browser.value(f"{click}.parentNode.getAttribute('aria-sort')") == "ascending"
    browser.value(f"{click}.click()")
    assert browser.value(f"({numbers}).filter(Number.isFinite)") == rising[::-1]
    browser.value(f"{click.replace('[2]', '[0]')}.click()")
    names = browser.value(column.format("row.children[0].innerText)"))
    assert names.index("filters=1") < names.index("filters=4096") < names.index("pool_size=1")


def test_charts_follow_dark_mode(browser, page):
    browser.show(page, mode="light")
    ink = """
        getComputedStyle(document.querySelector('.chart svg .role-axis-title text')).fill
    """
    light = browser.value(ink)
    browser.mode("dark")
    assert browser.value(ink) != light


def test_page_prints_with_its_charts(browser, page):
    browser.open(page, mode="dark")
    printed = base64.b64decode(browser.send("Page.printToPDF", printBackground=True)["data"])
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > 2
    assert browser.complaints() == []
