"""Which of very many texts may hold a secret: asked of all of them at once, and for most the answer is no.

RE2 reads the texts one behind the other without Python. It knows no look-around and need not: what passes is looked at
closely by `lines`; only what is stopped here must be right, for nobody looks at it again. So each expression is weaker
than the rule it stands for, and all of them read the texts without quotes and backslashes, since a shell drops these
from the middle of any word (`my"sql" -p…`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit_nb.redact.rules import NAMES_IN_TEXT, SPEAKERS, Pattern, Rule, rules

Array = np.ndarray[Any, Any]

# What stands between two words, be it read as arguments (NUL), at every blank or as a shell.
_BLANKS = r"\t-\r "
_BETWEEN = rf"\x00{_BLANKS};|&()`<>$"
_START = f"(?:^|[{_BETWEEN}])"
_PROGRAM_STARTS = f"(?:^|[/{_BETWEEN}])"
_LATER = f"[{_BETWEEN}](?:(?s:.*)[{_BETWEEN}])?"  # from a word to the beginning of a later one


@dataclass(frozen=True)
class Sieve:
    """Expressions of RE2 for texts without quotes and backslashes."""

    coarse: str  # one of these is in every text that holds a secret
    certain: str  # enough for a closer look
    quoted: str  # enough in a text that had quotes or backslashes
    speaks: str  # together with `reads`: what is written into the standard input or a file of another
    reads: str
    cut: str  # enough in a text whose end may have been cut off
    ways: Mapping[str, str]  # by program: its name and what must follow it


_LONG_RUN = "[A-Za-z0-9/+]{40}"
_RUNS = re.compile("[A-Za-z0-9/+]{40,}+")
_MIXED = [re.compile(one) for one in ("[A-Z]", "[a-z]", "[0-9]")]


@cache
def sieve() -> Sieve:
    """The expressions that the rules make."""
    found = rules()
    name, tail = _secret_name(), _tails("=")
    word_tail, assigned_tail = _tails("=" + _BLANKS), _tails("=:" + _BETWEEN)
    traces = _traces(pattern for pattern in found.patterns if not pattern.cut)
    # A word may begin behind 2>&1; a shell does not end it at a form feed, so that quotes are not all that lies deep.
    traces += ["<<", r"[<>]&(?:[0-9-]|[^\x00-\x7f])[\w.-]", r"[\v\f]"]
    speakers = f"{_PROGRAM_STARTS}(?:{_any(SPEAKERS)})[{_BETWEEN}]"
    ways = {one: made for one, entries in found.programs.items() if (made := _program(one, entries))}
    programs = f"{_PROGRAM_STARTS}(?:{_any(ways)})[{_BETWEEN}]"
    return Sieve(
        coarse="|".join([*traces, name, programs, speakers]),
        certain="|".join(
            [
                *traces,
                f"{name}{assigned_tail}[ \\t]{{0,2}}[=:]",
                f"(?:^|\\x00)-[^=\\x00]*{name}{tail}\\x00",
                f"{_START}-[^=\\x00{_BLANKS}]*{name}{word_tail}[{_BETWEEN}]",
            ]
        ),
        quoted=f"{_START}-[^=\\x00]*{name}{tail}[{_BETWEEN}]",
        speaks=speakers,
        reads="|".join([*_readers(found.readers), f"(?:>|tee)(?s:.*)(?:{name}|{_any(found.names['files'])})"]),
        cut="|".join([*_traces(pattern for pattern in found.patterns if pattern.cut), speakers]),
        ways=ways,
    )


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(map(_literal, words)))


def _literal(word: str) -> str:
    return re.sub(r"([!-/:-@\[-^`{-~])", r"\\\1", word)


def _traces(patterns: Iterable[Pattern]) -> list[str]:
    """One for each pattern but that of a long key, which has no hint; see `_may_be_a_key`."""
    made = {one.trace or f"(?i:{_any(one.hints)})".replace(" ", r"[ \x00]") for one in patterns if "" not in one.hints}
    return sorted(made)


def _secret_name() -> str:
    """The end of a name as `is_secret_name` knows it, in letters of any size, with signs between them."""
    signs = r"[^A-Za-z0-9\x00]*"
    return f"(?i:{'|'.join(signs.join(end) for end in rules().ends)})"


def _tails(without: str) -> str:
    """What a name may have behind that: numbers, signs but those of `without`, and words like `value`."""
    return f"(?i:[^a-z\\x00{without}]|{_any(rules().names['tails'])})*"


def _program(name: str, entries: Sequence[Rule]) -> str:
    ways = dict.fromkeys(way for rule in entries for way in _ways(rule))
    return f"{_PROGRAM_STARTS}{_literal(name)}(?:{'|'.join(ways)})" if ways else ""


def _ways(rule: Rule) -> list[str]:
    """What must follow the program for its rule to hold."""
    if rule.command:
        return [_LATER + word for word in sorted(map(_literal, rule.command))]
    if rule.flag:
        return [f"{_LATER}-[^\\x00]*{rule.flag}"]
    if rule.position or rule.words:
        return [_LATER]
    found = [_LATER + _option(option, rule.flags) for option in rule.value]
    found += [f"{_LATER}{_option(option, rule.flags)}(?s:.*){_literal(sign)}" for option, sign in rule.behind.items()]
    found += [f"{_LATER}{_literal(option)}[^\\x00]" for option in rule.attached]
    found += [f"{_LATER}(?s:.*){_longest_literal(name)}" for name in rule.after]
    if rule.named:
        found.append(f"{_LATER}(?s:.*){_secret_name()}{_tails('')}[{_BETWEEN}]")
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


def _readers(readers: dict[str, Sequence[Sequence[str]]]) -> list[str]:
    ways: dict[str, set[str]] = {}
    for name, needed in readers.items():
        for words in needed:
            for word in words or [""]:
                with_it = _LATER + "".join("." if sign == "?" else _literal(sign) for sign in word) if word else ""
                ways.setdefault(with_it, set()).add(name)
    return [f"{_PROGRAM_STARTS}(?:{_any(names)}){way or f'(?:$|[{_BETWEEN}])'}" for way, names in ways.items()]


# The bytes that a shell drops from a word.
_DROPPED = np.zeros(256, bool)
_DROPPED[list(b"'\"\\")] = True


def bytes_of(lines: pa.StringArray) -> tuple[Array, Array]:
    """The bytes of all texts and where in them each begins; one more says where the last one ends."""
    _, starts, text = lines.buffers()
    if not len(lines) or not text:
        return np.zeros(0, np.uint8), np.zeros(len(lines) + 1, np.int32)
    offsets = np.frombuffer(starts, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return np.frombuffer(text, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0]


def _unquoted(lines: pa.StringArray) -> tuple[pa.StringArray, Array]:
    """The texts without quotes and backslashes, and how many each had."""
    data, offsets = bytes_of(lines)
    dropped = _DROPPED[data]
    places = np.flatnonzero(dropped)
    before = np.searchsorted(places, offsets).astype(np.int32)
    kept = data[~dropped] if len(places) else data
    plain = pa.StringArray.from_buffers(
        len(lines), pa.py_buffer(np.ascontiguousarray(offsets - before)), pa.py_buffer(np.ascontiguousarray(kept))
    )
    return plain, np.diff(before)


_DEEP = 8  # quotes within quotes: as many as there must be for a text to be masked as a whole, see `marks`


def suspects(lines: pa.StringArray, *, cut: Array | None = None) -> Array:
    """Which of the texts, none of them null, `lines` has to look at; in the others it masks nothing."""
    plain, quotes = _unquoted(lines)
    found = quotes >= _DEEP
    runs = _matches(plain, _LONG_RUN)
    for place in np.flatnonzero(runs & ~found).tolist():
        found[place] = _may_be_a_key(plain[place].as_py())
    if cut is not None:
        _look_again(found, cut, plain, sieve().cut)
    coarse = np.flatnonzero(~found & _matches(plain, sieve().coarse))
    found[coarse] = _closer(plain.take(pa.array(coarse)), quotes[coarse] > 0)
    return found


def _may_be_a_key(text: str) -> bool:
    """True for a long run of letters in both sizes and digits, not for the number of a container."""
    return any(all(kind.search(run) for kind in _MIXED) for run in _RUNS.findall(text))


def _closer(plain: pa.StringArray, quoted: Array) -> Array:
    asked = sieve()
    found = _matches(plain, asked.certain)
    _look_again(found, quoted, plain, asked.quoted)
    _look_again(found, _matches(plain, asked.speaks), plain, asked.reads)
    left = np.flatnonzero(~found)
    # One by one: RE2 would need far more states for all the programs together than it has room for.
    for name, places in _by_program(plain.take(pa.array(left)).to_pylist()).items():
        here = np.zeros(len(found), bool)
        here[left[places]] = True
        _look_again(found, here, plain, asked.ways[name])
    return found


def _by_program(lines: list[str]) -> Mapping[str, list[int]]:
    """The places of the texts in which a program's name stands."""
    places: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        for name in sieve().ways.keys() & set(NAMES_IN_TEXT.findall(line)):
            places.setdefault(name, []).append(place)
    return places


def _look_again(found: Array, where: Array, plain: pa.StringArray, expression: str) -> None:
    places = np.flatnonzero(where & ~found)
    if len(places):
        found[places] = _matches(plain.take(pa.array(places)), expression)


def _matches(lines: pa.StringArray, expression: str) -> Array:
    return pc.match_substring_regex(lines, expression).to_numpy(zero_copy_only=False)
