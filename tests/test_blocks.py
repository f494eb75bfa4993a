"""A stream is cut into whole lines, and nothing of it is lost, whatever the frames in which it came."""

import random
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
import pytest

from audit_nb.archive import Archive, Block, Digest, Frames
from audit_nb.blocks import blocks_of_frames

LINE = b"type=SYSCALL msg=audit(1767225600.%03d:%d): %s\n"


@dataclass
class Piece:
    """As a host sends it."""

    plain: bytes
    frame: bytes | None
    skip: int = 0

    def __len__(self):
        return len(self.plain) - self.skip


def content(count, size):
    """Lines of different lengths."""
    return b"".join(LINE % (n % 1000, n, b"x" * (n * 7 % size)) for n in range(count))


def pieces(data, cuts, skip=0, framed=lambda number: True):
    """The data cut at some places, each piece in a frame; `skip` bytes before it are not wanted."""
    whole = b"?" * skip + data
    places = [0, *(cut + skip for cut in cuts), len(whole)]
    codec = pa.Codec("zstd")
    for number, (start, end) in enumerate(zip(places, places[1:], strict=False)):
        if plain := whole[start:end]:
            yield Piece(plain, codec.compress(plain, asbytes=True) if framed(number) else None, 0 if number else skip)


@pytest.fixture
def kept(tmp_path):
    """Keep blocks in an archive; the bytes of each as they are read back, and which of them were kept as they came."""

    def keep(blocks):
        archive, offset, source = Archive(tmp_path), 0, None
        made = []
        for block, whole in blocks:
            segment = archive.append(
                "web01",
                Block.of(block),
                path="audit.log",
                via="test",
                source=source,
                offset=offset,
                unfinished=not whole,
            )
            source, offset = segment.source, offset + segment.length
            made.append((archive.read(segment), isinstance(block, Frames)))
            assert segment.tail == Digest.of(made[-1][0][-4096:])
            assert len(block) == segment.length
        return made

    return keep


@pytest.mark.parametrize("seed", range(20))
def test_frames_that_end_anywhere_become_whole_lines(kept, seed):
    """Cut at random bytes, no line over three of them: each block ends with a line, all of them are the stream, and no frame was made again."""
    rng = random.Random(seed)
    data = content(400, 90)
    cuts = list(accumulate(rng.randrange(200, 3000) for _ in range(15)))
    made = kept(blocks_of_frames(pieces(data, cuts, skip=rng.choice([0, 1, 500])), 4000))
    assert b"".join(block for block, _ in made) == data
    assert all(block.endswith(b"\n") for block, _ in made)
    assert all(framed for _, framed in made)
    assert len(made) > 3


@pytest.mark.parametrize(
    ("data", "framed", "whole"),
    [
        pytest.param(content(400, 90) + b"type=SYS", lambda n: True, False, id="an unfinished line"),
        pytest.param(content(400, 90), lambda n: n < 5, True, id="frames end"),
        pytest.param(
            content(100, 90) + b"y" * 200_000 + b"\n" + content(100, 90), lambda n: True, True, id="a line too long"
        ),
        pytest.param(b"y" * 31_000, lambda n: True, False, id="no line at all"),
    ],
)
def test_what_cannot_stay_in_its_frames_is_cut_as_any_stream(kept, data, framed, whole):
    """Nothing is lost where frames do not go on, or a line does not end within the next one."""
    cuts = range(2500, len(data), 2500)
    made = list(blocks_of_frames(pieces(data, cuts, framed=framed), 4000))
    assert [flag for _, flag in made][-1] is whole
    assert b"".join(block for block, _ in kept(made)) == data


def test_nothing_becomes_nothing():
    """A stream that broke before its first byte gives no block."""
    assert list(blocks_of_frames(iter([]))) == []
