"""Which log file is this? A file is recognised by its bytes, whatever it is called now, and only the rest is kept.

auditd renames `audit.log` to `audit.log.1` and so on, and SFTP tells no inode. So a source is known by the digest of
its first bytes and by the digest of the last block that is held: a file that has both goes on from there. One that
begins like a source and then differs was truncated, rewritten or begins alike: it becomes a source of its own that
names how many first bytes it shares, so that no byte is kept twice and each file can be put together again.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar, runtime_checkable

from audit_nb.archive import HEAD_BYTES, TAIL_BYTES, Archive, Block, Digest, EvidenceError, Frames, Lineage
from audit_nb.blocks import Piece, blocks_of_frames, blocks_of_lines
from audit_nb.errors import AuditNbError

MADE_AT_ONCE = 2  # blocks that are compressed and hashed while others are read
# Blocks are asked about and written together, so many of them or of such a size; as many wait for an answer, and for
# the disk. Of a block that came in frames nothing but these is in memory by then.
TOGETHER = 12
TOGETHER_BYTES = 10 << 20


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


@runtime_checkable
class Packed(Protocol):
    """A log file that comes in zstd frames."""

    def frames(self, offset: int, end: int) -> Iterator[Piece]:
        """As `Readable.stream`."""


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
        for block, whole in _blocks(file, place.held, faults, progress):
            if not whole and (faults or not finished):
                writer.kept.held_back = len(block)
            elif not writer.add(block, whole):
                return writer.kept
        # `may_pass` is what ssh says of a connection that broke: nobody is there any more to be asked.
        writer.finish(broken=any(getattr(fault, "may_pass", isinstance(fault, OSError)) for fault in faults))
    if faults:
        raise faults[0]
    writer.kept.changed |= writer.end + writer.kept.held_back < file.size
    return writer.kept


def _blocks(
    file: Readable, start: int, faults: list[BaseException], progress: Callable[[int], None]
) -> Iterator[tuple[bytes | Frames, bool]]:
    if isinstance(file, Packed):
        return blocks_of_frames(_until_fault(file.frames(start, file.size), faults, progress))
    return blocks_of_lines(_until_fault(file.stream(start, file.size), faults, progress))


SomePiece = TypeVar("SomePiece", bytes, Piece)


def _until_fault(
    pieces: Iterator[SomePiece], faults: list[BaseException], progress: Callable[[int], None]
) -> Iterator[SomePiece]:
    """The pieces of a stream; a fault ends it and is put into `faults`."""
    try:
        for piece in pieces:
            progress(len(piece))
            yield piece
    except (AuditNbError, OSError) as fault:
        faults.append(fault)


@dataclass(frozen=True)
class _Waiting:
    """A block that was read: where it stands, and the digests of the end before it and of its own."""

    made: Future[Block]
    whole: bool
    places: tuple[tuple[int, int], tuple[int, int]]  # of the two ends: offset and length
    before: Digest
    end: Digest


@dataclass(frozen=True)
class _Asked:
    """Blocks about which the file was asked: the answer is its first bytes and, for each block, the two ends."""

    blocks: list[_Waiting]
    answer: Callable[[], list[bytes]] | None  # None: it cannot be asked any more


class _Writer:
    """Appends the blocks of one file, after the file was asked whether it is still the same.

    A file that is truncated and written anew while it is read gives first bytes of the old one and then of the new one,
    which no file ever had. So the file's first bytes, the end before each block and the end of the block itself are
    read again (behind requests that are under way anyway). When the file is another one by now, but has not the end of
    a block that was read, then all of the block is of the old file and is kept; else it is left out. When the
    connection broke before the answer came, blocks are kept; the next fetch sees whether the file goes on from them.

    Blocks are compressed and hashed side by side while the next ones are on their way. A few are asked about and
    written together and in order: syncing takes as long for several files as for one, and so does a question. Once some
    could not be written, none after them is.
    """

    def __init__(self, archive: Archive, host: str, file: Readable, place: Place, origin: Origin) -> None:
        self.archive, self.host, self.file, self.place, self.origin = archive, host, file, place, origin
        self.kept = Kept()
        self.end = place.held
        self._tail = place.tail
        self._source, self._offset = place.source, place.held
        self._makers, self._keeper = ThreadPoolExecutor(MADE_AT_ONCE, "make"), ThreadPoolExecutor(1, "keep")
        self._making: list[Future[Block]] = []
        self._read: list[_Waiting] = []
        self._read_bytes = 0  # that they take in memory
        self._asked: _Asked | None = None
        self._written: Future[None] | None = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._makers.shutdown()
        self._keeper.shutdown()
        if self._written is not None:
            self._written.result()

    def add(self, block: bytes | Frames, whole: bool) -> bool:
        """Take the block that follows those before; False when nothing more is to be read."""
        self._making = [made for made in self._making if not made.done()]
        if len(self._making) >= MADE_AT_ONCE:
            wait(self._making, return_when=FIRST_COMPLETED)
        self._making.append(self._makers.submit(Block.of, block))
        before = self._tail
        end = Digest.of(block.last(TAIL_BYTES) if isinstance(block, Frames) else block[-TAIL_BYTES:])
        start, self.end, self._tail = self.end, self.end + len(block), end
        places = (start - before.length, before.length), (self.end - end.length, end.length)
        self._read.append(_Waiting(self._making[-1], whole, places, before, end))
        self._read_bytes += sum(map(len, block.frames)) if isinstance(block, Frames) else len(block)
        return (len(self._read) < TOGETHER and self._read_bytes < TOGETHER_BYTES) or self._write(self._ask())

    def finish(self, *, broken: bool) -> None:
        """Write what was taken; when the connection is `broken` the last blocks are not asked about."""
        last = _Asked(self._read, None) if broken else self._ask()
        if self._write(last):
            self._write(None)

    def _ask(self) -> _Asked:
        """Ask the file about what was read; the answer comes while the next blocks are read."""
        blocks, self._read, self._read_bytes = self._read, [], 0
        wanted = [(0, self.place.head.length), *(place for block in blocks for place in block.places)]
        try:
            return _Asked(blocks, self.file.ask_blocks(wanted))
        except (AuditNbError, OSError):
            return _Asked(blocks, None)

    def _write(self, asked: _Asked | None) -> bool:
        """Let be written what was asked about before, as far as it is of one file; False when not all of it is."""
        before, self._asked = self._asked, asked
        blocks = self._of_one_file(before) if before else []
        if blocks:
            if self._written is not None:
                self._written.result()
            self._written = self._keeper.submit(self._append, blocks)
        return not self.kept.changed

    def _of_one_file(self, asked: _Asked) -> list[_Waiting]:
        """The first ones of some blocks, up to the one that may be of two files; notes whether the file has changed."""
        try:
            head, *ends = asked.answer() if asked.answer else [b""]
        except (AuditNbError, OSError):
            ends = []
        if not ends:
            return asked.blocks
        good: list[_Waiting] = []
        for block, before, end in zip(asked.blocks, ends[::2], ends[1::2], strict=True):
            is_there = block.end.fits(end)
            same = self.place.head.fits(head) and block.before.fits(before) and (is_there or self.file.exact)
            self.kept.changed |= not same
            if self.kept.changed and (is_there or not self.file.exact):
                break
            good.append(block)
        return good

    def _append(self, blocks: list[_Waiting]) -> None:
        segments = self.archive.append_blocks(
            self.host,
            [block.made.result() for block in blocks],
            source=self._source,
            offset=self._offset,
            base=self.place.base if self._source is None else None,
            unfinished=not blocks[-1].whole,
            path=self.file.path,
            via=self.origin.via,
            host_key=self.origin.host_key,
            fetched_at=self.origin.fetched_at or datetime.now(UTC),
        )
        self._source, self._offset = segments[-1].source, segments[-1].end
        self.kept.new_bytes += sum(segment.length for segment in segments)
        self.kept.segments += len(segments)
