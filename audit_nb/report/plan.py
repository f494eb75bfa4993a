"""What a report is to be: `reports.yaml`, the report's parameters and its notebooks, checked before anything runs.

    daily:
      title: {en: Daily report, ko: 일일 보고서}
      notebooks: [overview, logins, commands]
      mail: [team]
      csv_for_excel: true     # CSV files begin with a byte order mark
      pdf: true               # each page also as PDF, where Chromium is installed

A notebook declares its parameters in the cell tagged `parameters`, each with its type and a comment:

    since: str = None  # beginning of the period, e.g. yesterday or 2026-11-23
"""

import ast
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit_nb import times, words
from audit_nb.document import Document
from audit_nb.errors import UsageError
from audit_nb.files import nearest

DEFINITIONS = "reports.yaml"
FIELDS = ("title", "notebooks", "mail", "csv_for_excel", "pdf")
TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
#: What a report itself asks for, with type and default; a notebook that does not declare it is not given it.
ALWAYS: dict[str, tuple[str, Any]] = {
    "data_dir": ("str", "data"),
    "hosts": ("list[str]", None),
    "since": ("str", None),
    "until": ("str", None),
    "timezone": ("str", "UTC"),
    "language": ("str", "en"),
}
SAID = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list[str]": "a list of texts",
}


@dataclass(frozen=True)
class Notebook:
    """A notebook to play: its file, the cell it opens with, the parameters it declares with types and defaults."""

    name: str
    path: Path
    opening: str
    types: Mapping[str, str]
    defaults: Mapping[str, Any]

    def title(self, language: str) -> str:
        """The first heading, else the name."""
        first = words.translate(self.opening, language).strip().split("\n", 1)[0]
        return first.removeprefix("# ").strip() if first.startswith("# ") else self.name


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before a kernel starts. `parameters` are absolute: the same run can be made again."""

    name: str
    title: str
    notebooks: tuple[Notebook, ...]
    parameters: Mapping[str, Any]
    since: datetime | None
    until: datetime | None
    mail: tuple[str, ...]
    csv_for_excel: bool = False
    pdf: bool = False

    @property
    def data_dir(self) -> Path:
        return Path(self.parameters["data_dir"])

    @property
    def language(self) -> str:
        return self.parameters["language"]

    @property
    def timezone(self) -> str:
        return self.parameters["timezone"]

    def period_as_json(self) -> dict[str, Any]:
        """The period with its words."""
        return {
            "since": _local(self.since, self.timezone),
            "until": _local(self.until, self.timezone),
            "timezone": self.timezone,
            "label": words.period(self.since, self.until, self.timezone, self.language),
            "zone": words.zone(self.timezone, self.until or datetime.now().astimezone()),
        }


def make(
    name: str,
    parameters_dir: Path,
    parameters_file: Path | None,
    notebooks_dir: Path,
    data_dir: Path | None,
    *,
    now: datetime,
) -> Plan:
    """The plan of the report `name`; raises UsageError with the file, the line and the field of every mistake."""
    definitions = Document.load(parameters_dir / DEFINITIONS, remedy="it lists the reports and their notebooks")
    definition = _definition(definitions, name)
    notebooks = tuple(
        _notebook(definitions, name, place, item, notebooks_dir) for place, item in enumerate(definition["notebooks"])
    )
    definitions.raise_mistakes()
    path = parameters_file or parameters_dir / f"{name}.yaml"
    given = Document.load(path, remedy=f"it holds the parameters of the report {name!r}")
    parameters = _parameters(given, notebooks)
    since, until = _period(given, parameters, now)
    at = _at(given, parameters, now)
    given.raise_mistakes()
    where = _data_dir(Path(parameters["data_dir"]), data_dir, is_own_file=parameters_file is not None)
    parameters |= {
        "data_dir": str(where.expanduser().resolve()),
        "since": _local(since, parameters["timezone"]),
        "until": _local(until, parameters["timezone"]),
        **({"at": _local(at, parameters["timezone"])} if at else {}),
    }
    title = definition.get("title") or name
    spoken = title.get(parameters["language"]) or next(iter(title.values())) if isinstance(title, dict) else title
    return Plan(
        name,
        spoken,
        notebooks,
        parameters,
        since,
        until,
        tuple(definition.get("mail") or ()),
        csv_for_excel=definition.get("csv_for_excel", False),
        pdf=definition.get("pdf", False),
    )


def _data_dir(said: Path, given: Path | None, *, is_own_file: bool) -> Path:
    """The folder that was given, else the file's; but the parameters of a run name theirs for good, and are obeyed."""
    if given is None or (is_own_file and said.is_absolute()):
        return nearest(said)
    return given


def _definition(document: Document, name: str) -> dict[str, Any]:
    reports = document.tree if isinstance(document.tree, dict) else {}
    if name not in reports:
        known = ", ".join(reports) or "none"
        raise UsageError(
            f"{document.path}: there is no report {name!r}{did_you_mean(name, reports)}; there are: {known}"
        )
    if not re.fullmatch(r"\w[\w.-]{0,60}", name):
        document.mistake((name,), "a report's name becomes a folder's: letters, digits, '_', '-' and '.', at most 61")
        document.raise_mistakes()
    definition = reports[name]
    if not isinstance(definition, dict):
        document.mistake((name,), f"expected {', '.join(FIELDS)}")
        document.raise_mistakes()
    for field in definition.keys() - set(FIELDS):
        document.mistake((name, field), f"not known here{did_you_mean(str(field), FIELDS)}")
    for field in ("csv_for_excel", "pdf"):
        if not isinstance(definition.get(field, False), bool):
            document.mistake((name, field), f"expected true or false, not {definition[field]!r}")
    if not _is_list_of_texts(definition.get("notebooks")) or not definition["notebooks"]:
        document.mistake((name, "notebooks"), "expected a list with at least one notebook")
    if not _is_list_of_texts(definition.get("mail") or []):
        document.mistake((name, "mail"), "expected a list of groups of mail.yaml")
    title = definition.get("title", name)
    if not isinstance(title, str) and not (isinstance(title, dict) and all(isinstance(t, str) for t in title.values())):
        document.mistake((name, "title"), "expected a text, or one for each language")
    document.raise_mistakes()
    return definition


def _notebook(document: Document, report: str, place: int, name: str, folder: Path) -> Notebook | None:
    path = folder / f"{name}.ipynb"
    known = sorted(found.stem for found in folder.glob("*.ipynb"))
    if name not in known:
        there = f"{folder} has {', '.join(known)}" if known else f"{folder} has no notebooks"
        document.mistake(
            (report, "notebooks", str(place)), f"there is no notebook {name!r}{did_you_mean(name, known)}; {there}"
        )
        return None
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        types, defaults = _declared(cells)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as fault:
        raise UsageError(f"{path} cannot be read as a notebook: {type(fault).__name__}: {fault}") from None
    return Notebook(name, path, _opening(cells), types, defaults)


def _declared(cells: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, Any]]:
    """The types and defaults that the first cell tagged `parameters` declares."""
    types: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code" and "parameters" in cell["metadata"].get("tags", ()):
            for line in ast.parse("".join(cell["source"])).body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
                    types[line.target.id] = ast.unparse(line.annotation)
                    defaults[line.target.id] = ast.literal_eval(line.value)
            break
    return types, defaults


def _opening(cells: Iterable[Mapping[str, Any]]) -> str:
    return next(("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"), "")


def _parameters(document: Document, notebooks: Iterable[Notebook]) -> dict[str, Any]:
    """The values of the file over the defaults of the notebooks, and those over ours."""
    given = document.tree if document.tree is not None else {}
    if not isinstance(given, dict):
        document.mistake((), "expected parameters, one a line with a colon after the name")
        document.raise_mistakes()
    types = {name: kind for name, (kind, _) in ALWAYS.items()}
    values = {name: value for name, (_, value) in ALWAYS.items()}
    for notebook in notebooks:
        types |= notebook.types
        values |= notebook.defaults
    for name, value in given.items():
        if name not in types:
            known = f"; the notebooks take {', '.join(types)}"
            document.mistake(
                (name,), f"no notebook of this report takes this parameter{did_you_mean(name, types)}{known}"
            )
        elif not _fits(value, types[name], values[name]):
            quotes = "; write it in quotes" if types[name] == "str" and isinstance(value, int | float) else ""
            document.mistake((name,), f"expected {SAID.get(types[name], types[name])}, not {value!r}{quotes}")
        else:
            values[name] = value
    _check_words(document, values)
    return values


def _fits(value: object, kind: str, default: object) -> bool:
    """Whether a value is of the declared type; nothing at all is allowed where nothing is the default."""
    if value is None:
        return default is None
    if kind == "list[str]":
        return _is_list_of_texts(value)
    return isinstance(value, TYPES.get(kind, (object,))) and not (isinstance(value, bool) and kind != "bool")


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _check_words(document: Document, values: Mapping[str, Any]) -> None:
    if values.get("language") not in words.LANGUAGES:
        document.mistake(("language",), f"expected {' or '.join(words.LANGUAGES)}, not {values.get('language')!r}")
    try:
        times.zone(values.get("timezone") or "")
    except UsageError as fault:
        document.mistake(("timezone",), str(fault))


def _period(document: Document, values: Mapping[str, Any], now: datetime) -> tuple[datetime | None, datetime | None]:
    """The period, read once in the report's time zone and made absolute: that around `at`, else `since` and `until`."""
    if document.mistakes:
        return None, None
    try:
        if values.get("at"):
            span = times.window(values["at"], values.get("around"), timezone=values["timezone"], now=now)
            return tuple(end and end.replace(tzinfo=UTC) for end in (span.since, span.until))
        return times.period(values.get("since"), values.get("until"), values["timezone"], now=now)
    except UsageError as fault:
        document.mistake((_culprit(str(fault), values),), str(fault))
        return None, None


def _at(document: Document, values: Mapping[str, Any], now: datetime) -> datetime | None:
    """The moment that a report is about, made absolute."""
    if document.mistakes or not values.get("at"):
        return None
    return times.moment(values["at"], values["timezone"], now=now, name="at")


def _culprit(fault: str, values: Mapping[str, Any]) -> str:
    """The parameter that a mistake of time speaks of."""
    said = fault.partition(":")[0]
    if said in ("at", "around"):
        return said
    return "until" if "until" in fault and values.get("until") else "since"


def _local(moment: datetime | None, timezone: str) -> str | None:
    """A moment in the report's time zone, with its offset: absolute, and still the hour that was asked for."""
    return moment.astimezone(times.zone(timezone)).isoformat() if moment else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean logins?`, or nothing where nothing is near."""
    close = difflib.get_close_matches(word, list(known), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""
