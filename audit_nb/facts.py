"""What else a host tells that explains its log: names of ids, kernel, time zone, boot, clock, audit status and rules.

Read-only and optional: one command (`script`) where the login may run one, else the files over SFTP; once a day at
most. The rows of `data/archive/<host>/facts.jsonl` hold what changed since the row before.
"""

import logging
import re
import shlex
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from audit_nb.archive import Archive, Facts
from audit_nb.inventory import Host
from audit_nb.ssh import Connection, Sftp, SshError

AGAIN_AFTER = timedelta(days=1)
LIMIT = 8 << 20  # bytes of passwd and of group: about 100,000 names each
SECTION = re.compile(r"^@@ (\w+)\n", re.MULTILINE)

log = logging.getLogger(__name__)

# Each command stands alone: what a host lacks or forbids leaves an empty section.
COMMANDS = {
    "users": "getent passwd || cat /etc/passwd",
    "groups": "getent group || cat /etc/group",
    "kernel": "uname -s -r -m",
    "distribution": "cat /etc/os-release",
    "timezone": "cat /etc/timezone || readlink /etc/localtime",
    "utc_offset": "date +%z",
    "boot_id": "cat /proc/sys/kernel/random/boot_id",
    "seen_from": 'echo "$SSH_CONNECTION"',
    "clock": "date +%s.%N",
}
AUDITCTL = "/usr/sbin/auditctl"
NO_RULES = "No rules"  # what `auditctl -l` prints where there are none
AS_ROOT = {
    "audit_status": f"sudo -n -l {AUDITCTL} -s >/dev/null && sudo -n {AUDITCTL} -s",
    "audit_rules": f"sudo -n -l {AUDITCTL} -l >/dev/null && sudo -n {AUDITCTL} -l",
}


def refresh(archive: Archive, host: Host, connection: Connection, sftp: Sftp) -> None:
    """Learn what explains the log of `host`, unless that was done within a day. What cannot be had is left out."""
    known = archive.facts(host.name)
    if known.get("at") and datetime.now(UTC) - datetime.fromisoformat(known["at"]) < AGAIN_AFTER:
        return
    found = collect(host, connection, sftp)
    changed = {key: value for key, value in found.items() if known.get(key) != value}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": now, "audit_at": now} if found.keys() & AS_ROOT.keys() else {"at": now}
    archive.add_facts(host.name, cast(Facts, told | changed))


def collect(host: Host, connection: Connection, sftp: Sftp) -> dict[str, Any]:
    """What the host tells now, by the keys of `archive.Facts`."""
    said = _by_command(host, connection) or _by_files(sftp)
    found: dict[str, Any] = {
        key: said[key].strip("\n")
        for key in ("kernel", "timezone", "utc_offset", "boot_id", "seen_from")
        if said.get(key)
    }
    if "timezone" in found:
        found["timezone"] = found["timezone"].rpartition("zoneinfo/")[2]
    for key in ("users", "groups"):
        if names := names_by_id(said.get(key, "")):
            found[key] = names
    if name := re.search(r'^PRETTY_NAME="?([^"\n]*)', said.get("distribution", ""), re.MULTILINE):
        found["distribution"] = name[1]
    if said.get("audit_status"):
        found["audit_status"] = audit_status(said["audit_status"])
    if said.get("audit_rules"):
        found["audit_rules"] = [line for line in said["audit_rules"].split("\n") if line not in ("", NO_RULES)]
    for key in ("clock_offset_s", "clock_uncertainty_s"):
        if key in said:
            found[key] = float(said[key])
    return found


def quoted(word: str) -> str:
    """A word as the shell of the host takes it."""
    return shlex.quote(word)


def script(host: Host) -> str:
    """The one command that is run on the host."""
    commands = COMMANDS | (AS_ROOT if host.sudo else {})
    return (
        "".join(f"printf '\\n@@ {name}\\n'; ( {command} ) 2>/dev/null; " for name, command in commands.items()) + "true"
    )


def names_by_id(text: str) -> dict[str, str]:
    """The names in passwd or group by id; of several names for one id the first, as getpwuid(3) says."""
    names: dict[str, str] = {}
    for line in text.split("\n"):
        words = line.split(":")
        if len(words) > 2 and words[2].isascii() and words[2].isdigit():
            names.setdefault(str(int(words[2])), words[0])
    return names


def audit_status(text: str) -> dict[str, Any]:
    """`auditctl -s` as numbers: `lost 12` is {"lost": 12}; before audit 2.4 all stood in one line as `lost=12`."""
    if text.startswith("AUDIT_STATUS:"):
        text = text.partition(":")[2].strip(" \n").replace(" ", "\n").replace("=", " ")
    pairs = (line.partition(" ") for line in text.split("\n") if " " in line)
    return {key: int(value) if value.lstrip("-").isdigit() else value for key, _, value in pairs}


def _by_command(host: Host, connection: Connection) -> dict[str, str]:
    begun = time.time()
    try:
        ran = connection.run(script(host), limit=3 * LIMIT)
    except SshError as fault:
        log.debug("%s: no command can be run (%s)", host.name, fault)
        return {}
    ended = time.time()
    words = SECTION.split(ran.out.decode(errors="replace"))
    said = {name: text.removesuffix("\n") for name, text in zip(words[1::2], words[2::2], strict=True)}
    # When on the way the host looked at its clock is not known: half of the time that all took is the uncertainty.
    if re.fullmatch(r"\d+\.\d+", said.get("clock", "").strip("\n")):
        said["clock_offset_s"] = f"{float(said['clock']) - (begun + ended) / 2:.3f}"
        said["clock_uncertainty_s"] = f"{(ended - begun) / 2:.3f}"
    return said


def _by_files(sftp: Sftp) -> dict[str, str]:
    said = {}
    for key, path in {
        "users": "/etc/passwd",
        "groups": "/etc/group",
        "distribution": "/etc/os-release",
        "timezone": "/etc/timezone",
        "boot_id": "/proc/sys/kernel/random/boot_id",
    }.items():
        try:
            said[key] = sftp.read_whole(path, LIMIT).decode(errors="replace")
        except (OSError, SshError) as fault:
            log.debug("%s cannot be had: %s", path, fault)
    return said
