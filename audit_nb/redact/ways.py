"""What must stand behind a program, behind a reader of secrets or at the end of a name, as expressions.

Those for programs are for RE2, which is never slow and knows no look-around; they are asked of texts without quotes.
"""

import re
from collections.abc import Iterable
from functools import cache

from audit_nb.redact.rules import Rule, rules

# What stands between two words, be it read as arguments (NUL), at every blank or as a shell.
BLANKS = r"\t-\r "
BETWEEN = rf"\x00{BLANKS};|&()`<>$"
_PROGRAM_STARTS = f"(?:^|[/{BETWEEN}])"
_LATER = f"[{BETWEEN}](?:(?s:.*)[{BETWEEN}])?"  # from a word to the beginning of a later one


@cache
def way_of(program: str, names_a_secret: bool) -> str:  # noqa: FBT001 - one of two ways
    """The program's name and what must follow it, in the words of RE2; empty where no rule can hold."""
    found = (one for rule in rules().programs[program] for one in _ways(rule, names_a_secret=names_a_secret))
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
        found.append(f"{_LATER}(?s:.*)(?i:{_secret_name()}(?:[^a-z\\x00]|{_tails()})*)[{BETWEEN}]")
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


def any_of(words: Iterable[str]) -> str:
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
    return any_of(set(tails) - pairs)


@cache
def readers() -> dict[str, re.Pattern[str]]:
    """By reader: what must follow it."""
    ways = {}
    for name, needed in rules().readers.items():
        words = {"".join("." if sign == "?" else _literal(sign) for sign in word) for one in needed for word in one}
        ways[name] = re.compile(f"(?s)[{BETWEEN}](?:{'|'.join(sorted(words))})" if all(needed) else "")
    return ways


@cache
def name_that_ends(end: str) -> re.Pattern[str]:
    """The end of a secret's name, in small letters, with what follows it in the same word.

    Signs may stand in what a name ends with, not in a word that is the last one of a name.
    """
    signs = f"[^a-z\\x00=:{BETWEEN}]*"
    names = rules().names
    joined = any(name.endswith(end) for name in names["endings"]) or end not in names["last_words"]
    return re.compile(f"{_spread(end) if joined else end}{signs}(?:(?:{_tails()}){signs})*(?=[=:{BETWEEN}])")


@cache
def ends() -> re.Pattern[str]:
    """The end of a secret's name without its signs."""
    return re.compile(rf"(?:{any_of(rules().ends)})(?:\d|{_tails()})*\Z")
