"""Log files on a disk of ours: whatever stands in their way is told, and nothing of them is lost."""

import gzip
import lzma
import os
from pathlib import Path

import pyarrow as pa
import pytest

from audit_nb import collect
from audit_nb.archive import Archive
from audit_nb.errors import UsageError

LINE = "type=USER_START msg=audit(1795399200.{:03d}:{}): pid=1 uid=0 auid=1000 ses=3 msg='op=login res=success'\n"
LOG = "".join(LINE.format(number % 1000, number) for number in range(4000)).encode()
PACKERS = {"gz": gzip.compress, "xz": lzma.compress, "zst": lambda data: pa.compress(data, "zstd").to_pybytes()}


def kept(data: Path, host: str = "web01") -> bytes:
    archive = Archive(data)
    return b"".join(archive.read(segment) for segment in archive.segments(host))


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_that_is_cut_off_is_kept_as_far_as_it_goes_and_told(tmp_path, kind):
    """A copy that was interrupted: what can be unpacked stands in the archive, and the import is not called whole."""
    packed = PACKERS[kind](LOG)
    (tmp_path / f"audit.log.{kind}").write_bytes(packed[: len(packed) * 3 // 4])
    result = collect.import_paths([tmp_path / f"audit.log.{kind}"], "web01", tmp_path / "data")
    assert result.outcome == "partial"
    assert f"audit.log.{kind}: the" in result.reason and "data is damaged after" in result.reason
    found = kept(tmp_path / "data")
    assert LOG.startswith(found)
    assert found or kind == "zst", "of zstd a whole block is needed"


def test_an_empty_file_is_noted(tmp_path):
    (tmp_path / "audit.log").write_bytes(b"")
    result = collect.import_paths([tmp_path / "audit.log"], "web01", tmp_path / "data")
    assert (result.outcome, [(file["path"], file["outcome"]) for file in result.files]) == (
        "done",
        [(str(tmp_path / "audit.log"), "empty")],
    )


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "audit.log")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        collect.import_paths([tmp_path / "audit.log"], "web01", tmp_path / "data")
