"""What the fields of the distinct phrases say.

The column each goes to, its number or text, and whether the column gives it back.
Comes in as spans, goes out as arrays by field. Each distinct value is decoded once, in plain Python.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit_nb import columns, fields, scan, texts
from audit_nb.fields.argv import MOST_HOLES
from audit_nb.spans import Interned, Spans
from audit_nb.texts import Lists, Words

Array = np.ndarray[Any, Any]

#: The rows of the matrix of events, and the numbers that stand for members of `paths`.
MATRIX = {name: i for i, name in enumerate((*columns.NUMBER_COLUMNS, *columns.TEXT_COLUMNS))}
MEMBERS = {name: 1000 + i for i, name in enumerate((*columns.PATH_NUMBERS, *columns.PATH_TEXTS))}
_NAME_OF = {number: name for name, number in (MATRIX | MEMBERS).items()}
_LOWEST, _HIGHEST = np.array([columns.bounds(_NAME_OF.get(i, "")) for i in range(max(_NAME_OF) + 1)]).T.copy()
_FEW = 2048
CONTINUES = -2  # the arguments of a record that goes on where another one ended, see `Values.argv_of`
#: The keys of text that stands without one; what no field explains has an empty key.
_TEXT_KEYS = {scan.AVC_RESULT: "seresult", scan.AVC_PERMISSIONS: "seperms", scan.MESSAGE: "msg", scan.STRAY: ""}


def distinct(values: Array) -> tuple[Array, Array]:
    """The distinct numbers, in order of arrival, and the place of each number among them."""
    if values.dtype == np.int64 and len(values) > _FEW:
        out, found = np.empty(len(values), np.int32), np.empty(_FEW, np.int64)
        table, places = np.empty(2 * _FEW, np.int64), np.full(2 * _FEW, -1, np.int32)
        n = scan.number_few(values, table, places, found, out)
        if n >= 0:
            return found[:n], out
    encoded = pa.array(values).dictionary_encode()
    return encoded.dictionary.to_numpy(), encoded.indices.to_numpy()


class Values:
    """The fields of the distinct phrases of one part.

    By field: `target` (a row of MATRIX, one of MEMBERS, or -1), `value` (a number, or a code of the column's words),
    `always` (it stands in `other` whatever the column holds), `argument` (a part of EXECVE's arguments).
    """

    def __init__(self, spans: Spans, types: list[str]) -> None:
        self.spans, self.types = spans, types
        self.words = {name: Words() for name in (*columns.TEXT_COLUMNS, *columns.PATH_TEXTS)}
        self.other_keys, self.other_values, self.other_raws = Words(), Words(), Words()
        self.arguments, self.argv = Words(), Lists()  # an argv is a list of numbers of arguments
        n = len(spans.slot)
        self.value = np.full(n, -1, np.int64)
        self.value_code, self.raw_code = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
        self.argument_code = np.full(n, -1, np.int32)  # where the text alone gives back what was written
        self._read_slots()
        self._read_old_logins()
        self._mark_repeated()
        self.again = self._names_of_numbers()
        self._read_results()
        self._read_numbers()
        self._read_texts()
        self._read_arguments()

    def _read_slots(self) -> None:
        """What each distinct (type, key) is; the last entry of each list is for text without a key."""
        slots = self.spans.slots
        targets = np.full(len(slots) + 1, -1, np.int32)
        bases, arguments = np.zeros(len(slots) + 1, np.int8), np.zeros(len(slots) + 1, np.uint8)
        keys = np.full(len(slots) + 1, -1, np.int32)
        self.slot_names: list[tuple[str, str]] = []
        for i, (kind, enriched, key) in enumerate(slots):
            name = self.types[kind]
            self.slot_names.append((name, key))
            keys[i] = self.other_keys.code(key)
            arguments[i] = name == "EXECVE" and columns.is_argument(key)
            target = columns.target(name, key, enriched)
            if target is not None:
                targets[i] = MEMBERS[target.column] if name == "PATH" else MATRIX[target.column]
                bases[i] = target.base
        text_keys = np.array([self.other_keys.code(_TEXT_KEYS[kind]) for kind in range(len(_TEXT_KEYS))], np.int32)
        spans, n = self.spans, len(self.spans.slot)
        self.target, self.key_code = np.empty(n, np.int32), np.empty(n, np.int32)
        self.base, self.always = np.empty(n, np.int8), np.empty(n, np.uint8)
        self.argument, self.shared, self.silent = (np.empty(n, np.uint8) for _ in range(3))
        scan.spread_slots(
            spans.slot, spans.flags, spans.text_kind, targets, bases, keys, arguments, self._shared_names(targets),
            text_keys, MATRIX["data"], self.target, self.base, self.key_code, self.argument, self.shared, self.silent,
            self.always,
        )  # fmt: skip

    def _shared_names(self, targets: Array) -> Array:
        """By slot: whether another slot of its record type has the same key, or fills the same member of `paths`."""
        names: list[Any] = [
            (kind, int(target) if target >= 1000 else key)
            for (kind, _, key), target in zip(self.spans.slots, targets, strict=False)
        ]
        count = Counter(names)
        return np.array([*(count[name] > 1 for name in names), False])

    def _read_old_logins(self) -> None:
        """`login pid=1 uid=0 old auid=4294967295 new auid=42` of older kernels: the new ids fill the columns."""
        spans = self.spans
        is_login = np.array([name == "LOGIN" for name in self.types] or [False])
        stray = np.flatnonzero(spans.text_kind == scan.STRAY)
        words: dict[int, dict[int, bytes]] = {}
        phrase = spans.owner  # its fields are no other's: of text without a key, none is shared
        for f in stray[is_login[spans.phrases.kind[phrase[stray]]]].tolist():
            words.setdefault(int(phrase[f]), {})[f] = self.raw(f)
        for one, of_field in words.items():
            for f, word in of_field.items():
                if set(of_field.values()) <= {b"old", b"new"}:  # else all of it stays unread, in its order
                    self.key_code[f] = self.other_keys.code("msg")
                if word == b"old" and f + 1 < len(phrase) and phrase[f + 1] == one:
                    self.target[f + 1] = -1

    def _mark_repeated(self) -> None:
        """Two fields of one name, or for one member of `paths`: the first fills the column, both are kept in order."""
        spans, names = self.spans, len(self.other_keys) + len(MEMBERS)
        scan.mark_repeated(
            len(spans.form), spans.first_field, spans.fields, spans.again, self.shared, self.key_code, self.target,
            min(MEMBERS.values()), self.silent, np.full(names, -1, np.int64), np.empty(names, np.int64),
            np.zeros(len(self.target), np.uint8), self.always,
        )  # fmt: skip

    def _names_of_numbers(self) -> Array:
        """By phrase: the bits (see `scan.NUMBERS`) of the numbers whose names its own fields bear."""
        bits = np.zeros(len(self.other_keys) + 1, np.int32)
        of_name = {name: 1 << i for i, name in enumerate(scan.NUMBERS)}
        of_name["pid"] |= scan.LONE_PID_BIT
        for name, bit in (of_name | {"item": scan.ITEM_BIT}).items():
            bits[self.other_keys.code_of(name)] = bit
        bits[-1] = 0
        spans = self.spans
        again = np.zeros(len(spans.form), np.int64)
        first = first_places(spans.form)  # the form names the fields
        scan.gather_bits(first, spans.first_field, spans.fields, bits[self.key_code], again)
        return again[first][spans.form].astype(np.int32)

    def _read_results(self) -> None:
        """`success=`, `res=`, `result=`: 1 or 0; another word is kept as it is written."""
        chosen = np.flatnonzero((self.base == 2) & (self.target >= 0))
        number, example = self._distinct(chosen)
        read = np.empty((len(example), 2), np.int64)
        for i, f in enumerate(example.tolist()):
            word = self.raw(f)
            read[i] = columns.result(word), columns.is_usual_result(word, self.slot_names[self.spans.slot[f]][0])
        values, usual = read[number].T
        self.value[chosen] = values
        self.target[chosen[values < 0]] = -1
        self.always[chosen[((self.spans.flags[chosen] & scan.LITERAL) == 0) | (usual == 0)]] = 1

    def _read_numbers(self) -> None:
        """Numbers in the kernel's spelling become values; others are kept as written, and read if Python can."""
        spans = self.spans
        odd = np.empty(len(self.base), np.int32)
        n = scan.parse_numbers(
            spans.buf, spans.found.block.words, spans.value_start, spans.value_end, spans.flags, self.base, self.target,
            _LOWEST, _HIGHEST, self.value, odd,
        )  # fmt: skip
        for f in odd[:n].tolist():
            self._read_odd_number(f, int(self.base[f]))

    def _read_odd_number(self, f: int, base: int) -> None:
        """A number that is not spelt as the kernel spells it (`007`, `-1` for unset, a name): kept as written."""
        self.always[f] = 1
        name = _NAME_OF[int(self.target[f])]
        text = self.raw(f).decode("ascii", "replace")
        value = _odd_number(text, base)
        error = fields.parse_exit(text)[1] if name == "exit" and value is None else None
        if error:
            self.target[f], self.value[f] = MATRIX["errno_name"], self.words["errno_name"].code(error)
            return
        if value is not None and value < 0 and name in (*columns.ID_COLUMNS, "ouid", "ogid"):
            value = columns.UNSET
        if value is not None and _LOWEST[self.target[f]] <= value <= _HIGHEST[self.target[f]]:
            self.value[f] = value
        else:
            self.target[f] = -1

    def raw(self, f: int) -> bytes:
        """The bytes of a field's value, without quotes."""
        spans = self.spans
        return spans.buf[spans.value_start[f] : spans.value_end[f]].tobytes()

    def _key(self, f: int) -> str:
        """The key of a field that has one."""
        number = int(self.spans.argument[f])
        return f"a{number}" if number >= 0 else self.slot_names[self.spans.slot[f]][1]

    def _text(self, f: int) -> tuple[str, bytes, bool]:
        """The text of a field, its bytes, and whether the text gives them back."""
        raw = self.raw(f)
        slot = int(self.spans.slot[f])
        if slot < 0:
            text = raw.decode("utf-8", "backslashreplace")
            return text, raw, text.encode() == raw
        name, key = self.slot_names[slot]
        quoted = bool(self.spans.flags[f] & scan.QUOTED)
        text = columns.read_text(name, key, raw, quoted=quoted)
        return text, raw, columns.spells_back(name, key, text, raw, quoted=quoted)

    def _read_texts(self) -> None:
        """Read each distinct (slot, value) once: copied where it is plain, else decoded."""
        spans = self.spans
        textual = (self.base == 0) & ((spans.flags & scan.LITERAL) == 0)
        chosen = np.flatnonzero((textual | (self.always != 0)) & (self.argument == 0))
        number, example = self._distinct(chosen)
        modes = np.array([*(columns.modes(*name) for name in self.slot_names), (0, 0)], np.uint8)
        quoted = (spans.flags[example] & scan.QUOTED) != 0
        copies = texts.copy(spans, example, modes[spans.slot[example], quoted.astype(np.int8)])
        codes, same = self._column_codes(example, copies)
        also_other = np.zeros(len(example), bool)
        scan.spread_codes(chosen, number, self.base, self.target, codes, same, self.value, self.always, also_other)
        others = self._codes_in_other(example, copies, also_other)
        scan.spread_others(chosen, number, others, self.value_code, self.raw_code)

    def _column_codes(self, example: Array, copies: texts.Copies) -> tuple[Array, Array]:
        """The code of each distinct value in its column, and whether the column's text gives back what was written."""
        target = self.target[example]
        has_column = (target >= 0) & (self.base[example] == 0)
        codes, same = np.full(len(example), -1, np.int64), np.ones(len(example), bool)
        empty = has_column & copies.good & (copies.start == copies.end)
        nameless = empty & np.isin(target, [MATRIX["arch_name"], MATRIX["syscall_name"]])
        same[nameless] = False  # an empty name is none, and its column says so
        good = has_column & copies.good & ~nameless
        codes[good], arrays = texts.number(
            copies.pool, copies.start[good], copies.end[good], target[good], self.spans.seed, pa.string()
        )
        same[good] = copies.same[good]
        for one, array in arrays.items():
            self.words[_NAME_OF[one]].add(array)
        for i in np.flatnonzero(has_column & ~copies.good).tolist():  # of which none is empty
            text, _, same[i] = self._text(int(example[i]))
            codes[i] = self.words[_NAME_OF[int(target[i])]].code(text)
        return codes, same

    def _codes_in_other(self, example: Array, copies: texts.Copies, wanted: Array) -> Array:
        """The codes of distinct values in `other`.

        The value's, and its bytes' where it does not give them back (else -1).
        """
        spans = self.spans
        codes = np.full((len(example), 2), -1, np.int32)
        good = wanted & copies.good
        zeros = np.zeros(len(example), np.int32)
        codes[good, 0], arrays = texts.number(
            copies.pool, copies.start[good], copies.end[good], zeros[good], spans.seed, pa.string()
        )
        if arrays:
            self.other_values.add(arrays[0])
        odd = good & ~copies.same
        start, end = spans.value_start[example[odd]], spans.value_end[example[odd]]
        codes[odd, 1], arrays = texts.number(spans.found.block, start, end, zeros[odd], spans.seed, pa.binary())
        if arrays:
            self.other_raws.add(arrays[0])
        for i in np.flatnonzero(wanted & ~copies.good).tolist():
            codes[i] = self._other(int(example[i]))
        return codes

    def _distinct(self, chosen: Array, slot: Array | None = None) -> tuple[Array, Array]:
        """The number of each field's (slot, quoting, value) among the distinct ones; one field for each of those."""
        spans, n = self.spans, len(chosen)
        found, number, example = Interned(n), np.empty(n, np.int32), np.empty(n, np.int64)
        count = scan.intern_fields(
            spans.found.block.words, chosen, spans.value_start, spans.value_end,
            spans.slot[chosen] if slot is None else slot, spans.text_kind, spans.flags, self.target, spans.seed,
            number, example, *found.arrays,
        )  # fmt: skip
        return number, example[:count]

    def _other(self, f: int) -> tuple[int, int]:
        """The codes of a field in `other`: its value, its bytes where the value does not give them back (else -1)."""
        text, raw, same = self._text(f)
        return self.other_values.code(text), -1 if same else self.other_raws.code(raw)

    def other_codes(self, chosen: Array) -> tuple[Array, Array, Array]:
        """The codes of key, value and bytes of these fields in `other`."""
        missing = distinct(chosen[self.value_code[chosen] < 0])[0]
        plain = missing[self.argument_code[missing] >= 0]
        codes, number = distinct(self.argument_code[plain])
        if len(plain):
            self.value_code[plain] = self.other_values.add(self.arguments.all().take(pa.array(codes))) + number
        for f in missing[self.argument_code[missing] < 0].tolist():
            self.value_code[f], self.raw_code[f] = self._other(f)
        keys, arguments = self.key_code[chosen], self.spans.argument[chosen]
        different, number = distinct(arguments[arguments >= 0])
        if len(different):
            keys[arguments >= 0] = self.other_keys.add(_argument_names(different)) + number
        return keys, self.value_code[chosen], self.raw_code[chosen]

    def _read_arguments(self) -> None:
        """The arguments of each distinct EXECVE phrase; what is not written as a0="…" a1=… is kept as written."""
        flags = self.spans.flags
        self.phrase_argv = np.full(len(self.spans.form), -1, np.int32)
        # By phrase: the number of its first argument, and where those that stand in their order are in `self.run`.
        self.run_first = np.full(len(self.spans.form), -1, np.int64)
        self.run_start, self.run_end = (np.zeros(len(self.spans.form), np.int64) for _ in range(2))
        every = np.flatnonzero(self.argument)
        if not len(every):
            return
        number, example = self._distinct(every, np.zeros(len(every), np.int32))
        code, same = self._argument_codes(example)
        code, same = code[number], same[number] & (self.spans.argument[every] >= 0)
        self.argument_code[every[same]] = code[same]
        self.always[every[~same & ((flags[every] & scan.LITERAL) == 0)]] = 1
        phrases, chosen = self._fields_of(np.flatnonzero(self._holds(every)))
        is_argument = self.argument[chosen] != 0
        phrases, chosen = phrases[is_argument], chosen[is_argument]
        codes = np.empty(len(self.argument), np.int32)
        codes[every] = code
        plain = self.spans.argument[chosen]
        starts = np.flatnonzero(np.concatenate([[True], np.diff(phrases) != 0]))
        ends = np.concatenate([starts[1:], [len(chosen)]])
        # Arguments that stand in their order, none missing and none in pieces: a0 a1 a2 …, or those behind them.
        first = plain[starts]
        in_order = plain == np.arange(len(chosen)) - np.repeat(starts, ends - starts) + np.repeat(first, ends - starts)
        whole = np.logical_and.reduceat(in_order, starts) & (first >= 0)
        phrase = phrases[starts]
        self.run = codes[chosen]
        self.run_first[phrase[whole]] = first[whole]
        self.run_start[phrase], self.run_end[phrase] = starts, ends
        begins = whole & (first == 0)
        self.phrase_argv[phrase[begins]] = self._distinct_runs(starts[begins], ends[begins])
        self.phrase_argv[phrase[whole & (first > 0) & (first < MOST_HOLES)]] = CONTINUES
        for i in np.flatnonzero(~whole | (first >= MOST_HOLES)).tolist():
            self._read_odd_arguments(int(phrase[i]), chosen[starts[i] : ends[i]])

    def _holds(self, fields: Array) -> Array:
        """By phrase: whether it is of the type of one of these fields."""
        kind = self.spans.phrases.kind
        return np.isin(kind[: len(self.spans.form)], kind[self.spans.owner[fields]])

    def _fields_of(self, phrases: Array) -> tuple[Array, Array]:
        """The phrase and the number of every field of these phrases."""
        first = self.spans.first_field[phrases]
        counts = self.spans.first_field[phrases + 1] - first
        places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        return np.repeat(phrases, counts), self.spans.fields[places]

    def _distinct_runs(self, starts: Array, ends: Array) -> Array:
        """The numbers of these lists of arguments."""
        pool = scan.block(self.run.tobytes())
        distinct, number = Interned(len(starts)), np.empty(len(starts), np.int32)
        n = scan.intern_values(
            pool.buf, pool.words, len(starts), starts * 4, ends * 4, np.zeros(len(starts), np.int32), self.spans.seed,
            number, *distinct.arrays,
        )  # fmt: skip
        self.argv.add(self.run, distinct.start[:n] // 4, distinct.end[:n] // 4)
        return number

    def argv_of(self, phrases: Sequence[int]) -> int:
        """The number of the arguments that these records hold together."""
        parts, size = [], 0
        for phrase in phrases:
            if self.run_first[phrase] != size:
                return self._argv_code([argument for one in phrases for argument in self.arguments_of(one)])[0]
            parts.append(self.run[self.run_start[phrase] : self.run_end[phrase]])
            size += len(parts[-1])
        return self.argv.code(np.concatenate(parts))

    def _read_odd_arguments(self, phrase: int, chosen: Array) -> None:
        """Arguments in pieces, with holes, or twice; what their places in the list do not give back is kept raw."""
        self.phrase_argv[phrase], count = self._argv_code(self.arguments_of(phrase))
        keys = [self._key(f) for f in chosen.tolist()]
        names = [re.sub(r"[_[].*", "", key) for key in keys]
        in_pieces = {name for name, key in zip(names, keys, strict=True) if "[" in key}
        is_twice = len(set(keys)) < len(keys) or not in_pieces.isdisjoint(keys)
        if is_twice or max(int(name[1:]) for name in names) >= count:
            self.always[chosen[(self.spans.flags[chosen] & scan.LITERAL) == 0]] = 1

    def _argument_codes(self, example: Array) -> tuple[Array, Array]:
        """The code of each distinct argument, and whether its text gives back what was written."""
        quoted = (self.spans.flags[example] & scan.QUOTED) != 0
        copies = texts.copy(self.spans, example, np.where(quoted, scan.AS_WRITTEN, scan.FROM_HEX).astype(np.uint8))
        codes, same, good = np.full(len(example), -1, np.int32), copies.same.copy(), copies.good
        codes[good], arrays = texts.number(
            copies.pool,
            copies.start[good],
            copies.end[good],
            np.zeros(good.sum(), np.int32),
            self.spans.seed,
            pa.string(),
        )
        if arrays:
            self.arguments.add(arrays[0])
        for i in np.flatnonzero(~good).tolist():
            raw = self.raw(int(example[i]))
            text = columns.read_text("EXECVE", "a0", raw, quoted=bool(quoted[i]))
            codes[i] = self.arguments.code(text)
            same[i] = columns.spells_back("EXECVE", "a0", text, raw, quoted=bool(quoted[i]))
        return codes, same

    def arguments_of(self, phrase: int) -> list[tuple[str, bytes, bool]]:
        """The (key, raw, quoted) of the arguments of a phrase."""
        mine = self.spans.fields[self.spans.first_field[phrase] : self.spans.first_field[phrase + 1]].tolist()
        flags = self.spans.flags
        return [(self._key(f), self.raw(f), bool(flags[f] & scan.QUOTED)) for f in mine if self.argument[f]]

    def _argv_code(self, arguments: list[tuple[str, bytes, bool]]) -> tuple[int, int]:
        """The number of these arguments among the distinct ones, and how many they are."""
        decoded = fields.decode_argv(arguments)
        return self.argv.code([self.arguments.code(text) for text in decoded]), len(decoded)


def _argument_names(numbers: Array) -> pa.Array:
    """`a0`, `a1`, …"""
    return pc.binary_join_element_wise("a", pa.array(numbers).cast(pa.string()), "")


def first_places(numbers: Array) -> Array:
    """Where each number, from 0 to the largest, stands first."""
    first = np.zeros(numbers.max(initial=-1) + 1, np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def _odd_number(text: str, base: int) -> int | None:
    if base == 10 and re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    if base == 16 and re.fullmatch(r"(?:0x)?[0-9A-Fa-f]{1,15}", text):
        return int(text, 16)
    if base == 8 and re.fullmatch(r"[0-7]{1,10}", text):
        return int(text, 8)
    return None
