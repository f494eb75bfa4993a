"""The outbox: each letter as `<run>.eml`, and beside it `<run>.json` with what became of it for each recipient.

A recipient is `waiting`, `accepted` (the server has taken responsibility: never sent to again), `refused` (for good) or
`expired` (tried for days). The state is written, fsynced and renamed before anything else happens. `in_doubt` is set
before the last byte goes out: if the answer never came, the letter goes out again with the same Message-ID, and a mail
program that has both shows one.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from audit_nb.errors import AuditNbError
from audit_nb.files import FILE_MODE, private_directory, write_private

WAITING, ACCEPTED, REFUSED, EXPIRED = "waiting", "accepted", "refused", "expired"


@dataclass(frozen=True)
class Recipient:
    """One address of a letter and what became of it; `said` is the last word of the server or the network."""

    address: str
    kind: str
    state: str = WAITING
    tries: int = 0
    at: str | None = None
    said: str = ""
    in_doubt: bool = False


@dataclass(frozen=True)
class Letter:
    """A letter in the outbox. `held` says why it is not sent at all."""

    path: Path
    message_id: str
    subject: str
    sender: str
    composed_at: str
    report: str
    run_dir: str | None = None
    period: str = ""
    held: str | None = None
    recipients: tuple[Recipient, ...] = ()
    groups: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """The run, which is the name of both files."""
        return self.path.stem

    @property
    def waiting(self) -> list[Recipient]:
        """Those it still has to go to."""
        return [] if self.held else [recipient for recipient in self.recipients if recipient.state == WAITING]

    @property
    def is_settled(self) -> bool:
        """Whether somebody has got it, so that its bytes must stay what they are."""
        return any(recipient.state == ACCEPTED or recipient.in_doubt for recipient in self.recipients)

    def content(self) -> bytes:
        """The message as it is sent."""
        return self.path.read_bytes()

    def told(self, *addresses: str, **changes: object) -> "Letter":
        """The letter with these recipients changed."""
        recipients = tuple(replace(one, **changes) if one.address in addresses else one for one in self.recipients)  # type: ignore[arg-type]
        return replace(self, recipients=recipients)


def now() -> str:
    """The moment as it stands in a state file."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def put(letter: Letter, content: bytes) -> Letter:
    """Write both files; the state last, because a letter without a state does not exist."""
    private_directory(letter.path.parent)
    write_private(letter.path, content)
    keep(letter)
    return letter


def keep(letter: Letter) -> Letter:
    """Write the state of a letter, durably."""
    state = {key: value for key, value in asdict(letter).items() if key != "path"}
    text = json.dumps(state, ensure_ascii=False, indent=1)
    write_private(letter.path.with_suffix(".json"), text.encode("utf-8", "backslashreplace"))
    return letter


def letters(outbox_dir: Path) -> list[Letter]:
    """Every letter, the oldest first; raises AuditNbError for a state that cannot be read."""
    found = (read(path) for path in sorted(outbox_dir.glob("[!.]*.json")))
    return sorted((letter for letter in found if letter), key=lambda letter: (letter.composed_at, letter.name))


def read(path: Path) -> Letter | None:
    """The letter of a state file; None when its message is gone."""
    message = path.with_suffix(".eml")
    if not message.exists():
        return None
    try:
        state = json.loads(path.read_bytes())
        recipients = tuple(Recipient(**one) for one in state.pop("recipients"))
        return Letter(path=message, recipients=recipients, groups=tuple(state.pop("groups")), **state)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as fault:
        raise AuditNbError(
            f"{path} cannot be read ({type(fault).__name__}): without it nobody knows who has got {message.name}; "
            f"move both files out of {path.parent} to go on"
        ) from None


@contextmanager
def locked(outbox_dir: Path) -> Iterator[None]:
    """Only one process at a time sends; another one waits until the first is done."""
    private_directory(outbox_dir)
    descriptor = os.open(outbox_dir / ".lock", os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
