"""A secret by its name: from the environment, a credential file, or the keyring; never from a file of ours.

systemd puts credentials (`LoadCredential=NAME:/path`) into files named NAME inside $CREDENTIALS_DIRECTORY.
"""

import os
from importlib import import_module
from pathlib import Path

from audit_nb.errors import AuditNbError

KEYRING_SERVICE = "audit-nb"


def secret(name: str) -> str:
    """The secret called `name`; raises AuditNbError that says where it was looked for.

    One newline at the end of a credential file is not part of the secret.
    """
    if name in os.environ:
        return os.environ[name]
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / name).is_file():
        try:
            return (Path(folder) / name).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as fault:
            raise AuditNbError(f"the credential file {Path(folder) / name} cannot be read: {fault}") from fault
    kept = _from_keyring(name)
    if kept is not None:
        return kept
    raise AuditNbError(
        f"the secret {name} is nowhere: set the environment variable {name}, give it as a credential file, "
        f"or keep it with `keyring set {KEYRING_SERVICE} {name}`"
    )


def _from_keyring(name: str) -> str | None:
    """What the keyring holds, where the optional package is installed and has a place to keep things."""
    try:
        keyring = import_module("keyring")
    except ImportError:
        return None
    try:
        kept = keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError:
        return None
    return kept if isinstance(kept, str) else None
