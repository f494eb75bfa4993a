"""Rights, files, destinations and services as they were used: what was granted and refused, what was done to what."""

from datetime import datetime, timedelta

import pytest

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table, *names):
    """The rows as tuples in the order of the table, of these columns only where some are named."""
    return [tuple(row.values()) for row in (table.select(*names) if names else table).to_pyarrow().to_pylist()]


def by(who, kind, program="sudo", *, success=True, **words):
    return {"types": [kind], "auid": 1000, "auid_name": who, "exe": f"/usr/bin/{program}", "success": success} | words


def test_rights_are_asked_for_granted_and_refused(events_of):
    """A session opened is granted, a command or session not allowed refused; a wrong password is neither.

    sudo asks for the caller's own password, so the account of its authentication is nobody's rights.
    """
    events = events_of(
        by("alice", "USER_AUTH", account="alice"),
        by("alice", "USER_CMD", command="id"),
        by("alice", "USER_START", account="root"),
        by("bob", "USER_AUTH", account="bob", success=False),
        by("bob", "USER_CMD", success=False, command="id"),
        by("bob", "USER_AUTH", "su", account="root", success=False),
        by("bob", "USER_START", "su", account="root", host="web02"),
        by("bob", "USER_START", "su", account="root", success=None),
        by("carol", "USER_START", "sshd", account="carol"),
        by("carol", "USER_END", account="root"),
        by("carol", "USER_CMD", success=False, exe=None),
        by("eve", "USER_START", account="root", by_collector=True),
    )
    assert rows(tables.rights_asked(events)) == [
        ("bob", "sudo", None, 0, 1, 1, 1, second(3), second(4)),
        ("carol", "sudo", None, 0, 1, 0, 1, second(10), second(10)),
        ("bob", "su", "root", 1, 0, 1, 2, second(5), second(7)),
        ("alice", "sudo", "root", 1, 0, 0, 1, second(2), second(2)),
    ]


def path(name, nametype="NORMAL"):
    return {"name": name, "nametype": nametype}


def call(name, *paths, **words):
    at = {"a0": -100} if name.endswith("at") else {}
    return {"syscall": name, "success": True, "cwd": "/srv", "paths": [path("/srv", "PARENT"), *paths]} | at | words


@pytest.mark.parametrize(
    ("event", "done"),
    [
        (call("openat", path("a", "CREATE"), a2=0o101), [("created", "/srv/a")]),
        (call("openat", path("/etc/passwd"), a2=0o1), [("opened to write", "/etc/passwd")]),
        (call("open", path("/etc/passwd"), a1=2), [("opened to write", "/etc/passwd")]),
        (call("openat", path("/etc/passwd"), a2=0), []),
        (call("unlinkat", path("a", "DELETE")), [("deleted", "/srv/a")]),
        (call("rename", path("a", "DELETE"), path("b", "CREATE")), [("renamed", "/srv/a"), ("renamed", "/srv/b")]),
        (call("symlink", path("b", "CREATE")), [("linked", "/srv/b")]),
        (call("fchmodat", path("a")), [("mode changed", "/srv/a")]),
        (call("lchown", path("a")), [("owner changed", "/srv/a")]),
        (call("setxattr", path("a")), [("attributes changed", "/srv/a")]),
        (call("utimensat", path("a")), [("times set", "/srv/a")]),
        (call("truncate", path("a")), [("truncated", "/srv/a")]),
        (call("mkdir", path("a", "CREATE")), [("created", "/srv/a")]),
        (call("execve", path("a")), []),
        (call("unlink", path("a", "DELETE"), success=False), []),
        (call("unlink", path("a", "DELETE"), by_collector=True), []),
        (call("unlink", path(None, "DELETE")), []),
    ],
)
def test_a_file_was_changed_by_what_was_done_to_it(events_of, event, done):
    """By the call where that says it, else by what the kernel says of the name; reading is no change."""
    assert rows(tables.file_changes(events_of(event)), "act", "file") == done


def test_changes_of_files_are_counted_by_what_was_done_and_by_whom(events_of):
    """Both names of a renamed file count; attempts that failed only where they are asked for."""
    gone = call("unlink", path("a", "DELETE"), auid_name="bob", exe="/bin/rm")
    moved = call("rename", path("a", "DELETE"), path("b", "CREATE"), exe="/bin/mv")
    events = events_of(moved, gone, gone | {"success": False})
    assert rows(tables.file_changes(events, summary=True)) == [
        ("renamed", None, "/bin/mv", 2, 1, second(0), second(0)),
        ("deleted", "bob", "/bin/rm", 1, 1, second(1), second(1)),
    ]
    assert rows(tables.file_changes(events, success=False), "act") == [("deleted",)]


def test_a_file_is_refused_for_want_of_rights_only(events_of):
    """A file that is not there was not refused; files that matter stand first."""
    tried = call("openat", path("/srv/data"), success=False, errno="EACCES", auid=1000, auid_name="bob")
    shadow = tried | {"paths": [path("/etc/shadow")], "errno": "EPERM"}
    gone = tried | {"errno": "ENOENT"}
    events = events_of(tried, tried, shadow, gone, shadow | {"success": True, "errno": None}, tried | {"errno": None})
    assert rows(tables.refused_files(events)) == [
        ("identity", "bob", "/etc/shadow", None, "EPERM", 1, 1, second(2), second(2)),
        (None, "bob", "/srv/data", None, "EACCES", 2, 1, second(0), second(1)),
    ]


def reached(address, syscall="connect", family="inet", port=443, **words):
    peer = {"family": family, "address": address, "port": port}
    return {"syscall": syscall, "socket": peer, "success": True, "exe": "/bin/curl", "auid": 1000} | words


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        *((one, "this machine") for one in ("127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::")),
        *((one, "local network") for one in ("10.0.2.2", "172.16.0.1", "172.31.9.9", "192.168.1.1", "169.254.0.1")),
        *((one, "local network") for one in ("fe80::1", "fd00::1", "100.64.0.1", "::ffff:10.1.1.1")),
        *((one, "many at once") for one in ("224.0.0.251", "ff02::fb", "255.255.255.255")),
        *((one, "elsewhere") for one in ("198.51.100.7", "172.32.0.1", "172.15.0.1", "11.0.0.1", "2001:db8::1")),
        *((one, "elsewhere") for one in ("100.128.0.1", "192.169.0.1", "1270.0.0.1", "100.63.0.1")),
    ],
)
def test_an_address_lies_on_this_machine_near_or_elsewhere(events_of, address, scope):
    """The ranges of RFC 1122, 1918, 3927, 4193, 4291, 6598 and 5771, and the addresses beside them."""
    assert rows(tables.destinations(events_of(reached(address))), "scope") == [(scope,)]


def test_destinations_are_counted_and_those_elsewhere_stand_first(events_of):
    """What came in and what listens is no destination; a connect in the background has not failed."""
    events = events_of(
        reached("127.0.0.1"), reached("127.0.0.1", exe="/bin/nc", auid=1001), reached("127.0.0.1", host="web02"),
        reached("198.51.100.7", success=False, errno="EINPROGRESS"), reached("198.51.100.7", "sendto", exe="/bin/nc"),
        reached("198.51.100.7", success=False, errno="ECONNREFUSED"), reached("198.51.100.7", success=False),
        reached("198.51.100.8", "accept"), reached("198.51.100.8", "bind"), reached("198.51.100.8", family="local"),
        reached("198.51.100.8", by_collector=True),
    )  # fmt: skip
    assert rows(tables.destinations(events)) == [
        ("198.51.100.7", 443, "elsewhere", 4, 2, 2, 1, "/bin/curl", 1, second(3), second(6)),
        ("127.0.0.1", 443, "this machine", 3, 0, 2, 2, "/bin/curl", 2, second(0), second(2)),
    ]


def test_services_that_failed_stand_first(events_of):
    """Starts and stops that succeeded are counted apart from those that did not; an unknown outcome is neither."""
    start, stop = {"type": "SERVICE_START", "success": True}, {"type": "SERVICE_STOP", "success": True}
    events = events_of(
        start | {"unit": "cron"}, stop | {"unit": "cron"}, start | {"unit": "cron", "host": "web02"},
        start | {"unit": "broken", "success": False}, start | {"unit": "cron", "success": None},
        start | {"unit": None}, {"type": "USER_CMD", "unit": "x"}, start | {"unit": "ours", "by_collector": True},
    )  # fmt: skip
    assert rows(tables.services(events)) == [
        ("broken", 0, 0, 1, 1, second(3), second(3)),
        ("cron", 2, 1, 0, 2, second(0), second(4)),
    ]
