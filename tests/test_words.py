"""Both languages say everything, and what cannot be seen is written out."""

import ast
import inspect
import re
import string
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from audit_nb import tables, words
from audit_nb.tables._topics import PATHS, SYSCALLS, TYPES
from audit_nb.tables.file_changes import ACTS, MADE

ROOT = Path(__file__).parent.parent
SOURCES = [*(ROOT / "audit_nb").glob("*.py"), *(ROOT / "audit_nb" / "report").glob("*.py")]
SOURCES += [*(ROOT / "audit_nb" / "show").glob("*.py"), *(ROOT / "audit_nb" / "mail").glob("*.py")]
TEMPLATES = sorted((ROOT / "audit_nb" / "template").rglob("*.j2"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HANGUL = re.compile("[가-힣]")


@cache
def catalogue(language: str) -> dict[str, str]:
    def flat(branch: dict, prefix: str = "") -> dict[str, str]:
        found = {}
        for name, value in branch.items():
            found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": str(value)}
        return found

    return flat(yaml.safe_load((ROOT / "audit_nb" / "words" / f"{language}.yaml").read_text(encoding="utf-8")))


def fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def spoken(notebook: Path) -> list[str]:
    """Every text of a notebook that a reader sees: its prose, and what its code hands to `show`."""
    found = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown":
            found.append(cell.source)
            continue
        for call in ast.walk(ast.parse(cell.source)):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if getattr(call.func.value, "id", None) != "show":
                continue
            place = {"sentence": 0, "headline": 1, "next_step": 1}.get(call.func.attr)
            texts = [call.args[place]] if place is not None else []
            texts += [word.value for word in call.keywords if word.arg in ("title", "alt", "none", "finding")]
            found += [text.value for text in texts if isinstance(text, ast.Constant)]
    return found


def test_both_languages_have_the_same_words() -> None:
    """Neither language lacks a word that the other has."""
    assert catalogue("en").keys() == catalogue("ko").keys()


@pytest.mark.parametrize("key", sorted(catalogue("en")))
def test_a_text_takes_the_same_values_in_both_languages(key: str) -> None:
    """A translation that forgets a value would hide it from half of the readers."""
    assert fields(catalogue("en")[key]) == fields(catalogue("ko")[key])


def test_every_key_that_the_package_asks_for_exists() -> None:
    """`words.say("…")` in the package and `t('…')` in a template find their words."""
    asked = set()
    for path in SOURCES:
        asked |= set(re.findall(r"""words\.(?:say|text_of)\(\s*"([a-z_.]+)"[,)]""", path.read_text(encoding="utf-8")))
    for path in TEMPLATES:
        asked |= set(re.findall(r"""\b(?:t|words)\('([a-z_.]+)'[,)]""", path.read_text(encoding="utf-8")))
    assert len(asked) > 50
    assert asked - catalogue("en").keys() == set()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_everything_in_korean_too(notebook: Path) -> None:
    """No prose, title, sentence or label of a notebook is left in English in a Korean report."""
    for text in spoken(notebook):
        korean = words.translate(text, "ko")
        assert HANGUL.search(korean), f"{notebook.name}: no Korean for {text!r}"
        assert fields(korean) == fields(text), text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_called_by_its_title_where_another_leads_to_it(notebook: Path) -> None:
    """A link says the same name as the page behind it."""
    first = nbformat.read(notebook, as_version=4).cells[0].source
    for language in words.LANGUAGES:
        title = words.translate(first, language).strip().split("\n")[0].removeprefix("# ")
        assert words.say(f"notebooks.{notebook.stem}", language) == title


def test_no_korean_is_left_over() -> None:
    """What the notebooks no longer say is no longer in the catalogue."""
    catalogues = {path.stem: path for path in (ROOT / "audit_nb" / "words" / "notebooks").glob("*.ko.yaml")}
    assert set(catalogues) == {f"{notebook.stem}.ko" for notebook in NOTEBOOKS}
    for notebook in NOTEBOOKS:
        entries = yaml.safe_load(catalogues[f"{notebook.stem}.ko"].read_text(encoding="utf-8"))
        assert {entry["en"].strip() for entry in entries} - {text.strip() for text in spoken(notebook)} == set()


@pytest.mark.parametrize("name", tables.questions())
def test_every_column_of_every_question_has_a_heading_and_a_meaning(name: str, events_of: Any) -> None:
    """A table is not headed by the name of a variable, and its CSV file is described; both languages have the same keys."""
    function = tables.questions()[name].function
    parameters = inspect.signature(function).parameters
    moments = {"since": datetime(2026, 1, 1), "until": datetime(2026, 1, 2)}
    must = {name: moments[name] for name, one in parameters.items() if name in moments and one.default is one.empty}
    for summary in ({"summary": False}, {"summary": True}) if "summary" in parameters else ({},):
        for column in function(events_of({}), **must, **summary).columns:
            assert words.has(f"columns.{column}"), column
            assert words.has(f"meanings.{column}"), column


def test_what_our_own_questions_say_is_said_in_korean_too() -> None:
    """The topics of changes and what was done to files; what a log wrote stays as it is."""
    for column, said in {"topic": [*dict(PATHS), *TYPES, *SYSCALLS], "act": [*ACTS, *MADE.values()]}.items():
        assert [word for word in said if not words.has(f"values.{column}.{word}")] == []
    assert words.of_value("topic", "identity", "ko") == "계정"
    assert words.of_value("command", "identity", "ko") == "identity"


@pytest.mark.parametrize(
    ("count", "english", "korean"),
    [(0, "0 events", "이벤트 0건"), (1, "1 event", "이벤트 1건"), (1234, "1,234 events", "이벤트 1,234건")],
)
def test_a_number_takes_the_word_that_fits_it(count: int, english: str, korean: str) -> None:
    """One event, two events; Korean has one form."""
    assert words.say("units.events", "en", n=count) == english
    assert words.say("units.events", "ko", n=count) == korean


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain 김민수 é", "plain 김민수 é"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("\u200b\ufeff\u2028", "\\u200b\\ufeff\\u2028"),
        ("\x9b31m", "\\x9b31m"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u3164", "\\u3164"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, seen: str) -> None:
    """Control and bidi characters, fillers and bytes that are no UTF-8 stand as escapes; all else as it is."""
    assert words.visible(text) == seen


@pytest.mark.parametrize(
    ("since", "until", "timezone", "said"),
    [
        ((2026, 11, 22), (2026, 11, 23), "UTC", "2026-11-22 (Sun)"),
        ((2026, 11, 16), (2026, 11, 23), "UTC", "2026-11-16 (Mon) – 2026-11-22 (Sun)"),
        ((2026, 11, 21, 15), (2026, 11, 22, 15), "Asia/Seoul", "2026-11-22 (Sun)"),
        ((2026, 11, 22, 6), (2026, 11, 22, 7, 30), "UTC", "2026-11-22 (Sun) 06:00 – 07:30"),
        ((2026, 11, 22, 6), None, "UTC", "since 2026-11-22 (Sun) 06:00"),
        (None, None, "UTC", "everything collected"),
        ((2026, 3, 28, 23), (2026, 3, 29, 22), "Europe/Berlin", "2026-03-29 (Sun)"),
    ],
)
def test_a_period_is_called_as_people_call_it(since: tuple, until: tuple, timezone: str, said: str) -> None:
    """A whole day of the report's time zone has one name, also where it has 23 hours."""
    first, end = (datetime(*moment, tzinfo=UTC) if moment else None for moment in (since, until))
    assert words.period(first, end, timezone, "en") == said


def test_a_time_zone_says_its_offset() -> None:
    """A reader need not know where a zone lies."""
    at = datetime(2026, 11, 22, tzinfo=UTC)
    assert [words.zone(name, at) for name in ("UTC", "Asia/Seoul", "Asia/Kolkata", "America/St_Johns")] == [
        "UTC",
        "Asia/Seoul (UTC+9)",
        "Asia/Kolkata (UTC+5:30)",
        "America/St_Johns (UTC-3:30)",
    ]
