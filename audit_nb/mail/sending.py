"""Sends what waits in the outbox: tries, backs off, tries again, and records each answer before the next step."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_nb.errors import AuditNbError, UsageError
from audit_nb.mail import letter as letters
from audit_nb.mail import outbox, source
from audit_nb.mail.outbox import ACCEPTED, EXPIRED, REFUSED, WAITING, Letter
from audit_nb.mail.server import Answer, Blocked, TooLarge, Unsent, connected, hand_over
from audit_nb.mail.settings import Settings
from audit_nb.progress import Step, Tell, silent

HURRIED_S = 10.0  # for each answer


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
    hurried: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Delivery]:
    """Send every letter that waits; a row for each recipient it was sent to or tried for. Held letters stay.

    `only` names letters, or reports of which the newest letter is meant; who was refused or given up there is tried
    once more. What is put off is tried again after the pauses of `smtp.retry_after_s`, then stays in the outbox for the
    next call; `hurried` tries once and waits for no server longer than `HURRIED_S`. Raises UsageError for a name that
    is neither.
    """
    with outbox.locked(outbox_dir):
        known = outbox.letters(outbox_dir)
        chosen = map(_again, _named(known, only)) if only is not None else (_expired(one, settings) for one in known)
        concerned = {one.name: [recipient.address for recipient in one.waiting] for one in chosen if one.waiting}
    due = set(concerned)
    for pause in (0.0, *(() if hurried else settings.smtp.retry_after_s)):
        if not due:
            break
        if pause:
            tell(Step("send", "outbox", text=f"what was put off is tried again in {pause:g} s", unit="letters"))
            sleep(pause)  # without the lock: others may compose, or send, meanwhile
        with outbox.locked(outbox_dir):
            waiting = [one for one in outbox.letters(outbox_dir) if one.name in due and one.waiting]
            due = _tried(waiting, settings, tell, most_s=HURRIED_S if hurried else settings.smtp.timeout_s)
    return [row for row in status(outbox_dir) if row.recipient in concerned.get(row.letter, ())]


def _named(known: Sequence[Letter], names: Iterable[str]) -> list[Letter]:
    """The letters of these names; of a report the newest one."""
    of_reports = {one.report: one for one in known}
    of_runs = {one.name: one for one in known}
    chosen = {}
    for name in names:
        one = of_runs.get(name) or of_reports.get(name)
        if one is None:
            known_names = ", ".join([*of_reports, *of_runs]) or "none"
            raise UsageError(
                f"the outbox has no letter {name!r} and none about a report of that name; it has: {known_names}"
            )
        chosen[one.name] = one
    return list(chosen.values())


def _again(one: Letter) -> Letter:
    """The letter with everybody waiting who has not got it."""
    given_up = [recipient.address for recipient in one.recipients if recipient.state in (REFUSED, EXPIRED)]
    return outbox.keep(one.told(*given_up, state=WAITING)) if given_up else one


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


def _tried(letters_due: Sequence[Letter], settings: Settings, tell: Tell, *, most_s: float) -> set[str]:
    """Try to hand over each letter, record what came of it, and name those for which a later try may do better.

    A server that cannot be reached, or refuses the login, is asked once and not for each letter again.
    """
    worth, general = set(), None
    for one in letters_due:
        waiting = [recipient.address for recipient in one.waiting]
        one, fault = _tried_once(one, settings, waiting, general, most_s)
        general = fault if fault is not None and fault.is_general else None
        if one.waiting and not isinstance(fault, Blocked):
            worth.add(one.name)
        for row in _rows(one):
            if row.recipient in waiting:
                failed = row.outcome != "done"
                tell(Step("send", row.recipient, text=row.reason or row.outcome, failed=failed, unit="letters"))
    return worth


def _tried_once(
    one: Letter, settings: Settings, waiting: Sequence[str], general: Unsent | None, most_s: float
) -> tuple[Letter, Unsent | None]:
    """The letter with what came of one try, and the fault if there was one; `general` is what is known already."""
    try:
        if general is not None:
            raise general
        one, answers = _handed_over(one, settings, waiting, most_s)
    except Unsent as fault:
        # What was written since, above all who may have got it already, is newer than what we hold.
        return _put_off(outbox.read(one.path.with_suffix(".json")) or one, waiting, str(fault)), fault
    for address, answer in answers.items():
        one = _answered(one, address, answer)
    return outbox.keep(one), None


def _handed_over(
    one: Letter, settings: Settings, waiting: Sequence[str], most_s: float
) -> tuple[Letter, dict[str, Answer]]:
    kept = one

    def doubt(taken: Sequence[str]) -> None:
        nonlocal kept
        kept = outbox.keep(kept.told(*taken, in_doubt=True))

    server, patience = settings.smtp.within(most_s), settings.smtp.timeout_s
    for attempt in (1, 2):
        with connected(server) as client:
            try:
                answers = hand_over(client, one.sender, waiting, kept.content(), timeout_s=patience, before_data=doubt)
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
