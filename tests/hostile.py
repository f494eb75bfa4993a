"""What a log may say to hurt its reader, and a small archive of logs that say it everywhere.

Every name goes in as the kernel would write it: in hexadecimal, because it holds blanks, quotes or bytes beyond ASCII.
"""

from datetime import UTC, datetime
from pathlib import Path

from audit_nb import collect, fetches, store

NAMES = (
    "<script>alert(1)</script>",
    "</td></tr></table><img src=http://127.0.0.1:9/x onerror=alert(1)>",
    "<b>bold</b> & &amp; &lt;i&gt;",
    "'\"><svg onload=alert(1)>",
    "javascript:alert(1)",
    "=cmd|'/c calc'!A1",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "＝1＋1",  # noqa: RUF001 - a formula in full width
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "bell\x07back\x08del\x7f",
    "c1\x9b31m",
    "carriage\rreturn\nline",
    "nul\0byte",
    "abc\u202egnp.exe",
    "\u2066isolate\u2069",
    "zero\u200bwidth\ufeff",
    "line\u2028separator\u2029paragraph",
    "\u3164filler",
    "$\\frac{1}{2}$ $x^",
    "{n} {0.__class__} %s %(x)s",
    "{{ 7*7 }} {% raw %}",
    "김민수 관리자",
    "管理者 アドミン",
    "emoji 👩‍💻 e\u0301",
    "\udcff\udcfe no utf-8",
    "x" * 3000,
    "![a](http://127.0.0.1:9/y) [b](javascript:alert(1))",
)
DAY = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def hexed(text: str) -> str:
    """A value as the kernel writes what it will not quote."""
    return text.encode("utf-8", "surrogateescape").hex().upper()


def lines() -> bytes:
    """A log in which every name is a user, a program, a command, a key and an account."""
    found = []
    for number, name in enumerate(NAMES):
        at = f"{int(DAY.timestamp()) + number * 60}.{100 + number:03d}"
        found += _command(f"audit({at}:{1000 + number * 3}):", name)
        found += [
            _session(f"audit({at}:{1001 + number * 3}):", name),
            _failure(f"audit({at}:{1002 + number * 3}):", name),
        ]
    return "".join(line + "\n" for line in found).encode()


def _command(stamp: str, name: str) -> list[str]:
    value = hexed(name)
    return [
        f"type=SYSCALL msg={stamp} arch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=1 ppid=900 pid=901 "
        f"auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm={hexed(name[:15])} "
        f"exe={value} key={value}",
        f"type=EXECVE msg={stamp} argc=2 a0=2F62696E2F6563686F a1={value}",
        f"type=CWD msg={stamp} cwd={value}",
        f"type=PATH msg={stamp} item=0 name={value} inode=7 dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL",
        f"type=PROCTITLE msg={stamp} proctitle=2F62696E2F6563686F00{value}",
    ]


def _session(stamp: str, name: str) -> str:
    return (
        f"type=USER_START msg={stamp} pid=950 uid=0 auid=1000 ses=3 msg='op=PAM:session_open grantors=pam_unix "
        f'acct={hexed(name)} exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success\''
    )


def _failure(stamp: str, name: str) -> str:
    return (
        f"type=USER_LOGIN msg={stamp} pid=951 uid=0 auid=4294967295 ses=4294967295 msg='op=login "
        f'acct={hexed(name)} exe="/usr/sbin/sshd" hostname=? addr=198.51.100.9 terminal=ssh res=failed\''
    )


def fill(data_dir: Path, scratch: Path) -> Path:
    """A data folder with one host that says all of it, and one that could not be fetched for a hostile reason."""
    log = scratch / "audit.log"
    log.write_bytes(lines())
    assert collect.import_paths([log], "web01", data_dir).outcome == "done"
    fetches.record(
        data_dir,
        fetches.FetchResult(
            "web02", "failed", "refused <b>\x1b[2J\u202e at 127.0.0.1:2224", started_at=DAY, ended_at=DAY
        ),
    )
    assert [result.outcome for result in store.update(data_dir)] == ["done"]
    return data_dir
