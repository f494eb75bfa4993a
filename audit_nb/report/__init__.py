"""Plays notebooks, renders them, and writes a run's folder and the history.

    run = report.make("demo")
    run.folder      reports/demo/2026-11-23/20261123T044211Z
    run.verdict     {"level": "alarm", "sentence": "37 failed logins …"}

Nothing is judged by what a notebook's own metadata say: a kernel that died is called completed there. One failing
notebook is a row; the others are played, rendered and delivered. A run is written aside and seen whole or not at all.
"""

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from audit_nb.errors import AuditNbError
from audit_nb.files import private_directory, sync_directory, write_private
from audit_nb.progress import Step, Tell, silent
from audit_nb.report import columns, coverage, history, pages, plan, play, printed, verdict, versions

__all__ = ["Run", "make"]

_logger = logging.getLogger(__name__)
TIMEOUT_S = 1800.0
MIN_FREE = 32 << 20  # bytes; a run of eight notebooks has a few MB
FULL = 1 << 20
PARAMETERS = "parameters.yaml"  # of a run, with every word made absolute: the run can be made again


@dataclass(frozen=True)
class Run:
    """One making of a report: where it lies, and what `report.json` in it says."""

    folder: Path
    report: Mapping[str, Any]

    @property
    def status(self) -> str:
        """`done`, `partial` (something was not seen or failed) or `failed` (no notebook could be played)."""
        return self.report["status"]

    @property
    def verdict(self) -> Mapping[str, str]:
        """`level` (clean, notice, alarm, blind) and `sentence`."""
        return self.report["verdict"]

    @property
    def index(self) -> Path:
        """The first page."""
        return self.folder / "index.html"


def make(
    name: str,
    *,
    parameters_dir: Path = Path("parameters"),
    parameters_file: Path | None = None,
    notebooks_dir: Path = Path("notebooks"),
    reports_dir: Path = Path("reports"),
    data_dir: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    tell: Tell = silent,
) -> Run:
    """Make the report `name` as `reports.yaml` describes it; an earlier run of the same period stays, superseded.

    The notebooks' parameters are those of `<name>.yaml` unless a file is named; `data_dir` outweighs what stands there.
    `timeout_s` bounds each notebook. Raises UsageError before any kernel starts when a name or a value is wrong.
    """
    started = datetime.now(UTC)
    asked = plan.make(name, parameters_dir, parameters_file, notebooks_dir, data_dir, now=started)
    _require_space(private_directory(reports_dir))
    final = history.folder_of(reports_dir, asked, started)
    aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=private_directory(reports_dir / name)))
    try:
        played = play.notebooks(asked, aside, timeout_s=timeout_s, tell=tell)
        report = _report(asked, played, aside, started, history.before(reports_dir, asked))
        report["command"] = f"audit-nb report {name} --parameters {final / PARAMETERS}"
        columns.write(aside, report, for_excel=asked.csv_for_excel)
        pages.write(aside, report)
        if asked.pdf:
            _print(aside, report, tell)
        write_private(aside / PARAMETERS, yaml.safe_dump(asked.parameters, allow_unicode=True).encode("utf-8"))
        write_private(aside / "report.json", json.dumps(report, ensure_ascii=False, indent=1).encode("utf-8"))
        _settle(aside, final)
    except BaseException as fault:
        is_full = isinstance(fault, Exception) and shutil.disk_usage(reports_dir).free < FULL
        shutil.rmtree(aside, ignore_errors=True)
        if is_full:  # a notebook that could not be written whole fails in many ways
            raise AuditNbError(
                f"{reports_dir}: the disk became full, so there is no new report. Make room there."
            ) from None
        raise
    history.point_latest(reports_dir / name, final)
    history.write_signposts(reports_dir, name, final)
    history.write_index(reports_dir)
    history.sweep(reports_dir / name)
    return Run(final, report)


def _require_space(reports_dir: Path) -> None:
    """Raise AuditNbError where a run would not fit; none is half made."""
    free = shutil.disk_usage(reports_dir).free
    if free < MIN_FREE:
        raise AuditNbError(
            f"{reports_dir}: only {free >> 20:,} MiB are free there, too few for a report. Make room there."
        )


def _report(
    asked: plan.Plan, played: list[play.Played], folder: Path, started: datetime, earlier: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What `report.json` says; every renderer and the mail read only this."""
    results = {notebook.name: play.results(folder, notebook.name) for notebook in played}
    every = [result for notebook in results.values() for result in notebook]
    hosts = coverage.of(asked)
    headlines = verdict.headlines(every, earlier)
    failed = [notebook.name for notebook in played if notebook.status == "failed"]
    ended = datetime.now(UTC)
    return {
        "name": asked.name,
        "title": asked.title,
        "run": history.run_id(started),
        "status": verdict.status(hosts, failed, len(played)),
        "verdict": verdict.judge(headlines, hosts, failed, asked.language),
        "started_at": started.isoformat(),
        "ended_at": ended.isoformat(),
        "seconds": round((ended - started).total_seconds(), 1),
        "language": asked.language,
        "period": asked.period_as_json(),
        "parameters": asked.parameters,
        "mail": list(asked.mail),
        "hosts": hosts.as_json(),
        "evidence": hosts.evidence(),
        "coverage": hosts.rows,
        "headlines": headlines,
        "notebooks": [notebook.as_json() | {"says": _says(results[notebook.name])} for notebook in played],
        "tables": [_without_kind(result) for result in every if result["kind"] == "table"],
        "figures": [_without_kind(result) for result in every if result["kind"] == "figure"],
        "pdf": None,
        "earlier": earlier and {"run": earlier["run"], "path": earlier["path"], "label": earlier["period"]["label"]},
        "versions": versions.found(),
    }


def _print(aside: Path, report: dict[str, Any], tell: Tell) -> None:
    """Print the pages, and say on the first one what became of it."""
    made = printed.pages(aside, report)
    report["pdf"] = made.as_json()
    said = made.reason or ", ".join(made.files)
    tell(Step("play", "pdf", text=said, failed=made.reason is not None))
    pages.write_run(aside, report)


def _says(results: list[dict[str, Any]]) -> str | None:
    """The first sentence that a notebook computed."""
    return next((result["text"] for result in results if result["kind"] == "sentence"), None)


def _without_kind(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "kind"}


def _settle(aside: Path, final: Path) -> None:
    """Give the finished run its place, everything in it private."""
    shutil.rmtree(aside / "results", ignore_errors=True)
    for path in aside.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    private_directory(final.parent)
    aside.chmod(0o700)
    aside.rename(final)
    sync_directory(final.parent)
