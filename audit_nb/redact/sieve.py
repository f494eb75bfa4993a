"""Which of very many texts may hold a secret: asked of all of them at once, and for most the answer is no.

A compiled function reads the texts one behind the other and says what each holds: the end of a secret's name, a program
that has a rule, a part of what a pattern finds. What passes is looked at more closely, and in the end by `lines`; only
what is stopped here must be right, for nobody looks at it again. So each question is weaker than the rule it stands
for, and all of them are asked of the texts without quotes and backslashes, since a shell drops these from the middle of
any word (`my"sql" -p…`). RE2 is asked where an expression of Python could take long for a hostile text; it knows no
look-around, and to compile its expression, anew at each call, costs as much as to read a thousand texts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit_nb import scan
from audit_nb.redact.rules import (
    NAMES_IN_TEXT,
    SPEAKERS,
    Rule,
    ends_in,
    is_secret_name,
    may_name_a_secret,
    rules,
    without_signs,
)
from audit_nb.redact.shell import SHELL_TOKEN

Array = np.ndarray[Any, Any]

# What stands between two words, be it read as arguments (NUL), at every blank or as a shell.
_BLANKS = r"\t-\r "
_BETWEEN = rf"\x00{_BLANKS};|&()`<>$"
_PROGRAM_STARTS = f"(?:^|[/{_BETWEEN}])"
_LATER = f"[{_BETWEEN}](?:(?s:.*)[{_BETWEEN}])?"  # from a word to the beginning of a later one

# What a text may hold; the higher bits are the traces of the patterns.
_NAME, _PROGRAM, _SPEAKER, _READER, _LONG_RUN, _DEEP, _ANYTHING = 1, 2, 4, 8, 16, 32, 64
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
    words = dict.fromkeys(found.programs, _PROGRAM)
    for bit, more in ((_SPEAKER, SPEAKERS), (_READER, found.readers)):
        words |= {word: words.get(word, 0) | bit for word in more}
    names = _automaton({end: _NAME for end in found.ends if end.isascii()})
    return Sieve(
        tables=(*_bytes(names[0]), *names[1:], *_automaton(says), *_hashed(words), np.uint64(_LONG_RUN)),
        traces=traces,
        cut=int(np.bitwise_or.reduce([_SPEAKER, *cut])),
        # The Kelvin sign and the long s may be a k and an s.
        beyond_ascii={"\u212a": _ANYTHING, "\u017f": _ANYTHING}
        | {end[0]: _NAME for end in found.ends if not end.isascii()},
    )


def _hinted(hints: Iterable[str]) -> str:
    return f"(?i:{_any(hints)})".replace(" ", r"[ \x00]")


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


@cache
def _way(program: str, names_a_secret: bool) -> str:  # noqa: FBT001 - one of two ways
    """The program's name and what must follow it, in the words of RE2; empty where no rule can hold."""
    found = (way for rule in rules().programs[program] for way in _ways(rule, names_a_secret=names_a_secret))
    ways = "|".join(dict.fromkeys(found))
    return f"{_PROGRAM_STARTS}{_literal(program)}(?:{ways})" if ways else ""


def _ways(rule: Rule, *, names_a_secret: bool) -> list[str]:
    """What must follow the program for its rule to hold."""
    if rule.command:
        return [_LATER + word for word in sorted(map(_literal, rule.command))]
    if rule.flag:
        return [f"{_LATER}-[^\\x00]*{rule.flag}"]
    if rule.position or rule.words:
        return [_LATER]
    found = [_LATER + _option(option, rule.flags) for option in rule.value]
    found += [f"{_LATER}{_option(option, rule.flags)}(?s:.*){_literal(sign)}" for option, sign in rule.behind.items()]
    found += [_LATER + _literal(option) for option in rule.attached]
    found += [f"{_LATER}(?s:.*){_longest_literal(name)}" for name in rule.after]
    if rule.named and names_a_secret:
        found.append(f"{_LATER}(?s:.*)(?i:{_secret_name()}(?:[^a-z\\x00]|{_tails()})*)[{_BETWEEN}]")
    if rule.pairs:
        found.append(_LATER + "(?s:.*)=")
    return found


def _option(option: str, flags: str) -> str:
    if len(option) == 2 and flags:
        return f"-[{re.escape(flags)}]*{option[1]}"
    return _literal(option)


def _longest_literal(pattern: str) -> str:
    r"""Of `*password*` the word; of `\\\\*` nothing, for backslashes are not seen here."""
    parts = re.split(r"[*?\[\]\\'\"]+", pattern)
    return _literal(max(parts, key=len))


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(map(_literal, words)))


def _literal(word: str) -> str:
    return re.sub(r"([!-/:-@\[-^`{-~])", r"\\\1", word)


def _secret_name() -> str:
    """The end of a name as `is_secret_name` knows it."""
    return f"(?:{'|'.join(map(_spread, rules().ends))})"


def _spread(end: str) -> str:
    return r"[^A-Za-z0-9\x00]*".join(end)


def _tails() -> str:
    """Words that a name may have at its end, without those that are two of them."""
    tails = rules().names["tails"]
    pairs = {one + other for one in tails for other in tails}
    return _any(set(tails) - pairs)


def bytes_of(lines: pa.StringArray) -> tuple[Array, Array]:
    """The bytes of all texts and where in them each begins; one more says where the last one ends."""
    _, starts, text = lines.buffers()
    if not len(lines) or not text:
        return np.zeros(0, np.uint8), np.zeros(len(lines) + 1, np.int32)
    offsets = np.frombuffer(starts, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return np.frombuffer(text, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0]


_DEEPEST = 8  # quotes within quotes: as many as a word must have to be masked as a whole, see `marks`


def suspects(lines: pa.StringArray, *, cut: Array | None = None) -> Array:
    """Which of the texts, none of them null, `lines` has to look at; in the others it masks nothing."""
    asked, (data, offsets) = sieve(), bytes_of(lines)
    if not len(data):
        return np.zeros(len(lines), bool)
    says, quotes = np.empty(len(lines), np.uint64), np.empty(len(lines), np.int32)
    scan.find_words(data, offsets, *asked.tables, says, quotes)
    text = data.tobytes()
    for letter, bit in asked.beyond_ascii.items():
        if letter.encode() in text:
            says[_matches(lines, letter)] |= np.uint64(bit)
    says[quotes >= _DEEPEST] |= np.uint64(_DEEP)
    found = says & np.uint64(_ANYTHING) != 0
    if cut is not None:
        found |= cut & (says & np.uint64(asked.cut) != 0)
    places = np.flatnonzero((says | np.uint64(_READER) != _READER) & ~found)  # a reader alone reads nothing
    found[places] = _closer(lines.take(pa.array(places)).to_pylist(), says[places].tolist())
    return found


_QUOTING = re.compile(r"['\"\\]")


def _closer(lines: list[str], says: list[int]) -> list[bool]:
    plain = [_QUOTING.sub("", line) for line in lines]
    found = [
        bool(
            (bits & _LONG_RUN and _may_be_a_key(text))
            or (bits & _SPEAKER and (_may_write(text) or (bits & _READER and _may_be_read(text))))
            or (bits & _NAME and _may_follow_a_name(text, line))
            or (bits & _DEEP and _may_be_deep(line))
        )
        for line, text, bits in zip(lines, plain, says, strict=True)
    ]
    _look_for_traces(plain, says, found)
    _look_for_programs(plain, says, found)
    return found


def _look_for_traces(plain: list[str], says: list[int], found: list[bool]) -> None:
    """Asks for those traces together of which a part was seen."""
    traces = sieve().traces
    some = sum(traces)
    places = [n for n, bits in enumerate(says) if bits & some and not found[n]]
    seen = [trace for bit, trace in traces.items() if any(says[n] & bit for n in places)]
    _look_again(plain, found, places, "|".join(seen))


def _look_for_programs(plain: list[str], says: list[int], found: list[bool]) -> None:
    """One by one: RE2 would need far more states for all the programs together than it has room for."""
    places: dict[str, list[int]] = {}
    programs = rules().programs.keys()
    for n, bits in enumerate(says):
        if bits & _PROGRAM and not found[n]:
            for program in programs & set(NAMES_IN_TEXT.findall(plain[n])):
                places.setdefault(_way(program, bits & _NAME > 0), []).append(n)
    for way, here in places.items():
        _look_again(plain, found, [n for n in here if not found[n]], way)


def _look_again(plain: list[str], found: list[bool], places: list[int], expression: str) -> None:
    if places and expression:
        for n, matches in zip(places, _matches(pa.array([plain[n] for n in places]), expression), strict=True):
            found[n] = found[n] or bool(matches)


def _matches(lines: pa.StringArray, expression: str) -> Array:
    return pc.match_substring_regex(lines, expression).to_numpy(zero_copy_only=False)


_LONG_RUNS = re.compile("[A-Za-z0-9/+]{40,}+")
_MIXED = [re.compile(one) for one in ("[A-Z]", "[a-z]", "[0-9]")]


def _may_be_a_key(text: str) -> bool:
    """True for a long run of letters in both sizes and digits, not for the number of a container."""
    return any(all(kind.search(run) for kind in _MIXED) for run in _LONG_RUNS.findall(text))


def _may_be_deep(line: str) -> bool:
    """True when quotes stand within quotes so often that what lies deeper is no longer read."""
    words = (match.group() for argument in line.split("\0") for match in SHELL_TOKEN.finditer(argument))
    return any(len(_QUOTING.findall(word)) >= _DEEPEST for word in words)


_WRITES = re.compile(">|tee")


def _may_write(text: str) -> bool:
    """True when what echo or printf writes may go into a file that holds secrets."""
    begin = _WRITES.search(text)
    behind = text[begin.start() :] if begin else ""
    return bool(behind) and (may_name_a_secret(behind) or any(name in behind for name in rules().names["files"]))


def _may_be_read(text: str) -> bool:
    """True when what echo or printf writes may go through a pipe into a program that reads secrets."""
    pipe = text.find("|")
    if pipe < 0:
        return False
    ways = _readers()
    names = ways.keys() & set(NAMES_IN_TEXT.findall(text, pipe))
    return any(ways[name].search(text, text.find(name, pipe)) for name in names)


@cache
def _readers() -> dict[str, re.Pattern[str]]:
    """By reader: what must follow it."""
    ways = {}
    for name, needed in rules().readers.items():
        words = {"".join("." if sign == "?" else _literal(sign) for sign in word) for one in needed for word in one}
        ways[name] = re.compile(f"(?s)[{_BETWEEN}](?:{'|'.join(sorted(words))})" if all(needed) else "")
    return ways


_MANY = 64  # names in one text; one with more is left to `lines`
_SIGN_FOLLOWS = re.compile(r"[ \t]{0,2}[=:]")
_ASSIGNED = re.compile(r"(?<![\w.\-])([\w.\-]++)\]?[ \t]{0,2}[=:]")
_OPTION_STARTS = re.compile(rf"(?:\A|[{_BETWEEN}])-")
# A word that begins like an option and in which quotes hold a blank.
_QUOTED_OPTION = re.compile(
    rf"""(?:\A|[{_BETWEEN}])(?:['"\\]+-|-[^=\x00'"\\{_BLANKS}]*['"\\])[^=\x00{_BLANKS}]*[{_BLANKS}]"""
)


def _may_follow_a_name(text: str, quoted: str) -> bool:
    """True for `password=` and `--password x`; `text` is what is left of `quoted` without its quotes."""
    lowered = text.lower()
    if len(lowered) != len(text):
        return True
    found = [match for end in ends_in(lowered) for match in islice(_name_that_ends(end).finditer(lowered), _MANY)]
    return (
        len(found) >= _MANY
        or any(_is_option(match, quoted) for match in found)
        or (any(_SIGN_FOLLOWS.match(lowered, match.end()) for match in found) and _is_assigned(text, quoted))
    )


@cache
def _name_that_ends(end: str) -> re.Pattern[str]:
    """The end of a secret's name, in small letters, with what follows it in the same word.

    Signs may stand in what a name ends with, not in a word that is the last one of a name.
    """
    signs = f"[^a-z\\x00=:{_BETWEEN}]*"
    names = rules().names
    joined = any(name.endswith(end) for name in names["endings"]) or end not in names["last_words"]
    return re.compile(f"{_spread(end) if joined else end}{signs}(?:(?:{_tails()}){signs})*(?=[=:{_BETWEEN}])")


def _is_option(name: re.Match[str], quoted: str) -> bool:
    """True when a word that begins with a dash ends with the name, as far as one can tell without the quotes."""
    text, start = name.string, name.start()
    if text[name.end()] == "=":
        return False
    argument = text.rfind("\0", 0, start) + 1
    bound = max(argument - 1, text.rfind("=", 0, start), 0)
    if bound <= argument and text.startswith("-", argument):
        return True
    option = _OPTION_STARTS.search(text, bound, start)
    if not option:
        return False
    blank = max(text.rfind(one, bound, start) for one in "\t\n\v\f\r ")
    return (
        blank <= option.start()
        or _OPTION_STARTS.search(text, blank, start) is not None
        or _QUOTED_OPTION.search(quoted) is not None
    )


def _is_assigned(text: str, quoted: str) -> bool:
    asked = 0
    for match in _ASSIGNED.finditer(text):
        name = match[1]
        if _may_end_like_a_secret(name):
            asked += 1
            # Without quotes in it a name is read as it stands here, never a part of it.
            if is_secret_name(name) or asked > _MANY or quoted.count(name) != text.count(name):
                return True
    return False


@cache
def _ends() -> re.Pattern[str]:
    return re.compile(rf"(?:{_any(rules().ends)})(?:\d|{_tails()})*\Z")


@lru_cache(maxsize=4096)
def _may_end_like_a_secret(name: str) -> bool:
    """Like `is_secret_name`, which may say no of a name and yes of its end."""
    return _ends().search(without_signs(name.lower())) is not None
