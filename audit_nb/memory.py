"""Memory that is freed while a store is made is kept for what comes next.

Every part asks for some hundreds of megabytes. To give them back and to ask for them anew costs a fault for each page:
a tenth of the time.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyarrow as pa

# mallopt(3): the numbers of its parameters, glibc's own values, and those that keep all but the largest pieces.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_USUAL = {_TRIM_THRESHOLD: 128 << 10, _MMAP_THRESHOLD: 128 << 10}
_KEEPING = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_THRESHOLD: 32 << 20}


@contextmanager
def kept() -> Iterator[None]:
    """Keep what is freed within the block, and give it back at its end; without glibc nothing changes."""
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    _set(_KEEPING)
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        _set(_USUAL)
        if (libc := _libc()) is not None:
            libc.malloc_trim(0)


def _set(values: dict[int, int]) -> None:
    if (libc := _libc()) is not None:
        for parameter, value in values.items():
            libc.mallopt(parameter, value)


@cache
def _libc() -> Any:  # noqa: ANN401 - what ctypes loads has no type
    """The C library, where it is glibc; else None."""
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
