"""Composes and sends a finished report.

    settings = mail.load(Path("parameters/mail.yaml"))
    letter = mail.compose(run_dir, settings, Path("outbox"))      outbox/<run>.eml and outbox/<run>.json
    mail.send(Path("outbox"), settings)                           a row for each recipient

Composing and sending are two steps, so that what could not be sent is still there. Composing the same run again makes
the same letter; whoever has got it is never sent to again. Only `report.json` and the run's folder are read.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from audit_nb.files import private_directory
from audit_nb.mail import letter as letters
from audit_nb.mail import outbox, source, wanted
from audit_nb.mail.outbox import ACCEPTED, Letter, Recipient
from audit_nb.mail.sending import Delivery, send, status
from audit_nb.mail.settings import Settings, load

__all__ = [
    "NO_SETTINGS",
    "Delivery",
    "Letter",
    "Settings",
    "compose",
    "compose_failure",
    "failures",
    "load",
    "send",
    "status",
]

NO_SETTINGS = (
    "there is no mail.yaml: `cp parameters/mail.example.yaml parameters/mail.yaml` and write your server into it"
)
NO_GROUP = "reports.yaml names no group for this report: `mail: [team]`"
NOT_WANTED = "none of its groups wants it this time (see `when` in mail.yaml)"
NO_ADMINS = "mail.yaml names no admins"


def compose(run_dir: Path, settings: Settings | None = None, outbox_dir: Path = Path("outbox")) -> Letter:
    """Compose the mail about a run into the outbox: `letter.path` is the .eml, `letter.held` why it is not sent, if so.

    Without settings it goes to a placeholder and is held. Raises UsageError for a group that mail.yaml does not have,
    AuditNbError where the folder holds no finished report.
    """
    run = source.read(run_dir)
    report = run.report
    private_directory(outbox_dir)
    with outbox.locked(outbox_dir):
        changed = wanted.has_changed(outbox_dir, report)
        envelope = wanted.envelope(settings, report, changed=changed) if settings else letters.Envelope()
        held = _why_held(settings, report, envelope)
        known = outbox.letters(outbox_dir)
        path = _path(outbox_dir, report, known)
        before = next((one for one in known if one.path == path), None)
        if before is not None and before.is_settled:
            return outbox.keep(_with_new_recipients(before, envelope))
        period = f"{report.period.since}/{report.period.until}"
        supersedes = any(_is_earlier(one, report, period) for one in known if one.path != path)
        message = letters.compose(run, settings, envelope, supersedes=supersedes)
        return outbox.put(
            Letter(
                path=path,
                message_id=str(message["Message-ID"]),
                subject=str(message["Subject"]),
                sender=message["From"].addresses[0].addr_spec,
                composed_at=outbox.now(),
                report=report.name,
                run_dir=str(run_dir.resolve()),
                period=period,
                held=held,
                recipients=_recipients(envelope),
                groups=tuple(envelope.groups),
            ),
            letters.serialised(message),
        )


def compose_failure(
    report: str,
    sentences: Sequence[str],
    settings: Settings | None = None,
    outbox_dir: Path = Path("outbox"),
    *,
    command: str = "",
    language: str = "en",
    at: datetime | None = None,
) -> Letter:
    """Compose a short message to the administrators: what failed, in the sentences the user saw.

    `command` is what to run to see it again. Held where there are no settings or no admins.
    """
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    envelope = letters.Envelope(to=settings.admins if settings else ())
    message = letters.compose_failure(
        settings,
        envelope,
        sentences,
        report=report,
        at=moment,
        command=command or f"make report REPORT={report}",
        language=language,
    )
    held = NO_SETTINGS if settings is None else None if envelope.to else NO_ADMINS
    with outbox.locked(outbox_dir):
        return outbox.put(
            Letter(
                path=outbox_dir / f"{moment:%Y%m%dT%H%M%S%f}-failed.eml",
                message_id=str(message["Message-ID"]),
                subject=str(message["Subject"]),
                sender=message["From"].addresses[0].addr_spec,
                composed_at=outbox.now(),
                report=source.plain(report, 80),
                held=held,
                recipients=_recipients(envelope),
            ),
            letters.serialised(message),
        )


def failures(run_dir: Path) -> list[str]:
    """What of a run the administrators should hear: hosts that were not seen and notebooks that failed."""
    report = source.read(run_dir).report
    hosts = [f"{row.host}: {row.why}" for row in report.seen.missing]
    return hosts + [f"{notebook.name}: {notebook.error or 'failed'}" for notebook in report.failed_notebooks]


def _why_held(settings: Settings | None, report: source.Report, envelope: letters.Envelope) -> str | None:
    if settings is None:
        return NO_SETTINGS
    if not report.mail:
        return NO_GROUP
    return None if envelope.addresses() else NOT_WANTED


def _path(outbox_dir: Path, report: source.Report, known: Sequence[Letter]) -> Path:
    """Where the letter about a run lies; two reports that began in the same millisecond are told apart."""
    path = outbox_dir / f"{report.run}.eml"
    other = any(one.path == path and one.report != report.name for one in known)
    return outbox_dir / f"{report.run}-{letters.token(report.name)}.eml" if other else path


def _recipients(envelope: letters.Envelope) -> tuple[Recipient, ...]:
    return tuple(Recipient(address, kind) for address, kind in envelope.addresses().items())


def _with_new_recipients(before: Letter, envelope: letters.Envelope) -> Letter:
    """The same letter: who has got it keeps it, everybody else may be tried again."""
    known = {recipient.address: recipient for recipient in before.recipients}
    kept = [
        one if one.state == ACCEPTED or one.in_doubt else replace(one, state=outbox.WAITING) for one in known.values()
    ]
    new = [recipient for recipient in _recipients(envelope) if recipient.address not in known]
    return replace(before, recipients=(*kept, *new), held=None)


def _is_earlier(one: Letter, report: source.Report, period: str) -> bool:
    got = any(recipient.state == ACCEPTED for recipient in one.recipients)
    return got and one.report == report.name and one.period == period
