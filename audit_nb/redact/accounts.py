"""Names of accounts in failed logins: one may be a password that was typed into the wrong box."""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from functools import cache

from audit_nb.redact.rules import rules


def account(name: str, known: Collection[str], *, salt: bytes | None = None) -> str:
    """An account of a failed login: its name when known or tried everywhere, else a pseudonym: unknown-3fa2c1d0.

    The same name has the same pseudonym under one `salt` (see `new_salt`; keep one in a data folder), without a salt as
    long as the process lives. Nobody without the salt can find the name by guessing.
    """
    if name in known or name in rules().shown_accounts:
        return name
    digest = hmac.new(salt or _process_salt(), name.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"unknown-{digest.hexdigest()[:8]}"


def new_salt() -> bytes:
    """Sixteen random bytes for `account`."""
    return secrets.token_bytes(16)


@cache
def _process_salt() -> bytes:
    return new_salt()
