"""A command line given as one text, read in two ways: at every blank, and as a shell would."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CUT_BYTES = range(120, 129)  # PROCTITLE ends at 128 bytes; decoding may have dropped half a character
Span = tuple[int, int]


class Piece(NamedTuple):
    """A text, and where each of its characters stands in the text that is being masked: the n-th at `at[start + n]`."""

    value: str
    at: Sequence[int]
    start: int = 0

    def part(self, start: int, end: int | None = None) -> "Piece":
        return Piece(self.value[start:end], self.at, self.start + start)


def may_be_cut(line: str) -> bool:
    """True when the text is as long as the longest PROCTITLE."""
    return len(line) <= CUT_BYTES[-1] and len(line.encode("utf-8", "surrogatepass")) in CUT_BYTES


_QUOTING = re.compile(r"['\"\\]")


class Marks:
    """The parts of a text that are to be masked; `cut` says that the text may have been longer."""

    def __init__(self, line: str, *, cut: bool) -> None:
        self.plain = _QUOTING.sub("", line).replace("\0", " ")  # what its pieces consist of, unquoted or not
        self.spans: list[Span] = []
        self._end = len(line) - 1 if cut else -1

    def hide(self, piece: Piece) -> None:
        """Mark the piece; the quotes around it stay, for the reader's sake."""
        value, at, first = piece
        start = len(value) - len(value.lstrip("'\""))
        end = len(value.rstrip("'\""))
        if start < end:
            self.spans.append((at[first + start], at[first + end - 1] + 1))

    def is_cut(self, piece: Piece) -> bool:
        """True when the piece ends where the text was cut."""
        return bool(piece.value) and piece.at[piece.start + len(piece.value) - 1] == self._end


BLANK = re.compile(r"[ \t\r\n\f\v]")
_WORD = re.compile(r"[^ \t\r\n\f\v]++")
NEEDS_A_SHELL = re.compile(r"['\"\\;|&()`<>\n]")
SHELL_TOKEN = re.compile(
    r"""(?P<operator>\|\||&&|\|&|<<<|<<-?|\$\(|[;|()`\n]|&(?!>))
      | (?P<redirection> (?:\d?|&)(?:>>?|<)(?:&[\d-]?)?)
      | (?P<word>(?: '[^']*+(?:'|\Z) | "(?:[^"\\]++|\\.|\\\Z)*(?:"|\Z) | \\. | \\\Z | \$(?!\()
                   | [^\ \t\r\n;|&()`\\'"<>$]++ )+)""",
    re.DOTALL | re.VERBOSE,
)
_UNQUOTE = re.compile(r"""'([^']*+)'?|"((?:[^"\\]++|\\.|\\\Z)*)"?|\\(.|\Z)|([^'"\\]++)""", re.DOTALL)
_ENDS_A_COMMAND = frozenset(["|", "||", "&&", "|&", ";", "&"])


class Simple(NamedTuple):
    """One simple command of a shell text: what joins it to the one before, its words, and what `<<` feeds it."""

    joined_by: str
    words: list[Piece]
    fed: list[Piece]


def at_every_blank(piece: Piece) -> Iterator[list[Piece]]:
    words: list[Piece] = []
    value, at, first = piece
    for match in _WORD.finditer(value):
        word = match.group()
        if word not in _ENDS_A_COMMAND:
            begun = word.lstrip("'\"`($")
            words.append(Piece(begun.rstrip("'\"`);"), at, first + match.end() - len(begun)))
        if word in _ENDS_A_COMMAND or word[-1] == ";":
            yield words
            words = []
    yield words


def as_a_shell(piece: Piece) -> list[Simple]:
    commands = [Simple("", [], [])]
    documents: _Documents | None = None
    here = ""
    value, at, first = piece
    for match in SHELL_TOKEN.finditer(value):
        if match.lastgroup != "operator":
            word = Piece(match.group(), at, first + match.start())
            word = _unquoted(word) if _QUOTING.search(word.value) else word
            if here == "<<<":
                commands[-1].fed.append(word)
            elif here:
                documents = documents or _Documents(piece)
                commands[-1].fed.append(documents.behind(match.end(), word.value, dash=here == "<<-"))
            else:
                commands[-1].words.append(word)
            here = ""
        elif match.group().startswith("<<"):
            here = match.group()
        else:
            commands.append(Simple(match.group(), [], []))
    return commands


class _Documents:
    """The here-documents of a text. Each line is looked at once, however many documents a text begins."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._starts: list[int] = []
        self._ends: dict[tuple[bool, str], list[int]] = {}
        start = 0
        for line in piece.value.split("\n"):
            self._starts.append(start)
            self._ends.setdefault((False, line), []).append(start)
            self._ends.setdefault((True, line.lstrip("\t")), []).append(start)
            start += len(line) + 1

    def behind(self, place: int, delimiter: str, *, dash: bool) -> Piece:
        """The lines behind the one at `place`, up to the one that is the delimiter."""
        line = bisect_right(self._starts, place)
        if line == len(self._starts):
            return self._piece.part(place, place)
        first = self._starts[line]
        known = self._ends.get((dash, delimiter), [])
        nth = bisect_left(known, first)
        end = known[nth] if nth < len(known) else len(self._piece.value) + 1
        return self._piece.part(first, max(first, end - 1))


def _unquoted(piece: Piece) -> Piece:
    value: list[str] = []
    at: list[int] = []
    for match in _UNQUOTE.finditer(piece.value):
        group = match.lastindex or 0
        start, end = match.span(group)
        if group:
            value.append(piece.value[start:end])
            at.extend(piece.at[piece.start + start : piece.start + end])
    return Piece("".join(value), at)


_REDIRECTS = re.compile(r"(?:\d?|&)[<>]{1,2}")


def without_redirections(words: list[Piece]) -> list[Piece]:
    """The words without `>`, `2>&1`, `>file` and the file behind a bare `>`."""
    kept: list[Piece] = []
    skip = False
    for word in words:
        sign = _REDIRECTS.match(word.value)
        if not skip and not sign:
            kept.append(word)
        skip = sign is not None and sign.end() == len(word.value)
    return kept


def program(word: str) -> str:
    return word[word.rfind("/") + 1 :]


def programs_of(words: Sequence[str]) -> list[str]:
    """`program` of each."""
    return [word.rpartition("/")[2] for word in words]
