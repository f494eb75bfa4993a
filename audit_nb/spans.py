"""Where everything lies in one part of a host's bytes: records, fields, malformed lines, and whose bytes are whose.

Comes in as pieces of segments, goes out as arrays: one number for each record, phrase or field, of which `events`
builds its columns. `find` only looks for records, which is enough to know their times; `read_spans` looks into them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from audit_nb import oddlines, scan
from audit_nb.errors import AuditNbError

Array = np.ndarray[Any, Any]

EVER = (-(2**62), 2**62)  # since and until in milliseconds
MOST_BYTES = 2**31 - 2**20  # of one part: places are 32-bit numbers
_MOST_MALFORMED = 100_000  # rows of one part; what lies beyond is counted in one last row
_USUAL_RECORD, _USUAL_FIELD = 64, 12  # bytes; where they are shorter, room is made for more of them in a second try
FORMS_TRIED = 16  # of those of one type, see `scan.cut`
_KNOWN = 2048  # forms by which phrases are tried
_TEXT_BYTES = 8970  # of a malformed line that is shown: the longest line auditd writes


@dataclass(frozen=True)
class Piece:
    """Whole lines of one segment.

    `data` begins `offset` bytes into it, and `position` bytes into all of its host's segments.
    Pieces of one `source` continue each other; of two sources, one may hold copies of the other's records.
    """

    data: bytes | memoryview
    segment: int = 1
    offset: int = 0
    position: int = 0
    source: int = 0


@dataclass
class Account:
    """Whose bytes they are: `total` = `record` + `malformed` + `other` (+ `passed`).

    `passed` are records outside the period asked for. Of `other`, `nuls` are NUL bytes, as a crash leaves them;
    `interpreted` counts lines that went through `ausearch -i`.
    """

    total: int = 0
    record: int = 0
    malformed: int = 0
    other: int = 0
    passed: int = 0
    nuls: int = 0
    interpreted: int = 0

    def __add__(self, more: "Account") -> "Account":
        return Account(*(getattr(self, one.name) + getattr(more, one.name) for one in fields(Account)))


@dataclass(frozen=True)
class Malformed:
    """A line that cannot be read.

    The piece it stands in and where, its length, why, and its bytes as far as they are shown.
    """

    piece: int
    at: int
    length: int
    reason: str
    text: bytes


@dataclass
class Found:
    """The records of some pieces by their places (see `scan.PLACES`), times and serials; and what is no record."""

    block: scan.Block
    pieces: Sequence[Piece]  # without their data
    piece_start: Array
    places: Array
    time_ms: Array
    serial: Array
    malformed: list[Malformed]
    accounts: list[Account]

    @property
    def bounds(self) -> Array:
        """Where each piece's records begin, and where the last one's end, while they are in order of their lines."""
        return np.searchsorted(self.places[:, scan.LINE], self.piece_start)

    @property
    def piece(self) -> Array:
        """The number of the piece in which each record's line stands."""
        line = self.places[:, scan.LINE]
        if (line[1:] >= line[:-1]).all():
            return np.repeat(np.arange(len(self.pieces)), np.diff(self.bounds))
        return np.searchsorted(self.piece_start, line, side="right") - 1


class Interned:
    """The distinct spans of some kind: a hash table and, by number, the hash, kind, start and end of each."""

    def __init__(self, most: int) -> None:
        self.table = scan.table(most)
        self.hash, self.kind = np.empty(most, np.uint64), np.empty(most, np.int32)
        self.start, self.end = np.empty(most, np.int32), np.empty(most, np.int32)
        self.count = 0

    @property
    def arrays(self) -> tuple[Array, ...]:
        return self.table, self.hash, self.kind, self.start, self.end

    def texts(self, buf: Array) -> list[str]:
        """The spans as text; bytes that are not UTF-8 are shown as \\x escapes."""
        spans = zip(self.start[: self.count].tolist(), self.end[: self.count].tolist(), strict=True)
        return [buf[a:b].tobytes().decode("utf-8", "backslashreplace") for a, b in spans]


@dataclass
class Spans:
    """All spans of one part; the names in front of the arrays say of what there is one entry in each."""

    found: Found
    seed: np.uint64
    # records
    node: Array
    kind: Array
    mask: Array
    lead: Array
    row: Array
    phrase: Array
    event: Array
    # rows (of SYSCALL records) and events
    numbers: Array
    first: Array
    # kinds and nodes, as they are written
    types: list[str]
    nodes: list[str]
    # phrases
    phrases: Interned
    first_field: Array = field(default_factory=lambda: np.zeros(1, np.int64))  # into `fields`
    fields: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    form: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    repaired: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    raw_end: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    again: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    # fields
    value_start: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    value_end: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    flags: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    slot: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    text_kind: Array = field(default_factory=lambda: np.zeros(0, np.int8))
    argument: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    owner: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    # slots and forms
    slots: list[tuple[int, bool, str]] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)

    @property
    def buf(self) -> Array:
        return self.found.block.buf


# --------------------------------------------------------------------------------------------------------- the records


def find(pieces: Sequence[Piece], *, since_ms: int = EVER[0], until_ms: int = EVER[1]) -> Found:
    """Find the records of these pieces; those outside since_ms <= time < until_ms are passed over."""
    pieces = [piece for piece in pieces if piece.data]
    block, piece_start = _joined(pieces)
    most, room = block.size // _USUAL_RECORD + 4096, 4096
    while True:
        places = np.empty((most, scan.PLACES), np.int32)
        time_ms, serial = np.empty(most, np.int64), np.empty(most, np.int64)
        odd_places = np.empty(room, np.int32), np.empty(room, np.int32)
        n = odd = 0
        accounts = []
        for piece, begin, stop in zip(pieces, piece_start.tolist(), piece_start[1:].tolist(), strict=False):
            n, odd, nuls, blank_nuls, blank, passed = scan.find_records(
                block.buf, block.words, begin, stop, since_ms, until_ms, n, odd, places, time_ms, serial, *odd_places
            )
            account = Account(total=len(piece.data), record=-nuls, other=nuls + blank, passed=passed)
            account.nuls = nuls + blank_nuls
            if not _ends_a_line(piece):
                _take_back(account, bytes(piece.data), stop, places[:n], odd_places[1][:odd])
            accounts.append(account)
        if n <= most and odd <= room:
            break
        most, room = max(most, n), max(room, odd)
    bare = [replace(piece, data=b"") for piece in pieces]
    found = Found(block, bare, piece_start, places[:n], time_ms[:n], serial[:n], [], accounts)
    if odd:
        _read_odd(found, np.stack([array[:odd] for array in odd_places], axis=1), since_ms, until_ms)
    _account_records(found)
    return found


def _take_back(account: Account, data: bytes, stop: int, places: Array, odd_ends: Array) -> None:
    """Count the newline that we gave to the last line nowhere."""
    if len(odd_ends) and odd_ends[-1] == stop:
        odd_ends[-1] -= 1
    elif len(places) and places[-1, scan.NEXT] == stop:
        places[-1, scan.NEXT] -= 1
    elif data[data.rfind(b"\n") + 1 :].strip(b"\0"):
        account.passed -= 1
    else:
        account.other -= 1


def _ends_a_line(piece: Piece) -> bool:
    return piece.data[-1:] == b"\n"


def _joined(pieces: Sequence[Piece]) -> tuple[scan.Block, Array]:
    """One block of all pieces, each closed by a newline, and where each begins."""
    sizes = [len(piece.data) + (not _ends_a_line(piece)) for piece in pieces]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    size = int(starts[-1])
    if size > MOST_BYTES:
        raise AuditNbError(f"{size:,} bytes cannot be read at once; at most {MOST_BYTES:,} can")
    buf = np.empty(size + 1 + scan.PADDING, dtype=np.uint8)
    buf[size:] = 0
    for piece, begin, stop in zip(pieces, starts.tolist(), starts[1:].tolist(), strict=False):
        buf[begin : begin + len(piece.data)] = np.frombuffer(piece.data, dtype=np.uint8)
        if stop - begin > len(piece.data):
            buf[stop - 1] = 10
    return scan.Block(buf, scan.overlapping(buf), size), starts


def _account_records(found: Found) -> None:
    """Add the bytes of the records' lines to their pieces' accounts, where the NULs around are taken off already."""
    sizes, bounds = found.places[:, scan.NEXT] - found.places[:, scan.LINE], found.bounds
    for account, begin, stop in zip(found.accounts, bounds, bounds[1:], strict=False):
        account.record += int(sizes[begin:stop].sum())


def _read_odd(found: Found, odd: Array, since_ms: int, until_ms: int) -> None:
    """Read the lines that are no plain record: what they hold becomes records, malformed lines or other text."""
    records: list[tuple[int, int, int, int]] = []
    plain: list[bytes] = []
    size = found.block.size
    where = np.searchsorted(found.piece_start, odd[:, 0], side="right") - 1
    beyond = 0
    for (begin, after), piece in zip(odd.tolist(), where.tolist(), strict=True):
        account = found.accounts[piece]
        text = found.block.buf[begin:after].tobytes()
        for one in oddlines.read_odd(text):
            length = one.end - one.start
            if one.kind == oddlines.RECORD and not since_ms <= one.time_ms < until_ms:
                account.passed += length
            elif one.kind == oddlines.RECORD and one.plain is not None:
                records.append((size, size + len(one.plain), begin + one.start, begin + one.end))
                plain.append(one.plain)
                size += len(one.plain) + 1
            elif one.kind == oddlines.RECORD:
                stop = one.start + len(text[one.start : one.end].rstrip(b"\n\r\0"))
                records.append((begin + one.at, begin + stop, begin + one.start, begin + one.end))
                nuls = text[one.start : one.at].count(0) + text[stop : one.end].count(0)
                account.nuls += nuls
                account.other += nuls
                account.record -= nuls
            elif one.kind == oddlines.OTHER:
                account.other += length
                account.interpreted += one.reason == "interpreted"
            else:
                account.malformed += length
                beyond += len(found.malformed) >= _MOST_MALFORMED
                if len(found.malformed) < _MOST_MALFORMED:
                    at = begin - int(found.piece_start[piece])
                    found.malformed.append(Malformed(piece, at, length, one.reason, text[:_TEXT_BYTES].rstrip(b"\n")))
    if beyond:
        last = found.malformed[-1]
        found.malformed.append(
            Malformed(last.piece, last.at, 0, f"{beyond} more malformed lines are only counted", b"")
        )
    _add_records(found, records, plain)


def _add_records(found: Found, records: list[tuple[int, int, int, int]], plain: list[bytes]) -> None:
    """Put records into their places by line; those that stood in JSON get their plain text behind the block."""
    if plain:
        whole = found.block.buf[: found.block.size].tobytes() + b"\n".join(plain) + b"\n"
        found.block = replace(scan.block(whole), size=found.block.size)
    if not records:
        return
    n = len(records)
    places, time_ms, serial = np.zeros((n, scan.PLACES), np.int32), np.empty(n, np.int64), np.empty(n, np.int64)
    places[:, :4] = records
    scan.read_heads(found.block.buf, found.block.words, n, places, time_ms, serial)
    places = np.concatenate([found.places, places])
    places[:, scan.MARK] &= ~scan.SAME_NODE
    order = np.lexsort((places[:, scan.START], places[:, scan.LINE]))
    found.places = places[order]
    found.time_ms = np.concatenate([found.time_ms, time_ms])[order]
    found.serial = np.concatenate([found.serial, serial])[order]


# -------------------------------------------------------------------------------------------------------- their insides


def read_spans(found: Found, *, tried: int = FORMS_TRIED) -> Spans:
    """Read the records' numbers, intern their phrases, group them into events, and cut the phrases into fields.

    A phrase is tried by so many forms of its type before it is read; how many makes it faster or slower, nothing else.
    """
    block, n = found.block, len(found.places)
    seed = scan.seed()
    node, kind, lead, row, phrase, event, first = (np.empty(n, np.int32) for _ in range(7))
    mask = np.empty(n, np.int32)
    numbers = np.empty((n, len(scan.NUMBERS)), np.int64)
    names = 256
    while True:
        phrases, types, nodes = Interned(n), Interned(names), Interned(names)
        *counts, rows = scan.read_records(
            block.buf, block.words, n, found.places, seed, node, kind, mask, lead, row, numbers,
            phrase, *phrases.arrays, *types.arrays, *nodes.arrays,
        )  # fmt: skip
        phrases.count, types.count, nodes.count = counts
        if phrases.count >= 0:
            break
        names *= 16
    events = scan.group(n, found.time_ms, found.serial, node, seed, scan.table(n), event, first)
    spans = Spans(
        found=found, seed=seed, node=node, kind=kind, mask=mask, lead=lead, row=row, phrase=phrase, event=event,
        numbers=numbers[:rows], first=first[:events],
        types=types.texts(block.buf), nodes=nodes.texts(block.buf), phrases=phrases,
    )  # fmt: skip
    _cut(spans, tried)
    return spans


def _cut(spans: Spans, tried: int) -> None:
    """Cut the distinct phrases into fields; a slot is a distinct (type, half, key)."""
    phrases, block = spans.phrases, spans.found.block
    count = phrases.count
    text = int((phrases.end[:count].astype(np.int64) - phrases.start[:count]).sum())
    most = text // _USUAL_FIELD + 2 * count + 4096
    pool = np.empty(
        text + text // 2 + 4 * count + 64, np.uint8
    )  # a field, of two bytes and more, gets one more in a form
    is_avc = np.array([name in ("AVC", "USER_AVC", "1400", "1107") for name in spans.types] or [False])
    is_path = np.array([name in ("PATH", "1302") for name in spans.types] or [False])
    is_execve = np.array([name in ("EXECVE", "1309") for name in spans.types] or [False])
    room = 4096
    while True:
        slots, forms = Interned(room), Interned(max(count, 1))
        first_field = np.empty(count + 1, np.int64)
        fields, value_start, value_end, slot, argument, owner = (np.empty(most, np.int32) for _ in range(6))
        argument_slot = np.full(2 * len(is_execve), -1, np.int32)
        flags, text_kind = np.empty(most, np.uint8), np.empty(most, np.int8)
        again, slot_phrase = np.empty(count, np.uint8), np.empty(room, np.int32)
        form, raw_end, repaired = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.uint8)
        known = np.full((len(is_execve), max(tried, 1)), -1, np.int32)
        known_form, known_latest, known_raw = (np.empty((_KNOWN, *more), np.int64) for more in ((), (), (2,)))
        known_first = np.zeros(_KNOWN + 1, np.int64)
        gap_at, gap_size, trait = (np.empty(_KNOWN * 32, np.int32) for _ in range(3))
        gap_word = np.empty(_KNOWN * 32, np.uint64)
        n, slots.count, forms.count = scan.cut(
            block.buf, block.words, count, phrases.start, phrases.end, phrases.kind, is_avc, is_path, is_execve,
            spans.seed, first_field, fields, value_start, value_end, flags, slot, text_kind, argument, owner,
            argument_slot, *slots.arrays,
            form, pool, scan.overlapping(pool), *forms.arrays, repaired, raw_end,
            again, slot_phrase,
            tried, known, np.empty(max(count, 1), np.int32), known_form, known_first, known_raw, known_latest,
            gap_at, gap_size, gap_word, trait,
        )  # fmt: skip
        if n >= 0:
            break
        room, most = (room * 16, most) if n == scan.SLOTS_ARE_FULL else (room, most * 4)
    spans.first_field, spans.fields = first_field, fields[: first_field[-1]]
    spans.form, spans.repaired, spans.raw_end = form, repaired, raw_end
    spans.value_start, spans.value_end, spans.slot = value_start[:n], value_end[:n], slot[:n]
    spans.flags, spans.text_kind, spans.argument, spans.owner = flags[:n], text_kind[:n], argument[:n], owner[:n]
    spans.again = again
    kinds = slots.kind[: slots.count].tolist()
    spans.slots = [(kind >> 1, bool(kind & 1), key) for kind, key in zip(kinds, slots.texts(block.buf), strict=True)]
    spans.forms = forms.texts(pool)
