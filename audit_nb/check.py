"""What works and what is missing on each host: a row for each step, and the lines to add where the log stays shut."""

import posixpath
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from audit_nb import facts
from audit_nb.errors import AuditNbError
from audit_nb.inventory import Host, Inventory
from audit_nb.progress import Step, Tell, silent
from audit_nb.ssh import Connection, Sftp, SshError, connect

STEPS = ("reach", "host key", "login", "sudo", "log", "auditd", "clock", "disk", "reads besides")
PARALLEL = 8
PASSED = {"reach": "answers and speaks SSH", "host key": "the one that is known", "login": "let in"}
QUIET_S = 86400  # a log that was not written to for a day is worth a question
CLOCK_S = 2.0
DISK_PERCENT = 90
PROFILE = Path(__file__).parents[1] / "examples" / "sudoers.minimal"


@dataclass(frozen=True)
class CheckRow:
    """One step of one host: `state` is `ok`, `warning`, `failed` or `unknown`."""

    host: str
    step: str
    state: str
    sentence: str


@dataclass(frozen=True)
class HostCheck:
    """All steps of one host, and the lines that would help."""

    host: str
    rows: tuple[CheckRow, ...]
    lines: str = ""

    @property
    def works(self) -> bool:
        """Whether a fetch would bring the log."""
        return not any(row.state == "failed" for row in self.rows)


def check(inventory: Inventory, tell: Tell = silent, *, parallel: int = PARALLEL) -> list[HostCheck]:
    """Check every host of the inventory, side by side; reads only, and fetches nothing."""

    def one(host: Host) -> HostCheck:
        found = _check_host(host, inventory)
        worst = next((row.sentence for row in found.rows if row.state == "failed"), "works")
        tell(Step("check", host.name, text=worst, failed=not found.works))
        return found

    with ThreadPoolExecutor(max_workers=max(1, min(parallel, len(inventory.hosts)))) as pool:
        return list(pool.map(one, inventory.hosts))


def _check_host(host: Host, inventory: Inventory) -> HostCheck:
    rows: list[CheckRow] = []

    def say(step: str, state: str, sentence: str) -> None:
        rows.append(CheckRow(host.name, step, state, sentence))

    lines = ""
    try:
        with connect(host, inventory) as connection:
            say("reach", "ok", f"{connection.route.place} speaks SSH")
            say("host key", "ok", connection.host_key)
            say("login", "ok", f"{connection.route.user} by {connection.login}")
            lines = _inside(host, connection, say)
    except SshError as fault:
        for step in STEPS[: STEPS.index(fault.step) if fault.step in STEPS else 0]:
            if step not in {row.step for row in rows}:
                say(step, "ok", PASSED.get(step, ""))
        say(fault.step if fault.step in STEPS else "log", "failed", _bare(host, fault))
    except AuditNbError as fault:
        say("host key", "failed", _bare(host, fault))
    done = {row.step for row in rows}
    for step in STEPS:
        if step not in done:
            say(step, "unknown", "not reached")
    rows.sort(key=lambda row: STEPS.index(row.step))
    return HostCheck(host.name, tuple(rows), lines)


Say = Callable[[str, str, str], None]


def _inside(host: Host, connection: Connection, say: Say) -> str:
    """The steps that need a login; returns the lines to add on the host."""
    lines = ""
    if not host.sudo:
        say("sudo", "ok", "not used (sudo: false)")
    try:
        with Sftp(connection) as sftp:
            if host.sudo:
                say("sudo", "ok", "starts the read-only SFTP server")
            readable = _log(host, sftp, say)
            _besides(host, sftp, say)
    except SshError as fault:
        say("sudo" if host.sudo else "log", "failed", _bare(host, fault))
        readable = False
    if not readable:
        lines = _remedy(host, connection)
    _by_command(host, connection, say)
    return lines


def _log(host: Host, sftp: Sftp, say: Say) -> bool:
    try:
        with sftp.open(host.log_path) as file:
            quiet = time.time() - file.mtime
            size, first = file.size, file.read_at(0, 4096)
    except FileNotFoundError:
        say("log", "failed", f"there is no {host.log_path}; check log_path, and that auditd is installed and runs")
        return True
    except OSError as fault:
        say(
            "log",
            "failed",
            f"{host.log_path} cannot be read by {sftp.connection.route.user} ({fault.strerror or fault})",
        )
        return False
    try:
        base = posixpath.basename(host.log_path)
        beside = [entry for entry in sftp.folder(posixpath.dirname(host.log_path)) if base in entry.path]
        total = f"{sum(entry.size for entry in beside):,} bytes in all"
        rotated = f"; {len(beside)} files, {total}" if len(beside) > 1 else "; no other file beside it"
    except OSError:
        rotated = "; its folder cannot be listed, rotated files are found by name"
    written = f"{size:,} bytes, written to {_ago(quiet)}"
    if size and b"audit(" not in first:
        say("log", "warning", f"{written}; its beginning holds no audit record{rotated}")
    else:
        say("log", "warning" if quiet > QUIET_S or not size else "ok", written + rotated)
    return True


def _besides(host: Host, sftp: Sftp, say: Say) -> None:
    """What the login could read that is no audit log."""
    try:
        sftp.open("/etc/shadow").close()
    except OSError:
        try:
            sftp.open("/etc/passwd").close()
        except OSError:
            say("reads besides", "ok", "neither /etc/passwd nor /etc/shadow: the login sees little of the host")
        else:
            say("reads besides", "ok", "what every account may read (/etc/passwd), not /etc/shadow")
        return
    reason = "the SFTP server of root reads all" if host.sudo else "the login may"
    say(
        "reads besides",
        "warning",
        f"every file of the host, /etc/shadow too ({reason}); log_group or an ACL needs less",
    )


def _by_command(host: Host, connection: Connection, say: Say) -> None:
    """auditd, clock and disk, where the login may run commands."""
    folder = posixpath.dirname(host.log_path)
    begun = time.time()
    try:
        ran = connection.run(
            "date +%s.%N; pidof auditd >/dev/null && echo running || echo stopped; "
            f"df -Pk {facts.quoted(folder)} 2>/dev/null || df -Pk /"
        )
    except SshError as fault:
        for step in ("auditd", "clock", "disk"):
            say(step, "unknown", _bare(host, fault))
        return
    words = ran.out.decode(errors="replace").split("\n")
    if len(words) < 4 or words[1] not in ("running", "stopped"):
        for step in ("auditd", "clock", "disk"):
            say(step, "unknown", f"the login runs another command than ours ({ran.words})")
        return
    ended = time.time()
    offset, uncertainty = float(words[0]) - (begun + ended) / 2, (ended - begun) / 2
    if words[1] == "running":
        say("auditd", "ok", "runs")
    else:
        say("auditd", "failed", "does not run: nothing is being recorded; `systemctl start auditd` on the host")
    state = "ok" if abs(offset) < CLOCK_S + uncertainty else "warning"
    say("clock", state, f"{offset:+.1f} s against ours (± {uncertainty:.1f} s)")
    _disk(words[3], say)


def _disk(line: str, say: Say) -> None:
    """The last line of `df -Pk`: filesystem, size, used, free, percent, mounted on."""
    columns = line.split()
    if len(columns) < 6 or not columns[4].rstrip("%").isdigit():
        say("disk", "unknown", f"df said {line!r}")
        return
    percent = int(columns[4].rstrip("%"))
    sentence = f"{percent} % of {columns[5]} used, {int(columns[3]) // 1024:,} MiB free"
    say("disk", "ok" if percent < DISK_PERCENT else "warning", sentence)


def _remedy(host: Host, connection: Connection) -> str:
    """The lines that would let the login read the log, the least first."""
    user, folder = connection.route.user, posixpath.dirname(host.log_path)
    profile = PROFILE.read_text(encoding="utf-8").replace("auditor", user) if PROFILE.exists() else ""
    set_sudo = "" if host.sudo else f"set `sudo: true` for {host.name} and "
    return (
        f"# On {host.name}, either give a group read access (least):\n"
        f"groupadd -f auditreaders && usermod -aG auditreaders {user}\n"
        f"sed -i 's/^log_group *=.*/log_group = auditreaders/' /etc/audit/auditd.conf && service auditd restart\n"
        f"ls -ld {folder}    # has to let the group in; if not: setfacl -m g:auditreaders:rx {folder}\n"
        f"# or sudo: {set_sudo}install this with `visudo -f /etc/sudoers.d/audit-nb`:\n"
        f"{profile}"
    )


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now" if seconds < 10 else f"{seconds:.0f} seconds ago"


def _bare(host: Host, fault: AuditNbError) -> str:
    """A sentence without the host's name, which stands beside it."""
    return str(fault).removeprefix(f"{host.name}: ")
