"""The state of audit itself."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from audit_nb.tables._records import refused
from audit_nb.tables._words import fields_of, has_type, joined, view

#: No more changes than these are read, the earliest: a log with more was made to be unreadable.
MOST = 200_000
SWITCH = "audit_enabled"
SCHEMA = {
    "host": "string",
    "boot": "int32",
    "since": "timestamp(6)",
    "until": "timestamp(6)",
    "seconds": "float64",
    "what": "string",
    "details": "string",
    "changes": "int64",
    "who": "string",
    "exe": "string",
    "success": "boolean",
}
Row = dict[str, Any]


def audit_state(events: ir.Table, hosts: ir.Table | None = None, *, collector: bool = False) -> ir.Table:
    """When was audit off, without its daemon, given other rules or other limits, and who did it?

    One row for each change, in order of time: host, boot, since, until (null while it lasts, and for what has no
    end), seconds, what, details, changes (records), who, exe, success (false: the change was refused).

    `what` is `switched off` (until the next event of the kernel: while audit is off there is none), `locked` (until
    the boot ends nothing can be changed), `daemon stopped` (until it starts again), `daemon died` (it started again
    without having ended; the log does not tell since when it was gone), `rules removed` and `rules added` (by one
    process, `details` are their keys), `set` (another setting that differs from the old one, as
    `audit_backlog_limit=100 old=8192`) and `daemon configured`. Success is what the record of the change says: the
    system call that carries a refused change to the kernel succeeds all the same.

    With `hosts`, the store's table of hosts, come what the hosts said of themselves at the last visit that could ask,
    whatever the period: `found off`, `found without rules`, and `records lost` since the visit before (as
    `lost=9 old=5`; where it restarted meanwhile, since its boot). Nobody did these: who is null.
    """
    rows = _read(events, collector)
    found = [*_daemon(rows), *_rules(rows), *_settings(rows)]
    again = _first_signs(events, [row for row in found if row["what"] == "switched off"])
    found = [_span(row, row["what"], until=again[_place(row)]) if _place(row) in again else row for row in found]
    found += _visited(hosts)
    found.sort(key=lambda row: (row["since"], row["host"], row["what"]))
    return ibis.memtable([{name: row.get(name) for name in SCHEMA} for row in found], schema=SCHEMA)


def _read(events: ir.Table, collector: bool) -> list[Row]:
    """The events that change audit, the earliest first."""
    seen = view(events, collector=collector)
    changing = seen.filter(seen.type.startswith("DAEMON_") | has_type(seen, "CONFIG_CHANGE"))
    columns = ("host", "boot", "time", "time_ms", "serial", "type", "op", "pid", "who", "exe")
    chosen = changing.select(
        *columns,
        keys=joined(changing["keys"]),
        details=fields_of(changing),
        success=ibis.ifelse(refused(changing), False, changing.success),
    )
    return chosen.order_by("time_ms", "host", "serial").limit(MOST).to_pyarrow().to_pylist()


def _first_signs(events: ir.Table, offs: list[Row]) -> dict[tuple[Any, ...], datetime]:
    """The time of the kernel's next event behind each of these, where there is one."""
    if not offs:
        return {}
    places = ibis.memtable([dict(zip(PLACE, _place(row), strict=True)) for row in offs], schema=PLACE)
    kernel = events.filter(~events.type.startswith("DAEMON_"), events.host.isin(sorted({row["host"] for row in offs})))
    by_serial = ibis.window(group_by=["host", "boot"], order_by=["serial", "time_ms"])
    following = kernel.select(*PLACE, again=kernel.time.lead().over(by_serial))
    signs = following.semi_join(places, list(PLACE)).filter(lambda rows: rows.again.notnull())
    return {_place(row): row["again"] for row in signs.to_pyarrow().to_pylist()}


#: Where an event is found again.
PLACE = {"host": "string", "boot": "int32", "serial": "int64", "time_ms": "int64"}


def _place(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in PLACE)


def _daemon(rows: Iterable[Row]) -> Iterator[Row]:
    """Times without a daemon, from its end to its next start, and starts without an end before."""
    ended: dict[str, Row] = {}
    started: dict[str, Row] = {}
    for row in rows:
        host = row["host"]
        if row["type"] in ("DAEMON_END", "DAEMON_ABORT", "DAEMON_ERR"):
            ended[host] = row
            started.pop(host, None)
        elif row["type"] == "DAEMON_START":
            if host in ended:
                yield _span(ended.pop(host), "daemon stopped", until=row["time"])
            elif host in started:
                yield _span(row, "daemon died") | {"details": None, "who": None}
            started[host] = row
        elif row["type"] == "DAEMON_CONFIG":
            yield _span(row, "daemon configured")
    for row in ended.values():
        yield _span(row, "daemon stopped")


def _rules(rows: Iterable[Row]) -> Iterator[Row]:
    """Rules removed and added: those of one process (of a second where it is unknown), with one outcome, in one row."""
    names = {"remove_rule": "rules removed", "add_rule": "rules added"}
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["op"] in names:
            process = row["time_ms"] // 1000 if row["pid"] is None else row["pid"]
            same = (row["host"], row["boot"], process, row["op"], row["success"])
            groups.setdefault(same, []).append(row)
    for same, group in groups.items():
        keys = " ".join(dict.fromkeys(row["keys"] for row in group if row["keys"]))
        yield _span(group[0], names[same[3]]) | {"details": keys or None, "changes": len(group)}


def _settings(rows: Iterable[Row]) -> Iterator[Row]:
    """Other settings that differ from what they were; what was refused may not."""
    for row in rows:
        said = dict(word.split("=", 1) for word in (row["details"] or "").split(" ") if "=" in word)
        name = next((name for name in said if name.startswith("audit_")), None)
        if row["op"] != "set" or name is None or (said[name] == said.get("old") and row["success"] is not False):
            continue
        row = row | {"details": f"{name}={said[name]} old={said.get('old', '?')}"}
        to = said[name] if name == SWITCH and row["success"] is not False else None
        yield _span(row, {"0": "switched off", "2": "locked"}.get(to, "set"))


def _visited(hosts: ir.Table | None) -> Iterator[Row]:
    """What was found on the hosts themselves."""
    told = [] if hosts is None else hosts.filter(hosts.audit_at.notnull()).to_pyarrow().to_pylist()
    for row in told:
        moment = {"host": row["host"], "time": row["audit_at"], "success": None}
        if row["audit_enabled"] == 0:
            yield _span(moment, "found off") | {"details": "enabled=0"}
        if row["rules"] == 0:
            yield _span(moment, "found without rules")
        lost, before = row["lost"] or 0, row["lost_before"] or 0
        if lost != before and lost:
            old = "?" if row["lost_before"] is None else before
            yield _span(moment, "records lost") | {
                "details": f"lost={lost} old={old} backlog_limit={row['backlog_limit']}",
                "changes": lost - before if lost > before else lost,
            }


def _span(row: Row, what: str, *, until: datetime | None = None) -> Row:
    """A row of the table; without an end it has no length."""
    seconds = None if until is None else (until - row["time"]).total_seconds()
    return row | {"what": what, "since": row["time"], "until": until, "seconds": seconds, "changes": 1}
