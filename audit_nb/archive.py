"""The bytes as they were fetched: append-only segments beside a manifest that says where each came from.

    data/archive/<host>/manifest.jsonl     one row for each segment, in order of fetching
    data/archive/<host>/00000001.zst       the bytes of segment 1, in zstd frames (`zstd -dc` reads them)
    data/archive/<host>/facts.jsonl        what else was learnt of the host: id maps, rules, kernel, clock

A *source* is one log file followed by content through its rotations; it is named by the number of its first segment.
How far a source is held is derived from the manifest (`lineages`), not kept beside it. A segment is written aside,
synced and renamed before its row is appended: a file without a row is an orphan of a crash and is replaced.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, cast

from audit_nb import files, zstd
from audit_nb.compressed import open_decompressed
from audit_nb.errors import AuditNbError
from audit_nb.manifest import Digest, Lineage, Manifest, Segment, json_lines

__all__ = [
    "Archive",
    "AuditStatus",
    "Block",
    "Digest",
    "EvidenceError",
    "Facts",
    "Frames",
    "Lineage",
    "Segment",
    "lock",
    "open_decompressed",
]

HEAD_BYTES = 4096  # a source is recognised by the digest of so many first bytes …
TAIL_BYTES = 4096  # … and of so many last bytes of what is held
EDGE = 1 << 16  # bytes at either end of a segment in which a record's time is looked for
MOMENT = re.compile(rb"audit\((\d{1,12})\.(\d{1,3}):\d+\)")
HOST_NAME = re.compile(r"\w[\w.-]{0,59}")
_ZSTD_LEVEL = 1  # half again as fast as the default of 3, for logs 2 % larger


class EvidenceError(AuditNbError):
    """Bytes of the archive that are gone or are not the bytes that were fetched."""


class AuditStatus(TypedDict, total=False):
    """What `auditctl -s` says, by its own words; kernels differ in what they tell (auditctl(8), linux/audit.h).

    `enabled` is 0 (off), 1 (on) or 2 (on, and locked until the next boot); `lost` counts the records that the kernel
    has dropped since its boot, `backlog` those that wait for auditd now.
    """

    enabled: int
    failure: int
    pid: int
    rate_limit: int
    backlog_limit: int
    lost: int
    backlog: int
    backlog_wait_time: int
    backlog_wait_time_actual: int
    loginuid_immutable: str


class Facts(TypedDict, total=False):
    """What was last learnt of a host beside its logs; a key that is missing was never learnt.

    Moments are ISO 8601 in UTC. `audit_rules` is empty where the host said that it has no rules. `clock_offset_s` is
    the host's clock less ours, true to within `clock_uncertainty_s`.
    """

    at: str  # when the host was last asked
    audit_at: str  # when it last told `audit_status` and `audit_rules`, which take root
    audit_status: AuditStatus
    audit_rules: list[str]  # a line of `auditctl -l` each, in the order in which the kernel applies them
    users: dict[str, str]  # names by id, as text
    groups: dict[str, str]
    kernel: str
    distribution: str
    timezone: str
    utc_offset: str
    boot_id: str
    seen_from: str  # "our address, our port, its address, its port", as the host sees the connection
    clock_offset_s: float
    clock_uncertainty_s: float


@dataclass(frozen=True)
class Frames:
    """Whole lines that came in zstd frames, which are kept as they came.

    The frames hold `plains`, of which the first `skip` bytes belong to the lines before; `rest` goes on in a frame that
    is not of these.
    """

    plains: Sequence[bytes]
    frames: Sequence[bytes]
    skip: int = 0
    rest: bytes = b""

    def __len__(self) -> int:
        return sum(map(len, self.plains)) - self.skip + len(self.rest)

    def parts(self) -> Iterator[memoryview]:
        """The lines, in pieces."""
        skip = self.skip
        for plain in (*self.plains, self.rest):
            yield memoryview(plain)[skip:]
            skip = 0

    def first(self, count: int) -> bytes:
        """The first bytes of the lines."""
        return b"".join(part[:count] for part in self.parts())[:count]

    def last(self, count: int) -> bytes:
        """The last bytes of the lines."""
        return b"".join(part[-count:] for part in self.parts() if part)[-count:]


@dataclass(frozen=True)
class Block:
    """Bytes made ready to be kept: compressed, and with what the manifest says of them."""

    compressed: bytes
    length: int
    sha256: str
    beginning: bytes
    tail: Digest
    first_ms: int | None
    last_ms: int | None

    skip: int = 0

    @classmethod
    def of(cls, data: bytes | Frames) -> "Block":
        """The costly half of keeping `data`; threads may do it for several blocks at once."""
        lines = data if isinstance(data, Frames) else Frames((data,), ())
        sha256 = hashlib.sha256()
        for part in lines.parts():
            sha256.update(part)
        first, last = lines.first(EDGE), lines.last(EDGE)
        return cls(
            compressed=_compressed(data),
            length=len(data),
            sha256=sha256.hexdigest(),
            beginning=first[:HEAD_BYTES],
            tail=Digest.of(last[-TAIL_BYTES:]),
            first_ms=_moment(MOMENT.search(first)),
            last_ms=_moment(max(MOMENT.finditer(last), key=re.Match.start, default=None)),
            skip=lines.skip,
        )


def _compressed(data: bytes | Frames) -> bytes:
    if isinstance(data, Frames):
        return b"".join([*data.frames, _compressed(data.rest) if data.rest else b""])
    return zstd.compressed(data, _ZSTD_LEVEL)


class Archive:
    """The archive inside a data folder. Writing to one host is for one thread at a time; see `lock`."""

    def __init__(self, data_dir: Path | str) -> None:
        self.folder = Path(data_dir) / "archive"
        self._manifests: dict[str, Manifest] = {}

    def hosts(self) -> list[str]:
        """The hosts of which anything is held, sorted."""
        return sorted(path.parent.name for path in self.folder.glob("*/manifest.jsonl"))

    def segments(self, host: str) -> list[Segment]:
        """The segments of `host` whose bytes are held, in order of fetching.

        A segment that a later one replaces, and one that was pruned, is left out.
        """
        manifest = self._manifest(host)
        return [segment for segment in manifest.segments if segment.number not in manifest.gone]

    def all_segments(self, host: str) -> list[Segment]:
        """Every segment that was ever fetched from `host`, pruned and replaced ones included."""
        return list(self._manifest(host).segments)

    def lineages(self, host: str) -> dict[int, Lineage]:
        """How far each source of `host` is held, by the source's number; pruned bytes count as held."""
        return dict(self._manifest(host).lineages)

    def read(self, segment: Segment, *, again: bool = False) -> bytes:
        """The bytes of a segment, checked against its length and SHA-256; `again`: the digest was checked just now.

        Raises EvidenceError when they are gone, damaged or not the ones that were fetched.
        """
        path = self._file(segment.host, segment.number)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            raise EvidenceError(f"{path}: the bytes of this segment are gone; see `audit-nb verify`") from None
        except OSError as fault:
            raise EvidenceError(f"{path}: cannot be read: {fault.strerror}") from fault
        try:
            data = _plain(stored, segment)
        except OSError:
            data = b""
        if len(data) != segment.length or not (again or hashlib.sha256(data).hexdigest() == segment.sha256):
            raise EvidenceError(
                f"{path}: these are not the bytes that were fetched (SHA-256 or length differs); "
                "restore the file from a backup, or fetch the host anew into another data folder"
            )
        return data

    def content(self, host: str, source: int, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes `start` to `end` of a source's file, piece by piece, from wherever they are held.

        Raises EvidenceError where a piece is gone.
        """
        position = start
        segments = self._manifest(host).by_source.get(source, [])
        replaced = {s.replaces for s in segments}
        base = next((s.base for s in segments if s.base), None)
        if base is not None and position < base[1]:
            stop = base[1] if end is None else min(base[1], end)
            yield from self.content(host, base[0], position, stop)
            position = stop
        for segment in segments:
            if segment.number in replaced or segment.end <= position or (end is not None and segment.offset >= end):
                continue
            stop = segment.length if end is None else min(segment.length, end - segment.offset)
            yield self.read(segment)[position - segment.offset : stop]
            position = segment.offset + stop

    def append(
        self,
        host: str,
        data: bytes | Block,
        *,
        path: str,
        via: str,
        source: int | None = None,
        offset: int = 0,
        base: tuple[int, int] | None = None,
        host_key: str | None = None,
        fetched_at: datetime | None = None,
        unfinished: bool = False,
    ) -> Segment:
        """Keep `data`, the bytes of a source from `offset` on; without a `source` a new one begins.

        `data` is whole lines, or with `unfinished` the last line of a file that has no newline. With `base` the new
        source's bytes before `offset` are those of another source. Raises ValueError where the bytes would not follow
        those that are held: that would be a fault of the caller, not of the host.
        """
        block = data if isinstance(data, Block) else Block.of(data)
        words = {"path": path, "via": via, "host_key": host_key, "fetched_at": fetched_at or datetime.now(UTC)}
        (segment,) = self.append_blocks(
            host, [block], source=source, offset=offset, base=base, unfinished=unfinished, **words
        )
        return segment

    def append_blocks(
        self,
        host: str,
        blocks: Sequence[Block],
        *,
        source: int | None,
        offset: int,
        base: tuple[int, int] | None = None,
        unfinished: bool = False,
        **words: Any,  # noqa: ANN401 - path, via, host_key, fetched_at
    ) -> list[Segment]:
        """As `append`, for blocks that follow one another: they are safe together, which takes a tenth of the time.

        `unfinished` speaks of the last one.
        """
        folder = files.private_directory(self.folder / checked_name(host))
        manifest = self._manifest(host)
        lineage = manifest.lineages[source] if source is not None else None
        if offset != (lineage.end if lineage else base[1] if base else 0) or not all(b.length for b in blocks):
            raise ValueError(f"{host}: what begins at {offset} does not follow what is held of source {source}")
        first = number = max((known.number for known in manifest.segments[-1:]), default=0) + 1
        head, line = self._beginning(host, lineage, base, b"".join(block.beginning for block in blocks))
        segments: list[Segment] = []
        for block in blocks:
            segment = Segment(
                host=host,
                number=number,
                source=source if source is not None else first,
                offset=offset,
                length=block.length,
                sha256=block.sha256,
                stored=len(block.compressed),
                head=head,
                line=line,
                tail=block.tail,
                whole=not (unfinished and block is blocks[-1]),
                replaces=lineage.unfinished.number if lineage and lineage.unfinished and number == first else None,
                base=base if lineage is None and number == first else None,
                first_ms=block.first_ms,
                last_ms=block.last_ms,
                skip=block.skip,
                **words,
            )
            segments.append(segment)
            number, offset = number + 1, segment.end
        files.write_private_all(
            {self._file(host, one.number): block.compressed for one, block in zip(segments, blocks, strict=True)}
        )
        self._append_rows(host, [segment.row() for segment in segments])
        if segments[0].offset == 0 or first == 1:
            files.sync_directory(folder.parent)
        return segments

    def _beginning(
        self, host: str, lineage: Lineage | None, base: tuple[int, int] | None, data: bytes
    ) -> tuple[Digest, Digest]:
        """The digests of a source's first bytes and first line once what begins with `data` stands at its end."""
        if lineage is not None and lineage.head.length >= HEAD_BYTES:
            return lineage.head, lineage.line
        before = b""
        try:
            if lineage is not None:
                before = b"".join(self.content(host, lineage.source, 0, lineage.end))
            elif base is not None:
                before = b"".join(self.content(host, base[0], 0, min(base[1], HEAD_BYTES)))
        except EvidenceError:  # pruned: the digests that are known go on to serve
            if lineage is not None:
                return lineage.head, lineage.line
        head = (before + data)[:HEAD_BYTES]
        return Digest.of(head), Digest.of(first_line(head))

    def rows(self, host: str, kind: str) -> list[dict[str, Any]]:
        """The rows of one kind in the manifest of `host`: `segment`, `copy` (a file that is held already), `pruned`."""
        return [row for row in self._manifest(host).rows if row.get("kind") == kind]

    def append_row(self, host: str, row: dict[str, Any]) -> None:
        """Add one row to the manifest of `host`; nothing ever changes or removes one."""
        self._append_rows(host, [row])

    def _append_rows(self, host: str, rows: Sequence[dict[str, Any]]) -> None:
        folder = files.private_directory(self.folder / checked_name(host))
        lines = "\n".join(json.dumps(row, sort_keys=True) for row in rows)
        files.append_line(folder / "manifest.jsonl", lines.encode())

    def _manifest(self, host: str) -> Manifest:
        path = self.folder / checked_name(host) / "manifest.jsonl"
        manifest = self._manifests.setdefault(host, Manifest(path))
        manifest.refresh()
        return manifest

    def drop(self, segment: Segment, *, older_than: datetime) -> None:
        """Let go of a segment's bytes: its row stays, a row that says so is added, then the file is removed."""
        row = {"kind": "pruned", "number": segment.number, "older_than": older_than.isoformat()}
        self.append_row(segment.host, {**row, "pruned_at": datetime.now(UTC).isoformat()})
        self._file(segment.host, segment.number).unlink(missing_ok=True)

    def clear_dropped(self, host: str) -> None:
        """Remove the files of dropped segments that a crash left behind."""
        for row in self.rows(host, "pruned"):
            self._file(host, row["number"]).unlink(missing_ok=True)

    def clear_unfinished(self, host: str) -> None:
        """Remove what a killed run had not finished; for who holds the lock."""
        folder = self.folder / checked_name(host)
        for path in folder.glob(".aside-*"):
            path.unlink(missing_ok=True)
        for path in folder.glob(".packed-*"):
            shutil.rmtree(path, ignore_errors=True)

    def unreadable_rows(self, host: str) -> list[int]:
        """The line numbers of the manifest that are no row: a crash cut them, or someone changed the file."""
        lines = json_lines(self.folder / checked_name(host) / "manifest.jsonl")
        return [number for number, row in enumerate(lines, 1) if row is None]

    def facts(self, host: str) -> Facts:
        """What was last learnt of the host beside its logs; empty when nothing was."""
        return cast(Facts, {key: value for row in self.learnt(host) for key, value in row.items()})

    def learnt(self, host: str) -> list[Facts]:
        """What was learnt of the host each time, the oldest first: a fact stands where it changed."""
        return [cast(Facts, row) for row in json_lines(self.folder / checked_name(host) / "facts.jsonl") if row]

    def add_facts(self, host: str, facts: Facts) -> None:
        """Keep what was learnt of the host now; what was learnt before stays in the file."""
        folder = files.private_directory(self.folder / checked_name(host))
        files.append_line(folder / "facts.jsonl", json.dumps(facts, sort_keys=True).encode())

    def id_map(self, host: str) -> tuple[dict[int, str], dict[int, str]]:
        """The names of the host's own users and groups by their ids; both empty where they were never collected."""
        facts = self.facts(host)
        users, groups = facts.get("users", {}), facts.get("groups", {})
        return {int(uid): name for uid, name in users.items()}, {int(gid): name for gid, name in groups.items()}

    def _file(self, host: str, number: int) -> Path:
        return self.folder / checked_name(host) / f"{number:08d}.zst"


@contextmanager
def lock(data_dir: Path | str) -> Iterator[None]:
    """Hold the archive of a data folder for writing; raises AuditNbError when another process holds it."""
    folder = files.private_directory(Path(data_dir))
    descriptor = os.open(folder / ".archive.lock", os.O_RDWR | os.O_CREAT, files.FILE_MODE)
    try:
        os.fchmod(descriptor, files.FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise AuditNbError(
                f"{folder}: {holder} is writing to this data folder; wait until it has ended or name another one"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC,".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def checked_name(host: str) -> str:
    """`host`, which names a folder; raises AuditNbError for a name that could leave the archive."""
    if not HOST_NAME.fullmatch(host):
        raise AuditNbError(
            f"{host!r} cannot name a host: letters, digits, '_', '-' and '.' (not first), at most 60 of them"
        )
    return host


def first_line(head: bytes) -> bytes:
    """The first line of `head` with its newline; all of it where there is none."""
    return head[: head.find(b"\n") + 1] or head


def _moment(found: re.Match[bytes] | None) -> int | None:
    return int(found[1]) * 1000 + int(found[2]) if found else None


def _plain(stored: bytes, segment: Segment) -> bytes:
    """The lines of a segment; raises OSError where its file is damaged."""
    import pyarrow as pa

    if not segment.skip:
        plain: bytes = pa.Codec("zstd").decompress(stored, decompressed_size=segment.length, asbytes=True)
        return plain
    # Cutting off what stands before would copy all of it, which takes as long again.
    stream = pa.CompressedInputStream(pa.BufferReader(stored), "zstd")
    stream.read(segment.skip)
    plain = stream.read(segment.length)
    return plain if not stream.read(1) else b""
