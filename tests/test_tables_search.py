"""Search: each filter on two events, of which it finds one."""

from datetime import datetime, timedelta

import pytest

from audit_nb import tables
from audit_nb.tables._filters import FILTERS

MIDNIGHT = datetime(2026, 1, 1)
OTHER = {
    "type": "USER_LOGIN",
    "node": "db02",
    "host": "db02",
    "keys": ["other"],
    "comm": "cat",
    "exe": "/usr/bin/cat",
    "command": "cat /etc/hosts",
    "cwd": "/home",
    "terminal": "tty1",
    "account": "alice",
    "pid": 1,
    "ppid": 1,
    "ses": 1,
    "auid": 1001,
    "uid": 1001,
    "euid": 1001,
    "gid": 1001,
    "egid": 1001,
    "auid_name": "alice",
    "uid_name": "alice",
    "euid_name": "alice",
    "gid_name": "alice",
    "egid_name": "alice",
    "syscall": "openat",
    "syscall_nr": 257,
    "arch": "x86_64",
    "exit": 0,
    "subj": "init_t",
}


def path(name, obj=None):
    return {"paths": [{"name": name, "obj": obj}]}


def other(key, value):
    return {"other": [{"record": 0, "key": key, "value": value}]}


# The filter with its value, and what the event it finds has that the other one has not.
CASES = [
    ({"event": 77}, {"serial": 77}),
    ({"event": [76, 77]}, {"serial": 77}),
    ({"types": "user_cmd"}, {"type": "USER_CMD"}),
    ({"types": "user_cmd,SYSCALL"}, {"type": "USER_CMD"}),
    ({"types": "EXECVE"}, {"types": ["SYSCALL", "EXECVE"]}),
    ({"host": "web"}, {"host": "web01"}),
    ({"node": "web01"}, {"node": "web01"}),
    ({"key": "pass"}, {"keys": ["identity", "passwd"]}),
    ({"comm": "ssh"}, {"comm": "sshd"}),
    ({"exe": ["nologin", "ssh"]}, {"exe": "/usr/sbin/sshd"}),
    ({"command": "--delete"}, {"command": "rsync --delete a b"}),
    ({"file": "shadow"}, path("/etc/shadow")),
    ({"file": "spool"}, {"cwd": "/var/spool"}),
    ({"file": "notify"}, {"socket": {"family": "unix", "path": "/run/systemd/notify"}}),
    ({"address": "192.0.2"}, {"addr": "192.0.2.9", "hostname": "?"}),
    ({"address": "desk"}, {"addr": "?", "hostname": "desk.example"}),
    ({"address": "198.51"}, {"socket": {"family": "inet", "address": "198.51.100.1"}}),
    ({"terminal": "pts/0"}, {"terminal": "pts0"}),
    ({"terminal": "pts0"}, {"terminal": "pts0"}),
    ({"account": "bob"}, {"account": "bob"}),
    ({"vm": "guest"}, other("vm", "guest1")),
    ({"uuid": "6f1a"}, other("uuid", "6f1a-22")),
    ({"pid": 42}, {"pid": 42}),
    ({"ppid": 42}, {"ppid": 42}),
    ({"session": 42}, {"ses": 42}),
    ({"auid": 0}, {"auid": 0}),
    ({"auid": "0"}, {"auid": 0}),
    ({"auid": "root"}, {"auid_name": "root"}),
    ({"auid": -1}, {"auid": None}),
    ({"auid": "unset"}, {"auid": None}),
    ({"auid": 4294967295}, {"auid": None}),
    ({"uid": "root"}, {"uid_name": "root"}),
    ({"euid": 0}, {"euid": 0}),
    ({"any_uid": 0}, {"uid": 0}),
    ({"gid": "wheel"}, {"gid_name": "wheel"}),
    ({"egid": 10}, {"egid": 10}),
    ({"any_gid": 10}, {"gid": 10}),
    ({"syscall": "execve"}, {"syscall": "execve"}),
    ({"syscall": "59"}, {"syscall_nr": 59}),
    ({"arch": "i386"}, {"arch": "i386"}),
    ({"arch": "b32"}, {"arch": "i386"}),
    ({"exit": -13}, {"exit": -13}),
    ({"exit": "EACCES"}, {"errno": "EACCES", "exit": -13}),
    ({"subject": "sshd_t"}, {"subj": "sshd_t"}),
    ({"subject": "sshd_t"}, other("scontext", "system_u:sshd_t")),
    ({"object": "shadow_t"}, path("/etc/shadow", "shadow_t")),
    ({"object": "shadow_t"}, other("tcontext", "shadow_t")),
    ({"context": "sshd_t"}, {"subj": "sshd_t"}),
    ({"context": "shadow_t"}, path("/etc/shadow", "shadow_t")),
    ({"success": False}, {"success": False}),
    ({"since": MIDNIGHT + timedelta(seconds=1)}, {}),
    ({"since": MIDNIGHT + timedelta(seconds=1), "until": MIDNIGHT + timedelta(seconds=2)}, {}),
    ({"match": "exact", "exe": "/usr/bin/ca"}, {"exe": "/usr/bin/ca"}),
    ({"match": "exact", "key": "oth"}, {"keys": ["oth"]}),
    ({"match": "regex", "exe": "^/tmp/.*"}, {"exe": "/tmp/x"}),
    ({"exe": "cat", "uid": 0}, {"uid": 0, "exe": "/usr/bin/cat"}),
    ({"collector": False}, {}),
]


@pytest.mark.parametrize(
    ("asked", "words"), CASES, ids=[f"{n}-{' '.join(asked)}" for n, (asked, _) in enumerate(CASES)]
)
def test_a_filter_finds_the_event_it_describes_and_not_the_other(events_of, asked, words):
    events = events_of(OTHER | {"by_collector": "collector" in asked}, OTHER | words)
    found = tables.search(events, **asked).to_pyarrow().to_pylist()
    assert [(row["time"] - MIDNIGHT).seconds for row in found] == [1]


def test_a_search_tells_the_account_as_it_may_be_shown(events_of):
    """Whom a record speaks of, beside who was logged in."""
    events = events_of({"type": "USER_AUTH", "auid_name": "alice", "acct": "Hunter2!", "account": "unknown-3fa2c1d0"})
    [row] = tables.search(events).to_pyarrow().to_pylist()
    assert (row["who"], row["account"]) == ("alice", "unknown-3fa2c1d0")


def test_every_filter_has_a_case():
    """A filter without a test here could match everything."""
    assert set(FILTERS) <= {name for asked, _ in CASES for name in asked}


def test_all_types_match_every_event(events_of):
    assert tables.search(events_of({}, {"type": "LOGIN"}), types="ALL").count().execute() == 2


def test_several_filters_must_all_match_and_one_of_several_values_is_enough(events_of):
    events = events_of({"pid": 1, "uid": 0}, {"pid": 2, "uid": 0}, {"pid": 1, "uid": 5}, {"pid": 3, "uid": 0})
    assert tables.search(events, pid=[1, 2], uid=0).serial.to_pyarrow().to_pylist() == [1, 2]


def test_a_search_shows_no_raw_arguments(events_of):
    """`argv`, `proctitle` and `acct` may hold secrets; `command` and `account` are masked."""
    shown = tables.search(events_of({}))
    assert shown.columns == (
        "host", "time", "serial", "type", "who", "as_whom", "syscall", "success", "exe", "command", "files", "keys",
        "address", "terminal", "account",
    )  # fmt: skip


def test_the_chosen_events_can_be_asked_other_questions(events_of):
    events = events_of({"exe": "/a", "keys": ["k1"]}, {"exe": "/b", "keys": ["k2"]})
    chosen = tables.search(events, exe="/a", whole=True)
    assert tables.keys(chosen, summary=True)["key"].to_pyarrow().to_pylist() == ["k1"]


def test_a_filter_that_does_not_exist_is_refused_by_name(events_of):
    with pytest.raises(TypeError, match="no filter exee; it has event, types"):
        tables.search(events_of({}), exee="x")
