"""Which log file is this? A file is recognised by its bytes, whatever it is called now, and only the rest is kept.

auditd renames `audit.log` to `audit.log.1` and so on, and SFTP tells no inode. So a source is known by the digest of
its first bytes and by the digest of the last block that is held: a file that has both goes on from there. One that
begins like a source and then differs was truncated, rewritten or begins alike: it becomes a source of its own that
names how many first bytes it shares, so that no byte is kept twice and each file can be put together again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from audit_nb.archive import HEAD_BYTES, TAIL_BYTES, Archive, Block, Digest, EvidenceError, Lineage
from audit_nb.errors import AuditNbError

SEGMENT_BYTES = 4 << 20
MADE_AT_ONCE = 2  # blocks that are compressed and hashed while others are read
WAITING = 8  # blocks that may wait to be written, so that many are synced at once


class Readable(Protocol):
    """A log file that can be read at any place: on a host, on a disk, or inside a compressed file."""

    path: str
    size: int
    exact: bool  # whether `stream` and the other two surely speak of the same file; see `packed`

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; fewer where the file ends."""

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Ask for several small blocks now; call the answer to have them."""

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces; it ends early where the file has become shorter."""


@dataclass(frozen=True)
class Place:
    """Where a file belongs: `held` of its bytes are held, as `source` or (`base`) as the beginning of another one."""

    head: Digest
    source: int | None = None
    held: int = 0
    tail: Digest = Digest.of(b"")  # of the last block before `held`
    base: tuple[int, int] | None = None
    whole: bool = False  # the file is nothing but the beginning of what is held


@dataclass(frozen=True)
class Origin:
    """What is written beside the bytes: how they came, from which host key, when."""

    via: str
    host_key: str | None = None
    fetched_at: datetime | None = None


@dataclass
class Kept:
    """What was kept of one file."""

    new_bytes: int = 0
    segments: int = 0
    held_back: int = 0  # bytes of a last line that is still being written
    changed: bool = False  # the file was replaced or rewritten while it was read; what is left of it comes next time


def recognise(archive: Archive, host: str, file: Readable) -> Place:
    """Where `file` belongs among the sources of `host`."""
    head = file.read_at(0, HEAD_BYTES)
    alike = [lineage for lineage in archive.lineages(host).values() if lineage.line.length and lineage.line.fits(head)]
    alike.sort(key=lambda lineage: -lineage.held)
    grown = [lineage for lineage in alike if lineage.held <= file.size and lineage.head.fits(head)]
    ends = file.ask_blocks([(lineage.end - lineage.tail.length, _end_length(lineage)) for lineage in grown])()
    for lineage, end in zip(grown, ends, strict=True):
        if _same_end(lineage, end):
            whole = lineage.held == file.size
            return Place(Digest.of(head), lineage.source, lineage.end, lineage.tail, whole=whole)
    shared = [(_shared(archive, host, lineage, file, head), lineage.source) for lineage in alike]
    length, source = max(shared, key=lambda found: (found[0], -found[1]), default=(0, 0))
    if length == 0:
        return Place(Digest.of(head))
    if length == file.size:
        return Place(Digest.of(head), source, length, whole=True)
    return Place(Digest.of(head), None, length, base=(source, length))


def _end_length(lineage: Lineage) -> int:
    return lineage.tail.length + (lineage.unfinished.length if lineage.unfinished else 0)


def _same_end(lineage: Lineage, end: bytes) -> bool:
    """Whether a file holds the last block of a source, and its unfinished line, where the source has them."""
    if len(end) < _end_length(lineage) or not lineage.tail.fits(end):
        return False
    return lineage.unfinished is None or Digest.of(end[lineage.tail.length :]).sha256 == lineage.unfinished.sha256


def _shared(archive: Archive, host: str, lineage: Lineage, file: Readable, head: bytes) -> int:
    """How many first bytes `file` has in common with what is held of a source: all of the file, or whole lines."""
    try:
        if file.size <= lineage.held:
            start = max(0, file.size - TAIL_BYTES)
            last = b"".join(archive.content(host, lineage.source, start, file.size))
            if head == b"".join(archive.content(host, lineage.source, 0, len(head))) and last == file.read_at(
                start, TAIL_BYTES
            ):
                return file.size
        return _common_lines(file.stream(0, file.size), archive.content(host, lineage.source), file.size)
    except EvidenceError:  # pruned: what cannot be compared is kept as a source of its own
        return 0


def _common_lines(ours: Iterator[bytes], theirs: Iterator[bytes], size: int) -> int:
    """The length of the common beginning of two streams, cut back to whole lines unless it is all of the first."""
    left, right, position, lines = b"", b"", 0, 0
    while True:
        left = left or next(ours, b"")
        right = right or next(theirs, b"")
        length = min(len(left), len(right))
        if not length:
            break
        equal = length if left[:length] == right[:length] else _first_difference(left, right)
        newline = left.rfind(b"\n", 0, equal)
        if newline >= 0:
            lines = position + newline + 1
        position += equal
        if equal < length:
            break
        left, right = left[length:], right[length:]
    return size if position == size else lines


def _first_difference(left: bytes, right: bytes) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if left[:middle] == right[:middle] else (low, middle - 1)
    return low


def blocks_of_lines(pieces: Iterator[bytes], limit: int = SEGMENT_BYTES) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into blocks of whole lines of about `limit` bytes; the flag is False for an unfinished last line.

    A line longer than `limit` is cut: auditd writes none of more than 8970 bytes (MAX_AUDIT_MESSAGE_LENGTH).
    """
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= limit:
            block, rest = _cut(waiting)
            yield block, True
            waiting, size = ([rest], len(rest)) if rest else ([], 0)
    last = b"".join(waiting)
    end = last.rfind(b"\n") + 1
    if end:
        yield last[:end], True
    if end < len(last):
        yield last[end:], False


def _cut(pieces: list[bytes]) -> tuple[bytes, bytes]:
    """The bytes up to the last newline and those behind it; all of them where there is no newline."""
    for index in range(len(pieces) - 1, -1, -1):
        end = pieces[index].rfind(b"\n") + 1
        if end:
            last = memoryview(pieces[index])
            return b"".join([*pieces[:index], last[:end]]), b"".join([last[end:], *pieces[index + 1 :]])
    return b"".join(pieces), b""


def keep(
    archive: Archive,
    host: str,
    file: Readable,
    place: Place,
    origin: Origin,
    *,
    finished: bool,
    progress: Callable[[int], None] = lambda count: None,
) -> Kept:
    """Append to the archive what of `file` is not held yet; `progress` hears of each piece that was read.

    The last line of a file that is still written to is held back until it is whole; of a `finished` file it is kept as
    it is. What was read before the stream broke is kept, then the fault goes on.
    """
    faults: list[BaseException] = []
    with _Writer(archive, host, file, place, origin) as writer:
        waiting: tuple[bytes, bool, Callable[[], str]] | None = None
        for block, whole in blocks_of_lines(_until_fault(file.stream(place.held, file.size), faults, progress)):
            if waiting is not None and not writer.take(*waiting):
                return writer.kept
            waiting = None
            if whole or (finished and not faults):
                waiting = (block, whole, (lambda: UNKNOWN) if faults else writer.ask(block))
            else:
                writer.kept.held_back = len(block)
        if waiting is not None:
            writer.take(*waiting)
    if faults:
        raise faults[0]
    writer.kept.changed |= writer.asked_to + writer.kept.held_back < file.size
    return writer.kept


def _until_fault(
    pieces: Iterator[bytes], faults: list[BaseException], progress: Callable[[int], None]
) -> Iterator[bytes]:
    """The pieces of a stream; a fault ends it and is put into `faults`."""
    try:
        for piece in pieces:
            progress(len(piece))
            yield piece
    except (AuditNbError, OSError) as fault:
        faults.append(fault)


SAME, OLD, MIXED, UNKNOWN = "same", "old", "mixed", "unknown"


class _Writer:
    """Appends the blocks of one file, each after the file was asked whether it is still the same.

    A file that is truncated and written anew while it is read gives first bytes of the old one and then of the new one,
    which no file ever had. So beside each block its first bytes, the block before and the end of the block itself are
    read again (behind requests that are under way anyway). When the beginning is another one by now, but the end is not
    what was read, then all that was read is of the old file and is kept; else the block is left out. When the
    connection broke before the answer came, the block is kept; the next fetch sees whether the file goes on from it.

    Blocks are compressed and hashed side by side while the next ones are on their way. Whatever is ready when the disk
    is, is written together and in order: syncing takes as long for eight files as for one.
    """

    def __init__(self, archive: Archive, host: str, file: Readable, place: Place, origin: Origin) -> None:
        self.archive, self.host, self.file, self.place, self.origin = archive, host, file, place, origin
        self.kept = Kept()
        self.asked_to = place.held
        self._tail = place.tail
        self._source, self._offset = place.source, place.held
        self._makers, self._keeper = ThreadPoolExecutor(MADE_AT_ONCE, "make"), ThreadPoolExecutor(1, "keep")
        self._making: list[Future[Block]] = []
        self._unwritten: deque[tuple[Future[Block], bool]] = deque()
        self._storing: deque[Future[None]] = deque()
        self._broken = False

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._makers.shutdown()
        self._keeper.shutdown()
        while self._storing:
            self._storing.popleft().result()

    def ask(self, block: bytes) -> Callable[[], str]:
        """Ask the file about `block`, which follows what was asked about before; the answer is given when called."""
        before, head, end = self._tail, self.place.head, Digest.of(block[-TAIL_BYTES:])
        start = self.asked_to
        self.asked_to += len(block)
        answer = self.file.ask_blocks(
            [(0, head.length), (start - before.length, before.length), (self.asked_to - end.length, end.length)]
        )
        self._tail = end

        def verdict() -> str:
            try:
                first, previous, last = answer()
            except (AuditNbError, OSError):
                return UNKNOWN
            if head.fits(first) and before.fits(previous) and (self.file.exact or end.fits(last)):
                return SAME
            return MIXED if end.fits(last) else OLD

        return verdict

    def take(self, block: bytes, whole: bool, ask: Callable[[], str]) -> bool:
        """Keep a block unless it is of two files; False when nothing more is to be read."""
        verdict = ask()
        self.kept.changed = verdict in (OLD, MIXED)
        if verdict == MIXED or (verdict == OLD and not self.file.exact):
            return False
        self._making = [made for made in self._making if not made.done()]
        if len(self._making) >= MADE_AT_ONCE:
            wait(self._making, return_when=FIRST_COMPLETED)
        while len(self._storing) >= WAITING:
            self._storing.popleft().result()
        self._making.append(self._makers.submit(Block.of, block))
        self._unwritten.append((self._making[-1], whole))
        self._storing.append(self._keeper.submit(self._store))
        return verdict in (SAME, UNKNOWN)

    def _store(self) -> None:
        """Append what is ready, a block at least.

        Once one could not be kept, none after it is, because it would stand in its place.
        """
        if self._broken or not self._unwritten:
            return
        self._broken = True
        first, whole = self._unwritten.popleft()
        blocks = [first.result()]
        while self._unwritten and self._unwritten[0][0].done() and self._unwritten[0][1] and whole:
            blocks.append(self._unwritten.popleft()[0].result())
        self._append(blocks, unfinished=not whole)
        self._broken = False

    def _append(self, blocks: list[Block], *, unfinished: bool) -> None:
        segments = self.archive.append_blocks(
            self.host,
            blocks,
            source=self._source,
            offset=self._offset,
            base=self.place.base if self._source is None else None,
            unfinished=unfinished,
            path=self.file.path,
            via=self.origin.via,
            host_key=self.origin.host_key,
            fetched_at=self.origin.fetched_at or datetime.now(UTC),
        )
        self._source, self._offset = segments[-1].source, segments[-1].end
        self.kept.new_bytes += sum(segment.length for segment in segments)
        self.kept.segments += len(segments)
