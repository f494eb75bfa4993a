"""Distinct texts as Arrow arrays, most of them without a Python object for each.

A value in quotes, or plain hexadecimal of ASCII, is copied as it is by a compiled loop; only what needs a decoder of
`fields` (names that are not ASCII, abstract sockets, keys of several rules) comes as a Python text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from audit_nb import scan
from audit_nb.spans import Interned, Spans

Array = np.ndarray[Any, Any]


class Words:
    """The distinct texts of one column, numbered: arrays of them, and those that Python decoded."""

    def __init__(self) -> None:
        self._parts: list[pa.Array] = []
        self._count = 0  # of those in arrays
        self._codes: dict[Any, int] = {}
        self._decoded: list[Any] = []
        self._texts: list[Any] | None = None

    def add(self, words: pa.Array) -> int:
        """Number the texts of an array; returns the number of the first."""
        if self._decoded:
            self._parts.append(pa.array(self._decoded, words.type))
            self._count += len(self._decoded)
            self._decoded = []
        first = self._count
        self._parts.append(words)
        self._count += len(words)
        self._texts = None
        return first

    def __len__(self) -> int:
        return self._count + len(self._decoded)

    def code(self, text: Any) -> int:  # noqa: ANN401 - text, bytes or a tuple of numbers
        """The number of a text that Python holds."""
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self)
            self._decoded.append(text)
            self._texts = None
        return code

    def code_of(self, text: Any) -> int:  # noqa: ANN401 - as for `code`
        """The number of a text that Python holds, or -1 where it has none."""
        return self._codes.get(text, -1)

    @property
    def texts(self) -> list[Any]:
        """All of them by number, as Python objects."""
        if self._texts is None:
            self._texts = [text for part in self._parts for text in part.to_pylist()] + self._decoded
        return self._texts

    def all(self, kind: pa.DataType | None = None) -> pa.Array:
        """All of them by number, as an Arrow array."""
        words = pa.array(self._decoded, kind or pa.string())
        if not self._parts:
            return words
        parts = [*self._parts, words] if len(words) else self._parts
        return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)

    def array(self, codes: Array, kind: pa.DataType | None = None) -> pa.DictionaryArray:
        """The column of these numbers; -1 is null."""
        return encoded(codes, self.all(kind))


def encoded(codes: Array, words: pa.Array) -> pa.DictionaryArray:
    """The words of these numbers; -1 is null."""
    codes = np.ascontiguousarray(codes, np.int32)
    bits = no_bits(len(codes))
    indices = column(pa.int32(), codes, bits, scan.mark_codes(codes, bits))
    return pa.DictionaryArray.from_arrays(indices, words, safe=False)


def no_bits(length: int) -> Array:
    """Arrow's marks of what is not null, none of them set."""
    return np.zeros((length + 7) >> 3, np.uint8)


def column(kind: pa.DataType, values: Array, bits: Array, nulls: int) -> pa.Array:
    """These numbers as an Arrow array, which lends their memory; `bits` marks what is not null."""
    marks = pa.py_buffer(bits) if nulls else None
    return pa.Array.from_buffers(kind, len(values), [marks, pa.py_buffer(values)], nulls)


class Lists:
    """Lists of numbers, numbered themselves: first those that a compiled loop found, then those that Python made."""

    def __init__(self) -> None:
        self._flat: list[Array] = [np.zeros(0, np.int32)]
        self._starts: list[Array] = [np.zeros(0, np.int64)]
        self._sizes: list[Array] = [np.zeros(0, np.int64)]
        self._codes: dict[bytes, int] = {}
        self._count = self._room = 0

    def add(self, flat: Array, starts: Array, ends: Array) -> None:
        """Number the lists flat[start:end]."""
        self._starts.append(starts.astype(np.int64) + self._room)
        self._sizes.append((ends - starts).astype(np.int64))
        self._flat.append(flat.astype(np.int32, copy=False))
        self._count, self._room = self._count + len(starts), self._room + len(flat)

    def code(self, numbers: Sequence[int] | Array) -> int:
        """The number of one list."""
        one = np.asarray(numbers, np.int32)
        key = one.tobytes()
        if key not in self._codes:
            self._codes[key] = self._count
            self.add(one, np.zeros(1, np.int64), np.full(1, len(one)))
        return self._codes[key]

    def array(self, codes: Array, words: Words) -> pa.ListArray:
        """The column of these lists of words; -1 is null."""
        flat, starts, sizes = (np.concatenate(one) for one in (self._flat, self._starts, self._sizes))
        chosen = codes[codes >= 0]
        counts = np.zeros(len(codes), np.int64)
        counts[codes >= 0] = sizes[chosen]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        taken = flat[np.repeat(starts[chosen], sizes[chosen]) + within]
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words.array(taken), mask=pa.array(codes < 0))


@dataclass(frozen=True)
class Copies:
    """The texts of some values in a pool of bytes.

    Where each lies, whether it could be copied, whether it gives back its value.
    """

    pool: scan.Block
    start: Array
    end: Array
    good: Array
    same: Array


def copy(spans: Spans, fields: Array, modes: Array) -> Copies:
    """Copy the text of each of these fields as its mode says; see `scan.copy_texts`."""
    start, end = spans.value_start[fields], spans.value_end[fields]
    n = len(fields)
    buf = np.zeros(int((end - start).sum(dtype=np.int64)) + scan.PADDING, np.uint8)
    at, to = np.empty(n, np.int32), np.empty(n, np.int32)
    good, same = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    size = scan.copy_texts(
        spans.buf, spans.found.block.words, n, start, end, modes, buf, scan.overlapping(buf, writeable=True), at, to,
        good, same,
    )  # fmt: skip
    pool = scan.Block(buf, scan.overlapping(buf), int(size))
    return Copies(pool, at, to, good.astype(bool), same.astype(bool))


def number(
    pool: scan.Block, start: Array, end: Array, kinds: Array, seed: np.uint64, kind: pa.DataType
) -> tuple[Array, dict[int, pa.Array]]:
    """Number the distinct texts of each kind from 0; returns each text's number, and the texts of each kind.

    A kind is a small number.
    """
    n = len(start)
    interned = Interned(n)
    numbers = np.empty(n, np.int32)
    interned.count = count = scan.intern_values(
        pool.buf, pool.words, n, start, end, kinds.astype(np.int32), seed, numbers, *interned.arrays
    )
    sizes = np.bincount(interned.kind[:count])
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    by_kind, local = np.empty(count, np.int32), np.empty(count, np.int32)
    scan.sort_by_group(count, interned.kind, bounds[:-1].copy(), by_kind)
    local[by_kind] = np.arange(count) - np.repeat(bounds[:-1], sizes)
    arrays: dict[int, pa.Array] = {}
    for one in np.flatnonzero(sizes).tolist():
        mine = by_kind[bounds[one] : bounds[one + 1]]
        arrays[one] = _gathered(pool, interned.start[mine], interned.end[mine], kind)
    return local[numbers], arrays


def _gathered(pool: scan.Block, start: Array, end: Array, kind: pa.DataType) -> pa.Array:
    """These spans as an Arrow array of text or bytes."""
    offsets = np.zeros(len(start) + 1, np.int32)
    np.cumsum(end - start, out=offsets[1:])
    size = int(offsets[-1])
    data = np.empty(size + scan.PADDING, np.uint8)
    scan.gather(pool.words, len(start), start, end, scan.overlapping(data, writeable=True))
    return pa.Array.from_buffers(kind, len(start), [None, pa.py_buffer(offsets), pa.py_buffer(data[:size])])
