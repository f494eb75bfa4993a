"""A finished run as a message: headers, two bodies, charts inside, pages and tables attached.

    multipart/mixed
      multipart/alternative
        text/plain
        multipart/related
          text/html
          image/png …          cid:
      text/html, text/csv …    attachments, up to the limit

The same run makes the same bytes: Date and Message-ID come from the run, and the boundaries from the Message-ID.
"""

import email
import hashlib
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from audit_nb import words
from audit_nb.mail.body import Content, Enclosed, Inline, failure_text, render_html, render_text, subject
from audit_nb.mail.settings import MEBI, Attach, Settings
from audit_nb.mail.source import Run, plain

PLACEHOLDER = Address("", "audit", "localhost")
CHART_WIDTH = 540  # of the 600 pixels a mail is wide
DENSITY = 2  # dots of a chart for each pixel: sharp on a phone
CHART_LIMIT = 300_000  # bytes of one chart
# Seven bits everywhere: no server on the way has to be asked whether it carries more.
POLICY = SMTP.clone(cte_type="7bit", max_line_length=78)


@dataclass(frozen=True)
class Envelope:
    """Who gets a letter; `bcc` stands in no header. Nobody at all is the placeholder."""

    to: Sequence[Address] = ()
    cc: Sequence[Address] = ()
    bcc: Sequence[Address] = ()
    groups: Sequence[str] = ()

    def addresses(self) -> dict[str, str]:
        """Each address once, with the first of to, cc and bcc in which it stands."""
        found: dict[str, str] = {}
        for kind in ("to", "cc", "bcc"):
            for mailbox in getattr(self, kind):
                if mailbox.addr_spec.lower() not in {known.lower() for known in found}:
                    found[mailbox.addr_spec] = kind
        return found


def compose(
    run: Run,
    settings: Settings | None,
    envelope: Envelope,
    *,
    supersedes: bool = False,
    server_limit: int | None = None,
) -> EmailMessage:
    """The message about a run. With `server_limit` nothing is attached, and the reader is told so (bytes)."""
    report = run.report
    attach = settings.attach if settings else Attach()
    files = [] if server_limit is not None else _files(run, attach)
    attached, left_out = _within(files, attach.limit_bytes)
    charts = _charts(run, attach.charts)
    content = Content(
        report=report,
        charts=[chart for chart, _ in charts],
        enclosed=_enclosed(run, settings, attached, left_out, server_limit),
        groups=envelope.groups,
        placeholder=settings is None,
        supersedes=supersedes,
    )
    message = EmailMessage(policy=POLICY)
    message["Subject"] = subject(report, settings.tag if settings else None)
    identity = f"{report.name}.{report.run}"
    _address(message, settings, envelope, identity=identity, at=report.moment)
    _set_text(message, render_text(content))
    _add_html(message, render_html(content), charts)
    for path in attached:
        _attach(message, path)
    message["Content-Language"] = report.language  # last: what is named Content-… moves into the first part
    _fix_boundaries(message)
    return message


def compose_failure(
    settings: Settings | None,
    envelope: Envelope,
    sentences: Sequence[str],
    *,
    report: str,
    at: datetime,
    command: str,
    language: str,
) -> EmailMessage:
    """The short message to the administrators that something failed."""
    host = plain(socket.gethostname())
    when, name = f"{at:%Y-%m-%d %H:%M %Z}", plain(report, 80)
    tag = settings.tag if settings and settings.tag else "audit_nb"
    message = EmailMessage(policy=POLICY)
    message["Subject"] = words.say("mail.failed_subject", language, tag=plain(tag, 60), report=name, at=when)
    _address(message, settings, envelope, identity=f"failed.{name}.{at:%Y%m%dT%H%M%S%f}", at=at)
    said = failure_text(sentences, report=name, host=host, at=when, command=plain(command), language=language)
    _set_text(message, said)
    message["Content-Language"] = language
    return message


def serialised(message: EmailMessage) -> bytes:
    """The bytes of a message as they lie in the outbox and go over the wire."""
    return message.as_bytes(policy=POLICY)


def envelope_of(content: bytes, bcc: Sequence[str], groups: Sequence[str]) -> Envelope:
    """The envelope of a message that was composed before."""
    message = email.message_from_bytes(content, policy=POLICY)
    to, cc = (message[name].addresses if name in message else () for name in ("To", "Cc"))
    return Envelope(to, cc, [Address(addr_spec=address) for address in bcc], groups)


def _address(
    message: EmailMessage,
    settings: Settings | None,
    envelope: Envelope,
    *,
    identity: str,
    at: datetime,
) -> None:
    sender = settings.sender if settings else Address("audit_nb", "audit-nb", "localhost")
    list_id = (settings.list_id if settings else None) or f"audit-nb.{sender.domain}"
    message["From"] = sender
    if envelope.to or not (envelope.cc or envelope.bcc):
        message["To"] = tuple(envelope.to) or (PLACEHOLDER,)
    if envelope.cc:
        message["Cc"] = tuple(envelope.cc)
    if settings and settings.reply_to:
        message["Reply-To"] = settings.reply_to
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{token(identity)}@{sender.domain}>"
    message["List-Id"] = f"<{list_id}>"
    message["Auto-Submitted"] = "auto-generated"


def token(text: str) -> str:
    """A text as the left half of a Message-ID; what cannot stand there is told apart by a digest."""
    safe = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip(".-")
    safe = re.sub(r"\.{2,}", ".", safe)[:100]
    return (
        safe if safe == text else f"{safe or 'run'}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:12]}"
    )


def _files(run: Run, attach: Attach) -> list[Path]:
    """The pages and tables of a run, the most useful first; what is no file of the run is left out."""
    report = run.report
    pages = ["index.html", *(notebook.html for notebook in report.notebooks)] if attach.html else []
    tables = [table.csv for table in report.tables] if attach.csv else []
    found = [run.file(relative) for relative in dict.fromkeys([*pages, *tables])]
    return [path for path in found if path is not None and path.suffix in (".html", ".csv")]


def _within(files: Sequence[Path], limit: int) -> tuple[list[Path], list[Path]]:
    """The files that fit under the limit one after the other, and those that do not."""
    attached, left_out, used = [], [], 0
    for path in files:
        size = path.stat().st_size
        if used + size <= limit:
            attached.append(path)
            used += size
        else:
            left_out.append(path)
    return attached, left_out


def _enclosed(
    run: Run, settings: Settings | None, attached: Sequence[Path], left_out: Sequence[Path], server_limit: int | None
) -> Enclosed:
    base = settings.base_url if settings else None
    limit = server_limit if server_limit is not None else (settings.attach if settings else Attach()).limit_bytes
    return Enclosed(
        attached=[path.name for path in attached],
        left_out=[path.name for path in left_out],
        limit=_size(limit),
        too_large=server_limit is not None,
        host=plain(socket.gethostname()),
        place=plain(str(run.folder.resolve())),
        link=f"{base}{run.address}/" if base else None,
    )


def _size(size: int) -> str:
    return f"{size / MEBI:.1f} MB".replace(".0 MB", " MB") if size >= MEBI else f"{size / 1024:.0f} KB"


def _charts(run: Run, most: int) -> list[tuple[Inline, Path]]:
    """One chart of each notebook, the first ones first."""
    chosen: dict[str, tuple[Inline, Path]] = {}
    for figure in run.report.figures:
        path = run.file(figure.png)
        if path is None or figure.notebook in chosen or path.stat().st_size > CHART_LIMIT:
            continue
        head = path.read_bytes()[:24]
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            width = min(CHART_WIDTH, int(int.from_bytes(head[16:20]) / DENSITY))
            chosen[figure.notebook] = (Inline(f"chart{len(chosen) + 1}@audit-nb", figure, width), path)
    return list(chosen.values())[:most]


def _set_text(part: MIMEPart, text: str) -> None:
    part.set_content(text, charset="utf-8", cte=_encoding(text))


def _add_html(message: EmailMessage, html: str, charts: Sequence[tuple[Inline, Path]]) -> None:
    message.add_alternative(html, subtype="html", charset="utf-8", cte=_encoding(html))
    body = message.get_body(("html",))
    assert body is not None, "it was added in the line above"
    for chart, path in charts:
        name = f"{chart.cid.partition('@')[0]}.png"
        content = path.read_bytes()
        body.add_related(content, "image", "png", cid=f"<{chart.cid}>", filename=name, disposition="inline")


def _attach(message: EmailMessage, path: Path) -> None:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name)[-100:]
    subtype = path.suffix.removeprefix(".")
    content = path.read_bytes()
    message.add_attachment(content, "text", subtype, filename=name, params={"charset": "utf-8"})


def _encoding(text: str) -> str:
    """Quoted-printable can be read as it is, but makes nine letters of each Hangul syllable."""
    others = sum(character > "\x7f" for character in text)
    return "base64" if others * 6 > len(text) else "quoted-printable"


def _fix_boundaries(message: EmailMessage) -> None:
    """Boundaries that the next composing makes again; neither base64 nor quoted-printable can hold `=_`."""
    digest = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:24]
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{number}_{digest}")
