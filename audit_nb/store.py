"""Keeps events as Parquet by host and UTC day, and opens a period of them as an Ibis table.

    data/store/<host>/index.json              which files are the store, and what they were made from
    data/store/<host>/<day>/<name>.parquet    the events of one UTC day, in one or several parts
    data/store/<host>/malformed-<n>.parquet   the lines that could not be read

The store of a host is a function of its archive: `rebuild` makes it anew. A day that got new bytes is written as a
whole beside the old one; the index names either the old files or the new ones, so a reader never sees half of it.
"""

import fcntl
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from audit_nb import events, files, memory, redact, shortcuts, times
from audit_nb import index as indexes
from audit_nb.archive import Archive
from audit_nb.closeup import Closeup, EventId, closeup
from audit_nb.errors import AuditNbError
from audit_nb.index import Index, folder_of
from audit_nb.intake import Intake, Source
from audit_nb.progress import Step, Tell, silent

if TYPE_CHECKING:
    import ibis.expr.types as ir

log = logging.getLogger(__name__)

_CLOCK_MS = 120_000  # a host's clock may differ so much from ours

#: The columns of the files: those of an event, and what is kept a second time.
STORED = pa.schema([*events.SCHEMA, *shortcuts.SCHEMA])

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
        ("audit_at", pa.timestamp("us")),
        *((name, pa.int64()) for name in ("audit_enabled", "lost", "lost_before", "backlog", "backlog_limit", "rules")),
    ]
)


@dataclass(frozen=True)
class StoreResult:
    """What became of one host: `outcome` is `done`, `partial` or `failed`, and `reason` says why in one sentence."""

    host: str
    outcome: str
    reason: str | None
    events: int = 0


# -------------------------------------------------------------------------------------------------------------- making


def update(data_dir: Path | str, hosts: Iterable[str] | None = None, tell: Tell = silent) -> list[StoreResult]:
    """Bring the store up to the archive: one row for each host; a host that fails does not stop the others."""
    data_dir, archive = Path(data_dir), Archive(data_dir)
    chosen = archive.hosts() if hosts is None else list(dict.fromkeys(hosts))
    processors = max(1, len(os.sched_getaffinity(0)))
    threads = ThreadPoolExecutor(processors, "read"), ThreadPoolExecutor(processors, "host")
    memory.share_heap()
    with memory.kept(), threads[0] as workers, threads[1] as drivers:
        return list(drivers.map(lambda host: _updated(data_dir, archive, host, workers, tell), chosen))


def rebuild(data_dir: Path | str, hosts: Iterable[str] | None = None, tell: Tell = silent) -> list[StoreResult]:
    """Make the store anew from the archive."""
    data_dir = Path(data_dir)
    chosen = Archive(data_dir).hosts() if hosts is None else list(dict.fromkeys(hosts))
    for host in chosen:
        with _alone(folder_of(data_dir, host)):
            (folder_of(data_dir, host) / "index.json").unlink(missing_ok=True)
    return update(data_dir, chosen, tell)


def _updated(data_dir: Path, archive: Archive, host: str, workers: Executor, tell: Tell) -> StoreResult:
    folder = folder_of(data_dir, host)
    try:
        with _alone(folder):
            source = _source(data_dir, archive, host)
            index = Intake(source, folder, workers, lambda done, total: tell(Step("read", host, done, total))).run()
        outcome, reason = ("partial", index.trouble) if index.trouble else ("done", _refusal(index))
        result = StoreResult(host, outcome, reason, index.counts["events"])
    except AuditNbError as error:
        result = StoreResult(host, "failed", str(error))
    except OSError as error:
        result = StoreResult(host, "failed", f"the store of {host} cannot be written: {error}")
    text = result.reason or f"{result.events:,} events"
    tell(Step("read", host, unit="events", text=text, failed=result.outcome == "failed"))
    return result


def _source(data_dir: Path, archive: Archive, host: str) -> Source:
    """A host's bytes and what is known of it beside them."""
    position, at = {}, 0
    for segment in archive.all_segments(host):
        position[segment.number] = at
        at += segment.length
    users, groups = archive.id_map(host)
    known = events.Known(events.IdMap(users, groups), _sessions(data_dir, host), _salt(data_dir))
    return Source(host, archive.segments(host), position, archive.read, known)


def _sessions(data_dir: Path, host: str) -> tuple[events.Session, ...]:
    """The visits of our own collector to this host."""
    found = []
    for row in _fetches(data_dir):
        session = row.get("session") or {}
        if row.get("host") == host and session.get("account") and session.get("address"):
            since, until = _ms(row["started_at"]) - _CLOCK_MS, _ms(row["ended_at"]) + _CLOCK_MS
            found.append(events.Session(session["account"], session["address"], since, until))
    return tuple(found)


def _salt(data_dir: Path) -> bytes:
    """The secret of this data folder from which the pseudonyms of unknown accounts are made."""
    path = files.private_directory(data_dir / "store") / ".salt"
    if not path.exists():
        files.write_private(path, redact.new_salt())
    return path.read_bytes()


def _refusal(index: Index) -> str | None:
    """What is said of text that was interpreted before it reached us."""
    lines = index.totals.get("interpreted", 0)
    if not lines:
        return None
    return (
        f"{index.host}: {lines:,} lines are already interpreted text (ausearch -i) and are not read; "
        "import the log itself"
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes to this host's store, and keep others waiting meanwhile."""
    files.private_directory(folder)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, files.FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------------------- opening


def open_events(
    data_dir: Path | str,
    hosts: Iterable[str] | None = None,
    since: times.Moment | None = None,
    until: times.Moment | None = None,
    timezone: str = "UTC",
    *,
    spark: Any = None,  # noqa: ANN401 - a pyspark.sql.SparkSession, which need not be installed
) -> "ir.Table":
    """The events of these hosts with since <= time < until, as an Ibis table of STORED's columns.

    `since` and `until` are datetimes, ISO 8601 or words (`yesterday`, `-1d`), read in `timezone`. Raises UsageError.

    DuckDB reads the files in this process. Where a fleet outgrows one machine, give `spark` a `SparkSession`: the table
    is the same, and so is every question asked of it; Spark's workers must see the data folder under the same path.
    """
    first, end = times.period(since, until, timezone)
    data_dir = files.nearest(Path(data_dir))
    paths = [
        str(folder_of(data_dir, index.host) / day / name)
        for index in _indexes(data_dir, hosts)
        for day in index.overlapping(first, end)
        for name in index.days[day].files
    ]
    table = _opened(paths, STORED) if spark is None else _opened_on(spark, paths, STORED)
    if first is not None:
        table = table.filter(table.time >= first.replace(tzinfo=None))
    if end is not None:
        table = table.filter(table.time < end.replace(tzinfo=None))
    return table


def open_malformed(data_dir: Path | str, hosts: Iterable[str] | None = None) -> "ir.Table":
    """The lines that could not be read: host, segment, offset, length, reason, text."""
    data_dir = files.nearest(Path(data_dir))
    found = [index for index in _indexes(data_dir, hosts) if index.malformed]
    return _opened([str(folder_of(data_dir, index.host) / str(index.malformed)) for index in found], events.MALFORMED)


def open_hosts(
    data_dir: Path | str,
    hosts: Iterable[str] | None = None,
    *,
    spark: Any = None,  # noqa: ANN401 - a pyspark.sql.SparkSession, as for `open_events`
) -> "ir.Table":
    """One row for each host that was ever tried or imported: its newest attempt, and what is stored of it.

    host, outcome, reason, fetched_at (of the newest attempt); first_time, last_time, segments, bytes, record_bytes,
    malformed_bytes, other_bytes, records, events, incomplete (events), malformed (lines), repaired (records whose lost
    separator was found again), unread (pieces of text that no field explains), lost_serials. What `auditctl -s` and
    `-l` told when last asked, null where they were not: audit_at, audit_enabled (0 off, 1 on, 2 locked), lost (records
    that the kernel dropped since its boot), lost_before (the same at the visit before), backlog, backlog_limit, rules.
    """
    import ibis

    data_dir = files.nearest(Path(data_dir))
    wanted = None if hosts is None else set(hosts)
    states = {row["host"]: row for row in _fetches(data_dir)}
    stored = {index.host: index for index in _indexes(data_dir, hosts)}
    names = sorted(name for name in {*states, *stored} if wanted is None or name in wanted)
    rows = [_host_row(name, states.get(name, {}), stored.get(name)) | _audit_row(data_dir, name) for name in names]
    table = pa.Table.from_pylist(rows, schema=HOSTS)
    return ibis.memtable(table) if spark is None else _lent_to(spark, table)


def _host_row(host: str, state: Mapping[str, Any], index: Index | None) -> dict[str, Any]:
    row: dict[str, Any] = {"host": host, "outcome": state.get("outcome"), "reason": state.get("reason")}
    row["fetched_at"] = _naive(datetime.fromisoformat(state["ended_at"])) if state.get("ended_at") else None
    if index is None:
        return row
    counts, totals = index.counts, index.totals
    return row | {
        "first_time": _of_ms(index.first_ms),
        "last_time": _of_ms(index.last_ms),
        "segments": totals["segments"],
        "bytes": totals["total"],
        "record_bytes": totals["record"],
        "malformed_bytes": totals["malformed"],
        "other_bytes": totals["other"],
        **{name: counts[name] for name in ("records", "events", "incomplete", "repaired", "unread")},
        "malformed": totals["malformed_lines"],
        "lost_serials": index.lost_serials,
    }


def _audit_row(data_dir: Path, host: str) -> dict[str, Any]:
    """What the host said of its own audit when it was last asked, and how many records it had lost the time before."""
    visits: list[dict[str, Any]] = [{}]
    for row in Archive(data_dir).learnt(host):
        if row.keys() & {"audit_at", "audit_status", "audit_rules"}:
            visits.append({**visits[-1], "audit_at": row.get("at"), **row})
    if len(visits) == 1:
        return {}
    told, before = visits[-1], visits[-2]
    status, at, rules = told.get("audit_status", {}), told["audit_at"], told.get("audit_rules")
    return {
        "audit_at": _naive(datetime.fromisoformat(at)) if at else None,
        "audit_enabled": status.get("enabled"),
        **{name: status.get(name) for name in ("lost", "backlog", "backlog_limit")},
        "lost_before": before.get("audit_status", {}).get("lost"),
        "rules": None if rules is None else len(rules),
    }


def _fetches(data_dir: Path) -> Iterator[dict[str, Any]]:
    """The rows of `fetches.jsonl`, oldest first; a line that a crash cut is passed over."""
    path = data_dir / "fetches.jsonl"
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("host"), str):
            yield row


def _indexes(data_dir: Path, hosts: Iterable[str] | None) -> list[Index]:
    folder = data_dir / "store"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    wanted = None if hosts is None else set(hosts)
    found = [indexes.load(folder / name) for name in names if wanted is None or name in wanted]
    return [index for index in found if index is not None]


def event(data_dir: Path | str, event_id: str, hosts: Iterable[str] | None = None) -> Closeup:
    """One event in full: its raw lines from the archive beside their interpretation.

    `event_id` is `[HOST:]SECONDS.MILLISECONDS:SERIAL`, as it stands in a log. Raises UsageError for another text, and
    AuditNbError where there is no such event or several hosts have one.
    """
    wanted = EventId.of(event_id)
    chosen = hosts if wanted.host is None else [wanted.host]
    moment = datetime.fromtimestamp(wanted.time_ms // 1000, UTC)
    near = open_events(data_dir, chosen, moment, moment + timedelta(seconds=1))
    rows = near.filter(near.time_ms == wanted.time_ms, near.serial == wanted.serial).to_pyarrow().to_pylist()
    if not rows:
        raise AuditNbError(
            f"there is no event {wanted} in the store of {data_dir}; look for its time with `audit-nb search`"
        )
    if len(rows) > 1:
        where = ", ".join(sorted({f"{row['host']}:{event_id}" for row in rows}))
        nodes = ", ".join(sorted({row["node"] for row in rows if row["node"]}))
        raise AuditNbError(f"several events are called {wanted}: {where}" + (f" (nodes {nodes})" if nodes else ""))
    time = datetime.fromtimestamp(wanted.time_ms // 1000, UTC) + timedelta(milliseconds=wanted.time_ms % 1000)
    return closeup(rows[0], Archive(data_dir), time)


#: What the engine may hold in memory. Five million events need half of it; of more the sorts go through the disk.
_MEMORY = "600MB"


@cache
def _duckdb() -> Any:  # noqa: ANN401 - ibis' backend
    """One connection for a process, so that tables that were opened apart can be joined.

    What does not fit into memory goes through a folder that only we can read (in TMPDIR), removed when the process
    ends: DuckDB's own would be `.tmp` of the working folder, open to all. What the ends of Parquet files say is kept,
    for a question reads them several times.
    """
    import ibis

    connection = ibis.duckdb.connect(memory_limit=_MEMORY, temp_directory=_spill().name)
    connection.raw_sql("SET parquet_metadata_cache = true")
    connection.raw_sql("SET enable_progress_bar = false")  # it would stand in the pages and among what a command prints
    return connection


@cache
def _spill() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="audit-nb-")


def _opened(paths: list[str], schema: pa.Schema) -> "ir.Table":
    """These files as one table; the list is written down, for a pattern over many files is slow."""
    import ibis

    if not paths:
        return ibis.memtable(schema.empty_table())
    return _duckdb().read_parquet(paths)


@cache
def _ibis_on(spark: Any) -> Any:  # noqa: ANN401 - ibis' backend
    """One connection for a session. Without ANSI mode an element that a list lacks is null, as DuckDB has it."""
    import ibis

    return ibis.pyspark.connect(spark, **{"spark.sql.ansi.enabled": "false"})


def _opened_on(spark: Any, paths: list[str], schema: pa.Schema) -> "ir.Table":  # noqa: ANN401 - a SparkSession
    """These files as one table on Spark, which takes a path for a pattern.

    Ibis' `read_parquet` takes only one there.
    """
    import ibis

    if not paths:
        return ibis.memtable(schema.empty_table())
    return _view(spark, spark.read.parquet(*(re.sub(r"([][{}*?\\])", r"\\\1", path) for path in paths)))


def _lent_to(spark: Any, table: pa.Table) -> "ir.Table":  # noqa: ANN401 - a SparkSession
    """A table of ours on Spark; Ibis would bring it there through pandas, where a null becomes the text `NaN`."""
    import ibis

    return _view(spark, spark.createDataFrame(table)).cast(dict(ibis.schema(table.schema).items()))


def _view(spark: Any, frame: Any) -> "ir.Table":  # noqa: ANN401 - a SparkSession and its DataFrame
    import ibis

    name = ibis.util.gen_name("audit_nb")
    connection = _ibis_on(spark)
    frame.createOrReplaceTempView(name)
    return connection.table(name)


def _of_ms(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
