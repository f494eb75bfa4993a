"""Which characters of a command line are a secret."""

import re
from collections import Counter
from fnmatch import fnmatchcase

from audit_nb.redact.programs import mark_by_rule, mark_next
from audit_nb.redact.rules import SPEAKERS, is_file, is_secret_name, rules
from audit_nb.redact.shell import (
    BLANK,
    NEEDS_A_SHELL,
    Marks,
    Piece,
    Simple,
    as_a_shell,
    at_every_blank,
    program,
    without_redirections,
)

_OFTEN = 8  # a rule reaches to the end of the command, so that the same program again adds little
_DEEPEST = 8  # quotes within quotes; what lies deeper is masked as a whole
_MOST_DOCUMENTS = (
    256  # here-documents of one text, each of which may reach to its end; a text with more is masked as well
)


def mark_text(piece: Piece, marks: Marks, *, depth: int) -> None:
    if depth > _DEEPEST or piece.value.count("<<") > _MOST_DOCUMENTS:
        marks.hide(piece)
        return
    mark_patterns(piece, marks)
    _mark_assignments(piece, marks)
    for words in at_every_blank(piece):
        mark_words(words, marks, depth=depth)
    cut = marks.is_cut(piece)
    if cut or NEEDS_A_SHELL.search(piece.value):
        commands = as_a_shell(piece)
        for simple in commands:
            mark_words(simple.words, marks, depth=depth)
        _mark_fed(commands, marks, cut=cut)


def mark_words(words: list[Piece], marks: Marks, *, depth: int) -> None:
    """The words of one command."""
    programs = rules().programs
    plain: set[str] = set()
    seen: Counter[str] = Counter()
    for place, word in enumerate(words):
        name = program(word.value)
        if name in programs and seen[name] < _OFTEN:
            seen[name] += 1
            for rule in programs[name]:
                plain.update(rule.plain)
                mark_by_rule(rule, words[place + 1 :], marks)
    runs = False
    for place, word in enumerate(words):
        value = word.value
        if value.startswith("-") and value not in plain and "=" not in value and is_secret_name(value):
            mark_next(words, place, marks, name=value)
        runs |= program(value) in rules().names["shells"]
        is_script = runs and re.fullmatch(r"-\w*c", words[place - 1].value) is not None
        _mark_assignments(word, marks, is_word=not is_script)
        if BLANK.search(value):
            mark_text(word, marks, depth=depth + 1)


def _mark_fed(commands: list[Simple], marks: Marks, *, cut: bool) -> None:
    """What a command that reads a secret is fed: by its here-string or here-document, by echo through a pipe."""
    last_pipe = 0
    for place, simple in enumerate(commands):
        words = [word.value for word in simple.words]
        may_read = cut and place == len(commands) - 1 and _may_become_a_reader(words)
        if may_read or _reads_a_secret(words) or _writes_a_secret(words):
            for fed in simple.fed:
                marks.hide(fed)
            last_pipe = place if simple.joined_by in ("|", "|&") else last_pipe
        if _writes_a_secret(words):
            _mark_spoken(simple, marks)
    for simple in commands[:last_pipe] + (commands[-1:] if cut else []):
        _mark_spoken(simple, marks)
        for fed in simple.fed:
            marks.hide(fed)


def _mark_spoken(simple: Simple, marks: Marks) -> None:
    """What echo or printf writes."""
    words = without_redirections(simple.words)
    names = [program(word.value) for word in words]
    spoken = next((place for place, name in enumerate(names) if name in SPEAKERS), len(names))
    for word in words[spoken + 1 :]:
        if word.value not in ("-n", "-e", "-ne", "-en", "-E", "--"):
            marks.hide(word)


def _reads_a_secret(words: list[str]) -> bool:
    readers = rules().readers
    seen: set[str] = set()
    for place, word in enumerate(words):
        name = program(word)
        if name not in readers or name in seen:  # behind the first one stand the words of all others, too
            continue
        seen.add(name)
        for needed in readers[name]:
            if not needed or any(fnmatchcase(other, pattern) for other in words[place + 1 :] for pattern in needed):
                return True
    return False


def _writes_a_secret(words: list[str]) -> bool:
    """True for `> /root/.pgpass` and `tee /etc/api-token`."""
    files = rules().names["files"]
    targets = [re.sub(r"^\d?>+", "", word) for word in words if re.match(r"\d?>", word)]
    targets += [after for word, after in zip(words, words[1:], strict=False) if re.fullmatch(r"\d?>{1,2}|tee", word)]
    names = [program(target) for target in targets]
    return any(name in files or is_secret_name(name.removesuffix(".txt")) for name in names)


def _may_become_a_reader(words: list[str]) -> bool:
    """True for the last words of a text that was cut off, when its next letters could name a reader or its option."""
    names = [program(word) for word in words] or [""]
    readers = rules().readers
    in_a_folder = len(words) == 1 and "/" in words[0]
    return in_a_folder or any(n in readers for n in names) or any(reader.startswith(names[-1]) for reader in readers)


def mark_patterns(piece: Piece, marks: Marks) -> None:
    lowered = piece.value.lower()
    for pattern in rules().patterns:
        if pattern.cut and not marks.is_cut(piece):
            continue
        if any(hint in lowered for hint in pattern.hints):
            for match in pattern.expression.finditer(piece.value):
                marks.hide(piece.part(*match.span("secret")))


_ASSIGNMENT = re.compile(
    r"""(?<![\w.\-]) (?P<name>[\w.\-]++) (?P<close>\\?["'])? \]? (?P<gap>[ \t]{0,2})
        (?P<sign>:=|=>|==|[=:]) (?P<space>[ \t]{0,2}) (?P<quote>\\?["'])?""",
    re.VERBOSE,
)
_TO_THE_QUOTE = {
    '"': re.compile(r'(?:[^"\\]|\\.)*+', re.DOTALL),
    "'": re.compile(r"[^']*+"),
    '\\"': re.compile(r'(?:[^"\\]|\\(?!"))*+'),
    "\\'": re.compile(r"(?:[^'\\]|\\(?!'))*+"),
}
_BEGINS_A_WORD = re.compile(r"(?:-{1,2}[\w.\-]*=)?")
_TO_THE_NEXT = re.compile(r"[^\s&;,\"'|<>)}\]]*+")


def _mark_assignments(piece: Piece, marks: Marks, *, is_word: bool = False) -> None:
    """`NAME=secret`, `"name": "secret"`, `name: secret`; in a word that begins with NAME= the rest is the secret."""
    value = piece.value
    done = 0
    for match in _ASSIGNMENT.finditer(value):
        if match.start() < done or not is_secret_name(match["name"]) or _assigns_nothing(match):
            continue
        start = match.end()
        if is_word and _BEGINS_A_WORD.fullmatch(value, 0, match.start()):
            secret = piece.part(match.start("quote") if match["quote"] else start)
        else:
            end = (_TO_THE_QUOTE[match["quote"]] if match["quote"] else _TO_THE_NEXT).match(value, start)
            secret = piece.part(start, end.end() if end else start)
        done = start + len(secret.value)
        if not is_file(match["name"], secret.value):
            marks.hide(secret)


def _assigns_nothing(match: re.Match[str]) -> bool:
    """`password= x` sets an empty one; `/etc/passwd:/etc/passwd:ro` and `/run/secret:ro` are paths."""
    if match["sign"] == "=":
        return bool(match["space"]) and not match["gap"] and not match["close"]
    line, start = match.string, match.start()
    is_path = "/" in (line[match.end() : match.end() + 1], line[max(start - 1, 0) : start])
    return match["sign"] == ":" and not match["quote"] and is_path
