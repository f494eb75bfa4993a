"""The rows of a manifest: what each segment of an archive is, and how far each source is held.

    {"kind": "segment", "number": 2, "source": 1, "path": "/var/log/audit/audit.log", "offset": 4194300, …}
    {"kind": "copy", "path": "/var/log/audit/audit.log.3.gz", "packed": {…}, "source": 1, …}
    {"kind": "pruned", "number": 1, "older_than": "2026-08-25T00:00:00+00:00", …}

A row that a crash cut is ignored; rows are only ever appended.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Digest:
    """SHA-256 of `length` bytes."""

    length: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "Digest":
        return cls(len(data), hashlib.sha256(data).hexdigest())

    def fits(self, data: bytes) -> bool:
        """Whether `data` begins with the bytes of this digest."""
        return len(data) >= self.length and hashlib.sha256(data[: self.length]).hexdigest() == self.sha256


@dataclass(frozen=True)
class Segment:
    """One fetched piece: bytes `offset` to `offset + length` of a source.

    `whole` is false for the last line of a file that ends without a newline: such a line is a segment of its own, and
    when the file turns out to have grown, a later segment `replaces` it. `base` is set on the first segment of a source
    that shares its first bytes with another one: (source, length) of the bytes that are held there. `first_ms` and
    `last_ms` are the times in its first and last record. What its file holds begins with `skip` bytes of the
    segment before: the host had compressed them together with its own.
    """

    host: str
    number: int
    source: int
    path: str
    offset: int
    length: int
    sha256: str
    stored: int
    head: Digest
    line: Digest
    tail: Digest
    fetched_at: datetime
    via: str
    host_key: str | None = None
    whole: bool = True
    replaces: int | None = None
    base: tuple[int, int] | None = None
    first_ms: int | None = None
    last_ms: int | None = None
    skip: int = 0

    @property
    def end(self) -> int:
        return self.offset + self.length

    def row(self) -> dict[str, Any]:
        """The manifest row: this segment as JSON types."""
        return {"kind": "segment", **asdict(self), "fetched_at": self.fetched_at.isoformat()}

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> "Segment":
        known = {field.name: row[field.name] for field in fields(cls) if field.name in row}
        for name in ("head", "line", "tail"):
            known[name] = Digest(**known[name])
        known["fetched_at"] = datetime.fromisoformat(known["fetched_at"])
        known["base"] = tuple(known["base"]) if known.get("base") else None
        return cls(**known)


@dataclass(frozen=True)
class Lineage:
    """How far one source is held: what continues it begins at `end` and follows the bytes of `tail`."""

    source: int
    path: str
    end: int
    head: Digest
    line: Digest
    tail: Digest
    unfinished: Segment | None = None

    @property
    def held(self) -> int:
        """Bytes held, an unfinished last line included."""
        return self.unfinished.end if self.unfinished else self.end


class Manifest:
    """The rows of one manifest as far as they were read; `refresh` reads what was appended since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget()

    def _forget(self) -> None:
        self._read_to = 0
        self._state: tuple[int, ...] = ()
        self.rows: list[dict[str, Any]] = []
        self.segments: list[Segment] = []
        self.by_source: dict[int, list[Segment]] = {}
        self.lineages: dict[int, Lineage] = {}
        self.gone: set[int] = set()

    def refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._forget()
            return
        state = (status.st_ino, status.st_size, status.st_mtime_ns)
        if state == self._state:
            return
        if status.st_size < self._read_to or self._state[:1] not in ((), (status.st_ino,)):
            self._forget()
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            lines, newline, rest = file.read().rpartition(b"\n")
        if rest and _parsed(rest) is not None:  # whole, but for the newline that a crash cut off
            lines, newline, rest = lines + newline + rest, b"", b""
        for row in map(_parsed, lines.split(b"\n")):
            if row is not None:
                self._add(row)
        self._read_to += len(lines) + len(newline)
        self._state = state

    def _add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if row.get("kind") == "pruned":
            self.gone.add(row["number"])
        if row.get("kind") != "segment":
            return
        segment = Segment.of_row(row)
        self.segments.append(segment)
        self.by_source.setdefault(segment.source, []).append(segment)
        if segment.replaces:
            self.gone.add(segment.replaces)
        end, tail, unfinished = segment.end, segment.tail, None
        if not segment.whole:
            before = self.lineages.get(segment.source)
            end, tail, unfinished = segment.offset, before.tail if before else Digest.of(b""), segment
        self.lineages[segment.source] = Lineage(
            segment.source, segment.path, end, segment.head, segment.line, tail, unfinished
        )


def json_lines(path: Path) -> list[dict[str, Any] | None]:
    """The rows of a file of JSON lines; None stands for a line that a crash cut."""
    try:
        return [_parsed(line) for line in path.read_bytes().split(b"\n") if line]
    except FileNotFoundError:
        return []


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
