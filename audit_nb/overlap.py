"""Copies of logs that begin or end anywhere: `tail -n 1000` of a log, several logs in one file, a log within another.

    for part, place in overlap.parts(archive, host, file): …      # what `lineage.keep` has to take of `file`

A file is walked from known place to known place. Where it begins in the middle of what is held, it is looked at as if
the bytes before stood in front of it (`Continued`); where something new ends and a known log begins, it is cut there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from audit_nb import lineage
from audit_nb.archive import HEAD_BYTES, MOMENT, Archive, Digest, EvidenceError, first_line
from audit_nb.blocks import blocks_of_lines
from audit_nb.lineage import Place, Readable

LINE_BYTES = 1 << 16  # a first line that is longer is not looked for elsewhere
NEAR_MS = 3_600_000  # records may be out of order by so much between the first and the last one of a segment
FEW = 50  # so many first lines are looked for one by one, more by their event ids


class Part:
    """The bytes `start` to `end` of a file, as a file; `before` are bytes that are to be thought in front of them."""

    exact = True

    def __init__(self, file: Readable, start: int, end: int, before: "Before | None" = None) -> None:
        self._file, self._start, self._before = file, start, before
        self.ahead = before.length if before else 0
        self.path = file.path
        self.size = end - start + self.ahead
        self.damage = getattr(file, "damage", None)

    def cut(self, end: int) -> "Part":
        """This part, ending at the byte `end` of the file."""
        return Part(self._file, self._start, end, self._before)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; fewer where the part ends."""
        return b"".join(self.stream(offset, min(offset + length, self.size)))

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Several small blocks."""
        return lambda: [self.read_at(*block) for block in blocks]

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces."""
        if self._before is not None and offset < min(end, self.ahead):
            yield from self._before.stream(offset, min(end, self.ahead))
        if end > max(offset, self.ahead):
            move = self._start - self.ahead
            yield from self._file.stream(max(offset, self.ahead) + move, end + move)


class Before:
    """The first `length` bytes of a source."""

    def __init__(self, archive: Archive, host: str, source: int, length: int) -> None:
        self._archive, self._host, self._source, self.length = archive, host, source, length

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces."""
        return self._archive.content(self._host, self._source, offset, end)


def parts(archive: Archive, host: str, file: Readable) -> Iterator[tuple[Part, Place]]:
    """The parts of `file` one after the other, each with its place among what is held.

    What of a part is not held is to be kept before the next part is asked for.
    """
    position = 0
    while position < file.size:
        part = Part(file, position, file.size)
        place = lineage.recognise(archive, host, part)
        if place.source is None and place.base is None:
            part, place = _inside(archive, host, file, position) or (part, place)
        if place.whole:
            yield part, place
            return
        held_to = position + place.held - part.ahead
        end = _next_known(archive, host, file, held_to, skip=1 if place.held == 0 else 0)
        part = part.cut(end)
        head = Digest.of(part.read_at(0, HEAD_BYTES))
        yield part, replace(place, head=head, whole=place.held >= part.size)
        position = end


def _inside(archive: Archive, host: str, file: Readable, position: int) -> tuple[Part, Place] | None:
    """The rest of `file` as the continuation of a source in the middle of which it begins, if there is one."""
    line = first_line(file.read_at(position, min(LINE_BYTES, file.size - position)))
    if not line.endswith(b"\n") or not MOMENT.search(line):
        return None
    for source, offset in _occurrences(archive, host, line):
        part = Part(file, position, file.size, Before(archive, host, source, offset))
        place = lineage.recognise(archive, host, part)
        if place.source is not None:  # else it has one line in common and then goes its own way
            return part, place
    return None


def _occurrences(archive: Archive, host: str, line: bytes) -> Iterator[tuple[int, int]]:
    """(source, offset) of each place where a line is held."""
    found = MOMENT.search(line)
    moment = int(found[1]) * 1000 + int(found[2]) if found else 0
    for segment in archive.segments(host):
        if segment.first_ms is not None and segment.last_ms is not None:
            low, high = sorted((segment.first_ms, segment.last_ms))
            if not low - NEAR_MS <= moment <= high + NEAR_MS:
                continue
        data = archive.read(segment)
        at = data.find(line)
        while at > 0 and data[at - 1] != 10:
            at = data.find(line, at + 1)
        if at >= 0:
            yield segment.source, segment.offset + at


def _next_known(archive: Archive, host: str, file: Readable, start: int, *, skip: int) -> int:
    """Where the next known source begins in `file` at or after `start` + `skip`; its end where none does."""
    firsts = set(_first_lines(archive, host))
    if not firsts:
        return file.size
    position = start
    for block, _ in blocks_of_lines(file.stream(start, file.size)):
        at = _first_of(block, firsts, skip=skip if position == start else 0)
        if at is not None:
            return position + at
        position += len(block)
    return file.size


def _first_lines(archive: Archive, host: str) -> Iterator[bytes]:
    """The first line of every source, as far as it is held."""
    for known in archive.lineages(host).values():
        if known.line.length > LINE_BYTES:
            continue
        try:
            line = b"".join(archive.content(host, known.source, 0, known.line.length))
        except EvidenceError:
            continue
        if line.endswith(b"\n"):
            yield line


def _first_of(block: bytes, lines: set[bytes], *, skip: int) -> int | None:
    """The offset of the first line of `block` that is one of `lines`; the first `skip` bytes do not count."""
    if len(lines) <= FEW:
        found = [at for line in lines if (at := _line_at(block, line, skip)) is not None]
        return min(found, default=None)
    for found_id in MOMENT.finditer(block):
        start = block.rfind(b"\n", 0, found_id.start()) + 1
        if start >= skip and block[start : block.find(b"\n", start) + 1] in lines:
            return start
    return None


def _line_at(block: bytes, line: bytes, skip: int) -> int | None:
    at = block.find(line, skip)
    while at > 0 and block[at - 1] != 10:
        at = block.find(line, at + 1)
    return at if at >= 0 else None
