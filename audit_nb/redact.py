"""Masks secrets in command lines, keystrokes and failed account names; its rules are data (redact.yaml).

    mysqldump -uroot -pbanana shop   ->   mysqldump -uroot -p*** shop

A command line reaches us in two ways: as the arguments themselves (EXECVE, PROCTITLE with its NULs), or as one text
whose quotes may have been lost (sudo joins USER_CMD with blanks) and whose end may have been cut off (PROCTITLE at 128
bytes). A text is therefore read twice, as a shell would and at every blank, and what either reading calls a secret is
masked. Names of programs (`comm`, `exe`) and of files (`paths`, `cwd`) are no command lines and are shown as they are.
"""

import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

MASK = "***"
RULES_FILE = Path(__file__).with_name("redact.yaml")

_CUT_BYTES = 120  # PROCTITLE ends at 128 bytes; decoding may have dropped half a character
_OFTEN = 8  # a rule reaches to the end of the command, so that the same program again adds little
_DEEPEST = 8  # quotes within quotes; what lies deeper is masked as a whole

Span = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """A text, and where each of its characters stands in the text that is being masked."""

    value: str
    at: Sequence[int]

    def part(self, start: int, end: int | None = None) -> "Piece":
        return Piece(self.value[start:end], self.at[start:end])


def command(argv: Sequence[str]) -> str:
    """The command line as a person reads it: arguments quoted where a shell would need it, secrets masked."""
    # No argument of execve(2) can hold a NUL; one that stands in a forged record is made visible.
    arguments = [argument.replace("\0", "\u2400") for argument in argv]
    flat = "\0".join(arguments)
    if arguments and _is_suspect(flat):
        words, start = [], 0
        for argument in arguments:
            words.append(Piece(argument, range(start, start + len(argument))))
            start += len(argument) + 1
        marks: list[Span] = []
        _mark_words(words, marks, depth=0)
        _mark_patterns(Piece(flat.replace("\0", " "), range(len(flat))), marks)
        within = [part for mark in marks for part in _between_nuls(flat, mark)]
        arguments = _masked(flat, within).split("\0")
    return " ".join(_quoted(argument) for argument in arguments)


def text(line: str) -> str:
    """A command line given as one text: secrets masked, the rest as it was.

    With NULs, as PROCTITLE has them, it is taken as the arguments between them.
    """
    if "\0" in line:
        return command(line.rstrip("\0").split("\0"))
    if not _is_suspect(line):
        return line
    marks: list[Span] = []
    _mark_text(Piece(line, range(len(line))), marks, depth=0)
    return _masked(line, marks)


def keystrokes(typed: str) -> str:
    """What was typed on a terminal (decoded TTY data): known commands, secrets masked; every other line is hidden.

    Corrections are applied, so that a secret typed in two goes is still found. Lines that may answer a password prompt,
    or that were edited in a way that cannot be followed, are hidden. Keys without a letter are named: `<ret>`, `<^C>`.
    """
    lines = re.split(r"\r\n|\r|\n", typed)
    shown: list[str] = []
    hidden = 0
    for line in lines:
        if line and hidden:
            hidden -= 1
            shown.append(MASK)
            continue
        words = _edited(line).split(" ")
        hidden = max((_rules().prompts.get(_program(word), 0) for word in words), default=0)
        shown.append(_shown_keys(line, words))
    return "<ret>".join(shown)


def account(name: str, known: Collection[str], *, salt: bytes | None = None) -> str:
    """An account of a failed login: its name when known or tried everywhere, else a pseudonym: unknown-3fa2c1d0.

    The same name has the same pseudonym under one `salt` (see `new_salt`; keep one in a data folder), without a salt as
    long as the process lives. Nobody without the salt can find the name by guessing.
    """
    if name in known or name in _rules().shown_accounts:
        return name
    digest = hmac.new(salt or _process_salt(), name.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"unknown-{digest.hexdigest()[:8]}"


def new_salt() -> bytes:
    """Sixteen random bytes for `account`."""
    return secrets.token_bytes(16)


@cache
def _process_salt() -> bytes:
    return new_salt()


# ---- the rules: the keys are explained at the head of redact.yaml --------------------------------


@dataclass(frozen=True)
class Rule:
    """An entry of `programs`."""

    names: Sequence[str]
    command: Sequence[str] = ()
    until: Sequence[str] = ()
    flag: str = ""
    flags: str = ""
    value: Sequence[str] = ()
    apart: bool = False
    attached: Sequence[str] = ()
    behind: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, Sequence[int]] = field(default_factory=dict)
    position: Sequence[int] = ()
    words: str = ""
    named: bool = False
    pairs: bool = False
    plain: Sequence[str] = ()


@dataclass(frozen=True)
class Pattern:
    """An entry of `patterns`."""

    hints: Sequence[str]
    expression: re.Pattern[str]
    cut: bool


@dataclass(frozen=True)
class Rules:
    """redact.yaml, ready for use."""

    programs: Mapping[str, Sequence[Rule]]
    readers: Mapping[str, Sequence[Sequence[str]]]
    names: Mapping[str, Any]
    patterns: Sequence[Pattern]
    hints: Sequence[str]
    prompts: Mapping[str, int]
    typed: frozenset[str]
    folders: tuple[str, ...]
    shown_accounts: frozenset[str]


@cache
def _rules() -> Rules:
    data = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    programs: dict[str, list[Rule]] = {}
    for entry in data["programs"]:
        rule = Rule(**{key: value for key, value in entry.items() if key not in ("examples", "readable")})
        for name in rule.names:
            programs.setdefault(name, []).append(rule)
    readers: dict[str, list[Sequence[str]]] = {}
    for entry in data["readers"]:
        for name in entry["names"]:
            readers.setdefault(name, []).append(entry.get("with", ()))
    patterns = [
        Pattern(entry["hint"], re.compile(entry["expression"]), entry.get("cut", False)) for entry in data["patterns"]
    ]
    names, keys, accounts = data["names"], data["keystrokes"], data["accounts"]
    prompts = {name: count for count, asking in keys["asks"].items() for name in asking}
    hints = {hint for pattern in patterns for hint in pattern.hints if hint} | set(names["hints"])
    return Rules(
        programs=programs,
        readers=readers,
        names=names,
        patterns=patterns,
        hints=sorted(hints),
        prompts=prompts,
        typed=frozenset(keys["shown"]) | frozenset(prompts),
        folders=tuple(keys["folders"]),
        shown_accounts=frozenset(accounts["placeholders"]) | frozenset(accounts["well_known"]),
    )


_NAMES_IN_TEXT = re.compile(r"[\w.+-]++")
_LONG_RUN = re.compile(r"[A-Za-z0-9/+]{40}")


def _is_suspect(line: str) -> bool:
    """False when no rule can hold, which is so for most command lines and costs a few microseconds to know."""
    rules, lowered = _rules(), line.lower()
    return (
        any(hint in lowered for hint in rules.hints)
        or not rules.programs.keys().isdisjoint(names := _NAMES_IN_TEXT.findall(line))
        or not rules.readers.keys().isdisjoint(names)
        or _LONG_RUN.search(line) is not None
    )


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    """True for `DB_PASSWORD`, `--auth-token`, `userPwd`, `apiKey2`; false for `PWD`, `BYPASS`, `password-file`."""
    names = _rules().names
    bare = name.lstrip("-")
    if bare in names["never"]:
        return False
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\da-zA-Z_]+", bare)]
    if parts and parts[0] in names["flags"]:
        return False
    while parts and (parts[-1].isdecimal() or parts[-1] in names["tails"]):
        parts.pop()
    if not parts:
        return False
    known_by_its_end = parts[-1] in names["last_words"] or "".join(parts).endswith(tuple(names["endings"]))
    return known_by_its_end or bare in names["whole"]


def _is_file(name: str, value: str) -> bool:
    """True for `--private-key /etc/ssl/key.pem`: a few names are followed by a secret or by the path of its file."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return value.startswith(("/", "~/", "./", "../")) and plain.endswith(tuple(_rules().names["path_follows"]))


# ---- a text, read in two ways --------------------------------------------------------------------

_BLANK = re.compile(r"[ \t\r\n\f\v]")
_WORD = re.compile(r"[^ \t\r\n\f\v]++")
_NEEDS_A_SHELL = re.compile(r"['\"\\;|&()`<\n]")
_SHELL_TOKEN = re.compile(
    r"""(?P<operator>\|\||&&|\|&|<<<|<<-?|\$\(|[;|()`\n]|&(?!>))
      | (?P<word>(?: [<>]&[\d-]? | &>>? | '[^']*+(?:'|\Z) | "(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z) | \\. | \\\Z | <(?!<)
                   | \$(?!\() | [^\ \t\r\n;|&()`\\'"<$] )++)""",
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


def _mark_text(piece: Piece, marks: list[Span], *, depth: int) -> None:
    if depth > _DEEPEST:
        _mark(piece, marks)
        return
    _mark_patterns(piece, marks)
    _mark_assignments(piece, marks)
    for words in _at_every_blank(piece):
        _mark_words(words, marks, depth=depth)
    if _NEEDS_A_SHELL.search(piece.value):
        commands = _as_a_shell(piece)
        for simple in commands:
            _mark_words(simple.words, marks, depth=depth)
        _mark_fed(commands, marks, cut=_may_be_cut(piece))


def _at_every_blank(piece: Piece) -> Iterator[list[Piece]]:
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


def _as_a_shell(piece: Piece) -> list[Simple]:
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


# ---- what is a secret ----------------------------------------------------------------------------


def _mark(piece: Piece, marks: list[Span]) -> None:
    """Hide the piece; the quotes around it stay, for the reader's sake."""
    start = len(piece.value) - len(piece.value.lstrip("'\""))
    end = len(piece.value.rstrip("'\""))
    if start < end:
        marks.append((piece.at[start], piece.at[end - 1] + 1))


def _mark_words(words: list[Piece], marks: list[Span], *, depth: int) -> None:
    """The words of one command."""
    programs = _rules().programs
    plain: set[str] = set()
    seen: Counter[str] = Counter()
    for place, word in enumerate(words):
        program = _program(word.value)
        if program in programs and seen[program] < _OFTEN:
            seen[program] += 1
            for rule in programs[program]:
                plain.update(rule.plain)
                _mark_by_rule(rule, words[place + 1 :], marks)
    for place, word in enumerate(words):
        value = word.value
        if value.startswith("-") and value not in plain and "=" not in value and _is_secret_name(value):
            _mark_next(words, place, marks, name=value)
        is_script = place > 0 and re.fullmatch(r"-\w*c", words[place - 1].value) is not None
        _mark_assignments(word, marks, is_word=not is_script)
        if _BLANK.search(value):
            _mark_text(word, marks, depth=depth + 1)


def _program(word: str) -> str:
    return word[word.rfind("/") + 1 :]


def _mark_next(words: list[Piece], place: int, marks: list[Span], *, name: str) -> None:
    following = words[place + 1] if place + 1 < len(words) else None
    if following and not _looks_like_an_option(following.value) and not _is_file(name, following.value):
        _mark(following, marks)


def _looks_like_an_option(value: str) -> bool:
    """`--host` and `-h` do; `-S3cret` may be a password that begins with a dash."""
    return re.fullmatch(r"--[A-Za-z][\w-]*(?:=.*)?|-[A-Za-z]", value, re.DOTALL) is not None


def _mark_by_rule(rule: Rule, words: list[Piece], marks: list[Span]) -> None:
    if rule.command:
        place = next((place for place, word in enumerate(words) if word.value in rule.command), len(words))
        words = words[place + 1 :]
    if rule.until:
        place = next((place for place, word in enumerate(words) if _program(word.value) in rule.until), len(words))
        words = words[:place]
    if rule.flag and not any(re.fullmatch(rf"-\w*{rule.flag}\w*", word.value) for word in words):
        return
    for place, word in enumerate(words):
        for option in rule.value:
            _mark(_option_value(option, words, place, rule), marks)
        for option, sign in rule.behind.items():
            value = _option_value(option, words, place, rule)
            if sign in value.value:
                _mark(value.part(value.value.index(sign) + len(sign)), marks)
        for option in rule.attached:
            if word.value.startswith(option):
                _mark(word.part(len(option)), marks)
        if rule.pairs and "=" in word.value:
            _mark(word.part(word.value.index("=") + 1), marks)
        if rule.named and _is_secret_name(re.split("[:/]", word.value)[-1]):
            _mark_next(words, place, marks, name=word.value)
        if rule.words and (match := re.search(rule.words, word.value)):
            _mark(word.part(*match.span("secret")), marks)
        for name, distances in rule.after.items():
            if fnmatchcase(word.value, name):
                for behind in (words[place + n] for n in distances if place + n < len(words)):
                    if not behind.value.startswith("-"):
                        _mark(behind, marks)
    if rule.position:
        operands = _operands(words)
        for n in rule.position:
            if len(operands) >= abs(n):
                _mark(operands[n - 1 if n > 0 else n], marks)


def _option_value(option: str, words: list[Piece], place: int, rule: Rule) -> Piece:
    """The value of `option` at `place`: the next word (-w S), the rest of this one (-wS, -xwS, --bind=S), or empty."""
    word, nothing = words[place], words[place].part(0, 0)
    if word.value == option or (len(option) == 2 and _closes_a_cluster(option, word.value, rule.flags)):
        following = words[place + 1] if place + 1 < len(words) else nothing
        return nothing if _looks_like_an_option(following.value) else following
    if len(option) > 2:
        return word.part(len(option) + 1) if word.value.startswith(option + "=") else nothing
    if rule.apart or word.value.startswith("--"):
        return nothing
    flags = f"[{re.escape(rule.flags)}]*" if rule.flags else ""
    head = re.match(rf"-{flags}{re.escape(option[1])}", word.value)
    return word.part(head.end()) if head else nothing


def _closes_a_cluster(option: str, value: str, flags: str) -> bool:
    return bool(flags) and re.fullmatch(rf"-[{re.escape(flags)}]+{re.escape(option[1])}", value) is not None


def _operands(words: list[Piece]) -> list[Piece]:
    """The words that are neither options nor redirections."""
    operands, skip = [], False
    for word in words:
        redirection = re.match(r"\d?[<>]{1,2}", word.value)
        if not skip and not redirection and not word.value.startswith("-") and word.value:
            operands.append(word)
        skip = redirection is not None and redirection.end() == len(word.value)
    return operands


def _mark_fed(commands: list[Simple], marks: list[Span], *, cut: bool) -> None:
    """What a command that reads a secret is fed: by its here-string or here-document, by echo through a pipe."""
    last_pipe = 0
    for place, simple in enumerate(commands):
        words = [word.value for word in simple.words]
        may_read = cut and place == len(commands) - 1 and _may_become_a_reader(words)
        if may_read or _reads_a_secret(words):
            for fed in simple.fed:
                _mark(fed, marks)
            last_pipe = place if simple.joined_by in ("|", "|&") else last_pipe
    for simple in commands[:last_pipe] + (commands[-1:] if cut else []):
        _mark_spoken(simple, marks)


def _mark_spoken(simple: Simple, marks: list[Span]) -> None:
    """What echo or printf writes."""
    names = [_program(word.value) for word in simple.words]
    spoken = next((place for place, name in enumerate(names) if name in ("echo", "printf", "print")), len(names))
    for word in simple.words[spoken + 1 :]:
        if word.value not in ("-n", "-e", "-ne", "-en", "-E", "--"):
            _mark(word, marks)


def _reads_a_secret(words: list[str]) -> bool:
    readers = _rules().readers
    for place, word in enumerate(words):
        for needed in readers.get(_program(word), ()):
            if not needed or any(fnmatchcase(other, pattern) for other in words[place + 1 :] for pattern in needed):
                return True
    return False


def _may_become_a_reader(words: list[str]) -> bool:
    """True for the last words of a text that was cut off, when its next letters could name a reader or its option."""
    names = [_program(word) for word in words] or [""]
    readers = _rules().readers
    return any(name in readers for name in names) or any(reader.startswith(names[-1]) for reader in readers)


def _may_be_cut(piece: Piece) -> bool:
    """True when the text is as long as the longest PROCTITLE."""
    return len(piece.value.encode("utf-8", "surrogatepass")) >= _CUT_BYTES


def _mark_patterns(piece: Piece, marks: list[Span]) -> None:
    lowered = piece.value.lower()
    for pattern in _rules().patterns:
        if pattern.cut and not _may_be_cut(piece):
            continue
        if any(hint in lowered for hint in pattern.hints):
            for match in pattern.expression.finditer(piece.value):
                _mark(piece.part(*match.span("secret")), marks)


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


def _mark_assignments(piece: Piece, marks: list[Span], *, is_word: bool = False) -> None:
    """`NAME=secret`, `"name": "secret"`, `name: secret`; in a word that begins with NAME= the rest is the secret."""
    value = piece.value
    done = 0
    for match in _ASSIGNMENT.finditer(value):
        if match.start() < done or not _is_secret_name(match["name"]) or _assigns_nothing(match):
            continue
        start = match.end()
        if is_word and _BEGINS_A_WORD.fullmatch(value, 0, match.start()):
            secret = piece.part(match.start("quote") if match["quote"] else start)
        else:
            end = (_TO_THE_QUOTE[match["quote"]] if match["quote"] else _TO_THE_NEXT).match(value, start)
            secret = piece.part(start, end.end() if end else start)
        done = start + len(secret.value)
        if not _is_file(match["name"], secret.value):
            _mark(secret, marks)


def _assigns_nothing(match: re.Match[str]) -> bool:
    """`password= x` sets an empty one; `/etc/passwd:/etc/passwd:ro` and `/run/secret:ro` are paths."""
    if match["sign"] == "=":
        return bool(match["space"]) and not match["gap"] and not match["close"]
    line, start = match.string, match.start()
    is_path = "/" in (line[match.end() : match.end() + 1], line[max(start - 1, 0) : start])
    return match["sign"] == ":" and not match["quote"] and is_path


# ---- putting the text together again -------------------------------------------------------------


def _between_nuls(flat: str, span: Span) -> Iterator[Span]:
    """The parts of a span that lie in one argument each."""
    start, end = span
    for part in flat[start:end].split("\0"):
        if part:
            yield start, start + len(part)
        start += len(part) + 1


def _masked(flat: str, marks: list[Span]) -> str:
    pieces, done, hidden = [], 0, 0
    for start, end in sorted(marks):
        if start > hidden or not pieces:
            pieces += [flat[max(done, hidden) : start], MASK]
        hidden = max(hidden, end)
        done = hidden
    return "".join([*pieces, flat[done:]])


def _quoted(argument: str) -> str:
    """As a shell needs it; letters of every script and the mask stand without quotes."""
    if argument and not re.search(r"[\s'\"\\$`;&|<>()*?\[\]{}!#~]", argument.replace(MASK, "")):
        return argument
    return "'" + argument.replace("'", "'\"'\"'") + "'"


# ---- keystrokes ----------------------------------------------------------------------------------

_KEYS = {"\t": "<tab>", "\x1b[A": "<up>", "\x1b[B": "<down>", "\x1b[C": "<right>", "\x1b[D": "<left>", "\x1b": "<esc>"}
_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\x00-\x1f\x7f\x80-\x9f]")
_MOVES = re.compile(r"\x1b|[\x01\x02\x05\x06\x0b\x0e\x10-\x14\x16\x18-\x1a\x1c-\x1f]")


def _edited(line: str) -> str:
    """The line after backspace, ^W, ^U and ^C."""
    typed = ""
    for key in line:
        if key in "\x7f\b":
            typed = typed[:-1]
        elif key in "\x15\x03":
            typed = ""
        elif key == "\x17":
            typed = typed.rstrip(" ")
            typed = typed[: typed.rfind(" ") + 1]
        else:
            typed += key
    return typed


def _shown_keys(line: str, words: list[str]) -> str:
    if not _KEY.sub("", line):
        return _named(line)
    program = next((word for word in words if word and "=" not in word), "")
    if _MOVES.search(line) or not (program in _rules().typed or program.startswith(_rules().folders)):
        return MASK
    completed = next((n for n, word in enumerate(words) if word.startswith("-") and "\t" in word), None)
    if completed is not None:  # what the shell put in place of the tab may be --password=
        words = [*words[:completed], MASK]
    return _named(text(" ".join(words)))


def _named(keys: str) -> str:
    return _KEY.sub(_name_of_the_key, keys)


def _name_of_the_key(match: re.Match[str]) -> str:
    key = match.group()
    if key in _KEYS:
        return _KEYS[key]
    return f"<^{chr(ord(key) ^ 64)}>" if key < "\x20" and len(key) == 1 else "<key>"
