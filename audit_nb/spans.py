"""Where everything lies in one part of a host's bytes: its records, their fields, what is malformed, and whose bytes are whose.

Comes in as pieces of segments, goes out as arrays: one number for each record, phrase or field. `events` builds columns of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audit_nb import oddlines, scan

Array = np.ndarray[Any, Any]

EVER = (-(2**62), 2**62)  # since and until in milliseconds
_MOST_MALFORMED = 100_000  # rows of one part; what lies beyond is counted in one last row
_TEXT_BYTES = 8970  # of a malformed line that is shown: the longest line auditd writes


@dataclass(frozen=True)
class Piece:
    """Whole lines of one segment: `data` begins `offset` bytes into it, and `position` bytes into all segments of its host."""

    data: bytes
    segment: int = 1
    offset: int = 0
    position: int = 0
    source: int = 0


@dataclass
class Account:
    """Whose bytes they are: `total` = `record` + `malformed` + `other` (`passed` are records outside the period asked for)."""

    total: int = 0
    record: int = 0
    malformed: int = 0
    other: int = 0
    passed: int = 0
    nuls: int = 0
    interpreted: int = 0

    def add(self, more: "Account") -> None:
        for name, value in vars(more).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Malformed:
    """A line that cannot be read: where it begins in the part, its length, why, and its bytes as far as they are shown."""

    line: int
    length: int
    reason: str
    text: bytes


@dataclass
class Spans:
    """All spans of one part. Arrays by record, by distinct phrase, by field of a distinct phrase; names say which."""

    block: scan.Block
    pieces: Sequence[Piece]
    piece_start: Array
    # by record
    start: Array
    end: Array
    line: Array
    next_line: Array
    time_ms: Array
    serial: Array
    node: Array
    kind: Array
    mask: Array
    lead: Array
    row: Array
    phrase: Array
    event: Array
    numbers: Array  # by row
    # by event
    first: Array
    # names, as they are written
    types: list[str]
    nodes: list[str]
    seed: np.uint64
    # by phrase
    phrases: "Interned"
    first_field: Array = field(default_factory=lambda: np.zeros(1, np.int64))
    form: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    repaired: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    # by field
    value_start: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    value_end: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    flags: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    slot: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    text_kind: Array = field(default_factory=lambda: np.zeros(0, np.int8))
    # by slot and form
    slots: list[tuple[int, bool, str]] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)


def read_spans(pieces: Sequence[Piece], *, since_ms: int = EVER[0], until_ms: int = EVER[1]) -> Spans:
    """Find every record and field of these pieces; records outside since_ms <= time < until_ms are passed over."""
    pieces = [piece for piece in pieces if piece.data]
    block, piece_start = _joined(pieces)
    places, odd, accounts = _find(block, piece_start, pieces, since_ms, until_ms)
    malformed: list[Malformed] = []
    if len(odd):
        reader = _OddReader(block, piece_start, (since_ms, until_ms), malformed, accounts)
        for begin, after in odd.tolist():
            reader.read(begin, after)
        block, places = reader.finish(places)
    spans = _read(block, pieces, piece_start, places)
    spans.malformed, spans.accounts = malformed, accounts
    _account_records(spans)
    _cut(spans)
    return spans


def _joined(pieces: Sequence[Piece]) -> tuple[scan.Block, Array]:
    """One block of all pieces, each closed by a newline, and where each begins."""
    sizes = [len(piece.data) + (not piece.data.endswith(b"\n") if piece.data else 0) for piece in pieces]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    size = int(starts[-1])
    buf = np.empty(size + 1 + scan.PADDING, dtype=np.uint8)
    buf[size:] = 0
    for piece, begin, stop in zip(pieces, starts, starts[1:], strict=False):
        buf[begin : begin + len(piece.data)] = np.frombuffer(piece.data, dtype=np.uint8)
        if stop - begin > len(piece.data):
            buf[stop - 1] = 10
    return scan.Block(buf, scan.overlapping(buf), size), starts


def _find(
    block: scan.Block, piece_start: Array, pieces: Sequence[Piece], since_ms: int, until_ms: int
) -> tuple[tuple[Array, ...], Array, list[Account]]:
    """The places of all plain records (start, end, line, next line), the odd lines, and the accounts of the pieces so far."""
    longer = int(scan.count_lines(block.buf, block.words, block.size, scan.SHORTEST - 1))
    places = tuple(np.empty(longer, np.int32) for _ in range(4))
    room = 4096
    while True:
        odd_places = np.empty(room, np.int32), np.empty(room, np.int32)
        n = odd = 0
        accounts = []
        for piece, begin, stop in zip(pieces, piece_start.tolist(), piece_start[1:].tolist(), strict=False):
            n, odd, nuls, blank, passed = scan.find_records(
                block.buf, block.words, begin, stop, since_ms, until_ms, n, odd, *places, *odd_places
            )
            added = stop - begin - len(piece.data)  # the newline that the last line lacked
            accounts.append(Account(total=len(piece.data), record=-added, other=nuls + blank, passed=passed, nuls=nuls))
        if odd <= room:
            found = np.stack([array[:odd] for array in odd_places], axis=1)
            return tuple(array[:n] for array in places), found, accounts
        room = odd


def _account_records(spans: Spans) -> None:
    """Add the bytes of the records' lines to their pieces' accounts, less the NULs in front of them."""
    where = np.searchsorted(spans.piece_start, spans.line, side="right") - 1
    sizes = np.bincount(where, weights=spans.next_line - spans.line, minlength=len(spans.pieces))
    for account, size in zip(spans.accounts, sizes, strict=True):
        account.record += int(size) - account.nuls


class _OddReader:
    """Reads the lines that are no plain record: what they hold is added to the records, the malformed lines or the accounts."""

    def __init__(
        self,
        block: scan.Block,
        piece_start: Array,
        period: tuple[int, int],
        malformed: list[Malformed],
        accounts: list[Account],
    ) -> None:
        self.block, self.piece_start, self.period = block, piece_start, period
        self.malformed, self.accounts = malformed, accounts
        self.records: list[tuple[int, int, int, int]] = []
        self.plain: list[bytes] = []
        self.size = block.size
        self.beyond = 0

    def read(self, begin: int, after: int) -> None:
        text = self.block.buf[begin:after].tobytes()
        account = self.accounts[int(np.searchsorted(self.piece_start, begin, side="right")) - 1]
        for odd in oddlines.read_odd(text):
            size = odd.end - odd.start
            if odd.kind == oddlines.RECORD:
                self._read_record(begin, text, odd, account)
            elif odd.kind == oddlines.MALFORMED:
                account.malformed += size
                self._read_malformed(begin, text, odd)
            else:
                account.other += size
                account.interpreted += odd.reason == "interpreted"

    def _read_record(self, begin: int, text: bytes, odd: oddlines.Odd, account: Account) -> None:
        if not self.period[0] <= odd.time_ms < self.period[1]:
            account.passed += odd.end - odd.start
            return
        if odd.plain is None:
            at = begin + odd.at
            stop = begin + odd.start + len(text[odd.start : odd.end].rstrip(b"\n\r\0"))
        else:
            at, stop = self.size, self.size + len(odd.plain)
            self.plain.append(odd.plain)
            self.size = stop + 1
        self.records.append((at, stop, begin + odd.start, begin + odd.end))

    def _read_malformed(self, begin: int, text: bytes, odd: oddlines.Odd) -> None:
        if len(self.malformed) < _MOST_MALFORMED:
            shown = text[:_TEXT_BYTES].rstrip(b"\n")
            self.malformed.append(Malformed(begin, odd.end - odd.start, odd.reason, shown))
        else:
            self.beyond += 1

    def finish(self, places: tuple[Array, ...]) -> tuple[scan.Block, tuple[Array, ...]]:
        """The block, longer where records stood in JSON, and the places of all records in the order of their lines."""
        if self.beyond:
            last = self.malformed[-1].line
            self.malformed.append(Malformed(last, 0, f"{self.beyond} more malformed lines are only counted", b""))
        block = self.block
        if self.plain:
            block = scan.block(block.buf[: block.size].tobytes() + b"\n".join(self.plain) + b"\n")
        if not self.records:
            return block, places
        more = np.array(self.records, dtype=np.int32).T
        both = [np.concatenate([array, column]) for array, column in zip(places, more, strict=True)]
        order = np.argsort(both[2], kind="stable")
        return block, tuple(array[order] for array in both)


def _read(block: scan.Block, pieces: Sequence[Piece], piece_start: Array, places: tuple[Array, ...]) -> Spans:
    """Read the records' headers and numbers, intern their phrases, group them into events."""
    start, end, line, next_line = places
    n = len(start)
    seed = scan.seed()
    time_ms, serial = np.empty(n, np.int64), np.empty(n, np.int64)
    node, kind, body, lead, row, phrase, event, first = (np.empty(n, np.int32) for _ in range(8))
    mask = np.empty(n, np.int32)
    numbers = np.empty((n, len(scan.NUMBERS)), np.int64)
    names = 256
    while True:
        phrases, types, nodes = Interned(n), Interned(names), Interned(names)
        counts = scan.read_records(
            block.buf, block.words, n, start, end, seed,
            time_ms, serial, node, kind, body, mask, lead, row, numbers,
            phrase, *phrases.arrays, *types.arrays, *nodes.arrays,
        )  # fmt: skip
        if counts[0] >= 0:
            break
        names *= 16
    phrases.count, types.count, nodes.count, rows = counts
    events = scan.group(n, time_ms, serial, node, seed, scan.table(n), event, first)
    return Spans(
        block=block, pieces=pieces, piece_start=piece_start,
        start=start, end=end, line=line, next_line=next_line,
        time_ms=time_ms, serial=serial, node=node, kind=kind, mask=mask, lead=lead, row=row, phrase=phrase, event=event,
        numbers=numbers[:rows], first=first[:events],
        types=types.texts(block.buf), nodes=nodes.texts(block.buf),
        phrases=phrases, seed=seed,
    )  # fmt: skip


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


def _cut(spans: Spans) -> None:
    """Cut the distinct phrases into fields; a slot is a distinct (type, half, key)."""
    phrases, buf = spans.phrases, spans.block.buf
    count = phrases.count
    most = int(scan.count_equals(buf, count, phrases.start, phrases.end))
    text = int((phrases.end[:count].astype(np.int64) - phrases.start[:count]).sum())
    pool = np.zeros(text + most + 64, np.uint8)
    names = [name.split("[")[0] for name in spans.types]
    is_avc = np.array([name in ("AVC", "USER_AVC", "1400", "1107") for name in names] or [False])
    is_path = np.array([name in ("PATH", "1302") for name in names] or [False])
    slots_room = 4096
    while True:
        slots, forms = Interned(slots_room), Interned(max(count, 1))
        first_field = np.empty(count + 1, np.int64)
        value_start, value_end, slot = (np.empty(most, np.int32) for _ in range(3))
        flags, text_kind = np.empty(most, np.uint8), np.empty(most, np.int8)
        form, repaired = np.empty(count, np.int32), np.empty(count, np.uint8)
        n, slots.count, forms.count = scan.cut(
            buf, spans.block.words, count, phrases.start, phrases.end, phrases.kind, is_avc, is_path, spans.seed,
            first_field, value_start, value_end, flags, slot, text_kind, *slots.arrays,
            form, pool, scan.overlapping(pool), *forms.arrays, repaired,
        )  # fmt: skip
        if n >= 0:
            break
        slots_room *= 16
    spans.first_field, spans.form, spans.repaired = first_field, form, repaired
    spans.value_start, spans.value_end, spans.slot = value_start[:n], value_end[:n], slot[:n]
    spans.flags, spans.text_kind = flags[:n], text_kind[:n]
    kinds = slots.kind[: slots.count].tolist()
    spans.slots = [(kind >> 1, bool(kind & 1), key) for kind, key in zip(kinds, slots.texts(buf), strict=True)]
    spans.forms = forms.texts(pool)
