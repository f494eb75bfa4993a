"""zstd frames are unpacked whole or not at all, and never beyond a limit."""

import random

import pytest

from audit_nb import zstd

LINE = b"type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes\n"
PLAIN = LINE * 10_000
FRAME = zstd.compressed(PLAIN, 1)


@pytest.mark.parametrize("expected", [len(PLAIN), len(PLAIN) - 1, 1, 8 << 20])
def test_a_frame_is_unpacked_whatever_was_expected(expected):
    """A file may have grown since somebody said how much a frame holds."""
    assert zstd.frame_content(FRAME, expected, 8 << 20) == PLAIN


def test_what_cannot_be_compressed_comes_back_too():
    noise = random.Random(1).randbytes(100_000)
    assert zstd.frame_content(zstd.compressed(noise, 1), len(noise), len(noise)) == noise


def test_a_frame_says_how_much_it_holds():
    """RFC 8878, 3.1.1: whoever unpacks it can ask for memory once. Four bytes of length behind one of the window."""
    assert FRAME[4] >> 5 == 0b100
    assert int.from_bytes(FRAME[6:10], "little") == len(PLAIN)


@pytest.mark.parametrize("cut", [1, 3, 100, len(FRAME) - 5])
def test_a_frame_without_its_end_is_refused(cut):
    with pytest.raises(ValueError, match="before its end"):
        zstd.frame_content(FRAME[:-cut], len(PLAIN), 8 << 20)


def test_what_stands_behind_a_frame_is_refused():
    """The archive would keep it with the frame, and read it back as something else."""
    with pytest.raises(ValueError, match="behind"):
        zstd.frame_content(FRAME + FRAME, len(PLAIN), 8 << 20)


def test_a_frame_is_not_unpacked_beyond_the_limit():
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        zstd.frame_content(FRAME, 500, 1000)


def test_what_is_no_frame_is_told_apart():
    with pytest.raises(zstd.ZstdError):
        zstd.frame_content(PLAIN, len(PLAIN), 8 << 20)
