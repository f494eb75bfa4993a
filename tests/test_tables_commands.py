"""What was run, by whom, as whom; and who changed what."""

from datetime import datetime, timedelta

import pytest

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table):
    """Every row as a tuple, in the order of the table."""
    return [tuple(row.values()) for row in table.to_pyarrow().to_pylist()]


def column(table, name):
    return table[name].to_pyarrow().to_pylist()


def run(**words):
    """An execution by alice with her own rights."""
    always = {"types": ["SYSCALL", "EXECVE"], "success": True, "auid": 1001, "auid_name": "alice", "euid": 1001}
    shown = {"euid_name": "alice", "exe": "/usr/bin/id", "command": "id -u", "argv": ["id", "-u"], "ses": 3}
    return always | shown | words


ROOT = {"euid": 0, "euid_name": "root"}


def test_a_command_says_who_ran_it_and_as_whom(events_of):
    """Only executions, and those that were refused too; the login user stays when rights change."""
    events = events_of(
        run(cwd="/home/alice", terminal="pts0", pid=8, ppid=7, **ROOT),
        run(success=False, euid_name=None),
        run(types=["SYSCALL", "PATH"]),
        run(by_collector=True),
    )
    found = tables.commands(events)
    assert found.columns == (
        "host", "time", "serial", "who", "as_whom", "command", "exe", "cwd", "terminal", "ses", "pid", "ppid", "success",
    )  # fmt: skip
    assert rows(found) == [
        ("web01", second(0), 1, "alice", "root", "id -u", "/usr/bin/id", "/home/alice", "pts/0", 3, 8, 7, True),
        ("web01", second(1), 2, "alice", "1001", "id -u", "/usr/bin/id", None, None, 3, None, None, False),
    ]


def test_commands_are_counted_by_user_and_program(events_of):
    events = events_of(run(), run(host="web02"), run(**ROOT), run(exe="/usr/bin/ls"), run(types=["SYSCALL"]))
    assert rows(tables.commands_by_user(events)) == [
        ("alice", "alice", "/usr/bin/id", 2, 2, second(0), second(1)),
        ("alice", "alice", "/usr/bin/ls", 1, 1, second(3), second(3)),
        ("alice", "root", "/usr/bin/id", 1, 1, second(2), second(2)),
    ]


def test_acting_as_another_user_needs_a_login_user_and_another_effective_one(events_of):
    """Daemons nobody logged in for act as themselves."""
    events = events_of(
        run(**ROOT), run(), run(auid=None, auid_name=None, **ROOT), run(euid=None), run(types=["SYSCALL"], **ROOT)
    )
    assert rows(tables.as_whom(events)) == [("alice", "root", "/usr/bin/id", 2, 1, second(0), second(4))]


def test_the_daemon_that_opened_a_session_is_nobodys_other_user(events_of):
    """It works as root in the session it hands over; a program of its name elsewhere is somebody's."""
    door, copy = "/usr/lib/openssh/sshd-session", "/tmp/sshd"
    assert rows(tables.as_whom(events_of(run(exe=door, **ROOT), run(exe=copy, **ROOT))))[0][:4] == (
        "alice", "root", copy, 1,
    )  # fmt: skip


def test_sudo_and_su_show_what_was_asked_for_and_what_was_refused(events_of):
    """A command of sudo, and what sudo, su and their kin say of passwords and sessions; logins and cron are others' business."""
    sudo = {"exe": "/usr/bin/sudo", "auid": 1001, "auid_name": "alice", "success": True, "terminal": "pts/0"}
    events = events_of(
        sudo | {"type": "USER_CMD", "command": "cat /etc/shadow", "cwd": "/home/alice"},
        sudo | {"type": "USER_AUTH", "success": False, "account": "alice"},
        sudo | {"type": "USER_START", "account": "root", "exe": "/usr/bin/su"},
        sudo | {"type": "USER_END", "account": "root", "exe": "/usr/bin/su"},
        sudo | {"type": "USER_START", "account": "root", "exe": "/usr/sbin/sshd"},
        sudo | {"type": "USER_CMD", "command": "id", "exe": None},
        run(exe="/usr/bin/sudo"),
    )
    found = tables.sudo(events)
    assert found.columns == (
        "host", "time", "serial", "who", "through", "type", "account", "command", "cwd", "terminal", "success",
    )  # fmt: skip
    assert [row[2:] for row in rows(found)] == [
        (1, "alice", "sudo", "USER_CMD", None, "cat /etc/shadow", "/home/alice", "pts/0", True),
        (2, "alice", "sudo", "USER_AUTH", "alice", None, None, "pts/0", False),
        (3, "alice", "su", "USER_START", "root", None, None, "pts/0", True),
        (6, "alice", "sudo", "USER_CMD", None, "id", None, "pts/0", True),
    ]
    assert column(tables.sudo(events, success=False), "serial") == [2]


def test_an_account_change_names_the_changed_account(events_of):
    """By name, else by the number in `id=`; passwords, groups and roles are changes too, credentials are none."""
    events = events_of(
        {"type": "ADD_USER", "auid_name": "alice", "account": "bob", "op": "adding user"},
        {"type": "DEL_USER", "id": 1501},
        {"type": "DEL_USER", "id": 1502, "id_name": "eve"},
        {"type": "USER_CHAUTHTOK", "account": "bob", "success": False},
        {"type": "ROLE_ASSIGN", "account": "bob"},
        {"type": "GRP_MGMT", "account": "wheel"},
        {"type": "CRED_ACQ", "account": "bob"},
    )
    assert column(tables.account_changes(events), "account") == ["bob", "1501", "eve", "bob", "bob", "wheel"]
    assert column(tables.account_changes(events, success=False), "type") == ["USER_CHAUTHTOK"]
    assert rows(tables.account_changes(events, summary=True))[0] == ("DEL_USER", 2, 1, second(1), second(2))


def test_a_configuration_change_shows_what_was_set(events_of):
    """Audit's own configuration, the firewall's and mandatory access control's."""
    fields = [{"record": 0, "key": "audit_enabled", "value": "0"}, {"record": 0, "key": "old", "value": "1"}]
    events = events_of(
        {"type": "CONFIG_CHANGE", "auid_name": "alice", "op": "set", "other": fields, "success": True},
        {"types": ["SYSCALL", "NETFILTER_CFG"]},
        {"type": "MAC_STATUS"},
        {"type": "FEATURE_CHANGE"},
        {"type": "DAEMON_CONFIG"},
        {"type": "DAEMON_START"},
    )
    found = tables.configuration_changes(events)
    assert found.columns == ("host", "time", "serial", "type", "who", "op", "keys", "details", "success")
    assert rows(found)[0] == (
        "web01",
        second(0),
        1,
        "CONFIG_CHANGE",
        "alice",
        "set",
        None,
        "audit_enabled=0 old=1",
        True,
    )
    assert column(found, "type") == ["CONFIG_CHANGE", "SYSCALL", "MAC_STATUS", "FEATURE_CHANGE", "DAEMON_CONFIG"]


@pytest.mark.parametrize(
    ("question", "inside", "outside"),
    [
        (
            "anomalies",
            ["ANOM_ABEND", "ANOM_LOGIN_FAILURES", "SECCOMP", "UNKNOWN[1750]", "UNKNOWN[2150]"],
            "UNKNOWN[1850]",
        ),
        ("responses", ["RESP_ACCT_LOCK", "UNKNOWN[2250]"], "ANOM_LOGIN_FAILURES"),
        ("integrity", ["INTEGRITY_RULE", "UNKNOWN[1850]"], "UNKNOWN[1750]"),
        ("crypto", ["CRYPTO_KEY_USER", "UNKNOWN[1650]", "UNKNOWN[2450]"], "UNKNOWN[1750]"),
        ("virtual_machines", ["VIRT_CONTROL", "UNKNOWN[2550]"], "UNKNOWN[2450]"),
        ("mac_changes", ["MAC_STATUS", "MAC_CALIPSO_ADD", "ROLE_ASSIGN", "UNKNOWN[2350]", "UNKNOWN[1411]"], "AVC"),
    ],
)
def test_a_range_of_types_has_its_names_and_its_unnamed_numbers(events_of, question, inside, outside):
    """The type of any record decides; a type like XANOM_ABEND is another."""
    types = [[name] for name in inside] + [["SYSCALL", inside[0]], [outside], ["X" + inside[0]], ["SYSCALL"]]
    events = events_of(*({"types": names} for names in types))
    ask = getattr(tables, question)
    assert column(ask(events), "type") == [*inside, "SYSCALL"]
    assert sorted(column(ask(events, summary=True), "type")) == sorted([*inside, "SYSCALL"])


def test_an_anomaly_without_executable_shows_its_command_name(events_of):
    other = [{"record": 0, "key": "sig", "value": "11"}, {"record": 0, "key": "res", "value": "1"}]
    events = events_of(
        {"type": "ANOM_ABEND", "comm": "sh", "other": other}, {"type": "ANOM_ABEND", "comm": "sh", "exe": "/bin/sh"}
    )
    assert column(tables.anomalies(events), "exe") == ["sh", "/bin/sh"]
    assert column(tables.anomalies(events), "details") == ["sig=11", None]


def test_details_never_show_what_was_typed(events_of):
    """Keystrokes, commands and account names have columns that mask secrets; they are not shown a second time."""
    secret = [
        {"record": 0, "key": key, "value": "hunter2"}
        for key in ("data", "cmd", "acct", "proctitle", "a1", "a0[3]", "a2_len")
    ]
    events = events_of({"type": "ANOM_ABEND", "other": secret})
    assert column(tables.anomalies(events), "details") == [None]
