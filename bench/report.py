"""Measures the pages of a run and its mail: `python bench/report.py reports/demo/latest` (needs Chromium).

For each page: its size, what it asks of a network, how long it takes to load (median of five, as the browser's own
clock has it), and what axe-core finds in light and dark, 1280 and 390 wide. Ends with 1 where a bound is broken.
"""

import email
import email.policy
import platform
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import AXE, Browser, mail_as_a_page  # noqa: E402 - the tests' own browser

from audit_nb import mail  # noqa: E402

TIMES = 5
MOST_BYTES, MOST_SECONDS, MOST_BYTES_OF_MAIL = 1_000_000, 2.0, 90_000
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


@dataclass(frozen=True)
class Measured:
    """What was found about one page."""

    name: str
    size: int
    requests: int
    seconds: tuple[float, ...]
    violations: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether it keeps the bounds; of axe what it calls serious or critical counts."""
        most = MOST_BYTES_OF_MAIL if self.name == "the mail" else MOST_BYTES
        grave = [one for one in self.violations if one.startswith(("serious", "critical"))]
        return self.size <= most and not self.requests and max(self.seconds) <= MOST_SECONDS and not grave


def main(run: Path) -> int:
    """Print a table of all pages."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    run = run.resolve()
    history = run.parents[2] / "index.html"
    with Browser(chromium) as browser, tempfile.TemporaryDirectory() as scratch:
        rows = [measured(browser, page.name, page) for page in sorted(run.glob("*.html"))]
        rows += [measured(browser, f"{page.name} of its period", page) for page in sorted(run.parent.glob("*.html"))]
        rows.append(measured(browser, "the history", history))
        content = mail.compose(run, None, Path(scratch) / "outbox").content()
        message = email.message_from_bytes(content, policy=email.policy.default)
        html = message.get_body(("html",)).get_content().encode("utf-8")
        rows.append(measured(browser, "the mail", mail_as_a_page(message, Path(scratch)), size=len(html)))
        version = browser.open("about:blank").ask("navigator.userAgent.match(/Chrome\\/([0-9.]+)/)[1]")
    axe = AXE.read_text(encoding="utf-8")[:40].split("\n")[0].removeprefix("/*! ")
    print(f"{run.parents[1].name} {run.name}, Chromium {version}, {axe}, {platform.machine()}, {platform.system()}\n")
    print("| page | bytes | requests | loads in (median, worst of 5) | axe-core, light and dark, 1280 and 390 wide |")
    print("|---|---:|---:|---:|---|")
    for row in rows:
        times = f"{statistics.median(row.seconds):.2f} s, {max(row.seconds):.2f} s"
        print(f"| {row.name} | {row.size:,} | {row.requests} | {times} | {'; '.join(row.violations) or 'nothing'} |")
    return 0 if all(row.is_good for row in rows) else 1


def measured(browser: Browser, name: str, page: Path, *, size: int | None = None) -> Measured:
    """Open a page several times, then look at it as different readers do."""
    opened, seconds = [browser.open(page.as_uri()) for _ in range(TIMES)], []
    for tab in opened:
        seconds.append(float(tab.ask(LOADED)) / 1000)  # type: ignore[arg-type] - a number
    found = {
        f"{one['impact']} {one['id']}"
        for width in (1280, 390)
        for dark in (False, True)
        for one in browser.open(page.as_uri(), width=width, dark=dark).violations()
    }
    requests = sum(len(tab.requests) for tab in opened)
    return Measured(name, size or page.stat().st_size, requests, tuple(seconds), tuple(sorted(found)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
