"""Lines that are no plain record: what they hold, or why they cannot be read.

A file of tests/data/malformed is named for what is wrong with it. `AUDIT_NB_GOLDEN=write` rewrites the reasons.
"""

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pyarrow as pa
import pytest

from audit_nb import oddlines
from audit_nb.compressed import Unreadable, open_decompressed
from audit_nb.events import read_events
from audit_nb.spans import Account

MALFORMED = Path(__file__).parent / "data/malformed"
REFUSED = sorted(MALFORMED.glob("*.log"))


def test_every_fault_has_its_reason_and_every_reason_its_fault():
    """A file that nobody compares would teach nothing."""
    assert len(REFUSED) >= 15
    assert {path.stem for path in REFUSED} == {path.stem for path in MALFORMED.glob("*.txt")}


@pytest.mark.parametrize("log", REFUSED, ids=lambda path: path.stem)
def test_a_line_that_cannot_be_read_is_kept_with_its_reason(log: Path):
    """No event comes of it; it is in the table of malformed lines, with its place and its text."""
    content = log.read_bytes()
    parsed = read_events([content], host="h")
    (row,) = parsed.malformed.to_pylist()
    reason = log.with_suffix(".txt")
    if os.environ.get("AUDIT_NB_GOLDEN") == "write":
        reason.write_text(row["reason"] + "\n", encoding="utf-8")
    assert row["reason"] + "\n" == reason.read_text(encoding="utf-8")
    assert (row["host"], row["segment"], row["offset"], row["length"]) == ("h", 1, 0, len(content))
    assert row["text"] == content.rstrip(b"\n").decode("utf-8", "backslashreplace")
    assert len(parsed.events) == 0
    assert parsed.accounting[0].malformed == len(content)


INTERPRETED = (
    "type=SYSCALL msg=audit(01/01/2026 00:00:04.100:11): arch=x86_64 syscall=execve success=yes exit=0",
    "type=SYSCALL msg=audit(11/23/26 02:22:05.696:2) : arch=x86_64 syscall=execve success=yes exit=0",
    "node=db02 type=MAC_MAP_ADD msg=audit(11/23/26 02:22:05.696:2) : netlabel: auid=root ses=0",
    "type=SYSCALL msg=audit(2026-01-01 00:00:04.100:11) : arch=x86_64",
)


@pytest.mark.parametrize("line", INTERPRETED)
def test_interpreted_text_is_recognised_and_not_read(line: str):
    """Names cannot be turned back into numbers, nor local time into UTC: it is counted as other text, and said."""
    assert oddlines.is_interpreted(line.encode())
    parsed = read_events([line.encode() + b"\n"], host="h")
    assert len(parsed.events) == len(parsed.malformed) == 0
    assert parsed.accounting[0].interpreted == 1
    assert parsed.accounting[0].other == len(line) + 1


def test_a_record_whose_text_looks_interpreted_is_a_record():
    """A user's message may quote anything."""
    line = (
        b"type=USER msg=audit(1.000:1): pid=1 msg='type=SYSCALL msg=audit(01/01/2026 00:00:04.100:11) : x res=success'"
    )
    assert not oddlines.is_interpreted(line)
    assert len(read_events([line], host="h").events) == 1


OTHER = (
    "Jan  1 00:00:00 host sshd[1]: Accepted publickey for alice",
    "<13>Jan  1 00:00:00 host sshd[1]: Accepted",
    "2026-01-01T00:00:00.041696+00:00 web01 kernel: [    0.000000] Command line: audit=1",
    "[   12.345678] audit: enabled (after initialization)",
    "----",
    "time->Thu Jan  1 00:00:00 2026",
    "",
    "   ",
    '{"_TRANSPORT":"syslog","MESSAGE":"x"}',
    "[]",
)


@pytest.mark.parametrize("line", OTHER[:-1])
def test_text_that_is_not_audit_is_counted_as_other(line: str):
    """The rest of a syslog and the separators of ausearch are neither records nor malformed."""
    account = read_events([line.encode() + b"\n"], host="h").accounting[0]
    assert (account.other, account.malformed, account.record) == (len(line) + 1, 0, 0)


def test_only_so_many_malformed_lines_are_listed_and_all_are_counted(monkeypatch):
    """A file of garbage must not become a table larger than itself."""
    monkeypatch.setattr("audit_nb.spans._MOST_MALFORMED", 3)
    parsed = read_events([b"garbage\n" * 10], host="h")
    assert parsed.accounting[0].malformed == 80
    assert [row["reason"] for row in parsed.malformed.to_pylist()][-1] == "7 more malformed lines are only counted"


# ------------------------------------------------------------------------------------------- files that are none of ours


RECORD = b"type=BPF msg=audit(1767225600.100:%d): prog-id=%d op=LOAD\n"
LOG = b"".join(RECORD % (n, n) for n in range(1, 4))
SHAPES = {
    "empty": (b"", 0),
    "only NULs": (bytes(5000), 0),
    "only newlines": (b"\n" * 50, 0),
    "NULs between records": (LOG + bytes(4096) + LOG, 6),
    "carriage returns": (LOG.replace(b"\n", b"\r\n"), 3),
    "carriage returns only": (LOG.replace(b"\n", b"\r"), 3),
    "a byte order mark": (b"\xef\xbb\xbf" + LOG, 3),
    "UTF-16": (LOG.decode().encode("utf-16"), 0),
    "UTF-16, the other byte first": (LOG.decode().encode("utf-16-be"), 0),
    "a line of 3 MiB": (b"x" * (3 << 20) + b"\n" + LOG, 3),
    "a record of 3 MiB": (LOG + b"type=PATH msg=audit(1767225600.100:9): name=" + b"41" * (3 << 19) + b"\n" + LOG, 7),
    "no newline in 3 MiB": (b"type=" * (3 << 18), 0),
    "no last newline": (LOG[:-1], 3),
    "cut in its last record": (LOG[:-10], 3),
    "cut in its last header": (LOG[:-20], 2),
    "bytes of a program": (bytes(range(256)) * 64, 0),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_byte_of_any_file_is_somebodys(name: str):
    """Records, malformed lines and other text together are the file, and what records it holds are read."""
    content, records = SHAPES[name]
    parsed = read_events([content], host="h")
    account = sum(parsed.accounting, Account())
    assert account.record + account.malformed + account.other == account.total == len(content)
    assert parsed.counts["records"] == records


def test_a_quote_that_is_open_for_longer_than_the_kernel_writes_was_cut():
    """It hides the headers of 32 KiB behind it and no more: the records after those are read."""
    pieces = oddlines.read_odd(
        b'type=A msg=audit(1767225600.100:9): name="' + 1000 * (RECORD % (7, 7)).replace(b"\n", b" ")
    )
    assert len(pieces) == 1 + 1000 - 585
    assert {piece.kind for piece in pieces} == {oddlines.RECORD}


@pytest.mark.parametrize("kind", ["gzip", "xz", "bz2", "zstd"])
def test_what_stands_before_a_cut_in_a_compressed_file_is_read(tmp_path: Path, kind: str):
    """The rest is damaged, and said to be, with the number of plain bytes in front of it."""
    plain = b"".join(RECORD % (n, n * 7919 % 100_003) for n in range(40_000))
    packed = {
        "gzip": lambda: gzip.compress(plain),
        "xz": lambda: lzma.compress(plain),
        "bz2": lambda: bz2.compress(plain),
        "zstd": lambda: pa.compress(plain, codec="zstd", asbytes=True),
    }[kind]()
    file = tmp_path / "audit.log.1"
    file.write_bytes(packed[: len(packed) * 3 // 4])
    got = bytearray()
    with open_decompressed(file) as stream, pytest.raises(Unreadable, match=f"the {kind} data is damaged after"):
        while chunk := stream.read1(1 << 16):
            got += chunk
    assert plain.startswith(got)
    whole_lines = bytes(got[: got.rfind(b"\n") + 1])
    parsed = read_events([whole_lines], host="h")
    assert parsed.counts["records"] == whole_lines.count(b"\n") > 0
    assert parsed.accounting[0].record == len(whole_lines)
