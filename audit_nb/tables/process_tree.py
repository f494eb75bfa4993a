"""Process trees."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import as_whom, moment, view

#: No more processes than these are put into a tree: a reader has no use for more, and Python no time.
MOST = 20_000
#: How many generations of parents are looked for before the period.
DEEPEST = 64
SCHEMA = {
    "host": "string",
    "boot": "int32",
    "depth": "int64",
    "tree": "string",
    "pid": "int64",
    "ppid": "int64",
    "who": "string",
    "as_whom": "string",
    "exe": "string",
    "command": "string",
    "first": "timestamp(6)",
    "last": "timestamp(6)",
    "events": "int64",
    "within": "boolean",
}


@dataclass(frozen=True)
class Process:
    """A process number between two boots of a host; a number that is used again is the same row."""

    host: str
    boot: int
    pid: int


def process_tree(
    events: ir.Table,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    host: str | None = None,
    boot: int | None = None,
    ses: int | None = None,
    who: str | None = None,
    pid: int | None = None,
    collector: bool = False,
) -> ir.Table:
    """Which process started which: the tree of a period, a session, a user or one process?

    One row for each process, parents before their children: host, boot, depth, tree (the command, indented), pid,
    ppid, who, as_whom, exe, command (of its last execution), first, last, events, within (whether it was active in
    the period, or only stands above one that was). `events` should reach back before `since`: parents are looked for
    there. `pid` asks for a process and all below and above it. At most MOST processes are shown, those that were
    active first.
    """
    seen = view(events, collector=collector)
    seen = seen.filter(seen.pid.notnull()).mutate(as_whom=as_whom(seen), moment=moment(seen))
    before = seen if until is None else seen.filter(seen.time < until)
    inside = before if since is None else before.filter(before.time >= since)
    for name, value in (("host", host), ("boot", boot), ("ses", ses), ("who", who)):
        inside = inside if value is None else inside.filter(inside[name] == value)
    rows = _read(inside)
    found = {process: row | {"within": True} for process, row in rows.items()}
    found |= _ancestors(before, found)
    if pid is not None:
        found = _family(found, pid)
    return ibis.memtable(list(_lines(found)), schema=SCHEMA)


def _read(chosen: ir.Table) -> dict[Process, dict[str, Any]]:
    """The processes of some events, with what is known of each: an event that does not tell hides nothing."""

    def told(column: str) -> ir.BooleanValue:
        return chosen[column].notnull()

    sums = chosen.group_by("host", "boot", "pid").agg(
        ppid=chosen.ppid.argmin(chosen.moment, where=told("ppid")),
        **{name: chosen[name].argmax(chosen.moment, where=told(name)) for name in ("who", "as_whom", "exe", "command")},
        first=chosen.time.min(),
        began=chosen.moment.min(),
        last=chosen.time.max(),
        events=chosen.count(),
    )
    rows = sums.order_by("began", "host", "pid").limit(MOST).to_pyarrow().to_pylist()
    return {Process(row["host"], row["boot"], row["pid"]): row for row in rows}


def _ancestors(before: ir.Table, found: dict[Process, dict[str, Any]]) -> dict[Process, dict[str, Any]]:
    """The parents of these processes, and theirs, from whatever was logged of them before."""
    older: dict[Process, dict[str, Any]] = {}
    wanted = _parents(found) - set(found)
    for _ in range(DEEPEST):
        if not wanted:
            break
        numbers = sorted({process.pid for process in wanted})
        rows = _read(before.filter(before.pid.isin(numbers)))
        new = {process: row | {"within": False} for process, row in rows.items() if process in wanted}
        older |= new
        wanted = _parents(new) - set(found) - set(older)
    return older


def _parents(found: dict[Process, dict[str, Any]]) -> set[Process]:
    return {_parent(process, row) for process, row in found.items() if row["ppid"] is not None}


def _parent(process: Process, row: dict[str, Any]) -> Process:
    return Process(process.host, process.boot, row["ppid"])


def _family(found: dict[Process, dict[str, Any]], pid: int) -> dict[Process, dict[str, Any]]:
    """A process, all above and all below it."""
    chosen = {process for process in found if process.pid == pid}
    above = set(chosen)
    for process in chosen:
        while (row := found.get(process)) and row["ppid"] is not None and _parent(process, row) not in above:
            process = _parent(process, row)
            above.add(process)
    below, added = set(chosen), True
    while added:
        children = {
            process for process, row in found.items() if row["ppid"] is not None and _parent(process, row) in below
        }
        added = not children <= below
        below |= children
    return {process: row for process, row in found.items() if process in above | below}


def _lines(found: dict[Process, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of the tree, each parent before its children, those by time."""
    children: dict[Process | None, list[Process]] = {}
    for process, row in sorted(found.items(), key=lambda item: (item[1]["began"], item[0].host, item[0].pid)):
        parent = _parent(process, row) if row["ppid"] is not None else None
        known = parent in found and parent != process
        children.setdefault(parent if known else None, []).append(process)
    shown: set[Process] = set()
    waiting = [(process, 0) for process in reversed(children.get(None, []))]
    while waiting or len(shown) < len(found):
        if not waiting:  # numbers used again can make two processes each other's parent
            waiting = [(next(process for process in found if process not in shown), 0)]
        process, depth = waiting.pop()
        if process in shown:
            continue
        shown.add(process)
        yield _line(found[process], depth)
        waiting += [(child, depth + 1) for child in reversed(children.get(process, []))]


def _line(row: dict[str, Any], depth: int) -> dict[str, Any]:
    name = row["command"] or row["exe"] or f"process {row['pid']}"
    return {column: row.get(column) for column in SCHEMA} | {"depth": depth, "tree": "  " * depth + name}
