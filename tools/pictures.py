"""Makes the documentation's pictures from a run: `python tools/pictures.py reports/demo/latest` (needs Chromium)."""

import email
import email.policy
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import Browser, mail_as_a_page  # noqa: E402 - the tests' own browser

from audit_nb import mail  # noqa: E402

PICTURES = {
    "report": {"page": "index.html", "width": 1280, "height": 1000},
    "report-phone": {"page": "logins.html", "width": 390, "height": 844},
    "mail": {"page": "mail.html", "width": 700, "height": 900},
}


def main(run: Path) -> None:
    """Write docs/<name>.png for each picture."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    with Browser(chromium) as browser, tempfile.TemporaryDirectory() as scratch:
        content = mail.compose(run, None, Path(scratch) / "outbox").content()
        mail_as_a_page(email.message_from_bytes(content, policy=email.policy.default), Path(scratch))
        for name, picture in PICTURES.items():
            folder = Path(scratch) if picture["page"] == "mail.html" else run
            page = (folder / picture["page"]).resolve().as_uri()
            look = {key: value for key, value in picture.items() if key != "page"}
            browser.open(page, **look).screenshot(ROOT / "docs" / f"{name}.png", whole=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
