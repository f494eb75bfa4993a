"""A real browser for the tests: Chromium, spoken to through its DevTools.

with Browser(path) as browser:
    page = browser.open(file.as_uri(), width=390, dark=True)
    page.requests       # every address it asked for, the page itself left out
    page.ask("document.title")
    page.screenshot(target)
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import deque
from email.message import EmailMessage
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import websocket

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
PATIENCE_S = 60.0
TABS = 6  # open at a time; each is a process of some 100 MB, and the oldest is closed for a new one
# Only the one file of axe-core in this package is wanted: importing it would ask for Playwright.
_AXE = find_spec("axe_playwright_python")
AXE = Path(_AXE.submodule_search_locations[0], "axe.min.js") if _AXE else Path("axe.min.js")


class Browser:
    """A Chromium with a profile of its own; ends with the block."""

    def __init__(self, path: str, *flags: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        environment = {**os.environ, "HOME": self._profile, "TZ": "UTC", "LANG": "C.UTF-8"}
        command = [path, *FLAGS, *flags, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        self._port = self._wait_for_port()
        self._open: deque[Page] = deque()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, address: str, *, width: int = 1280, height: int = 900, dark: bool = False, **media: str) -> "Page":
        """Open an address in a new tab and wait until it has loaded."""
        with urlopen(f"http://127.0.0.1:{self._port}/json/version", timeout=PATIENCE_S):
            pass
        page = Page(self._new_tab(), width, height, {"prefers-color-scheme": "dark" if dark else "light", **media})
        self._open.append(page)
        if len(self._open) > TABS:
            self._open.popleft().close()
        page.go(address)
        return page

    def _new_tab(self) -> str:
        from urllib.request import Request

        asked = Request(f"http://127.0.0.1:{self._port}/json/new?about:blank", method="PUT")
        with urlopen(asked, timeout=PATIENCE_S) as answer:
            return json.load(answer)["webSocketDebuggerUrl"]

    def _wait_for_port(self) -> int:
        file = Path(self._profile, "DevToolsActivePort")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if file.exists() and (lines := file.read_text().split("\n")) and len(lines) > 1:
                return int(lines[0])
            assert self._process.poll() is None, "Chromium ended at once"
            time.sleep(0.05)
        raise AssertionError("Chromium did not open its DevTools")


def mail_as_a_page(message: EmailMessage, folder: Path) -> Path:
    """The HTML of a mail as a mail program shows it: pictures in place of their ids."""
    shown = message.get_body(("html",)).get_content()
    for part in message.walk():
        if part.get_content_type() == "image/png":
            picture = base64.b64encode(part.get_content()).decode()
            shown = shown.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:image/png;base64,{picture}")
    page = folder / "mail.html"
    page.write_text(shown, encoding="utf-8")
    return page


class Page:
    """One tab."""

    def __init__(self, address: str, width: int, height: int, media: dict[str, str]) -> None:
        self._socket = websocket.create_connection(address, timeout=PATIENCE_S, suppress_origin=True)
        self._number = 0
        self.events: list[dict] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        features = [{"name": name, "value": value} for name, value in media.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def resize(self, width: int, height: int) -> None:
        """Give the page a width and height in CSS pixels."""
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if mobile else 1, mobile=mobile,
        )  # fmt: skip

    def go(self, address: str) -> None:
        """Load an address; returns when it has loaded and its images are decoded."""
        self.address = address
        self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()
        self.ask("Promise.all(Array.from(document.images).map(i => i.decode().catch(() => 0))).then(() => 1)")

    def close(self) -> None:
        """Close the tab; what it asked for and said is still known."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": "Page.close"}))
        self._socket.close()

    def call(self, method: str, **params: object) -> dict:
        """One DevTools command and its answer."""
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def ask(self, expression: str) -> object:
        """The value of a JavaScript expression in the page; a page that leads on is asked again at its end."""
        for _ in range(20):
            try:
                answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
                break
            except AssertionError as refused:
                if "navigated" not in str(refused):
                    raise
        else:
            raise AssertionError(f"the page did not come to rest: {expression}")
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    @property
    def requests(self) -> list[str]:
        """Every address the page asked for, itself and what it carries inside left out."""
        asked = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if url != self.address and not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """What the browser wrote into its console: blocked by the policy, not found, an error in a script."""
        logged = [e["params"]["entry"]["text"] for e in self.events if e["method"] == "Log.entryAdded"]
        thrown = [str(e["params"]) for e in self.events if e["method"] == "Runtime.exceptionThrown"]
        return logged + thrown

    def violations(self) -> list[dict]:
        """What axe-core finds wrong for those who read by keyboard, by ear or with weak eyes: all its rules, worst first."""
        self.ask(f"{AXE.read_text(encoding='utf-8')};1")
        wanted = (
            "{id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.length, first: v.nodes[0].html.slice(0, 120)}"
        )
        found = self.ask(f"axe.run().then(result => result.violations.map(v => ({wanted})))")
        return sorted(found, key=lambda one: ("critical", "serious", "moderate", "minor").index(one["impact"]))

    def screenshot(self, target: Path, *, whole: bool = True) -> None:
        """Write a PNG of the page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        target.write_bytes(base64.b64decode(shot["data"]))

    def whole(self, target: Path) -> None:
        """Write a PNG of the page in its full height."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12000), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        target.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, target: Path) -> None:
        """Print the page to a PDF."""
        printed = self.call("Page.printToPDF", preferCSSPageSize=True, displayHeaderFooter=False)
        target.write_bytes(base64.b64decode(printed["data"]))

    def _receive(self) -> dict:
        message = json.loads(self._socket.recv())
        if "method" in message:
            self.events.append(message)
        return message
