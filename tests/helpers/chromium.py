"""Chromium for tests that look at pages."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time

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
    _shown = None

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

    def show(self, path, *, width=1280, mode="light"):
        """Open a page, unless the one that is shown is the same. For tests that only read it."""
        if self._shown != (path, width, mode):
            self.open(path, width=width, mode=mode)
            self._shown = (path, width, mode)

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
        self._shown = None
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
