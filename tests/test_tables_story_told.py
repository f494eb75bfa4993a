"""The questions behind coverage, host and incident: each rule on the smallest frame that needs it."""

from datetime import datetime, timedelta

import ibis
import pytest

from audit_nb import tables, times
from audit_nb.errors import UsageError

MIDNIGHT = datetime(2026, 1, 1)
SSHD, SUDO = "/usr/sbin/sshd", "/usr/bin/sudo"


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table, *columns):
    """Every row as a tuple, in the order of the table."""
    chosen = table.select(*columns) if columns else table
    return [tuple(row.values()) for row in chosen.to_pyarrow().to_pylist()]


def column(table, name):
    return [row[0] for row in rows(table, name)]


def decided(key, *values):
    """What the records of a policy say of an event, one record each."""
    return [{"record": n, "key": key, "value": value, "raw": None} for n, value in enumerate(values)]


def process(pid, ppid, **words):
    return {"pid": pid, "ppid": ppid, "exe": f"/bin/{pid}", **words}


# --------------------------------------------------------------------------------------------------------- process tree


def test_a_number_with_another_parent_is_another_process(events_of):
    """The second 30 stands under its own parent, and what each of them started under each of them."""
    events = events_of(
        process(10, 1), process(20, 1), process(30, 10), process(31, 30), process(30, 20), process(32, 30)
    )
    found = rows(tables.process_tree(events), "pid", "life", "depth")
    assert found == [(10, 0, 0), (30, 0, 1), (31, 0, 2), (20, 0, 0), (30, 1, 1), (32, 0, 2)]


def test_a_process_that_was_adopted_is_the_same(events_of):
    """Init, or one of those above, takes over a process whose parent ended; in another session it is another one."""
    adopted = events_of(process(10, 5, ses=3), process(30, 10, ses=3), process(30, 5, ses=3), process(30, 1, ses=3))
    assert rows(tables.process_tree(adopted), "pid", "life", "events") == [(10, 0, 1), (30, 0, 3)]
    again = events_of(process(10, 5, ses=3), process(30, 10, ses=3), process(30, 1, ses=4))
    assert rows(tables.process_tree(again, pid=30), "pid", "life", "ses") == [(10, 0, 3), (30, 0, 3), (30, 1, 4)]


def test_a_record_that_names_no_parent_belongs_to_the_process_that_is_nearest(events_of):
    events = events_of(
        process(30, 10, time=second(0)),
        {"pid": 30, "exe": SUDO, "time": second(5)},
        process(30, 20, time=second(600)),
        {"pid": 30, "exe": SUDO, "time": second(601)},
    )
    assert rows(tables.process_tree(events), "life", "events", "last") == [(0, 2, second(5)), (1, 2, second(601))]


def test_processes_that_are_left_out_are_counted(events_of, monkeypatch):
    import sys

    from audit_nb.tables import process_tree  # noqa: F401 - imports the module that is changed

    monkeypatch.setattr(sys.modules["audit_nb.tables.process_tree"], "MOST", 2)
    events = events_of(process(10, 1), process(20, 1), process(30, 1))
    assert rows(tables.process_tree(events), "pid", "left_out") == [(10, 1), (20, 1)]


# ---------------------------------------------------------------------------------------------------------------- story


def test_the_same_thing_within_a_minute_is_one_step(events_of):
    """A third time, more than a minute after the second, is a step of its own; so is what somebody else does."""
    run = {"types": ["SYSCALL", "EXECVE"], "command": "id", "auid_name": "bob"}
    events = events_of(
        run | {"time": second(0)},
        run | {"time": second(50)},
        run | {"time": second(55), "auid_name": "eve"},
        run | {"time": second(111)},
    )
    assert rows(tables.story(events), "time", "who", "events", "last") == [
        (second(0), "bob", 2, second(50)),
        (second(55), "eve", 1, second(55)),
        (second(111), "bob", 1, second(111)),
    ]


@pytest.mark.parametrize(
    ("event", "kind", "notable"),
    [
        ({"type": "USER_START", "exe": SSHD, "account": "bob", "success": True}, "came_in", True),
        ({"type": "USER_END", "exe": SSHD, "account": "bob", "success": True}, "left", True),
        ({"type": "USER_AUTH", "exe": SSHD, "success": False}, "login_failed", True),
        ({"type": "USER_AUTH", "exe": SSHD, "success": True}, None, None),
        ({"type": "USER_START", "exe": SUDO, "account": "root", "success": True}, "became", True),
        ({"type": "USER_AUTH", "exe": SUDO, "account": "bob", "success": False}, "became_not", True),
        ({"type": "USER_CMD", "exe": SUDO, "command": "id"}, "asked", True),
        ({"type": "ADD_USER", "account": "eve"}, "account", True),
        ({"type": "CONFIG_CHANGE", "op": "remove_rule"}, "audit", True),
        ({"type": "DAEMON_END"}, "audit", True),
        ({"type": "SYSTEM_BOOT"}, "boot", True),
        ({"type": "SERVICE_STOP", "unit": "sshd"}, "service", True),
        ({"type": "ANOM_PROMISCUOUS"}, "anomaly", True),
        ({"types": ["AVC", "SYSCALL"], "syscall": "openat"}, "denied", True),
        ({"type": "AVC", "other": decided("apparmor", "DENIED")}, "denied", True),
        ({"type": "AVC", "other": decided("apparmor", "STATUS")}, None, None),
        ({"type": "AVC", "other": decided("apparmor", "ALLOWED", "DENIED")}, "denied", True),
        ({"type": "AVC", "other": decided("seresult", "granted")}, None, None),
        ({"type": "TTY", "command": "ls"}, "typed", True),
        ({"syscall": "clock_settime"}, "time", True),
        ({"syscall": "finit_module"}, "module", True),
        ({"types": ["SYSCALL", "EXECVE"], "syscall": "execve", "command": "id"}, "ran", False),
        ({"syscall": "connect", "socket": {"family": "inet", "address": "192.0.2.1", "port": 1}}, "connected", False),
        ({"syscall": "unlink", "paths": [{"name": "/tmp/x", "nametype": "DELETE"}]}, "changed", False),
        ({"syscall": "unlink", "success": True, "paths": [{"name": "/etc/shadow", "nametype": "DELETE"}]}, "changed", True),
        ({"syscall": "openat", "a2": 0, "paths": [{"name": "/tmp/x", "nametype": "NORMAL"}]}, "opened", False),
        ({"syscall": "openat", "a2": 1, "paths": [{"name": "/tmp/x", "nametype": "NORMAL"}]}, "changed", False),
        ({"syscall": "openat", "a2": 0, "paths": [{"name": "/etc/shadow"}]}, "opened", False),
        ({"syscall": "openat", "a2": 0, "errno": "EACCES", "paths": [{"name": "/etc/shadow"}]}, "opened", True),
        ({"syscall": "openat", "a2": 0, "errno": "ENOENT", "paths": [{"name": "/etc/shadow"}]}, "opened", False),
        ({"syscall": "openat", "a2": 0, "errno": "EACCES", "paths": [{"name": "/proc/1/environ"}]}, "opened", False),
        ({"types": ["SYSCALL", "EXECVE"], "success": True, "exe": "/tmp/.hidden"}, "ran", True),
        ({"types": ["SYSCALL", "EXECVE"], "success": True, "exe": "/srv/tmp/x"}, "ran", False),
        ({"syscall": "ptrace", "keys": ["tracing"]}, "called", False),
        ({"syscall": "bpf", "keys": ["bpf"], "errno": "EPERM", "auid": 1001}, "called", True),
        ({"syscall": "bpf", "keys": ["bpf"], "errno": "EPERM"}, "called", False),
        ({"syscall": "ptrace"}, None, None),
        ({"type": "CRED_ACQ", "exe": SSHD, "success": True}, None, None),
        ({"type": "USER_START", "exe": "/usr/lib/systemd/systemd", "account": "bob", "success": True}, None, None),
    ],
)  # fmt: skip
def test_what_an_event_is_in_the_story(events_of, event, kind, notable):
    """What only accompanies others is left out."""
    assert rows(tables.story(events_of(event)), "kind", "notable") == ([] if kind is None else [(kind, notable)])


def test_a_refused_change_of_audit_is_a_refused_one(events_of):
    """The call that carries it to the kernel succeeds all the same."""
    refused = {"types": ["CONFIG_CHANGE", "SYSCALL"], "success": True}
    forms = [{"gap": 0, "length": 1, "form": "op=* res=0"}, {"gap": 0, "length": 1, "form": "success=*"}]
    assert column(tables.story(events_of(refused | {"records": forms})), "success") == [False]


def test_a_session_takes_what_its_door_did_before_there_was_one(events_of):
    failed = {"type": "USER_AUTH", "exe": SSHD, "success": False, "pid": 50}
    opened = {"type": "USER_START", "exe": SSHD, "success": True, "pid": 50, "ses": 7}
    events = events_of(failed, opened, failed | {"pid": 51}, opened | {"pid": 52, "ses": 8})
    assert column(tables.story(events, session=7), "kind") == ["login_failed", "came_in"]
    assert tables.story(events, session=7, whole=True).count().to_pyarrow().as_py() == 2


# ------------------------------------------------------------------------------------------------------- what was covered


def test_time_is_covered_between_silences_and_counts_once(events_of):
    """A silence ends a stretch; one boot that lies within the other, because a clock was set, adds nothing."""
    minute = 60
    moments = [(0, 0), (30, 0), (120, 0), (125, 0), (10, 1), (20, 1)]
    events = events_of(
        *({"time": second(at * minute), "boot": boot, "serial": n} for n, (at, boot) in enumerate(moments))
    )
    assert rows(tables.time_covered(events), "since", "until", "boot", "events") == [
        (second(0), second(1800), 0, 2),
        (second(600), second(1200), 1, 2),
        (second(7200), second(7500), 0, 2),
    ]
    hosts = ibis.memtable([{"host": "web01"}, {"host": "web02"}])
    found = tables.time_covered(events, hosts, since=MIDNIGHT, until=second(5 * 3600), summary=True)
    assert rows(found, "host", "hours", "share", "stretches", "silence") == [
        ("web02", 0.0, 0.0, 0, 5.0),
        ("web01", 35 / 60, 35 / 300, 3, 175 / 60),
    ]
    assert rows(tables.time_covered(events, summary=True), "host", "share", "silence") == [("web01", None, 1.5)]


def test_what_is_left_unread_and_what_lacks_its_end(events_of):
    events = events_of(
        {"type": "AVC", "unread": "b odd"},
        {"type": "AVC", "unread": "a odd", "complete": False},
        {"type": "BPF", "unread": "x" * 300, "by_collector": True},
        {"type": "BPF", "complete": None},
    )
    assert rows(tables.unread(events), "type", "events", "event") == [
        ("AVC", 2, "web01:1767225600.000:1"),
        ("BPF", 1, "web01:1767225602.000:3"),
    ]
    assert rows(tables.incomplete(events), "type", "events") == [("AVC", 1)]


def test_a_host_is_put_beside_the_others(events_of):
    """Root's own commands are not commands as root, and cron's sessions are nobody's."""
    run = {"types": ["SYSCALL", "EXECVE"], "euid": 0}
    events = events_of(
        run | {"auid": 1000}, run | {"auid": 0}, run | {"euid": 1000, "auid": 1000},
        {"type": "USER_START", "exe": "/usr/sbin/cron", "success": True, "auid": 0},
        {"host": "web02", "type": "USER_START", "exe": SSHD, "success": True},
        run | {"host": "web02", "auid": 1000}, run | {"host": "web03", "auid": 1000}, run | {"host": "web03", "auid": 1001},
    )  # fmt: skip
    found = tables.fleet(events)
    assert rows(found, "host", "commands", "as_root", "sessions", "users") == [
        ("web01", 3, 1, 0, 2),
        ("web02", 1, 1, 1, 1),
        ("web03", 2, 2, 0, 2),
    ]
    beside = {row[0]: row[1:] for row in rows(tables.fleet(events, host="web01"))}
    assert beside["commands"] == (3, 1.5, 1, 2, 2, 1)
    assert beside["as_root"] == (1, 1.5, 1, 2, 2, 2)
    assert rows(tables.fleet(events, host="web99")) == []


# ------------------------------------------------------------------------------------------------------------ the window


def test_a_window_lies_around_its_moment():
    """In the time zone of the reader, and in UTC without a zone as the questions take it."""
    span = times.window("2026-01-01T09:00", "90s", timezone="Asia/Seoul", since="yesterday")
    assert (span.since, span.until, span.at) == (second(-90), second(90), MIDNIGHT)
    assert span.background == second(-90) - timedelta(days=1)
    whole = times.window(None, since="2026-01-01", timezone="UTC")
    assert (whole.since, whole.until, whole.at) == (MIDNIGHT, None, None)
    assert times.window(None).background is None


@pytest.mark.parametrize(
    ("at", "around"), [("soon", "1h"), ("2026-01-01", "long"), ("2026-01-01", None), ("0001-01-01", "1w")]
)
def test_a_window_that_cannot_be_told_is_a_mistake(at, around):
    with pytest.raises(UsageError, match="at: |around: "):
        times.window(at, around)
