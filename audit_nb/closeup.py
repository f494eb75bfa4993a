"""One event in full: its raw lines from the archive beside what each of their fields means.

1795400390.052:3220 on web01
type=SYSCALL msg=audit(1795400390.052:3220): arch=c000003e syscall=59 success=yes exit=0 …
    arch      c000003e     x86_64
    syscall   59           execve
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from typing import Any

import pyarrow as pa

from audit_nb import fields, records, redact
from audit_nb.archive import Archive
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.fields import Context, Field, IdMap

_ID = re.compile(r"(?:(?P<host>[\w.-]+)[:/])?(?P<seconds>\d{1,10})\.(?P<milliseconds>\d{1,3}):(?P<serial>\d{1,10})")

COLUMNS = ("record", "type", "key", "written", "meaning")


@dataclass(frozen=True)
class EventId:
    """The name of an event as auditd writes it: `1795400390.052:3220`, with the host in front where it is not alone."""

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


@dataclass(frozen=True, repr=False)
class Closeup:
    """One event in full, not masked, for it is the evidence itself; `masked` is what a reader may see of it."""

    host: str
    node: str | None
    time: datetime  # UTC
    serial: int
    boot: int
    complete: bool
    lines: tuple[Line, ...]
    _shown: tuple[Line, ...] = field(default=(), compare=False)

    def masked(self) -> "Closeup":
        """The same, secrets of command lines, keystrokes and failed account names masked: in the raw lines, too."""
        return replace(self, lines=self._shown)

    @property
    def id(self) -> str:
        """Its name, with the host in front."""
        return str(EventId(round(self.time.timestamp() * 1000), self.serial, self.host))

    def table(self) -> pa.Table:
        """Every field as a row: record (from 1), type, key, written, meaning."""
        rows = [
            (number, line.type, *one)
            for number, line in enumerate(self.lines, 1)
            for one in line.fields or [("", "", "")]
        ]
        types = (pa.int32(), pa.string(), pa.string(), pa.string(), pa.string())
        return pa.table([pa.array([row[i] for row in rows], kind) for i, kind in enumerate(types)], names=list(COLUMNS))

    def __repr__(self) -> str:
        return f"<event {self.id}: {', '.join(line.type for line in self.lines)}>"

    def __str__(self) -> str:
        parts = [f"{self.id}{'' if self.complete else ' (incomplete)'}"]
        for line in self.lines:
            parts.append(line.raw if line.raw is not None else f"type={line.type}: {line.trouble}")
            widths = [max((len(one[i]) for one in line.fields), default=0) for i in (0, 1)]
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
    arguments = fields.decode_argv([one for record in written if record.type == "EXECVE" for one in record.fields])
    unread = frozenset((row["unread"] or "").split("\n"))
    masks = _Masks(arguments, redact.arguments(arguments), row["acct"], row["account"], unread)
    shown = [masks.line(line, record) for line, record in zip(lines, written, strict=True)]
    return Closeup(
        row["host"], row["node"], time, row["serial"], row["boot"], row["complete"], tuple(lines), tuple(shown)
    )


_PLAIN_HEAD = re.compile(r"[^\"'{]*audit\([\d.:]+\): ?")
_ARGUMENT = re.compile(r"a(\d+)(?:\[\d+\])?")


@dataclass(frozen=True)
class _Masks:
    """What is secret of an event: arguments and account, as they are and masked; and text that no field explains."""

    arguments: Sequence[str]
    masked_arguments: Sequence[str]
    acct: str | None
    account: str | None
    unread: frozenset[str]

    def line(self, line: Line, record: records.Record) -> Line:
        """The line with its secrets masked."""
        written = (*record.fields, *record.enriched, *record.words)
        shown, raw = [], line.raw
        for (key, text, meaning), one in zip(line.fields, written, strict=True):
            masked = self._meaning(record.type, one, meaning)
            if masked is None:
                shown.append((key, text, meaning))
                continue
            shown.append((key, redact.MASK, masked))
            raw = raw and _without(raw, key, text)
        return replace(line, raw=raw, fields=tuple(shown))

    def _meaning(self, kind: str, one: Field, meaning: str) -> str | None:
        """What may be shown of a field that holds a secret; None where it holds none."""
        key, value, quoted = one
        argument = _ARGUMENT.fullmatch(key) if kind == "EXECVE" else None
        if argument:
            return self._argument(int(argument[1]))
        if key == "acct" and self.acct != self.account:
            return self.account if fields.decode_value(kind, key, value, quoted) == self.acct else redact.MASK
        if kind == "PROCTITLE" and key == "proctitle":
            return _hidden(redact.text, "\0".join(fields.split_proctitle(value, quoted)))
        if kind == "USER_CMD" and key == "cmd":
            return _hidden(redact.text, fields.decode_value(kind, key, value, quoted))
        if kind in ("TTY", "USER_TTY") and key == "data":
            return _hidden(redact.keystrokes, fields.decode_value(kind, key, value, quoted))
        if key not in ("", "msg"):
            return None
        text = value.decode("utf-8", "backslashreplace")
        return redact.MASK if text in self.unread else _hidden(redact.text, text)

    def _argument(self, place: int) -> str | None:
        if place >= len(self.arguments):
            return redact.MASK  # a place beyond those that are read, as only a forged record has it
        masked = self.masked_arguments[place]
        return masked if redact.MASK in masked and masked != self.arguments[place] else None


def _hidden(mask: Callable[[str], str], text: str) -> str | None:
    """The text masked, or None where nothing in it is a secret."""
    masked = mask(text)
    return masked if masked.count(redact.MASK) > text.count(redact.MASK) else None


def _without(raw: str, key: str, written: str) -> str:
    """The line with a field's value masked; the whole body where the value does not stand in it as it is written."""
    named = f"{key}={written}" if key and key != "msg" else written
    place = re.search(rf"(?<![^\s'\x1d]){re.escape(named)}", raw)
    if place is None:
        head = _PLAIN_HEAD.match(raw)
        return (head[0] if head else "") + redact.MASK
    return raw[: place.start()] + named.removesuffix(written) + redact.MASK + raw[place.end() :]


def _explained(record: records.Record, context: Context) -> Iterator[tuple[str, str, str]]:
    meanings = fields.interpret_record(record.type, record.fields, record.enriched, context)
    for one, (key, meaning) in zip(record.fields, meanings, strict=True):
        yield key, _text(one), meaning
    for one in (*record.enriched, *record.words):
        yield one[0], _text(one), fields.decode_name(one[1], one[2]) if one[0] else ""


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
