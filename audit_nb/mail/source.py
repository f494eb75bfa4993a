"""What a mail is made of: `report.json` of a run, read with care, and the files in the run's folder.

Whatever a log said may stand in that file. Every text is made visible here once (no line breaks, no control or bidi
characters, at most `LETTERS` long), so that neither a header nor a terminal can be forged further down.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from audit_nb import words
from audit_nb.errors import AuditNbError

LETTERS = 400
LEVELS = ("clean", "notice", "alarm", "blind")


def plain(value: object, most: int = LETTERS) -> str:
    """Any value as one line of visible text."""
    text = words.visible(" ".join(str(value).split("\n")) if value is not None else "")
    return text if len(text) <= most else text[: most - 1] + "…"


def _language(value: object) -> str:
    return str(value) if value in words.LANGUAGES else words.LANGUAGES[0]


def _level(value: object) -> str:
    """A verdict that nobody can read is not seen, never clean."""
    return str(value) if value in LEVELS else "blind"


def _importance(value: object) -> str:
    """Of a headline; most only inform."""
    return str(value) if value in ("notice", "alarm") else "clean"


def _place(value: object) -> str | None:
    """The path of a file of the run; None for what cannot be one."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= LETTERS else None


Text = Annotated[str, BeforeValidator(plain)]
Place = Annotated[str | None, BeforeValidator(_place)]
Number = int | float | None


class Said(BaseModel):
    """What all parts share: fields that a mail does not need are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Verdict(Said):
    level: Annotated[str, BeforeValidator(_level)]
    sentence: Text = ""


class Period(Said):
    since: datetime | None = None
    until: datetime | None = None
    timezone: Text = "UTC"
    label: Text = ""
    zone: Text = ""


class Missing(Said):
    host: Text
    reason: Text = ""
    short: Text = ""

    @property
    def why(self) -> str:
        """The reason, without the name of the host in front of it."""
        return self.reason.removeprefix(f"{self.host}: ")

    @property
    def in_short(self) -> str:
        """Its first clause, which is enough for a first look; the report has it all."""
        return self.short.removeprefix(f"{self.host}: ") or self.why


class Hosts(Said):
    seen: int
    total: int
    missing: tuple[Missing, ...] = ()


class Headline(Said):
    notebook: Text = ""
    name: Text = ""
    label: Text = ""
    value: Number = None
    level: Annotated[str, BeforeValidator(_importance)] = "clean"
    before: Number = None

    @property
    def shown(self) -> str:
        """The value as people write it; a dash where nobody knows it."""
        return "–" if self.value is None else words.number(self.value)

    def change(self, language: str) -> str:
        """How it differs from the period before, in words; empty where one of the two is unknown."""
        if self.value is None or self.before is None:
            return ""
        before, difference = words.number(self.before), self.value - self.before
        if not difference:
            return words.say("page.same", language)
        sign, key = ("▲", "page.more") if difference > 0 else ("▼", "page.fewer")
        return f"{sign} {words.say(key, language, n=abs(difference), before=before)}"


class Notebook(Said):
    name: Text
    title: Text = ""
    status: Text = ""
    error: Text | None = None
    says: Text | None = None
    html: Place = None


class Table(Said):
    title: Text = ""
    csv: Place = None


class Figure(Said):
    notebook: Text = ""
    title: Text = ""
    alt: Text = ""
    finding: Text = ""
    png: Place = None


class Report(Said):
    """`report.json` as far as a mail speaks of it."""

    name: Text
    title: Text = ""
    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
    status: Text = "done"
    verdict: Verdict
    ended_at: datetime | None = None
    language: Annotated[str, BeforeValidator(_language)] = "en"
    period: Period = Period()
    mail: tuple[str, ...] = ()
    hosts: Hosts | None = None
    coverage: tuple[dict[str, Any], ...] = ()
    headlines: tuple[Headline, ...] = ()
    notebooks: tuple[Notebook, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    versions: dict[str, Text] = {}
    command: Text = ""

    @property
    def seen(self) -> Hosts:
        """The hosts as the report counts them, else missing are those whose row of coverage is not `done`."""
        if self.hosts is not None:
            return self.hosts
        missing = [row for row in self.coverage if row.get("outcome") != "done"]
        named = tuple(Missing.model_validate(row) for row in missing)
        return Hosts(seen=len(self.coverage) - len(missing), total=len(self.coverage), missing=named)

    @property
    def label(self) -> str:
        """The period in words."""
        period = self.period
        if period.label:
            return period.label
        try:
            return words.period(period.since, period.until, period.timezone, self.language)
        except (KeyError, ValueError, TypeError):  # a zone that does not exist here, times without one
            return f"{period.since} – {period.until}"

    @property
    def failed_notebooks(self) -> Sequence[Notebook]:
        return [notebook for notebook in self.notebooks if notebook.status == "failed"]

    @property
    def found(self) -> Sequence[Headline]:
        """The headlines that call for attention, in the order of the report."""
        return [row for row in self.headlines if row.level in ("alarm", "notice") and row.value]

    def most_important(self, most: int) -> Sequence[Headline]:
        """So many of those, in the order of the report: alarms go before notices. What two say is said once."""
        distinct = list({(row.label, row.value): row for row in self.found}.values())
        chosen = sorted(distinct, key=lambda row: row.level != "alarm")[:most]
        return [row for row in distinct if row in chosen]

    @property
    def by_importance(self) -> Sequence[Headline]:
        """The headlines, those that call for attention before the others."""
        found = self.found
        return [*found, *(row for row in self.headlines if row not in found)]

    @property
    def moment(self) -> datetime:
        """When the report was ready, UTC."""
        ended = self.ended_at or datetime.now(UTC)
        return ended.replace(tzinfo=UTC) if ended.tzinfo is None else ended.astimezone(UTC)


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what `report.json` says."""

    folder: Path
    report: Report

    @property
    def address(self) -> str:
        """The run's folder as seen from the folder of all reports: `<name>/<period>/<run id>`."""
        return PurePosixPath(*self.folder.resolve().parts[-3:]).as_posix()

    def file(self, relative: str | None) -> Path | None:
        """A file of the run, if it is one: nothing outside the folder and nothing behind a link is ever mailed."""
        if not relative:
            return None
        folder = self.folder.resolve()
        path = folder / relative
        try:
            inside = path.resolve() == path and path.is_relative_to(folder) and path.is_file()
        except (OSError, RuntimeError):
            return None
        return path if inside else None


def read(run_dir: Path) -> Run:
    """The run in a folder; raises AuditNbError with the file and field where `report.json` is not as it should be."""
    path = run_dir / "report.json"
    try:
        return Run(run_dir, Report.model_validate(json.loads(path.read_bytes())))
    except FileNotFoundError:
        raise AuditNbError(f"{path} does not exist: this is not the folder of a finished report") from None
    except OSError as fault:
        raise AuditNbError(f"{path} cannot be read: {fault}") from fault
    except (ValueError, RecursionError) as fault:
        if not isinstance(fault, ValidationError):
            raise AuditNbError(f"{path} is no JSON: {plain(fault, 120)}; make the report again") from None
        first = fault.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise AuditNbError(f"{path}: {where}: {plain(first['msg'], 120).lower()}; make the report again") from None
