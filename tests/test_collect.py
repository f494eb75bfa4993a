"""What is new on each host comes into the archive, whole and once, whatever happens to the files meanwhile."""

import contextlib
import gzip
import itertools
import json
import lzma
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from audit_nb import blocks, collect, fetches, lineage, ssh
from audit_nb.archive import Archive
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.inventory import Inventory
from audit_nb.ssh import Packing, PackingFailed, Sftp, connect

SEED = int(os.environ.get("AUDIT_NB_SEED", random.SystemRandom().randrange(10**9)))


def lines(first, count, size=120):
    """`count` records with the serials from `first` on, each different."""
    return b"".join(
        b"type=SYSCALL msg=audit(17672256%02d.%03d:%d): %s\n"
        % (n // 1000 % 60, n % 1000, n, b"x" * (size - 50 + n % 7))
        for n in range(first, first + count)
    )


def noisy_lines(first, count, seed=1):
    """Lines that hardly shrink when they are compressed."""
    rng = random.Random(seed)
    return b"".join(
        b"type=SYSCALL msg=audit(17672256%02d.%03d:%d): %s\n"
        % (n // 1000 % 60, n % 1000, n, rng.randbytes(150).hex().encode())
        for n in range(first, first + count)
    )


@pytest.fixture
def fetch(tmp_path):
    """Fetch hosts into the test's data folder."""

    def run(*hosts, **options):
        results = collect.fetch(Inventory(path="hosts.yaml", hosts=hosts), tmp_path / "data", **options)
        print([result.reason for result in results])  # noqa: T201 - pytest shows it when the test fails
        return results

    return run


@pytest.fixture
def held(tmp_path):
    """The bytes of each source that is held of a host, in the order of their beginning."""

    def read(host="web01"):
        archive = Archive(tmp_path / "data")
        sources = dict.fromkeys(segment.source for segment in archive.all_segments(host))
        return [b"".join(archive.content(host, source)) for source in sources]

    return read


def stored_lines(tmp_path, host="web01"):
    """Every line in the archive as often as it is stored."""
    archive = Archive(tmp_path / "data")
    return Counter(b"".join(archive.read(segment) for segment in archive.segments(host)).split(b"\n")[:-1])


# --- what comes ------------------------------------------------------------------------------------------------------


def test_a_first_fetch_brings_every_file(sshd, fetch, held):
    """The live file and the rotated ones, oldest first, byte for byte."""
    server = sshd()
    server.log.with_name("audit.log.2").write_bytes(lines(0, 300))
    server.log.with_name("audit.log.1").write_bytes(lines(300, 300))
    server.log.write_bytes(lines(600, 100))
    server.log.with_name("other.log").write_bytes(b"not ours\n")
    (result,) = fetch(server.host())
    assert (result.outcome, result.reason, result.new_segments) == ("done", None, 3)
    assert result.new_bytes == len(lines(0, 700))
    assert result.wire_bytes > result.new_bytes
    assert held() == [lines(0, 300), lines(300, 300), lines(600, 100)]
    assert [(row["path"].rpartition("/")[2], row["outcome"]) for row in result.files] == [
        ("audit.log.2", "new"),
        ("audit.log.1", "new"),
        ("audit.log", "new"),
    ]


def test_a_second_fetch_brings_nothing(sshd, fetch, held):
    """What is held is recognised; the row says so."""
    server = sshd()
    server.log.write_bytes(lines(0, 50_000))
    server.log.with_name("audit.log.1").write_bytes(lines(90_000, 100))
    fetch(server.host())
    before = held()
    (result,) = fetch(server.host())
    assert (result.outcome, result.new_bytes, result.new_segments) == ("done", 0, 0)
    assert result.wire_bytes < 100_000
    assert {row["outcome"] for row in result.files} == {"held"}
    assert held() == before


def test_only_what_was_added_comes(sshd, fetch, held):
    """Growth continues the source; the bytes before it do not travel again."""
    server = sshd()
    server.log.write_bytes(lines(0, 20_000))
    fetch(server.host())
    with server.log.open("ab") as log:
        log.write(lines(20_000, 10))
    (result,) = fetch(server.host())
    assert result.new_bytes == len(lines(20_000, 10))
    assert result.wire_bytes < 50_000
    assert held() == [lines(0, 20_010)]


@pytest.mark.parametrize("size", [0, 1, 40, 4095, 4096, 4097, 10_000])
def test_a_line_that_is_being_written_waits(sshd, fetch, held, size):
    """Only whole lines are taken of the live file; the rest comes with the rest of the line."""
    server = sshd()
    whole = lines(0, size // 120)
    server.log.write_bytes(whole + b"type=SYS")
    (result,) = fetch(server.host())
    assert held() == ([whole] if whole else [])
    assert "8 bytes held back" in result.files[0]["note"]
    with server.log.open("ab") as log:
        log.write(b"CALL msg=audit(1.000:1): \n")
    fetch(server.host())
    assert held() == [whole + b"type=SYSCALL msg=audit(1.000:1): \n"]


def test_the_unfinished_last_line_of_a_rotated_file_is_kept(sshd, fetch, held, tmp_path):
    """auditd was killed in the middle of a line: that line will never be whole, and is shown as it is."""
    server = sshd()
    old = server.log.with_name("audit.log.1")
    old.write_bytes(lines(0, 10) + b"type=SYS")
    os.utime(old, (1, 1))
    server.log.write_bytes(lines(10, 10))
    fetch(server.host())
    assert held() == [lines(0, 10) + b"type=SYS", lines(10, 10)]
    assert [segment.whole for segment in Archive(tmp_path / "data").segments("web01")] == [True, False, True]
    assert fetch(server.host())[0].new_bytes == 0


def test_segments_are_whole_lines_of_a_bounded_size(sshd, fetch, tmp_path, monkeypatch):
    """A big file becomes several segments, each ending in a newline; a line without end is cut."""
    monkeypatch.setattr(blocks.blocks_of_lines, "__defaults__", (300_000,))
    server = sshd()
    content = lines(0, 20_000) + b"y" * 900_000 + b"\n" + lines(20_000, 10)
    server.log.write_bytes(content)
    fetch(server.host(compress=False))
    archive = Archive(tmp_path / "data")
    segments = archive.segments("web01")
    assert len(segments) >= 6
    assert b"".join(archive.read(segment) for segment in segments) == content
    assert all(segment.length < 600_000 for segment in segments)
    overlong = [archive.read(segment) for segment in segments if not archive.read(segment).endswith(b"\n")]
    assert overlong
    assert all(piece.endswith(b"y") for piece in overlong)


@pytest.mark.parametrize("packed", ["gzip", "xz", "zstd"])
def test_compressed_rotated_files_are_followed(sshd, fetch, held, packed):
    """logrotate compressed a file that is held already, one that is not, and one in part: nothing comes twice."""
    import pyarrow as pa

    compress = {
        "gzip": gzip.compress,
        "xz": lzma.compress,
        "zstd": lambda d: pa.Codec("zstd").compress(d, asbytes=True),
    }
    server = sshd()
    server.log.write_bytes(lines(0, 3000))
    fetch(server.host())
    server.log.with_name("audit.log.3.gz").write_bytes(compress[packed](lines(90_000, 3000)))
    server.log.with_name("audit.log.2.gz").write_bytes(compress[packed](lines(0, 4000)))
    server.log.write_bytes(lines(4000, 10))
    (result,) = fetch(server.host())
    assert result.outcome == "done"
    assert sorted(held()) == sorted([lines(0, 4000), lines(90_000, 3000), lines(4000, 10)])
    (again,) = fetch(server.host())
    assert again.new_bytes == 0
    assert again.wire_bytes < 60_000
    assert {row["outcome"] for row in again.files} == {"held"}


def test_a_bomb_on_the_host_is_refused_once_and_the_rest_comes(sshd, fetch, held, monkeypatch):
    """A compressed file that unpacks to too much is a row of its own."""
    from audit_nb import disk

    monkeypatch.setattr(disk.PackedFile.__init__, "__kwdefaults__", {"limit": 1_000_000})
    server = sshd()
    server.log.write_bytes(lines(0, 10))
    server.log.with_name("audit.log.1.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    (result,) = fetch(server.host())
    assert result.outcome == "partial"
    assert "audit.log.1.gz: unpacks to more than 1,000,000 bytes" in result.reason
    assert held() == [lines(0, 10)]


# --- compressed on the way -------------------------------------------------------------------------------------------


def vias(tmp_path):
    """How the segments of web01 came."""
    return [segment.via for segment in Archive(tmp_path / "data").segments("web01")]


@pytest.fixture
def tools(tmp_path):
    """The setting of a server whose commands find a few programs only, and those of these scripts."""

    def only(**scripts):
        folder = tmp_path / "tools"
        folder.mkdir()
        for tool in ("sh", "tail", "head", "nice", "sleep"):
            (folder / tool).symlink_to(shutil.which(tool))
        for tool, script in scripts.items():
            (folder / tool).write_text(script)
            (folder / tool).chmod(0o755)
        return f"SetEnv PATH={folder}"

    return only


@pytest.mark.parametrize("tool", ["pzstd", "zstd"])
def test_a_big_piece_travels_compressed(sshd, fetch, held, tmp_path, needs, tools, tool):
    """A fraction of the bytes is on the wire; what follows in small pieces comes plainly."""
    server = sshd(tools(**{tool: f'#!/bin/sh\nexec {needs(tool)} "$@"\n'}))
    server.log.write_bytes(lines(0, 50_000))
    (result,) = fetch(server.host())
    assert (result.outcome, result.new_bytes) == ("done", len(lines(0, 50_000)))
    assert result.wire_bytes < result.new_bytes // 5
    assert set(vias(tmp_path)) == {"sftp, compressed by zstd"}
    with server.log.open("ab") as log:
        log.write(lines(50_000, 100))
    fetch(server.host())
    assert vias(tmp_path)[-1] == "sftp"
    with server.log.open("ab") as log:
        log.write(lines(50_100, 30_000) + b"type=SYS")
    (result,) = fetch(server.host())
    assert result.wire_bytes < result.new_bytes // 5
    assert "8 bytes held back" in result.files[0]["note"]
    assert held() == [lines(0, 80_100)]


ONE_FETCH = """
import sys
from audit_nb import collect, inventory
(result,) = collect.fetch(inventory.load(sys.argv[1]), sys.argv[2])
print(result.outcome, *sorted({"pyarrow", "numpy"} & set(sys.modules)))
"""


def test_a_fetch_does_without_arrow(sshd, tmp_path, needs):
    """To load it takes longer than a fetch with nothing new."""
    needs("pzstd")
    server = sshd()
    server.log.write_bytes(lines(0, 50_000))
    hosts = write_inventory(tmp_path / "hosts.yaml", server)
    command = [sys.executable, "-c", ONE_FETCH, hosts, tmp_path / "data"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["done"]
    assert set(vias(tmp_path)) == {"sftp, compressed by zstd"}


def test_the_frames_of_a_host_are_kept_as_they_came(sshd, fetch, tmp_path, needs):
    """pzstd's frames are not made again, wherever lines end; zstd reads the segments, which begin behind `skip`."""
    server = sshd()
    server.log.write_bytes(lines(0, 200_000))
    came = subprocess.run(
        [needs("pzstd"), "-q", "-c", "-1", "-p", "1", "--no-check", server.log], capture_output=True, check=True
    ).stdout
    fetch(server.host())
    archive = Archive(tmp_path / "data")
    segments = archive.segments("web01")
    assert [segment.skip > 0 for segment in segments] == [False, True, True, True, True, True]
    for segment in segments:
        stored = (tmp_path / f"data/archive/web01/{segment.number:08}.zst").read_bytes()
        plain = subprocess.run([needs("zstd"), "-d", "-c"], input=stored, capture_output=True, check=True).stdout
        assert plain[segment.skip :] == archive.read(segment)
        first_frame = stored[: stored.index(b"\x28\xb5\x2f\xfd", 4)]
        assert first_frame in came


def python(script):
    """An executable script."""
    return f"#!{sys.executable}\nimport os, struct, subprocess, sys\nimport pyarrow as pa\n{script}\n"


FRAME = """
def frame(plain, more=b""):
    packed = pa.Codec("zstd").compress(plain, asbytes=True) + more
    sys.stdout.buffer.write(struct.pack("<III", 0x184D2A50, 4, len(packed)) + packed)
content = open(sys.argv[-1], "rb").read()
"""


@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param({}, id="none"),
        pytest.param({"zstd": "#!/bin/sh\necho hello\n"}, id="talks"),
        pytest.param({"zstd": "#!/bin/sh\nexit 1\n"}, id="fails"),
        pytest.param({"zstd": '#!/bin/sh\nhead -c 5000 "$5" | /usr/bin/zstd -c\n'}, id="a part"),
        pytest.param({"zstd": "#!/bin/sh\n/usr/bin/zstd -c\n"}, id="of its input"),
        pytest.param({"zstd": "#!/bin/sh\nsleep 10\n"}, id="hangs"),
        pytest.param({"pzstd": '#!/bin/sh\n/usr/bin/pzstd "$@" | head -c 9000\n'}, id="ends within a frame"),
        pytest.param({"pzstd": python(FRAME + "frame(bytes(1 << 26))")}, id="a bomb"),
        pytest.param({"pzstd": python(FRAME + "frame(content, bytes(8))")}, id="something behind a frame"),
        pytest.param(
            {
                "pzstd": python(
                    FRAME + 'frame(content[:100_000], struct.pack("<II", 0x184D2A50, 1 << 20) + bytes(1 << 20))'
                )
            },
            id="a frame with padding",
        ),
        pytest.param({"pzstd": python(FRAME + "frame(content[:4096]); frame(content[4097:])")}, id="a hole"),
        pytest.param(
            {
                "pzstd": python(
                    FRAME + "sys.stdout.buffer.write(struct.pack('<III', 0x184D2A50, 4, 1 << 31)); frame(content)"
                )
            },
            id="a frame without end",
        ),
    ],
)
def test_a_host_that_does_not_compress_is_read_plainly(sshd, fetch, held, tmp_path, tools, scripts):
    """No tool, one that fails, says something else, sends too little, too much or nothing: the log comes all the same."""
    server = sshd(tools(**scripts))
    server.log.write_bytes(lines(0, 50_000))
    (result,) = fetch(server.host(timeout_s=2 if "sleep" in str(scripts) else 30))
    assert (result.outcome, result.reason) == ("done", None)
    assert held() == [lines(0, 50_000)]
    assert vias(tmp_path)[-1] == "sftp"


def test_the_files_of_a_host_are_compressed_by_one_command(sshd, fetch, held, tmp_path, needs):
    """Thirty files that are small each come through one session, in order; the smallest come plainly beside them."""
    needs("zstd")
    server = sshd()
    for number in range(30, 0, -1):
        server.log.with_name(f"audit.log.{number}").write_bytes(lines(100_000 * number, 3000))
    server.log.write_bytes(lines(0, 100))
    (result,) = fetch(server.host())
    assert (result.outcome, result.reason) == ("done", None)
    assert held() == [lines(100_000 * number, 3000) for number in range(30, 0, -1)] + [lines(0, 100)]
    assert vias(tmp_path) == ["sftp, compressed by zstd"] * 30 + ["sftp"]
    assert (server.folder / "log").read_text().count("Starting session: command") == 1
    (result,) = fetch(server.host())
    assert (result.new_bytes, (server.folder / "log").read_text().count("Starting session: command")) == (0, 1)


def test_a_rotation_while_the_host_compresses_loses_and_doubles_nothing(sshd, fetch, held, tmp_path, needs, tools):
    """The names move before the second file is compressed: what comes under its name is another file, and is left."""
    rotate_once = """
log = sys.argv[-1][:-2]
if sys.argv[-1].endswith(".2") and not os.path.exists(log + ".4"):
    for number in (3, 2, 1):
        os.rename(f"{log}.{number}", f"{log}.{number + 1}")
    os.rename(log, log + ".1")
    open(log, "w").close()
"""
    server = sshd(tools(pzstd=python(rotate_once + f"os.execv('{needs('pzstd')}', sys.argv)")))
    for number in (3, 2, 1):
        server.log.with_name(f"audit.log.{number}").write_bytes(lines(100_000 * number, 30_000))
    server.log.write_bytes(lines(0, 30_000))
    (result,) = fetch(server.host())
    assert (result.outcome, result.reason) == ("done", None)
    assert server.log.with_name("audit.log.4").exists()
    assert held() == [lines(100_000 * number, 30_000) for number in (3, 2, 1, 0)]
    assert vias(tmp_path)[0] == "sftp, compressed by zstd"
    assert vias(tmp_path)[-1] == "sftp"


@pytest.mark.parametrize(("sessions", "packs"), [(1, False), (2, True)])
def test_a_host_that_allows_few_sessions_is_read_all_the_same(sshd, fetch, held, tmp_path, needs, sessions, packs):
    """With MaxSessions 1 nothing runs beside SFTP; with 2 a compressor does."""
    needs("zstd")
    server = sshd(f"MaxSessions {sessions}")
    for number, name in enumerate(("audit.log.2", "audit.log.1", "audit.log")):
        server.log.with_name(name).write_bytes(lines(100_000 * number, 30_000))
    (result,) = fetch(server.host(facts=True))
    assert (result.outcome, result.reason) == ("done", None)
    assert held() == [lines(100_000 * number, 30_000) for number in range(3)]
    assert {via == "sftp, compressed by zstd" for via in vias(tmp_path)} == {packs}


def test_nothing_is_run_on_a_host_where_the_inventory_forbids_it(sshd, fetch, held, tmp_path):
    """`compress: false` and `facts: false` leave SFTP alone."""
    server = sshd("ForceCommand internal-sftp")
    server.log.write_bytes(lines(0, 50_000))
    fetch(server.host(compress=False))
    assert set(vias(tmp_path)) == {"sftp"}
    assert "exec" not in (server.folder / "log").read_text()


def test_a_name_that_was_given_to_another_file_meanwhile_is_noticed(sshd, tmp_path):
    """The command names a file, and a rotation gives the name away: not a byte of the other file is taken for ours."""
    server = sshd()
    server.log.write_bytes(lines(0, 50_000))
    with connect(server.host()) as connection, Sftp(connection) as sftp, sftp.open(str(server.log)) as remote:
        rotate(server.log)
        server.log.write_bytes(lines(70_000, 50_000))
        with pytest.raises(PackingFailed, match="another file by now"):
            b"".join(Packing(connection, [(remote, 0)]).of(remote).stream(0, remote.size))
        server.log.write_bytes(lines(0, 200) + lines(70_000, 50_000))  # another one that begins like ours
        archive = Archive(tmp_path / "data")
        packed = Packing(connection, [(remote, 0)]).of(remote)
        place = lineage.recognise(archive, "web01", packed)
        kept = lineage.keep(archive, "web01", packed, place, lineage.Origin("sftp"), finished=False)
        assert kept.changed
        assert archive.hosts() == []


@pytest.mark.parametrize(("profile", "without"), [("minimal", None), ("full", None), ("full", "pzstd")])
def test_through_sudo_the_full_profile_compresses_whole_files(guest, fetch, held, tmp_path, profile, without, needs):
    """By pzstd, or zstd alone. What a profile does not allow is not tried again and again, and comes plainly."""
    needs("pzstd")
    allowed = (ROOT / "examples" / f"sudoers.{profile}").read_text().split("\n")
    server = guest("\n".join(line for line in allowed if without is None or without not in line))
    for number, name in enumerate(("audit.log.2", "audit.log.1", "audit.log")):
        server.log.with_name(name).write_bytes(lines(100_000 * number, 50_000))
        server.log.with_name(name).chmod(0o600)
    (result,) = fetch(server.host(sudo=True, log_path="/var/log/audit/audit.log"))
    assert (result.outcome, result.reason) == ("done", None)
    assert held() == [lines(100_000 * number, 50_000) for number in range(3)]
    expected = "sftp through sudo" + (", compressed by zstd" if profile == "full" else "")
    assert set(vias(tmp_path)) == {expected}
    in_frames = any(segment.skip for segment in Archive(tmp_path / "data").segments("web01"))
    assert in_frames is (profile == "full" and without is None)


# --- rotation, truncation, likeness ----------------------------------------------------------------------------------


def rotate(log, keep=5):
    """As auditd does: the oldest goes, each gets the next number, the live one becomes `.1`."""
    for number in range(keep, 0, -1):
        path = log.with_name(f"audit.log.{number}")
        if path.exists():
            path.unlink() if number == keep else path.rename(log.with_name(f"audit.log.{number + 1}"))
    log.rename(log.with_name("audit.log.1"))
    log.write_bytes(b"")


def test_a_rotation_between_two_fetches_loses_and_doubles_nothing(sshd, fetch, held):
    """The file that grew and was renamed goes on where it was; its new name does not matter."""
    server = sshd()
    server.log.write_bytes(lines(0, 100))
    fetch(server.host())
    with server.log.open("ab") as log:
        log.write(lines(100, 50))
    rotate(server.log)
    server.log.write_bytes(lines(150, 20))
    (result,) = fetch(server.host())
    assert (result.outcome, result.new_bytes) == ("done", len(lines(100, 70)))
    assert held() == [lines(0, 150), lines(150, 20)]
    rotate(server.log)
    rotate(server.log)
    (result,) = fetch(server.host())
    assert (result.outcome, result.new_bytes) == ("done", 0)


def test_files_that_were_deleted_before_we_came_are_a_gap_in_time(sshd, fetch):
    """From the last record that is held to the first one the host still has."""
    server = sshd()
    server.log.write_bytes(lines(0, 100))
    fetch(server.host())
    server.log.unlink()
    server.log.write_bytes(lines(5000, 100))
    (result,) = fetch(server.host())
    assert result.outcome == "partial"
    assert result.gaps == ({"since": "2026-01-01T00:00:00.099+00:00", "until": "2026-01-01T00:00:05.000+00:00"},)
    assert "nothing any more of 2026-01-01T00:00:00.099+00:00 to" in result.reason
    assert fetch(server.host())[0].gaps == ()


def test_a_file_that_was_fetched_to_its_end_and_deleted_leaves_no_gap(sshd, fetch):
    """The next serial goes on: nothing is missing."""
    server = sshd()
    server.log.write_bytes(lines(0, 100))
    fetch(server.host())
    server.log.write_bytes(lines(100, 100))
    assert fetch(server.host())[0].gaps == ()


@pytest.mark.parametrize("cut", [0, 1, 119, 4096, 60_000, 117_000])
def test_a_truncated_file_is_followed(sshd, fetch, held, tmp_path, cut):
    """Cut anywhere and written on: what is held stays, what is new comes, and no line is stored twice."""
    server = sshd()
    content = lines(0, 1000)
    server.log.write_bytes(content)
    fetch(server.host())
    now = content[:cut] + b"\n" * (cut > 0) + lines(2000, 300)
    server.log.write_bytes(now)
    (result,) = fetch(server.host())
    assert held() == [content, now]
    whole_lines = content[:cut].rfind(b"\n") + 1
    assert result.new_bytes == len(now) - whole_lines
    assert fetch(server.host())[0].new_bytes == 0
    with server.log.open("ab") as log:
        log.write(lines(3000, 5))
    assert fetch(server.host())[0].new_bytes == len(lines(3000, 5))
    assert held() == [content, now + lines(3000, 5)]


def test_a_file_that_became_shorter_and_did_not_grow_brings_nothing(sshd, fetch, held):
    """The beginning of what is held is recognised as such."""
    server = sshd()
    server.log.write_bytes(lines(0, 1000))
    fetch(server.host())
    os.truncate(server.log, 30_000)
    (result,) = fetch(server.host())
    assert result.new_bytes == 0
    assert held() == [lines(0, 1000)]


@pytest.mark.parametrize("alike", [1, 30, 100, 5000])
def test_two_files_with_the_same_beginning_are_two_files(sshd, fetch, tmp_path, alike):
    """Both can be put together again, before and after a rotation, and the lines they share are held once."""
    server = sshd()
    one, two = lines(0, alike) + lines(10_000, 200), lines(0, alike) + lines(20_000, 300)
    server.log.with_name("audit.log.1").write_bytes(one)
    server.log.write_bytes(two)
    fetch(server.host())
    archive = Archive(tmp_path / "data")
    contents = [b"".join(archive.content("web01", source)) for source in archive.lineages("web01")]
    assert contents == [one, two]
    rotate(server.log)
    server.log.write_bytes(lines(0, alike) + lines(30_000, 5))
    (result,) = fetch(server.host())
    assert result.new_bytes == len(lines(30_000, 5))
    assert set(stored_lines(tmp_path).values()) == {1}


def test_a_file_held_by_a_short_beginning_may_go_on_in_two_ways(sshd, fetch, held):
    """Of two files that both begin with all that is held, each comes whole."""
    server = sshd()
    server.log.write_bytes(lines(0, 1))
    fetch(server.host())
    rotate(server.log)
    server.log.with_name("audit.log.1").write_bytes(lines(0, 1) + lines(100, 40))
    server.log.write_bytes(lines(0, 1) + lines(200, 30))
    fetch(server.host())
    assert sorted(held()) == sorted([lines(0, 1) + lines(100, 40), lines(0, 1) + lines(200, 30)])
    assert fetch(server.host())[0].new_bytes == 0


WRITER = """
import sys, time
from pathlib import Path
log, count, per_file, rest = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
files = number = 0
while files < count:
    with log.open("wb", buffering=0) as file:
        for _ in range(per_file // 50):
            numbers = range(number, number + 50)
            file.write(b"".join(b"type=SYSCALL msg=audit(%d.%03d:%d): %070d\\n" % (n // 1000, n % 1000, n, n) for n in numbers))
            number += 50
    files += 1
    for old in range(files - 1, 0, -1):
        log.with_name(f"audit.log.{old}").rename(log.with_name(f"audit.log.{old + 1}"))
    log.rename(log.with_name("audit.log.1"))
    time.sleep(rest)
log.touch()
"""


@pytest.mark.parametrize(("files", "per_file", "rest_s"), [(100, 100, 0.01), (100, 1000, 0.0), (12, 20_000, 0.0)])
def test_rotation_under_a_writer_at_full_speed_loses_and_doubles_nothing(
    sshd, fetch, tmp_path, files, per_file, rest_s
):
    """However the rotations fall into the fetches, at the end every line is held once."""
    server = sshd()
    server.log.write_bytes(b"")
    command = [sys.executable, "-c", WRITER, server.log, str(files), str(per_file), str(rest_s)]
    during = 0
    with subprocess.Popen(command) as writer:
        while writer.poll() is None:
            before = set(server.log.parent.iterdir())
            (result,) = fetch(server.host())
            assert result.outcome == "done", result.reason
            during += set(server.log.parent.iterdir()) > before
    assert during, "no file was rotated during a fetch: the case was not tried"
    fetch(server.host())
    written = b"".join(path.read_bytes() for path in server.log.parent.iterdir())
    assert stored_lines(tmp_path) == Counter(written.split(b"\n")[:-1])


TOLD_WRITER = """
import os, sys, time
from pathlib import Path
log, per_file = Path(sys.argv[1]), int(sys.argv[2])
os.set_blocking(0, False)
files = number = 0
while True:
    with log.open("wb", buffering=0) as file:
        end = number + per_file
        while (told := sys.stdin.buffer.raw.read(1)) is None:
            if number == end:
                time.sleep(0.001)
                continue
            numbers = range(number, number + 50)
            file.write(b"".join(b"type=SYSCALL msg=audit(%d.%03d:%d): %070d\\n" % (n // 1000, n % 1000, n, n) for n in numbers))
            number += 50
    if not told:
        break
    files += 1
    for old in range(files - 1, 0, -1):
        log.with_name(f"audit.log.{old}").rename(log.with_name(f"audit.log.{old + 1}"))
    log.rename(log.with_name("audit.log.1"))
    print(files, flush=True)
"""


def test_a_rotation_at_any_byte_of_a_fetch_loses_and_doubles_nothing(sshd, fetch, tmp_path, monkeypatch):
    """Twenty fetches, in each a rotation after another number of bytes, while a writer goes on at full speed."""
    print("seed", SEED)  # noqa: T201 - pytest shows it when the test fails
    rng = random.Random(SEED)
    monkeypatch.setattr(ssh.sftp, "REQUEST", 8192)
    server = sshd()
    reached = 0
    command = [sys.executable, "-c", TOLD_WRITER, server.log, "20000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        for attempt in range(1, 21):
            while not server.log.exists() or server.log.stat().st_size < 500_000:
                time.sleep(0.001)
            at, rotated = rng.randrange(1, 500_000), []

            def rotate_there(step, at=at, rotated=rotated):
                if step.text is None and step.done >= at and not rotated:
                    writer.stdin.write(b"r")
                    writer.stdin.flush()
                    rotated.append(int(writer.stdout.readline()))

            (result,) = fetch(server.host(compress=False), tell=rotate_there)
            assert result.outcome == "done", result.reason
            reached += rotated == [attempt]
    assert reached == 20
    fetch(server.host())
    written = b"".join(path.read_bytes() for path in server.log.parent.iterdir())
    assert stored_lines(tmp_path) == Counter(written.split(b"\n")[:-1])


def test_truncation_during_a_fetch_stores_no_mixture(sshd, fetch, tmp_path, monkeypatch):
    """A file that is truncated and written anew while it is read: no line is stored that no file had."""
    print("seed", SEED)  # noqa: T201 - pytest shows it when the test fails
    rng = random.Random(SEED)
    server = sshd()
    reached = 0
    known = set()
    for attempt in range(20):
        old, new = lines(attempt * 100_000, 9000), lines(attempt * 100_000 + 50_000, rng.randrange(1, 9000))
        known |= set(old.split(b"\n")) | set(new.split(b"\n"))
        server.log.write_bytes(old)
        at, seen = rng.randrange(len(old)), [0]

        def cut(step, at=at, seen=seen, new=new):
            if step.text is None and seen[0] < at <= step.done:
                server.log.write_bytes(new)
                seen.append(True)
            seen[0] = step.done

        (result,) = fetch(server.host(), tell=cut)
        reached += len(seen) > 1
        assert result.outcome in ("done", "partial")
        stored = stored_lines(tmp_path)
        assert set(stored) <= known
        assert set(stored.values()) == {1}
        assert set(new.split(b"\n")[:-1]) <= set(stored)
    assert reached == 20


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_missing_log_is_told(sshd, fetch, tmp_path):
    """The path and what to check are named; the attempt is recorded."""
    (result,) = fetch(sshd().host())
    assert result.outcome == "failed"
    assert "there is no" in result.reason
    assert "audit.log on the host; check log_path" in result.reason
    assert fetches.read(tmp_path / "data") == [result]


def test_an_empty_log_is_no_failure(sshd, fetch, tmp_path):
    """There is nothing to take, and nothing is."""
    server = sshd()
    server.log.write_bytes(b"")
    (result,) = fetch(server.host())
    assert (result.outcome, result.new_bytes, result.files[0]["outcome"]) == ("done", 0, "empty")
    assert Archive(tmp_path / "data").hosts() == []


def test_an_unreadable_log_is_told(guest, fetch):
    """The account and both ways to let it read are named."""
    server = guest()
    server.log.write_bytes(lines(0, 10))
    (result,) = fetch(server.host())
    assert result.outcome == "failed"
    assert f"{server.log} may not be read by auditor on the host" in result.reason
    assert "log_group" in result.reason
    assert "sudo: true" in result.reason


def test_a_readable_part_comes_and_the_rest_is_told(guest, fetch, held):
    """One file that is forbidden does not keep the others away."""
    server = guest()
    server.log.parent.chmod(0o755)
    server.log.write_bytes(lines(10, 10))
    server.log.with_name("audit.log.1").write_bytes(lines(0, 10))
    server.log.with_name("audit.log.1").chmod(0o600)
    (result,) = fetch(server.host())
    assert result.outcome == "partial"
    assert "audit.log.1 may not be read by auditor" in result.reason
    assert held() == [lines(10, 10)]


def test_the_files_of_a_folder_that_cannot_be_listed_are_found_by_name(guest, fetch, held):
    """A login may read the files and not list the folder: `.1`, `.2` … are tried."""
    server = guest()
    for number, path in enumerate(("audit.log.2", "audit.log.1", "audit.log")):
        server.log.with_name(path).write_bytes(lines(10 * number, 10))
    server.log.parent.chmod(0o711)
    (result,) = fetch(server.host())
    assert result.outcome == "done"
    assert held() == [lines(0, 10), lines(10, 10), lines(20, 10)]


ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("profile", ["minimal", "full"])
def test_the_published_sudoers_profiles_let_root_files_be_read(guest, fetch, held, profile):
    """The account may start the read-only SFTP server as root, and nothing else that is tried here."""
    server = guest((ROOT / "examples" / f"sudoers.{profile}").read_text())
    server.log.write_bytes(lines(0, 10))
    server.log.chmod(0o600)
    (result,) = fetch(server.host(sudo=True))
    assert (result.outcome, result.reason) == ("done", None)
    assert held() == [lines(0, 10)]
    with connect(server.host()) as connection:
        for command in ("cat /etc/shadow", "/usr/lib/openssh/sftp-server", "zstd -q -c -1 -- /etc/shadow", "sh"):
            assert connection.run(f"sudo -n {command} </dev/null").status == 1


def test_the_sftp_server_of_sudo_changes_nothing(guest):
    """-R makes it read-only, whatever is asked of it."""
    import paramiko

    server = guest((ROOT / "examples" / "sudoers.minimal").read_text())
    server.log.write_bytes(lines(0, 10))
    with connect(server.host(sudo=True)) as connection, Sftp(connection) as sftp:
        client = sftp._client
        attempts = [
            lambda: client.open(str(server.log), "w"),
            lambda: client.open(str(server.folder / "new"), "w"),
            lambda: client.remove(str(server.log)),
            lambda: client.rename(str(server.log), str(server.log) + "x"),
            lambda: client.chmod(str(server.log), 0o777),
            lambda: client.mkdir(str(server.folder / "new")),
            lambda: client.symlink("/etc", str(server.folder / "new")),
        ]
        for attempt in attempts:
            with pytest.raises((OSError, paramiko.SSHException)):
                attempt()
    assert server.log.read_bytes() == lines(0, 10)
    assert not (server.folder / "new").exists()


def test_without_the_profile_sudo_is_told_in_its_own_words(guest, fetch):
    """The sentence repeats what sudo said and names the profile."""
    (result,) = fetch(guest().host(sudo=True))
    assert result.outcome == "failed"
    assert "sudo: a password is required, exit status 1" in result.reason
    assert "examples/sudoers.minimal" in result.reason


def test_one_host_failing_does_not_stop_the_others(sshd, fetch, tmp_path):
    """Each host is a row, in the inventory's order; the newest row of a host is its state."""
    good, empty = sshd(), sshd()
    good.log.write_bytes(lines(0, 10))
    unknown = good.host(name="stranger", known_hosts=empty.folder / "none")
    results = fetch(unknown, good.host(), empty.host(name="empty"), good.host(name="away", port=1))
    assert [(result.host, result.outcome) for result in results] == [
        ("stranger", "failed"),
        ("web01", "done"),
        ("empty", "failed"),
        ("away", "failed"),
    ]
    assert {row.host: row for row in fetches.read(tmp_path / "data")} == {result.host: result for result in results}
    assert all(result.reason.startswith(f"{result.host}: ") for result in results if result.reason)


def test_how_we_came_in_is_recorded(sshd, fetch):
    """Account, key, address and port: by them our own events can be told from others."""
    server = sshd()
    server.log.write_bytes(lines(0, 10))
    (result,) = fetch(server.host())
    log = (server.folder / "log").read_text()
    assert f"Accepted publickey for {server.user} from 127.0.0.1 port {result.session['port']}" in log
    assert result.session["key"] in log
    assert result.session["account"] == server.user
    assert result.session["address"] == "127.0.0.1"


def test_what_may_pass_is_tried_again(sshd, fetch, monkeypatch):
    """A host that comes up meanwhile is fetched; one with a wrong key is not asked twice."""
    server = sshd()
    server.log.write_bytes(lines(0, 10))
    server.stop()
    threading.Timer(0.5, server.start).start()
    (result,) = fetch(server.host(retries=5))
    assert result.outcome == "done"
    server.keygen(server.folder / "stranger")
    before = server.login_attempts()
    (result,) = fetch(server.host(retries=5, key_file=server.folder / "stranger"))
    assert result.outcome == "failed"
    assert server.login_attempts() == before + 1


class Cutter(threading.Thread):
    """A loopback port that leads to another one and cuts (stalls, slows) each connection after a number of bytes."""

    def __init__(self, port, limits, stall=False, pause_s=0.0):
        super().__init__(daemon=True)
        import socket

        self.stall, self.pause_s, self.paused_s = stall, pause_s, 0.0

        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self._to, self._limits, self.cut = self.server.getsockname()[1], port, list(limits), 0

    def run(self):
        import socket

        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            limit = self._limits.pop(0) if self._limits else None
            threading.Thread(target=self._carry, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, limit), daemon=True).start()

    def _carry(self, source, sink, limit):
        import socket

        count = 0
        try:
            while data := source.recv(65536 if limit is None else max(1, min(65536, limit - count))):
                sink.sendall(data)
                count += len(data)
                if limit is not None and count >= limit and self.pause_s:
                    self._slow(source, sink)
                    break
                if limit is not None and count >= limit:
                    self.cut += 1
                    if self.stall:
                        return
                    break
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _slow(self, source, sink):
        self.cut += 1
        while data := source.recv(16384):
            time.sleep(self.pause_s)
            self.paused_s += self.pause_s
            sink.sendall(data)


def behind(cutter, server, **options):
    """The host as it is reached through a cutter, which has begun to listen."""
    cutter.start()
    known = server.folder / f"known-{cutter.port}"
    known.write_text(server.known_hosts.read_text().replace(f":{server.port} ", f":{cutter.port} "))
    return server.host(port=cutter.port, known_hosts=known, **options)


@pytest.mark.parametrize("compress", [False, True])
def test_a_connection_cut_at_random_bytes_is_taken_up_again(sshd, fetch, held, compress):
    """Twenty cuts anywhere in the stream, handshake included: at the end the bytes are those of the host."""
    print("seed", SEED)  # noqa: T201 - pytest shows it when the test fails
    rng = random.Random(SEED)
    server = sshd()
    content = noisy_lines(0, 60_000)
    server.log.write_bytes(content)
    limits = [rng.randrange(1, 8000) for _ in range(6)] + [rng.randrange(8000, 600_000) for _ in range(14)]
    cutter = Cutter(server.port, limits)
    host = behind(cutter, server, timeout_s=5, compress=compress)
    progress = []
    for _ in limits:
        (result,) = fetch(host)
        assert result.outcome in ("failed", "partial")
        progress.append(result.new_bytes)
    assert cutter.cut == len(limits)
    (result,) = fetch(host)
    assert result.outcome == "done"
    assert held() == [content]
    assert sum(progress) + result.new_bytes == len(content)
    cutter.server.close()


def twenty_behind_cutters(server, content, reach, *, timeout_s, **cutting):
    """Twenty hosts with the same log and the cutters before them: each acts at another byte, handshake included."""
    print("seed", SEED)  # noqa: T201 - pytest shows it when the test fails
    rng = random.Random(SEED)
    server.log.write_bytes(content)
    limits = [rng.randrange(1, 6000) for _ in range(6)] + [rng.randrange(6000, reach) for _ in range(14)]
    cutters = [Cutter(server.port, [limit], **cutting) for limit in limits]
    hosts = [
        behind(cutter, server, name=f"host{number}", timeout_s=timeout_s, compress=False)
        for number, cutter in enumerate(cutters)
    ]
    return hosts, cutters


def held_by_all(tmp_path, hosts):
    """The different contents that are held of the first source of some hosts."""
    archive = Archive(tmp_path / "data")
    return {b"".join(archive.content(host.name, 1)) for host in hosts}


def test_a_host_that_hangs_at_random_bytes_ends_in_time_and_goes_on_later(sshd, fetch, tmp_path):
    """Twenty hosts at once, each silent from another byte on: every one is told, and the next fetch completes them."""
    content = noisy_lines(0, 10_000)
    hosts, cutters = twenty_behind_cutters(sshd("MaxStartups 100"), content, 3_000_000, timeout_s=4, stall=True)
    results = fetch(*hosts, parallel=20)
    assert [cutter.cut for cutter in cutters] == [1] * 20
    assert {result.outcome for result in results} <= {"failed", "partial"}
    assert [result.reason for result in results if "4 s" not in result.reason] == []
    assert {result.outcome for result in fetch(*hosts)} == {"done"}
    assert held_by_all(tmp_path, hosts) == {content}


def test_a_slow_host_is_not_a_dead_one(sshd, fetch, tmp_path):
    """Twenty hosts, each slow from another byte on: the limit is for each answer, not for the whole, and all is done."""
    content = noisy_lines(0, 3000)
    hosts, cutters = twenty_behind_cutters(sshd("MaxStartups 100"), content, 900_000, timeout_s=2, pause_s=0.06)
    results = fetch(*hosts, parallel=20)
    assert [cutter.cut for cutter in cutters] == [1] * 20
    assert max(cutter.paused_s for cutter in cutters) > 3
    assert {(result.outcome, result.reason) for result in results} == {("done", None)}
    assert held_by_all(tmp_path, hosts) == {content}


def test_many_hosts_at_once(sshd, fetch, tmp_path):
    """Twelve servers, eight at a time: each has its own folder, rows and bytes."""
    servers = [sshd() for _ in range(12)]
    for number, server in enumerate(servers):
        server.log.write_bytes(lines(number * 1000, 500))
    steps = []
    results = fetch(
        *(server.host(name=f"host{number}") for number, server in enumerate(servers)), tell=steps.append, parallel=8
    )
    assert [(result.host, result.outcome) for result in results] == [(f"host{n}", "done") for n in range(12)]
    archive = Archive(tmp_path / "data")
    for number in range(12):
        assert b"".join(archive.content(f"host{number}", 1)) == lines(number * 1000, 500)
        told = [step for step in steps if step.item == f"host{number}"]
        wire = results[number].wire_bytes
        assert told[-1].text == f"{len(lines(number * 1000, 500)):,} new bytes ({wire:,} on the wire)"
        assert any(step.done == step.total == len(lines(number * 1000, 500)) for step in told)


def test_the_retries_of_one_fetch_take_up_a_cut_connection(sshd, fetch, held):
    """One fetch is enough where the connection breaks once: the row is `done`, with all bytes."""
    server = sshd()
    server.log.write_bytes(noisy_lines(0, 30_000))
    cutter = Cutter(server.port, [1_000_000])
    (result,) = fetch(behind(cutter, server, retries=1))
    assert cutter.cut == 1
    assert (result.outcome, result.new_bytes) == ("done", len(noisy_lines(0, 30_000)))
    assert held() == [noisy_lines(0, 30_000)]
    cutter.server.close()


FETCH = """
import sys
from pathlib import Path
from audit_nb import collect, inventory, progress
collect.fetch(inventory.load(sys.argv[1]), sys.argv[2], tell=lambda step: print(step.done, flush=True))
"""


def write_inventory(path, server, *, slow_after=None):
    """An inventory of one host; after some bytes on the wire it becomes slow, so that a fetch is not over too soon."""
    host = server.host()
    if slow_after:
        host = behind(Cutter(server.port, [slow_after], pause_s=0.02), server)
    path.write_text(
        f"hosts: {{web01: {{address: 127.0.0.1, port: {host.port}, user: {server.user}, facts: false, retries: 0, "
        f"ssh_config: false, key_file: {server.folder / 'login_key'}, known_hosts: {host.known_hosts}, "
        f"log_path: {server.log}}}}}"
    )
    return path


FORKED_FETCH = """
import os, sys
from audit_nb import collect, inventory
import paramiko
hosts = inventory.load(sys.argv[1])
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            told = b"%d\\n" % os.getpid()  # in one write: print() would be cut by the kill, or by another thread's flush
            collect.fetch(hosts, sys.argv[2], tell=lambda step: os.write(1, told))
        finally:
            os._exit(0)
    print(-9 if os.waitpid(child, 0)[1] == 9 else 0, flush=True)
"""


def test_kill_9_at_random_moments_leaves_an_archive_that_goes_on(sshd, fetch, held, tmp_path):
    """Killed fifty times: after each, every segment reads back; at the end the archive equals the source."""
    print("seed", SEED)  # noqa: T201 - pytest shows it when the test fails
    rng = random.Random(SEED)
    server = sshd()
    content = lines(0, 150_000)
    server.log.write_bytes(b"")
    hosts = write_inventory(tmp_path / "hosts.yaml", server)
    command = [sys.executable, "-c", FORKED_FETCH, hosts, tmp_path / "data"]
    forker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    written = killed = rounds = 0
    longest_s = (
        0.05  # after the first step; shorter when a fetch had ended by then, so that most moments are within one
    )
    while killed < 50:
        rounds += 1
        assert rounds <= 150, "most fetches had ended before they were killed"
        with server.log.open("ab") as log:
            log.write(content[written : len(content) * rounds // 150])
        written = len(content) * rounds // 150
        forker.stdin.write("go\n")
        forker.stdin.flush()
        child = int(forker.stdout.readline())  # the first step: it has begun
        time.sleep(rng.random() * longest_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        said = child
        while said == child:
            said = int(forker.stdout.readline())
        killed += said == -9
        longest_s *= 1.1 if said == -9 else 0.8
        archive = Archive(tmp_path / "data")
        assert content.startswith(b"".join(archive.read(segment) for segment in archive.segments("web01")))
    forker.communicate()
    server.log.write_bytes(content)
    fetch(server.host())
    assert b"".join(held()) == content
    assert not list((tmp_path / "data").rglob(".aside*"))


def test_ctrl_c_ends_cleanly_and_the_next_run_goes_on(interruptible, sshd, fetch, held, tmp_path):
    """What was read is kept, the attempt is recorded as stopped, and no traceback of a thread is printed."""
    server = sshd()
    server.log.write_bytes(lines(0, 400_000))
    hosts = write_inventory(tmp_path / "hosts.yaml", server, slow_after=300_000)
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, hosts, tmp_path / "data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while int(process.stdout.readline() or 10**9) < 5_000_000:
        pass
    process.send_signal(2)
    _, err = process.communicate(timeout=30)
    assert err.count(b"Traceback") == 1, err.decode()  # of the script above, which does not catch KeyboardInterrupt
    assert err.rstrip().endswith(b"KeyboardInterrupt")
    (row,) = fetches.read(tmp_path / "data")
    assert row.outcome == "partial"
    assert "stopped by the user" in row.reason
    assert 0 < row.new_bytes < len(lines(0, 400_000))
    fetch(server.host())
    assert held() == [lines(0, 400_000)]


def test_ctrl_c_does_not_wait_for_a_host_that_does_not_answer(interruptible, tmp_path):
    """A host that takes the connection and says nothing, with a limit of ten minutes, holds nobody up."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = tmp_path / "hosts.yaml"
        port = silent.getsockname()[1]
        hosts.write_text(f"hosts: {{away: {{address: 127.0.0.1, port: {port}, timeout_s: 600, ssh_config: false}}}}")
        process = subprocess.Popen([sys.executable, "-c", FETCH, hosts, tmp_path / "data"], stderr=subprocess.PIPE)
        connection, _ = silent.accept()
        process.send_signal(2)
        _, err = process.communicate(timeout=60)
        connection.close()
    assert err.rstrip().endswith(b"KeyboardInterrupt")
    (row,) = fetches.read(tmp_path / "data")
    assert (row.outcome, row.reason.startswith("away: stopped by the user")) == ("failed", True)


def test_two_fetches_of_one_data_folder_do_not_meet(sshd, fetch, tmp_path):
    """The second refuses and says who is at work."""
    server = sshd()
    server.log.write_bytes(lines(0, 400_000))
    hosts = write_inventory(tmp_path / "hosts.yaml", server, slow_after=300_000)
    process = subprocess.Popen([sys.executable, "-c", FETCH, hosts, tmp_path / "data"], stdout=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(AuditNbError, match=f"process {process.pid}, since .* is writing to this data folder"):
        fetch(server.host())
    process.communicate()
    assert process.returncode == 0


DISK_FULL = """
import random, subprocess, sys
from pathlib import Path
from audit_nb import collect, fetches, inventory
from audit_nb.archive import Archive
collect.MIN_FREE = 0
hosts, data, log, rng = inventory.load(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), random.Random(int(sys.argv[4]))
content = log.read_bytes()
data.mkdir()
for attempt in range(20):
    size = rng.randrange(600_000, 2_500_000)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", data], check=True)
    (result,) = collect.fetch(hosts, data)
    assert result.outcome in ("partial", "failed"), f"{size}: the disk did not become full"
    assert "is full; what was fetched before is safe" in result.reason, result.reason
    assert fetches.read(data) == [result]
    archive = Archive(data)
    held = b"".join(archive.read(segment) for segment in archive.segments("web01"))
    assert content.startswith(held) and len(held) == result.new_bytes
    assert not [path for path in data.rglob(".aside*")]
    subprocess.run(["mount", "-o", "remount,size=40m", data], check=True)
    (result,) = collect.fetch(hosts, data)
    assert result.outcome == "done", result.reason
    assert b"".join(archive.content("web01", 1)) == content
    subprocess.run(["umount", data], check=True)
print("twenty times")
"""


def test_a_disk_that_becomes_full_stops_cleanly_and_corrupts_nothing(sshd, tmp_path):
    """At twenty random sizes: the row says so, what is held is whole, and with more room the rest comes."""
    print("seed", SEED)  # noqa: T201 - pytest shows it when the test fails
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount the small file system that is to become full")
    server = sshd()
    server.log.write_bytes(noisy_lines(0, 17_000))
    hosts = write_inventory(tmp_path / "hosts.yaml", server)
    command = ["unshare", "--mount", sys.executable, "-c", DISK_FULL, hosts, tmp_path / "data", server.log, str(SEED)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.stdout == "twenty times\n", ran.stderr


def test_a_disk_that_is_full_from_the_beginning_is_told_before(sshd, fetch, monkeypatch):
    """Nothing is begun where too little room is left."""
    monkeypatch.setattr(collect, "MIN_FREE", 1 << 60)
    with pytest.raises(AuditNbError, match="MiB are free on this disk; nothing was begun"):
        fetch(sshd().host())


def test_everything_is_private_whatever_the_umask(sshd, fetch, tmp_path):
    """Archive, manifest, rows and lock are 0600 in 0700 folders under umask 000."""
    server = sshd()
    server.log.write_bytes(lines(0, 1000))
    server.log.with_name("audit.log.1.gz").write_bytes(gzip.compress(lines(2000, 100)))
    old = os.umask(0)
    try:
        fetch(server.host(facts=True))
        collect.import_paths([server.log.parent], "web02", tmp_path / "data")
    finally:
        os.umask(old)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "data").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {path.name for path in modes} >= {"fetches.jsonl", "manifest.jsonl", "facts.jsonl", "00000001.zst", "web02"}
    assert not [path for path in modes if path.name.startswith((".aside", ".packed"))]


# --- logs from a disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def bring(tmp_path):
    """Import paths as host web01."""
    return lambda *paths: collect.import_paths(paths, "web01", tmp_path / "data")


def test_a_folder_is_imported_oldest_first(bring, held, tmp_path):
    """Plain and compressed files in any order and depth; what holds no audit record is left, and said."""
    folder = tmp_path / "disk"
    (folder / "sub").mkdir(parents=True)
    (folder / "audit.log").write_bytes(lines(200, 100))
    (folder / "sub" / "a.xz").write_bytes(lzma.compress(lines(0, 100)))
    (folder / "audit.log.1.gz").write_bytes(gzip.compress(lines(100, 100)))
    (folder / "wtmp").write_bytes(bytes(4000))
    (folder / "link").symlink_to(folder / "audit.log")
    os.mkfifo(folder / "fifo")
    result = bring(folder)
    assert result.outcome == "done"
    assert held() == [lines(0, 100), lines(100, 100), lines(200, 100)]
    assert {Path(row["path"]).name: row["outcome"] for row in result.files} == {
        "wtmp": "left",
        "a.xz": "new",
        "audit.log.1.gz": "new",
        "audit.log": "new",
    }


def test_what_is_imported_again_is_recognised(bring, held, tmp_path):
    """The same file, a shorter copy, a longer copy and a compressed copy: the same bytes are never held twice."""
    (tmp_path / "a").write_bytes(lines(0, 500))
    (tmp_path / "shorter").write_bytes(lines(0, 200))
    (tmp_path / "longer").write_bytes(lines(0, 700))
    (tmp_path / "packed").write_bytes(gzip.compress(lines(0, 600)))
    assert bring(tmp_path / "a").new_bytes == len(lines(0, 500))
    assert bring(tmp_path / "a").new_bytes == 0
    assert bring(tmp_path / "shorter").new_bytes == 0
    assert bring(tmp_path / "longer", tmp_path / "packed").new_bytes == len(lines(500, 200))
    assert held() == [lines(0, 700)]


@pytest.mark.parametrize("order", range(24))
def test_pieces_of_a_log_in_any_order_are_held_once(bring, tmp_path, order):
    """A head, a tail, a middle and the whole, overlapping as they like: each line is held once, and all are."""
    pieces = {"head": (0, 300), "tail": (250, 250), "middle": (100, 300), "whole": (0, 500)}
    names = list(itertools.permutations(pieces))[order]
    for name in names:
        (tmp_path / name).write_bytes(lines(*pieces[name]))
        bring(tmp_path / name)
        if name == "whole":
            break
    assert stored_lines(tmp_path) == Counter(lines(0, 500).split(b"\n")[:-1])


def test_logs_that_were_put_together_are_recognised(bring, tmp_path):
    """`cat audit.log.2 audit.log.1 audit.log` holds what is held, and what is new between and behind."""
    for number in (0, 2):
        (tmp_path / f"part{number}").write_bytes(lines(number * 200, 200))
    bring(tmp_path / "part0", tmp_path / "part2")
    (tmp_path / "all").write_bytes(lines(0, 700))
    assert bring(tmp_path / "all").new_bytes == len(lines(200, 200)) + len(lines(600, 100))
    assert stored_lines(tmp_path) == Counter(lines(0, 700).split(b"\n")[:-1])
    (tmp_path / "part1").write_bytes(lines(200, 200))
    assert bring(tmp_path / "all", tmp_path / "part1").new_bytes == 0


def test_logs_are_recognised_within_one_that_was_put_together_before(bring, tmp_path):
    """The other way round: the whole first, then its pieces."""
    (tmp_path / "all").write_bytes(lines(0, 600))
    bring(tmp_path / "all")
    for number in range(3):
        (tmp_path / f"part{number}").write_bytes(lines(number * 200, 200))
        assert bring(tmp_path / f"part{number}").new_bytes == 0
    (tmp_path / "part2").write_bytes(lines(400, 250))
    assert bring(tmp_path / "part2").new_bytes == len(lines(600, 50))


def test_many_logs_in_one_are_recognised(bring, tmp_path):
    """More first lines than are looked for one by one."""
    (tmp_path / "disk").mkdir()
    for number in range(60):
        (tmp_path / "disk" / str(number)).write_bytes(lines(number * 40, 20))
    bring(tmp_path / "disk")
    (tmp_path / "all").write_bytes(lines(0, 2400))
    assert bring(tmp_path / "all").new_bytes == len(lines(0, 2400)) - sum(len(lines(n * 40, 20)) for n in range(60))
    assert stored_lines(tmp_path) == Counter(lines(0, 2400).split(b"\n")[:-1])


def test_a_selection_of_lines_is_a_log_of_its_own(bring, tmp_path):
    """What `grep` left of a log has lines in common with it and is no piece of it: nothing of it is left out."""
    (tmp_path / "all").write_bytes(lines(0, 600))
    bring(tmp_path / "all")
    chosen = b"".join(line + b"\n" for line in lines(100, 400).split(b"\n")[:-1:7])
    (tmp_path / "grep").write_bytes(chosen)
    assert bring(tmp_path / "grep").new_bytes == len(chosen)
    assert bring(tmp_path / "grep").new_bytes == 0


def test_a_log_that_was_fetched_is_recognised_on_a_disk(bring, sshd, fetch, held, tmp_path):
    """It makes no difference by which way bytes came."""
    server = sshd()
    server.log.write_bytes(lines(0, 500))
    fetch(server.host())
    assert bring(server.log).new_bytes == 0
    (tmp_path / "later").write_bytes(lines(0, 600))
    assert bring(tmp_path / "later").new_bytes == len(lines(500, 100))
    server.log.write_bytes(lines(0, 650))
    assert fetch(server.host())[0].new_bytes == len(lines(600, 50))
    assert held() == [lines(0, 650)]


def test_a_log_of_which_the_end_was_imported_before_is_fetched_whole_and_counted_once(bring, sshd, fetch, tmp_path):
    """To find that end within it the file would have to travel first: it is held twice, and the store knows copies."""
    from audit_nb import store

    server = sshd()
    server.log.write_bytes(lines(0, 500))
    (tmp_path / "end").write_bytes(lines(300, 200))
    bring(tmp_path / "end")
    assert fetch(server.host())[0].new_bytes == len(lines(0, 500))
    assert fetch(server.host())[0].new_bytes == 0
    assert bring(server.log).new_bytes == 0
    (read,) = store.update(tmp_path / "data")
    assert read.outcome == "done"
    events = store.open_events(tmp_path / "data")
    assert events.count().execute() == 500
    assert events.serial.nunique().execute() == 500


def test_a_last_line_without_newline_is_imported(bring, held, tmp_path):
    """Nobody will finish it; when a longer copy comes after all, the whole line takes its place."""
    (tmp_path / "a").write_bytes(lines(0, 10).removesuffix(b"\n"))
    bring(tmp_path / "a")
    assert held() == [lines(0, 10).removesuffix(b"\n")]
    assert bring(tmp_path / "a").new_bytes == 0
    (tmp_path / "b").write_bytes(lines(0, 20))
    bring(tmp_path / "b")
    assert held() == [lines(0, 20)]
    assert set(stored_lines(tmp_path).values()) == {1}


def test_a_damaged_file_gives_what_can_be_read(bring, held, tmp_path):
    """The row says where it broke, and the import is partial."""
    whole = gzip.compress(lines(0, 50_000))
    (tmp_path / "a.gz").write_bytes(whole[: len(whole) // 2])
    result = bring(tmp_path / "a.gz")
    assert result.outcome == "partial"
    assert "the gzip data is damaged after" in result.reason
    (content,) = held()
    assert lines(0, 50_000).startswith(content)
    assert len(content) > 1_000_000


def test_a_path_that_does_not_exist_is_wrong_usage(bring, tmp_path):
    """Nothing is imported of the others either."""
    (tmp_path / "a").write_bytes(lines(0, 10))
    with pytest.raises(UsageError, match="/no/such does not exist"):
        bring(tmp_path / "a", "/no/such")
    assert not (tmp_path / "data").exists()


def test_a_host_name_that_could_leave_the_archive_is_refused(tmp_path):
    """The name comes from a command line."""
    with pytest.raises(AuditNbError, match="cannot name a host"):
        collect.import_paths([tmp_path], "../x", tmp_path / "data")


def test_the_rows_are_lines_of_json(bring, tmp_path):
    """Anyone can read `fetches.jsonl`, whatever a file is called."""
    path = tmp_path / os.fsdecode(b"\xff<script>\n")
    path.write_bytes(lines(0, 10))
    result = bring(path)
    (line,) = (tmp_path / "data" / "fetches.jsonl").read_text().splitlines()
    assert json.loads(line)["files"][0]["path"] == str(path)
    assert fetches.read(tmp_path / "data") == [result]
