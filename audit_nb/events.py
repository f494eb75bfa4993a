"""The table of events: one row for each event, built from the spans that `scan` found in the bytes.

The schema stands first; everything below fills it. Null means unknown or unset, in every column.

Nothing that was written is lost: a field that no column can give back as it was written stands in `other`, and each
record's `form` (its body with `*` for every value) says which fields it has; `records.to_records` puts them together
again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit_nb import columns, fields, redact, scan, texts
from audit_nb.boots import Boots, Changes, boots_of
from audit_nb.copies import drop_copies
from audit_nb.fields import IdMap
from audit_nb.spans import EVER, Account, Found, Piece, Spans, find, read_spans
from audit_nb.texts import Lists, Words
from audit_nb.values import CONTINUES, MATRIX, MEMBERS, Values, distinct, first_places

Array = np.ndarray[Any, Any]

#: Raised whenever the same bytes would give another table; a store made by another version is made anew.
PARSER_VERSION = 5

_IDS = ("auid", "uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid")

#: One file that an event touched: a PATH record. `mode` holds type and permission bits, `caps` the text of its cap_
#: fields.
PATH = pa.struct(
    [
        ("name", pa.string()),
        ("nametype", pa.string()),
        ("inode", pa.int64()),
        ("dev", pa.string()),
        ("mode", pa.int32()),
        ("ouid", pa.int64()),
        ("ogid", pa.int64()),
        ("ouid_name", pa.string()),
        ("ogid_name", pa.string()),
        ("rdev", pa.string()),
        ("obj", pa.string()),
        ("caps", pa.string()),
    ]
)

#: The address of a SOCKADDR record; `saddr` is the hexadecimal text as the kernel wrote it.
SOCKET = pa.struct(
    [
        ("family", pa.string()),
        ("address", pa.string()),
        ("port", pa.int64()),
        ("path", pa.string()),
        ("saddr", pa.string()),
    ]
)

#: Where a record's bytes lie: `gap` bytes after the end of the line before it (the first one begins at `segment`,
#: `offset`), `length` bytes long; `form` is its body with `*` in the place of every value.
RECORD = pa.struct([("gap", pa.int64()), ("length", pa.int32()), ("form", pa.string())])

#: A field without a column: `record` counts the event's records from 0; `raw` holds the bytes of the value as written
#: where `value` cannot give them back. Text that no field explains has an empty key.
OTHER = pa.struct([("record", pa.int32()), ("key", pa.string()), ("value", pa.string()), ("raw", pa.binary())])

SCHEMA = pa.schema(
    [
        ("host", pa.string()),
        ("node", pa.string()),
        ("time", pa.timestamp("us")),
        ("time_ms", pa.int64()),
        ("serial", pa.int64()),
        ("boot", pa.int32()),
        ("type", pa.string()),
        ("types", pa.list_(pa.string())),
        ("complete", pa.bool_()),
        ("success", pa.bool_()),
        ("exit", pa.int64()),
        ("errno", pa.string()),
        ("arch", pa.string()),
        ("syscall", pa.string()),
        ("syscall_nr", pa.int32()),
        ("a0", pa.int64()),
        ("a1", pa.int64()),
        ("a2", pa.int64()),
        ("a3", pa.int64()),
        ("items", pa.int32()),
        ("pid", pa.int64()),
        ("ppid", pa.int64()),
        *((name, pa.int64()) for name in _IDS),
        ("ses", pa.int64()),
        *((f"{name}_name", pa.string()) for name in _IDS),
        ("comm", pa.string()),
        ("exe", pa.string()),
        ("terminal", pa.string()),
        ("subj", pa.string()),
        ("cwd", pa.string()),
        ("keys", pa.list_(pa.string())),
        ("argv", pa.list_(pa.string())),
        ("argc", pa.int32()),
        ("proctitle", pa.string()),
        ("command", pa.string()),
        ("op", pa.string()),
        ("acct", pa.string()),
        ("account", pa.string()),
        ("id", pa.int64()),
        ("id_name", pa.string()),
        ("hostname", pa.string()),
        ("addr", pa.string()),
        ("unit", pa.string()),
        ("paths", pa.list_(PATH)),
        ("socket", SOCKET),
        ("by_collector", pa.bool_()),
        ("segment", pa.int32()),
        ("offset", pa.int64()),
        ("records", pa.list_(RECORD)),
        ("other", pa.list_(OTHER)),
        ("unread", pa.string()),
    ]
)

#: A line that could not be read; `offset` and `length` lead back to its bytes.
MALFORMED = pa.schema(
    [
        ("host", pa.string()),
        ("segment", pa.int32()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("reason", pa.string()),
        ("text", pa.string()),
    ]
)


@dataclass(frozen=True)
class Session:
    """A visit of our own collector: logins of `account` from `address` between the two times are its doing."""

    account: str
    address: str
    since_ms: int
    until_ms: int


@dataclass(frozen=True)
class Known:
    """What is known of a host beside its logs: names of ids, and our own visits."""

    ids: IdMap = field(default_factory=IdMap)
    sessions: Sequence[Session] = ()
    salt: bytes | None = None  # for the pseudonyms of accounts, see `redact.account`


@dataclass(frozen=True)
class Parsed:
    """What came of some bytes: the events, the malformed lines, and whose bytes they are (one account for each piece).

    By event: how many of its records had lost the separator in front of their names (`repaired`), and how many pieces
    of text no field explains (`unread`). `asked` are the (day since 1970, id) of which names were looked for in the id
    map.
    """

    events: pa.Table
    malformed: pa.Table
    accounting: list[Account]
    repaired: Array
    unread: Array
    copies: int
    asked: Mapping[str, frozenset[tuple[int, int]]]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind there are.

        Records, events, incomplete events, malformed lines, repaired records, unread pieces of text, interpreted lines.
        """
        return {
            "records": int(pc.sum(pc.list_value_length(self.events["types"])).as_py() or 0),
            "events": len(self.events),
            "incomplete": int(pc.sum(pc.invert(self.events["complete"])).as_py() or 0),
            "malformed": len(self.malformed),
            "repaired": int(self.repaired.sum()),
            "unread": int(self.unread.sum()),
            "interpreted": sum(account.interpreted for account in self.accounting),
        }


def read_events(
    blocks: Iterable[Piece | bytes | memoryview],
    *,
    host: str,
    known: Known | None = None,
    since_ms: int = EVER[0],
    until_ms: int = EVER[1],
    boots: tuple[Sequence[Changes], Mapping[str, Sequence[int]]] | None = None,
) -> Parsed:
    """The events of these bytes (whole lines; several blocks continue each other), as a table of SCHEMA's columns.

    Text columns are dictionary-encoded (`plain` undoes it). Records outside since_ms <= time < until_ms are passed
    over. `boots` are the changes of each piece and when each boot began (see `boots.Boots`), for bytes that others
    precede.
    """
    pieces = [block if isinstance(block, Piece) else Piece(block) for block in blocks]
    found = find(pieces, since_ms=since_ms, until_ms=until_ms)
    del pieces  # what an iterator gave is no more needed; it would take memory until all is built
    return read_found(found, host=host, known=known, boots=boots)


def read_found(
    found: Found,
    *,
    host: str,
    known: Known | None = None,
    boots: tuple[Sequence[Changes], Mapping[str, Sequence[int]]] | None = None,
) -> Parsed:
    """As `read_events`, of records that were found before."""
    if boots is None:
        counted = Boots()
        boots = counted.follow(found), counted.began
    return _Builder(read_spans(found), host, known or Known(), boots).build()


def plain(table: pa.Table) -> pa.Table:
    """The same table in SCHEMA's own types, without dictionaries."""
    return table.cast(SCHEMA)


def malformed_table(found: Found, host: str) -> pa.Table:
    """The lines that could not be read, as a table of MALFORMED's columns."""
    rows = []
    for one in found.malformed:
        piece = found.pieces[one.piece]
        text = one.text.decode("utf-8", "backslashreplace")
        rows.append((host, piece.segment, piece.offset + one.at, one.length, one.reason, text))
    return pa.table(
        [pa.array([row[i] for row in rows], kind.type) for i, kind in enumerate(MALFORMED)], schema=MALFORMED
    )


_NUMBER_ROWS = np.array([MATRIX["syscall_nr" if name == "syscall" else name] for name in scan.NUMBERS], dtype=np.int32)
# The end of a session names what was typed when it began, and succeeds though that was nobody: login(1) goes on with
# the account of a first, failed try.
_CLOSING = ("USER_END", "CRED_DISP")
_ALTERED = (MATRIX["arch"], MATRIX["cmd"])  # columns whose values are taken back after they were filled in
_HEX_NUMBERS = ("arch", "a0", "a1", "a2", "a3")


class _Builder:
    """Builds the columns of one part from its spans."""

    def __init__(
        self, spans: Spans, host: str, known: Known, boots: tuple[Sequence[Changes], Mapping[str, Sequence[int]]]
    ) -> None:
        self.spans, self.found, self.host, self.known, self.boots = spans, spans.found, host, known, boots
        self.types = [type_name(name) for name in spans.types]
        self.values = Values(spans, self.types)
        self.asked: dict[str, set[tuple[int, int]]] = {"users": set(), "groups": set()}

    def build(self) -> Parsed:
        copies = drop_copies(self.spans, self.types)
        self._order()
        self._fill()
        calls = self._call_columns()
        shown = self._shown_columns()
        others, unread = self._others()
        table = self._table({"other": others, "unread": unread, **calls, **shown})
        repaired = np.bincount(self.event, self.spans.repaired[self.spans.phrase] & 1, len(self.first))
        return Parsed(
            events=table,
            malformed=malformed_table(self.found, self.host),
            accounting=self.found.accounts,
            repaired=repaired.astype(np.int64),
            unread=self.unread,
            copies=copies,
            asked={name: frozenset(ids) for name, ids in self.asked.items()},
        )

    # ------------------------------------------------------------------------------------------------------- the order

    def _order(self) -> None:
        """Events by time and serial; records by event, in order of arrival."""
        spans, first = self.spans, self.spans.first
        n = len(first)
        by_time = _by_time(self.found.time_ms[first], self.found.serial[first], first)
        rank = np.empty(n, np.int32)
        rank[by_time] = np.arange(n, dtype=np.int32)
        self.event = rank[spans.event]
        self.first = first[by_time]
        self.days = distinct(self.found.time_ms[self.first] // 86_400_000)
        self.by_event = np.empty(len(self.event), np.int32)
        self.offsets = np.concatenate([[0], np.cumsum(np.bincount(self.event, minlength=n))]).astype(np.int32)
        scan.sort_by_group(len(self.event), self.event, self.offsets[:-1].copy(), self.by_event)
        self.kind_by_event = spans.kind[self.by_event]

    def _are(self, *names: str) -> Array:
        """Which kinds of records are of one of these types."""
        return np.array([name in names for name in self.types] or [False])

    def _is(self, *names: str) -> Array:
        """Where the records are of one of these types."""
        return self._are(*names)[self.spans.kind]

    def _records_of(self, name: str) -> Array:
        """The records of a type, by event and in order of arrival."""
        return self.by_event[self._are(name)[self.kind_by_event]]

    # -------------------------------------------------------------------------------------------------------- filling

    def _fill(self) -> None:
        """One value of each column for each event: the SYSCALL's, else that of the first record that has one.

        But a program says itself whether what it tells of succeeded: its message arrives all the same.
        """
        spans, n = self.spans, len(self.first)
        self.matrix = np.zeros((len(MATRIX), n), np.int64)
        self.filled = np.zeros((len(MATRIX), n), np.uint8)
        self.given = np.ones(len(self.event), np.uint8)  # by record: it has no value that another one filled in
        self.in_matrix = np.where(self.values.target < 1000, self.values.target, -1).astype(np.int32)
        is_syscall = self._is("SYSCALL")
        syscalls = np.flatnonzero(is_syscall).astype(np.int32)
        rest = np.flatnonzero(~is_syscall & ~self._is("PATH")).astype(np.int32)
        self._fill_spoken(syscalls)
        scan.fill_numbers(
            len(syscalls), syscalls, self.event, spans.row, spans.mask, spans.numbers, _NUMBER_ROWS, MATRIX["success"],
            self.matrix, self.filled, self.given,
        )  # fmt: skip
        for order in (syscalls, rest):
            scan.fill(
                len(order), order, self.event, spans.phrase, spans.first_field, spans.fields, self.in_matrix,
                self.values.value, spans.mask, spans.lead, MATRIX["pid"], self.matrix, self.filled, self.given,
            )  # fmt: skip
        self.argv, self.several_execve = self._argv()

    def _fill_spoken(self, syscalls: Array) -> None:
        """The results that programs tell, of events whose message was carried by a system call that is audited too."""
        carried = np.zeros(len(self.first), bool)
        carried[self.event[syscalls]] = True
        spoken = self._are(*filter(_is_spoken, self.types))[self.spans.kind[self.first]]
        spoken = self.first[carried & spoken].astype(np.int32)
        if not len(spoken):
            return
        result = np.where(self.in_matrix == MATRIX["success"], self.in_matrix, np.int32(-1))
        spans = self.spans
        scan.fill(
            len(spoken), spoken, self.event, spans.phrase, spans.first_field, spans.fields, result, self.values.value,
            np.zeros_like(spans.mask), spans.lead, MATRIX["pid"], self.matrix, self.filled, self.given,
        )  # fmt: skip

    def _argv(self) -> tuple[Array, Array]:
        """The code of each event's arguments, and whether it has several EXECVE records."""
        n = len(self.first)
        execve = self._records_of("EXECVE")
        events, phrases = self.event[execve], self.spans.phrase[execve]
        several = np.bincount(events, minlength=n) > 1
        codes = np.full(n, -1, np.int32)
        codes[events] = self.values.phrase_argv[phrases]
        together = np.flatnonzero(several | (codes == CONTINUES))
        bounds = zip(
            *(np.searchsorted(events, together, side=side).tolist() for side in ("left", "right")), strict=True
        )
        known: dict[tuple[int, ...], int] = {}
        for e, (begin, end) in zip(together.tolist(), bounds, strict=True):
            mine = tuple(phrases[begin:end].tolist())
            if mine not in known:
                known[mine] = self.values.argv_of(mine)
            codes[e] = known[mine]
        return codes, several.astype(np.uint8)

    # ------------------------------------------------------------------------------------------------------ the others

    def _others(self) -> tuple[pa.Array, pa.Array]:
        """`other`: every field that the columns do not give back; and `unread`: the text that no field explains."""
        spans, values = self.spans, self.values
        arguments = (
            len(spans.event), self.by_event, self.event, spans.phrase, spans.first_field, spans.fields,
            self.in_matrix, values.value, values.always, self._is_plain(), values.argument, self.several_execve,
            spans.mask, values.again, spans.lead, spans.row, spans.numbers, _NUMBER_ROWS, MATRIX["pid"],
            self._item_of_record(), self.matrix, self.given,
        )  # fmt: skip
        room = 2 * len(spans.event)
        while True:
            record, chosen = np.empty(room, np.int32), np.empty(room, np.int32)
            n = scan.find_others(*arguments, record, chosen)
            if n <= room:
                break
            room = n
        record, chosen = record[:n], chosen[:n]
        keys, texts, raws = self._other_codes(record, chosen)
        event = self.event[record]
        place = np.empty(len(spans.event), np.int32)
        place[self.by_event] = np.arange(len(spans.event), dtype=np.int32)
        members = [
            pa.array(place[record] - self.offsets[event], pa.int32()),
            values.other_keys.array(keys),
            values.other_values.array(texts),
            values.other_raws.array(raws, pa.binary()),
        ]
        others = pa.StructArray.from_arrays(members, names=["record", "key", "value", "raw"])
        return _lists(others, event, len(self.first)), self._unread(event, keys, texts)

    def _is_plain(self) -> Array:
        """By phrase: PLAIN, where no field of it fills the matrix, nor stands in `other` for itself; see `scan`."""
        values, spans = self.values, self.spans
        found = np.empty(len(spans.form), np.uint8)
        scan.mark_plain(
            len(spans.form), spans.first_field, spans.fields, self.in_matrix, values.always, values.argument, _ALTERED,
            found,
        )  # fmt: skip
        return found

    def _other_codes(self, record: Array, chosen: Array) -> tuple[Array, Array, Array]:
        """The codes of key, value and bytes of what stands in `other`."""
        keys, texts, raws = (np.full(len(chosen), -1, np.int32) for _ in range(3))
        real = chosen >= 0
        keys[real], texts[real], raws[real] = self.values.other_codes(chosen[real])
        for i in np.flatnonzero(~real).tolist():
            key, text = self._number_text(int(record[i]), int(chosen[i]))
            keys[i], texts[i] = self.values.other_keys.code(key), self.values.other_values.code(text)
        return keys, texts, raws

    def _number_text(self, record: int, which: int) -> tuple[str, str]:
        """(key, text) of a number that was read in front of a phrase."""
        spans = self.spans
        if which in (scan.LONE_PID_FIELD, scan.ITEM_FIELD):
            return "pid" if which == scan.LONE_PID_FIELD else "item", str(spans.lead[record])
        i = scan.NUMBER_FIELD - which
        value = int(spans.numbers[spans.row[record], i])
        base = 16 if scan.NUMBERS[i] in _HEX_NUMBERS else 10
        return scan.NUMBERS[i], columns.spell_number(value, base).decode()

    def _item_of_record(self) -> Array:
        """The place of each PATH record among those of its event."""
        items = np.zeros(len(self.spans.event), np.int32)
        paths = self._records_of("PATH")
        events = self.event[paths]
        items[paths] = np.arange(len(paths)) - np.searchsorted(events, events)
        return items

    def _unread(self, event: Array, keys: Array, texts: Array) -> pa.Array:
        """`unread`, and how many pieces of it each event has."""
        unread: dict[int, list[str]] = {}
        chosen = keys == self.values.other_keys.code("")
        known = self.values.other_values.texts if chosen.any() else []
        for e, text in zip(event[chosen].tolist(), texts[chosen].tolist(), strict=True):
            unread.setdefault(e, []).append(known[text])
        self.unread = np.bincount(event[chosen], minlength=len(self.first))
        words = Words()
        codes = np.full(len(self.first), -1, np.int32)
        for e, parts in unread.items():
            codes[e] = words.code("\n".join(parts))
        return words.array(codes)

    # ------------------------------------------------------------------------------------------------------- the table

    def _table(self, made: dict[str, Any]) -> pa.Table:
        n = len(self.first)
        made |= {
            "host": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([self.host])),
            "by_collector": pa.array(self._by_collector()),
            "paths": self._paths(),
        }
        made |= self._header_columns()
        made |= self._number_columns()
        made |= self._text_columns()
        made |= self._record_columns()
        made["socket"] = self._sockets()
        return pa.table([made[name] for name in SCHEMA.names], names=SCHEMA.names)

    def _header_columns(self) -> dict[str, Any]:
        spans, first = self.spans, self.first
        names, nodes = Words(), Words()
        name_codes = np.array([names.code(name) for name in self.types] or [0], np.int32)
        node_codes = np.array([*(nodes.code(name) for name in spans.nodes), -1], np.int32)
        last = np.array([fields.is_last_record(name) for name in self.types] or [False])
        self.complete = np.zeros(len(first), bool)
        scan.mark_events(self.event, spans.kind, last, self.complete)
        time_ms = self.found.time_ms[first]
        self.boot = boots_of(self.found, first, spans.node[first], spans.nodes, *self.boots)
        return {
            "node": nodes.array(node_codes[spans.node[first]]),
            "time": pa.array(time_ms * 1000, pa.timestamp("us")),
            "time_ms": pa.array(time_ms),
            "serial": pa.array(self.found.serial[first]),
            "boot": pa.array(self.boot),
            "type": names.array(name_codes[spans.kind[first]]),
            "types": pa.ListArray.from_arrays(pa.array(self.offsets), names.array(name_codes[self.kind_by_event])),
            "complete": pa.array(self.complete),
        }

    def _number(self, name: str) -> tuple[Array, Array]:
        """A column's numbers and where they are null."""
        i = MATRIX[name]
        values, null = self.matrix[i], self.filled[i] == 0
        if name in columns.ID_COLUMNS or name == "id":
            null = null | (values == columns.UNSET)
        return values, null

    def _codes(self, name: str) -> Array:
        """A text column's codes; -1 is null."""
        i = MATRIX[name]
        codes = np.empty(len(self.first), np.int32)
        scan.read_codes(self.matrix[i], self.filled[i], codes)
        return codes

    def _number_columns(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name in columns.NUMBER_COLUMNS[1:]:  # all but `arch`
            i = MATRIX[name]
            values, bits = self.matrix[i], texts.no_bits(len(self.first))
            nulls = scan.mark_numbers(values, self.filled[i], _unset(name), bits)
            if name == "success":
                made[name] = pa.array(values != 0, mask=self.filled[i] == 0)
            elif name in columns.SMALL:
                made[name] = texts.column(pa.int32(), values.astype(np.int32), bits, nulls)
            else:
                made[name] = texts.column(pa.int64(), values, bits, nulls)
        return made

    def _text_columns(self) -> dict[str, Any]:
        names = ("comm", "exe", "terminal", "subj", "cwd", "proctitle", "op", "acct", "hostname", "addr", "unit")
        made: dict[str, Any] = {name: self.values.words[name].array(self._codes(name)) for name in names}
        for name in (*columns.NAMED, "id"):
            made[f"{name}_name"] = self._names(name, self.known.ids.groups if "gid" in name else self.known.ids.users)
        words, lists = Words(), Lists()
        texts_of_keys = self.values.words["key"].texts
        keys = [lists.code([words.code(key) for key in fields.split_keys(text)]) for text in texts_of_keys]
        made["keys"] = lists.array(np.array([*keys, -1], np.int32)[self._codes("key")], words)
        return made

    def _names(self, name: str, known: Mapping[int, str]) -> pa.Array:
        """The names of an id: auditd's own, else the host's id map's."""
        i, codes = MATRIX[name], self._codes(f"{name}_name")
        events = np.arange(len(codes))
        self._complete(name, codes, (self.matrix[i], self.filled[i]), events, unset=_unset(name), known=known)
        return self.values.words[f"{name}_name"].array(codes)

    def _complete(
        self,
        name: str,
        codes: Array,
        numbers: tuple[Array, Array],
        events: Array,
        *,
        unset: int,
        known: Mapping[int, str],
    ) -> None:
        """Give ids (and whether each is filled) of these events, where they have no name, that of the host's id map."""
        ids, filled = numbers
        nameless = np.empty(len(codes), np.int32)
        nameless = nameless[: scan.find_nameless(ids, filled, codes, unset, nameless)]
        if len(nameless):
            codes[nameless] = self._named(self.values.words[f"{name}_name"], known, events[nameless], ids[nameless])

    def _named(self, words: Words, known: Mapping[int, str], events: Array, ids: Array) -> Array:
        """The codes of the names that the id map gives to these ids of events; remembers that they were looked for."""
        different, number = distinct(ids)
        names = different.tolist()
        found = np.array([words.code(known[i]) if i in known else -1 for i in names], np.int32)
        days, day = self.days
        pairs = distinct(day[events].astype(np.int64) * len(names) + number)[0] if len(days) > 1 else range(len(names))
        asked = self.asked["groups" if known is self.known.ids.groups else "users"]
        asked.update((int(days[one // len(names)]), names[one % len(names)]) for one in map(int, pairs))
        return found[number]

    def _call_columns(self) -> dict[str, Any]:
        """`arch`, `syscall` and `errno`, interpreted once for each distinct combination."""
        word, number, exit_value = (np.where(null, -1, values) for values, null in map(self._number, _CALL_NUMBERS))
        exit_value = np.where((exit_value >= -4095) & ~self._number("exit")[1], exit_value, 0)
        arch, call, errno = Words(), Words(), Words()
        names = ("arch_name", "syscall_name", "errno_name")
        arch_names, call_names, error_names = (self.values.words[name].texts for name in names)
        key = np.stack([word, number, np.minimum(exit_value, 0), *map(self._codes, names)])
        calls, inverse = _distinct_columns(key)
        made = np.full((len(calls) + 1, 3), -1, np.int32)
        lost = np.zeros(len(calls) + 1, bool)  # where the name does not lead back to the word
        for i, (w, nr, failed, a, c, e) in enumerate(calls):
            hexadecimal = f"{w:x}" if w >= 0 else None
            known_arch = arch_names[a] if a >= 0 else fields.arch_name(hexadecimal) if hexadecimal else None
            known_call = call_names[c] if c >= 0 else fields.syscall_name(hexadecimal, nr) if nr >= 0 else None
            known_error = error_names[e] if e >= 0 else fields.errno_name(-failed, hexadecimal) if failed else None
            lost[i] = w < 0 or (bool(known_arch) and fields.arch_word(known_arch) != hexadecimal)
            made[i] = [
                words.code(text) if text else -1
                for words, text in (
                    (arch, known_arch or hexadecimal),
                    (call, known_call),
                    (errno, known_error),
                )
            ]
        codes = made[inverse]
        self.matrix[MATRIX["arch"], lost[inverse]] ^= -1  # no record's own: each keeps its word in `other`
        self.little_endian = np.array([fields.is_little_endian(name) for name in arch.texts] + [True])[codes[:, 0]]
        return {"arch": arch.array(codes[:, 0]), "syscall": call.array(codes[:, 1]), "errno": errno.array(codes[:, 2])}

    def _shown_columns(self) -> dict[str, Any]:
        """What a reader may see: `command` and `account`, secrets masked; and `argv`, which nobody is shown."""
        cmd, cmd_texts = self._codes("cmd"), self.values.words["cmd"].texts
        arguments = self.values.arguments
        command = self._commands(cmd)
        # USER_CMD holds one text; what is split at single blanks can be joined again.
        split = [self.values.argv.code([arguments.code(word) for word in text.split(" ")]) for text in cmd_texts]
        argv = np.where((self.argv < 0) & (cmd >= 0), np.array([*split, -1], np.int32)[cmd], self.argv)
        self.matrix[MATRIX["cmd"], (self.argv >= 0) & (cmd >= 0)] = -1  # the column holds the other's arguments
        return {
            "argv": self.values.argv.array(argv, arguments),
            "command": command,
            "account": self._accounts(self._codes("acct")),
        }

    def _commands(self, cmd: Array) -> pa.DictionaryArray:
        """What was typed, else the command of USER_CMD, else the arguments; each distinct one is masked once."""
        parts: list[pa.Array] = []
        taken = np.full(len(cmd), -1, np.int32)
        for codes, masked in (
            (self._codes("data"), self._masked_keystrokes),
            (cmd, self._masked_texts),
            (self.argv, self._masked_arguments),
        ):
            chosen = np.flatnonzero(codes >= 0)
            used, number = distinct(codes[chosen])
            taken[chosen] = number + sum(map(len, parts))
            parts.append(masked(used))
        every = pa.concat_arrays(parts).dictionary_encode()
        found = np.append(every.indices.to_numpy(), np.int32(-1))
        return texts.encoded(found[taken], every.dictionary)

    def _masked_keystrokes(self, codes: Array) -> pa.Array:
        typed = self.values.words["data"].texts
        return pa.array([_keystrokes(typed[code]) for code in codes.tolist()], pa.string())

    def _masked_texts(self, codes: Array) -> pa.Array:
        return redact.texts(self.values.words["cmd"].all().take(pa.array(codes)))

    def _masked_arguments(self, codes: Array) -> pa.Array:
        return redact.commands(self.values.argv.array(codes, self.values.arguments))

    def _accounts(self, acct: Array) -> pa.Array:
        """The account as it is shown: the name, unless it failed and nobody is known by it."""
        words = self.values.words
        texts = words["acct"].texts
        closing = self._are(*_CLOSING)[self.spans.kind[self.first]]
        succeeded = (self.filled[MATRIX["success"]] != 0) & (self.matrix[MATRIX["success"]] == 1) & ~closing
        known: Collection[str] = (
            {texts[code] for code in distinct(acct[succeeded & (acct >= 0)])[0].tolist()}
            | set(self.known.ids.users.values())
            | {name for column in ("auid", "uid", "id") for name in words[f"{column}_name"].texts}
        )
        shown = Words()
        named = np.array([shown.code(text) for text in texts] + [-1], np.int32)
        masked = named.copy()
        for code in distinct(acct[~succeeded & (acct >= 0)])[0].tolist():
            masked[code] = shown.code(redact.account(texts[code], known, salt=self.known.salt))
        return shown.array(np.where(succeeded, named[acct], masked[acct]))

    def _by_collector(self) -> Array:
        """Events of the logins of our own collector: those of its session, and those of the sshd that let it in."""
        mine = np.zeros(len(self.first), bool)
        if not self.known.sessions:
            return mine
        time_ms = self.found.time_ms[self.first]
        acct, addr, exe = (self._texts(name) for name in ("acct", "addr", "exe"))
        for session in self.known.sessions:
            near = (time_ms >= session.since_ms) & (time_ms < session.until_ms)
            login = near & (acct == session.account) & (addr == session.address) & (exe == _SSHD)
            for name in ("pid", "ses"):
                values, null = self._number(name)
                mine |= near & ~null & np.isin(values, values[login & ~null])
        return mine

    def _texts(self, name: str) -> Array:
        """A text column as an array of objects; None where it is null."""
        return np.array([*self.values.words[name].texts, None], dtype=object)[self._codes(name)]

    def _paths(self) -> pa.Array:
        """Every PATH record, in order of arrival."""
        paths, values, spans = self._records_of("PATH"), self.values, self.spans
        matrix, filled = (np.zeros((len(MEMBERS), len(paths)), kind) for kind in (np.int64, np.uint8))
        member = np.where(values.target >= 1000, values.target - 1000, -1).astype(np.int32)
        scan.fill_members(
            len(paths), paths, spans.phrase, spans.first_field, spans.fields, member, values.value, matrix, filled
        )
        made: dict[str, pa.Array] = {}
        for i, name in enumerate(MEMBERS):
            if name in columns.PATH_NUMBERS:
                bits = texts.no_bits(len(paths))
                unset = columns.UNSET if name in ("ouid", "ogid") else -1
                nulls = scan.mark_numbers(matrix[i], filled[i], unset, bits)
                small = name == "mode"
                numbers = matrix[i].astype(np.int32) if small else matrix[i]
                made[name] = texts.column(pa.int32() if small else pa.int64(), numbers, bits, nulls)
                continue
            codes = np.empty(len(paths), np.int32)
            scan.read_codes(matrix[i], filled[i], codes)
            if name in ("ouid_name", "ogid_name"):
                owner = name.removesuffix("_name")
                of_owner = matrix[MEMBERS[owner] - 1000], filled[MEMBERS[owner] - 1000]
                known = self.known.ids.users if owner == "ouid" else self.known.ids.groups
                self._complete(owner, codes, of_owner, self.event[paths], unset=-1, known=known)
            made[name] = values.words[name].array(codes)
        names = [member.name for member in PATH]
        struct = pa.StructArray.from_arrays([made[name] for name in names], names=names)
        return _lists(struct, self.event[paths], len(self.first))

    def _sockets(self) -> pa.Array:
        """The first SOCKADDR, decoded once for each distinct text and byte order."""
        codes = self._codes("saddr")
        texts = self.values.words["saddr"].texts
        has = codes >= 0
        addresses, inverse = distinct(codes[has].astype(np.int64) * 2 + self.little_endian[has])
        rows = []
        for one in addresses.tolist():
            text = texts[one >> 1]
            socket = _decode_socket(text, bool(one & 1))
            rows.append(
                (socket.family, socket.address, socket.port, socket.path, text) if socket else (*_NO_SOCKET, text)
            )
        at = np.full(len(codes), -1, np.int32)
        at[has] = inverse
        taken = pa.array(at, mask=~has)
        made = []
        for i, member in enumerate(SOCKET):
            distinct_values = pa.array([row[i] for row in rows], member.type)
            is_text = member.type == pa.string()
            made.append(_encoded(distinct_values, taken) if is_text else distinct_values.take(taken))
        return pa.StructArray.from_arrays(made, names=[member.name for member in SOCKET], mask=pa.array(~has))

    def _record_columns(self) -> dict[str, Any]:
        """The way back to the bytes, and the form of each record."""
        spans, order, pieces = self.spans, self.by_event, self.found.pieces
        if not len(order):
            return {
                "segment": pa.array([], pa.int32()),
                "offset": pa.array([], pa.int64()),
                "records": pa.array([], SCHEMA.field("records").type),
            }
        shift = np.array([one.position for one in pieces]) - self.found.piece_start[:-1]
        n, first = len(order), self.offsets[:-1]
        piece, length = np.empty(n, np.int32), np.empty(n, np.int32)
        form_key, position, gap = (np.empty(n, np.int64) for _ in range(3))
        scan.trace(
            n, order, self.offsets, self.found.places, self.found.piece_start, shift, form_key, spans.mask, spans.form,
            spans.phrase, piece, position, length, gap,
        )  # fmt: skip
        forms, inverse = distinct(form_key)
        words = Words()
        codes = [words.code(_numbers_form(int(one) >> 32) + spans.forms[one & 0xFFFFFFFF]) for one in forms.tolist()]
        members = [pa.array(gap), pa.array(length), words.array(np.array(codes, np.int32)[inverse])]
        struct = pa.StructArray.from_arrays(members, names=["gap", "length", "form"])
        in_segment = np.array([one.offset - one.position for one in pieces])[piece[first]]
        segments = np.array([one.segment for one in pieces], np.int32)[piece[first]]
        return {
            "segment": pa.array(segments),
            "offset": pa.array(position[first] + in_segment),
            "records": pa.ListArray.from_arrays(pa.array(self.offsets), struct),
        }


def _unset(name: str) -> int:
    """The number that says in this column that there is none; -1 where no number does."""
    return columns.UNSET if name in columns.ID_COLUMNS or name == "id" else -1


_SSHD = "/usr/sbin/sshd"
_NO_SOCKET = (None, None, None, None)
_decode_socket = lru_cache(maxsize=8192)(fields.decode_socket)
_keystrokes = lru_cache(maxsize=4096)(redact.keystrokes)
_CALL_NUMBERS = ("arch", "syscall_nr", "exit")


_AMBIGUOUS = ("UNKNOWN[1420]", "UNKNOWN[1421]")  # the labels of several LSMs on some kernels, IPE's records on others


def type_name(written: str) -> str:
    """The name of a record type: `1112` is USER_LOGIN; a number that nobody has named stays as it is written."""
    if written in _AMBIGUOUS:
        return written
    number = written.removeprefix("UNKNOWN[").removesuffix("]")
    if number.isascii() and number.isdecimal() and len(number) < 10:
        return fields.record_type_name(int(number)) or written
    return written


def _is_spoken(name: str) -> bool:
    """Whether records of this type are written by programs, not by the kernel: 1100 to 1199, and from 2100 on."""
    number = fields.record_type_number(name)
    return number is not None and (1100 <= number < 1200 or 2100 <= number < 3000)


def _numbers_form(mask: int) -> str:
    """The form of the numbers in front of a phrase: `arch=* syscall=* success=yes exit=* `."""
    made = [f"{name}=* " for i, name in enumerate(scan.NUMBERS) if mask & (1 << i)]
    if mask & (scan.YES_BIT | scan.NO_BIT):
        made.insert(bool(mask & 1) + bool(mask & 2), "success=yes " if mask & scan.YES_BIT else "success=no ")
    if mask & scan.LONE_PID_BIT:
        made.append("pid=* ")
    if mask & scan.ITEM_BIT:
        made.append("item=* ")
    return "".join(made)


def _by_time(time_ms: Array, serial: Array, first: Array) -> Array:
    """The order by time, serial and first record."""
    since = time_ms - time_ms.min(initial=2**62)
    # The usual case: less than 24 days, and events in order of arrival. One key is sorted much faster than three.
    if since.max(initial=0) < 2**31 and (np.diff(first) > 0).all():
        return np.argsort((since << 32) + serial, kind="stable")
    return np.lexsort((first, serial, time_ms))


def _lists(values: pa.Array, event: Array, events: int) -> pa.Array:
    """Values in the order of their events as one list for each event, null where it has none."""
    counts = np.bincount(event, minlength=events)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))


def _encoded(values: pa.Array, taken: pa.Array) -> pa.Array:
    """The values taken by number, as a dictionary without nulls or repetitions."""
    unique = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(unique.indices.take(taken), unique.dictionary)


def _distinct_columns(key: Array) -> tuple[list[list[int]], Array]:
    """The distinct columns of a matrix, and the number of each column among them."""
    place = np.zeros(key.shape[1], np.int64)
    for row in key:
        numbers, inverse = distinct(row)
        place = distinct(place * len(numbers) + inverse)[1].astype(np.int64)
    return key[:, first_places(place)].T.tolist(), place
