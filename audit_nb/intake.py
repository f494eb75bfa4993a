"""Brings the store of one host up to its archive.

The new segments are surveyed; the days they touch are read again as a whole, from every segment that has a part in
them, window by window and side by side, each window into files of its own; then the index changes from the old files to
the new ones. Of a host of which nothing is stored yet, windows are read while the survey goes on. The result is
the same whatever the pieces were in which the bytes came.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audit_nb import events, files, scan, shortcuts
from audit_nb import index as indexes
from audit_nb.ahead import UNDER_WAY, Ahead, comes_in_order
from audit_nb.boots import Boots, Changes
from audit_nb.errors import AuditNbError
from audit_nb.finds import Finds, joined
from audit_nb.index import Day, Held, Index, day_name
from audit_nb.spans import Account, Found, Piece, find
from audit_nb.survey import (
    DAY_MS,
    Surveyed,
    Window,
    counted,
    in_order_of_arrival,
    part_bytes,
    survey,
    together,
    windows,
)
from audit_nb.values import distinct


class Segment(Protocol):
    """What is needed to know of a segment of the archive."""

    @property
    def number(self) -> int: ...
    @property
    def source(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def first_ms(self) -> int | None: ...


@dataclass(frozen=True)
class Source:
    """A host's bytes.

    Its segments, their places among all that were ever held, how one is read (`again`: after it was read and checked
    within this update), and what is known beside.
    """

    host: str
    segments: Sequence[Segment]
    position: Mapping[int, int]
    read: Callable[..., bytes]
    known: events.Known


@dataclass(frozen=True)
class Made:
    """The files that came of one window."""

    days: Mapping[str, Day]


class Intake:
    """One update of one host's store."""

    def __init__(self, source: Source, folder: Path, workers: Executor, told: Callable[[int, int], None]) -> None:
        self.source, self.folder, self.workers, self.told = source, folder, workers, told
        self.segments = {segment.number: segment for segment in source.segments}
        self.finds = Finds(self._find)
        self._checked: set[int] = set()
        self._lock = threading.Lock()
        self.trouble: dict[int, str] = {}
        self.done = 0

    def run(self) -> Index:
        """The index after the update; the one before where nothing changed."""
        old = indexes.load(self.folder, whole=True) or Index(self.source.host)
        new = [number for number in self.segments if number not in old.segments]
        gone = [held for number, held in old.segments.items() if number not in self.segments]
        renamed = self._renamed_days(old)
        if old.generation and not new and not gone and not renamed:
            return old
        files.private_directory(self.folder)
        self._sweep(old)
        surveyed, boots, order, ahead = self._survey(old, new)
        held = {number: one for number, one in old.segments.items() if number in self.segments}
        held |= {one.number: _held(one) for one in surveyed.values()}
        touched = {day for number in surveyed for day in held[number].days} | {day for one in gone for day in one.days}
        return self._write(old, held, order, boots, surveyed, touched | renamed, ahead)

    # ------------------------------------------------------------------------------------------------------ the bytes

    def _piece(self, number: int) -> Piece | None:
        """A segment's bytes; None where they cannot be had, which is noted."""
        segment = self.segments[number]
        try:
            data = self.source.read(segment, again=number in self._checked)
        except AuditNbError as error:
            self.trouble[number] = str(error)
            return None
        self._checked.add(number)
        return Piece(data, number, 0, self.source.position[number], segment.source)

    def _find(self, number: int) -> Found | None:
        """What there is in a segment, looked for anew."""
        piece = self._piece(number)
        return None if piece is None else find([piece])

    # ----------------------------------------------------------------------------------------------------- the survey

    def _survey(
        self, old: Index, new: Sequence[int]
    ) -> tuple[dict[int, Surveyed], Boots, list[int], Ahead[Made] | None]:
        """The new segments surveyed, the boots after them, all segments in order of arrival, and what was read ahead.

        Where a new segment does not come after the old ones, all of them are surveyed again.
        """
        times = {number: one.times for number, one in old.segments.items() if number in self.segments}
        boots = Boots(dict(old.boots.state), {name: list(began) for name, began in old.boots.began.items()})
        known = {self.segments[number].source for number in times}
        guess = sorted(new, key=lambda n: (self.segments[n].source not in known, *self._place(n)))
        ahead = None
        if not old.segments and comes_in_order([self.segments[number].first_ms for number in guess]):
            self.total = sum(self.segments[number].length for number in guess)
            read = partial(self._read_ahead, old.generation + 1, boots)
            ahead = Ahead(read, self.workers, self._part_bytes(guess))
        surveyed = self._survey_all(guess, boots, ahead)
        times |= {number: one.times for number, one in surveyed.items()}
        order = self._ordered(times)
        if order == [*(number for number in old.order if number in times), *surveyed]:
            return surveyed, boots, order, ahead
        if ahead is not None:
            ahead.made([])
        boots = Boots()
        return self._survey_all(order, boots), boots, order, None

    def _place(self, number: int) -> tuple[int, int, int]:
        """Where a segment stands among those of its source."""
        segment = self.segments[number]
        return segment.source, segment.offset, number

    def _ordered(self, times: Mapping[int, Sequence[int]]) -> list[int]:
        """Segments in order of arrival, given with the times of their records."""
        by_source: dict[int, list[Sequence[int]]] = {}
        for number, known in times.items():
            by_source.setdefault(self.segments[number].source, []).append(known)
        of_source = {source: together(every) for source, every in by_source.items()}
        rank = {source: place for place, source in enumerate(in_order_of_arrival(of_source))}
        return sorted(times, key=lambda number: (rank[self.segments[number].source], *self._place(number)))

    def _survey_all(self, order: Sequence[int], boots: Boots, ahead: Ahead[Made] | None = None) -> dict[int, Surveyed]:
        """Survey these segments, some ahead of the others, and follow their serials in this order."""
        surveyed: dict[int, Surveyed] = {}
        for one in _in_order(self.workers, self._survey_one, order):
            if one is not None:
                surveyed[one.number] = counted(one, boots)
                if ahead is not None:
                    self.finds.let_go(ahead.add(surveyed[one.number]))
        return surveyed

    def _survey_one(self, number: int) -> Surveyed | None:
        piece = self._piece(number)
        if piece is None:
            return None
        one = survey(piece, self.source.host)
        return one if one.found is None else replace(one, found=self.finds.keep(number, one.found))

    def _survey_again(self, number: int) -> Surveyed | None:
        one = self._survey_one(number)
        return None if one is None else replace(one, found=None)

    def _renamed_days(self, old: Index) -> set[int]:
        """The days in which an id was named, or could not be, that the host's id map names otherwise now."""
        ids = self.source.known.ids
        users, groups = _changed(old.users, ids.users), _changed(old.groups, ids.groups)
        found = {name for name, day in old.days.items() if users & set(day.users) or groups & set(day.groups)}
        return {int((np.datetime64(name) - np.datetime64("1970-01-01")).astype(int)) for name in found}

    # ----------------------------------------------------------------------------------------------------- the reading

    def _write(
        self,
        old: Index,
        held: dict[int, Held],
        order: list[int],
        boots: Boots,
        surveyed: dict[int, Surveyed],
        touched: set[int],
        ahead: Ahead[Made] | None,
    ) -> Index:
        wanted = [number for number in order if number in held and touched & set(held[number].days)]
        again = _in_order(self.workers, self._survey_again, [n for n in wanted if n not in surveyed])
        known = surveyed | {one.number: one for one in again if one is not None}
        there = [known[number] for number in wanted if number in known]
        generation = old.generation + 1
        plan, read = self._planned(there, touched, self._part_bytes(wanted), ahead)
        tasks = [(n, window, held, boots, touched, generation) for n, window in enumerate(plan) if n not in read]
        self.total = sum(int(one.sizes.sum()) for one in there)
        rest = dict(zip((task[0] for task in tasks), _in_order(self.workers, self._read_window, tasks), strict=True))
        days: dict[str, Day] = {}
        for n in range(len(plan)):
            for name, day in (rest[n] if n in rest else read[n].result()).days.items():
                days[name] = _added(days[name], day) if name in days else day
        names = {day_name(day) for day in touched}
        kept = {name: day for name, day in old.days.items() if name not in names and held_any(name, held)}
        replaced = [f"{name}/{file}" for name, day in old.days.items() if name not in kept for file in day.files]
        malformed = self._write_malformed(old, held, surveyed, generation)
        index = Index(
            host=self.source.host,
            generation=generation,
            days=kept | days,
            totals=_totals(held, malformed),
            malformed=f"malformed-{generation:06d}.parquet",
            dropped=[*replaced, *(name for name in (old.malformed, f"segments-{old.generation:06d}.json") if name)],
            segments=held,
            order=[number for number in order if number in held],
            boots=boots,
            users=dict(self.source.known.ids.users),
            groups=dict(self.source.known.ids.groups),
            trouble="; ".join(self.trouble.values()) or None,
        )
        files.sync_all([self.folder / name for name in index.files - old.files])
        indexes.save(self.folder, index)
        return index

    def _part_bytes(self, numbers: Sequence[int]) -> int:
        return part_bytes(sum(self.segments[number].length for number in numbers), len(os.sched_getaffinity(0)))

    def _planned(
        self, there: Sequence[Surveyed], touched: set[int], most: int, ahead: Ahead[Made] | None
    ) -> tuple[list[Window], dict[int, Future[Made]]]:
        """The windows to read, and what is or was read of them by their numbers."""
        if ahead is not None:
            plan = windows(there, touched, most, ahead.cuts)
            if ahead.fits(plan, there):
                return plan, ahead.made(plan)
            ahead.made([])
        return windows(there, touched, most), {}

    def _read_window(self, task: tuple[int, Window, Mapping[int, Held], Boots, set[int], int]) -> Made:
        """Read one window of time and write its days."""
        number, window, held, boots, touched, generation = task
        changes = {one: held[one].changes for one in window.segments}
        there = {one: self.finds.of(one) for one in window.segments}
        return self._read_found(there, window, (changes, boots), touched, f"{generation:06d}-{number:03d}.parquet")

    def _read_ahead(
        self, generation: int, boots: Boots, number: int, window: Window, changes: Mapping[int, Changes]
    ) -> Callable[[], Made]:
        """What reads a window of which every day is wanted; it takes hold of what was found in the segments."""
        kept = {one: self.finds.kept(one) for one in window.segments}

        def read() -> Made:
            there = {one: found or self._find(one) for one, found in kept.items()}
            kept.clear()
            return self._read_found(there, window, (changes, boots), None, f"{generation:06d}-{number:03d}.parquet")

        return read

    def _read_found(
        self,
        there: dict[int, Found | None],
        window: Window,
        known: tuple[Mapping[int, Changes], Boots],
        touched: set[int] | None,
        name: str,
    ) -> Made:
        """Read what was found in these segments within a window; what could not be had is left out."""
        changes = [known[0][one] for one, found in there.items() if found is not None]
        found = joined([one for one in there.values() if one is not None], window.since_ms, window.until_ms)
        there.clear()  # it would take memory until the window is read
        size = int((found.places[:, scan.NEXT] - found.places[:, scan.LINE]).sum())
        boots = changes, known[1].began
        parsed = events.read_found(found, host=self.source.host, known=self.source.known, boots=boots)
        del found
        days = self._write_days(parsed, touched, name)
        with self._lock:
            self.done += size
            self.told(self.done, self.total)
        return Made(days)

    def _write_days(self, parsed: events.Parsed, touched: set[int] | None, name: str) -> dict[str, Day]:
        time_ms = parsed.events["time_ms"].to_numpy()
        made: dict[str, Day] = {}
        for day in np.unique(time_ms // DAY_MS).tolist():
            first, last = np.searchsorted(time_ms, (day * DAY_MS, (day + 1) * DAY_MS)).tolist()
            if touched is not None and day not in touched:
                continue
            table = parsed.events.slice(first, last - first)
            if len(table) * 2 < len(parsed.events):
                table = events.plain(table)  # a small part would carry the words of all the others
            folder = files.private_directory(self.folder / day_name(day))
            write_parquet(folder / name, shortcuts.with_shortcuts(table))
            made[day_name(day)] = _counted(parsed, day, slice(first, last), name)
        return made

    def _write_malformed(
        self, old: Index, held: Mapping[int, Held], surveyed: Mapping[int, Surveyed], generation: int
    ) -> pa.Table:
        tables = [one.malformed for one in surveyed.values()]
        kept = [number for number in held if number not in surveyed]
        if kept and old.malformed:
            before = pq.read_table(self.folder / old.malformed, schema=events.MALFORMED)
            chosen = np.isin(before["segment"].to_numpy(), kept)
            tables.insert(0, before.filter(pa.array(chosen)))
        table = pa.concat_tables(tables) if tables else events.MALFORMED.empty_table()
        table = table.sort_by([("segment", "ascending"), ("offset", "ascending")])
        write_parquet(self.folder / f"malformed-{generation:06d}.parquet", table)
        return table

    def _sweep(self, old: Index) -> None:
        """Remove what the generation before last left, and what a killed update wrote."""
        for name in old.dropped:
            (self.folder / name).unlink(missing_ok=True)
        keep = old.files | {"index.json", f"segments-{old.generation:06d}.json"}
        for path in self.folder.rglob("*"):
            if path.is_file() and str(path.relative_to(self.folder)) not in keep and path.name != ".lock":
                path.unlink(missing_ok=True)


def _held(one: Surveyed) -> Held:
    """A surveyed segment as the index keeps it."""
    changes = one.changes or Changes()
    return Held(
        number=one.number,
        source=one.source,
        times=list(one.times),
        days=one.days,
        account=asdict(one.account),
        before=dict(changes.before),
        after=[list(change) for change in changes.after],
    )


def held_any(day: str, held: Mapping[int, Held]) -> bool:
    """Whether a segment still has a part in this day."""
    return any(day_name(one) == day for segment in held.values() for one in segment.days)


def _changed(old: Mapping[int, str], new: Mapping[int, str]) -> set[int]:
    """The ids that the two maps name differently."""
    return {i for i in {*old, *new} if old.get(i) != new.get(i)}


def _added(one: Day, more: Day) -> Day:
    """Two parts of one day together."""
    times = [time for time in (one.first_ms, one.last_ms, more.first_ms, more.last_ms) if time is not None]
    return Day(
        files=one.files + more.files,
        counts={name: one.counts[name] + more.counts[name] for name in one.counts},
        first_ms=min(times),
        last_ms=max(times),
        serials=one.serials + more.serials,
        users=sorted({*one.users, *more.users}),
        groups=sorted({*one.groups, *more.groups}),
    )


def _counted(parsed: events.Parsed, day: int, rows: slice, file: str) -> Day:
    """What was counted in the rows of one day."""
    table = parsed.events.slice(rows.start, rows.stop - rows.start)
    time_ms = table["time_ms"].to_numpy()
    lengths = table["types"].combine_chunks().value_lengths().to_numpy()
    return Day(
        files=[file],
        counts={
            "records": int(lengths.sum()),
            "events": len(table),
            "incomplete": int((~table["complete"].to_numpy()).sum()),
            "repaired": int(parsed.repaired[rows].sum()),
            "unread": int(parsed.unread[rows].sum()),
        },
        first_ms=int(time_ms[0]),
        last_ms=int(time_ms[-1]),
        serials=_serials(table),
        users=sorted(one for on, one in parsed.asked["users"] if on == day),
        groups=sorted(one for on, one in parsed.asked["groups"] if on == day),
    )


def _serials(table: pa.Table) -> list[list[Any]]:
    """[node, boot, lowest serial, highest, how many] of the kernel's serials; auditd's own are random."""
    types = table["type"].combine_chunks()
    daemon = np.array([name.startswith("DAEMON_") for name in types.dictionary.to_pylist()], bool)
    nodes = table["node"].combine_chunks()
    node = nodes.indices.fill_null(-1).to_numpy()
    names = [*nodes.dictionary.to_pylist(), ""]
    boot, serial = table["boot"].to_numpy(), table["serial"].to_numpy()
    kernel = ~daemon[types.indices.to_numpy()]
    groups, group = distinct(node[kernel].astype(np.int64) << 32 | boot[kernel])
    found = []
    for number, one in enumerate(groups.tolist()):
        mine = serial[kernel][group == number]
        found.append([names[one >> 32], one & 0xFFFFFFFF, int(mine.min()), int(mine.max()), len(distinct(mine)[0])])
    return sorted(found)


def _totals(held: Mapping[int, Held], malformed: pa.Table) -> dict[str, int]:
    account = sum((Account(**one.account) for one in held.values()), Account())
    return {**asdict(account), "segments": len(held), "malformed_lines": len(malformed)}


# What grows from row to row is kept as differences; what hardly repeats, without a dictionary that nothing is found in.
# Numbers near the one before, and numbers of which most differ: a dictionary would only make them larger.
_NEAR = ("time", "time_ms", "serial", "offset", "pid", "ppid", "paths.list.element.inode")
_VARIED = ("exit", "a0", "a1", "a2", "a3", "syscall_nr", "records.list.element.gap", "records.list.element.length")
# Texts of many kinds are worth zstd, and so are lists; numbers without a dictionary LZ4. What is left is a few
# kilobytes of each column, and to compress them would take as long as all the rest of their writing: so it is with
# those members of lists that say the same few things again and again.
_TEXTS = ("comm", "exe", "cwd", "proctitle", "command", "acct", "account", "kinds")
_FEW = (
    "keys.list.element",
    "other.list.element.record",
    *(f"paths.list.element.{member.name}" for member in events.PATH if member.name not in ("name", "inode")),
    *(f"socket.{member.name}" for member in events.SOCKET if member.name != "saddr"),
)
_WORTH_A_WORD = 4  # rows on average: of fewer, a dictionary costs more than it saves, in time and in bytes
_ASKED_BY_RANGE = ["time", "time_ms", "serial"]  # statistics of more would cost a third of the writing


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table as a file that nobody reads before it was synced."""
    table, spelt_out = _spelt_out(table)
    leaves = [leaf for leaf, _ in _leaves(table.schema)]
    with files.written_unsynced(path) as file:
        pq.write_table(
            table,
            file,
            compression={leaf: "zstd" if leaf in spelt_out else _compression(leaf) for leaf in leaves},
            store_schema=False,
            row_group_size=100_000,
            write_batch_size=65_536,
            write_statistics=[name for name in _ASKED_BY_RANGE if name in table.column_names],
            use_dictionary=[leaf for leaf in leaves if leaf not in (*_NEAR, *_VARIED, *spelt_out)],
            column_encoding={leaf: "DELTA_BINARY_PACKED" for leaf in leaves if leaf in _NEAR},
        )


def _spelt_out(table: pa.Table) -> tuple[pa.Table, set[str]]:
    """The table without the dictionaries of leaves that hardly repeat, and the names of these leaves.

    Each word of a dictionary is looked up in it once more when it is written, and then the rows' numbers come on top.
    """
    spelt = table
    for i, column in enumerate(table.columns):
        if column.num_chunks == 1 and (kind := _as_written(column.chunk(0))) != column.type:
            spelt = spelt.set_column(i, table.schema.names[i], column.cast(kind))
    pairs = zip(_leaves(table.schema), _leaves(spelt.schema), strict=True)
    return spelt, {leaf for (leaf, before), (_, after) in pairs if before != after}


def _as_written(array: pa.Array) -> pa.DataType:
    """The type in which these values are written: with a dictionary where they repeat enough."""
    if pa.types.is_list(array.type):
        return pa.list_(_as_written(array.values))
    if pa.types.is_struct(array.type):
        return pa.struct([(member.name, _as_written(array.field(i))) for i, member in enumerate(array.type)])
    if pa.types.is_dictionary(array.type) and len(array.dictionary) * _WORTH_A_WORD > len(array):
        return array.type.value_type
    return array.type


def _compression(leaf: str) -> str:
    if ("." in leaf or leaf in _TEXTS) and leaf not in _FEW:
        return "zstd"
    return "lz4" if leaf in _NEAR or leaf in _VARIED else "none"


def _leaves(fields: Iterable[pa.Field], above: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """The columns of a Parquet file that hold these fields, and their types."""
    for field in fields:
        if pa.types.is_list(field.type):
            yield from _leaves([field.type.value_field.with_name("element")], f"{above}{field.name}.list.")
        elif pa.types.is_struct(field.type):
            yield from _leaves(field.type, f"{above}{field.name}.")
        else:
            yield f"{above}{field.name}", field.type


def _in_order(workers: Executor, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
    """The results in the order of the tasks, of which only some are under way at once."""
    running: list[Future[Any]] = []
    for task in tasks:
        running.append(workers.submit(function, task))
        if len(running) >= UNDER_WAY:
            yield running.pop(0).result()
    for future in running:
        yield future.result()
