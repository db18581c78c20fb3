"""The page in a real browser: it draws, asks the network for nothing, and logs nothing."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time

import pytest

from ablations.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BASH = shutil.which("bash")  # dash redirects only from file descriptors below 10
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
]

pytestmark = pytest.mark.skipif(not (CHROMIUM and BASH), reason="there is no Chromium here")


class Browser:
    """Chromium, spoken to over a pipe in its DevTools protocol."""

    def __init__(self, profile):
        read_by_it, self._out = os.pipe()
        self._in, written_by_it = os.pipe()
        command = f'exec "$@" 3<&{read_by_it} 4>&{written_by_it}'
        self._process = subprocess.Popen(
            [BASH, "-c", command, "bash", CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(read_by_it, written_by_it),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_by_it)
        os.close(written_by_it)
        self._rest, self._number, self.events = b"", 0, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    _session = None

    def close(self):
        with contextlib.suppress(BrokenPipeError, EOFError, OSError):
            self._session = None
            self.send("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def send(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _receive(self):
        while b"\0" not in self._rest:
            read = os.read(self._in, 1 << 20)
            if not read:
                raise EOFError
            self._rest += read
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def value(self, expression):
        answer = self.send(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            allowUnsafeEvalBlockedByCSP=False,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, path, *, width=1280, height=900, mode="light"):
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.mode(mode)
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete'")
        self.wait("[...document.querySelectorAll('.chart')].every((box) => box.dataset.drawn)")

    def mode(self, mode):
        features = [{"name": "prefers-color-scheme", "value": mode}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not self.value(condition):
            assert time.monotonic() < end, f"not true in {seconds} s: {condition}"
            time.sleep(0.05)

    def picture(self):
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        return base64.b64decode(shot["data"])

    def complaints(self):
        """Return what was logged, thrown or refused."""
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [event for event in self.events if event.get("method") in kinds]

    def requests(self):
        asked = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]


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
