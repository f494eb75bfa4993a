"""The runs that lie in the reports folder: where a new one goes, which came before it, and the page that lists them."""

import json
import logging
import math
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from audit_nb.files import write_private
from audit_nb.report import pages
from audit_nb.report.plan import Plan

_logger = logging.getLogger(__name__)
LATEST = "latest"
LISTED = ("name", "title", "run", "language", "started_at", "period", "verdict", "hosts", "headlines")
STALE_S = 2 * 86400.0


def run_id(started: datetime) -> str:
    """A run is named by the moment it began, UTC."""
    return f"{started:%Y%m%dT%H%M%S}{started.microsecond // 1000:03d}Z"


def folder_of(reports_dir: Path, plan: Plan, started: datetime) -> Path:
    """Where a run will lie: `<name>/<period>/<run id>`."""
    return reports_dir / plan.name / period_name(plan) / run_id(started)


def period_name(plan: Plan) -> str:
    """A period as the name of a folder: `2026-11-23`, `2026-11-16--2026-11-22`, `2026-11-23T0600--2026-11-23T0700`."""
    if plan.since is None and plan.until is None:
        return "everything"
    zone = ZoneInfo(plan.timezone)
    first, end = (moment and moment.astimezone(zone) for moment in (plan.since, plan.until))
    if all(moment is None or moment.strftime("%H%M%S") == "000000" for moment in (first, end)):
        last = end and (end - timedelta(microseconds=1))
        names = [moment.strftime("%Y-%m-%d") if moment else "" for moment in (first, last)]
        return names[0] if names[0] == names[1] else "--".join(names)
    return "--".join(moment.strftime("%Y-%m-%dT%H%M") if moment else "" for moment in (first, end))


def runs(reports_dir: Path) -> list[dict[str, Any]]:
    """What the history says of every finished run, with the `path` of its folder there; newest first."""
    found = []
    for path in reports_dir.glob("[!.]*/[!.]*/[!.]*/report.json"):
        if path.parent.is_symlink() or path.parent.parent.is_symlink():
            continue
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            listed = {key: report[key] for key in LISTED}
            found.append(listed | {"path": path.parent.relative_to(reports_dir).as_posix()})
        except (OSError, ValueError, KeyError, TypeError) as fault:
            _logger.warning("%s cannot be read and is left out of the history: %s", path, fault)
    return sorted(found, key=lambda report: report["run"], reverse=True)


def before(reports_dir: Path, plan: Plan) -> dict[str, Any] | None:
    """The newest run of the same report whose period ends where this one begins."""
    if plan.since is None:
        return None
    for report in runs(reports_dir):
        until = report["period"]["until"]
        if report["name"] == plan.name and until and datetime.fromisoformat(until) == plan.since:
            return report
    return None


def point_latest(report_dir: Path, run: Path) -> None:
    """Move `latest` to a run; whoever opens it sees the old one or the new one."""
    aside = report_dir / f".aside-{secrets.token_hex(6)}"
    aside.symlink_to(run.relative_to(report_dir), target_is_directory=True)
    aside.replace(report_dir / LATEST)


def write_index(reports_dir: Path) -> None:
    """The page that lists all runs."""
    write_private(
        reports_dir / "index.html", pages.render_history(runs(reports_dir)).encode("utf-8", "backslashreplace")
    )


def write_signposts(reports_dir: Path, name: str, latest: Path) -> None:
    """The pages that lead on from a run: to the periods before and after, to the latest run, to the history.

    A run is never rewritten, and cannot know which report will follow; and it has two places, its own and `latest`,
    which lies less deep. So it links to pages one folder up, and those stand beside the runs of each period and, for
    the run that is the latest, beside `latest`.
    """
    found = [run for run in runs(reports_dir) if run["name"] == name]
    newest: dict[str, dict[str, Any]] = {}
    for run in found:
        newest.setdefault(run["path"].split("/")[1], run)
    order = sorted(newest, key=lambda period: _begins(newest[period]))
    for place, period in enumerate(order):
        near = {
            where: f"{newest[order[other]]['path'].split('/', 1)[1]}/index.html" if 0 <= other < len(order) else None
            for where, other in (("previous", place - 1), ("next", place + 1))
        }
        near |= {"latest": f"{LATEST}/index.html", "history": "../index.html"}
        _write_signs(reports_dir / name / period, "../", near, found[0])
        if period == latest.parent.name:
            _write_signs(reports_dir / name, "", near, found[0])


def _write_signs(folder: Path, up: str, near: Mapping[str, str | None], newest: Mapping[str, Any]) -> None:
    for where, address in near.items():
        page = pages.render_signpost(where, address and up + address, newest).encode("utf-8", "backslashreplace")
        target = folder / f"{where}.html"
        if not target.exists() or target.read_bytes() != page:
            write_private(target, page)


def _begins(run: Mapping[str, Any]) -> tuple[float, float]:
    """What orders periods: where they begin, then where they end; what is open lies furthest out."""
    ends = [run["period"][end] and datetime.fromisoformat(run["period"][end]).timestamp() for end in ("since", "until")]
    return (ends[0] or -math.inf, ends[1] or math.inf)


def sweep(report_dir: Path) -> None:
    """Remove what runs left that were killed days ago."""
    for path in report_dir.glob(".aside-*"):
        if re.fullmatch(r"\.aside-\w+", path.name) and path.lstat().st_mtime < time.time() - STALE_S:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()
