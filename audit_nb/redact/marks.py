"""Which characters of a command line are a secret."""

import re
from collections import Counter
from fnmatch import fnmatchcase

from audit_nb.redact.programs import mark_by_rule, mark_next
from audit_nb.redact.rules import (
    NAMES_IN_TEXT,
    SPEAKERS,
    hinted,
    is_file,
    is_secret_name,
    may_name_a_secret,
    rules,
)
from audit_nb.redact.shell import (
    BLANK,
    NEEDS_A_SHELL,
    Marks,
    Piece,
    Simple,
    as_a_shell,
    at_every_blank,
    programs_of,
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
    if _may_have_a_place(piece.value, marks):
        for words in at_every_blank(piece):
            mark_words(words, marks, depth=depth)
    cut = marks.is_cut(piece)
    if cut or NEEDS_A_SHELL.search(piece.value):
        commands = as_a_shell(piece)
        for simple in commands:
            mark_words(simple.words, marks, depth=depth)
        _mark_fed(commands, marks, cut=cut)


_SCRIPT_FOLLOWS = re.compile(r"-\w*c")


def mark_words(words: list[Piece], marks: Marks, *, depth: int) -> None:
    """The words of one command."""
    values = [word.value for word in words]
    names = programs_of(values)
    plain = _mark_by_programs(words, names, marks)
    line = "\0".join(values)
    may_name = may_name_a_secret(marks.plain)
    if may_name and "-" in line:
        for place, value in enumerate(values):
            if value.startswith("-") and value not in plain and "=" not in value and is_secret_name(value):
                mark_next(words, place, marks, name=value)
    if may_name and ("=" in line or ":" in line):
        runs = False
        for place, word in enumerate(words):
            runs = runs or names[place] in rules().shells
            is_script = runs and _SCRIPT_FOLLOWS.fullmatch(values[place - 1]) is not None
            _mark_assignments(word, marks, is_word=not is_script)
    if BLANK.search(line):
        for word in words:
            if BLANK.search(word.value):
                mark_text(word, marks, depth=depth + 1)


def _mark_by_programs(words: list[Piece], names: list[str], marks: Marks) -> set[str]:
    """Marks what the programs' rules say; returns the options which they say are none of a secret."""
    programs = rules().programs
    plain: set[str] = set()
    if programs.keys().isdisjoint(names):
        return plain
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        if name in programs and seen[name] < _OFTEN:
            seen[name] += 1
            for rule in programs[name]:
                plain.update(rule.plain)
                mark_by_rule(rule, words[place + 1 :], marks)
    return plain


_OPTIONS = re.compile(r"(?<![^ \t\r\n\f\v'\"`($])-[^ \t\r\n\f\v]++")


def _may_have_a_place(value: str, marks: Marks) -> bool:
    """False when no word of the text, cut at its blanks, says that it or another one is a secret."""
    if may_name_a_secret(marks.plain) and (
        "=" in value
        or ":" in value
        or any(is_secret_name(option.rstrip("'\"`);")) for option in _OPTIONS.findall(value))
    ):
        return True
    return not rules().programs.keys().isdisjoint(NAMES_IN_TEXT.findall(value))


def _mark_fed(commands: list[Simple], marks: Marks, *, cut: bool) -> None:
    """What a command that reads a secret is fed: by its here-string or here-document, by echo through a pipe."""
    last_pipe = 0
    for place, simple in enumerate(commands):
        words = [word.value for word in simple.words]
        may_read = cut and place == len(commands) - 1 and _may_become_a_reader(words)
        writes = _writes_a_secret(words)
        if may_read or writes or _reads_a_secret(words):
            for fed in simple.fed:
                marks.hide(fed)
            last_pipe = place if simple.joined_by in ("|", "|&") else last_pipe
        if writes:
            _mark_spoken(simple, marks)
    for simple in commands[:last_pipe] + (commands[-1:] if cut else []):
        _mark_spoken(simple, marks)
        for fed in simple.fed:
            marks.hide(fed)


def _mark_spoken(simple: Simple, marks: Marks) -> None:
    """What echo or printf writes."""
    words = without_redirections(simple.words)
    names = programs_of([word.value for word in words])
    spoken = next((place for place, name in enumerate(names) if name in SPEAKERS), len(names))
    for word in words[spoken + 1 :]:
        if word.value not in ("-n", "-e", "-ne", "-en", "-E", "--"):
            marks.hide(word)


def _reads_a_secret(words: list[str]) -> bool:
    readers = rules().readers
    names = programs_of(words)
    if readers.keys().isdisjoint(names):
        return False
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name not in readers or name in seen:  # behind the first one stand the words of all others, too
            continue
        seen.add(name)
        for needed in readers[name]:
            if not needed or any(fnmatchcase(other, pattern) for other in words[place + 1 :] for pattern in needed):
                return True
    return False


_WRITES = re.compile(r"^\d?>+")
_WRITES_NEXT = re.compile(r"\d?>{1,2}|tee")


def _writes_a_secret(words: list[str]) -> bool:
    """True for `> /root/.pgpass` and `tee /etc/api-token`."""
    if "tee" not in words and ">" not in "".join(words):
        return False
    files = rules().names["files"]
    targets = [_WRITES.sub("", word) for word in words if _WRITES.match(word)]
    targets += [after for word, after in zip(words, words[1:], strict=False) if _WRITES_NEXT.fullmatch(word)]
    names = programs_of(targets)
    return any(name in files or is_secret_name(name.removesuffix(".txt")) for name in names)


def _may_become_a_reader(words: list[str]) -> bool:
    """True for the last words of a text that was cut off, when its next letters could name a reader or its option."""
    names = programs_of(words) or [""]
    readers = rules().readers
    in_a_folder = len(words) == 1 and "/" in words[0]
    return in_a_folder or any(n in readers for n in names) or any(reader.startswith(names[-1]) for reader in readers)


def mark_patterns(piece: Piece, marks: Marks) -> None:
    lowered = piece.value.lower()
    for pattern in hinted(marks.plain):
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
# No group is repeated possessively, here and in the rules: before Python 3.11.5 that runs past a lookahead (gh-106052).
_TO_THE_QUOTE = {
    '"': re.compile(r'(?:[^"\\]++|\\.)*', re.DOTALL),
    "'": re.compile(r"[^']*+"),
    '\\"': re.compile(r'(?:[^"\\]++|\\(?!"))*'),
    "\\'": re.compile(r"(?:[^'\\]++|\\(?!'))*"),
}
_BEGINS_A_WORD = re.compile(r"(?:-{1,2}[\w.\-]*=)?")
_TO_THE_NEXT = re.compile(r"[^\s&;,\"'|<>)}\]]*+")


def _mark_assignments(piece: Piece, marks: Marks, *, is_word: bool = False) -> None:
    """`NAME=secret`, `"name": "secret"`, `name: secret`; in a word that begins with NAME= the rest is the secret."""
    value = piece.value
    if ("=" not in value and ":" not in value) or not may_name_a_secret(marks.plain):
        return
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
