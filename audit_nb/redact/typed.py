"""Keystrokes of TTY audit: they hold passwords that were typed without echo."""

import re

from audit_nb.redact.lines import MASK, text
from audit_nb.redact.rules import rules
from audit_nb.redact.shell import program


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
        words = edited(line).split(" ")
        hidden = max((rules().prompts.get(program(word), 0) for word in words), default=0)
        shown.append(shown_keys(line, words))
    return "<ret>".join(shown)


_KEYS = {"\t": "<tab>", "\x1b[A": "<up>", "\x1b[B": "<down>", "\x1b[C": "<right>", "\x1b[D": "<left>", "\x1b": "<esc>"}
_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\x00-\x1f\x7f\x80-\x9f]")
_MOVES = re.compile(r"\x1b|[\x01\x02\x05\x06\x0b\x0e\x10-\x14\x16\x18-\x1a\x1c-\x1f]")


def edited(line: str) -> str:
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


def shown_keys(line: str, words: list[str]) -> str:
    if not _KEY.sub("", line):
        return _named(line)
    first = next((word.partition("\t")[0] for word in words if word and "=" not in word), "")
    if _MOVES.search(line) or not (first in rules().typed or first.startswith(rules().folders)):
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
