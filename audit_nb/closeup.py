"""One event in full: its raw lines from the archive beside what each of their fields means.

1795400390.052:3220 on web01
type=SYSCALL msg=audit(1795400390.052:3220): arch=c000003e syscall=59 success=yes exit=0 …
    arch      c000003e     x86_64
    syscall   59           execve
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import pyarrow as pa

from audit_nb import fields, records
from audit_nb.archive import Archive
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.fields import Context, Field, IdMap

_ID = re.compile(r"(?:(?P<host>[\w.-]+)[:/])?(?P<seconds>\d{1,10})\.(?P<milliseconds>\d{1,3}):(?P<serial>\d{1,10})")

COLUMNS = ("record", "type", "key", "written", "meaning")


@dataclass(frozen=True)
class EventId:
    """The name of an event, as auditd writes it: `1795400390.052:3220`, with the host in front where it is not alone."""

    time_ms: int
    serial: int
    host: str | None = None

    @classmethod
    def of(cls, text: str) -> "EventId":
        """Read `[HOST:]SECONDS.MILLISECONDS:SERIAL`, as it stands in a log or in a report. Raises UsageError."""
        match = _ID.fullmatch(text.strip().removeprefix("audit(").removesuffix(":").removesuffix(")"))
        if match is None:
            raise UsageError(
                f"{text!r} is no event; expected [HOST:]SECONDS.MILLISECONDS:SERIAL, as 1795400390.052:3220"
            )
        return cls(int(match["seconds"]) * 1000 + int(match["milliseconds"]), int(match["serial"]), match["host"])

    def __str__(self) -> str:
        name = f"{self.time_ms // 1000}.{self.time_ms % 1000:03d}:{self.serial}"
        return f"{self.host}:{name}" if self.host else name


@dataclass(frozen=True)
class Line:
    """One record: the line as it lies in the archive, and its fields as (key, as written, what it means).

    `raw` is None where the bytes are gone; `trouble` says why. Text without a key has an empty one.
    """

    type: str
    raw: str | None
    fields: tuple[tuple[str, str, str], ...]
    trouble: str | None = None


@dataclass(frozen=True)
class Closeup:
    """One event in full. What it shows is not masked: it is the evidence itself."""

    host: str
    node: str | None
    time: datetime  # UTC
    serial: int
    boot: int
    complete: bool
    lines: tuple[Line, ...]

    @property
    def id(self) -> str:
        """Its name, with the host in front."""
        return str(EventId(round(self.time.timestamp() * 1000), self.serial, self.host))

    def table(self) -> pa.Table:
        """Every field as a row: record (from 1), type, key, written, meaning."""
        rows = [
            (number, line.type, *field)
            for number, line in enumerate(self.lines, 1)
            for field in line.fields or [("", "", "")]
        ]
        types = (pa.int32(), pa.string(), pa.string(), pa.string(), pa.string())
        return pa.table([pa.array([row[i] for row in rows], kind) for i, kind in enumerate(types)], names=list(COLUMNS))

    def __str__(self) -> str:
        parts = [f"{self.id}{'' if self.complete else ' (incomplete)'}"]
        for line in self.lines:
            parts.append(line.raw if line.raw is not None else f"type={line.type}: {line.trouble}")
            widths = [max((len(field[i]) for field in line.fields), default=0) for i in (0, 1)]
            parts += [
                f"    {key:{widths[0]}}  {written:{min(widths[1], 40)}}  {means}" for key, written, means in line.fields
            ]
        return "\n".join(parts)


def closeup(row: Mapping[str, Any], archive: Archive, time: datetime) -> Closeup:
    """An event, given as its row in the table of events, in full."""
    users, groups = archive.id_map(row["host"])
    written = records.to_records(row)
    call = next((record for record in written if record.type == "SYSCALL"), None)
    context = Context(ids=IdMap(users, groups))
    if call is not None:
        context = fields.own_context("SYSCALL", call.fields, context)
    lines = [
        Line(record.type, raw, tuple(_explained(record, context)), trouble)
        for record, (raw, trouble) in zip(written, _raw_lines(row, archive), strict=True)
    ]
    return Closeup(row["host"], row["node"], time, row["serial"], row["boot"], row["complete"], tuple(lines))


def _explained(record: records.Record, context: Context) -> Iterator[tuple[str, str, str]]:
    meanings = fields.interpret_record(record.type, record.fields, record.enriched, context)
    for field, (key, meaning) in zip(record.fields, meanings, strict=True):
        yield key, _text(field), meaning
    for field in (*record.enriched, *record.words):
        yield field[0], _text(field), fields.decode_name(field[1], field[2]) if field[0] else ""


def _text(field: Field) -> str:
    """A value as it stands in the line."""
    text = field[1].decode("utf-8", "backslashreplace")
    return f'"{text}"' if field[2] else text


def _raw_lines(row: Mapping[str, Any], archive: Archive) -> Iterator[tuple[str | None, str | None]]:
    """The line of each record from the archive, or None and why it cannot be had."""
    segments = archive.all_segments(row["host"])
    begins = [0, *accumulate(segment.length for segment in segments)]
    start = {segment.number: begin for segment, begin in zip(segments, begins, strict=False)}
    position = start.get(row["segment"], 0) + row["offset"]
    data: dict[int, bytes] = {}
    for place in row["records"]:
        position += place["gap"]
        try:
            segment, begin = next(
                (s, b) for s, b in zip(segments, begins, strict=False) if b <= position < b + s.length
            )
            if segment.number not in data:
                data[segment.number] = archive.read(segment)
            line = data[segment.number][position - begin :][: place["length"]]
            yield line.rstrip(b"\n\r\0").decode("utf-8", "backslashreplace"), None
        except StopIteration:
            yield None, "the archive does not know the segment it came in"
        except AuditNbError as error:
            yield None, str(error)
        position += place["length"]
