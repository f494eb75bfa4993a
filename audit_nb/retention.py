"""Lets go of old bytes. The rows of the manifest stay, so what was pruned is known for ever and never fetched again."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_nb import archive
from audit_nb.archive import Archive, Segment
from audit_nb.errors import UsageError

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(frozen=True)
class PruneResult:
    """What was (or would be) pruned of one host: segments, the bytes they take on disk, the time of the last record."""

    host: str
    segments: int
    bytes: int
    until: datetime | None


def age(words: str) -> timedelta:
    """`90d`, `12w`, `6m` (of 30 days) or `1y` (of 365) as a timedelta; raises UsageError."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dwmy])", words.strip())
    if not found:
        raise UsageError(f"{words!r} is no age; write 90d, 12w, 6m or 1y")
    return timedelta(days=int(found[1]) * _DAYS[found[2]])


def prune(
    data_dir: Path | str,
    older_than: timedelta | datetime,
    *,
    hosts: Iterable[str] | None = None,
    dry_run: bool = False,
) -> list[PruneResult]:
    """Remove the bytes of segments whose last record is older; one result for each host.

    A segment without any readable time counts by when it was fetched. Call `store.update` afterwards: the store lets go
    of what the archive no longer holds. Raises AuditNbError while a fetch is at work.
    """
    cutoff = older_than if isinstance(older_than, datetime) else datetime.now(UTC) - older_than
    store = Archive(data_dir)
    chosen = store.hosts() if hosts is None else list(hosts)
    if dry_run:
        return [_result(host, _old(store, host, cutoff)) for host in chosen]
    with archive.lock(data_dir):
        return [_prune_host(store, host, cutoff) for host in chosen]


def _old(store: Archive, host: str, cutoff: datetime) -> list[Segment]:
    return [segment for segment in store.segments(host) if _ended(segment) < cutoff]


def _ended(segment: Segment) -> datetime:
    if segment.last_ms is None:
        return segment.fetched_at
    return datetime.fromtimestamp(max(segment.last_ms, segment.first_ms or 0) / 1000, UTC)


def _result(host: str, segments: list[Segment]) -> PruneResult:
    until = max(map(_ended, segments), default=None)
    return PruneResult(host, len(segments), sum(segment.stored for segment in segments), until)


def _prune_host(store: Archive, host: str, cutoff: datetime) -> PruneResult:
    segments = _old(store, host, cutoff)
    for segment in segments:
        store.drop(segment, older_than=cutoff)
    store.clear_dropped(host)
    return _result(host, segments)
