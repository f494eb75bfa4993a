"""zstd as the standard library has it from Python 3.14 on, before that its backport; in memory, bounded."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor, ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdCompressor, ZstdDecompressor, ZstdError

__all__ = ["ZstdDecompressor", "ZstdError", "compressed", "frame_content"]


def compressed(data: bytes, level: int) -> bytes:
    """`data` in one frame that says how much it holds."""
    compressor = ZstdCompressor(level=level)
    compressor.set_pledged_input_size(len(data))
    return compressor.compress(data, ZstdCompressor.FLUSH_FRAME)


def frame_content(frame: bytes, expected: int, limit: int) -> bytes:
    """What one frame holds, most likely `expected` bytes.

    Raises ValueError where it is more than `limit` bytes, or anything but one whole frame; ZstdError where it is none.
    """
    unpacker = ZstdDecompressor()
    plain = unpacker.decompress(frame, expected)
    while not unpacker.eof:
        if unpacker.needs_input:
            raise ValueError("the frame ends before its end")
        if len(plain) > limit:
            raise ValueError(f"the frame holds more than {limit:,} bytes")
        plain += unpacker.decompress(b"", limit + 1 - len(plain))
    if unpacker.unused_data:
        raise ValueError("something stands behind the frame")
    return plain
