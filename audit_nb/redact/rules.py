"""rules.yaml as values, and the first questions to it: may this text hold a secret, is this the name of one?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

RULES_FILE = Path(__file__).with_name("rules.yaml")


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
    trace: str
    parts: Sequence[str]


@dataclass(frozen=True)
class Rules:
    """redact.yaml, ready for use."""

    programs: Mapping[str, Sequence[Rule]]
    readers: Mapping[str, Sequence[Sequence[str]]]
    names: Mapping[str, Any]
    shells: frozenset[str]
    ends: Sequence[str]
    patterns: Sequence[Pattern]
    pattern_hints: Sequence[str]
    hints: Sequence[str]
    prompts: Mapping[str, int]
    typed: frozenset[str]
    folders: tuple[str, ...]
    shown_accounts: frozenset[str]


def _ends_of_names(names: Mapping[str, Any]) -> list[str]:
    """What the names of secrets end with, in small letters and without signs; none ends with another."""
    words = {*names["endings"], *names["last_words"], "key"}
    words |= {re.sub(r"[\W_]", "", name.lower()) for name in names["whole"]}
    return sorted(word for word in words if not any(word != other and word.endswith(other) for other in words))


@cache
def rules() -> Rules:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C takes a tenth of the time
    data = yaml.load(RULES_FILE.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe ones
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
        Pattern(
            entry["hint"],
            re.compile(entry["expression"]),
            entry.get("cut", False),
            entry.get("trace", ""),
            entry.get("parts", entry["hint"]),
        )
        for entry in data["patterns"]
    ]
    names, keys, accounts = data["names"], data["keystrokes"], data["accounts"]
    prompts = {name: count for count, asking in keys["asks"].items() for name in asking}
    pattern_hints = {hint for pattern in patterns for hint in pattern.hints}
    hints = (pattern_hints - {""}) | set(names["hints"]) | set(names["files"])
    return Rules(
        programs=programs,
        readers=readers,
        names=names,
        shells=frozenset(names["shells"]),
        ends=_ends_of_names(names),
        patterns=patterns,
        pattern_hints=sorted(pattern_hints),
        hints=sorted(hints),
        prompts=prompts,
        typed=frozenset(keys["shown"]) | frozenset(prompts),
        folders=tuple(keys["folders"]),
        shown_accounts=frozenset(accounts["placeholders"]) | frozenset(accounts["well_known"]),
    )


NAMES_IN_TEXT = re.compile(r"[\w.+-]++")
SPEAKERS = frozenset(["echo", "printf", "print"])
_LONG_RUN = re.compile(r"[A-Za-z0-9/+]{40}")


def is_suspect(line: str, *, cut: bool) -> bool:
    """False when no rule can hold, which is so for most command lines and costs a few microseconds to know."""
    found, lowered, names = rules(), line.lower(), NAMES_IN_TEXT.findall(line)
    return (
        not found.readers.keys().isdisjoint(names)
        or not found.programs.keys().isdisjoint(names)
        or any(hint in lowered for hint in found.hints)
        or _LONG_RUN.search(line) is not None
        or (cut and not SPEAKERS.isdisjoint(names))
    )


@lru_cache(maxsize=4)
def hinted(line: str) -> list[Pattern]:
    """The patterns that may match in the line, or in a part of it."""
    found, lowered = rules(), line.lower()
    seen = {hint for hint in found.pattern_hints if hint in lowered}
    return [one for one in found.patterns if not seen.isdisjoint(one.hints)]


@lru_cache(maxsize=4)
def may_name_a_secret(line: str) -> bool:
    """False when `is_secret_name` is false for every part of the line."""
    return bool(ends_in(line.lower()))


def ends_in(lowered: str) -> list[str]:
    """What names of secrets end with, as far as it stands in the text between whatever signs."""
    letters = without_signs(lowered)
    return [end for end in rules().ends if end in letters]


_SIGNS = re.compile(r"[\W_]+")
_ASCII_SIGNS = bytes(byte for byte in range(128) if not chr(byte).isalnum())


def without_signs(text: str) -> str:
    """Its letters and digits; most texts have no others than those of ASCII, and these are found much faster."""
    return text.encode().translate(None, _ASCII_SIGNS).decode() if text.isascii() else _SIGNS.sub("", text)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True for `DB_PASSWORD`, `--auth-token`, `userPwd`, `apiKey2`; false for `PWD`, `BYPASS`, `password-file`."""
    names = rules().names
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
    if parts[-1] == "key" and len(parts) > 1 and bare[0].isupper():  # STRIPE_KEY=, not --sort-key
        return parts[-2] not in names["harmless_keys"]
    known_by_its_end = parts[-1] in names["last_words"] or "".join(parts).endswith(tuple(names["endings"]))
    return known_by_its_end or bare.endswith(tuple(names["whole"]))


def is_file(name: str, value: str) -> bool:
    """True for `--private-key /etc/ssl/key.pem`: a few names are followed by a secret or by the path of its file."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return value.startswith(("/", "~/", "./", "../")) and plain.endswith(tuple(rules().names["path_follows"]))
