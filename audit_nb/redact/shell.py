"""A command line given as one text, read in two ways: at every blank, and as a shell would."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """A text, and where each of its characters stands in the text that is being masked."""

    value: str
    at: Sequence[int]

    def part(self, start: int, end: int | None = None) -> "Piece":
        return Piece(self.value[start:end], self.at[start:end])


BLANK = re.compile(r"[ \t\r\n\f\v]")
_WORD = re.compile(r"[^ \t\r\n\f\v]++")
NEEDS_A_SHELL = re.compile(r"['\"\\;|&()`<>\n]")
_SHELL_TOKEN = re.compile(
    r"""(?P<operator>\|\||&&|\|&|<<<|<<-?|\$\(|[;|()`\n]|&(?!>))
      | (?P<redirection> (?:\d?|&)(?:>>?|<)(?:&[\d-]?)?)
      | (?P<word>(?: '[^']*+(?:'|\Z) | "(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z) | \\. | \\\Z | \$(?!\()
                   | [^\ \t\r\n;|&()`\\'"<>$] )++)""",
    re.DOTALL | re.VERBOSE,
)
_UNQUOTE = re.compile(r"""'([^']*+)'?|"((?:[^"\\]|\\.|\\\Z)*+)"?|\\(.|\Z)|([^'"\\]++)""", re.DOTALL)
_ENDS_A_COMMAND = frozenset(["|", "||", "&&", "|&", ";", "&"])


@dataclass(frozen=True)
class Simple:
    """One simple command of a shell text: what joins it to the one before, its words, and what `<<` feeds it."""

    joined_by: str
    words: list[Piece]
    fed: list[Piece]


def at_every_blank(piece: Piece) -> Iterator[list[Piece]]:
    words: list[Piece] = []
    for match in _WORD.finditer(piece.value):
        start, end = match.span()
        ended = match.group() in _ENDS_A_COMMAND or piece.value[end - 1] == ";"
        while start < end and piece.value[start] in "'\"`($":
            start += 1
        while start < end and piece.value[end - 1] in "'\"`);":
            end -= 1
        if match.group() not in _ENDS_A_COMMAND:
            words.append(piece.part(start, end))
        if ended:
            yield words
            words = []
    yield words


def as_a_shell(piece: Piece) -> list[Simple]:
    commands = [Simple("", [], [])]
    here = ""
    for match in _SHELL_TOKEN.finditer(piece.value):
        operator = match["operator"]
        if operator is None:
            word = _unquoted(piece.part(*match.span()))
            if here == "<<<":
                commands[-1].fed.append(word)
            elif here:
                commands[-1].fed.append(_document(piece, match.end(), word.value, dash=here == "<<-"))
            else:
                commands[-1].words.append(word)
            here = ""
        elif operator.startswith("<<"):
            here = operator
        else:
            commands.append(Simple(operator, [], []))
    return commands


def _document(piece: Piece, start: int, delimiter: str, *, dash: bool) -> Piece:
    """The body of a here-document: the lines behind `start` up to the one that is the delimiter."""
    first = piece.value.find("\n", start) + 1
    if not first:
        return piece.part(start, start)
    end = first
    for line in piece.value[first:].split("\n"):
        if (line.lstrip("\t") if dash else line) == delimiter:
            break
        end += len(line) + 1
    return piece.part(first, max(first, end - 1))


def _unquoted(piece: Piece) -> Piece:
    if not any(sign in piece.value for sign in "'\"\\"):
        return piece
    value: list[str] = []
    at: list[int] = []
    for match in _UNQUOTE.finditer(piece.value):
        group = match.lastindex or 0
        start, end = match.span(group)
        if group:
            value.append(piece.value[start:end])
            at.extend(piece.at[start:end])
    return Piece("".join(value), at)


def program(word: str) -> str:
    return word[word.rfind("/") + 1 :]


def mark(piece: Piece, marks: list[Span]) -> None:
    """Hide the piece; the quotes around it stay, for the reader's sake."""
    start = len(piece.value) - len(piece.value.lstrip("'\""))
    end = len(piece.value.rstrip("'\""))
    if start < end:
        marks.append((piece.at[start], piece.at[end - 1] + 1))
