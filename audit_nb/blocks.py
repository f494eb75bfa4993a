"""A stream of bytes cut into blocks of whole lines, each of which becomes a segment of the archive."""

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

from audit_nb.archive import Frames

SEGMENT_BYTES = 4 << 20
REST_BYTES = 1 << 16  # a line that begins in one frame ends within so many bytes of the next one


class Piece(Protocol):
    """Plain bytes, of which the first `skip` are not wanted, and the zstd frame that holds all of them if one does."""

    @property
    def plain(self) -> bytes: ...
    @property
    def frame(self) -> bytes | None: ...
    @property
    def skip(self) -> int: ...
    def __len__(self) -> int: ...


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


def blocks_of_frames(pieces: Iterator[Piece], limit: int = SEGMENT_BYTES) -> Iterator[tuple[bytes | Frames, bool]]:
    """As `blocks_of_lines`, of what came in frames: a block has whole ones and the end of its last line.

    So the frames need not be made again. What came without, or ends within a line, is cut as `blocks_of_lines` does.
    """
    plains: list[bytes] = []
    frames: list[bytes] = []
    skip = 0
    for piece in pieces:
        full = sum(map(len, plains)) >= limit
        end = piece.plain.find(b"\n", 0, REST_BYTES) + 1 if full else 0
        if piece.frame is None or (full and not end):
            head = plains[0][skip:] if plains else b""
            rest = piece.plain[piece.skip :]
            yield from blocks_of_lines(chain([head, *plains[1:], rest], (one.plain for one in pieces)), limit)
            return
        if full:
            yield Frames(plains, frames, skip, piece.plain[:end]), True
            plains, frames = [], []
        if end < len(piece.plain):
            skip = skip if plains else end + piece.skip
            plains.append(piece.plain)
            frames.append(piece.frame)
    if plains and plains[-1].endswith(b"\n"):
        yield Frames(plains, frames, skip), True
    elif plains:
        yield from blocks_of_lines(iter([plains[0][skip:], *plains[1:]]), limit)
