"""Command lines with their secrets masked."""

import re
from collections.abc import Iterator, Sequence

from audit_nb.redact.marks import mark_patterns, mark_text, mark_words
from audit_nb.redact.rules import is_suspect
from audit_nb.redact.shell import Marks, Piece, Span, may_be_cut

MASK = "***"


def command(argv: Sequence[str]) -> str:
    """The command line as a person reads it: arguments quoted where a shell would need it, secrets masked."""
    return " ".join(quoted(argument) for argument in masked_arguments(argv, cut=False))


def text(line: str) -> str:
    """A command line given as one text: secrets masked, the rest as it was.

    With NULs, as PROCTITLE has them, it is taken as the arguments between them.
    """
    cut = may_be_cut(line)
    if "\0" in line:
        return " ".join(quoted(argument) for argument in masked_arguments(line.rstrip("\0").split("\0"), cut=cut))
    if not is_suspect(line, cut=cut):
        return line
    marks = Marks(line, cut=cut)
    mark_text(Piece(line, range(len(line))), marks, depth=0)
    return masked(line, marks.spans)


def arguments(argv: Sequence[str]) -> list[str]:
    """The arguments one by one, each with the secrets in it masked."""
    return masked_arguments(argv, cut=False)


def masked_arguments(argv: Sequence[str], *, cut: bool) -> list[str]:
    """The arguments with the secrets in them masked."""
    # No argument of execve(2) can hold a NUL; one that stands in a forged record is made visible.
    visible = [argument.replace("\0", "\u2400") for argument in argv]
    flat = "\0".join(visible)
    if not visible or not is_suspect(flat, cut=cut):
        return visible
    words, start = [], 0
    for argument in visible:
        words.append(Piece(argument, range(len(flat)), start))
        start += len(argument) + 1
    marks = Marks(flat, cut=cut)
    mark_words(words, marks, depth=0)
    mark_patterns(Piece(flat.replace("\0", " "), range(len(flat))), marks)
    return masked(flat, [part for span in marks.spans for part in between_nuls(flat, span)]).split("\0")


def between_nuls(flat: str, span: Span) -> Iterator[Span]:
    """The parts of a span that lie in one argument each."""
    start, end = span
    for part in flat[start:end].split("\0"):
        if part:
            yield start, start + len(part)
        start += len(part) + 1


def masked(flat: str, marks: list[Span]) -> str:
    """The text with each run of marked characters replaced by the mask."""
    parts: list[str] = []
    hidden = 0
    for start, end in sorted(marks):
        if start > hidden or not parts:
            parts += [flat[hidden:start], MASK]
        hidden = max(hidden, end)
    return "".join([*parts, flat[hidden:]])


def quoted(argument: str) -> str:
    """As a shell needs it; letters of every script and the mask stand without quotes."""
    if argument and not re.search(r"[\s'\"\\$`;&|<>()*?\[\]{}!#~]", argument.replace(MASK, "")):
        return argument
    if "'" not in argument:
        return f"'{argument}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", argument) + '"'
