"""Memory that is freed while a store is made, or logs are fetched, is kept for what comes next.

Every part asks for some hundreds of megabytes, every block that is fetched for some. To give them back and to ask for
them anew costs a fault for each page: a tenth of the time.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

# mallopt(3): the numbers of its parameters, glibc's own values, and those that keep all. The largest pieces, too: those
# above 32 MB would be mapped however high the threshold, and a part of a log is larger.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_USUAL = {_TRIM_THRESHOLD: 128 << 10, _MMAP_MAX: 65536}
_KEEPING = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_MAX: 0}


@contextmanager
def kept(*, arrow: bool = True) -> Iterator[None]:
    """Keep what is freed within the block, by `arrow` too, and give it back at its end; only glibc can be told to."""
    _set(_KEEPING)
    try:
        with _asked_of_system() if arrow else nullcontext():
            yield
    finally:
        _set(_USUAL)
        if (libc := _libc()) is not None:
            libc.malloc_trim(0)


def share_heap() -> None:
    """Let threads of four processors have their memory from one place; for good, because glibc looks at this once.

    Each place keeps what the threads that used it once needed. Usual are eight for each processor: eight hosts at once
    then take 320 MB instead of 260.
    """
    _set({_ARENA_MAX: -(-len(os.sched_getaffinity(0)) // 4)})


@contextmanager
def _asked_of_system() -> Iterator[None]:
    """Arrow asks the C library for memory within the block."""
    import pyarrow as pa

    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)


def _set(values: dict[int, int]) -> None:
    if (libc := _libc()) is not None:
        for parameter, value in values.items():
            libc.mallopt(parameter, value)


@cache
def _libc() -> Any:  # noqa: ANN401 - what ctypes loads has no type
    """The C library, where it is glibc; else None."""
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
