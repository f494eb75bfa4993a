"""Which of very many texts may hold a secret: asked of all of them at once, and for most the answer is no.

A compiled function reads the texts one behind the other and says what each holds: the end of a secret's name, a program
that has a rule, a part of what a pattern finds. What passes is looked at more closely, and in the end by `lines`; only
what is stopped here must be right, for nobody looks at it again. So each question is weaker than the rule it stands
for, and all of them are asked of the texts without quotes and backslashes, since a shell drops these from the middle of
any word (`my"sql" -p…`). RE2 is asked where an expression of Python could take long for a hostile text; it knows no
look-around, and to compile its expression, anew at each call, costs as much as to read a thousand texts.
"""

import re
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit_nb import scan
from audit_nb.redact.rules import NAMES_IN_TEXT, ends_in, is_secret_name, may_name_a_secret, rules, without_signs
from audit_nb.redact.shell import SHELL_TOKEN
from audit_nb.redact.tables import ANYTHING, DEEP, LONG_RUN, NAME, PROGRAM, READER, SPEAKER, sieve
from audit_nb.redact.ways import BETWEEN, BLANKS, ends, name_that_ends, readers, way_of

Array = np.ndarray[Any, Any]


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
    beyond_ascii = data[data >= 128].tobytes()  # few bytes mostly, and all that such a letter consists of
    for letter, bit in asked.beyond_ascii.items():
        if letter.encode() in beyond_ascii:
            says[pc.match_substring(lines, letter).to_numpy(zero_copy_only=False)] |= np.uint64(bit)
    says[quotes >= _DEEPEST] |= np.uint64(DEEP)
    found = says & np.uint64(ANYTHING) != 0
    if cut is not None:
        found |= cut & (says & np.uint64(asked.cut) != 0)
    places = np.flatnonzero((says | np.uint64(READER) != READER) & ~found)  # a reader alone reads nothing
    found[places] = _closer(lines.take(pa.array(places)).to_pylist(), says[places].tolist())
    return found


_QUOTING = re.compile(r"['\"\\]")


def _closer(lines: list[str], says: list[int]) -> list[bool]:
    plain = [_QUOTING.sub("", line) for line in lines]
    found = [
        bool(
            (bits & LONG_RUN and _may_be_a_key(text))
            or (bits & SPEAKER and (_may_write(text) or (bits & READER and _may_be_read(text))))
            or (bits & NAME and _may_follow_a_name(text, line))
            or (bits & DEEP and _may_be_deep(line))
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
        if bits & PROGRAM and not found[n]:
            for program in programs & set(NAMES_IN_TEXT.findall(plain[n])):
                places.setdefault(way_of(program, bits & NAME > 0), []).append(n)
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
    ways = readers()
    names = ways.keys() & set(NAMES_IN_TEXT.findall(text, pipe))
    return any(ways[name].search(text, text.find(name, pipe)) for name in names)


_MANY = 64  # names in one text; one with more is left to `lines`
_SIGN_FOLLOWS = re.compile(r"[ \t]{0,2}[=:]")
_ASSIGNED = re.compile(r"(?<![\w.\-])([\w.\-]++)\]?[ \t]{0,2}[=:]")
_OPTION_STARTS = re.compile(rf"(?:\A|[{BETWEEN}])-")
# A word that begins like an option and in which quotes hold a blank.
_QUOTED_OPTION = re.compile(
    rf"""(?:\A|[{BETWEEN}])(?:['"\\]+-|-[^=\x00'"\\{BLANKS}]*['"\\])[^=\x00{BLANKS}]*[{BLANKS}]"""
)


def _may_follow_a_name(text: str, quoted: str) -> bool:
    """True for `password=` and `--password x`; `text` is what is left of `quoted` without its quotes."""
    lowered = text.lower()
    if len(lowered) != len(text):
        return True
    found = [match for end in ends_in(lowered) for match in islice(name_that_ends(end).finditer(lowered), _MANY)]
    return (
        len(found) >= _MANY
        or any(_is_option(match, quoted) for match in found)
        or (any(_SIGN_FOLLOWS.match(lowered, match.end()) for match in found) and _is_assigned(text, quoted))
    )


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


@lru_cache(maxsize=4096)
def _may_end_like_a_secret(name: str) -> bool:
    """Like `is_secret_name`, which may say no of a name and yes of its end."""
    return ends().search(without_signs(name.lower())) is not None
