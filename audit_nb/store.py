"""Keeps events as Parquet by host and UTC day, and opens a period of them as an Ibis table.

    data/store/<host>/index.json              which files are the store, and what they were made from
    data/store/<host>/<day>/<name>.parquet    the events of one UTC day, in one or several parts
    data/store/<host>/malformed-<n>.parquet   the lines that could not be read

The store of a host is a function of its archive: `rebuild` makes it anew. A day that got new bytes is written as a
whole beside the old one; the index names either the old files or the new ones, so a reader never sees half of it.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audit_nb import events, files, times
from audit_nb.archive import Archive
from audit_nb.errors import AuditNbError
from audit_nb.progress import Step, Tell, silent

log = logging.getLogger(__name__)

Moment = times.Moment

HOSTS = pa.schema(
    [
        ("host", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("fetched_at", pa.timestamp("us")),
        ("first_time", pa.timestamp("us")),
        ("last_time", pa.timestamp("us")),
        *((name, pa.int64()) for name in ("segments", "bytes", "record_bytes", "malformed_bytes", "other_bytes")),
        *((name, pa.int64()) for name in ("records", "events", "incomplete", "malformed", "repaired", "unread")),
        ("lost_serials", pa.int64()),
    ]
)


@dataclass(frozen=True)
class StoreResult:
    """What became of one host: `outcome` is `done` or `failed`, and `reason` says why in one sentence."""

    host: str
    outcome: str
    reason: str | None
    days: int = 0
    events: int = 0


def update(data_dir: Path | str, hosts: Iterable[str] | None = None, tell: Tell = silent) -> list[StoreResult]:
    """Bring the store up to the archive: one row for each host; a host that fails does not stop the others."""
    archive = Archive(data_dir)
    return [_updated(Path(data_dir), archive, host, tell) for host in (hosts or archive.hosts())]


def rebuild(data_dir: Path | str, hosts: Iterable[str] | None = None, tell: Tell = silent) -> list[StoreResult]:
    """Make the store anew from the archive."""
    chosen = list(hosts or Archive(data_dir).hosts())
    for host in chosen:
        shutil.rmtree(_folder(Path(data_dir), host), ignore_errors=True)
    return update(data_dir, chosen, tell)


def _updated(data_dir: Path, archive: Archive, host: str, tell: Tell) -> StoreResult:
    try:
        result = _update(data_dir, archive, host, tell)
    except AuditNbError as error:
        result = StoreResult(host, "failed", str(error))
    except OSError as error:
        result = StoreResult(host, "failed", f"the store of {host} cannot be written: {error}")
    tell(Step("read", host, text=result.reason or f"{result.events} events", failed=result.outcome == "failed"))
    return result


def _update(data_dir: Path, archive: Archive, host: str, tell: Tell) -> StoreResult:
    index = _index(data_dir, host)
    segments = archive.segments(host)
    numbers = [segment.number for segment in segments]
    if index is not None and index["segments"] == numbers:
        return StoreResult(host, "done", None, 0, index["counts"]["events"])
    pieces, position = [], 0
    for segment in segments:
        pieces.append(events.Piece(archive.read(segment), segment.number, 0, position, segment.source))
        position += segment.length
    users, groups = archive.id_map(host)
    parsed = events.read_events(pieces, host=host, ids=events.IdMap(users, groups))
    folder = files.private_directory(_folder(data_dir, host))
    number = index["number"] + 1 if index else 1
    days = {}
    for day, table in _by_day(parsed.events):
        path = files.private_directory(folder / day) / f"{number:06d}-000.parquet"
        _write(path, table)
        days[day] = {"files": [path.name]}
    malformed = folder / f"malformed-{number:06d}.parquet"
    _write(malformed, parsed.malformed)
    accounts = [asdict(account) for account in parsed.accounting]
    new = {
        "parser": events.PARSER_VERSION,
        "number": number,
        "segments": numbers,
        "days": days,
        "malformed": malformed.name,
        "first_ms": pc.min(parsed.events["time_ms"]).as_py(),
        "last_ms": pc.max(parsed.events["time_ms"]).as_py(),
        "bytes": {
            name: sum(account[name] for account in accounts) for name in ("total", "record", "malformed", "other")
        },
        "counts": asdict(parsed.counts),
    }
    files.write_private(folder / "index.json", json.dumps(new).encode())
    for path in folder.glob("*/*.parquet"):
        if path.name not in days.get(path.parent.name, {"files": []})["files"]:
            path.unlink()
    for path in folder.glob("malformed-*.parquet"):
        if path != malformed:
            path.unlink()
    return StoreResult(host, "done", None, len(days), parsed.counts.events)


def _by_day(table: pa.Table) -> Iterable[tuple[str, pa.Table]]:
    day = pc.cast(pc.floor_temporal(table["time"], unit="day"), pa.date32())
    for value in pc.unique(day).to_pylist():
        yield value.isoformat(), table.filter(pc.equal(day, pa.scalar(value, pa.date32())))


def _write(path: Path, table: pa.Table) -> None:
    with files.written_aside(path) as file:
        pq.write_table(table, file, compression="zstd", store_schema=False, row_group_size=100_000)


def _folder(data_dir: Path, host: str) -> Path:
    return data_dir / "store" / host


def _index(data_dir: Path, host: str) -> dict[str, Any] | None:
    """The index of a host's store, or None where there is none that this version can read."""
    try:
        index = json.loads((_folder(data_dir, host) / "index.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return index if index.get("parser") == events.PARSER_VERSION else None


# ------------------------------------------------------------------------------------------------------------- opening


def open_events(
    data_dir: Path | str,
    hosts: Iterable[str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    timezone: str = "UTC",
) -> ir.Table:
    """The events of these hosts with since <= time < until, as an Ibis table of `events.SCHEMA`'s columns.

    `since` and `until` are datetimes, ISO 8601 or words (`yesterday`, `-1d`), read in `timezone`. Raises UsageError.
    """
    first, end = times.period(since, until, timezone)
    data_dir = files.nearest(Path(data_dir))
    paths = []
    for host, index in _indexes(data_dir, hosts):
        for day, entry in sorted(index["days"].items()):
            if _overlaps(day, first, end):
                paths += [str(_folder(data_dir, host) / day / name) for name in entry["files"]]
    table = _opened(paths, events.SCHEMA)
    if first is not None:
        table = table.filter(table.time >= first.replace(tzinfo=None))
    if end is not None:
        table = table.filter(table.time < end.replace(tzinfo=None))
    return table


def open_malformed(data_dir: Path | str, hosts: Iterable[str] | None = None) -> ir.Table:
    """The lines that could not be read: host, segment, offset, length, reason, text."""
    data_dir = files.nearest(Path(data_dir))
    found = _indexes(data_dir, hosts)
    return _opened([str(_folder(data_dir, host) / index["malformed"]) for host, index in found], events.MALFORMED)


def open_hosts(data_dir: Path | str, hosts: Iterable[str] | None = None) -> ir.Table:
    """One row for each host that was ever tried or imported: its newest attempt, and what is stored of it."""
    data_dir = files.nearest(Path(data_dir))
    states = _states(data_dir)
    indexes = dict(_indexes(data_dir, hosts))
    wanted = set(hosts) if hosts is not None else None
    names = sorted(name for name in {*states, *indexes} if wanted is None or name in wanted)
    rows = [_host_row(name, states.get(name, {}), indexes.get(name)) for name in names]
    return ibis.memtable(pa.Table.from_pylist(rows, schema=HOSTS))


def _host_row(host: str, state: Mapping[str, Any], index: Mapping[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"host": host, "outcome": state.get("outcome"), "reason": state.get("reason")}
    row["fetched_at"] = _naive(datetime.fromisoformat(state["ended_at"])) if state.get("ended_at") else None
    if index is None:
        return row
    row |= {"first_time": _of_ms(index["first_ms"]), "last_time": _of_ms(index["last_ms"])}
    row |= {"segments": len(index["segments"]), "bytes": index["bytes"]["total"]}
    row |= {f"{name}_bytes": index["bytes"][name] for name in ("record", "malformed", "other")}
    names = ("records", "events", "incomplete", "malformed", "repaired", "unread")
    row |= {name: index["counts"][name] for name in names}
    row["lost_serials"] = 0
    return row


def _states(data_dir: Path) -> dict[str, dict[str, Any]]:
    """The newest row of each host in `fetches.jsonl`; a line that a crash left unfinished is passed over."""
    found: dict[str, dict[str, Any]] = {}
    path = data_dir / "fetches.jsonl"
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            row = json.loads(line)
            found[row["host"]] = row
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _indexes(data_dir: Path, hosts: Iterable[str] | None) -> list[tuple[str, dict[str, Any]]]:
    folder = data_dir / "store"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    wanted = set(hosts) if hosts is not None else None
    chosen = [name for name in names if wanted is None or name in wanted]
    return [(name, index) for name in chosen if (index := _index(data_dir, name)) is not None]


def _overlaps(day: str, first: datetime | None, end: datetime | None) -> bool:
    begins = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return (first is None or first < begins + timedelta(days=1)) and (end is None or begins < end)


@cache
def _duckdb() -> Any:  # noqa: ANN401 - ibis' backend
    """One connection for a process, so that tables that were opened apart can be joined."""
    return ibis.duckdb.connect()


def _opened(paths: list[str], schema: pa.Schema) -> ir.Table:
    if not paths:
        return ibis.memtable(schema.empty_table())
    return _duckdb().read_parquet(paths)


def _of_ms(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
