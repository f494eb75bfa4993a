"""A log of which every event is known, told on hosts of three times: one for each kind of period a report asks about.

alice comes in, takes the rights of root, adds to sudoers, loads a module, mounts, sets the clock, connects out and
switches audit off; bob is refused by sudo, by su and by a file, listens on a port and crashes; somebody guesses twice.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_nb import collect, store

#: When the story of each host begins: on the day of the demo, at noon of yesterday, and an hour ago.
FIXED = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
NOBODY = 4294967295
EVENTS = 24  # of each host


def beginnings(now: datetime) -> dict[str, datetime]:
    yesterday = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return {"demo01": FIXED, "day01": yesterday, "hour01": now.replace(microsecond=0) - timedelta(hours=1)}


def fill(folder: Path, now: datetime) -> Path:
    """A data folder in which each host tells the story at its own time."""
    for host, begin in beginnings(now).items():
        log = folder / f"{host}.log"
        log.write_text("".join(f"{line}\n" for line in lines(begin)), encoding="utf-8")
        assert collect.import_paths([log], host, folder / "data").outcome == "done"
    assert {result.outcome for result in store.update(folder / "data")} == {"done"}
    return folder / "data"


def lines(begin: datetime) -> Iterator[str]:
    """The log, one event a second with serials from 1."""
    for number, records in enumerate(_events()):
        stamp = f"audit({int(begin.timestamp()) + number}.000:{number + 1})"
        yield from (line.replace("STAMP", stamp) for line in records)


def _events() -> Iterator[list[str]]:
    sshd = 'exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh'
    guess = 'exe="/usr/sbin/sshd" hostname=? addr=198.51.100.9 terminal=ssh'
    sudo, su = (f'exe="/usr/bin/{name}" hostname=? addr=? terminal=/dev/pts/0' for name in ("sudo", "su"))
    yield [
        f'type=SYSTEM_BOOT msg=STAMP: pid=1 uid=0 auid={NOBODY} ses={NOBODY} msg=\'comm="x" exe="/sbin/x" res=success\''
    ]
    yield [_user("USER_LOGIN", NOBODY, f'op=login acct="root" {guess} res=failed')]
    yield [_user("USER_LOGIN", NOBODY, f'op=login acct="root" {guess} res=failed')]
    yield [_user("USER_START", 1001, f'op=PAM:session_open acct="alice" {sshd} res=success')]
    yield [_user("USER_CMD", 1001, 'cwd="/home/alice" cmd="id" exe="/usr/bin/sudo" terminal=pts/0 res=success')]
    yield [_user("USER_START", 1001, f'op=PAM:session_open acct="root" {sudo} res=success')]
    yield [_user("USER_CMD", 1002, 'cwd="/" cmd="ls" exe="/usr/bin/sudo" terminal=pts/1 res=failed')]
    yield [_user("USER_AUTH", 1002, f'op=PAM:authentication acct="root" {su} res=failed')]
    yield _call(59, 1001, 0, "/usr/bin/id", 'type=EXECVE msg=STAMP: argc=1 a0="id"')
    yield _call(59, 1002, 1002, "/usr/bin/ls", 'type=EXECVE msg=STAMP: argc=2 a0="ls" a1="/"')
    yield _call(257, 1001, 0, "/usr/bin/bash", _path("/etc/sudoers.d/x", "CREATE"), a2="241")
    yield _call(257, 1002, 1002, "/usr/bin/cat", _path("/etc/shadow"), failed=-13)
    yield _call(257, 1002, 1002, "/usr/bin/cat", _path("/srv/gone"), failed=-2)
    yield _call(263, 1001, 1001, "/usr/bin/rm", _path("/tmp/x", "DELETE"))
    yield _call(42, 1001, 1001, "/usr/bin/curl", "type=SOCKADDR msg=STAMP: saddr=020001BBCB0071050000000000000000")
    yield _call(42, 1001, 1001, "/usr/bin/curl", "type=SOCKADDR msg=STAMP: saddr=020000167F0000010000000000000000")
    yield _call(49, 1002, 1002, "/usr/bin/nc", "type=SOCKADDR msg=STAMP: saddr=0200115C000000000000000000000000")
    yield _call(170, 1001, 0, "/usr/bin/hostname")
    yield [_service("cron", "success")]
    yield [_service("broken", "failed")]
    yield _call(313, 1001, 0, "/usr/bin/kmod", 'type=KERN_MODULE msg=STAMP: name="odd"')
    yield _call(227, 1001, 0, "/usr/bin/date")
    yield ['type=ANOM_ABEND msg=STAMP: auid=1002 uid=1002 gid=1002 ses=4 pid=77 comm="x" exe="/opt/x" sig=11 res=1']
    yield ['type=CONFIG_CHANGE msg=STAMP: op=set audit_enabled=0 old=1 auid=1001 ses=3 exe="/usr/sbin/auditctl" res=1']


def _user(kind: str, auid: int, said: str) -> str:
    ses = NOBODY if auid == NOBODY else auid - 998
    return f"type={kind} msg=STAMP: pid=500 uid=0 auid={auid} ses={ses} msg='{said}'"


def _service(unit: str, result: str) -> str:
    said = f'unit={unit} comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res={result}'
    return f"type=SERVICE_START msg=STAMP: pid=1 uid=0 auid={NOBODY} ses={NOBODY} msg='{said}'"


def _call(number: int, auid: int, uid: int, exe: str, *more: str, a2: str = "0", failed: int = 0) -> list[str]:
    ids = " ".join(f"{name}={uid}" for name in ("uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid"))
    return [
        f"type=SYSCALL msg=STAMP: arch=c000003e syscall={number} success={'no' if failed else 'yes'} exit={failed} "
        f"a0=ffffff9c a1=0 a2={a2} a3=0 items=1 ppid=400 pid=501 auid={auid} {ids} tty=pts0 ses={auid - 998} "
        f'comm="x" exe="{exe}" key=(null)',
        *more,
    ]


def _path(name: str, nametype: str = "NORMAL") -> str:
    return (
        f'type=PATH msg=STAMP: item=0 name="{name}" inode=7 dev=fd:00 mode=0100600 ouid=0 ogid=0 rdev=00:00 '
        f"nametype={nametype}"
    )
