"""What a report saw of its hosts and what it did not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import audit_nb
from audit_nb import tables, words
from audit_nb.report.plan import Plan

#: What a host's row counts when something that was logged, or should have been, is not in the table of events.
LOSSES = ("malformed", "lost_serials", "period_incomplete", "period_unread")


@dataclass(frozen=True)
class Hosts:
    """The rows of `open_hosts` with plain values, and those of them that the period was not fully seen of."""

    rows: Sequence[Mapping[str, Any]]
    missing: Sequence[Mapping[str, str]]

    @property
    def total(self) -> int:
        """How many hosts the report is about."""
        return len(self.rows)

    @property
    def lossy(self) -> bool:
        """Whether lines were malformed, serials lost, events incomplete or text left unread."""
        return any(map(is_lossy, self.rows))

    def as_json(self) -> dict[str, Any]:
        """What `report.json` says of the hosts."""
        return {"seen": self.total - len(self.missing), "total": self.total, "missing": list(self.missing)}

    def evidence(self) -> dict[str, Any]:
        """How many segments of the archive stand behind the report, of how many hosts, and of each."""
        counts = {row["host"]: int(row["segments"]) for row in self.rows if row.get("segments")}
        return {"segments": sum(counts.values()), "hosts": len(counts), "by_host": counts}


def is_lossy(row: Mapping[str, Any]) -> bool:
    """Whether something that a host logged, or should have, is not in the table of events."""
    return any(row.get(column) for column in LOSSES)


def of(plan: Plan) -> Hosts:
    """The hosts of a plan: those it names, else all that were ever tried; those in trouble first."""
    asked = plan.parameters.get("hosts")
    given = {name: plan.parameters.get(name) for name in ("since", "until", "timezone")}
    stored = audit_nb.open_hosts(plan.parameters["data_dir"], asked)
    events = audit_nb.open_events(plan.parameters["data_dir"], asked, **given)
    in_period = {row["host"]: row for row in tables.coverage(events, stored).to_pyarrow().to_pylist()}
    found = [row | _of_period(in_period.get(row["host"], {})) for row in stored.to_pyarrow().to_pylist()]
    known = {row["host"] for row in found}
    found += [{"host": name, "outcome": None} | _of_period({}) for name in asked or () if name not in known]
    reasons = {row["host"]: _unseen(row, plan) for row in found}
    found.sort(key=lambda row: (reasons[row["host"]] is None, row["host"]))
    rows = [{key: _plain(value) for key, value in row.items()} for row in found]
    return Hosts(rows, [_missing(row["host"], reason) for row in found if (reason := reasons[row["host"]])])


def _missing(host: str, reason: str) -> dict[str, str]:
    """A host that was not fully seen: why, and the first clause of why."""
    reason = reason.removeprefix(f"{host}: ")
    return {"host": host, "reason": reason, "short": re.split(r"[:;] ", reason)[0]}


def _of_period(row: Mapping[str, Any]) -> dict[str, Any]:
    """What `coverage` counted in the report's own period, beside what is stored in all."""
    counts = {f"period_{name}": row.get(name) or 0 for name in ("events", "incomplete", "unread")}
    return counts | {f"period_{name}": row.get(name) for name in ("first", "last")}


def _unseen(row: Mapping[str, Any], plan: Plan) -> str | None:
    """Why a host's period was not seen to its end, or None when it was.

    A fetch that failed does no harm to a period that earlier fetches have brought whole.
    """
    reason, language = row.get("reason"), plan.language
    last = _aware(row.get("last_time"))
    if row.get("outcome") is None:
        return words.say("coverage.never", language)
    if last is None:
        return reason or words.say("coverage.no_events", language)
    if not row["period_events"]:
        said = words.say("coverage.not_in_period", language)
        return f"{said}: {reason}" if reason else said
    if row["outcome"] != "done" and not (plan.until and last >= plan.until):
        at = f"{last.astimezone(ZoneInfo(plan.timezone)):%Y-%m-%d %H:%M}"
        return words.say("coverage.until", language, at=at, reason=reason or row["outcome"])
    return None


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return _aware(value).isoformat()
    return value
