"""Log files on a disk of ours, plain or compressed, that can be read at any place."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from audit_nb.compressed import LIMIT, Unreadable, compression, open_decompressed

PIECE = 1 << 18


class PlainFile:
    """A file as it is."""

    exact = True

    def __init__(self, path: Path, name: str | None = None) -> None:
        self._file = path.open("rb")
        self.path = name or str(path)
        self.size = os.fstat(self._file.fileno()).st_size
        self.damage: str | None = None

    def close(self) -> None:
        self._file.close()

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; fewer where the file ends."""
        return os.pread(self._file.fileno(), length, offset)

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Several small blocks."""
        return lambda: [self.read_at(*block) for block in blocks]

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces; it ends early where the file has become shorter."""
        while offset < end and (piece := self.read_at(offset, min(PIECE, end - offset))):
            yield piece
            offset += len(piece)


class PackedFile:
    """The plain bytes of a compressed file. It is unpacked once to learn its size, before anything of it is kept.

    Raises Unreadable when it is refused (it unpacks to too much); damage ends the file where it stands and is told in
    `damage`.
    """

    exact = True

    def __init__(self, path: Path, name: str | None = None, *, limit: int = LIMIT) -> None:
        self._place, self._limit = path, limit
        self.path = name or str(path)
        self.damage: str | None = None
        self.size = 0
        try:
            with open_decompressed(path, limit=limit) as file:
                while piece := file.read1(PIECE):
                    self.size += len(piece)
        except Unreadable as fault:
            if fault.refused:
                raise
            self.damage = str(fault)

    def close(self) -> None:
        """Nothing stays open."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; fewer where the file ends."""
        return b"".join(self.stream(offset, min(self.size, offset + length)))

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Several small blocks; the file cannot change, so each is unpacked once."""
        found = self._blocks(blocks)
        return lambda: found

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces."""
        position = 0
        with closing(open_decompressed(self._place, limit=self._limit)) as file:
            while position < end and (piece := file.read1(min(PIECE, end - position))):
                if position + len(piece) > offset:
                    yield piece[max(0, offset - position) :]
                position += len(piece)

    def _blocks(self, blocks: Sequence[tuple[int, int]]) -> list[bytes]:
        """The blocks in one pass over the file."""
        found = [bytearray() for _ in blocks]
        last = max((offset + length for offset, length in blocks if length), default=0)
        position = 0
        for piece in self.stream(0, min(last, self.size)):
            for (offset, length), block in zip(blocks, found, strict=True):
                start, stop = max(offset, position), min(offset + length, position + len(piece))
                block += piece[start - position : stop - position] if start < stop else b""
            position += len(piece)
        return [bytes(block) for block in found]


def open_log(path: Path, name: str | None = None, *, limit: int = LIMIT) -> PlainFile | PackedFile:
    """A log file on disk, whatever it is compressed with; `name` is what is written into the manifest."""
    with path.open("rb") as file:
        packed = compression(file.read(8)) is not None
    return PackedFile(path, name, limit=limit) if packed else PlainFile(path, name)


def files_below(path: Path) -> Iterator[Path]:
    """The regular files below a folder, sorted by name; links are not followed, other things not opened."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            place = Path(folder) / name
            if place.is_file() and not place.is_symlink():
                yield place


def first_bytes(file: PlainFile | PackedFile, length: int) -> bytes:
    """The first bytes of a log file."""
    return b"".join(itertools.islice(file.stream(0, min(length, file.size)), length // PIECE + 1))
