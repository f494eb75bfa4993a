"""Process trees."""

from collections.abc import Iterable, Iterator, Sequence
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
INIT = 1  # who adopts a process whose parent has ended
SCHEMA = {
    "host": "string",
    "boot": "int32",
    "depth": "int64",
    "tree": "string",
    "pid": "int64",
    "life": "int64",
    "ppid": "int64",
    "ses": "int64",
    "who": "string",
    "as_whom": "string",
    "exe": "string",
    "command": "string",
    "first": "timestamp(6)",
    "last": "timestamp(6)",
    "events": "int64",
    "within": "boolean",
    "left_out": "int64",
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Process:
    """One life of a process number between two boots of a host: `life` counts from 0 how often it was used again."""

    host: str
    boot: int
    pid: int
    life: int


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
    life (0, and 1 and more where the number was used again), ppid, ses, who, as_whom, exe, command (of its last
    execution), first, last, events, within (whether it was active in the period, or only stands above one that was),
    left_out. `events` should reach back before `since`: parents are looked for there. `pid` asks for a process and
    all below and above it. At most MOST processes are shown, those that were active first; `left_out` says how many
    numbers of processes are not.

    A number is used again where its parent is another one than before, unless the process was adopted: by init or by
    one of those above it, in the same session; and where its session is another one, as of the jobs that cron starts.
    """
    seen = view(events, collector=collector)
    seen = seen.filter(seen.pid.notnull()).mutate(as_whom=as_whom(seen), moment=moment(seen))
    before = seen if until is None else seen.filter(seen.time < until)
    inside = before if since is None else before.filter(before.time >= since)
    for name, value in (("host", host), ("boot", boot), ("ses", ses)):
        inside = inside if value is None else inside.filter(inside[name] == value)
    inside = inside if who is None else inside.filter((inside.who == who) | (inside.auid.cast("string") == who))
    found = {process: row | {"within": True} for process, row in _lives(_read(inside)).items()}
    left_out = _left_out(inside, found)
    found |= _ancestors(before, found)
    if pid is not None:
        found = _family(found, pid)
    return ibis.memtable([row | {"left_out": left_out} for row in _lines(found)], schema=SCHEMA)


def below(tree: Iterable[Row], pid: int) -> list[Row]:
    """Of the rows of a tree those of a process and of all that it started."""
    chosen: list[Row] = []
    depth: int | None = None
    for row in tree:
        if depth is not None and row["depth"] <= depth:
            depth = None
        if depth is None and row["pid"] == pid:
            depth = row["depth"]
        if depth is not None:
            chosen.append(row)
    return chosen


def _read(chosen: ir.Table) -> list[Row]:
    """What is known of each process number under each of its parents: an event that does not tell hides nothing.

    Events that do not name the parent (records of programs) are summed by the minute: they belong to whoever had the
    number then.
    """
    chosen = chosen.mutate(minute=ibis.ifelse(chosen.ppid.isnull(), chosen.time_ms // 60_000, 0))

    def told(column: str) -> ir.BooleanValue:
        return chosen[column].notnull()

    newest = ("who", "as_whom", "exe", "command")
    sums = chosen.group_by("host", "boot", "pid", "ppid", "ses", "minute").agg(
        **{name: chosen[name].argmax(chosen.moment, where=told(name)) for name in newest},
        first=chosen.time.min(),
        began=chosen.moment.min(),
        last=chosen.time.max(),
        ended=chosen.moment.max(),
        events=chosen.count(),
    )
    return sums.order_by("began", "host", "pid", "ppid", "ses").limit(MOST).to_pyarrow().to_pylist()


def _left_out(inside: ir.Table, found: dict[Process, Row]) -> int:
    """How many process numbers are not among those found; asked only where so many were read that some may be."""
    if sum(row["parts"] for row in found.values()) < MOST:
        return 0
    numbers = inside.select("host", "boot", "pid").distinct().count().to_pyarrow().as_py()
    return int(numbers) - len({(process.host, process.boot, process.pid) for process in found})


def _lives(rows: list[Row]) -> dict[Process, Row]:
    """The processes: of one number those parts that belong together."""
    by_number: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_number.setdefault((row["host"], row["boot"], row["pid"]), []).append(row | {"parts": 1})
    found = {}
    for number, parts in by_number.items():
        for life, row in enumerate(_lives_of(number, parts, by_number)):
            found[Process(*number, life)] = row
    return found


def _lives_of(number: tuple[Any, ...], parts: list[Row], by_number: dict[tuple[Any, ...], list[Row]]) -> list[Row]:
    """The lives of one number, in order: a part without a parent belongs to the life that is nearest in time."""
    lives: list[Row] = []
    for part in (part for part in parts if part["ppid"] is not None):
        same = next((life for life in reversed(lives) if _is_adopted(life, part, by_number, number)), None)
        if same is None:
            lives.append(part)
        else:
            same |= _joined(same, part)
    for part in (part for part in parts if part["ppid"] is None):
        near = min(lives, key=lambda life: _distance(life, part), default=None)
        if near is None:
            lives.append(part)
        else:
            near |= _joined(near, part)
    return lives


def _is_adopted(life: Row, part: Row, by_number: dict[tuple[Any, ...], list[Row]], number: tuple[Any, ...]) -> bool:
    """Whether a part is the same process: of the same parent as it logs in, or of another whose parent has ended."""
    if life["ppid"] == part["ppid"] and None in (life["ses"], part["ses"]):
        return True
    alike = life["ses"] == part["ses"] and (life["ses"] is not None or life["exe"] == part["exe"])
    if not alike or part["began"] < life["began"]:
        return False
    above, at = set(), life["ppid"]
    while at is not None and at not in above:
        above.add(at)
        at = next((row["ppid"] for row in by_number.get((*number[:2], at), ()) if row["ppid"] is not None), None)
    return part["ppid"] in above | {INIT}


def _distance(life: Row, part: Row) -> int:
    """How far apart two parts are in time; none where they overlap."""
    return max(life["began"] - part["ended"], part["began"] - life["ended"], 0)


def _joined(one: Row, other: Row) -> Row:
    """Two parts of a process as one: the newest of what is known, the parent it began under."""
    early, late = sorted((one, other), key=lambda row: row["ended"])
    newest = {name: value if value is not None else early[name] for name, value in late.items()}
    begun = min((one, other), key=lambda row: row["began"])
    return newest | {
        "ppid": one["ppid"],
        "first": begun["first"],
        "began": begun["began"],
        "events": one["events"] + other["events"],
        "parts": one["parts"] + other["parts"],
    }


def _ancestors(before: ir.Table, found: dict[Process, Row]) -> dict[Process, Row]:
    """The parents of these processes, and theirs, from whatever was logged of them before."""
    older: dict[Process, Row] = {}
    known, children = dict(found), dict(found)
    asked: set[tuple[Any, ...]] = set()
    for _ in range(DEEPEST):
        wanted = {(process.host, process.boot, row["ppid"]) for process, row in children.items()} - asked
        wanted -= {(process.host, process.boot, process.pid) for process in known}
        numbers = sorted({number for _, _, number in wanted if number is not None})
        if not numbers:
            break
        asked |= wanted
        rows = [
            row
            for row in _read(before.filter(before.pid.isin(numbers)))
            if (row["host"], row["boot"], row["pid"]) in wanted
        ]
        lives = _lives(rows)
        needed = {parent for process, row in children.items() if (parent := _parent(process, row, _by_number(lives)))}
        children = {process: lives[process] | {"within": False} for process in needed}
        older |= children
        known |= children
    return older


Lives = dict[tuple[Any, ...], Sequence[tuple[Process, Row]]]


def _by_number(found: dict[Process, Row]) -> Lives:
    """The lives of each number, by when they began."""
    lives: dict[tuple[Any, ...], list[tuple[Process, Row]]] = {}
    for process, row in sorted(found.items(), key=lambda item: item[1]["began"]):
        lives.setdefault((process.host, process.boot, process.pid), []).append((process, row))
    return dict(lives)


def _parent(process: Process, row: Row, lives: Lives) -> Process | None:
    """Who had the number of the parent when the process began; else who had it first after that."""
    if row["ppid"] is None:
        return None
    had = [item for item in lives.get((process.host, process.boot, row["ppid"]), ()) if item[0] != process]
    before = [parent for parent, its in had if its["began"] <= row["began"]]
    return before[-1] if before else had[0][0] if had else None


def _family(found: dict[Process, Row], pid: int) -> dict[Process, Row]:
    """A process, all above and all below it."""
    lives = _by_number(found)
    parents = {process: _parent(process, row, lives) for process, row in found.items()}
    chosen = {process for process in found if process.pid == pid}
    above = set(chosen)
    for process in chosen:
        at = parents[process]
        while at is not None and at not in above:
            above.add(at)
            at = parents[at]
    under, added = set(chosen), True
    while added:
        children = {process for process, parent in parents.items() if parent in under}
        added = not children <= under
        under |= children
    return {process: row for process, row in found.items() if process in above | under}


def _lines(found: dict[Process, Row]) -> Iterator[Row]:
    """The rows of the tree, each parent before its children, those by time."""
    lives = _by_number(found)
    children: dict[Process | None, list[Process]] = {}
    for process, row in sorted(found.items(), key=lambda item: (item[1]["began"], item[0].host, item[0].pid)):
        children.setdefault(_parent(process, row, lives), []).append(process)
    shown: set[Process] = set()
    waiting = [(process, 0) for process in reversed(children.get(None, []))]
    unseen = iter(list(found))
    while waiting or len(shown) < len(found):
        if not waiting:  # numbers used again can make two processes each other's parent
            waiting = [(next(process for process in unseen if process not in shown), 0)]
        process, depth = waiting.pop()
        if process in shown:
            continue
        shown.add(process)
        yield _line(process, found[process], depth)
        waiting += [(child, depth + 1) for child in reversed(children.get(process, []))]


def _line(process: Process, row: Row, depth: int) -> Row:
    name = row["command"] or row["exe"] or f"process {row['pid']}"
    told = {column: row.get(column) for column in SCHEMA}
    return told | {"life": process.life, "depth": depth, "tree": "  " * depth + name}
