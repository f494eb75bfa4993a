"""Is the archive still what was fetched? Every segment is read again, and each report is tied to the segments it saw.

data/archive/web01: 6 segments, 22,713,049 bytes: whole
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_nb import fetches, times
from audit_nb.archive import Archive, EvidenceError, Segment, first_line
from audit_nb.errors import AuditNbError
from audit_nb.progress import Step, Tell, silent

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerifyResult:
    """One host's archive: `outcome` is `done` or `failed`; `problems` are sentences.

    `reports` has a row for each report that saw the host: run, made_at, segments (numbers), and of those the `damaged`.
    """

    host: str
    outcome: str
    segments: int
    pruned: int
    bytes: int
    problems: tuple[str, ...] = ()
    reports: tuple[dict[str, Any], ...] = ()


def verify(data_dir: Path | str, reports_dir: Path | str | None = None, tell: Tell = silent) -> list[VerifyResult]:
    """Read every segment of every host again: digest, size and continuity; one result for each host."""
    archive = Archive(data_dir)
    brought = _brought(Path(data_dir))
    reports = list(_reports(Path(reports_dir))) if reports_dir is not None else []
    return [_verify_host(archive, host, brought.get(host, 0), reports, tell) for host in archive.hosts()]


def _verify_host(archive: Archive, host: str, brought: int, reports: list[dict[str, Any]], tell: Tell) -> VerifyResult:
    everything = archive.all_segments(host)
    pruned = {row["number"] for row in archive.rows(host, "pruned")}
    held = [segment for segment in everything if segment.number not in pruned]
    total, done = sum(segment.length for segment in held), 0
    problems: list[str] = []
    damaged: set[int] = set()
    for segment in held:
        try:
            data = archive.read(segment)
            if segment.offset == 0 and not segment.line.fits(first_line(data)) and segment.whole:
                problems.append(f"segment {segment.number}: its first line is not the one of the manifest")
        except EvidenceError as fault:
            damaged.add(segment.number)
            problems.append(f"segment {segment.number} ({segment.path}, {segment.length:,} bytes): {fault}")
        done += segment.length
        tell(Step("verify", host, done, total))
    problems += [*_breaks(everything), *_manifest_faults(archive, host, everything, pruned, brought)]
    text = f"{len(held)} segments, {total:,} bytes: {'; '.join(problems) or 'whole'}"
    tell(Step("verify", host, done, total, text=text, failed=bool(problems)))
    return VerifyResult(
        host=host,
        outcome="failed" if problems else "done",
        segments=len(held),
        pruned=len(pruned),
        bytes=total,
        problems=tuple(problems),
        reports=tuple(row for report in reports if (row := _seen_by(report, host, everything, damaged))),
    )


def _breaks(segments: Iterable[Segment]) -> list[str]:
    """Where the segments of a source do not follow one another, or their numbers do not."""
    found: list[str] = []
    ends: dict[int, int] = {}
    expected = 1
    for segment in segments:
        if segment.number != expected:
            found.append(
                f"the manifest has segment {segment.number} where {expected} is due: rows are missing or doubled"
            )
        expected = segment.number + 1
        base = segment.base[1] if segment.base else 0
        if segment.base and ends.get(segment.base[0], 0) < base:
            found.append(
                f"segment {segment.number}: source {segment.base[0]}, whose first bytes it shares, is too short"
            )
        if segment.offset != ends.get(segment.source, base):
            found.append(
                f"segment {segment.number}: begins at byte {segment.offset:,} of its source, which was held to "
                f"{ends.get(segment.source, base):,}"
            )
        ends[segment.source] = segment.end if segment.whole else segment.offset
    return found


def _manifest_faults(archive: Archive, host: str, segments: list[Segment], pruned: set[int], brought: int) -> list[str]:
    """What the folder, the manifest and the record of fetches say against each other."""
    folder = archive.folder / host
    due = {f"{segment.number:08d}.zst" for segment in segments if segment.number not in pruned}
    found = [f"line {number} of the manifest is unreadable" for number in archive.unreadable_rows(host)]
    found += [
        f"{path.name} stands in no row of the manifest" + (" but as pruned" if int(path.stem) in pruned else "")
        for path in sorted(folder.glob("[0-9]*.zst"))
        if path.name not in due
    ]
    kept = sum(segment.length for segment in segments)
    if kept < brought:
        found.append(
            f"the manifest has {kept:,} bytes in all, but data/fetches.jsonl records {brought:,}: rows are missing"
        )
    return found


def _brought(data_dir: Path) -> dict[str, int]:
    """The bytes that were recorded as fetched, by host."""
    found: dict[str, int] = {}
    for row in fetches.read(data_dir):
        found[row.host] = found.get(row.host, 0) + row.new_bytes
    return found


def _reports(reports_dir: Path) -> Iterable[dict[str, Any]]:
    """Every finished report's `report.json`, oldest first."""
    found = []
    for path in reports_dir.glob("[!.]*/[!.]*/[!.]*/report.json"):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            report["_made_at"] = datetime.fromisoformat(report["started_at"])
            report["_path"] = str(path.parent)
        except (OSError, ValueError, KeyError, TypeError) as fault:
            log.warning("%s cannot be read (%s); it is left out", path, fault)
            continue
        found.append(report)
    return sorted(found, key=lambda report: report["_made_at"])


def _seen_by(report: dict[str, Any], host: str, segments: list[Segment], damaged: set[int]) -> dict[str, Any] | None:
    """The segments of `host` that stood behind a report: fetched before it was made and of its period."""
    if host not in {row.get("host") for row in report.get("coverage", ())}:
        return None
    try:
        since, until = _period(report)
    except AuditNbError:
        since, until = None, None
    used = [
        segment.number
        for segment in segments
        if segment.fetched_at <= report["_made_at"]
        and (until is None or segment.first_ms is None or segment.first_ms < until)
        and (since is None or segment.last_ms is None or segment.last_ms >= since)
    ]
    return {
        "run": report["_path"],
        "made_at": report["started_at"],
        "segments": used,
        "damaged": sorted(damaged & set(used)),
    }


def _period(report: dict[str, Any]) -> tuple[int | None, int | None]:
    """A report's period in milliseconds since 1970."""
    said = report.get("period", {})
    zone = said.get("timezone") or "UTC"
    first, end = times.period(said.get("since"), said.get("until"), zone, now=report["_made_at"])
    return _ms(first), _ms(end)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
