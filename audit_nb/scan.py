# ruff: noqa: ANN001, ANN201, ANN202 - Numba infers the types of compiled functions; mypy could not check them
"""Finds, in a block of bytes, where every record and field lies. All compiled functions live here.

    type=SYSCALL msg=audit(1795400390.052:3220): arch=c000003e syscall=59 … pid=843 auid=1004 … key="exec"
    ^ start      ^ header                        ^ numbers                         ^ phrase             ^ end

A record is a header, a few numbers that nearly always differ, and its phrase: the rest of the line with its type.
Phrases repeat, so each distinct one is found once (`scan`) and cut into fields once (`cut`); a distinct value is
decoded once, above.

Bytes come in as a `Block`: whole lines and then PADDING bytes, so that sixteen bytes can be read at any place of the
text. Every function is told where its text ends. Constants are unsigned 64-bit: mixed with signed ones they would
become floats.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

log = logging.getLogger(__name__)

PADDING = 32
Array = np.ndarray[Any, Any]


def kernel(function: Callable[..., Any], **more: bool) -> Any:  # noqa: ANN401 - Numba's result has no public type
    """Compile on first call, without the interpreter's lock.

    The machine code is kept on disk where a folder can be written.
    """
    options = {"nogil": True, "error_model": "numpy", "_nrt": False, **more}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # Numba's words: "cannot cache function: no locator available for file"
        if not getattr(kernel, "told", False):
            kernel.told = True  # type: ignore[attr-defined]
            log.warning(
                "No folder can be written for compiled code, so it is compiled anew in each process (about 15 s): "
                "set NUMBA_CACHE_DIR to a folder of yours."
            )
        return numba.njit(**options)(function)


def inlined(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - as above
    """Compile a part of kernels into each of them: to call it would hand over seven words for each array."""
    return kernel(function, forceinline=True)


# ---------------------------------------------------------------------------------------------------------------- words

_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
_PARENS = np.uint64(0x2828282828282828)
# A newline and a parenthesis differ in two bits: without them both are 8, and so are only a backspace and a star.
_NOT_22, _EIGHTS = np.uint64(0xDDDDDDDDDDDDDDDD), np.uint64(0x0808080808080808)
_BLANKS = np.uint64(0x2020202020202020)
_QUOTES = np.uint64(0x2222222222222222)
_EQUALS = np.uint64(0x3D3D3D3D3D3D3D3D)
_APOSTROPHES = np.uint64(0x2727272727272727)
_SEPARATORS = np.uint64(0x1D1D1D1D1D1D1D1D)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX2 = np.uint64(0xBF58476D1CE4E5B9)
_ZEROS = np.uint64(0x3030303030303030)
_SIXES = np.uint64(0x0606060606060606)
_LOW_HALVES, _HIGH_HALVES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0xF0F0F0F0F0F0F0F0)
_BYTE, _ZERO, _MINUS = np.uint64(0xFF), np.uint64(ord("0")), np.uint64(ord("-"))
_FROM_A_TO_COLON = np.uint64(ord("a") - ord(":"))
_U0, _U1, _U4, _U6, _U8, _U16, _U24 = (np.uint64(n) for n in (0, 1, 4, 6, 8, 16, 24))
_U29, _U32, _U56, _U64 = (np.uint64(n) for n in (29, 32, 56, 64))


def _tail_masks() -> Array:
    return np.array([(1 << (8 * n)) - 1 for n in range(8)], dtype=np.uint64)


_TAIL = _tail_masks()


def _key_bytes() -> Array:
    table = np.zeros(256, dtype=np.uint8)
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-[]":
        table[byte] = 1
    return table


_KEY = _key_bytes()


@kernel
def _lowest(marks):
    """The index of the lowest byte whose high bit is set."""
    below = (marks & (_U0 - marks)) - _U1
    return np.int64((((below & _ONES) * _ONES) >> _U56) - _U1)


@inlined
def _hash(words, start, end, seed):
    """A 64-bit hash of the bytes from start to end; four lanes where they are many, for none need wait for another."""
    size = np.uint64(end - start)
    h = seed ^ (size * _MIX)
    p, stop = np.uint64(start), np.uint64(end)
    if size >= _U64:
        h1, h2, h3 = h ^ _MIX, h ^ _MIX2, h ^ _ONES
        while p + _U32 <= stop:
            h = (h ^ words[p]) * _MIX
            h1 = (h1 ^ words[p + _U8]) * _MIX
            h2 = (h2 ^ words[p + _U16]) * _MIX
            h3 = (h3 ^ words[p + _U24]) * _MIX
            h ^= h >> _U29
            h1 ^= h1 >> _U29
            h2 ^= h2 >> _U29
            h3 ^= h3 >> _U29
            p += _U32
        h = (h ^ h1) * _MIX2
        h2 = (h2 ^ h3) * _MIX2
        h ^= (h >> _U29) ^ h2 ^ (h2 >> _U32)
    while p + _U8 <= stop:
        h = (h ^ words[p]) * _MIX
        h ^= h >> _U29
        p += _U8
    if p < stop:
        h = (h ^ (words[p] & _TAIL[stop - p])) * _MIX
        h ^= h >> _U29
    h = h * _MIX2
    return h ^ (h >> _U32)


@inlined
def _same(words, a, b, length):
    """Whether the `length` bytes at a equal those at b."""
    p, q, left = np.uint64(a), np.uint64(b), np.uint64(length)
    while left >= _U32:
        differ = (words[p] ^ words[q]) | (words[p + _U8] ^ words[q + _U8])
        differ |= (words[p + _U16] ^ words[q + _U16]) | (words[p + _U24] ^ words[q + _U24])
        if differ != _U0:
            return False
        p += _U32
        q += _U32
        left -= _U32
    while left >= _U8:
        if words[p] != words[q]:
            return False
        p += _U8
        q += _U8
        left -= _U8
    return left == _U0 or ((words[p] ^ words[q]) & _TAIL[left]) == _U0


@kernel
def _starts_with(buf, p, end, word):
    """Whether the bytes at p begin with `word`."""
    if p + word.size > end:
        return False
    for i in range(word.size):  # noqa: SIM110 - Numba compiles no generator expressions
        if buf[p + i] != word[i]:
            return False
    return True


_NO_KIND = np.int64(0)  # a plain 0, and a variable that begins as one, would have the function compiled once more


@inlined
def _intern(words, start, end, kind, seed, table, hashes, kinds, starts, ends, count):
    """The number of a distinct (kind, bytes), from 0; equal to `count` when it is new and has been added."""
    h = _hash(words, start, end, seed ^ (np.uint64(kind) * _MIX2))
    mask = table.size - 1
    i = np.int64(h & np.uint64(mask))
    while True:
        n = table[i]
        if n < 0:
            table[i] = count
            hashes[count] = h
            kinds[count] = kind
            starts[count] = start
            ends[count] = end
            return count
        alike = hashes[n] == h and kinds[n] == kind and ends[n] - starts[n] == end - start
        if alike and _same(words, np.int64(starts[n]), start, end - start):
            return np.int64(n)
        i = (i + 1) & mask


# ---------------------------------------------------------------------------------------------------------------- lines


def _word(text: bytes) -> Array:
    return np.frombuffer(text, dtype=np.uint8).copy()


_NODE_IS, _TYPE_IS, _MSG_IS, _AUDIT = _word(b"node="), _word(b"type="), _word(b"msg="), _word(b"audit(")


def _number_of(text: bytes) -> np.uint64:
    """A word of at most eight bytes as it stands in `Block.words`."""
    return np.uint64(int.from_bytes(text, "little"))


_TYPE_NUMBER, _MSG_NUMBER, _AUDIT_NUMBER = _number_of(b"type="), _number_of(b"msg="), _number_of(b"audit(")
_THREE, _FOUR, _FIVE, _SIX = _TAIL[3], _TAIL[4], _TAIL[5], _TAIL[6]


@kernel
def _marks(word, pattern):
    """The high bit of each byte (and now and then of one behind it) that is the pattern's."""
    x = word ^ pattern
    return (x - _ONES) & ~x & _HIGH


@kernel
def _next(words, p, end, one, other, third):
    """The first byte from p on that is one of the patterns', or end."""
    while p < end:
        word = words[np.uint64(p)]
        marks = _marks(word, one) | _marks(word, other) | _marks(word, third)
        if marks != _U0:
            return min(p + _lowest(marks), end)
        p += 8
    return end


@inlined
def _line_end(buf, words, p, limit):
    """Where the line that p stands in ends (its newline), and the first `audit(` from p on, or -1."""
    found = -1
    while p < limit:
        at = np.uint64(p)
        first, second = words[at], words[at + _U8]
        marks = _marks(first & _NOT_22, _EIGHTS)
        if marks | _marks(second & _NOT_22, _EIGHTS) == _U0:
            p += 16
            continue
        if marks == _U0:
            p += 8
            first = second
            if p >= limit:
                break
        ends, opens = _marks(first, _NEWLINES), _marks(first, _PARENS)
        here = _lowest(ends) if ends != _U0 else 8
        if opens != _U0 and found < 0:
            for i in range(_lowest(opens), here):
                if buf[p + i] == 40 and p + i >= 5 and _starts_with(buf, p + i - 5, limit, _AUDIT):
                    found = p + i - 5
                    break
        if here < 8:
            return p + here, found
        p += 8
    return limit, found


@inlined
def _digits(buf, p, most):
    """The number that stands at p in at most `most` digits, and where it ends.

    That is p itself where there is none or a longer one.
    """
    v = 0
    q = p
    while q - p <= most:
        d = np.int64(buf[q]) - 48
        if d < 0 or d > 9:
            return v, q
        v = v * 10 + d
        q += 1
    return 0, p


@inlined
def _stamp(buf, p):
    """The (time_ms, serial, place after `):`) of `audit(1795400390.052:3220):` at p.

    The place is -1 where it is not one.
    """
    p += 6
    sec, q = _digits(buf, p, 10)
    if q == p or buf[q] != 46:
        return 0, 0, -1
    p = q + 1
    ms, q = _digits(buf, p, 3)
    if q == p or buf[q] != 58:
        return 0, 0, -1
    p = q + 1
    serial, q = _digits(buf, p, 10)
    if q == p or serial > 4294967295 or buf[q] != 41 or buf[q + 1] != 58:
        return 0, 0, -1
    return sec * 1000 + ms, serial, q + 2


@kernel
def _blank(buf, p, end):
    """The first blank from p on, or end."""
    while p < end and buf[p] != 32:
        p += 1
    return p


@kernel
def _word_end(buf, p, end):
    """The first blank or newline from p on, or end."""
    while p < end and buf[p] != 32 and buf[p] != 10:
        p += 1
    return p


@inlined
def _names(buf, words, p, end):
    """What stands in front of the `audit(` of a header at p: node start, node end, type start, type end, its place.

    The place is -1 where there is no such header. Accepted: `node=N type=T msg=audit(…):`, without the node, and the
    kernel's own `type=1400 audit(…):`.
    """
    n0 = n1 = p
    if buf[p] == 110 and _starts_with(buf, p, end, _NODE_IS):
        n0 = p + 5
        n1 = _word_end(buf, n0, end)
        while n1 < end and buf[n1] == 32 and not _starts_with(buf, n1 + 1, end, _TYPE_IS):
            n1 = _word_end(buf, n1 + 1, end)
        if n1 == end or buf[n1] != 32:
            return n0, n1, n1, n1, -1
        p = n1 + 1
    if p + 5 > end or (words[p] & _FIVE) != _TYPE_NUMBER:
        return n0, n1, p, p, -1
    t0 = p + 5
    t1 = _word_end(buf, t0, end)
    p = t1 + 1
    if p + 4 <= end and (words[p] & _FOUR) == _MSG_NUMBER:
        p += 4
    if t1 == t0 or buf[t1] != 32 or p + 6 > end or (words[p] & _SIX) != _AUDIT_NUMBER:
        return n0, n1, t0, t1, -1
    return n0, n1, t0, t1, p


@inlined
def _head(buf, words, p, end):
    """The header at p, with -1 where unread.

    As (node start, node end, type start, type end, time_ms, serial, place after `):`).
    """
    n0, n1, t0, t1, at = _names(buf, words, p, end)
    if at < 0:
        return n0, n1, t0, t1, 0, 0, -1
    time_ms, serial, q = _stamp(buf, at)
    if q > end:
        q = -1
    return n0, n1, t0, t1, time_ms, serial, q


@kernel
def _head_before(buf, line, at):
    """Where the header of the `audit(` at `at` begins in a line with other text in front, or -1.

    Such a line: `… kernel: audit: type=1400 audit(`.
    """
    p = at
    if p - line >= 4 and _starts_with(buf, p - 4, at, _MSG_IS):
        p -= 4
    if p - line < 7 or buf[p - 1] != 32:
        return -1
    q = p - 1  # the blank after type=T
    while q > line and buf[q - 1] != 32 and buf[q - 1] != 61:
        q -= 1
    q -= 5
    if q < line or not _starts_with(buf, q, at, _TYPE_IS):
        return -1
    if q > line and buf[q - 1] == 32:
        n = q - 1
        while n > line and buf[n - 1] != 32:
            n -= 1
        if _starts_with(buf, n, q, _NODE_IS):
            return n
    return q


#: What is known of a record's place, by column: its text from START to END, its line from LINE to NEXT (behind the
#: newline), the word of its type, where its body begins, and its MARK.
START, END, LINE, NEXT, TYPE_START, TYPE_END, BODY, MARK = range(8)
PLACES = 8

# Marks of a record that counts the serials of its boot otherwise: auditd's own are random, SYSTEM_BOOT says what it
# says. auditd's first word after its start is DAEMON_START; what the kernel had kept for it follows.
# SAME_NODE: the record before it, in the order of their places, has its node.
DAEMON_MARK, BOOT_MARK, START_MARK, SAME_NODE = 1, 2, 4, 8
_DAEMON, _BOOT, _DAEMON_START = _word(b"DAEMON_"), _word(b"SYSTEM_BOOT"), _word(b"DAEMON_START")
_DAEMON_NUMBERS, _BOOT_NUMBER, _START_NUMBER = _word(b"12"), _word(b"1127"), _word(b"1200")


@kernel
def _is(buf, start, end, word):
    """Whether the span is this word."""
    return end - start == word.size and _starts_with(buf, start, end, word)


@inlined
def _mark_of(buf, t0, t1):
    """The mark of a record of the type that stands from t0 to t1."""
    c = buf[t0]
    if c != 68 and c != 83 and c != 49:  # D, S, 1
        return 0
    if _starts_with(buf, t0, t1, _DAEMON) or (t1 - t0 == 4 and _starts_with(buf, t0, t1, _DAEMON_NUMBERS)):
        started = _is(buf, t0, t1, _DAEMON_START) or _is(buf, t0, t1, _START_NUMBER)
        return DAEMON_MARK | START_MARK if started else DAEMON_MARK
    return BOOT_MARK if _is(buf, t0, t1, _BOOT) or _is(buf, t0, t1, _BOOT_NUMBER) else 0


@inlined
def _keep(buf, row, at, begin, tail, after, type_start, type_end, body):
    """Write down a record's place."""
    row[START] = at
    row[END] = tail
    row[LINE] = begin
    row[NEXT] = after
    row[TYPE_START] = type_start
    row[TYPE_END] = type_end
    row[BODY] = body + 1 if body < tail and buf[body] == 32 else body
    row[MARK] = _mark_of(buf, type_start, type_end)


@kernel
def find_records(buf, words, p, size, since, until, n, odd, places, time_ms, serial, odd_line, odd_end):
    """The place, time and serial of every record from p to size, written from number n on.

    Records outside since <= time_ms < until are passed over. Lines that need a closer look go to odd_*: those without a
    header, and those with a second one behind the first. Returns (records, odd lines, NUL bytes around records, those
    of blank lines, bytes of blank lines, bytes passed over); a count beyond the arrays' size means that they are too
    small.
    """
    nuls = blank_nuls = blank = passed = 0
    before = before_end = np.int64(-1)
    # Those of the record before, which mostly is of the same event.
    stamp = stamp_size = stamp_ms = stamp_serial = np.int64(0)
    while p < size:
        begin = p
        t = s = 0
        n0 = n1 = t0 = t1 = 0
        while p < size and buf[p] == 0:
            p += 1
        skipped = p - begin
        at = p
        body = -1
        if p < size and (buf[p] == 116 or buf[p] == 110):  # t, n
            n0, n1, t0, t1, q = _names(buf, words, p, size)
            if q >= 0:
                if stamp_size and q + stamp_size <= size and _same(words, q, stamp, stamp_size):
                    t, s, body = stamp_ms, stamp_serial, q + stamp_size
                else:
                    t, s, body = _stamp(buf, q)
                    if body > size:
                        body = -1
                    if body >= 0:
                        stamp, stamp_size, stamp_ms, stamp_serial = q, body - q, t, s
        stop, second = _line_end(buf, words, p if body < 0 else body, size)
        if body < 0 and second >= 0 and buf[p] != 123:  # a line of JSON is read otherwise
            at = _head_before(buf, p, second)
            if at >= 0:
                n0, n1, t0, t1, t, s, body = _head(buf, words, at, stop)
                if body >= 0:
                    _, second = _line_end(buf, words, body, stop + 1)
        after = stop + 1
        if body >= 0 and second < 0:
            tail = stop
            while tail > body and (buf[tail - 1] == 13 or buf[tail - 1] == 0):
                tail -= 1
                if buf[tail] == 0:
                    skipped += 1
            if t < since or t >= until:
                passed += after - begin
            else:
                if n < time_ms.size:
                    _keep(buf, places[n], at, begin, tail, after, t0, t1, body)
                    if before >= 0 and n1 - n0 == before_end - before and _same(words, n0, before, n1 - n0):
                        places[n, MARK] |= SAME_NODE
                    before, before_end = n0, n1
                    time_ms[n] = t
                    serial[n] = s
                n += 1
                nuls += skipped
        elif stop == p:
            blank += after - begin
            blank_nuls += skipped
        else:
            if odd < odd_line.size:
                odd_line[odd] = begin
                odd_end[odd] = after
            odd += 1
        p = after
    return n, odd, nuls, blank_nuls, blank, passed


@kernel
def read_heads(buf, words, count, places, time_ms, serial):
    """Complete the places of records of which START, END, LINE and NEXT are known. All of them have a header."""
    for r in range(count):
        row = places[r]
        _, _, t0, t1, t, s, body = _head(buf, words, row[START], row[END])
        _keep(buf, row, row[START], row[LINE], row[END], row[NEXT], t0, t1, body)
        time_ms[r] = t
        serial[r] = s


# -------------------------------------------------------------------------------------------------------------- records

# The numbers that stand in front of a SYSCALL's phrase, in the kernel's order; each has a bit in `mask`.
NUMBERS = ("arch", "syscall", "exit", "a0", "a1", "a2", "a3", "items", "ppid", "pid")
_NUMBER_SIZES = np.array([len(name) + 1 for name in NUMBERS], dtype=np.int64)
_NUMBER_WORDS = np.array([_number_of(name.encode() + b"=") for name in NUMBERS], dtype=np.uint64)
_NUMBER_MASKS = np.array([(1 << (8 * len(name) + 8)) - 1 for name in NUMBERS], dtype=np.uint64)
_NUMBER_HEX = np.array([1, 0, 0, 1, 1, 1, 1, 0, 0, 0], dtype=np.uint8)
YES_BIT, NO_BIT, ITEM_BIT, LONE_PID_BIT = 1 << 10, 1 << 11, 1 << 12, 1 << 13
_SUCCESS_NUMBER, _YES_NUMBER, _NO_NUMBER = _number_of(b"success="), _number_of(b"yes "), _number_of(b"no ")
_SYSCALL, _PATH = _word(b"SYSCALL"), _word(b"PATH")
_ITEM_IS, _PID_IS = _word(b"item="), _word(b"pid=")


@kernel
def _hex_value(words, p, end):
    """The number that all from p to end is when written in lower-case hexadecimal as a C `%lx`, as bits.

    And whether it is one.
    """
    size = end - p
    if size < 1 or size > 16:
        return np.int64(0), False
    word = words[np.uint64(p)]
    if size > 1 and word & _BYTE == _ZERO:
        return np.int64(0), False
    head = ((size - 1) & 7) + 1
    v, odd = _eight_hex_digits(word, head)
    if size > 8:
        low, more = _eight_hex_digits(words[np.uint64(p + head)], 8)
        v, odd = (v << _U32) | low, odd | more
    return np.int64(v), odd == _U0


@kernel
def _eight_hex_digits(word, size):
    """The number that the first `size` bytes of the word are, and what is not 0 where one is no lower-case digit."""
    letters = (word >> _U6) & _ONES
    near = word - letters * _FROM_A_TO_COLON  # a to f stand behind the 9 now
    n = near & _LOW_HALVES
    odd = ((near ^ _ZEROS) & _HIGH_HALVES) | ((((n + _SIXES) >> _U4) & _ONES) ^ letters)
    shift = np.uint64(64 - 8 * size)
    n = n << shift
    pairs = ((n << _U4) | (n >> _U8)) & np.uint64(0x00FF00FF00FF00FF)
    fours = ((pairs << _U8) | (pairs >> _U16)) & np.uint64(0x0000FFFF0000FFFF)
    return ((fours << _U16) | (fours >> _U32)) & np.uint64(0xFFFFFFFF), odd << shift


@kernel
def _decimal_value(words, p, end):
    """The number that all from p to end is when written as a C `%ld`, and whether it is one."""
    word = words[np.uint64(p)]
    negative = end > p and word & _BYTE == _MINUS
    if negative:
        p += 1
        word = words[np.uint64(p)]
    size = end - p
    if size < 1 or size > 18 or (word & _BYTE == _ZERO and (size > 1 or negative)):
        return np.int64(0), False
    head = ((size - 1) & 7) + 1
    word = (word ^ _ZEROS) << np.uint64(64 - 8 * head)
    v, odd = _eight_digits(word), word | (word + _SIXES)
    p += head
    while p < end:
        word = words[np.uint64(p)] ^ _ZEROS
        v, odd = v * np.uint64(100_000_000) + _eight_digits(word), odd | word | (word + _SIXES)
        p += 8
    return np.int64(_U0 - v if negative else v), odd & _HIGH_HALVES == _U0


@kernel
def _eight_digits(word):
    """The number of eight digits, the first in the lowest byte: tens, then hundreds, then all of them together."""
    tens = word * np.uint64(10) + (word >> _U8)
    lanes = np.uint64(0x000000FF000000FF)
    high = (tens & lanes) * np.uint64(100 + (1_000_000 << 32))
    return (high + ((tens >> _U16) & lanes) * np.uint64(1 + (10_000 << 32))) >> _U32


@inlined
def _numbers(buf, words, p, end, row):
    """Read the numbers of a SYSCALL at p into `row`; returns (mask of those read, where the phrase begins)."""
    mask = 0
    for i in range(10):
        if i == 2 and p + 12 <= end and words[np.uint64(p)] == _SUCCESS_NUMBER:
            said = words[np.uint64(p + 8)]
            if said & _FOUR == _YES_NUMBER:
                mask |= YES_BIT
                p += 12
            elif said & _THREE == _NO_NUMBER:
                mask |= NO_BIT
                p += 11
        size = _NUMBER_SIZES[i]
        if p + size > end or (words[np.uint64(p)] ^ _NUMBER_WORDS[i]) & _NUMBER_MASKS[i] != _U0:
            continue
        v0 = p + size
        q = _next(words, v0, end, _BLANKS, _BLANKS, _BLANKS)
        v, good = _hex_value(words, v0, q) if _NUMBER_HEX[i] else _decimal_value(words, v0, q)
        if not good or q >= end or ((i == 1 or i == 7) and (v > 2147483647 or v < -2147483648)):
            return mask, p
        row[i] = v
        mask |= 1 << i
        p = q + 1
    return mask, p


@kernel
def read_records(
    buf, words, count, places, seed, node, kind, mask, lead, row, rows,
    phrase, phrase_table, phrase_hash, phrase_kind, phrase_start, phrase_end,
    type_table, type_hash, type_kind, type_start, type_end,
    node_table, node_hash, node_kind, node_start, node_end,
):  # fmt: skip
    """Read the numbers of each record and number its phrase, type and node among the distinct ones.

    Returns (distinct phrases, types, nodes, SYSCALL rows filled), or (-1, …) when there are more types or nodes than
    the arrays hold.
    """
    phrases = types = nodes = filled = np.int64(0)
    for r in range(count):
        place = places[r]
        p, stop, q = np.int64(place[START]), np.int64(place[END]), np.int64(place[BODY])
        t0, t1 = np.int64(place[TYPE_START]), np.int64(place[TYPE_END])
        k = _intern(words, t0, t1, _NO_KIND, seed, type_table, type_hash, type_kind, type_start, type_end, types)
        if k == types:
            types += 1
            if types == type_start.size:
                return -1, types, nodes, filled
        kind[r] = k
        node[r] = node[r - 1] if place[MARK] & SAME_NODE else -1
        if t0 - p > 11 and not place[MARK] & SAME_NODE:  # node=N type=
            m = _intern(
                words, p + 5, t0 - 6, _NO_KIND, seed, node_table, node_hash, node_kind, node_start, node_end, nodes
            )
            if m == nodes:
                nodes += 1
                if nodes == node_start.size:
                    return -1, types, nodes, filled
            node[r] = m
        bits = 0
        row[r] = -1
        if t1 - t0 == 7 and _starts_with(buf, t0, t1, _SYSCALL):
            bits, q = _numbers(buf, words, q, stop, rows[filled])
            row[r] = filled
            filled += 1
        elif t1 - t0 == 4 and _starts_with(buf, t0, t1, _PATH):
            if _starts_with(buf, q, stop, _ITEM_IS):
                v, e = _digits(buf, q + 5, 4)
                if e > q + 5 and e < stop and buf[e] == 32 and (buf[q + 5] != 48 or e == q + 6):
                    lead[r] = v
                    bits = ITEM_BIT
                    q = e + 1
        elif _starts_with(buf, q, stop, _PID_IS):
            v, e = _digits(buf, q + 4, 8)
            if e > q + 4 and e < stop and buf[e] == 32 and (buf[q + 4] != 48 or e == q + 5):
                lead[r] = v
                bits = LONE_PID_BIT
                q = e + 1
        mask[r] = bits
        h = _intern(words, q, stop, k, seed, phrase_table, phrase_hash, phrase_kind, phrase_start, phrase_end, phrases)
        if h == phrases:
            phrases += 1
        phrase[r] = h
    return phrases, types, nodes, filled


@kernel
def group(count, time_ms, serial, node, seed, table, event, first):
    """Number the events: records of one (node, time_ms, serial), however far apart.

    Returns how many; `first` is each one's first record.
    """
    events = 0
    mask = table.size - 1
    for r in range(count):
        h = (np.uint64(time_ms[r]) ^ seed) * _MIX
        h = (h ^ (h >> _U29) ^ np.uint64(serial[r])) * _MIX2
        h = (h ^ (h >> _U32) ^ np.uint64(node[r] + 1)) * _MIX
        h ^= h >> _U29
        i = np.int64(h & np.uint64(mask))
        while True:
            e = table[i]
            if e < 0:
                table[i] = events
                first[events] = r
                event[r] = events
                events += 1
                break
            f = first[e]
            if serial[f] == serial[r] and time_ms[f] == time_ms[r] and node[f] == node[r]:
                event[r] = e
                break
            i = (i + 1) & mask
    return events


@kernel
def hash_contents(words, count, chosen, name, phrase, start, raw_end, seed, mask, lead, row, numbers, out):
    """A hash of what each chosen record says, but for its enriched half: of two copies it is the same."""
    for j in range(count):
        r = chosen[j]
        h = _hash(words, np.int64(start[phrase[r]]), np.int64(raw_end[phrase[r]]), seed)
        h = (h ^ np.uint64(name[r])) * _MIX
        bits = mask[r]
        h = (h ^ (h >> _U29) ^ np.uint64(bits)) * _MIX2
        if bits & (ITEM_BIT | LONE_PID_BIT):
            h = (h ^ (h >> _U29) ^ np.uint64(lead[r])) * _MIX
        if row[r] >= 0:
            for i in range(numbers.shape[1]):
                if bits & (1 << i):
                    h = (h ^ (h >> _U29) ^ np.uint64(numbers[row[r], i])) * _MIX
        out[j] = h ^ (h >> _U32)


@kernel
def survey_records(buf, words, count, places, seed, mark, node, node_table, node_hash, node_kind, node_start, node_end):
    """The marks and the node of each record.

    Returns how many distinct nodes there are, or -1: more than the arrays hold.
    """
    nodes = np.int64(0)
    for r in range(count):
        place = places[r]
        p, t0 = np.int64(place[START]), np.int64(place[TYPE_START])
        mark[r] = place[MARK]
        if mark[r] & SAME_NODE:
            node[r] = node[r - 1]
            continue
        node[r] = -1
        if t0 - p > 11:
            m = _intern(
                words, p + 5, t0 - 6, _NO_KIND, seed, node_table, node_hash, node_kind, node_start, node_end, nodes
            )
            if m == nodes:
                nodes += 1
                if nodes == node_start.size:
                    return -1
            node[r] = m
    return nodes


# What is known of a node's serials, by column; the boot counts from 0. REPLAY: the source repeats what was seen before.
HIGHEST, LATEST, LATEST_EVER, BOOT, BEGAN, REPLAY, BOOT_SEEN, STARTED, SOURCE = range(9)


@kernel
def follow_boots(count, time_ms, serial, mark, state_of, source, state, change_record, change_state, change_boot):
    """Follow the serials of records in order of arrival and find where they begin anew.

    `state_of` is the row of `state` for each record's node. A change of boot is written to change_*: from the record
    on, the node is in that boot, or, with -1, the time of each record decides (a source that repeats times of earlier
    boots).
    Returns the number of changes, of which at most as many as the arrays hold are written.
    """
    changes = 0
    for r in range(count):
        k = state_of[r]
        row = state[k]
        t, s = time_ms[r], serial[r]
        now = -2
        if row[SOURCE] != source:
            if row[SOURCE] >= 0:
                replay = 1 if row[BOOT] > 0 and t < row[BEGAN] else 0
                if replay != row[REPLAY]:
                    now = -1 if replay else row[BOOT]
                row[REPLAY] = replay
            row[SOURCE] = source
        if row[REPLAY] and t > row[LATEST_EVER]:
            row[REPLAY] = 0
            now = row[BOOT]
        if mark[r] & START_MARK:
            row[STARTED] = 1
        if not row[REPLAY] and not mark[r] & DAEMON_MARK:
            fell = row[HIGHEST] - s
            wrapped = fell > 2147483648  # 4294967295 is followed by 0
            again = ((t > row[LATEST] or row[STARTED]) and (fell > 1000 or s * 2 < row[HIGHEST])) or (
                mark[r] & BOOT_MARK and row[BOOT_SEEN] and fell > 0
            )
            row[STARTED] = 0
            if again and not wrapped:
                row[BOOT] += 1
                row[HIGHEST] = s
                row[LATEST] = t
                row[BEGAN] = t
                row[BOOT_SEEN] = 0
                now = row[BOOT]
            if row[HIGHEST] < 0:
                row[BEGAN] = t
            row[HIGHEST] = s if wrapped else max(row[HIGHEST], s)
            row[LATEST] = max(row[LATEST], t)
            row[LATEST_EVER] = max(row[LATEST_EVER], t)
            row[BEGAN] = min(row[BEGAN], t)
            if mark[r] & BOOT_MARK:
                row[BOOT_SEEN] = 1
        if now > -2:
            if changes < change_record.size:
                change_record[changes] = r
                change_state[changes] = k
                change_boot[changes] = now
            changes += 1
    return changes


# --------------------------------------------------------------------------------------------------------------- fields

# Bits of a field. LITERAL: the value stands in the form as it is, because it says that there is none, or how a result
# is spelt.
QUOTED, ENRICHED, NESTED, LITERAL, TEXT = 1, 2, 4, 8, 16
# What a TEXT field (text without a key) is.
STRAY, AVC_RESULT, AVC_PERMISSIONS, MESSAGE = 0, 1, 2, 3

_MSG_KEY, _NULL, _SUCCESS_KEY = _word(b"msg"), _word(b"(null)"), _word(b"success")
_RES_KEY, _RESULT_KEY, _OP_KEY = _word(b"res"), _word(b"result"), _word(b"op")
_TTY_KEY, _TERMINAL_KEY = _word(b"tty"), _word(b"terminal")
_HOSTNAME_KEY, _ADDR_KEY = _word(b"hostname"), _word(b"addr")
_AVC_WORD, _UNSET, _CAP_F = _word(b"avc:"), _word(b"unset"), _word(b"cap_f")
_FOR_WORD = _word(b"for")
# Literal first words of a body: `tty pid=…`, `login pid=…`, `user pid=…`, `netlabel: auid=…`, `policy loaded auid=…`
_OPENINGS = (b"tty", b"login", b"user", b"netlabel:", b"policy loaded")
_OPENING_BYTES = np.zeros((len(_OPENINGS), 16), dtype=np.uint8)
_OPENING_SIZES = np.array([len(opening) for opening in _OPENINGS], dtype=np.int64)
for _i, _opening in enumerate(_OPENINGS):
    _OPENING_BYTES[_i, : len(_opening)] = _word(_opening)
# Names that auditd writes after 0x1D, longest first within a family: lib format_enrich in auditd-event.c.
_ENRICHED = (
    b"OLD-AUID", b"LOGINUID", b"INODE_UID", b"INODE_GID", b"NEW_GID", b"SYSCALL", b"FSUID", b"FSGID", b"OAUID",
    b"SAUID", b"SADDR", b"IAUID", b"AUID", b"EUID", b"EGID", b"SUID", b"SGID", b"OUID", b"OGID", b"IUID", b"IGID",
    b"ARCH", b"UID", b"GID", b"ID",
)  # fmt: skip
_ENRICHED_BYTES = np.zeros((len(_ENRICHED), 16), dtype=np.uint8)
_ENRICHED_SIZES = np.array([len(name) for name in _ENRICHED], dtype=np.int64)
for _i, _name in enumerate(_ENRICHED):
    _ENRICHED_BYTES[_i, : len(_name)] = _word(_name)


@kernel
def _key_end(buf, p, end):
    """The place of the `=` if a key begins at p, else -1."""
    q = p
    while q < end and _KEY[buf[q]]:
        q += 1
    return q if q > p and q < end and buf[q] == 61 else -1


@kernel
def _key_start(buf, equals, start):
    """Where the key that ends at `equals` begins, from `start` on."""
    while equals > start and _KEY[buf[equals - 1]]:
        equals -= 1
    return equals


@kernel
def _enriched_name(buf, start, equals):
    """Where the longest known enriched name that ends at `equals` begins, from `start` on; -1 where there is none."""
    if equals <= start or buf[equals - 1] < 65 or buf[equals - 1] > 90:
        return -1
    for i in range(_ENRICHED_SIZES.size):
        size = _ENRICHED_SIZES[i]
        p = equals - size
        if p < start:
            continue
        same = True
        for j in range(size):
            if buf[p + j] != _ENRICHED_BYTES[i, j]:
                same = False
                break
        if same:
            return p
    return -1


@kernel
def _marker_size(buf, start, p):
    """The length of what a transport made of 0x1D in front of p: rsyslog's `#035`, `^]`, `\\x1d`, `\\u001d`."""
    if p - start >= 4 and buf[p - 4] == 35 and buf[p - 3] == 48 and buf[p - 2] == 51 and buf[p - 1] == 53:
        return 4
    if p - start >= 2 and buf[p - 2] == 94 and buf[p - 1] == 93:
        return 2
    if p - start >= 4 and buf[p - 4] == 92 and buf[p - 3] == 120 and buf[p - 2] == 49 and (buf[p - 1] | 32) == 100:
        return 4
    if p - start >= 6 and buf[p - 6] == 92 and buf[p - 5] == 117 and buf[p - 2] == 49 and (buf[p - 1] | 32) == 100:
        return 6
    return 0


@kernel
def _enriched_at(buf, p, end):
    """Whether, at p, an enriched half begins whose separator was lost or rewritten: `ARCH=x86_64`, `#035UID="root"`."""
    q = p
    if q < end and (buf[q] == 35 or buf[q] == 92 or buf[q] == 94):
        for size in (2, 4, 6):
            if q + size < end and _marker_size(buf, p, p + size) == size:
                q += size
                break
    if q >= end or buf[q] < 65 or buf[q] > 90:  # all of these names are in capitals
        return False
    equals = _key_end(buf, q, end)
    return equals > 0 and equals + 1 < end and _enriched_name(buf, q, equals) == q


@kernel
def _quoted_end(buf, v, end):
    """The closing quote of the value whose text begins at v; -1 where there is none.

    It is the first `"` with a boundary behind it.
    """
    for c in range(v, end):
        if buf[c] == 34:
            if c + 1 >= end:
                return c
            b = buf[c + 1]
            if b == 32 or b == 44 or b == 41 or b == 59 or b == 39 or b == 29 or _enriched_at(buf, c + 1, end):
                return c
    return -1


@kernel
def _lost_separator(buf, v, end):
    """Where, in the bare token from v to end, an enriched half begins that lost its separator (`res=1UID=`), or -1."""
    for p in range(v + 1, end):
        if buf[p] == 61:
            at = _enriched_name(buf, v, p)
            if at >= 0:
                return at - _marker_size(buf, v, at)
    return -1


@kernel
def _is_punctuation(buf, start, end):
    """Whether the word holds no letter, digit, `*` or byte of other scripts: `:`, `,`, `(`."""
    for p in range(start, end):
        c = buf[p]
        if c >= 128 or _KEY[c] or c < 32 or c == 42:
            return False
    return True


@kernel
def _bare_end(buf, v, end, extends):
    """The end of an unquoted value that begins at v.

    Words behind it that are no key belong to it (`op=adding user id=…`) if it `extends`.
    """
    t = _blank(buf, v, end)
    if not extends or t == v:
        return t
    while t < end:
        u = t
        while u < end and buf[u] == 32:
            u += 1
        if u >= end or buf[u] == 29 or buf[u] == 40 and _key_end(buf, u + 1, end) >= 0:
            return t
        w = _blank(buf, u, end)
        if _key_end(buf, u, w) >= 0 or _is_punctuation(buf, u, w):
            return t
        t = w
    return t


@kernel
def _may_be_unknown(buf, start, end):
    """Whether the key is one whose `?` is kept as text.

    Terminals and the other side of a connection are counted by it.
    """
    return (
        _is(buf, start, end, _TTY_KEY)
        or _is(buf, start, end, _TERMINAL_KEY)
        or _is(buf, start, end, _HOSTNAME_KEY)
        or _is(buf, start, end, _ADDR_KEY)
    )


@kernel
def _is_result(buf, start, end):
    """Whether the key says whether something succeeded."""
    return _is(buf, start, end, _RES_KEY) or _is(buf, start, end, _SUCCESS_KEY) or _is(buf, start, end, _RESULT_KEY)


@kernel
def _is_word(buf, start, end):
    """Whether the span holds nothing but letters and digits of ASCII."""
    for p in range(start, end):  # noqa: SIM110 - Numba compiles no generator expressions
        if not _KEY[buf[p]]:
            return False
    return True


@kernel
def _extends(buf, v):
    """Whether a bare value may go on behind a blank: text may, a number may not."""
    c = buf[v]
    return (65 <= c <= 90) or (97 <= c <= 122) or c == 47 or c == 61 or c == 40 or c == 95 or c >= 128


# What is asked of a value where a known form is followed: nothing, to be the same as before, to be empty, or to be in
# braces up to the end.
_ANY, _EXACT, _EMPTY, _BRACED = 0, 1, 2, 3


@kernel
def _describe(
    buf, words, start, stop, is_execve, first, last, value_start, value_end, flags, argument,
    gaps, gap_at, gap_size, gap_word, trait,
):  # fmt: skip
    """Write down what stands between the values of a phrase, and what is asked of each, for `_follow`.

    Returns how many gaps that are; 0 where a phrase of the same form might have to be read otherwise, or where the
    arrays are full.
    """
    size = last - first + 1
    if size == 1 or gaps + size > gap_at.size:
        return 0
    at = start
    arguments = 0
    was_nested = False
    for f in range(first, last):
        v0, v1, bits = value_start[f], value_end[f], flags[f]
        is_raw = not bits & ENRICHED
        if bits & TEXT or (is_raw and was_nested and not bits & NESTED):
            return 0
        was_nested = was_nested or bits & NESTED != 0
        equals = v0 - 2 if bits & QUOTED else v0 - 1
        name = _key_start(buf, equals, start)
        if argument[f] >= 0:
            if argument[f] != arguments:
                return 0
            arguments += 1
        elif is_execve and buf[name] == 97 and 48 <= buf[name + 1] <= 57:
            return 0
        asked = _ANY
        if bits & LITERAL:
            asked = _EXACT
        elif not bits & QUOTED:
            if v1 == v0:
                asked = _EMPTY
            elif buf[v0] == 34 or buf[v0] == 39:
                return 0
            elif not is_raw and buf[v0] == 123:
                if f + 1 < last or v1 != stop or buf[stop - 1] != 125:
                    return 0
                asked = _BRACED
            elif is_raw:
                if _is_result(buf, name, equals):
                    return 0
                if _blank(buf, v0, v1) < v1:
                    asked = _EXACT
        gap_at[gaps], gap_size[gaps], gap_word[gaps], trait[gaps] = at, v0 - at, words[np.uint64(at)], asked
        gaps += 1
        at = v1
    gap_at[gaps], gap_size[gaps], gap_word[gaps], trait[gaps] = at, stop - at, words[np.uint64(at)], _ANY
    return size


@inlined
def _follow(
    buf, words, phrase, p, stop, first, size, raw_fields, raw_rest, latest, n, named, fields,
    value_start, value_end, flags, slot, text_kind, argument, owner, gap_at, gap_size, gap_word, trait,
):  # fmt: skip
    """Cut a phrase by the form of another one, whose fields `fields` names from `latest` on.

    A raw value ends at a blank, or where the half or the message that holds it does; one that has the sign of such an
    end inside is not for this. Returns how many fields there are now, or -1 where the phrase must be read, and where
    its raw half ends.
    """
    outer = stop
    for j in range(size + 1):
        g = first + j
        gap = gap_size[g]
        if j == raw_fields:
            outer = p + raw_rest
        if p + gap > stop or ((words[np.uint64(p)] ^ gap_word[g]) & _TAIL[min(gap, 7)]) != _U0:
            return -1, outer
        if gap > 7 and not _same(words, p + 7, np.int64(gap_at[g] + 7), np.int64(gap - 7)):
            return -1, outer
        p += gap
        if j == size:
            break
        r = fields[latest + j]
        bits, asked, v0 = flags[r], trait[g], p
        length = value_end[r] - value_start[r]
        if asked == _EXACT:
            p += length
            if p > stop:
                return -1, outer
        elif bits & QUOTED:
            separators = _QUOTES if bits & ENRICHED else _SEPARATORS
            p = _next(words, p, stop, _QUOTES, separators, separators)
            if p >= stop or buf[p] != 34 or (bits & ENRICHED and _is(buf, v0, p, _UNSET)):
                return -1, outer
        elif p >= stop or buf[p] == 32 or buf[p] == 29:
            if asked != _EMPTY:
                return -1, outer
        elif bits & ENRICHED:
            if buf[p] == 34 or buf[p] == 39 or (buf[p] == 123) != (asked == _BRACED) or asked == _EMPTY:
                return -1, outer
            if asked == _BRACED:
                if buf[stop - 1] != 125:
                    return -1, outer
                p = stop
            else:
                p = _next(words, p, stop, _BLANKS, _BLANKS, _BLANKS)
        else:
            if asked != _ANY or buf[p] == 34 or buf[p] == 39:
                return -1, outer
            third = _APOSTROPHES if bits & NESTED else (_EQUALS if raw_rest < 0 else _BLANKS)
            p = _next(words, p, stop, _BLANKS, _SEPARATORS, third)
            if bits & NESTED:
                if buf[p - 1] == 44:
                    p -= 1
                if p == v0 or buf[p - 1] == 41:
                    return -1, outer
            elif p < stop and buf[p] == 61:
                return -1, outer
            if buf[v0] == 40 or buf[v0] == 63:
                if _is(buf, v0, p, _NULL):
                    return -1, outer
                if p - v0 == 1 and buf[v0] == 63 and not _may_be_unknown(buf, _key_start(buf, v0 - 1, 0), v0 - 1):
                    return -1, outer
        if p - v0 == length and _same(words, v0, np.int64(value_start[r]), np.int64(length)):
            fields[named + j] = r
            continue
        if asked == _EXACT:
            return -1, outer
        value_start[n] = v0
        value_end[n] = p
        flags[n] = bits
        slot[n] = slot[r]
        text_kind[n] = -1
        argument[n] = argument[r]
        owner[n] = phrase
        fields[named + j] = n
        n += 1
    return (n if p == stop else -1), outer


@kernel
def _bring_forward(known, t, guess):
    """Make it the first that is tried of this type; the last one goes if it was none of them."""
    j = 0
    while j < known.shape[1] - 1 and known[t, j] != guess:
        j += 1
    while j > 0:
        known[t, j] = known[t, j - 1]
        j -= 1
    known[t, 0] = guess


@kernel
def _without_blanks(buf, start, end):
    """The end of the span without the blanks at its end."""
    while end > start and buf[end - 1] == 32:
        end -= 1
    return end


SLOTS_ARE_FULL, FIELDS_ARE_FULL = -1, -2


@kernel
def cut(
    buf, words, count, start, end, kind, is_avc, is_path, is_execve, seed,
    first_field, fields, value_start, value_end, flags, slot, text_kind, argument, owner, argument_slot,
    slot_table, slot_hash, slot_kind, slot_start, slot_end,
    form, pool, pool_words, form_table, form_hash, form_kind, form_start, form_end, repaired, raw_end,
    again, slot_phrase,
    tried, known, known_of, known_form, known_first, known_raw, known_latest, gap_at, gap_size, gap_word, trait,
):  # fmt: skip
    """Cut each distinct phrase into fields and a form: the phrase with `*` in the place of every value.

    Phrase i has the fields that `fields` names at first_field[i] … first_field[i + 1]: of one form, those that say the
    same in one place are one. `owner` is the phrase in which a field was found. A slot is a distinct (type, half, key),
    but all arguments a0, a1, … of an EXECVE share one (a command may have thousands), and `argument` is their number,
    else -1. `again` says of a phrase that it has two fields of one slot that is none of arguments; its raw half without
    blanks at its end goes to `raw_end`.
    Returns (fields, slots, forms), or (SLOTS_ARE_FULL or FIELDS_ARE_FULL, …) when there are more than the arrays hold.

    Most phrases have the form of one before. The forms that were seen last of a type, `known`, are tried first: what
    stands between the values must be the same, byte by byte, and each value must end where it would if it were read.
    """
    n = slots = forms = guesses = gaps = named = np.int64(0)
    tail = np.int64(0)  # how much of the pool is taken
    for i in range(count):
        first_field[i] = named
        again[i] = 0
        p, stop, t = np.int64(start[i]), np.int64(end[i]), np.int64(kind[i])
        if max(n, named) + (stop - p) // 2 + 4 > value_start.size:  # a field is two bytes and more
            return FIELDS_ARE_FULL, slots, forms
        guess = -1
        for j in range(tried):
            guess = known[t, j]
            if guess < 0:
                break
            first, size = known_first[guess], known_first[guess + 1] - known_first[guess] - 1
            m, raw_stop = _follow(
                buf, words, i, p, stop, first, size, known_raw[guess, 0], known_raw[guess, 1], known_latest[guess], n,
                named, fields, value_start, value_end, flags, slot, text_kind, argument, owner,
                gap_at, gap_size, gap_word, trait,
            )  # fmt: skip
            if m >= 0:
                n = m
                known_latest[guess] = named
                named += size
                _bring_forward(known, t, guess)
                break
            guess = -1
        if guess >= 0:
            form[i] = known_form[guess]
            repaired[i] = 0
            raw_end[i] = _without_blanks(buf, p, raw_stop)
            continue
        o = tail  # where the form is being written
        outer = raw_stop = _next(words, p, stop, _SEPARATORS, _SEPARATORS, _SEPARATORS)  # end of the raw half
        limit = outer  # end of the region being read
        begun = n
        half = 0
        nested = 0
        close = -1
        opening = True  # at the start of a body or of a message, where words without a key have a meaning
        repaired[i] = 0
        while True:
            if p >= limit:
                if nested:
                    nested = 0
                    limit = outer
                    opening = False
                    if close >= 0:
                        pool[o] = 39
                        o += 1
                        p = close + 1
                    continue
                if half == 0 and limit < stop:
                    half = ENRICHED
                    pool[o] = 29
                    o += 1
                    p = limit + 1
                    limit = stop
                    continue
                break
            c = buf[p]
            if c == 32 or c == 44 or c == 59:
                pool[o] = c
                o += 1
                p += 1
                continue
            if half == 0 and outer == stop and not nested and _enriched_at(buf, p, limit):
                # The separator was lost or rewritten in transport.
                raw_stop = p
                while _key_end(buf, p, limit) < 0 or _enriched_name(buf, p, _key_end(buf, p, limit)) != p:
                    pool[o] = buf[p]
                    o += 1
                    p += 1
                half = ENRICHED
                repaired[i] = 1
            equals = _key_end(buf, p, limit)
            if (
                equals < 0 and c == 40 and _key_end(buf, p + 1, limit) >= 0
            ):  # (hostname=?, addr=?, terminal=cron res=success)
                pool[o] = 40
                o += 1
                p += 1
                continue
            f = half | (NESTED if nested else 0)
            if equals < 0:
                # Words that are no field.
                w = p
                if opening and is_avc[t] and _starts_with(buf, p, limit, _AVC_WORD) and buf[p + 4] == 32:
                    w = p + 4
                    opening = False
                    while p < w:
                        pool[o] = buf[p]
                        o += 1
                        p += 1
                    while p < limit and buf[p] == 32:
                        pool[o] = 32
                        o += 1
                        p += 1
                    w = _blank(buf, p, limit)
                    b = w
                    while b < limit and buf[b] == 32:
                        b += 1
                    brace = -1
                    if b < limit and buf[b] == 123:
                        e = b + 1
                        while e < limit and buf[e] != 125:
                            e += 1
                        if e < limit and e - b >= 4 and buf[b + 1] == 32 and buf[e - 1] == 32:
                            brace = e
                    if brace >= 0:
                        value_start[n] = p
                        value_end[n] = w
                        flags[n] = f | TEXT
                        text_kind[n] = AVC_RESULT
                        slot[n] = argument[n] = -1
                        n += 1
                        pool[o] = 42
                        o += 1
                        while w < b + 2:
                            pool[o] = buf[w]
                            o += 1
                            w += 1
                        value_start[n] = w
                        value_end[n] = brace - 1
                        flags[n] = f | TEXT
                        text_kind[n] = AVC_PERMISSIONS
                        slot[n] = argument[n] = -1
                        n += 1
                        pool[o] = 42
                        pool[o + 1] = 32
                        pool[o + 2] = 125
                        o += 3
                        p = brace + 1
                        b = p
                        while b < limit and buf[b] == 32:
                            b += 1
                        w = _blank(buf, b, limit)
                        if _is(buf, b, w, _FOR_WORD):
                            while p < w:
                                pool[o] = buf[p]
                                o += 1
                                p += 1
                        continue
                    opening = True
                if opening and not nested and half == 0:
                    opens = False
                    for j in range(_OPENING_SIZES.size):
                        size = _OPENING_SIZES[j]
                        if p + size < limit and buf[p + size] == 32:
                            opens = True
                            for b in range(size):
                                if buf[p + b] != _OPENING_BYTES[j, b]:
                                    opens = False
                                    break
                            if opens:
                                for b in range(size):
                                    pool[o] = buf[p + b]
                                    o += 1
                                p += size
                                break
                    if opens:
                        opening = False
                        continue
                # Up to the next key: stray text, or, at the start of a message, the message itself.
                w = _blank(buf, p, limit)
                if not opening and _is_punctuation(buf, p, w):
                    while p < w:
                        pool[o] = buf[p]
                        o += 1
                        p += 1
                    continue
                while w < limit:
                    b = w
                    while b < limit and buf[b] == 32:
                        b += 1
                    if (
                        b >= limit
                        or _key_end(buf, b, limit) >= 0
                        or (buf[b] == 40 and _key_end(buf, b + 1, limit) >= 0)
                    ):
                        break
                    e = _blank(buf, b, limit)
                    if _is_punctuation(buf, b, e):
                        break
                    if half == 0 and outer == stop and not nested and _enriched_at(buf, b, limit):
                        break
                    w = e
                value_start[n] = p
                value_end[n] = w
                flags[n] = f | TEXT
                text_kind[n] = MESSAGE if (opening and nested) else STRAY
                slot[n] = argument[n] = -1
                n += 1
                pool[o] = 42
                o += 1
                p = w
                opening = False
                continue
            opening = False
            # A field: its key …
            number = -1
            if is_execve[t] and equals - p > 1 and buf[p] == 97:
                v, e = _digits(buf, p + 1, 9)
                if e == equals and (buf[p + 1] != 48 or e == p + 2):
                    number = v
            kind_of_slot = t * 2 + (1 if half else 0)
            if number < 0:
                s = _intern(
                    words, p, equals, kind_of_slot, seed, slot_table, slot_hash, slot_kind, slot_start, slot_end, slots
                )
            else:
                s = argument_slot[kind_of_slot]
                if s < 0:
                    s = argument_slot[kind_of_slot] = slots
                    slot_kind[s] = kind_of_slot
                    slot_start[s] = p
                    slot_end[s] = equals
            if s == slots:
                slot_phrase[s] = -1
                slots += 1
                if slots == slot_start.size:
                    return SLOTS_ARE_FULL, slots, forms
            k0 = p
            while p <= equals:
                pool[o] = buf[p]
                o += 1
                p += 1
            # … and its value.
            if p < limit and buf[p] == 39 and not nested and half == 0 and _is(buf, k0, equals, _MSG_KEY):
                close = outer - 1
                while close > p and buf[close] != 39:
                    close -= 1
                nested = 1
                opening = True
                pool[o] = 39
                o += 1
                p += 1
                if close < p:
                    close = -1
                    repaired[i] |= 2
                else:
                    limit = close
                continue
            quote = -1
            if p < limit and buf[p] == 34:
                quote = _quoted_end(buf, p + 1, limit)
            if quote >= 0:
                pool[o] = 34
                v0 = p + 1
                v1 = quote
                p = quote + 1
                if half and _is(buf, v0, v1, _UNSET):
                    for b in range(v0, v1):
                        o += 1
                        pool[o] = buf[b]
                    f |= LITERAL
                else:
                    o += 1
                    pool[o] = 42
                pool[o + 1] = 34
                o += 2
                f |= QUOTED
            else:
                v0 = p
                if half and p < limit and buf[p] == 123:
                    v1 = limit
                    for b in range(p, limit):
                        if buf[b] == 125:
                            v1 = b + 1
                elif half:
                    v1 = _blank(buf, p, limit)
                elif is_path[t] and _starts_with(buf, k0, equals, _CAP_F):
                    # The five capability fields are one value.
                    v1 = _blank(buf, p, limit)
                    while v1 < limit and _starts_with(buf, v1 + 1, limit, _CAP_F) and _key_end(buf, v1 + 1, limit) > 0:
                        v1 = _blank(buf, v1 + 1, limit)
                else:
                    v1 = p
                    if p < limit and buf[p] != 32:
                        v1 = _bare_end(buf, p, limit, _extends(buf, p))
                lost = -1
                if half == 0 and outer == stop and not nested:
                    lost = _lost_separator(buf, v0, v1)
                    if lost >= 0:
                        v1 = lost
                if nested and v1 > v0 and buf[v1 - 1] == 44:  # hostname=?,
                    v1 -= 1
                if nested and v1 > v0 and buf[v1 - 1] == 41:  # … res=success)
                    depth = 0
                    for b in range(v0, v1):
                        if buf[b] == 40:
                            depth += 1
                        elif buf[b] == 41:
                            depth -= 1
                    if depth < 0:
                        v1 -= 1
                p = v1
                keep = False
                if half == 0 and lost < 0:
                    if _is(buf, v0, v1, _NULL):
                        keep = True
                    elif v1 - v0 == 1 and buf[v0] == 63:
                        keep = not _may_be_unknown(buf, k0, equals)
                    elif v1 - v0 <= 8 and _is_word(buf, v0, v1) and _is_result(buf, k0, equals):
                        keep = True
                if keep:
                    for b in range(v0, v1):
                        pool[o] = buf[b]
                        o += 1
                    f |= LITERAL
                else:
                    pool[o] = 42
                    o += 1
                if p < limit and buf[p] == 41:
                    pool[o] = 41
                    o += 1
                    p += 1
            value_start[n] = v0
            value_end[n] = v1
            flags[n] = f
            text_kind[n] = -1
            slot[n] = s
            argument[n] = number
            if slot_phrase[s] == i and number < 0:
                again[i] = 1
            slot_phrase[s] = i
            n += 1
        g = _intern(pool_words, tail, o, t, seed, form_table, form_hash, form_kind, form_start, form_end, forms)
        if g == forms:
            forms += 1
            tail = o
            known_of[g] = -1
        form[i] = g
        for f in range(begun, n):
            owner[f] = i
            fields[named] = f
            named += 1
        # One that was repaired may have the form of one that says something else: `SADDR=` is raw, `SADDR=x` is not.
        may_be_followed = tried and not repaired[i] and not again[i]
        if may_be_followed and known_of[g] < 0 and guesses < known_form.size:
            size = _describe(
                buf, words, start[i], stop, is_execve[t], begun, n, value_start, value_end, flags, argument,
                gaps, gap_at, gap_size, gap_word, trait,
            )  # fmt: skip
            if size:
                known_of[g] = guesses
                known_form[guesses] = g
                known_raw[guesses, 0], known_raw[guesses, 1] = -1, -1
                if outer < stop:
                    f = begun
                    while f < n and not flags[f] & ENRICHED:
                        f += 1
                    known_raw[guesses, 0] = f - begun
                    known_raw[guesses, 1] = outer - (value_end[f - 1] if f > begun else start[i])
                known_first[guesses] = gaps
                gaps += size
                guesses += 1
                known_first[guesses] = gaps
        guess = known_of[g]
        if may_be_followed and guess >= 0:
            known_latest[guess] = first_field[i]
            _bring_forward(known, t, guess)
        raw_end[i] = _without_blanks(buf, start[i], raw_stop)
    first_field[count] = named
    return n, slots, forms


@kernel
def spread_slots(
    slot, flags, text_kind, targets, bases, keys, arguments, shares, text_keys, kept_twice,
    target, base, key, argument, shared, silent, always,
):  # fmt: skip
    """What is known of each field from its slot; the last of each array is for text without a key, which has none.

    `silent` are the fields of which the form, or the arguments, say all; of the others, those that have no column stand
    in `other`: they are `always`, and so are those of the column `kept_twice`.
    """
    for f in range(slot.size):
        s = slot[f] if slot[f] >= 0 else targets.size - 1
        is_literal = flags[f] & LITERAL != 0
        t = targets[s] if bases[s] == 2 or not is_literal else -1
        target[f], base[f], argument[f], shared[f] = t, bases[s], arguments[s], shares[s]
        key[f] = text_keys[text_kind[f]] if text_kind[f] >= 0 else keys[s]
        silent[f] = is_literal or arguments[s] != 0
        always[f] = (t < 0 or t == kept_twice) and not silent[f]


@kernel
def mark_repeated(
    count, first_field, fields, again, shared, key, target, member, silent, seen_in, seen_at, second, always
):  # fmt: skip
    """Fields of one name in one phrase: the first has the column, `second` are the others, none silent is not `always`.

    Several keys fill one member of `paths`, which are the targets from `member` on; these bear its name. Only phrases
    that have one slot `again`, or a field whose name is `shared` by slots, can have such fields.
    """
    for h in range(count):
        may_have = again[h] != 0
        for o in range(first_field[h], first_field[h + 1]):
            may_have |= shared[fields[o]] != 0
        if not may_have:
            continue
        for o in range(first_field[h], first_field[h + 1]):
            f = fields[o]
            k = key[f] if target[f] < member else seen_in.size - 1 - (target[f] - member)
            if seen_in[k] == h:
                g = seen_at[k]
                second[f] = 1
                always[f] |= not silent[f]
                always[g] |= not silent[g]
            seen_in[k] = h
            seen_at[k] = f
    for f in range(key.size):
        if second[f] and target[f] >= member:
            target[f] = -1


@kernel
def gather_bits(phrases, first_field, fields, bits, out):
    """The bits of all fields of each of these phrases together."""
    for h in phrases:
        found = 0
        for o in range(first_field[h], first_field[h + 1]):
            found |= bits[fields[o]]
        out[h] = found


@kernel
def mark_plain(count, first_field, fields, in_matrix, always, argument, altered, out):
    """What `find_others` may pass over of each phrase: PLAIN, GIVEN_IS_PLAIN or NOT_PLAIN."""
    for h in range(count):
        fills = for_itself = False
        for o in range(first_field[h], first_field[h + 1]):
            f = fields[o]
            m = in_matrix[f]
            fills |= m >= 0
            for_itself |= always[f] != 0 or argument[f] != 0 or m == altered[0] or m == altered[1]
        out[h] = NOT_PLAIN if for_itself else (GIVEN_IS_PLAIN if fills else PLAIN)


@kernel
def parse_numbers(buf, words, start, end, flags, base, target, lowest, highest, value, odd):
    """Read each field that has a column as a number of its base, 10 (`%ld`), 16 (`%lx`) or 8 (`%#o`).

    Those that are not spelt as the kernel spells them, or that their column cannot hold, go to `odd`; returns how many.
    """
    n = 0
    for f in range(base.size):
        p, stop, t = np.int64(start[f]), np.int64(end[f]), target[f]
        if t < 0 or base[f] < 8:
            continue
        if base[f] == 10:
            v, is_one = _decimal_value(words, p, stop)
        elif base[f] == 16:
            v, is_one = _hex_value(words, p, stop)
        else:
            v, is_one = np.int64(0), stop - p >= 2 and stop - p <= 10 and buf[p] == 48 and buf[p + 1] != 48
            while is_one and p < stop:
                v = v * 8 + (np.int64(buf[p]) - 48)
                is_one = 48 <= buf[p] <= 55
                p += 1
        if is_one and not flags[f] & QUOTED and lowest[t] <= v <= highest[t]:
            value[f] = v
        else:
            odd[n] = f
            n += 1
    return n


@kernel
def intern_values(buf, words, count, start, end, kind, seed, number, table, hashes, kinds, starts, ends):
    """Number the distinct (kind, bytes) among the spans; returns how many."""
    n = np.int64(0)
    for i in range(count):
        first, last = np.int64(start[i]), np.int64(end[i])
        k = _intern(words, first, last, np.int64(kind[i]), seed, table, hashes, kinds, starts, ends, n)
        if k == n:
            n += 1
        number[i] = k
    return n


@kernel
def intern_fields(
    words, chosen, start, end, kind, text_kind, flags, target, seed, number, example, table, hashes, kinds, starts, ends
):  # fmt: skip
    """Number the distinct values of these fields; returns how many. `example` is the first field of each.

    Values differ where the bytes do, or the field's kind, its `text_kind`, its quotes, or whether it has a column.
    """
    n = np.int64(0)
    for i in range(chosen.size):
        f = chosen[i]
        whole = np.int64(kind[i]) + 1 << 5 | np.int64(text_kind[f]) + 1 << 2
        whole |= (2 if target[f] >= 0 else 0) | (1 if flags[f] & QUOTED else 0)
        first, last = np.int64(start[f]), np.int64(end[f])
        k = _intern(words, first, last, whole, seed, table, hashes, kinds, starts, ends, n)
        if k == n:
            example[n] = f
            n += 1
        number[i] = k
    return n


@kernel
def spread_codes(chosen, number, base, target, codes, same, value, always, wanted):
    """Give each chosen field what was found of its distinct value; `wanted` are the values that stand in `other`."""
    for i in range(chosen.size):
        f, m = chosen[i], number[i]
        if base[f] == 0 and target[f] >= 0:
            value[f] = codes[m]
        if not same[m]:
            always[f] = 1
        if always[f]:
            wanted[m] = True


@kernel
def spread_others(chosen, number, codes, value_code, raw_code):
    """Give each chosen field the codes that its distinct value has in `other`."""
    for i in range(chosen.size):
        value_code[chosen[i]], raw_code[chosen[i]] = codes[number[i], 0], codes[number[i], 1]


# How a value becomes text: as it stands, from hexadecimal, from that of a proctitle, or only in Python.
AS_WRITTEN, FROM_HEX, FROM_PROCTITLE, IN_PYTHON = 0, 1, 2, 3


def _half_bytes() -> Array:
    table = np.full(256, -1, dtype=np.int16)
    for value, digit in enumerate(b"0123456789ABCDEF"):
        table[digit] = value
    return table


# What an upper-case hexadecimal digit stands for, or -1.
_HALF_BYTE = _half_bytes()


@kernel
def copy_texts(buf, words, count, start, end, mode, pool, pool_words, out_start, out_end, good, same):
    """Write the text of each value into the pool, where all of it is ASCII and its mode allows.

    Returns the pool's length. `good` says that it could be done, `same` that the text alone gives back what was
    written. What cannot be done here is left to the decoders of `fields`, whose results these are.
    """
    o = 0
    for i in range(count):
        p, stop, how = start[i], end[i], mode[i]
        out_start[i] = o
        good[i] = 0
        same[i] = 0
        first = o
        if how == AS_WRITTEN:
            good[i] = same[i] = 1
            while p < stop:
                step = min(stop - p, 8)
                word = words[np.uint64(p)]
                if word & _HIGH & (_TAIL[step] if step < 8 else _HIGH) != _U0:
                    good[i] = 0
                    break
                pool_words[o] = word
                o += step
                p += step
        elif how != IN_PYTHON and stop > p and (stop - p) & 1 == 0:
            good[i] = same[i] = 1
            while p < stop:
                high, low = np.int64(_HALF_BYTE[buf[p]]), np.int64(_HALF_BYTE[buf[p + 1]])
                byte = high * 16 + low
                if high < 0 or low < 0 or byte >= 128 or (byte == 0 and how == FROM_HEX):
                    good[i] = 0
                    break
                if how == FROM_PROCTITLE and byte == 0:
                    byte = 32
                elif byte == 32:
                    same[i] = 1 if how == FROM_HEX else 0
                pool[o] = byte
                o += 1
                p += 2
            if how == FROM_PROCTITLE and good[i] and buf[stop - 1] == 48 and buf[stop - 2] == 48:
                good[i] = 0  # NULs at the end
        if not good[i]:
            o = first
        out_end[i] = o
    return o


@kernel
def gather(words, count, start, end, out):
    """Copy the spans one behind the other; `out` shows bytes as overlapping eights, and has eight more than needed."""
    o = 0
    for i in range(count):
        p, size = start[i], end[i] - start[i]
        for j in range(0, size, 8):
            out[o + j] = words[np.uint64(p + j)]
        o += size


# --------------------------------------------------------------------------------------------------------------- events


@kernel
def mark_events(event, kind, chosen, out):
    """Mark the events of the records whose kind is chosen."""
    for r in range(event.size):
        if chosen[kind[r]]:
            out[event[r]] = True


@kernel
def sort_by_group(count, group, place, out):
    """What is in groups in the order of these, and within one in its own; `place` is where each group begins."""
    for r in range(count):
        g = group[r]
        out[place[g]] = r
        place[g] += 1


@kernel
def mark_codes(codes, bits):
    """Set the bit of each code that is none of -1, as Arrow marks what is not null; returns how many are null."""
    nulls = 0
    for i in range(codes.size):
        if codes[i] >= 0:
            bits[i >> 3] |= 1 << (i & 7)
        else:
            nulls += 1
    return nulls


@kernel
def mark_numbers(values, filled, unset, bits):
    """As `mark_codes`, for the numbers that are filled and are not `unset`, which is none where it is below 0."""
    nulls = 0
    for i in range(values.size):
        if filled[i] and (unset < 0 or values[i] != unset):
            bits[i >> 3] |= 1 << (i & 7)
        else:
            nulls += 1
    return nulls


@kernel
def read_codes(values, filled, out):
    """The values that are filled as 32-bit codes, -1 for the others."""
    for i in range(values.size):
        out[i] = values[i] if filled[i] else -1


@kernel
def find_nameless(values, filled, codes, unset, out):
    """The places of numbers that are known (see `mark_numbers`) but have no code; returns how many."""
    n = 0
    for i in range(values.size):
        if codes[i] < 0 and filled[i] and (unset < 0 or values[i] != unset):
            out[n] = i
            n += 1
    return n


@kernel
def number_few(values, table, places, found, out):
    """Number the distinct values by arrival; returns how many, or -1: more than half the table's size."""
    n = 0
    mask = table.size - 1
    for i in range(values.size):
        v = values[i]
        h = np.uint64(v) * _MIX
        k = np.int64((h ^ (h >> _U32)) & np.uint64(mask))
        while True:
            m = places[k]
            if m < 0:
                if n * 2 >= table.size:
                    return -1
                table[k] = v
                places[k] = n
                found[n] = v
                out[i] = n
                n += 1
                break
            if table[k] == v:
                out[i] = m
                break
            k = (k + 1) & mask
    return n


@kernel
def trace(
    count, order, offsets, places, piece_start, shift, form_key, mask, form, phrase, piece, position, length, gap
):
    """Where each record's line lies in all segments of its host, by event: see `events.RECORD`."""
    last = 0
    for j in range(count):
        row = places[order[j]]
        line = row[LINE]
        while line < piece_start[last]:
            last -= 1
        while line >= piece_start[last + 1]:
            last += 1
        piece[j] = last
        position[j] = line + shift[last]
        length[j] = row[NEXT] - line
        gap[j] = position[j] - (position[j - 1] + length[j - 1]) if j else 0
        form_key[j] = (np.int64(mask[order[j]]) << 32) + form[phrase[order[j]]]
    for e in range(offsets.size - 1):
        if offsets[e] < count:
            gap[offsets[e]] = 0


# What stands for a field that was read as a number in front of the phrase: NUMBER_FIELD - i for NUMBERS[i], and the
# lone ones.
NUMBER_FIELD, LONE_PID_FIELD, ITEM_FIELD = -10, -2, -3


@kernel
def fill(
    count, order, event, phrase, first_field, fields, target, value, mask, lead, pid_column, matrix, filled, given
):
    """matrix[column, event] = the value of the first record, in `order`, that has one.

    `given` goes from 1 to 0 where a record has a value that another one filled in before.
    """
    for j in range(count):
        r = order[j]
        e = event[r]
        if mask[r] & LONE_PID_BIT:
            if filled[pid_column, e]:
                given[r] = 0
            else:
                matrix[pid_column, e] = lead[r]
                filled[pid_column, e] = 1
        h = phrase[r]
        for o in range(first_field[h], first_field[h + 1]):
            f = fields[o]
            c = target[f]
            if c >= 0:
                if filled[c, e]:
                    given[r] = 0
                else:
                    matrix[c, e] = value[f]
                    filled[c, e] = 1


@kernel
def fill_members(count, records, phrase, first_field, fields, member, value, matrix, filled):
    """matrix[member, i] = what the ith of these PATH records says; of two values of one member the last one."""
    for i in range(count):
        h = phrase[records[i]]
        for o in range(first_field[h], first_field[h + 1]):
            f = fields[o]
            m = member[f]
            if m >= 0:
                matrix[m, i] = value[f]
                filled[m, i] = 1


@kernel
def fill_numbers(count, order, event, row, mask, numbers, columns, success_column, matrix, filled, given):
    """As `fill`, for the numbers in front of the phrases of SYSCALL records."""
    for j in range(count):
        r = order[j]
        k = row[r]
        if k < 0:
            continue
        e = event[r]
        bits = mask[r]
        for i in range(columns.size):
            c = columns[i]
            if bits & (1 << i):
                if filled[c, e]:
                    given[r] = 0
                else:
                    matrix[c, e] = numbers[k, i]
                    filled[c, e] = 1
        if bits & (YES_BIT | NO_BIT) and not filled[success_column, e]:
            matrix[success_column, e] = 1 if bits & YES_BIT else 0
            filled[success_column, e] = 1


# Whether fields of a phrase stand in `other`: of a plain one none, of others none where its record is `given`.
NOT_PLAIN, PLAIN, GIVEN_IS_PLAIN = 0, 1, 2


@kernel
def find_others(
    count, order, event, phrase, first_field, fields, target, value, always, plain, argument, several_execve,
    mask, again, lead, row, numbers, columns, pid_column, item_of_record, matrix, given, record_out, field_out,
):  # fmt: skip
    """The (record, field) of everything that the columns do not give back.

    Returns how many, though the arrays may hold fewer.

    A number in front of a phrase that has its name `again` goes there too, so that both keep their order. Of a `plain`
    phrase no field goes there. Of a `given` record the columns hold all, but for an `arch` that has been altered since.
    """
    n = 0
    room = record_out.size
    for j in range(count):
        r = order[j]
        e = event[r]
        h = phrase[r]
        bits = mask[r]
        twice = again[h]
        k = row[r]
        if k >= 0 and given[r] and plain[h] == GIVEN_IS_PLAIN and not twice:
            if bits & 1 and matrix[columns[0], e] != numbers[k, 0]:
                if n < room:
                    record_out[n] = r
                    field_out[n] = NUMBER_FIELD
                n += 1
            continue
        if k >= 0:
            for i in range(columns.size):
                if bits & (1 << i) and (twice & (1 << i) or matrix[columns[i], e] != numbers[k, i]):
                    if n < room:
                        record_out[n] = r
                        field_out[n] = NUMBER_FIELD - i
                    n += 1
        elif bits & LONE_PID_BIT:
            if twice & LONE_PID_BIT or matrix[pid_column, e] != lead[r]:
                if n < room:
                    record_out[n] = r
                    field_out[n] = LONE_PID_FIELD
                n += 1
        elif bits & ITEM_BIT and (twice & ITEM_BIT or lead[r] != item_of_record[r]):
            if n < room:
                record_out[n] = r
                field_out[n] = ITEM_FIELD
            n += 1
        if plain[h] == PLAIN or (plain[h] == GIVEN_IS_PLAIN and given[r]):
            continue
        for o in range(first_field[h], first_field[h + 1]):
            f = fields[o]
            c = target[f]
            if always[f] or (c >= 0 and matrix[c, e] != value[f]) or (argument[f] and several_execve[e]):
                if n < room:
                    record_out[n] = r
                    field_out[n] = f
                n += 1
    return n


# ---------------------------------------------------------------------------------------------------------------- words

# What a byte is to `find_words`; and how many of LONG one behind the other are a long run.
DROPPED, LONG, BOUND, BETWEEN = 1, 2, 4, 8
LONG_RUN = 40
_U31 = np.uint64(31)


@kernel
def _said_of(word, words, says):
    """What a hash table says of a word; nothing where it does not hold it."""
    mask = np.uint64(words.size - 1)
    slot = word & mask
    while words[slot] and words[slot] != word:
        slot = (slot + _U1) & mask
    return says[slot] if words[slot] else _U0


@kernel
def find_words(
    data, offsets, kinds, letters, names, name_says, signs, parts, part_says, words, word_says, run_says, said, dropped
):
    """What each text holds of three lists, all read past the bytes that are DROPPED.

    `names` is an automaton over letters, which passes over every byte that is none; `parts` is one over all bytes. A
    row of 64 says for each state which one follows. `words` is a hash table of what may stand between two bounds and
    end before BETWEEN or with the text. `dropped` counts the bytes that were passed over.
    """
    for text in range(offsets.size - 1):
        bits, word = _U0, _U0
        name, part, run, gone = 0, 0, 0, 0
        for p in range(offsets[text], offsets[text + 1]):
            byte = data[p]
            kind = kinds[byte]
            if kind & DROPPED:
                gone += 1
                continue
            letter = letters[byte]
            if letter:
                name = names[(name << 6) + letter]
                bits |= name_says[name]
            part = parts[(part << 6) + signs[byte]]
            bits |= part_says[part]
            run = run + 1 if kind & LONG else 0
            if run == LONG_RUN:
                bits |= run_says
            if kind & BOUND:
                if kind & BETWEEN and word:
                    bits |= _said_of(word, words, word_says)
                word = _U0
            else:
                word = word * _U31 + np.uint64(byte)
        said[text] = bits | _said_of(word, words, word_says) if word else bits
        dropped[text] = gone


# ---------------------------------------------------------------------------------------------------------------- above


@dataclass(frozen=True)
class Block:
    """Bytes to read: whole lines, padded. `words` shows the same bytes as overlapping eights."""

    buf: Array
    words: Array
    size: int


def block(data: bytes | bytearray | memoryview) -> Block:
    """A block of these bytes; a newline is added where the last line has none."""
    view = memoryview(data)
    size = len(view)
    closed = size == 0 or view[size - 1] == 10
    buf = np.zeros(size + 1 + PADDING, dtype=np.uint8)
    buf[:size] = np.frombuffer(view, dtype=np.uint8)
    if not closed:
        buf[size] = 10
    return Block(buf, overlapping(buf), size if closed else size + 1)


def overlapping(buf: Array, *, writeable: bool = False) -> Array:
    """The bytes as 64-bit words, one beginning at each byte."""
    return np.lib.stride_tricks.as_strided(
        buf[:8].view(np.uint64), shape=(buf.size - 7,), strides=(1,), writeable=writeable
    )


def table(entries: int) -> Array:
    """An empty hash table for so many entries, at most half full."""
    size = 1 << max(4, (2 * int(entries)).bit_length())
    return np.full(size, -1, dtype=np.int32)


def seed() -> np.uint64:
    """A new secret for the hash tables, so that nobody can write a log whose phrases all fall into one place."""
    return np.uint64(secrets.randbits(64))
