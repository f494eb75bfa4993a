"""Host keys that are trusted: OpenSSH's known_hosts files, read, matched and added to.

    [127.0.0.1]:2222 ssh-ed25519 AAAAC3Nza…      sshd(8), SSH_KNOWN_HOSTS FILE FORMAT

A host on another port than 22 is `[name]:port`. Names may be hashed, may be patterns with `*` and `?`, and `!` before
a pattern takes a host out again; `@revoked` marks a key that must never be accepted.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audit_nb import files
from audit_nb.errors import AuditNbError


@dataclass(frozen=True)
class KnownKey:
    """One line of a known_hosts file."""

    marker: str | None
    names: str
    kind: str
    blob: bytes
    path: Path
    line: int

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    def is_for(self, name: str) -> bool:
        """Whether this line speaks of the host `name` (`web01` or `[web01]:2222`)."""
        if self.names.startswith("|1|"):
            return _is_hash_of(self.names, name)
        found = False
        for pattern in self.names.split(","):
            if _matches(pattern.removeprefix("!"), name):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


def name_of(address: str, port: int) -> str:
    """How known_hosts writes a host."""
    return address.lower() if port == 22 else f"[{address.lower()}]:{port}"


def fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def file_of(kind: str) -> str:
    """The name that a host's own file of this kind of key has in /etc/ssh."""
    word = next((word for word in ("ed25519", "ecdsa", "rsa") if word in kind), "*")
    return f"ssh_host_{word}_key.pub"


def read(paths: Iterable[Path]) -> list[KnownKey]:
    """Every line of the files that can be read; a file that does not exist holds none.

    Raises AuditNbError for a file that exists and cannot be read: it might have revoked a key.
    """
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            continue
        except OSError as fault:
            raise AuditNbError(f"the file of known host keys {path} cannot be read: {fault}") from fault
        found += [key for number, line in enumerate(lines, 1) if (key := _parse(line, path, number))]
    return found


def accepted(keys: Iterable[KnownKey], name: str) -> list[KnownKey]:
    """The keys that are trusted for the host `name`, without those of certificate authorities."""
    return [key for key in keys if key.marker is None and key.is_for(name)]


def revoked(keys: Iterable[KnownKey], name: str, blob: bytes) -> KnownKey | None:
    """The line that revokes the key `blob` for the host `name`."""
    return next((k for k in keys if k.marker == "@revoked" and k.blob == blob and k.is_for(name)), None)


def add(path: Path, name: str, kind: str, blob: bytes) -> None:
    """Add a trusted key to a known_hosts file, which is made private if it does not exist yet."""
    if not path.parent.exists():
        files.private_directory(path.parent)
    line = f"{name} {kind} {base64.b64encode(blob).decode()}".encode()
    if path.exists():
        mode = path.stat().st_mode & 0o777
        files.append_line(path, line)
        path.chmod(mode)
    else:
        files.append_line(path, line)


def remove(path: Path, name: str) -> list[KnownKey]:
    """Take the host `name` out of a known_hosts file; returns the lines that spoke of it.

    Raises AuditNbError, and changes nothing, where a pattern speaks of it: that one is for a person to decide.
    """
    found = accepted(read([path]), name)
    for key in found:
        if not key.names.startswith("|1|") and name not in key.names.lower().split(","):
            raise AuditNbError(
                f"{path}, line {key.line}: {key.names!r} speaks of {name} by a pattern; change that line yourself"
            )
    lines: list[str | None] = (
        list(path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")) if found else []
    )
    for key in found:
        others = [word for word in key.names.split(",") if word.lower() != name and not word.startswith("|1|")]
        line = lines[key.line - 1]
        lines[key.line - 1] = line.replace(key.names, ",".join(others), 1) if others and line else None
    if found:
        mode = path.stat().st_mode & 0o777
        content = "\n".join(line for line in lines if line is not None)
        files.write_private(path, content.encode(errors="surrogateescape"))
        path.chmod(mode)
    return found


def _parse(line: str, path: Path, number: int) -> KnownKey | None:
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0].startswith("@") else None
    if len(words) < 3:
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except binascii.Error:
        return None
    return KnownKey(marker, words[0], words[1], blob, path, number)


def _matches(pattern: str, name: str) -> bool:
    regex = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, name.lower()) is not None


def _is_hash_of(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in hashed.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
