"""Sends what waits in the outbox: tries, backs off, tries again, and records each answer before the next step."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_nb.errors import AuditNbError
from audit_nb.mail import letter as letters
from audit_nb.mail import outbox, source
from audit_nb.mail.outbox import ACCEPTED, EXPIRED, REFUSED, WAITING, Letter
from audit_nb.mail.server import Answer, Blocked, Delayed, TooLarge, connected, hand_over
from audit_nb.mail.settings import Settings
from audit_nb.progress import Step, Tell, silent


@dataclass(frozen=True)
class Delivery:
    """What became of one letter for one recipient; `outcome` is done, waiting, refused, expired or held."""

    letter: str
    recipient: str
    outcome: str
    reason: str
    at: str | None
    subject: str

    @property
    def sentence(self) -> str:
        """The row in words."""
        return f"{self.letter} to {self.recipient}: {self.outcome}{f' ({self.reason})' if self.reason else ''}"


def send(
    outbox_dir: Path,
    settings: Settings,
    *,
    only: Iterable[str] | None = None,
    tell: Tell = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Delivery]:
    """Send every letter that waits, or those named; a row for each recipient that was waited for, and for held letters.

    What is put off is tried again after the pauses of `smtp.retry_after_s`, then stays in the outbox for the next call.
    """
    names = set(only) if only is not None else None
    with outbox.locked(outbox_dir):
        chosen = [one for one in outbox.letters(outbox_dir) if names is None or one.name in names]
        chosen = [_expired(one, settings) for one in chosen]
        concerned = {one.name: [r.address for r in one.waiting] for one in chosen}
        due = [one for one in chosen if one.waiting]
        for pause in (0.0, *settings.smtp.retry_after_s):
            if not due:
                break
            if pause:
                sleep(pause)
            due = [after for one in due if (after := _tried(one, settings, tell)) is not None]
        ended = {one.name: one for one in outbox.letters(outbox_dir)}
        return [
            row
            for name, addresses in concerned.items()
            for row in _rows(ended[name])
            if row.recipient in addresses or row.outcome == "held"
        ]


def status(outbox_dir: Path) -> list[Delivery]:
    """What became of every letter in the outbox for each recipient."""
    return [row for one in outbox.letters(outbox_dir) for row in _rows(one)]


def _rows(one: Letter) -> list[Delivery]:
    if one.held:
        return [Delivery(one.name, "nobody", "held", one.held, one.composed_at, one.subject)]
    return [
        Delivery(one.name, r.address, "done" if r.state == ACCEPTED else r.state, _reason(r), r.at, one.subject)
        for r in one.recipients
    ]


def _reason(recipient: outbox.Recipient) -> str:
    doubt = "the connection was lost while it was handed over, it may arrive twice" if recipient.in_doubt else ""
    return "; ".join(filter(None, (recipient.said, doubt)))


def _tried(one: Letter, settings: Settings, tell: Tell) -> Letter | None:
    """One attempt; the letter when another one is worth while."""
    waiting = [recipient.address for recipient in one.waiting]
    again = True
    try:
        one, answers = _handed_over(one, settings, waiting)
    except Delayed as fault:
        one = _put_off(outbox.read(one.path.with_suffix(".json")) or one, waiting, str(fault))
    except Blocked as fault:
        one = _put_off(outbox.read(one.path.with_suffix(".json")) or one, waiting, str(fault))
        again = False
    else:
        for address, answer in answers.items():
            one = _answered(one, address, answer)
        outbox.keep(one)
    for row in _rows(one):
        if row.recipient in waiting:
            failed = row.outcome != "done"
            tell(Step("send", row.recipient, text=row.reason or row.outcome, failed=failed, unit="letters"))
    return one if again and one.waiting else None


def _handed_over(one: Letter, settings: Settings, waiting: Sequence[str]) -> tuple[Letter, dict[str, Answer]]:
    kept = one

    def doubt(taken: Sequence[str]) -> None:
        nonlocal kept
        kept = outbox.keep(kept.told(*taken, in_doubt=True))

    for attempt in (1, 2):
        with connected(settings.smtp) as client:
            try:
                answers = hand_over(client, one.sender, waiting, kept.content(), before_data=doubt)
                return kept, answers
            except TooLarge as fault:
                kept = outbox.keep(kept.told(*waiting, in_doubt=False))
                if attempt == 2 or kept.is_settled:
                    raise Blocked(_too_large(kept, fault)) from None
                kept = _without_attachments(kept, settings, fault)
    raise AssertionError("two attempts end in an answer or in a fault")


def _without_attachments(one: Letter, settings: Settings, fault: TooLarge) -> Letter:
    """The letter about the same run, with the same Message-ID, with nothing attached."""
    if one.run_dir is None:
        raise Blocked(_too_large(one, fault))
    try:
        run = source.read(Path(one.run_dir))
    except AuditNbError as gone:
        raise Blocked(f"{_too_large(one, fault)}, and without attachments it cannot be composed: {gone}") from None
    hidden = [recipient.address for recipient in one.recipients if recipient.kind == "bcc"]
    envelope = letters.envelope_of(one.content(), hidden, one.groups)
    limit = fault.limit or len(one.content())
    message = letters.compose(run, settings, envelope, server_limit=limit)
    return outbox.put(replace(one, subject=str(message["Subject"])), letters.serialised(message))


def _too_large(one: Letter, fault: TooLarge) -> str:
    size = len(one.content())
    takes = f"at most {fault.limit:,} bytes" if fault.limit else "less"
    return f"the server takes {takes}, and the letter has {size:,}"


def _answered(one: Letter, address: str, answer: Answer) -> Letter:
    state = ACCEPTED if answer.is_yes else REFUSED if answer.is_final else WAITING
    return _noted(one, address, state=state, said=answer.said, in_doubt=False)


def _put_off(one: Letter, waiting: Sequence[str], said: str) -> Letter:
    for address in waiting:
        one = _noted(one, address, said=said)
    return outbox.keep(one)


def _noted(one: Letter, address: str, **changes: object) -> Letter:
    tries = next(recipient.tries for recipient in one.recipients if recipient.address == address)
    return one.told(address, tries=tries + 1, at=outbox.now(), **changes)


def _expired(one: Letter, settings: Settings) -> Letter:
    """The letter, given up where it has waited longer than the settings allow."""
    age = datetime.now(UTC) - datetime.fromisoformat(one.composed_at)
    waiting = [recipient.address for recipient in one.waiting if recipient.tries]
    if not waiting or age < timedelta(days=settings.smtp.give_up_after_days):
        return one
    return outbox.keep(one.told(*waiting, state=EXPIRED))
