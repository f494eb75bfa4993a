"""What was really done on the machines of the samples, and the question that finds it: each action, one by one.

data/ground_truth.tsv was written by the driver that did these things over SSH and on the console: when, who, what.
An action is found when each of its findings is: a row of the question, within the time of the action, with these
values. What cannot be found is named below with the reason, and must not be found.
"""

import csv
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from audit_nb import collect, facts, store, tables
from audit_nb.archive import Archive

TESTS = Path(__file__).parent
SAMPLES = TESTS.parent / "samples"
#: The clocks of driver and guest differ by up to this; the driver measured it (`clock offset`).
SLACK = timedelta(milliseconds=400)

with (TESTS / "data" / "ground_truth.tsv").open(encoding="utf-8", newline="") as truth:
    ACTIONS = list(csv.DictReader(truth, delimiter="\t", quoting=csv.QUOTE_NONE))


class Finding(NamedTuple):
    """Rows of a question that show an action: these values in these columns, so many times.

    A name of several words stands for any of these questions or columns. A value is equal, an expression is found in
    it, or a function says so.
    """

    question: str
    values: dict[str, Any]
    times: int = 1
    options: tuple[tuple[str, Any], ...] = ()


def has(text: str) -> re.Pattern[str]:
    """A value in which this expression is found."""
    return re.compile(text)


def came_in(account, address, times=1):
    return Finding("sessions_opened", {"account": account, "through": "sshd", "address": address}, times)


def failed(account, address):
    """A login as a real account that failed: either of its two records."""
    return Finding("authentications logins", {"account user": account, "address": address, "success": False})


def ran(who, command, times=1, **more):
    return Finding("commands", {"who": who, "command": has(command)} | more, times)


def asked(who, command, *, success=True):
    values = {"who": who, "through": "sudo", "type": "USER_CMD", "command": has(command), "success": success}
    return Finding("sudo", values)


def changed(topic, what=".", **more):
    return Finding("changes", {"topic": topic, "what": has(what)} | more)


def hit(key, **more):
    return Finding("keys", {"key": key} | more)


def audit(what, **more):
    return Finding("audit_state", {"what": what} | more)


#: For each action, the rows that show it; of several people, for each.
FOUND_BY = {
    "ssh login by key, look around": [came_in("alice", "10.0.2.2"), ran("alice", "^ls -la$")],
    "ssh login by password": [
        came_in("bob", "10.0.2.2"),
        Finding("authentications", {"account": "bob", "address": "10.0.2.2", "success": True}),
    ],
    "ssh password wrong": [failed("bob", "10.0.2.2")],
    "ssh login ok after 2 wrong": [
        came_in("bob", "10.0.2.2"),
        Finding("failed_then_succeeded", {"account": "bob", "address": "10.0.2.2"}),
    ],
    "ssh invalid user": [Finding("failed_logins", {"account": "(invalid user)", "address": "10.0.2.2"})],
    "brute force root over ssh": [failed("root", "10.0.2.2")],
    "brute force on victim from 127.66.0.9": [failed("victim", "127.66.0.9")],
    "background load by deploy": [hit(key, who="deploy") for key in ("perm_mod", "delete", "links", "access")],
    "background load by bob": [hit("exec", who="bob"), hit("net_connect", who="bob")],
    "background load by carol": [ran("carol", "(^|/)make "), ran("carol", "(^|/)cc1 "), ran("carol", "(^|/)as ")],
    "victim: right password while locked": [failed("victim", "127.66.0.9")],
    "contractor from a forbidden address": [
        Finding("anomalies", {"type": "ANOM_LOGIN_LOCATION", "address": "127.66.1.2"}),
        Finding("failed_logins", {"account": "contractor", "address": "127.66.1.2"}),
    ],
    "contractor from an allowed address": [came_in("contractor", "127.0.0.5")],
    "login by IPv6 loopback": [came_in("bob", "::1")],
    "kiosk: two sessions at once, the second refused": [came_in("kiosk", "127.0.0.1", times=2)],
    "sudo ok": [asked("alice", "^id$")],
    "sudo with arguments, quotes and non-ASCII": [asked("alice", "^/bin/echo a b it's 한글 인자 🚀$")],
    "sudo wrong password": [
        Finding("sudo", {"who": "alice", "type": "USER_AUTH", "success": False}),
        asked("alice", "^id$", success=False),
    ],
    "sudo -u bob": [asked("alice", "^whoami$"), ran("alice", "^whoami$", as_whom="bob")],
    "sudo denied: not in sudoers": [asked("bob", "^cat /etc/shadow$", success=False)],
    "sudo NOPASSWD systemctl": [
        asked("deploy", "^/?.*systemctl restart siteapp$"),
        changed("services", "siteapp", how="SERVICE_STOP"),
    ],
    "sudo command not allowed": [asked("carol", "^/usr/bin/vi /etc/shadow$", success=False)],
    "su to alice ok": [
        Finding("sudo", {"who": "bob", "through": "su", "type": "USER_AUTH", "account": "alice", "success": True}),
        Finding("sudo", {"who": "bob", "through": "su", "type": "USER_START", "account": "alice", "success": True}),
        ran("bob", "^ls -la$", as_whom="alice"),
    ],
    "su to root wrong password": [
        Finding("sudo", {"who": "bob", "through": "su", "type": "USER_AUTH", "account": "root", "success": False})
    ],
    "su to root right password": [
        Finding("sudo", {"who": "bob", "through": "su", "type": "USER_AUTH", "account": "root", "success": True}),
        ran("bob", "^head -2 /etc/shadow$", as_whom="root"),
        Finding("files", {"file": "/etc/shadow", "who": "bob", "success": True}),
    ],
    "sudo root shell, commands": [asked("alice", "bash -c whoami"), ran("alice", "^whoami$", as_whom="root")],
    "account management by sudo": [
        Finding("account_changes", {"type": "ADD_GROUP", "who": "alice", "account": has("^(2500|projx)$")}),
        Finding("account_changes", {"type": "ADD_USER", "who": "alice", "account": "tempw"}),
        Finding("account_changes", {"type": "USER_CHAUTHTOK", "who": "alice", "account": "tempw"}),
        Finding("account_changes", {"type": "DEL_USER", "who": "alice", "account": has("^(2001|tempw)$")}),
        changed("identity", "^/etc/shadow$", who="alice"),
    ],
    "user changes own password": [
        Finding("account_changes", {"type": "USER_CHAUTHTOK", "who": "bob", "account": "bob"}),
    ],
    "user tries useradd": [ran("bob", "useradd hacker")],
    "chsh/chage as root by ssh": [
        Finding("account_changes", {"type": "USER_MGMT", "who": "root", "op": has("faillock")}),
    ],
    "victim logs in after the lock is off": [came_in("victim", "127.0.0.7")],
    "crontab edit": [changed("cron", "^/var/spool/cron/crontabs/bob$", who="bob"), ran("bob", "^crontab -l$")],
    "root cron drop-in": [changed("cron", "^/etc/cron.d/persist$", who="alice", as_whom="root")],
    "sudoers edit": [changed("sudoers", "^/etc/sudoers.d/99-bob$", who="alice", as_whom="root")],
    "sshd config edit": [
        changed("ssh", "^/etc/ssh/sshd_config$", who="alice", as_whom="root"),
        changed("ssh", "^/etc/ssh/old.conf$", who="alice"),
    ],
    "console login wrong password": [
        Finding("failed_logins", {"account": "alice", "terminal": "ttyS0", "exe": "/usr/bin/login", "address": None})
    ],
    "console login unknown user": [
        Finding("failed_logins", {"terminal": "ttyS0", "exe": "/usr/bin/login", "address": None})
    ],
    "console login": [
        Finding("logins", {"user": "alice", "terminal": "ttyS0", "success": True, "address": None}),
        Finding("sessions", {"who": "alice", "through": "login", "terminal": "ttyS0", "address": None}),
    ],
    "console login root": [
        Finding("logins", {"user": "root", "terminal": "ttyS0", "success": True, "address": None}),
        Finding("sessions", {"who": "root", "through": "login", "terminal": "ttyS0", "address": None}),
    ],
    "hosts, locale, hostname": [
        changed("network", "^/etc/hosts$", who="alice"),
        changed("network", how="sethostname", who="alice"),
        changed("time", "^/etc/localtime$", who="alice"),
    ],
    "services": [
        changed("services", "siteapp", how="SERVICE_STOP"),
        Finding("changes", {"topic": "services", "what": "broken"}, options=(("success", False),)),
    ],
    "modules": [
        changed("modules", "dummy", how="finit_module", who="alice"),
        changed("modules", "loop", how="delete_module", who="alice"),
        ran("alice", "^insmod /etc/hostname$", as_whom="root"),
    ],
    "mounts": [changed("mounts", how="mount", who="alice"), changed("mounts", how="umount2", who="alice")],
    "mount denied": [hit("mounts", who="bob", success=False)],
    "promiscuous mode": [Finding("anomalies", {"type": "ANOM_PROMISCUOUS", "who": "alice"})],
    "firewall rules": [Finding("configuration_changes", {"type": "NETFILTER_CFG", "who": "alice"})],
    "apparmor": [Finding("avcs", {"class": None})],
    "read protected files": [
        Finding("files", {"file": "/etc/shadow", "who": "bob", "success": False}),
        Finding("files", {"file": "/etc/passwd", "who": "bob", "success": False}),
        Finding("files", {"file": "/var/log/audit/audit.log", "who": "bob", "success": False}),
    ],
    "own files: chmod chown acl xattr delete": [
        Finding("files", {"file": has("한글.txt$"), "who": "carol"}),
        hit("perm_mod", who="carol", success=False),
        hit("delete", who="carol"),
    ],
    "link tricks in /tmp": [Finding("anomalies", {"type": "ANOM_LINK", "who": "bob"})],
    "follows a symlink of another user in a sticky folder": [Finding("anomalies", {"type": "ANOM_LINK", "who": "eve"})],
    "archive of /etc": [
        ran("alice", "^tar -C / -czf /tmp/etc.tgz etc$", as_whom="root"),
        hit("shadow-read", who="alice"),
    ],
    "argv and path shapes": [ran("eve", "/opt/lab/args.sh")],
    "loopback network from python": [
        ran("eve", "^python3 /opt/lab/net.py$"),
        Finding("connections", {"direction": "out", "who": "eve"}),
        Finding("connections", {"direction": "listen", "who": "eve"}),
    ],
    "nc and curl": [
        Finding("connections", {"direction": "out", "address": "127.0.0.1", "port": 22, "who": "eve"}),
        Finding("connections", {"direction": "out", "address": "::1", "port": 8080, "who": "eve"}),
        Finding("connections", {"direction": "listen", "port": 4444, "who": "eve"}),
    ],
    "rarer syscalls": [ran("eve", "^/opt/lab/misc memfd$"), hit("exec32", who="eve")],
    "crash and seccomp kill": [
        Finding("anomalies", {"type": "ANOM_ABEND", "exe": "/opt/lab/segv"}),
        Finding("anomalies", {"type": "SECCOMP", "exe": "/opt/lab/seccomp_strict"}),
    ],
    "kills and ptrace": [hit("kill", who="bob"), ran("bob", "^strace -o /dev/null /bin/true$")],
    "file capabilities and setuid programs": [ran("bob", "^chage -l bob$"), hit("privileged", who="bob")],
    "discovery and clean-up habits": [
        ran("eve", "^cat /etc/passwd$"),
        ran("eve", "^chmod 4755 /tmp/.hidden$"),
        Finding("files", {"file": "/home/eve/.bash_history", "syscall": "symlinkat", "who": "eve"}),
    ],
    "scp upload": [Finding("executables", {"exe": "/usr/lib/openssh/sftp-server", "who": "alice"})],
    "interactive session recorded by pam_tty_audit": [
        Finding("keystrokes", {"who": "dave", "command": has("cat /etc/shadow")})
    ],
    "audit rule changes": [
        Finding("configuration_changes", {"op": "add_rule", "keys": "temp_key", "who": "alice"}),
        Finding("configuration_changes", {"op": "remove_rule", "keys": "temp_key", "who": "alice"}),
        Finding("configuration_changes", {"op": "add_rule", "keys": "k1 k2", "who": "alice"}),
    ],
    "audit off and on": [
        audit("switched off", details="audit_enabled=0 old=1", who="alice"),
        audit("set", details="audit_rate_limit=30 old=0", who="alice"),
        Finding("gaps", {"missing": lambda missing: missing > 10}),
    ],
    "rules wiped and loaded again": [
        Finding("configuration_changes", {"op": "remove_rule", "keys": "identity", "who": "alice"}),
        Finding("configuration_changes", {"op": "add_rule", "keys": "identity", "who": "alice"}),
    ],
    "auditd signals: HUP, USR1 (rotate), USR2": [
        audit("daemon configured"),
        changed("audit", how="DAEMON_ROTATE"),
        changed("audit", how="DAEMON_RESUME"),
    ],
    "auditd stop/start by service": [audit("daemon stopped", seconds=lambda seconds: seconds > 2)],
    "auditd killed -9": [audit("daemon died"), ran("alice", "^systemctl start auditd$")],
    "tampering with the log": [
        changed("audit", "^/var/log/audit/x$", who="alice"),
        ran("alice", "^cp /dev/null /var/log/btmp$", as_whom="root"),
    ],
    "auditd stopped with SIGSTOP under flood, small backlog": [
        audit("set", details="audit_backlog_limit=100 old=8192", who="root")
    ],
    "flood while auditd is stopped (auid 1002)": [ran("bob", "^/bin/true$", times=400)],
    "flood of executions while auditd is stopped": [Finding("gaps", {"missing": lambda missing: missing > 80})],
    "auditd SIGSTOP for 20 s, backlog 120": [
        audit("set", details="audit_backlog_limit=120 old=8192", who="root"),
        Finding("gaps", {"missing": lambda missing: missing > 80}),
    ],
    "clock stepped forward 120 s and back": [
        Finding("clock_steps", {"how": "clock_settime", "who": "alice"}),
        Finding("clock_steps", {"how": "backwards"}),
    ],
    "reboot": [
        Finding("changes", {"topic": "boot", "how": "SYSTEM_SHUTDOWN"}),
        Finding("changes", {"topic": "boot", "how": "SYSTEM_BOOT"}),
        audit("daemon stopped", seconds=lambda seconds: seconds > 30),
    ],
    "login after the boot by alice": [came_in("alice", "10.0.2.2"), ran("alice", "^uptime$")],
    "login after the boot by bob": [
        came_in("bob", "10.0.2.2"),
        Finding("files", {"file": "/etc/shadow", "who": "bob", "success": False}),
    ],
    "rules made immutable, then a change refused": [
        audit("locked", who="alice", success=True),
        audit("set", details="audit_enabled=0 old=2", who="alice", success=False),
        audit("rules removed", who="alice", success=False),
    ],
}

#: What one action shows beyond the others of its name.
MORE = {
    ("brute force on victim from 127.66.0.9", "2026-11-23T02:08:25.764Z"): [
        Finding("anomalies", {"type": "ANOM_LOGIN_FAILURES", "exe": "/usr/sbin/sshd"}),
        Finding("responses", {"type": "RESP_ACCT_LOCK"}),
    ],
    ("modules", "2026-11-23T02:13:05.987Z"): [
        Finding("changes", {"topic": "modules", "how": "finit_module"}, options=(("success", False),)),
    ],
}
#: Where something else happened than was meant, what the log shows of that.
INSTEAD = {
    # login(1) took what was typed out of step: the password and a command for names, of which it knows none
    ("console login", "2026-11-23T02:15:15.781Z"): [
        Finding(
            "failed_logins", {"account": "UNKNOWN", "terminal": "ttyS0", "exe": "/usr/bin/login", "address": None}, 3
        )
    ],
}
#: What goes on after the command has returned, as a reboot does.
LATER = {"reboot": timedelta(seconds=70)}

LOST = "the kernel lost its records: gaps in the serials fill these seconds"
#: Actions that no question finds, by host and beginning, with the reason.
UNSEEN = {
    ("web01", "2026-11-23T02:05:45.576Z"): LOST,
    ("web01", "2026-11-23T02:06:21.034Z"): LOST,
    ("web01", "2026-11-23T02:06:21.031Z"): LOST,
}
#: Lines of the driver that say nothing was done: it asked for the time.
NOTHING_DONE = "clock offset guest-host (s) measured"

#: What one would expect of an action, on both machines or on one, and why it is not in the log.
UNWRITTEN = [
    (
        "modules on db02",
        Finding("changes", {"topic": "modules", "how": "finit_module"}, options=(("success", False),)),
        "insmod ended there without the system call that loads a module",
    ),
    (
        "ssh login by key, look around",
        Finding("logins", {"user": "alice", "address": "10.0.2.2", "success": True}),
        "Debian's sshd writes a USER_LOGIN that succeeded only for a session with a terminal",
    ),
    (
        "victim logs in after the lock is off",
        Finding("logins", {"user": "victim", "success": True}),
        "Debian's sshd writes a USER_LOGIN that succeeded only for a session with a terminal",
    ),
    (
        "kiosk: two sessions at once, the second refused",
        Finding("anomalies", {"type": "ANOM_LOGIN_SESSIONS"}),
        "the second session was opened before pam_limits counted it, and ended at once: nothing was called an anomaly",
    ),
    (
        "sudo root shell, commands",
        hit("rootcmd", who="alice"),
        "the first rule that matches sets the key, and `exec` stands before `rootcmd`",
    ),
    (
        "su to root right password",
        hit("rootcmd", who="bob"),
        "the first rule that matches sets the key, and `exec` stands before `rootcmd`",
    ),
    (
        "account management by sudo",
        Finding("account_changes", {"type": has("USER_MGMT|GRP_MGMT|ACCT_LOCK|ACCT_UNLOCK")}),
        "the tools of Debian 12 write USER_CHAUTHTOK, ADD_ and DEL_ records only",
    ),
    (
        "user tries useradd",
        Finding("account_changes", {"type": "ADD_USER"}),
        "useradd ends where it may not lock /etc/passwd, before it writes a record",
    ),
    (
        "chsh/chage as root by ssh",
        ran("root", "chage|faillock"),
        "the rules watch executions of auid 1000 and more, and root's is 0",
    ),
    (
        "crontab edit",
        Finding("account_changes", {"type": "USER_MGMT"}),
        "crontab writes no record of its own; the watch on its folder does",
    ),
    (
        "rules made immutable, then a change refused",
        Finding("configuration_changes", {"op": "add_rule"}),
        "auditctl sees that the rules are locked and does not send the new one",
    ),
]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """The samples, imported as a user would."""
    data_dir = tmp_path_factory.mktemp("guests")
    for host in sorted({action["host"] for action in ACTIONS}):
        collect.import_paths([SAMPLES / host / "audit"], host, data_dir)
        names = {
            kind: facts.names_by_id((SAMPLES / host / file).read_text(encoding="utf-8"))
            for kind, file in (("users", "passwd"), ("groups", "group"))
        }
        Archive(data_dir).add_facts(host, {"at": "2026-11-23T03:00:00+00:00"} | names)
    assert [result.outcome for result in store.update(data_dir)] == ["done", "done"]
    return data_dir


@pytest.fixture(scope="session")
def guests(data_dir) -> Callable[..., list[dict[str, Any]]]:
    """`guests(host, question)` is every row of the answer for one of the samples."""

    @cache
    def rows(host: str, question: str, options: tuple[tuple[str, Any], ...] = ()) -> list[dict[str, Any]]:
        events = store.open_events(data_dir, hosts=[host])
        return getattr(tables, question)(events, **dict(options)).to_pyarrow().to_pylist()

    return rows


def bounds(action):
    """From when to when the rows of an action may lie."""
    since, until = (datetime.fromisoformat(action[end].removesuffix("Z")) for end in ("since", "until"))
    return since - SLACK, until + SLACK + LATER.get(action["action"], timedelta(0))


def overlaps(row, since, until):
    """Whether a row lies in this time, or the stretch it tells of touches it."""
    begin = row.get("time") or row.get("began") or row.get("since")
    end = row.get("time") or row.get("ended") or row.get("last") or row.get("until") or begin
    return begin <= until and end >= since


def fits(row, values):
    return all(
        any(is_one(row[name], value) for name in names.split() if name in row) for names, value in values.items()
    )


def is_one(seen, value):
    if isinstance(value, re.Pattern):
        return isinstance(seen, str) and bool(value.search(seen))
    return bool(seen is not None and value(seen)) if callable(value) else seen == value


def found(guests, action, finding):
    """Whether a finding is there, in the time of an action."""
    since, until = bounds(action)
    rows = [row for name in finding.question.split() for row in guests(action["host"], name, finding.options)]
    near = [row for row in rows if overlaps(row, since, until) and fits(row, finding.values)]
    return len(near) >= finding.times


def expected(action):
    """The findings of an action."""
    name = action["action"]
    if findings := INSTEAD.get((name, action["since"])):
        return findings
    findings = FOUND_BY.get(name) or FOUND_BY[f"{name} by {action['actor']}"]
    return findings + MORE.get((name, action["since"]), [])


DONE = [action for action in ACTIONS if action["action"] != NOTHING_DONE]


@pytest.mark.parametrize(
    "action", DONE, ids=lambda action: "-".join(action[name] for name in ("host", "since", "action"))
)
def test_what_was_done_is_found_and_what_is_not_has_a_reason(guests, action):
    missing = [finding for finding in expected(action) if not found(guests, action, finding)]
    reason = UNSEEN.get((action["host"], action["since"]))
    assert bool(missing) == bool(reason), missing or f"is found, though it was said: {reason}"


@pytest.mark.parametrize("host, since", [place for place, reason in UNSEEN.items() if reason == LOST])
def test_where_records_are_said_to_be_lost_serials_are_missing(guests, host, since):
    for action in ACTIONS:
        if (action["host"], action["since"]) == (host, since):
            assert found(guests, action, Finding("gaps", {"missing": lambda missing: missing > 300}))


@pytest.mark.parametrize("name, finding, reason", UNWRITTEN, ids=[f"{row[0]}: {row[2]}" for row in UNWRITTEN])
def test_what_the_machine_never_wrote_is_not_found_either(guests, name, finding, reason):
    """Expected of the action by whoever did it; the log does not hold it, and no question makes it up."""
    actions = [action for action in ACTIONS if name in (action["action"], f"{action['action']} on {action['host']}")]
    assert actions
    assert not any(found(guests, action, finding) for action in actions)


def test_guessing_is_seen_over_many_attempts(guests):
    """Eight passwords of victim, and what was not lost of two of bob, eight names that are nobody's and twelve of root.

    The console was typed at in vain as well: three names, and a password in the place of one.
    """
    logged = {
        ("brute force", "127.66.0.9", "victim"): 8,
        ("brute force", "10.0.2.2", "root"): 7,
        ("password spraying", "10.0.2.2", None): 2 + 7 + 7,
        ("password spraying", None, None): 8,
    }
    names = ("pattern", "address", "account")
    found = {tuple(row[name] for name in names): row["failures"] for row in guests("web01", "guessing")}
    assert found == logged


def test_no_answer_shows_a_password_that_was_typed(data_dir):
    """The driver's passwords stand in command lines, in keystrokes and once where a name belongs."""
    typed = r"Pw-\w+-2026|Root-Pw-2026|New-Pw-9912|Temp-1"

    def columns_with_one(table: pa.Table) -> list[str]:
        texts = [name for name in table.column_names if pa.types.is_string(table.schema.field(name).type)]
        return [name for name in texts if pc.any(pc.match_substring_regex(table[name], typed)).as_py()]

    events = store.open_events(data_dir)
    assert columns_with_one(events.select("acct", "proctitle", "command").to_pyarrow()) == ["acct", "proctitle"]
    for name, question in tables.questions().items():
        if not {"since", "until"} & needed(question.function):
            assert columns_with_one(question.function(events).to_pyarrow()) == [], name


def needed(function):
    """The options that a question must be told."""
    return {name for name, one in signature(function).parameters.items() if one.default is one.empty}


def test_every_finding_belongs_to_something_that_was_done():
    names = {action["action"] for action in DONE} | {f"{action['action']} by {action['actor']}" for action in DONE}
    places = {(action["host"], action["since"]) for action in DONE}
    assert set(FOUND_BY) <= names
    assert set(UNSEEN) <= places
    assert {since for _, since in (*MORE, *INSTEAD)} <= {since for _, since in places}
