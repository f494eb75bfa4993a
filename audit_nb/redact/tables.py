"""The tables by which a compiled function sees what very many texts hold, see `scan.find_words`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from audit_nb import scan
from audit_nb.redact.rules import SPEAKERS, rules
from audit_nb.redact.ways import any_of

Array = np.ndarray[Any, Any]

# What a text may hold; the higher bits are the traces of the patterns.
NAME, PROGRAM, SPEAKER, READER, LONG_RUN, DEEP, ANYTHING = 1, 2, 4, 8, 16, 32, 64
_TRACES = 7


@dataclass(frozen=True)
class Sieve:
    """What is asked of texts without quotes and backslashes."""

    tables: Sequence[Any]  # of `scan.find_words`
    traces: Mapping[int, str]  # by bit: an expression of RE2 which finds whatever the pattern does
    cut: int  # the bits that are enough in a text whose end may have been cut off
    beyond_ascii: Mapping[str, int]  # letters that are none in the tables, and what a text with one may hold


# A word may begin behind 2>&1; a shell does not end it at a form feed, so that quotes are not all that lies deep.
_ALWAYS = {"<<": ["<<"], r"[<>]&(?:[0-9-]|[^\x00-\x7f])[\w.-]": [">&", "<&"], r"[\v\f]": ["\v", "\f"]}


@cache
def sieve() -> Sieve:
    """What the rules make to ask for."""
    found = rules()
    parts: dict[str, set[str]] = {trace: set(signs) for trace, signs in _ALWAYS.items()}
    for one in found.patterns:
        if "" not in one.hints and not one.cut:  # the pattern of a long key has none; see `_may_be_a_key`
            parts.setdefault(one.trace or _hinted(one.hints), set()).update(one.parts)
    traces = {1 << n: trace for n, trace in enumerate(sorted(parts), _TRACES)}
    says: dict[str, int] = {}
    for bit, trace in traces.items():
        for part in parts[trace]:
            says[part] = says.get(part, 0) | bit
    cut = [says[part] for one in found.patterns if one.cut for part in one.parts]
    words = dict.fromkeys(found.programs, PROGRAM)
    for bit, more in ((SPEAKER, SPEAKERS), (READER, found.readers)):
        words |= {word: words.get(word, 0) | bit for word in more}
    names = _automaton({end: NAME for end in found.ends if end.isascii()})
    return Sieve(
        tables=(*_bytes(names[0]), *names[1:], *_automaton(says), *_hashed(words), np.uint64(LONG_RUN)),
        traces=traces,
        cut=int(np.bitwise_or.reduce([SPEAKER, *cut])),
        # The Kelvin sign and the long s may be a k and an s.
        beyond_ascii={"\u212a": ANYTHING, "\u017f": ANYTHING}
        | {end[0]: NAME for end in found.ends if not end.isascii()},
    )


def _hinted(hints: Iterable[str]) -> str:
    return f"(?i:{any_of(hints)})".replace(" ", r"[ \x00]")


def _bytes(in_names: Array) -> tuple[Array, Array]:
    """What `find_words` is to do at each byte; and which letter it is in a name: 0 for what may stand between two."""
    kinds, letters = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    digits_and_letters = [*range(48, 58), *range(65, 91), *range(97, 123)]
    kinds[list(b"'\"\\")] = scan.DROPPED
    kinds[[*range(9, 14), *b"\0 ;|&()`<>$"]] = scan.BOUND | scan.BETWEEN
    kinds[[*b"+", *digits_and_letters]] = scan.LONG
    kinds[ord("/")] = scan.BOUND | scan.LONG
    letters[[0, *digits_and_letters]] = np.maximum(in_names[[0, *digits_and_letters]], 1)
    return kinds, letters


def _automaton(says: Mapping[str, int]) -> tuple[Array, Array, Array]:
    """Finds all these texts at once, in letters of any size, as Aho and Corasick do.

    For each byte its column, for each state and column the next state, for each state what it says.
    """
    used = sorted(set("".join(says).encode()))
    columns = np.zeros(256, np.uint8)
    columns[used] = columns[list(bytes(used).upper())] = np.arange(2, len(used) + 2)
    after: list[dict[int, int]] = [{}]
    found = [0]
    for text, bits in says.items():
        state = 0
        for column in columns[list(text.encode())].tolist():
            if column not in after[state]:
                after[state][column] = len(after)
                after.append({})
                found.append(0)
            state = after[state][column]
        found[state] |= bits
    table = np.zeros((len(after), 64), np.uint16)
    waiting = [(0, 0)]
    for state, shorter in waiting:  # the state of the longest end of this one's text that begins another
        found[state] |= found[shorter]
        row = table[shorter].copy()
        waiting += [(follower, int(row[column]) if state else 0) for column, follower in after[state].items()]
        row[list(after[state])] = list(after[state].values())
        table[state] = row
    return columns, table.ravel(), np.array(found, np.uint64)


def _hashed(says: Mapping[str, int]) -> tuple[Array, Array]:
    """The words as a hash table, at most half full: each word's hash, and what it says."""
    size = 1 << (2 * len(says)).bit_length()
    words, bits = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    for word, bit in says.items():
        number = 0
        for byte in word.encode():
            number = (number * 31 + byte) & 0xFFFFFFFFFFFFFFFF
        slot = number % size
        while words[slot]:
            slot = (slot + 1) % size
        words[slot], bits[slot] = number, bit
    return words, bits
