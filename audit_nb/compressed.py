"""The plain bytes of a log file, however it is compressed, and never more of them than was allowed.

Which compression it is stands in a file's first bytes, not in its name: `audit.log.2.gz` may be plain text and
`audit.log.2` may be gzip. A file of a few kilobytes can unpack to terabytes, so reading is bounded twice.
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from audit_nb.errors import AuditNbError

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
}
LIMIT = 8 << 30  # bytes that one compressed file may unpack to
# Genuine audit logs shrink 15 to 50 times; what shrinks more than this after RATIO_FROM bytes was made to fill a disk.
RATIO = 400
RATIO_FROM = 256 << 20

_FAULTS = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


class Unreadable(AuditNbError):
    """A compressed file that is damaged, or `refused` because it unpacks to more than was allowed."""

    def __init__(self, sentence: str, *, refused: bool = False) -> None:
        super().__init__(sentence)
        self.refused = refused


def compression(head: bytes) -> str | None:
    """`gzip`, `xz`, `zstd`, `bz2`, or None for plain bytes, by the magic bytes at the beginning of a file."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


def open_decompressed(path: Path, *, limit: int = LIMIT) -> io.BufferedReader:
    """The plain bytes of the file at `path`, to be read from front to back.

    Reading raises Unreadable where the compressed data is damaged, where it unpacks to more than `limit` bytes, and
    where it is far denser than any log. A plain file is opened as it is.
    """
    file = path.open("rb")
    kind = compression(file.peek(8)[:8])
    if kind is None:
        return file
    return io.BufferedReader(_Bounded(file, kind, path, limit), buffer_size=1 << 18)


def _open_zstd(file: BinaryIO) -> Any:  # noqa: ANN401 - pyarrow ships no types
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    "xz": lzma.LZMAFile,
    "bz2": bz2.BZ2File,
    "zstd": _open_zstd,
}


class _Bounded(io.RawIOBase):
    """A decompressing reader that counts what it gives and refuses to give too much."""

    def __init__(self, file: BinaryIO, kind: str, path: Path, limit: int) -> None:
        self._file, self._kind, self._path, self._limit = file, kind, path, limit
        self._plain = _OPENERS[kind](file)
        # `read` of a file that is cut off raises and keeps what it has unpacked to itself; `read1` gives it first.
        self._read = getattr(self._plain, "read1", self._plain.read)
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._read(len(buffer))
        except _FAULTS as fault:
            raise Unreadable(
                f"{self._path}: the {self._kind} data is damaged after {self._given:,} plain bytes ({fault}); "
                "what stands before that was read"
            ) from fault
        self._given += len(data)
        self._check()
        buffer[: len(data)] = data
        return len(data)

    def _check(self) -> None:
        if self._given > self._limit:
            raise Unreadable(
                f"{self._path}: unpacks to more than {self._limit:,} bytes and was refused; "
                "unpack it yourself and import the plain file if it is a log",
                refused=True,
            )
        if self._given > RATIO_FROM and self._given > RATIO * max(self._file.tell(), 1):
            raise Unreadable(
                f"{self._path}: unpacks to more than {RATIO} times its size, as no audit log does, and was refused; "
                "unpack it yourself and import the plain file if it is a log",
                refused=True,
            )

    def close(self) -> None:
        if not self.closed:
            self._plain.close()
            self._file.close()
        super().close()
