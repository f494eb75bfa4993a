"""The pages of a run as PDF, printed by the Chromium that is installed; without one a sentence says so."""

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_nb import words
from audit_nb.files import write_private

_logger = logging.getLogger(__name__)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_S = 120.0  # for each page
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-pdf-header-footer",
)


@dataclass(frozen=True)
class Printed:
    """The PDF files of a run, and why there are none or not all."""

    files: tuple[str, ...]
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """What `report.json` says of them."""
        return {"files": list(self.files), "reason": self.reason}


def pages(folder: Path, report: Mapping[str, Any]) -> Printed:
    """Print `index.html` and the page of each notebook to `<page>.pdf` beside it."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        return Printed((), words.say("pdf.no_browser", report["language"]))
    names = ["index", *(notebook["name"] for notebook in report["notebooks"])]
    made = []
    with tempfile.TemporaryDirectory(prefix="anb-pdf-", ignore_cleanup_errors=True) as scratch:
        for name in names:
            reason = _print(program, folder / f"{name}.html", folder / f"{name}.pdf", Path(scratch))
            if reason is not None:
                said = words.say("pdf.failed", report["language"], page=f"{name}.html", reason=reason)
                return Printed(tuple(made), said)
            made.append(f"{name}.pdf")
    return Printed(tuple(made), None)


def _print(program: str, page: Path, target: Path, scratch: Path) -> str | None:
    """Print one page; None, or why it could not be done."""
    copy, printed = scratch / page.name, scratch / target.name
    copy.write_text(_without_links(page.read_text(encoding="utf-8")), encoding="utf-8")
    # Chromium's own sandbox does not start for root; the page asks for nothing and its policy lets nothing foreign run.
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [program, *FLAGS, *as_root, f"--user-data-dir={scratch / 'profile'}", f"--print-to-pdf={printed}"]
    try:
        done = subprocess.run(
            [*command, copy.as_uri()],
            capture_output=True,
            timeout=TIMEOUT_S,
            env={**_environment(), "HOME": str(scratch)},
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return words.visible(str(fault))
    if done.returncode or not printed.exists():
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        _logger.debug("printing %s: %r", page, done.stderr)
        return words.visible(f"{Path(program).name} ended with {done.returncode}: {said}")
    write_private(target, printed.read_bytes())
    return None


def _without_links(page: str) -> str:
    """The page without addresses of files beside it: a PDF would make them absolute, to where it was printed."""
    return re.sub(r' href="(?!#|data:)[^"]*"', "", page)


def _environment() -> dict[str, str]:
    """Nothing that may be a secret."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "TZ") or name.startswith("LC_")}
