"""Every word a reader sees, in English and Korean, and how text from a log is made fit to be read.

`en.yaml` and `ko.yaml` hold the package's own words by key. What a notebook says stands in the notebook, in English;
`notebooks/<notebook>.ko.yaml` gives it in Korean. Another language is another set of files.

    say("units.events", "en", n=1)   '1 event'
    say("units.events", "ko", n=3)   '이벤트 3건'

A text takes values in braces: `{n}` writes 1234 as 1,234; `{n:event|events}` writes the number with the word that fits.
"""

import string
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any
from zoneinfo import ZoneInfo

import yaml

LANGUAGES = ("en", "ko")

_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Letters and symbols that Unicode calls printable and that show nothing: Hangul fillers and the blank Braille pattern.
_UNSEEN = "\u115f\u1160\u3164\uffa0\u2800"
_LOW_SURROGATES_OF_BYTES = range(0xDC80, 0xDD00)  # how Python keeps a byte that is not UTF-8 (PEP 383)


def say(key: str, language: str = "en", **values: object) -> str:
    """The text of `key`, filled with `values`. KeyError when no language has it: a mistake of ours, not of the user."""
    return fill(text_of(key, language), values)


def has(key: str) -> bool:
    """Whether there are words for `key`."""
    return key in _words("en")


def text_of(key: str, language: str) -> str:
    """The text of `key` before it is filled."""
    return _words(language)[key]


def of_value(column: str, value: str, language: str) -> str:
    """A value that our own questions put into a column, in `language`; what a log wrote stays as it is."""
    return _words(language).get(f"values.{column}.{value}", value)


def translate(source: str, language: str) -> str:
    """What a notebook says in English, in `language`; what a user's own notebook says stays as it is."""
    return _sayings(language).get(source.strip(), source) if language != "en" else source


def fill(text: str, values: Mapping[str, object]) -> str:
    """`text` with its values in place."""
    return "".join(piece for piece, _ in pieces(text, values))


def pieces(text: str, values: Mapping[str, object]) -> Iterator[tuple[str, bool]]:
    """The parts of a filled text in order, each with whether it is a value: values are what a log may have written."""
    for literal, field, choice, _ in string.Formatter().parse(text):
        if literal:
            yield literal, False
        if field is not None:
            yield number(values[field]), True
            if choice:
                one, _, many = choice.partition("|")
                yield " " + (one if values[field] == 1 else many or one), False


def number(value: object) -> str:
    """A value as text: whole numbers with thousands separators, shares of 1 as per cent, everything else as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.0%}"
    return str(value)


def visible(text: str) -> str:
    """`text` with everything that moves a cursor, turns the reading direction or shows nothing written as an escape.

    A line feed becomes `\\n`, ESC `\\x1b`, RIGHT-TO-LEFT OVERRIDE `\\u202e`, a byte that was no UTF-8 `\\xff`.
    """
    return text if is_plain(text) else "".join(piece for piece, _ in seen(text))


def seen(text: str) -> Iterator[tuple[str, bool]]:
    """The characters of `text` as they may be shown, each with whether it stands for one that cannot be seen."""
    for character in text:
        plain = is_plain(character)
        yield (character if plain else _escape(character)), not plain


def is_plain(text: str) -> bool:
    """Whether a reader sees every character of `text` as it is."""
    return text.isprintable() and not any(character in text for character in _UNSEEN)


def _escape(character: str) -> str:
    code = ord(character)
    if code in _LOW_SURROGATES_OF_BYTES:
        code -= 0xDC00
    if code < 0x100:
        return _SHORT_ESCAPES.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def zone(timezone: str, at: datetime) -> str:
    """How a time zone is written: `UTC`, `Asia/Seoul (UTC+9)`; the offset is the one at `at`."""
    offset = at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta()
    if timezone == "UTC":
        return timezone
    minutes = int(offset.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{timezone} (UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''})"


def day(moment: datetime, language: str) -> str:
    """A local day with its weekday: `2026-11-23 (Mon)`."""
    return f"{moment:%Y-%m-%d} ({text_of('weekdays', language).split()[moment.weekday()]})"


def period(since: datetime | None, until: datetime | None, timezone: str, language: str) -> str:
    """A half-open period as people write it: whole days by name, else with hours; without its time zone."""
    local = ZoneInfo(timezone)
    if since is None and until is None:
        return text_of("period.everything", language)
    if until is None:
        return say("period.since", language, since=_minute(since.astimezone(local), language))
    if since is None:
        return say("period.until", language, until=_minute(until.astimezone(local), language))
    first, end = since.astimezone(local), until.astimezone(local)
    if _is_midnight(first) and _is_midnight(end):
        last = (end - timedelta(days=1)).replace(tzinfo=local)
        if last.date() == first.date():
            return day(first, language)
        return f"{day(first, language)} – {day(last, language)}"
    return (
        f"{_minute(first, language)} – {end:%H:%M}"
        if first.date() == end.date()
        else (f"{_minute(first, language)} – {_minute(end, language)}")
    )


def _minute(moment: datetime, language: str) -> str:
    return f"{day(moment, language)} {moment:%H:%M}"


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)


@cache
def _words(language: str) -> dict[str, str]:
    """The catalogue of one language, its nested keys joined by dots."""
    return dict(_flat(_catalogue(resources.files(__package__).joinpath(f"{language}.yaml")), ""))


@cache
def _sayings(language: str) -> dict[str, str]:
    files = sorted(resources.files(__package__).joinpath("notebooks").iterdir(), key=lambda file: file.name)
    catalogues = [_catalogue(file) for file in files if file.name.endswith(f".{language}.yaml")]
    return {entry["en"].strip(): entry[language].strip() for catalogue in catalogues for entry in catalogue}


def _catalogue(file: Traversable) -> Any:  # noqa: ANN401 - what YAML holds
    content = file.read_text(encoding="utf-8")
    return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def _flat(branch: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in branch.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
