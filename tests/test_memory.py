"""Memory is kept within a block, and the process is as it was behind it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from audit_nb import memory


def test_the_pool_of_before_comes_back_even_when_the_block_fails():
    """Arrow asks the system for memory within the block, and its usual pool behind it."""
    before = pa.default_memory_pool().backend_name
    with pytest.raises(ValueError, match="within"), memory.kept():
        assert pa.default_memory_pool().backend_name == "system"
        raise ValueError("within")
    assert pa.default_memory_pool().backend_name == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep what is freed")
def test_freed_memory_is_given_back_behind_the_block():
    """What a block freed is no more in use by the process when it has ended."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    with memory.kept():
        kept = [bytearray(b"x" * 1_000_000) for _ in range(100)]
        del kept
        within = resident()
    assert within - resident() > 50_000_000


TWELVE_THREADS = """
import ctypes, threading
from audit_nb import memory
memory.share_heap()
together = threading.Barrier(12)
def work():
    together.wait()
    bytearray(100_000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_four_threads_share_an_arena():
    """malloc_stats(3) prints a line for each; on two processors glibc would make up to sixteen."""
    ran = subprocess.run([sys.executable, "-c", TWELVE_THREADS], capture_output=True, text=True, check=True)
    assert ran.stderr.count("Arena ") == -(-len(os.sched_getaffinity(0)) // 4)
