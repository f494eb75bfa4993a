"""Who wants this report: the only-when rules of groups, and what was said in the report before.

`verdicts.json` in the outbox remembers, for each report, what its last two runs said: a group with `when: changed`
hears of a run only when its verdict, the kinds of findings or the hosts not seen differ from the run before.
"""

import json
from pathlib import Path
from typing import Any

from audit_nb.files import write_private
from audit_nb.mail.letter import Envelope
from audit_nb.mail.settings import Group, Settings
from audit_nb.mail.source import Report

FILE = "verdicts.json"


def envelope(settings: Settings, report: Report, *, changed: bool) -> Envelope:
    """The recipients of a report: those of its groups that want it. Raises UsageError for an unknown group."""
    groups = settings.named(report.mail)
    chosen = {name: group for name, group in groups.items() if _wants(group, report, changed=changed)}
    return Envelope(
        to=[mailbox for group in chosen.values() for mailbox in group.to],
        cc=[mailbox for group in chosen.values() for mailbox in group.cc],
        bcc=[mailbox for group in chosen.values() for mailbox in group.bcc],
        groups=tuple(chosen),
    )


def has_changed(outbox_dir: Path, report: Report) -> bool:
    """Whether a run says something else than the run before it; remembers what it says. The first run is news."""
    known = _read(outbox_dir / FILE)
    entry = known.get(report.name, {})
    said = {"run": report.run, "says": _says(report)}
    if entry.get("last", {}).get("run") != report.run:
        entry = {"before": entry.get("last"), "last": said}
        known[report.name] = entry
        write_private(outbox_dir / FILE, json.dumps(known, ensure_ascii=False, indent=1).encode("utf-8"))
    before = entry.get("before")
    return before is None or before["says"] != said["says"]


def _wants(group: Group, report: Report, *, changed: bool) -> bool:
    return {
        "always": True,
        "changed": changed,
        "alarm": report.verdict.level == "alarm",
        "failure": report.status != "done",
    }[group.when]


def _says(report: Report) -> list[Any]:
    """What makes a verdict another one; figures that grow from day to day do not."""
    return [
        report.verdict.level,
        sorted(f"{row.notebook}.{row.name}:{row.level}" for row in report.found),
        sorted(row.host for row in report.seen.missing),
        sorted(notebook.name for notebook in report.failed_notebooks),
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
