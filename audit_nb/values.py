"""What the fields of the distinct phrases say: the column each goes to, its number or text, and whether the column gives it back.

Comes in as spans, goes out as arrays by field. Each distinct value is decoded once, in plain Python.
"""

import re
from typing import Any

import numpy as np
import pyarrow as pa

from audit_nb import columns, fields, scan
from audit_nb.spans import Interned, Spans

Array = np.ndarray[Any, Any]

#: The rows of the matrix of events, and the numbers that stand for members of `paths`.
MATRIX = {name: i for i, name in enumerate((*columns.NUMBER_COLUMNS, *columns.TEXT_COLUMNS))}
MEMBERS = {name: 1000 + i for i, name in enumerate((*columns.PATH_NUMBERS, *columns.PATH_TEXTS))}
_NAME_OF = {number: name for name, number in (MATRIX | MEMBERS).items()}
#: The keys of text that stands without one; what no field explains has an empty key.
_TEXT_KEYS = {scan.AVC_RESULT: "seresult", scan.AVC_PERMISSIONS: "seperms", scan.MESSAGE: "msg", scan.STRAY: ""}


class Words:
    """The distinct texts of one column, numbered in the order of their arrival."""

    def __init__(self) -> None:
        self.codes: dict[Any, int] = {}
        self.texts: list[Any] = []

    def code(self, text: Any) -> int:  # noqa: ANN401 - text, bytes or a tuple of texts
        code = self.codes.get(text)
        if code is None:
            code = self.codes[text] = len(self.texts)
            self.texts.append(text)
        return code

    def array(self, codes: Array, kind: pa.DataType | None = None) -> pa.DictionaryArray:
        """The column of these numbers; -1 is null."""
        codes = codes.astype(np.int32, copy=False)
        return pa.DictionaryArray.from_arrays(
            pa.array(codes, mask=codes < 0), pa.array(self.texts, kind or pa.string())
        )


class Values:
    """The fields of the distinct phrases of one part.

    By field: `target` (a row of MATRIX, one of MEMBERS, or -1), `value` (a number, or a code of the column's words), `always`
    (it stands in `other` whatever the column holds), `argument` (a part of EXECVE's arguments), `phrase`.
    """

    def __init__(self, spans: Spans, types: list[str]) -> None:
        self.spans, self.types = spans, types
        self.words = {name: Words() for name in (*columns.TEXT_COLUMNS, *columns.PATH_TEXTS)}
        self.other_keys, self.other_values, self.other_raws, self.argv = Words(), Words(), Words(), Words()
        n = len(spans.slot)
        self.phrase = np.repeat(np.arange(len(spans.form), dtype=np.int32), np.diff(spans.first_field))
        self.value = np.full(n, -1, np.int64)
        self.always = np.zeros(n, np.uint8)
        self.value_code, self.raw_code = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
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
        bases, arguments = np.zeros(len(slots) + 1, np.int32), np.zeros(len(slots) + 1, np.uint8)
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
        slot = self.spans.slot
        self.target, self.base, self.key_code, self.argument = targets[slot], bases[slot], keys[slot], arguments[slot]
        for kind, key in _TEXT_KEYS.items():
            self.key_code[self.spans.text_kind == kind] = self.other_keys.code(key)
        literal = (self.spans.flags & scan.LITERAL) != 0
        self.target[literal & (self.base != 2)] = -1
        self.silent = literal | (self.argument != 0)
        self.always[((self.target < 0) | (self.target == MATRIX["data"])) & ~self.silent] = 1

    def _read_old_logins(self) -> None:
        """`login pid=1 uid=0 old auid=4294967295 new auid=42` of older kernels: the new ids fill the columns."""
        spans = self.spans
        of_login = np.array([name == "LOGIN" for name in self.types] or [False])[spans.phrases.kind[self.phrase]]
        for f in np.flatnonzero(of_login & (spans.text_kind == scan.STRAY)).tolist():
            word = self.raw(f)
            if word in (b"old", b"new"):
                self.key_code[f] = self.other_keys.code("msg")
            if word == b"old" and f + 1 < len(self.phrase) and self.phrase[f + 1] == self.phrase[f]:
                self.target[f + 1] = -1

    def _mark_repeated(self) -> None:
        """Two fields of one name, or for one member of `paths`: the first fills the column, both are kept in order."""
        spans = self.spans
        if not len(spans.slot):
            return
        keys = len(self.other_keys.texts)
        name = np.where(self.target >= 1000, self.target - 1000 + keys, self.key_code)  # several keys fill `caps`
        pairs = self.phrase.astype(np.int64) * (keys + len(MEMBERS) + 1) + name
        order = np.argsort(pairs, kind="stable")
        again = pairs[order][1:] == pairs[order][:-1]
        second = order[1:][again]
        repeated = np.union1d(second, order[:-1][again])
        self.always[repeated[~self.silent[repeated]]] = 1
        self.target[second[self.target[second] >= 1000]] = -1

    def _names_of_numbers(self) -> Array:
        """By phrase: the bits (see `scan.NUMBERS`) of the numbers whose names its own fields bear."""
        bits = np.zeros(len(self.other_keys.texts) + 1, np.int32)
        of_name = {name: 1 << i for i, name in enumerate(scan.NUMBERS)}
        of_name["pid"] |= scan.LONE_PID_BIT
        for name, bit in (of_name | {"item": scan.ITEM_BIT}).items():
            bits[self.other_keys.codes.get(name, -1)] = bit
        bits[-1] = 0
        again = np.zeros(len(self.spans.form), np.int32)
        chosen = np.flatnonzero(bits[self.key_code])
        np.bitwise_or.at(again, self.phrase[chosen], bits[self.key_code[chosen]])
        return again

    def _read_results(self) -> None:
        """`success=`, `res=`, `result=`: 1 or 0; another word is kept as it is written."""
        literal = (self.spans.flags & scan.LITERAL) != 0
        for f in np.flatnonzero((self.base == 2) & (self.target >= 0)).tolist():
            self.value[f] = columns.result(self.raw(f))
            if self.value[f] < 0:
                self.target[f] = -1
            kind = self.slot_names[self.spans.slot[f]][0]
            if not literal[f] or not columns.is_usual_result(self.raw(f), kind):
                self.always[f] = 1

    def _read_numbers(self) -> None:
        """Numbers in the kernel's spelling become values; others are kept as written, and read if Python can."""
        spans = self.spans
        for base in (10, 16, 8):
            chosen = np.flatnonzero((self.base == base) & (self.target >= 0))
            if not len(chosen):
                continue
            values, good = np.empty(len(chosen), np.int64), np.empty(len(chosen), np.uint8)
            scan.parse_numbers(
                spans.buf, len(chosen), spans.value_start[chosen], spans.value_end[chosen], base, values, good
            )
            good[(spans.flags[chosen] & scan.QUOTED) != 0] = 0
            good[~_in_range(self.target[chosen], values)] = 0
            self.value[chosen] = values
            for f in chosen[good == 0].tolist():
                self._read_odd_number(f, base)

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
        if value is None or not columns.fits(name, value):
            self.target[f] = -1
        else:
            self.value[f] = value

    def raw(self, f: int) -> bytes:
        """The bytes of a field's value, without quotes."""
        spans = self.spans
        return spans.buf[spans.value_start[f] : spans.value_end[f]].tobytes()

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
        """Decode each distinct (slot, value) once."""
        spans = self.spans
        textual = (self.base == 0) & ((spans.flags & scan.LITERAL) == 0)
        chosen = np.flatnonzero((textual | (self.always != 0)) & (self.argument == 0))
        number, example = self._distinct(chosen)
        read = np.array([self._read_text(f) for f in example.tolist()], dtype=np.int64).reshape(-1, 2)
        fills = (self.base[chosen] == 0) & (self.target[chosen] >= 0)
        self.value[chosen[fills]] = read[number[fills], 0]
        self.always[chosen[read[number, 1] == 0]] = 1
        also_other = np.zeros(len(example), bool)
        also_other[number[self.always[chosen] != 0]] = True
        others = np.full((len(example), 2), -1, np.int32)
        others[also_other] = np.array([self._other(f) for f in example[also_other].tolist()]).reshape(-1, 2)
        self.value_code[chosen], self.raw_code[chosen] = others[number].T

    def _distinct(self, chosen: Array) -> tuple[Array, Array]:
        """The number of each field's (slot, quoting, value) among the distinct ones, and one field for each of those."""
        spans, n = self.spans, len(chosen)
        kind = ((spans.slot[chosen].astype(np.int64) + 1) * 16 + (spans.text_kind[chosen] + 1)) * 2
        kind += ((spans.flags[chosen] & scan.QUOTED) != 0) + (self.target[chosen] >= 0) * 2**28
        distinct = Interned(n)
        number = np.empty(n, np.int32)
        distinct.count = scan.intern_values(
            spans.buf, spans.found.block.words, n, spans.value_start[chosen], spans.value_end[chosen],
            kind.astype(np.int32), spans.seed, number, *distinct.arrays,
        )  # fmt: skip
        example = np.empty(distinct.count, np.int64)
        example[number[::-1]] = chosen[::-1]
        return number, example

    def _read_text(self, f: int) -> tuple[int, int]:
        """(its code in its column or -1, whether the column's text gives back what was written)."""
        target = int(self.target[f])
        if target < 0 or self.base[f]:
            return -1, 1
        text, _, same = self._text(f)
        return self.words[_NAME_OF[target]].code(text), int(same)

    def _other(self, f: int) -> tuple[int, int]:
        """The codes of a field in `other`: its value, and its bytes where the value does not give them back (else -1)."""
        text, raw, same = self._text(f)
        return self.other_values.code(text), -1 if same else self.other_raws.code(raw)

    def other_codes(self, chosen: Array) -> tuple[Array, Array, Array]:
        """The codes of key, value and bytes of these fields in `other`."""
        for f in np.unique(chosen[self.value_code[chosen] < 0]).tolist():
            self.value_code[f], self.raw_code[f] = self._other(f)
        return self.key_code[chosen], self.value_code[chosen], self.raw_code[chosen]

    def _read_arguments(self) -> None:
        """The arguments of each distinct EXECVE phrase; what is not written as a0="…" a1=… in full is kept as written."""
        flags = self.spans.flags
        self.phrase_argv = np.full(len(self.spans.form), -1, np.int32)
        self.arguments_of: dict[int, list[tuple[str, bytes, bool]]] = {}
        for f in np.flatnonzero(self.argument).tolist():
            key = self.slot_names[self.spans.slot[f]][1]
            raw, quoted = self.raw(f), bool(flags[f] & scan.QUOTED)
            self.arguments_of.setdefault(int(self.phrase[f]), []).append((key, raw, quoted))
            if flags[f] & scan.LITERAL:
                continue
            text = columns.read_text("EXECVE", key, raw, quoted=quoted)
            if "_" in key or "[" in key or not columns.spells_back("EXECVE", key, text, raw, quoted=quoted):
                self.always[f] = 1
        for phrase, arguments in self.arguments_of.items():
            code = self.argv_code(arguments)
            self.phrase_argv[phrase] = code
            keys = {key for key, _, _ in arguments}
            last = max(int(re.sub(r"[_[].*", "", key)[1:]) for key in keys)
            if len(keys) < len(arguments) or last >= len(self.argv.texts[code]):
                mine = slice(self.spans.first_field[phrase], self.spans.first_field[phrase + 1])
                self.always[mine] |= self.argument[mine] & ((flags[mine] & scan.LITERAL) == 0)

    def argv_code(self, arguments: list[tuple[str, bytes, bool]]) -> int:
        """The number of these arguments among the distinct ones."""
        return self.argv.code(tuple(fields.decode_argv(arguments)))


def _in_range(target: Array, values: Array) -> Array:
    """Where the target's column can hold the value and give it back; see `columns.fits`."""
    unsigned = np.isin(target, [(MATRIX | MEMBERS)[name] for name in (*columns.ID_COLUMNS, "ouid", "ogid")])
    small = np.isin(target, [(MATRIX | MEMBERS)[name] for name in columns.SMALL])
    return ~(unsigned & (values < 0)) & ~(small & ((values < -(2**31)) | (values >= 2**31)))


def _odd_number(text: str, base: int) -> int | None:
    if base == 10 and re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    if base == 16 and re.fullmatch(r"(?:0x)?[0-9A-Fa-f]{1,15}", text):
        return int(text, 16)
    if base == 8 and re.fullmatch(r"[0-7]{1,10}", text):
        return int(text, 8)
    return None
