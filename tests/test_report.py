"""A report is made whatever happens to its hosts and notebooks, says what it did not see, and opens without a network."""

import csv
import email
import email.policy
import html
import io
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from browser import AXE, Browser
from click.testing import CliRunner
from hostile import NAMES, fill
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from wcwidth import wcswidth

import audit_nb
from audit_nb import cli, mail, report, tables, words
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.progress import Step
from audit_nb.report import coverage, verdict
from audit_nb.terminal import render_table

ROOT = Path(__file__).parent.parent
PARAMETERS = """data_dir: str = "data"  # folder
hosts: list[str] = None  # hosts
since: str = None  # begin
until: str = None  # end
timezone: str = "UTC"  # zone
language: str = "en"  # language
"""
SECRET = "correct-horse-battery-staple"  # noqa: S105 - no secret of anybody


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which a hostile host speaks, and another could not be fetched."""
    return fill(tmp_path_factory.mktemp("hostile") / "data", tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="session")
def reports_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made") / "reports"


@pytest.fixture(scope="session")
def english(data_dir: Path, reports_dir: Path) -> report.Run:
    """The daily report of the hostile host, made under a careless umask and with a secret in the environment."""
    before = os.umask(0)
    os.environ["SMTP_PASSWORD"] = SECRET
    try:
        return made("daily", data_dir, reports_dir, since="2026-11-23", until="2026-11-24")
    finally:
        os.umask(before)
        del os.environ["SMTP_PASSWORD"]


@pytest.fixture(scope="session")
def korean(data_dir: Path, reports_dir: Path) -> report.Run:
    """The same in Korean."""
    zone = {"timezone": "Asia/Seoul", "language": "ko"}
    return made("weekly", data_dir, reports_dir, since="2026-11-23", until="2026-11-24", **zone)


class References(HTMLParser):
    """Every address in the attributes of a page, and what its style and script hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inside = ""
        self.inner = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"src", "srcset", "href", "poster", "data", "action", "background", "xlink:href"}
        self.addresses += [value or "" for name, value in attrs if name in names]
        self.inside = tag

    def handle_data(self, data: str) -> None:
        if self.inside in ("style", "script"):
            self.inner += data

    @property
    def remote(self) -> list[str]:
        """What would be fetched from elsewhere."""
        found = [address for address in self.addresses if re.match(r"\s*(?:\w+:)?//", address)]
        return found + re.findall(r"@import|url\([^)]*//|import\(|fetch\(|XMLHttpRequest", self.inner)


def made(name: str, data_dir: Path, reports_dir: Path, **values: object) -> report.Run:
    file = reports_dir.parent / f"{name}.yaml"
    file.write_text(yaml.safe_dump(values), "utf-8")
    return report.make(
        name,
        parameters_dir=ROOT / "parameters",
        parameters_file=file,
        notebooks_dir=ROOT / "notebooks",
        reports_dir=reports_dir,
        data_dir=data_dir,
    )


class Desk:
    """A folder with notebooks, parameters and reports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("notebooks", "parameters"):
            (folder / name).mkdir()
        self.parameters("")

    def notebook(self, name: str, *cells: str) -> None:
        """A notebook with these cells after its parameters; what begins with # is prose."""
        made = [new_markdown_cell(f"# {name}"), new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
        made += [new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell) for cell in cells]
        nbformat.write(new_notebook(cells=made), self.folder / "notebooks" / f"{name}.ipynb")

    def reports(self, text: str) -> None:
        (self.folder / "parameters" / "reports.yaml").write_text(text, "utf-8")

    def parameters(self, text: str) -> None:
        (self.folder / "parameters" / "own.yaml").write_text(text, "utf-8")

    def make(self, *notebooks: str, **options: Any) -> report.Run:
        """The report `own` of these notebooks."""
        if notebooks:
            self.reports(yaml.safe_dump({"own": {"notebooks": list(notebooks)}}))
        return report.make(
            "own",
            parameters_dir=self.folder / "parameters",
            notebooks_dir=self.folder / "notebooks",
            reports_dir=self.folder / "reports",
            data_dir=options.pop("data_dir", self.folder / "data"),
            **options,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def files_of(run: report.Run) -> dict[str, Path]:
    return {path.relative_to(run.folder).as_posix(): path for path in run.folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------------- what is made


def test_a_run_is_a_folder_with_everything_in_it(english: report.Run) -> None:
    """Pages, tables, figures, executed notebooks, parameters and report.json; nothing half written beside it."""
    found = files_of(english).keys()
    assert {"index.html", "report.json", "parameters.yaml"} < found
    for name in ("overview", "logins", "commands"):
        assert {f"{name}.html", f"notebooks/{name}.ipynb"} < found
    for table in english.report["tables"]:
        assert {table["csv"], table["csv"].removesuffix("csv") + "parquet"} < found
    for figure in english.report["figures"]:
        assert {figure["png"], figure["csv"]} < found
    assert english.folder.parent.name == "2026-11-23"
    assert [path.name for path in english.folder.parent.parent.iterdir() if path.name.startswith(".")] == []


def test_report_json_says_what_the_run_object_says(english: report.Run) -> None:
    """The mail reads the file; whoever made the report holds the same."""
    assert json.loads((english.folder / "report.json").read_text("utf-8")) == english.report
    assert english.report["period"] == {
        "since": "2026-11-23T00:00:00+00:00",
        "until": "2026-11-24T00:00:00+00:00",
        "timezone": "UTC",
        "label": "2026-11-23 (Mon)",
        "zone": "UTC",
    }
    assert {"papermill", "nbconvert", "python", "audit_nb"} <= english.report["versions"].keys()


def test_a_run_is_private_whatever_the_umask(english: report.Run, reports_dir: Path) -> None:
    """Reports hold what logs hold."""
    for path in (reports_dir, *reports_dir.rglob("*")):
        if not path.is_symlink():
            assert oct(path.stat().st_mode & 0o777) == ("0o700" if path.is_dir() else "0o600"), path


def test_no_secret_of_the_environment_reaches_a_run(english: report.Run) -> None:
    """A kernel is given an environment without credentials, so that no notebook can show one."""
    for name, path in files_of(english).items():
        assert SECRET.encode() not in path.read_bytes(), name


def test_a_notebook_cannot_even_ask_for_a_secret(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the password, not the agent, not the credentials of systemd."""
    for name in ("SMTP_PASSWORD", "SSH_AUTH_SOCK", "CREDENTIALS_DIRECTORY", "AUDIT_PASSWORD"):
        monkeypatch.setenv(name, SECRET)
    desk.notebook("asks", "import os\nassert not [k for k, v in os.environ.items() if 'horse' in v]")
    assert desk.make("asks").status != "failed"


def test_an_executed_notebook_names_no_folder_of_the_making(english: report.Run) -> None:
    """It is kept and mailed; where it was made is nobody's business."""
    for name in ("overview", "logins", "commands"):
        kept = nbformat.read(english.folder / "notebooks" / f"{name}.ipynb", as_version=4)
        assert kept.metadata.papermill["input_path"] == kept.metadata.papermill["output_path"] == f"{name}.ipynb"
        assert "environment_variables" not in kept.metadata.papermill


def test_a_run_can_be_made_again_from_its_parameters(english: report.Run) -> None:
    """`yesterday` is another day tomorrow: what is kept is absolute."""
    kept = yaml.safe_load((english.folder / "parameters.yaml").read_text("utf-8"))
    assert kept == english.report["parameters"]
    assert kept["since"] == "2026-11-23T00:00:00+00:00"
    assert Path(kept["data_dir"]).is_absolute()
    assert english.report["command"] == f"audit-nb report daily --parameters {english.folder / 'parameters.yaml'}"


def test_a_run_made_again_reads_the_same_data(english: report.Run, reports_dir: Path, tmp_path: Path) -> None:
    """The parameters of a run name their data folder for good, whatever folder the command line would take."""
    again = report.make(
        "daily",
        parameters_dir=ROOT / "parameters",
        parameters_file=english.folder / "parameters.yaml",
        notebooks_dir=ROOT / "notebooks",
        reports_dir=reports_dir,
        data_dir=tmp_path,
    )
    assert again.report["headlines"] == english.report["headlines"]
    assert again.report["parameters"] == english.report["parameters"]


def test_the_figures_are_those_of_the_tables(english: report.Run, data_dir: Path) -> None:
    """The report and the command line answer alike."""
    events = audit_nb.open_events(data_dir, since="2026-11-23", until="2026-11-24")
    values = {row["name"]: row["value"] for row in english.report["headlines"]}
    assert values["events"] == events.count().to_pyarrow().as_py() == 3 * len(NAMES)
    assert values["failed_logins"] == tables.failed_logins(events).count().to_pyarrow().as_py() == len(NAMES)
    assert values["commands"] == tables.commands(events).count().to_pyarrow().as_py() == len(NAMES)


# ------------------------------------------------------------------------------------------- what was seen and what not


def test_the_foot_says_how_the_report_was_made(english: report.Run) -> None:
    """Parameters, versions, the commit of the project, and how many segments of each host stand behind it."""
    for page in ("index", "logins", "columns"):
        foot = (english.folder / f"{page}.html").read_text("utf-8").split("<footer")[1]
        said = html.unescape(re.sub("<[^>]+>", "", foot))
        for name, value in english.report["parameters"].items():
            assert f"{name}={'null' if value is None else value}" in said
        for name, version in english.report["versions"].items():
            assert f"{name} {version}" in said
        assert "1 segment of the archive, from 1 host: web01 1" in said
        assert english.report["run"] in said
    if (ROOT / ".git").exists():
        asked = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
        head = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        assert english.report["versions"]["revision"].removesuffix("+") == head


def test_every_column_of_every_csv_is_described(english: report.Run, korean: report.Run) -> None:
    """On a page of its own and in a CSV of its own: what stands in the header of a file is explained, in both languages."""
    for run, letters in ((english, "[a-z]"), (korean, "[가-힣]")):
        rows = list(csv.DictReader((run.folder / "tables" / "columns.csv").open(encoding="utf-8", newline="")))
        described = {(row["table"], row["column"]) for row in rows}
        written = {
            (path.relative_to(run.folder).as_posix().removeprefix("tables/"), column)
            for path in run.folder.glob("*/*.csv")
            if path.name != "columns.csv"
            for column in path.read_text("utf-8").split("\n", 1)[0].split(",")
        }
        assert described == written
        assert len(written) > 80
        assert any(name.startswith("figures/") for name, _ in written)
        page = html.unescape((run.folder / "columns.html").read_text("utf-8"))
        for row in rows:
            assert re.search(letters, row["meaning"]), row
            assert row["meaning"] in page
        assert 'href="columns.html"' in run.index.read_text("utf-8")


def test_a_report_for_excel_has_marks_in_all_its_csv_files(desk: Desk) -> None:
    """An option of reports.yaml; without it no file has one."""
    cell = "import pandas as pd\nfrom audit_nb import show\nshow.begin('own')\nshow.table(pd.DataFrame({'a': ['가']}), name='t', title='T')"
    desk.notebook("own", cell)
    for options, mark in (({}, b""), ({"csv_for_excel": True}, b"\xef\xbb\xbf")):
        desk.reports(yaml.safe_dump({"own": {"notebooks": ["own"], **options}}))
        tables = desk.make().folder / "tables"
        assert (tables / "own-t.csv").read_bytes() == mark + "a\n가\n".encode()
        assert (tables / "columns.csv").read_bytes().startswith(mark + b"table,column,")


def test_pages_are_printed_where_chromium_is_installed(
    desk: Desk, needs: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One PDF for each page, tagged for screen readers, that names no folder; without a browser a sentence says so."""
    needs("chromium")
    desk.notebook("own", "print('<b>told</b>')")
    desk.reports(yaml.safe_dump({"own": {"notebooks": ["own"], "pdf": True}}))
    made = desk.make()
    assert made.report["pdf"] == {"files": ["index.pdf", "own.pdf"], "reason": None}
    for name in made.report["pdf"]["files"]:
        printed = (made.folder / name).read_bytes()
        assert printed.startswith(b"%PDF")
        assert b"/StructTreeRoot" in printed
        assert b"file://" not in printed
        assert f'href="{name}"' in made.index.read_text("utf-8")
    monkeypatch.setattr(report.printed, "PROGRAMS", ("no-such-browser",))
    without = desk.make()
    assert without.status == made.status
    assert without.report["pdf"]["files"] == []
    assert "Chromium is not installed" in without.index.read_text("utf-8")
    broken = desk.folder / "broken"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(report.printed, "PROGRAMS", (str(broken),))
    assert "Chromium could not print index.html: broken ended with 3: no display" in desk.make().report["pdf"]["reason"]


def test_a_host_that_was_not_seen_is_in_the_verdict(english: report.Run) -> None:
    """The first sentence of a report says that a host is missing, the first page why."""
    hosts = english.report["hosts"]
    assert (hosts["seen"], hosts["total"]) == (1, 2)
    assert hosts["missing"][0]["host"] == "web02"
    assert english.status == "partial"
    assert "1 of 2 hosts not fully seen (web02)" in english.verdict["sentence"]
    page = (english.folder / "index.html").read_text("utf-8")
    assert "refused &lt;b&gt;" in page


@pytest.mark.parametrize(
    ("cells", "level", "sentence"),
    [
        ((), "clean", "Nothing needs attention, and every host was seen."),
        (('show.headline("n", "failure|failures", 3, notice=1)',), "notice", "3 failures."),
        (('show.headline("n", "failure|failures", 3, alarm=1)',), "alarm", "3 failures."),
        (('show.headline("n", "failure|failures", 0, alarm=1)',), "clean", "Nothing needs attention"),
        (("1 / 0",), "blind", "1 notebook failed (own)."),
        (
            ('show.headline("n", "failure|failures", 3, alarm=1)\n1 / 0',),
            "alarm",
            "3 failures. 1 notebook failed (own).",
        ),
    ],
    ids=["nothing", "notice", "alarm", "none of it", "failed", "failed after an alarm"],
)
def test_the_verdict_is_the_worst_of_what_was_found_and_not_seen(
    desk: Desk, data_dir: Path, cells: tuple[str, ...], level: str, sentence: str
) -> None:
    """Alarm before blind before notice before clean; whatever failed is in the sentence."""
    desk.notebook("own", 'from audit_nb import show\nshow.begin("own")', *cells)
    desk.parameters("hosts: [web01]")
    made = desk.make("own", data_dir=data_dir)
    assert made.verdict["level"] == level
    assert made.verdict["sentence"].startswith(sentence)


@pytest.mark.parametrize("loss", ["malformed", "lost_serials", "period_incomplete", "period_unread"])
def test_a_verdict_names_the_hosts_of_which_something_is_missing(loss: str) -> None:
    """Nothing was found, but not everything could be read: that is no clean report, and says why it is none."""
    rows = [{"host": "web01", loss: 0}, {"host": "web02", loss: 3}]
    judged = verdict.judge([], coverage.Hosts(rows, []), [], "en")
    assert judged == {
        "level": "notice",
        "sentence": "Nothing found needs attention, but something is missing or could not be read of web02: see Coverage.",
    }
    rows[1][loss] = None
    assert verdict.judge([], coverage.Hosts(rows, []), [], "en")["level"] == "clean"


def test_much_is_said_in_few_words_and_the_worst_of_it() -> None:
    """On a phone a sentence of eleven figures fills the screen; an alarm is never what is left out."""
    rows = [{"label": f"n{n}", "value": n, "level": "alarm" if n > 7 else "notice"} for n in range(1, 10)]
    said = verdict.judge(rows, coverage.Hosts([{"host": "web01"}], []), [], "en")["sentence"]
    assert said == "1 n1, 2 n2, 3 n3, 4 n4, 8 n8, 9 n9 and 3 more."


def test_what_two_notebooks_counted_is_said_once() -> None:
    rows = [{"label": "failed logins", "value": 3, "level": "notice"}] * 2
    assert verdict.judge(rows, coverage.Hosts([{"host": "web01"}], []), [], "en")["sentence"] == "3 failed logins."


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("hosts: [web02]", "refused"),
        ("hosts: [web09]", "never fetched"),
        ("hosts: [web01]\nsince: 2026-11-24", "no events in this period"),
    ],
    ids=["failed", "never tried", "another day"],
)
def test_a_blind_report_is_never_clean(desk: Desk, data_dir: Path, parameters: str, reason: str) -> None:
    """Nothing alarming was found where nothing was seen: that is said, and no more."""
    desk.notebook("own", "1 + 1")
    desk.parameters(parameters)
    made = desk.make("own", data_dir=data_dir)
    assert made.verdict["level"] == "blind"
    assert made.status == "partial"
    assert reason in made.report["hosts"]["missing"][0]["reason"]


def test_an_empty_store_makes_a_report_that_says_so(desk: Desk) -> None:
    """The first report of all may have nothing to say; it is no clean one."""
    for name in ("overview", "logins", "commands"):
        (desk.folder / "notebooks" / f"{name}.ipynb").write_bytes((ROOT / "notebooks" / f"{name}.ipynb").read_bytes())
    made = desk.make("overview", "logins", "commands")
    assert [notebook["error"] for notebook in made.report["notebooks"]] == [None, None, None]
    assert made.verdict == {"level": "blind", "sentence": "No host was seen."}
    assert {row["value"] for row in made.report["headlines"]} == {None}
    page = (made.folder / "logins.html").read_text("utf-8")
    assert "No events: nothing was seen in this period" in page
    assert "nothing found" not in page


# -------------------------------------------------------------------------------------------------- notebooks that fail


def test_one_failing_notebook_does_not_stop_the_others(desk: Desk) -> None:
    """Each way to fail is a row with its reason and its cell; a kernel that dies is no completed notebook."""
    desk.notebook("good", "print('fine')")
    desk.notebook(
        "raises", "## First", "print('before')", "## Here", "raise ValueError('<script>\\x1b[2J')", "print('after')"
    )
    desk.notebook("exits", "import sys\nsys.exit(0)", "print('after')")
    desk.notebook("dies", "## Kill", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    desk.notebook("hangs", "## Wait", "import time\ntime.sleep(600)", "print('after')")
    desk.notebook("asks", "## Times", "import audit_nb\naudit_nb.open_events(data_dir, since='gestern')")
    told: list[Step] = []
    made = desk.make("good", "raises", "exits", "dies", "hangs", "asks", timeout_s=12, tell=told.append)
    rows = {row["name"]: (row["status"], row["cell"], row["heading"]) for row in made.report["notebooks"]}
    assert rows == {
        "good": ("done", None, None),
        "raises": ("failed", 6, "Here"),
        "exits": ("failed", 3, "exits"),
        "dies": ("failed", 4, "Kill"),
        "hangs": ("failed", 4, "Wait"),
        "asks": ("failed", 4, "Times"),
    }
    errors = {row["name"]: row["error"] for row in made.report["notebooks"]}
    assert errors["raises"] == "ValueError: <script>\\x1b[2J"
    assert "ended early" in errors["exits"]
    assert "kernel died" in errors["dies"]
    assert "stopped after 12 seconds" in errors["hangs"]
    assert errors["asks"].startswith("since: 'gestern' is no time")
    assert made.status == "partial"
    assert {step.item for step in told if step.failed} == {"raises", "exits", "dies", "hangs", "asks"}
    page = (made.folder / "raises.html").read_text("utf-8")
    assert "in cell 6 (“Here”): ValueError: &lt;script&gt;\\x1b[2J" in page
    assert "before" in page
    assert "Traceback" not in page
    assert "<script>\\x1b" not in page


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core plays one notebook at a time")
def test_notebooks_are_played_side_by_side(desk: Desk) -> None:
    """Two that wait for each other both end, and the progress of both is told."""
    for own, other in (("one", "two"), ("two", "one")):
        cell = f"import pathlib, time\nfolder = pathlib.Path({str(desk.folder)!r})\n(folder / '{own}').touch()\n"
        cell += f"for _ in range(600):\n    if (folder / '{other}').exists():\n        break\n    time.sleep(0.1)\n"
        desk.notebook(own, cell + f"assert (folder / '{other}').exists()")
    told: list[Step] = []
    made = desk.make("one", "two", tell=told.append)
    assert [notebook["status"] for notebook in made.report["notebooks"]] == ["done", "done"]
    for name in ("one", "two"):
        steps = [step for step in told if step.item == name]
        assert [step.done for step in steps if step.text is None] == sorted(step.done for step in steps[:-1])
        assert steps[0].total == 3
        assert steps[-1].text is not None


def test_when_every_notebook_fails_the_report_says_so(desk: Desk) -> None:
    """It is made all the same, and is called failed."""
    desk.notebook("one", "1 / 0")
    made = desk.make("one")
    assert made.status == "failed"
    assert "ZeroDivisionError" in made.index.read_text("utf-8")


def test_a_notebook_is_played_by_our_own_python(desk: Desk) -> None:
    """An analyst saves notebooks with kernels of odd names; a report does not depend on them."""
    desk.notebook("own", "import audit_nb, sys\nprint(sys.executable)")
    path = desk.folder / "notebooks" / "own.ipynb"
    odd = nbformat.read(path, as_version=4)
    odd.metadata["kernelspec"] = {"name": "no-such-kernel", "display_name": "Odd", "language": "python"}
    nbformat.write(odd, path)
    assert desk.make("own").report["notebooks"][0]["error"] is None


def test_kernels_do_not_listen_on_the_network(desk: Desk) -> None:
    """Every user of the machine can read what a kernel says over TCP."""
    desk.notebook(
        "own", "from ipykernel.kernelapp import IPKernelApp\nassert IPKernelApp.instance().transport == 'ipc'"
    )
    assert desk.make("own").report["notebooks"][0]["error"] is None


def test_folders_with_odd_names_do_no_harm(tmp_path: Path) -> None:
    """Braces mean something to papermill, blanks to shells, Hangul to nobody."""
    folder = tmp_path / "보고서 {x} folder"
    folder.mkdir()
    desk = Desk(folder)
    desk.notebook("own", "1 + 1")
    made = desk.make("own")
    assert made.report["notebooks"][0]["error"] is None
    assert (made.folder / "notebooks" / "own.ipynb").exists()


def test_what_a_notebook_prints_is_shown_as_text(desk: Desk) -> None:
    """Colours are left out, control characters written out, markup escaped; also from HTML in its prose and Markdown."""
    desk.notebook(
        "own",
        "## Prose <img src=http://127.0.0.1:9/a onerror=alert(1)> ![i](http://127.0.0.1:9/b)",
        "print('\\x1b[31mred\\x1b[0m <b>\\u202e')",
        "from IPython.display import Markdown\nMarkdown('<script>alert(1)</script>')",
    )
    page = (desk.make("own").folder / "own.html").read_text("utf-8")
    assert "red &lt;b&gt;\\u202e" in page
    assert "<script>alert" not in page
    assert "<img src=http" not in page


# --------------------------------------------------------------------------------------------- what is asked for wrongly


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("langage: ko\n", "line 1, langage: no notebook of this report takes this parameter; did you mean language?"),
        ("since: 2026-11-23\nhosts: web01\n", "line 2, hosts: expected a list of texts, not 'web01'"),
        ("timezone: 9\n", "line 1, timezone: expected text, not 9"),
        ("timezone: Asia/Soul\n", "line 1, timezone: there is no time zone 'Asia/Soul'"),
        ("language: kr\n", "line 1, language: expected en or ko, not 'kr'"),
        ("since: gestern\n", "line 1, since: since: 'gestern' is no time"),
        ("since: 2026-11-23\nuntil: 2026-11-22\n", "lies before since"),
        ("since: 2026-11-23\nsince: 2026-11-22\n", "line 2, since: stands here a second time"),
        ("since: [\n", "this is not YAML"),
        ("- since\n", "expected parameters, one a line"),
        ("since: true\n", "line 1, since: expected text, not True"),
        ("data_dir: null\n", "line 1, data_dir: expected text, not None"),
        ("a: &x [1]\nb: *x\n", "aliases"),
    ],
)
def test_a_mistake_in_the_parameters_stops_before_any_kernel_starts(desk: Desk, text: str, sentence: str) -> None:
    """papermill would only warn: we name file, line and field, and make nothing."""
    desk.notebook("own", "1 + 1")
    desk.parameters(text)
    with pytest.raises(UsageError) as fault:
        desk.make("own")
    assert sentence in str(fault.value)
    assert str(desk.folder / "parameters" / "own.yaml") in str(fault.value)
    assert not (desk.folder / "reports").exists()


def test_all_mistakes_are_told_at_once(desk: Desk) -> None:
    """Nobody wants to find them one by one."""
    desk.notebook("own", "1 + 1")
    desk.parameters("language: kr\nhosts: web01\nlangage: ko\n")
    with pytest.raises(UsageError, match="3 mistakes"):
        desk.make("own")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("own: {notebooks: [logins, comands]}", "there is no notebook 'comands'; did you mean commands?"),
        ("own: {notebooks: [logins, ../x]}", "there is no notebook '../x'"),
        ("own: {notebooks: []}", "expected a list with at least one notebook"),
        ("own: {notebooks: logins}", "expected a list with at least one notebook"),
        ("own: {notebook: [logins]}", "notebook: not known here; did you mean notebooks?"),
        ("own: {notebooks: [logins], mail: team}", "mail: expected a list of groups"),
        ("own: [logins]", "expected title, notebooks, mail, csv_for_excel, pdf"),
        ("own: {notebooks: [logins], pdf: maybe}", "pdf: expected true or false, not 'maybe'"),
        ("own: {notebooks: [logins], csv_for_exel: true}", "not known here; did you mean csv_for_excel?"),
        ("owl: {notebooks: [logins]}", "there is no report 'own'; did you mean owl?; there are: owl"),
    ],
)
def test_a_mistake_in_the_reports_is_pointed_at(desk: Desk, text: str, sentence: str) -> None:
    """A misspelt notebook is told with those that exist."""
    desk.notebook("logins", "1 + 1")
    desk.notebook("commands", "1 + 1")
    desk.reports(text)
    with pytest.raises(UsageError) as fault:
        desk.make()
    assert sentence in str(fault.value)


def test_a_report_cannot_be_named_out_of_its_folder(desk: Desk) -> None:
    """The name of a report is the name of a folder."""
    desk.notebook("logins", "1 + 1")
    desk.reports('"../own": {notebooks: [logins]}')
    with pytest.raises(UsageError, match="becomes a folder's"):
        report.make("../own", parameters_dir=desk.folder / "parameters", notebooks_dir=desk.folder / "notebooks")


def test_a_missing_file_is_told_with_what_to_do(desk: Desk) -> None:
    """No report without its parameters."""
    desk.notebook("logins", "1 + 1")
    desk.reports("other: {notebooks: [logins]}")
    with pytest.raises(UsageError, match=r"other\.yaml does not exist: it holds the parameters of the report 'other'"):
        report.make("other", parameters_dir=desk.folder / "parameters", notebooks_dir=desk.folder / "notebooks")


def test_a_file_that_is_no_notebook_is_told(desk: Desk) -> None:
    """A broken file is named, not a traceback."""
    (desk.folder / "notebooks" / "own.ipynb").write_text("{", "utf-8")
    with pytest.raises(UsageError, match=r"own\.ipynb cannot be read as a notebook"):
        desk.make("own")


# --------------------------------------------------------------------------------------------------------------- history


def test_a_period_made_again_supersedes_and_changes_nothing(desk: Desk, data_dir: Path) -> None:
    """Both runs stay, byte for byte; `latest` points at the newer one, and the history says which is superseded."""
    desk.notebook("own", 'from audit_nb import show\nshow.begin("own")\nshow.headline("n", "event|events", 1)')
    desk.parameters("since: 2026-11-23\nuntil: 2026-11-24")
    first = desk.make("own", data_dir=data_dir)
    before = {name: path.read_bytes() for name, path in files_of(first).items()}
    second = desk.make("own", data_dir=data_dir)
    assert {name: path.read_bytes() for name, path in files_of(first).items()} == before
    assert first.folder.parent == second.folder.parent
    assert (desk.folder / "reports" / "own" / "latest").resolve() == second.folder.resolve()
    index = (desk.folder / "reports" / "index.html").read_text("utf-8")
    assert index.count("superseded</td>") == 1
    assert index.index(second.folder.name) < index.index(first.folder.name)


def test_the_period_before_is_compared_with(desk: Desk, data_dir: Path) -> None:
    """A headline says by how much it changed since the period that ends where this one begins."""
    count = "audit_nb.open_events(data_dir, since=since, until=until).count().to_pyarrow().as_py()"
    desk.notebook(
        "own",
        'import audit_nb\nfrom audit_nb import show\nshow.begin("own")',
        f'show.headline("n", "event|events", {count})',
    )
    desk.parameters("since: 2026-11-23T04:00\nuntil: 2026-11-23T04:05")
    earlier = desk.make("own", data_dir=data_dir)
    desk.parameters("since: 2026-11-23T04:05\nuntil: 2026-11-23T05:00")
    later = desk.make("own", data_dir=data_dir)
    (headline,) = later.report["headlines"]
    assert headline["before"] == earlier.report["headlines"][0]["value"] == 15
    page = later.index.read_text("utf-8")
    assert f"▲ {headline['value'] - 15} more than before (15)" in page
    assert f"Compared with {earlier.report['period']['label']}." in page
    index = (desk.folder / "reports" / "index.html").read_text("utf-8")
    assert f"2 periods, the newest last: 15, {headline['value']}" in index


def led_to(start: Path, where: str) -> Path | None:
    """The file that a link of a run leads to, through the page it names; no script is run. None where there is none."""
    link = re.search(rf'href="([^"]*{where}\.html)"', (start / "index.html").read_text("utf-8"))
    sign = browser_path(start / link[1])  # type: ignore[index] - it must be there
    onward = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', sign.read_text("utf-8"))
    if onward is None:
        return None
    assert f'href="{onward[1]}"' in sign.read_text("utf-8")
    return sign.parent / onward[1]


def browser_path(path: Path) -> Path:
    """A path as a browser counts it: `..` goes back in the address, whatever is a symbolic link."""
    return Path(os.path.normpath(path))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[int, report.Run]:
    """Reports about three days, the one in the middle made last."""
    desk = Desk(tmp_path_factory.mktemp("days"))
    desk.notebook("own", "1 + 1")
    made = {}
    for day in (20, 22, 21):
        desk.parameters(f"since: 2026-11-{day}\nuntil: 2026-11-{day + 1}")
        made[day] = desk.make("own")
    return made


def test_a_run_leads_to_the_one_before_and_the_one_after(days: dict[int, report.Run], browser: Browser) -> None:
    """A run is never rewritten: pages beside it know which report followed, also when one before it is made last."""
    index = {run.index.resolve(): day for day, run in days.items()}
    led = {}
    for day, run in days.items():
        for where in ("previous", "next"):
            found = led_to(run.folder, where)
            led[day, where] = found and index[found.resolve()]
    assert led == {
        (20, "previous"): None, (20, "next"): 21, (21, "previous"): 20, (21, "next"): 22, (22, "previous"): 21, (22, "next"): None,
    }  # fmt: skip
    assert "There is no report about a later period yet." in (days[22].folder.parent / "next.html").read_text("utf-8")
    onward = browser.open((days[20].folder.parent / "next.html").as_uri())
    for _ in range(100):
        if onward.ask("location.pathname").endswith(f"{days[21].folder.name}/index.html"):
            break
        time.sleep(0.05)
    assert onward.ask("document.querySelector('h1').textContent") == "own"
    assert browser.open((days[20].folder.parent / "previous.html").as_uri()).violations() == []


def test_links_hold_from_a_runs_own_place_and_from_latest(days: dict[int, report.Run]) -> None:
    """`latest` lies less deep than the run that it is, and no script is needed to follow a link from there."""
    own = days[21].folder
    reports = own.parents[2]
    for start in (own, reports / "own" / "latest"):
        for target in re.findall(r'href="([^"#:][^":]*)"', (start / "index.html").read_text("utf-8")):
            assert browser_path(start / target).exists(), (start, target)
        led = {where: led_to(start, where) for where in ("previous", "next", "latest", "history")}
        assert {where: browser_path(path).resolve() for where, path in led.items() if path} == {
            "previous": days[20].index.resolve(),
            "next": days[22].index.resolve(),
            "latest": days[21].index.resolve(),
            "history": (reports / "index.html").resolve(),
        }


def test_latest_always_opens(desk: Desk) -> None:
    """While runs are made, whoever follows `latest` finds a whole report."""
    desk.notebook("own", "1 + 1")
    desk.make("own")
    link, missing, stop = desk.folder / "reports" / "own" / "latest", [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if not (link / "index.html").exists():
                missing.append(time.time())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            report.history.point_latest(link.parent, desk.make().folder)
    finally:
        stop.set()
        watcher.join()
    assert missing == []


def test_a_run_that_is_stopped_leaves_nothing_half_made(desk: Desk) -> None:
    """Ctrl-C, or a full disk: no folder of a run appears, no kernel stays."""
    desk.notebook("own", "import time\ntime.sleep(60)")

    def stop(step: Step) -> None:
        if step.done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.make("own", tell=stop)
    assert list((desk.folder / "reports" / "own").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(megabytes)` is a folder on a disk of that size; skipped for a user who may not mount one."""
    places = []

    def of(megabytes: int) -> Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(place)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this user may not mount a small disk")
        places.append(place)
        return place

    yield of
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_and_leaves_nothing_half_made(desk: Desk, small_disk: Callable[[int], Path]) -> None:
    """Too little room from the beginning, and a notebook that takes what there was."""
    desk.notebook("own", "import os\nopen(os.environ['AUDIT_NB_OUT'] + '/x', 'wb').write(b'x' * (80 << 20))")
    (desk.folder / "reports").symlink_to(small_disk(4))
    with pytest.raises(AuditNbError, match=r"reports: only 4 MiB are free there"):
        desk.make("own")
    assert list((desk.folder / "reports").iterdir()) == []
    (desk.folder / "reports").unlink()
    (desk.folder / "reports").symlink_to(small_disk(40))
    with pytest.raises(AuditNbError, match=r"reports: the disk became full"):
        desk.make("own")
    assert list((desk.folder / "reports" / "own").iterdir()) == []


def test_what_a_killed_run_left_is_swept_after_days(desk: Desk) -> None:
    """A kill leaves a folder aside; it is never listed, and goes when it is old."""
    desk.notebook("own", "1 + 1")
    left = desk.folder / "reports" / "own" / ".aside-killed"
    left.mkdir(parents=True)
    (left / "report.json").write_text("{}")
    desk.make("own")
    assert left.exists()
    old = time.time() - timedelta(days=3).total_seconds()
    os.utime(left, (old, old))
    desk.make("own")
    assert not left.exists()


def test_a_damaged_run_does_not_break_the_history(desk: Desk) -> None:
    """One unreadable report.json is left out, the others are listed."""
    desk.notebook("own", "1 + 1")
    broken = desk.folder / "reports" / "own" / "2026-01-01" / "20260101T000000000Z"
    broken.mkdir(parents=True)
    (broken / "report.json").write_text("{")
    made = desk.make("own")
    index = (desk.folder / "reports" / "index.html").read_text("utf-8")
    assert made.folder.name in index
    assert broken.name not in index


# ------------------------------------------------------------------------------------------------------- pages in a browser


class Asked(BaseHTTPRequestHandler):
    """Notes whoever asks for anything."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        if (
            ".google.com/" not in self.path
        ):  # the browser's own curiosity; DevTools shows a page's, whatever the address
            self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="session")
def listener() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback that notes every request."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="session")
def browser(needs: Callable[[str], str], listener: ThreadingHTTPServer) -> Iterator[Browser]:
    """A browser whose every request to anywhere would go through the listener."""
    proxy = f"--proxy-server=http://127.0.0.1:{listener.server_port}"
    with Browser(needs("chromium"), proxy, "--proxy-bypass-list=<-loopback>") as opened:
        yield opened


def pages_of(run: report.Run) -> list[Path]:
    return [*sorted(run.folder.glob("*.html")), run.folder.parent.parent.parent / "index.html"]


@pytest.mark.parametrize("language", ["english", "korean"])
def test_every_page_opens_and_asks_for_nothing(
    language: str, request: pytest.FixtureRequest, browser: Browser, listener: ThreadingHTTPServer, tmp_path: Path
) -> None:
    """No request leaves a page, seen by the browser and by a listening proxy; one that asks is seen by both."""
    asked = listener.asked  # type: ignore[attr-defined]
    for page in pages_of(request.getfixturevalue(language)):
        assert References(page.read_text("utf-8")).remote == []
        asked.clear()
        opened = browser.open(page.as_uri())
        assert opened.ask("document.querySelector('h1').textContent")
        assert (page.name, opened.requests, asked, opened.complaints) == (page.name, [], [], [])
        assert page.stat().st_size < 1_000_000
    greedy = tmp_path / "greedy.html"
    greedy.write_text("<!doctype html><img src='http://192.0.2.1/pixel.png'>", "utf-8")
    assert References(greedy.read_text("utf-8")).remote == ["http://192.0.2.1/pixel.png"]
    assert browser.open(greedy.as_uri()).requests == ["http://192.0.2.1/pixel.png"]
    assert asked == ["http://192.0.2.1/pixel.png"]


def test_a_page_opens_where_there_is_no_network_at_all(
    english: report.Run, needs: Callable[[str], str], tmp_path: Path
) -> None:
    """In a network namespace of its own, without even loopback, the whole page is there."""
    asked = [
        needs("unshare"),
        "--map-root-user",
        "--net",
        needs("chromium"),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
    ]
    asked += ["--no-first-run", f"--user-data-dir={tmp_path}", "--dump-dom", (english.folder / "logins.html").as_uri()]
    seen = subprocess.run(asked, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)})
    if "unshare failed" in seen.stderr:
        pytest.skip("this machine lets nobody make a network namespace")
    assert "<h1>Logins</h1>" in seen.stdout
    assert seen.stdout.count("<figure") == 3
    assert "</footer>" in seen.stdout


def test_every_hostile_name_reaches_the_reader_as_text(english: report.Run, browser: Browser, data_dir: Path) -> None:
    """Read back from the rendered page, each cell is what the log said, with what cannot be seen written out."""
    events = audit_nb.open_events(data_dir)
    expected = [
        words.visible(value) for value in tables.commands(events).order_by("time").command.to_pyarrow().to_pylist()
    ]
    page = browser.open((english.folder / "commands.html").as_uri())
    column = "Array.from(document.querySelectorAll('table')).at(-1)"
    rows = page.ask(f"Array.from({column}.tBodies[0].rows).map(row => row.cells[4].textContent)")
    cut = [text if len(text) <= 400 else text[:400] for text in expected]
    assert [row[:400] for row in reversed(rows)] == [text[:400] for text in cut]
    assert page.ask("document.querySelectorAll('main script, main svg, main iframe, [onerror], [onload]').length") == 0


def test_a_table_on_disk_holds_every_hostile_name(english: report.Run, data_dir: Path) -> None:
    """Read back from the CSV, too; and no cell is a formula."""
    text = (english.folder / "tables" / "commands-commands.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    expected = tables.commands(audit_nb.open_events(data_dir)).to_pyarrow().to_pylist()
    found = {row["serial"]: row for row in rows}
    for row in expected:
        for column in ("command", "exe"):
            assert found[str(row["serial"])][column].removeprefix("'") == words.visible(row[column]).removeprefix("'")
            assert not re.match(r"\s*[=+\-@\t\r]", found[str(row["serial"])][column])


def test_a_terminal_shows_every_hostile_name(data_dir: Path) -> None:
    """`audit-nb table` writes text: nothing in it moves a cursor, and each cell begins as the name does."""
    expected = tables.commands(audit_nb.open_events(data_dir)).to_pyarrow().to_pylist()
    said = (
        CliRunner().invoke(cli.main, ["--data-dir", str(data_dir), "table", "commands"], catch_exceptions=False).output
    )
    head, _, *lines = said.removesuffix("\n").split("\n")
    assert said.replace("\n", "").isprintable()
    assert len(lines) == len(expected)
    for line, row in zip(lines, expected, strict=True):
        shown = words.visible(row["command"])
        assert (shown if wcswidth(shown) <= 60 else shown[:24]) in line
    every = [words.visible(name) for name in NAMES]
    drawn = render_table(["name"], [[name] for name in NAMES], right=[False], cell_width=4000)
    assert [line.rstrip() for line in drawn.split("\n")[2:]] == [name.rstrip() for name in every]
    assert head.split()[:3] == ["host", "time", "serial"]


def test_csv_and_json_on_the_command_line_hold_every_hostile_name(data_dir: Path) -> None:
    """As CSV no cell begins a formula, with or without the mark for Excel; as JSON every text comes back as it was."""

    def asked(*form: str) -> str:
        given = ["--data-dir", str(data_dir), "table", "commands", *form]
        return CliRunner().invoke(cli.main, given, catch_exceptions=False).stdout_bytes.decode("utf-8")

    expected = [row["command"] for row in tables.commands(audit_nb.open_events(data_dir)).to_pyarrow().to_pylist()]
    said = asked("--format", "json")
    assert said.replace("\n", "").isprintable()
    assert [row["command"] for row in json.loads(said)] == expected
    plain, marked = asked("--format", "csv"), asked("--csv-for-excel")
    assert marked == "\ufeff" + plain
    cells = [row["command"] for row in csv.DictReader(io.StringIO(plain, newline=""))]
    assert cells == [words.visible(name) for name in expected]
    assert not any(re.match(r"\s*[=+@-]", cell) for row in csv.reader(io.StringIO(plain, newline="")) for cell in row)


def test_a_mail_carries_every_hostile_name(english: report.Run, data_dir: Path, tmp_path: Path) -> None:
    """Parsed back, the attached CSV and page hold each name as text, and no header or body has a control character."""
    content = mail.compose(english.folder, None, tmp_path / "outbox").content()
    message = email.message_from_bytes(content, policy=email.policy.default)
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    rows = list(csv.DictReader(io.StringIO(attached["commands-commands.csv"], newline="")))
    found = [row["command"].removeprefix("'") for row in rows]
    expected = tables.commands(audit_nb.open_events(data_dir)).to_pyarrow().to_pylist()
    assert sorted(found) == sorted(words.visible(row["command"]).removeprefix("'") for row in expected)
    assert attached["commands.html"] == (english.folder / "commands.html").read_text("utf-8")
    assert all(str(value).isprintable() for value in message.values())
    for kind in ("plain", "html"):
        body = message.get_body((kind,)).get_content()
        assert re.sub(r"[\n\r]", "", body).isprintable()
        assert "<script" not in body


def test_the_policy_of_a_page_stops_what_got_past(english: report.Run, browser: Browser, tmp_path: Path) -> None:
    """A script, a style and an image that somebody smuggled into a page do nothing there."""
    page = (english.folder / "index.html").read_text("utf-8")
    smuggled = (
        "<script>window.ran = 1</script><img id=i src=http://192.0.2.1/x onerror='window.ran = 2'>"
        "<p id=s style='position:fixed'>x</p>"
    )
    target = tmp_path / "smuggled.html"
    target.write_text(page.replace("</main>", f"{smuggled}</main>"), "utf-8")
    opened = browser.open(target.as_uri())
    assert opened.ask("window.ran === undefined")
    assert opened.ask("getComputedStyle(document.getElementById('s')).position") == "static"
    assert any("Content Security Policy" in text for text in opened.complaints)
    assert opened.ask("document.querySelectorAll('th button').length") > 0, "our own script runs"


def test_a_table_sorts_filters_and_pages(english: report.Run, browser: Browser) -> None:
    """By a click on a heading, by a word, 25 rows at a time; a screen reader hears the order and the count."""
    page = browser.open((english.folder / "commands.html").as_uri())
    page.ask(
        "window.t = Array.from(document.querySelectorAll('table')).at(-1); window.box = t.parentNode.previousSibling; 1"
    )
    shown = "Array.from(t.tBodies[0].rows).filter(row => getComputedStyle(row).display !== 'none')"
    assert page.ask(f"{shown}.length") == 25
    assert page.ask("box.querySelector('[role=status]').textContent") == f"1–25 / {len(NAMES)}"
    page.ask("Array.from(box.querySelectorAll('button')).at(-1).click()")
    assert page.ask(f"{shown}.length") == len(NAMES) - 25
    page.ask("t.tHead.rows[0].cells[0].querySelector('button').click()")
    assert page.ask("t.tHead.rows[0].cells[0].getAttribute('aria-sort')") == "ascending"
    times = page.ask(f"{shown}.map(row => row.cells[0].textContent)")
    assert times == sorted(times)
    assert len(times) == 25
    page.ask("const i = box.querySelector('input'); i.value = 'SCRIPT>'; i.dispatchEvent(new Event('input'))")
    assert page.ask(f"{shown}.map(row => row.cells[4].textContent)") == ["/bin/echo '<script>alert(1)</script>'"]


def test_the_code_is_hidden_until_it_is_asked_for(english: report.Run, browser: Browser) -> None:
    """A reader sees results; a button shows how they were made."""
    page = browser.open((english.folder / "logins.html").as_uri())
    visible = (
        "Array.from(document.querySelectorAll('.code')).filter(c => getComputedStyle(c).display !== 'none').length"
    )
    assert page.ask(visible) == 0
    page.ask("document.querySelector('button[data-code]').click()")
    assert page.ask(visible) == page.ask("document.querySelectorAll('.code').length") > 4
    assert page.ask("document.querySelector('button[data-code]').getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["english", "korean"])
def test_no_page_scrolls_sideways(
    language: str, request: pytest.FixtureRequest, browser: Browser, width: int, dark: bool
) -> None:
    """On a phone a wide table scrolls inside its box, the page does not; charts take the narrow picture there."""
    for path in pages_of(request.getfixturevalue(language)):
        page = browser.open(path.as_uri(), width=width, dark=dark)
        assert page.ask("document.documentElement.scrollWidth") <= width, path.name
        narrow = page.ask("Array.from(document.images).map(i => i.currentSrc === i.src)")
        assert all(is_wide == (width > 600) for is_wide in narrow), path.name


def test_a_page_can_be_walked_by_keyboard_and_ear(english: report.Run, korean: report.Run, browser: Browser) -> None:
    """One h1, no level skipped, landmarks, a language, unique ids, words for every figure, a caption for every table."""
    for run, language in ((english, "en"), (korean, "ko")):
        for path in pages_of(run)[:-1]:
            page = browser.open(path.as_uri())
            assert page.ask("document.documentElement.lang") == language
            levels = page.ask("Array.from(document.querySelectorAll('h1,h2,h3,h4')).map(h => +h.tagName[1])")
            assert levels[0] == 1
            assert levels.count(1) == 1
            assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), path.name
            ids = page.ask("Array.from(document.querySelectorAll('[id]')).map(e => e.id)")
            assert len(ids) == len(set(ids))
            assert page.ask("['header', 'main', 'footer'].every(tag => document.querySelectorAll(tag).length === 1)")
            assert page.ask("Array.from(document.images).every(i => i.alt.length > 10)")
            assert page.ask(
                "Array.from(document.querySelectorAll('table')).every(t => t.caption && t.caption.textContent)"
            )
            assert page.ask("Array.from(document.querySelectorAll('th')).every(h => h.scope === 'col')")
            assert page.ask(
                "Array.from(document.querySelectorAll('.contents a')).every(a => document.querySelector(a.hash))"
            )


def test_links_of_a_run_lead_to_files(english: report.Run, korean: report.Run) -> None:
    """Nothing is linked that is not there."""
    for path in pages_of(english):
        for target in re.findall(r'href="([^"#:][^":]*)"', path.read_text("utf-8")):
            assert (path.parent / html.unescape(target)).exists(), (path.name, target)


def test_a_korean_report_is_korean(korean: report.Run, browser: Browser) -> None:
    """Headings, headlines, verdict and figures; what the log said stays as it is."""
    assert korean.report["period"]["label"] == "2026-11-23 (월)"
    assert korean.report["period"]["zone"] == "Asia/Seoul (UTC+9)"
    assert f"실패한 로그인 {len(NAMES)}건" in korean.verdict["sentence"]
    for name in ("overview", "logins", "commands"):
        page = browser.open((korean.folder / f"{name}.html").as_uri())
        for text in page.ask(
            "Array.from(document.querySelectorAll('h1,h2,h3,caption,figcaption,.prose p')).map(e => e.innerText)"
        ):
            assert re.search("[가-힣]", text), (name, text)


def test_contrast_of_text_is_enough_in_light_and_dark(english: report.Run, browser: Browser) -> None:
    """4.5 to 1 for every text that is shown (WCAG AA)."""
    script = """(() => {
      const parts = c => c.match(/[\\d.]+/g).map(Number);
      const lum = c => { const [r, g, b] = parts(c).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b };
      const paper = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$|transparent|color/.test(c)) return c } return 'rgb(255,255,255)' };
      return Array.from(document.querySelectorAll('body *')).filter(e => e.checkVisibility() &&
          Array.from(e.childNodes).some(n => n.nodeType === 3 && n.textContent.trim()) && !e.disabled)
        .map(e => { const [a, b] = [lum(getComputedStyle(e).color), lum(paper(e))].sort((x, y) => y - x);
          return [(a + .05) / (b + .05), e.outerHTML.slice(0, 80)] }).filter(([ratio]) => ratio < 4.5) })()"""
    for path in pages_of(english):
        for dark in (False, True):
            assert browser.open(path.as_uri(), dark=dark).ask(script) == [], (path.name, dark)


@pytest.mark.parametrize(  # every two of the three meet
    ("language", "dark", "width"),
    [("english", False, 390), ("english", True, 1280), ("korean", True, 390), ("korean", False, 1280)],
)
def test_axe_finds_nothing_on_any_page(
    language: str, request: pytest.FixtureRequest, browser: Browser, width: int, dark: bool
) -> None:
    """Every rule of axe-core, on every kind of page, hostile names and all."""
    if not AXE.exists() and os.environ.get("CI") != "true":
        pytest.skip("axe-core is not installed: pip install --no-deps -r requirements-axe.lock")
    for path in pages_of(request.getfixturevalue(language)):
        found = browser.open(path.as_uri(), width=width, dark=dark).violations()
        assert (path.name, found) == (path.name, [])


def test_axe_would_find_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    """A picture without words and pale letters are both told, as what they are."""
    if not AXE.exists() and os.environ.get("CI") != "true":
        pytest.skip("axe-core is not installed: pip install --no-deps -r requirements-axe.lock")
    page = tmp_path / "wrong.html"
    page.write_text("<!doctype html><img src='data:,'><p style='color:#bbb;background:#fff'>pale</p>", "utf-8")
    found = {one["id"]: one["impact"] for one in browser.open(page.as_uri()).violations()}
    assert found["image-alt"] == "critical"
    assert found["color-contrast"] == "serious"


def test_paper_is_white_also_from_a_dark_screen(english: report.Run, browser: Browser, tmp_path: Path) -> None:
    """Printed, every row of a table is there and nothing is drawn for a dark page."""
    page = browser.open((english.folder / "commands.html").as_uri(), dark=True)
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.ask("getComputedStyle(document.querySelector('.tools')).display") == "none"
    hidden = (
        "Array.from(document.querySelectorAll('tbody tr')).filter(r => getComputedStyle(r).display === 'none').length"
    )
    assert page.ask(hidden) == 0
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_data_of_today_is_read_with_words_for_the_time(desk: Desk, data_dir: Path) -> None:
    """`yesterday` is resolved once, for all notebooks, in the report's time zone."""
    desk.notebook("own", "print(since, until)")
    desk.parameters("since: yesterday\nuntil: today\ntimezone: Asia/Seoul")
    made = desk.make("own", data_dir=data_dir)
    since, until = (datetime.fromisoformat(made.report["period"][end]) for end in ("since", "until"))
    assert until - since == timedelta(days=1)
    assert (since.hour, since.utcoffset()) == (0, timedelta(hours=9))
    assert since < datetime.now(UTC)
    assert made.folder.parent.name == f"{since:%Y-%m-%d}"
    kept = nbformat.read(made.folder / "notebooks" / "own.ipynb", as_version=4)
    assert kept.cells[-1].outputs[0].text.strip() == f"{since.isoformat()} {until.isoformat()}"


def test_the_store_is_only_read(desk: Desk, data_dir: Path) -> None:
    """Making a report changes nothing in the data folder."""

    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}

    before = files()
    desk.notebook("own", "from audit_nb import open_events\nprint(open_events(data_dir).count().execute())")
    made = desk.make("own", data_dir=data_dir)
    kept = nbformat.read(made.folder / "notebooks" / "own.ipynb", as_version=4)
    assert kept.cells[-1].outputs[0].text.strip() == str(3 * len(NAMES))
    assert files() == before
