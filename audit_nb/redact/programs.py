"""The options, words and places where a program takes a secret."""

import re
from fnmatch import fnmatchcase
from functools import cache

from audit_nb.redact.rules import Rule, is_file, is_secret_name
from audit_nb.redact.shell import Marks, Piece, program, without_redirections


def _looks_like_an_option(value: str) -> bool:
    """`--host` and `-h` do; `-S3cret` may be a password that begins with a dash."""
    return re.fullmatch(r"--[A-Za-z][\w-]*(?:=.*)?|-[A-Za-z]", value, re.DOTALL) is not None


def mark_by_rule(rule: Rule, words: list[Piece], marks: Marks) -> None:
    if rule.command:
        place = next((place for place, word in enumerate(words) if word.value in rule.command), len(words))
        words = words[place + 1 :]
    if rule.until:
        place = next((place for place, word in enumerate(words) if program(word.value) in rule.until), len(words))
        words = words[:place]
    if rule.flag and not any(re.fullmatch(rf"-\w*{rule.flag}\w*", word.value) for word in words):
        return
    begins = {option[0] for option in (*rule.value, *rule.behind, *rule.attached)}
    for place, word in enumerate(words):
        if word.value[:1] in begins:
            _mark_options(rule, words, place, marks)
        if rule.pairs and "=" in word.value:
            marks.hide(word.part(word.value.index("=") + 1))
        if rule.named and is_secret_name(re.split("[:/]", word.value)[-1]):
            mark_next(words, place, marks, name=word.value)
        if rule.words and (match := re.search(rule.words, word.value)):
            marks.hide(word.part(*match.span("secret")))
        for name, distances in rule.after.items():
            if fnmatchcase(word.value, name):
                for behind in (words[place + n] for n in distances if place + n < len(words)):
                    if not behind.value.startswith("-"):
                        marks.hide(behind)
    if rule.position:
        operands = [word for word in without_redirections(words) if word.value and word.value[0] != "-"]
        for n in rule.position:
            if len(operands) >= abs(n):
                marks.hide(operands[n - 1 if n > 0 else n])


def _mark_options(rule: Rule, words: list[Piece], place: int, marks: Marks) -> None:
    for option in rule.value:
        marks.hide(_option_value(option, words, place, rule))
    for option, sign in rule.behind.items():
        value = _option_value(option, words, place, rule)
        if sign in value.value:
            marks.hide(value.part(value.value.index(sign) + len(sign)))
    for option in rule.attached:
        if words[place].value.startswith(option):
            marks.hide(words[place].part(len(option)))


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
    head = _cluster(option[1], rule.flags).match(word.value)
    return word.part(head.end()) if head else nothing


def _closes_a_cluster(option: str, value: str, flags: str) -> bool:
    return bool(flags) and len(value) > 2 and _cluster(option[1], flags).fullmatch(value) is not None


@cache
def _cluster(letter: str, flags: str) -> re.Pattern[str]:
    """One-letter options together, the last of which is `letter`: `-sku`."""
    return re.compile(f"-[{re.escape(flags)}]*{re.escape(letter)}" if flags else f"-{re.escape(letter)}")


def mark_next(words: list[Piece], place: int, marks: Marks, *, name: str) -> None:
    following = words[place + 1] if place + 1 < len(words) else None
    if following and not _looks_like_an_option(following.value) and not is_file(name, following.value):
        marks.hide(following)
