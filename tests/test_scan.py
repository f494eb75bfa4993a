"""The compiled loop on bytes that nobody foresaw: properties that hold for every input.

`tests/fuzz` looks for inputs where they do not; what it finds becomes a file of tests/data/found.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_nb import records, scan
from audit_nb.events import plain, read_events
from audit_nb.spans import Piece

HERE = Path(__file__).parent
FOUND = sorted((HERE / "data/found").glob("*"))

TOKENS = [
    b"type=", b"SYSCALL", b"PATH", b"EXECVE", b"USER_LOGIN", b"AVC", b"1300", b"UNKNOWN[1420]", b" msg=audit(", b"audit(",
    b"1767225600.100:", b"1:2): ", b"7): ", b"):", b"node=h ", b"\n", b"\n", b"\n", b"\r\n", b"\0", b" ", b"  ", b"\x1d", b"'", b'"',
    b"msg='", b"a0=", b'a1="x"', b"a1[0]=61", b"a1_len=2 ", b"argc=2 ", b"arch=c000003e ", b"syscall=59 ", b"success=yes ",
    b"exit=-13 ", b"a0=7ffd ", b"items=2 ", b"ppid=1 ", b"pid=2 ", b"pid=", b"auid=4294967295 ", b"uid=0 ", b"uid=-1 ",
    b"item=0 ", b"item=", b'name="/x" ', b"name=(null) ", b"name=2F78 ", b"inode=5 ", b"mode=0100644 ", b"cap_fp=0 cap_fi=0 ",
    b"nametype=NORMAL ", b'OUID="root" ', b'UID="root"', b"ARCH=x86_64 ", b"SADDR={ saddr_fam=inet }", b"#035", b"^]", b"\\x1d",
    b"saddr=0200AF98 ", b"proctitle=6964002D66 ", b"key=6B01 ", b"key=(null)", b"res=success", b"res=1", b"hostname=? ", b"tty=pts0 ",
    b"avc:  denied  { read } for  ", b"op=adding user ", b"subj==x//&y (enforce) ", b"{", b"}", b"(", b")", b",", b":", b"*", b"=",
    b"\xff", b"\xc3\xa9", b"99999999999999999999", b"0x5", b"007 ", b"type=BPF msg=audit(1.1:1): ",
    b'{"_TRANSPORT":"audit","_AUDIT_ID":"1","_SOURCE_REALTIME_TIMESTAMP":"1000000","MESSAGE":"BPF x=1"}\n',
    b"Jan  1 00:00:00 h kernel: audit: type=1400 audit(1.1:1): ", b"type=DAEMON_START msg=audit(9.9:9): ",
]  # fmt: skip

anything = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(st.sampled_from(TOKENS), st.sampled_from(TOKENS), st.binary(max_size=3)), max_size=60).map(
        b"".join
    ),
)
often = settings(
    max_examples=int(os.environ.get("AUDIT_NB_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check_any(data: bytes) -> None:
    """What holds for every input: it is read, every byte is accounted for, and the table gives every body back."""
    parsed = read_events([data], host="h")
    for account, size in zip(parsed.accounting, [len(data)], strict=False):
        assert account.total == size
        assert account.record + account.malformed + account.other == size
    rows = plain(parsed.events).to_pylist()
    in_json = b'"MESSAGE"' in data
    for row in rows:
        position = row["offset"]
        bodies = records.to_records(row)
        assert len(bodies) == len(row["types"]) == len(row["records"])
        for place, record in zip(row["records"], bodies, strict=True):
            position += place["gap"]
            line = data[position : position + place["length"]]
            assert in_json or line.rstrip(b"\n\r\0").endswith(record.body), (line, record.body)
            position += place["length"]
    assert sum(len(row["types"]) for row in rows) == parsed.counts["records"]


@often
@given(anything)
def test_any_bytes_at_all_are_read_and_accounted_for(data: bytes):
    """No exception, no byte uncounted, no token lost."""
    check_any(data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_fuzzing_found_stays_mended(path: Path):
    """Inputs that once broke a property."""
    check_any(path.read_bytes())


# --------------------------------------------------------------------------------------------------- genuine records


def genuine() -> list[bytes]:
    """Lines of a genuine enriched log and of a synthetic one."""
    log = b"".join(path.read_bytes() for path in sorted((HERE / "data/logs").glob("0[1-8]*.log")))
    return [line + b"\n" for line in log.split(b"\n") if re.match(rb"(?:node=h\d )?type=\S+ msg=audit\(\d", line)]


LINES = genuine()
EVENT = re.compile(rb"(node=h\d )?.*?audit\((.+?)\)")


def events_of(pieces: list[Piece | bytes]) -> list[dict]:
    """The events without what tells of their places."""
    rows = plain(read_events(pieces, host="h").events).to_pylist()
    for row in rows:
        row["records"] = [record["form"] for record in row["records"]]
        for name in ("segment", "offset", "boot"):
            del row[name]
    return rows


def key_of(line: bytes) -> tuple[bytes, bytes]:
    match = EVENT.match(line)
    return match[1] or b"", match[2]


@settings(often, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_the_blocks_do_not_matter(sizes: list[int]):
    """Cut into any blocks of whole lines, a log holds the same events."""
    pieces, at = [], 0
    for number, size in enumerate(sizes):
        data = b"".join(LINES[at : at + size])
        pieces.append(Piece(data, segment=number + 1))
        at += size
    pieces.append(Piece(b"".join(LINES[at:]), segment=len(pieces) + 1))
    assert events_of(pieces) == events_of([b"".join(LINES)])


@settings(often, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_the_order_of_different_events_does_not_matter(chance: random.Random):
    """However the records of different events are shuffled, each event is the same."""
    queues: dict[tuple[bytes, bytes], list[bytes]] = {}
    for line in LINES:
        queues.setdefault(key_of(line), []).append(line)
    turns = [key for key, lines in queues.items() for _ in lines]
    chance.shuffle(turns)
    iterators = {key: iter(lines) for key, lines in queues.items()}
    shuffled = b"".join(next(iterators[key]) for key in turns)
    assert sorted(events_of([shuffled]), key=repr) == sorted(events_of([b"".join(LINES)]), key=repr)


def test_raw_made_from_enriched_gives_the_same_events_less_the_names():
    """The half behind 0x1D adds names, and nothing else."""
    enriched = b"".join((HERE / "data/logs" / name).read_bytes() for name in ("09_enriched.log",))
    raw = re.sub(rb"\x1d[^\n]*", b"", enriched)
    assert raw != enriched

    def bare(row: dict) -> dict:
        row = {key: value for key, value in row.items() if not key.endswith("_name")}
        row["records"] = [form.partition("\x1d")[0] for form in row["records"]]
        row["other"] = [one for one in row["other"] or () if not one["key"].isupper()] or None
        row["paths"] = [path | {"ouid_name": None, "ogid_name": None} for path in row["paths"] or ()] or None
        return row

    assert [bare(row) for row in events_of([raw])] == [bare(row) for row in events_of([enriched])]


# ----------------------------------------------------------------------------------------------------- how it is compiled


def test_no_access_is_out_of_bounds(tmp_path: Path):
    """The properties hold with every access to an array checked."""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "AUDIT_NB_EXAMPLES": "400"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        str(HERE / "test_spans.py"),
        "-k",
        "not bounds and not compiled",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_where_no_folder_can_be_written_it_is_compiled_anew_and_says_so_once():
    """Numba itself would fail at import; it still works, only slower."""
    code = """
import logging; logging.basicConfig(format="%(message)s")
from numba.core import caching
caching.CacheImpl._locator_classes = []
from audit_nb import scan
block = scan.block(b"0,7")
print(scan._digits(block.buf, 2, 3))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(7, 3)\n"
    assert done.stderr.count("No folder can be written") == 1


def test_importing_the_package_loads_nothing_heavy():
    """Numba, Arrow and Ibis are loaded on first use."""
    code = (
        "import sys, audit_nb; print([m for m in ('numba', 'numpy', 'pyarrow', 'ibis', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


#: How the kernel spells a number: `%ld`, `%lx`, `%#o`.
SPELT = {10: rb"0|-?[1-9][0-9]{0,17}", 16: rb"0|[1-9a-f][0-9a-f]{0,15}", 8: rb"0[1-7][0-7]{0,8}"}
in_digits = st.text("0123456789abcdefgAF-/:`@x ", max_size=20).map(str.encode)


@often
@given(st.sampled_from(sorted(SPELT)), st.lists(st.one_of(in_digits, *map(st.from_regex, SPELT.values())), max_size=9))
def test_a_number_is_one_where_the_kernel_would_spell_it_so(base: int, texts: list[bytes]) -> None:
    n, block = len(texts), scan.block(b"9".join(texts))
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64) + np.arange(n)
    starts = ends - [len(text) for text in texts]
    value, odd = np.zeros(n, np.int64), np.empty(n, np.int32)
    places = starts.astype(np.int32), ends.astype(np.int32)
    flags, bases, targets = np.zeros(n, np.uint8), np.full(n, base, np.int8), np.zeros(n, np.int32)
    bounds = np.array([-(2**63)]), np.array([2**63 - 1])
    count = scan.parse_numbers(block.buf, block.words, *places, flags, bases, targets, *bounds, value, odd)
    spelt = [re.fullmatch(SPELT[base], text) is not None for text in texts]
    numbers = [int(text, base) if one else 0 for text, one in zip(texts, spelt, strict=True)]
    assert odd[:count].tolist() == [place for place, one in enumerate(spelt) if not one]
    assert value.tolist() == [number - (number >> 63 << 64) if base == 16 else number for number in numbers]
