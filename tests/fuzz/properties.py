"""What holds for any bytes at all, in any container and however they are cut.

`check` looks at one input from every side and tells what it reached; an input breaks a property by an exception, of
whatever kind. Which sides are looked at in one call follows from the input itself, so that a file is enough to repeat it.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit_nb import fields, records, redact
from audit_nb.boots import Boots
from audit_nb.compressed import Unreadable, open_decompressed
from audit_nb.events import Known, Parsed, plain, read_events
from audit_nb.fields import IdMap
from audit_nb.spans import Piece
from audit_nb.survey import survey

KNOWN = Known(IdMap({0: "root", 1000: "alice"}, {0: "root"}), salt=b"of the fuzzer")
Row = dict[str, Any]

_HEAD = re.compile(rb"type=([A-Z][A-Z0-9_]*) msg=audit\((\d{1,10})\.(\d{3}):(\d{1,10})\): ([^\n\0\r]*)")
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bz2": lambda data: bz2.compress(data, 1),
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def check(data: bytes, *, sides: int = 2) -> set[object]:
    """What the input reached; at most `sides` of the dearer properties are looked at besides those of the whole."""
    chance = random.Random(zlib.crc32(data))
    parsed = read_events([data], host="h", known=KNOWN)
    rows = plain(parsed.events).to_pylist()
    _check_accounts(data, parsed)
    _check_bodies(data, rows, parsed)
    _check_shown(rows)
    others = (_check_cuts, _check_times, _check_wrapped, _check_journal, _check_compressed, _check_parquet)
    for side in chance.sample(others, min(sides, len(others))):
        side(data, rows, parsed, chance)
    return reached(parsed, rows)


def reached(parsed: Parsed, rows: list[Row]) -> set[object]:
    """The kinds of lines, types, columns, fields and reasons that an input led to: a fuzzer looks for new ones."""
    found: set[object] = {re.sub(r"\d+", "0", row["reason"]) for row in parsed.malformed.to_pylist()}
    for account in parsed.accounting:
        found |= {name for name, value in vars(account).items() if value}
    found |= {("counts", name, min(count, 3)) for name, count in parsed.counts.items()}
    for row in rows:
        kinds = frozenset(row["types"][:4])
        found |= {(row["type"], name, _shape(value)) for name, value in row.items() if value is not None}
        found |= {(row["types"][one["record"]], one["key"], one["raw"] is None) for one in row["other"] or ()}
        found |= {("path", name) for path in row["paths"] or () for name, value in path.items() if value is not None}
        if row["socket"]:
            found |= {("socket", name, row["socket"]["family"]) for name, value in row["socket"].items() if value}
        found.add(("together", kinds))
    return found


def _shape(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value.bit_length() // 16, value < 0
    return min(len(value), 3) if isinstance(value, list) else None


# --------------------------------------------------------------------------------------------------------- of the whole


def _check_accounts(data: bytes, parsed: Parsed) -> None:
    """Every byte is somebody's."""
    for account in parsed.accounting:
        assert account.total == len(data)
        assert account.record + account.malformed + account.other + account.passed == account.total, account
        assert min(vars(account).values()) >= 0, account


def _check_bodies(data: bytes, rows: list[Row], parsed: Parsed) -> None:
    """Each record is found again where it is said to lie, and its columns give back its body byte for byte."""
    for row in rows:
        position = row["offset"]
        bodies = records.to_records(row)
        assert len(bodies) == len(row["types"]) == len(row["records"])
        for place, record in zip(row["records"], bodies, strict=True):
            position += place["gap"]
            line = data[position : position + place["length"]]
            written = line.rstrip(b"\n\r\0")
            if b'"MESSAGE"' in line and line.lstrip(b"\0").startswith(b"{"):
                written = _message_of(line)
            assert written.endswith(record.body), (line, record.body)
            position += place["length"]
    assert sum(len(row["types"]) for row in rows) == parsed.counts["records"]


def _message_of(line: bytes) -> bytes:
    message = json.loads(line.strip(b"\0"))["MESSAGE"]
    return bytes(message) if isinstance(message, list) else message.encode("utf-8", "surrogatepass")


def _check_shown(rows: list[Row]) -> None:
    """Every field of every record can be interpreted, and every text be masked."""
    for row in rows:
        context = fields.Context(ids=KNOWN.ids)
        for record in records.to_records(row):
            if record.type == "SYSCALL":
                context = fields.own_context("SYSCALL", record.fields, context)
            shown = fields.interpret_record(record.type, record.fields, record.enriched, context)
            assert [key for key, _ in shown] == [key for key, _, _ in record.fields]
            for _, raw, _ in record.fields:
                text = raw.decode("utf-8", "backslashreplace")
                redact.text(text)
                redact.keystrokes(text)


# -------------------------------------------------------------------------------------------------------------- the sides


def _bare(rows: list[Row], *but: str) -> list[Row]:
    """Rows without what tells of their places in the bytes."""
    bare = []
    for row in rows:
        kept = {name: value for name, value in row.items() if name not in ("segment", "offset", "records", *but)}
        bare.append(kept | {"forms": [record["form"] for record in row["records"]]})
    return bare


def _read(pieces: list[Piece | bytes], **options: Any) -> tuple[list[Row], Parsed]:  # noqa: ANN401
    parsed = read_events(pieces, host="h", known=KNOWN, **options)
    return plain(parsed.events).to_pylist(), parsed


def pieces_of(data: bytes, chance: random.Random) -> list[Piece]:
    """The same bytes as pieces of segments that continue each other, cut behind some of the newlines."""
    ends = [match.end() for match in re.finditer(rb"\n", data)]
    bounds = [0, *sorted(chance.sample(ends, chance.randint(0, min(len(ends), 6)))), len(data)]
    return [Piece(data[a:b], n, 0, a) for n, (a, b) in enumerate(zip(bounds, bounds[1:], strict=False), 1)]


def _check_cuts(data: bytes, rows: list[Row], whole: Parsed, chance: random.Random) -> None:
    """However it is cut, it holds the same events at the same places, the same malformed lines, the same bytes."""
    pieces = pieces_of(data, chance)
    again, parsed = _read(list(pieces))
    start = {piece.segment: piece.position for piece in pieces}
    places = [start[row["segment"]] + row["offset"] for row in again]
    assert _bare(again) == _bare(rows)
    assert places == [row["offset"] for row in rows]
    assert [row["records"] for row in again] == [row["records"] for row in rows]
    if whole.accounting:
        assert _sum(parsed) == _sum(whole)
    mine, theirs = parsed.malformed.to_pylist(), whole.malformed.to_pylist()
    assert [(start[row["segment"]] + row["offset"], row["text"]) for row in mine] == [
        (row["offset"], row["text"]) for row in theirs
    ]


def _sum(parsed: Parsed) -> dict[str, int]:
    return dict(sum((Counter(vars(account)) for account in parsed.accounting), Counter()))


def _check_times(data: bytes, rows: list[Row], whole: Parsed, chance: random.Random) -> None:
    """Read in two periods, with the boots counted before, it holds the same events: as the store reads it.

    Whose account is shown depends on who is known by then.
    """
    boots = Boots()
    surveyed = survey(Piece(data), "h")
    changes = boots.follow(surveyed.found) if data else []
    assert int(surveyed.sizes.sum()) >= sum(record["length"] for row in rows for record in row["records"]) - len(data)
    cut = chance.choice([row["time_ms"] for row in rows] or [0]) + chance.randint(0, 1)
    early, one = _read([data], until_ms=cut, boots=(changes, boots.began))
    late, other = _read([data], since_ms=cut, boots=(changes, boots.began))
    assert _bare(early + late, "account") == _bare(rows, "account")
    if data:
        assert one.accounting[0].record + other.accounting[0].record == whole.accounting[0].record


def _records_of(data: bytes) -> Iterator[tuple[bytes, re.Match[bytes]]]:
    """The lines that are one plain record each."""
    for line in data.split(b"\n"):
        match = _HEAD.fullmatch(line)
        if match and line.count(b"audit(") == 1 and int(match[4]) < 2**32:
            yield line, match


def _check_wrapped(data: bytes, rows: list[Row], whole: Parsed, chance: random.Random) -> None:
    """A record that syslog or the kernel's ring buffer wrapped says the same."""
    wraps = (
        b"%s",
        b"Jan  1 00:00:00 host audispd: %s",
        b"<86>1 2026-01-01T00:00:00.1+00:00 host audispd - - - %s",
        b"Jan  1 00:00:00 host kernel: [   12.3] audit: %s",
        b"[   12.345678] audit: %s",
        b"\0\0\0%s",
    )
    lines = [line for line, _ in _records_of(data)]
    wrapped = b"".join(chance.choice(wraps) % line + chance.choice((b"\n", b"\r\n", b"\0\n")) for line in lines)
    assert _bare(_read([wrapped])[0]) == _bare(_read([b"\n".join(lines)])[0])


def _check_journal(data: bytes, rows: list[Row], whole: Parsed, chance: random.Random) -> None:
    """A record that `journalctl -o json` gives says the same."""
    entries, lines = [], []
    for line, match in _records_of(data):
        body = match[1] + b" " + match[5]
        try:
            message: str | list[int] = body.decode("utf-8")
        except UnicodeDecodeError:
            message = list(body)
        entry = {
            "_TRANSPORT": "audit",
            "_AUDIT_ID": str(int(match[4])),
            "_SOURCE_REALTIME_TIMESTAMP": f"{int(match[2]) * 1000 + int(match[3])}000".rjust(6, "0"),
            "MESSAGE": message,
        }
        entries.append(json.dumps(entry, ensure_ascii=chance.random() < 0.5).encode())
        lines.append(line)
    plainly = _read([b"\n".join(lines)])[0]
    assert _bare(_read([b"\n".join(entries)])[0]) == _bare(plainly)


def _check_compressed(data: bytes, rows: list[Row], whole: Parsed, chance: random.Random) -> None:
    """Compressed bytes come back; damaged or cut ones, and whatever begins like them, are refused or read, no more."""
    kind = chance.choice(list(_COMPRESS))
    packed = _COMPRESS[kind](data)
    damaged = bytearray(packed)
    damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "audit.log"
        file.write_bytes(packed)
        with open_decompressed(file) as stream:
            assert stream.read() == data
        magic = packed[: chance.randint(2, 6)]
        for bad in (bytes(damaged), packed[: chance.randrange(len(packed))], magic + data, data):
            file.write_bytes(bad)
            try:
                with open_decompressed(file, limit=1 << 20) as stream:
                    read_events([stream.read()], host="h")
            except Unreadable as refused:
                assert str(refused)


def _check_parquet(data: bytes, rows: list[Row], whole: Parsed, chance: random.Random) -> None:
    """The table can be written and comes back as it was."""
    out = io.BytesIO()
    pq.write_table(whole.events, out, compression="zstd", store_schema=False)
    again = pq.read_table(io.BytesIO(out.getvalue()))
    assert plain(again).to_pylist() == rows
