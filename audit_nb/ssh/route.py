"""Where a host is and how to enter it: the inventory first, `~/.ssh/config` second.

OpenSSH reads its configuration itself (`ssh -G`), because it knows Include, Match and tokens.
"""

import getpass
import logging
import subprocess
from dataclasses import dataclass
from pathlib import Path

from audit_nb.errors import AuditNbError
from audit_nb.inventory import Host
from audit_nb.ssh import hostkeys

log = logging.getLogger(__name__)

DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


class SshError(AuditNbError):
    """A host that cannot be reached, verified, entered or read.

    `step` is `reach`, `host key`, `login` or `read`; `may_pass` tells whether trying again makes sense.
    """

    def __init__(self, sentence: str, *, step: str, may_pass: bool = False) -> None:
        super().__init__(sentence)
        self.step = step
        self.may_pass = may_pass


@dataclass(frozen=True)
class Route:
    """Where a host is and how to enter it, after the inventory and `~/.ssh/config` have been heard."""

    address: str
    port: int
    user: str
    key_files: tuple[Path, ...]
    known_hosts: tuple[Path, ...]
    jump: str | None = None
    proxy_command: str | None = None
    host_key_alias: str | None = None
    agent: bool = True

    @property
    def place(self) -> str:
        return f"{self.address}:{self.port}" if ":" not in self.address else f"[{self.address}]:{self.port}"

    @property
    def known_name(self) -> str:
        return hostkeys.name_of(self.host_key_alias or self.address, 22 if self.host_key_alias else self.port)


def resolve(host: Host) -> Route:
    """Where `host` is, by the inventory first and `~/.ssh/config` second; raises SshError if that file is wrong."""
    said = _ssh_config(host) if host.ssh_config else {}
    home = Path("~/.ssh").expanduser()
    user_files = _paths(said.get("userknownhostsfile")) or [home / "known_hosts"]
    global_files = _paths(said.get("globalknownhostsfile")) or [Path("/etc/ssh/ssh_known_hosts")]
    identities = _paths(said.get("identityfile")) or [home / name for name in DEFAULT_KEYS]
    jump = host.proxy_jump or _one(said, "proxyjump")
    return Route(
        address=_one(said, "hostname") or host.address or host.name,
        port=host.port or int(_one(said, "port") or 22),
        user=host.user or _one(said, "user") or getpass.getuser(),
        key_files=(host.key_file,) if host.key_file else tuple(path for path in identities if path.exists()),
        known_hosts=(host.known_hosts,) if host.known_hosts else (*user_files, *global_files),
        jump=None if jump == "none" else jump,
        proxy_command=None if host.proxy_jump else _one(said, "proxycommand"),
        host_key_alias=_one(said, "hostkeyalias"),
        agent=_one(said, "identityagent") != "none" and _one(said, "identitiesonly") != "yes",
    )


def _ssh_config(host: Host) -> dict[str, list[str]]:
    """What OpenSSH would do for this host, by keyword; empty where OpenSSH's client is not installed."""
    command = ["ssh", "-G"]
    command += ["-o", f"HostName={host.address}"] if host.address else []
    command += ["-l", host.user] if host.user else []
    command += ["-p", str(host.port)] if host.port else []
    try:
        ran = subprocess.run(
            [*command, "--", host.name], capture_output=True, stdin=subprocess.DEVNULL, timeout=host.timeout_s
        )
    except FileNotFoundError:
        if Path("~/.ssh/config").expanduser().exists():
            log.warning("%s: ~/.ssh/config is not read, because the program ssh is not installed", host.name)
        return {}
    except subprocess.TimeoutExpired as fault:
        raise SshError(
            f"{host.name}: `ssh -G` did not end within {host.timeout_s:g} s; see Match exec in ~/.ssh/config",
            step="reach",
        ) from fault
    if ran.returncode:
        words = " ".join(ran.stderr.decode(errors="replace").split())[:300]
        raise SshError(
            f"{host.name}: ~/.ssh/config cannot be used: {words}; correct it, or set ssh_config: false", step="reach"
        )
    said: dict[str, list[str]] = {}
    for line in ran.stdout.decode(errors="replace").split("\n"):
        keyword, _, value = line.partition(" ")
        said.setdefault(keyword, []).append(value)
    return said


def _one(said: dict[str, list[str]], keyword: str) -> str | None:
    return next((value for value in said.get(keyword, ()) if value), None)


def _paths(values: list[str] | None) -> list[Path]:
    return [Path(word).expanduser() for value in values or () for word in value.split() if word != "none"]


def words_of(fault: BaseException) -> str:
    """What a fault says, in one line; its kind where it says nothing."""
    return " ".join(str(fault).split())[:200] or type(fault).__name__
