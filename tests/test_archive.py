"""The archive keeps exactly the bytes it was given, once, and notices when they change."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from audit_nb.archive import Archive, Block, EvidenceError, lock, open_decompressed
from audit_nb.compressed import Unreadable
from audit_nb.errors import AuditNbError

ONE = b"type=EOE msg=audit(1767225610.100:14): \n"
TWO = b"type=EOE msg=audit(1767225610.200:15): \n"
THREE = b"type=EOE msg=audit(1767225610.300:16): \n"


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "data")


def append(archive, data, **more):
    return archive.append("web01", data, path="/var/log/audit/audit.log", via="sftp", **more)


def test_what_was_appended_is_read_back(archive):
    """A segment gives back its bytes, and its row says where they came from."""
    segment = append(archive, ONE + TWO, host_key="SHA256:abc")
    assert archive.hosts() == ["web01"]
    assert archive.segments("web01") == [segment]
    assert archive.read(segment) == ONE + TWO
    assert (segment.number, segment.source, segment.offset, segment.length) == (1, 1, 0, len(ONE + TWO))
    assert segment.sha256 == hashlib.sha256(ONE + TWO).hexdigest()
    assert (segment.path, segment.via, segment.host_key) == ("/var/log/audit/audit.log", "sftp", "SHA256:abc")
    assert segment.fetched_at.utcoffset().total_seconds() == 0


def test_a_second_archive_object_sees_what_the_first_wrote(archive, tmp_path):
    """The manifest on disk is the only state."""
    reader = Archive(tmp_path / "data")
    append(archive, ONE)
    assert len(reader.segments("web01")) == 1
    append(archive, TWO, source=1, offset=len(ONE))
    assert reader.segments("web01") == archive.segments("web01")
    assert b"".join(reader.content("web01", 1)) == ONE + TWO


def test_blocks_that_are_written_together_are_as_if_one_after_the_other(tmp_path):
    """Their rows and files are the same, whether they were synced once or three times."""
    together, apart = Archive(tmp_path / "together"), Archive(tmp_path / "apart")
    at = datetime(2026, 1, 2, tzinfo=UTC)
    words = {"path": "audit.log", "via": "sftp", "fetched_at": at, "host_key": "SHA256:abc"}
    blocks = [ONE * 200, TWO * 200, THREE]
    offset = 0
    for number, block in enumerate(blocks):
        apart.append("web01", block, source=1 if number else None, offset=offset, unfinished=number == 2, **words)
        offset += len(block)
    made = together.append_blocks("web01", list(map(Block.of, blocks)), source=None, offset=0, unfinished=True, **words)
    assert made == together.segments("web01") == apart.segments("web01")
    assert [together.read(segment) for segment in made] == blocks
    assert together.lineages("web01") == apart.lineages("web01")


def test_what_a_killed_run_left_is_cleared_away(archive):
    """Files that were not finished hold nothing that is wanted; segments stay."""
    segment = append(archive, ONE)
    folder = archive.folder / "web01"
    (folder / ".aside-1-00000002.zst").write_bytes(b"half")
    (folder / ".packed-1").mkdir()
    (folder / ".packed-1" / "log").write_bytes(b"half")
    archive.clear_unfinished("web01")
    assert sorted(path.name for path in folder.iterdir()) == ["00000001.zst", "manifest.jsonl"]
    assert archive.read(segment) == ONE


def test_the_checkpoint_is_derived_from_the_manifest(archive):
    """How far a source is held, and by which digests it is known again, follows from its segments."""
    append(archive, ONE)
    append(archive, TWO, source=1, offset=len(ONE))
    append(archive, THREE)
    lineages = archive.lineages("web01")
    assert [(n, lineage.end) for n, lineage in lineages.items()] == [(1, len(ONE + TWO)), (3, len(THREE))]
    assert lineages[1].head.fits(ONE + TWO + b"more")
    assert lineages[1].line.fits(ONE)
    assert lineages[1].tail.fits(TWO)


def test_bytes_that_do_not_follow_are_refused(archive):
    """A hole or an overlap in a source cannot be written."""
    append(archive, ONE)
    for offset in (0, len(ONE) - 1, len(ONE) + 1):
        with pytest.raises(ValueError):
            append(archive, TWO, source=1, offset=offset)


def test_an_unfinished_line_is_replaced_when_it_has_grown(archive):
    """The last line of a file without a newline is kept, and once only when the rest of it comes."""
    append(archive, ONE)
    piece = append(archive, TWO[:10], source=1, offset=len(ONE), unfinished=True)
    assert archive.lineages("web01")[1].end == len(ONE)
    assert archive.lineages("web01")[1].held == len(ONE) + 10
    assert archive.segments("web01")[-1] == piece
    append(archive, TWO, source=1, offset=len(ONE))
    assert [segment.number for segment in archive.segments("web01")] == [1, 3]
    assert b"".join(archive.content("web01", 1)) == ONE + TWO


def test_a_source_may_share_its_beginning_with_another(archive):
    """Bytes that two files have in common are held once, and each file can be put together again."""
    append(archive, ONE + TWO)
    branch = append(archive, THREE, base=(1, len(ONE)), offset=len(ONE))
    assert b"".join(archive.content("web01", branch.source)) == ONE + THREE
    assert b"".join(archive.content("web01", branch.source, 3, len(ONE) + 5)) == (ONE + THREE)[3 : len(ONE) + 5]
    assert archive.lineages("web01")[branch.source].head.fits(ONE + THREE)


def test_a_row_cut_by_a_crash_is_ignored_and_its_orphan_replaced(archive, tmp_path):
    """Bytes without a whole row were never fetched; the next segment takes their number and their file."""
    append(archive, ONE)
    append(archive, TWO, source=1, offset=len(ONE))
    manifest = tmp_path / "data/archive/web01/manifest.jsonl"
    whole = manifest.read_bytes()
    second_row = whole.index(b"\n") + 1
    for cut in (*range(second_row, len(whole) - 1, 41), len(whole) - 2):
        manifest.write_bytes(whole[:cut])
        fresh = Archive(tmp_path / "data")
        assert [segment.number for segment in fresh.segments("web01")] == [1]
        again = append(fresh, THREE, source=1, offset=len(ONE))
        assert again.number == 2
        assert fresh.read(again) == THREE
        assert [segment.number for segment in Archive(tmp_path / "data").segments("web01")] == [1, 2]
        manifest.write_bytes(whole)


def test_changed_bytes_are_not_returned(archive, tmp_path):
    """A segment whose file was altered, exchanged, cut or deleted raises instead of returning other bytes."""
    segment = append(archive, ONE * 50)
    other = append(archive, TWO * 50)
    file = tmp_path / "data/archive/web01/00000001.zst"
    good = file.read_bytes()
    exchanged = (tmp_path / f"data/archive/web01/{other.number:08d}.zst").read_bytes()
    for bad in (exchanged, good[:-3], b"", good + b"x", bytes([good[0] ^ 1]) + good[1:]):
        file.write_bytes(bad)
        with pytest.raises(EvidenceError, match="00000001.zst"):
            archive.read(segment)
    file.unlink()
    with pytest.raises(EvidenceError, match="gone"):
        archive.read(segment)


def test_everything_is_private_whatever_the_umask(tmp_path):
    """Folders are 0700 and files 0600 under umask 000."""
    old = os.umask(0)
    try:
        archive = Archive(tmp_path / "data")
        append(archive, ONE)
        archive.add_facts("web01", {"users": {"0": "root"}})
        with lock(tmp_path / "data"):
            pass
    finally:
        os.umask(old)
    seen = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert len(seen) >= 6
    assert {mode for path, mode in seen.items() if (tmp_path / path).is_dir()} == {0o700}
    assert {mode for path, mode in seen.items() if (tmp_path / path).is_file()} == {0o600}


@pytest.mark.parametrize("name", ["", ".", "..", "../web01", "a/b", ".hidden", "-x", "a\n", "web 01", "w" * 61])
def test_a_name_that_could_leave_the_archive_is_refused(archive, name):
    """A host names a folder, so its name is checked before anything is written."""
    with pytest.raises(AuditNbError, match="cannot name a host"):
        archive.append(name, ONE, path="x", via="import")


def test_id_maps_are_what_was_learnt_last(archive):
    """A later collection of passwd takes the place of an earlier one; without any the maps are empty."""
    assert archive.id_map("web01") == ({}, {})
    archive.add_facts("web01", {"users": {"0": "root", "1000": "kim"}, "groups": {"0": "root"}})
    archive.add_facts("web01", {"users": {"0": "root", "1000": "lee"}})
    assert archive.id_map("web01") == ({0: "root", 1000: "lee"}, {0: "root"})


def test_the_lock_is_held_by_one_process(tmp_path):
    """A second writer is told who holds the folder, and gets it after the first has ended."""
    code = "import sys; from audit_nb.archive import lock\nwith lock(sys.argv[1]): print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AuditNbError, match=f"process {holder.pid}"), lock(tmp_path):
            pass
        holder.communicate(b"\n")
    with lock(tmp_path):
        pass


def _zstd(data):
    import pyarrow as pa

    return pa.Codec("zstd").compress(data, asbytes=True)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress, bz2.compress, _zstd])
@pytest.mark.parametrize("members", [1, 3])
def test_compression_is_told_by_magic_bytes(tmp_path, compress, members):
    """Plain, gzip, xz, bz2 and zstd give the same bytes whatever the file's name says, in one member or in several."""
    path = tmp_path / "audit.log.gz"
    path.write_bytes(compress(ONE * 1000 + TWO) * members)
    with open_decompressed(path) as file:
        assert file.read() == (ONE * 1000 + TWO) * members


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress, _zstd])
def test_a_bomb_is_refused(tmp_path, compress):
    """A small file that unpacks to more than the limit raises a sentence with its name, and reading stops there."""
    path = tmp_path / "audit.log.1"
    path.write_bytes(compress(bytes(3_000_000)))
    with open_decompressed(path, limit=1_000_000) as file, pytest.raises(Unreadable, match=r"audit\.log\.1.*1,000,000"):
        while file.read(65536):
            pass


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress, _zstd])
def test_a_damaged_file_gives_what_stands_before_the_damage(tmp_path, compress):
    """A compressed file that was cut raises a sentence at the cut, after the bytes before it."""
    lines = b"".join(
        b"type=EOE msg=audit(17672256%02d.%03d:%d): \n" % (i % 60, i * 7 % 1000, i * i) for i in range(60_000)
    )
    whole = compress(lines)
    path = tmp_path / "audit.log.1"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    got = io.BytesIO()
    with open_decompressed(path) as file, pytest.raises(Unreadable, match="damaged"):
        while piece := file.read1(65536):
            got.write(piece)
    assert lines.startswith(got.getvalue())
    assert got.tell() > 0


def test_the_manifest_is_lines_of_json(archive, tmp_path):
    """Anyone can read the manifest without this package."""
    append(archive, ONE)
    rows = [json.loads(line) for line in (tmp_path / "data/archive/web01/manifest.jsonl").read_text().splitlines()]
    assert rows[0]["sha256"] == hashlib.sha256(ONE).hexdigest()
    assert rows[0]["kind"] == "segment"
