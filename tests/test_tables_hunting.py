"""What aureport cannot answer: sessions, trees, guesses, what is new, rare, late at night, changed, loud or silent."""

from datetime import datetime, timedelta

import pytest

from audit_nb import tables
from audit_nb.tables._clock import offsets

MIDNIGHT = datetime(2026, 1, 1)
SSHD = {"exe": "/usr/sbin/sshd", "terminal": "ssh", "success": True}


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table):
    """Every row as a tuple, in the order of the table."""
    return [tuple(row.values()) for row in table.to_pyarrow().to_pylist()]


def column(table, name):
    return table[name].to_pyarrow().to_pylist()


def failed(account, address, type_="USER_LOGIN", **words):
    return SSHD | {"type": type_, "success": False, "acct": account, "account": account, "addr": address} | words


def opened(account, address=None, **words):
    return SSHD | {"type": "USER_START", "acct": account, "account": account, "addr": address} | words


def run(**words):
    always = {"types": ["SYSCALL", "EXECVE"], "success": True, "auid": 1001, "auid_name": "alice", "euid": 1001}
    return always | {"exe": "/usr/bin/id", "command": "id", "syscall": "execve"} | words


# -------------------------------------------------------------------------------------------------------------- sessions


def test_a_session_tells_who_came_in_from_where_and_what_was_done(events_of):
    """What sudo opens inside it neither begins nor ends it; the same number after a restart is another session."""
    alice = {"auid": 1001, "auid_name": "alice", "ses": 3}
    events = events_of(
        alice | {"types": ["LOGIN", "SYSCALL"], "exe": "/usr/sbin/sshd"},
        opened("alice", "192.0.2.9", **alice),
        run(ses=3),
        run(ses=3, euid=0),
        run(ses=3, success=False),
        alice | {"type": "USER_CMD", "exe": "/usr/bin/sudo"},
        opened("root", **alice | {"exe": "/usr/bin/sudo", "terminal": "pts/7"}),
        alice | {"type": "USER_END", "exe": "/usr/bin/sudo"},
        alice | {"type": "USER_END", "exe": "/usr/sbin/sshd"},
        alice | {"type": "CRED_DISP", "exe": "/usr/sbin/sshd"},
        opened("bob", "192.0.2.9", auid_name="bob", ses=3, boot=1),
        run(ses=None),
        {"type": "MAC_MAP_ADD", "auid": 0, "ses": 0},
    )
    found = tables.sessions(events)
    assert found.columns == (
        "host", "boot", "ses", "who", "through", "address", "terminal", "began", "ended", "last", "seconds", "events",
        "commands", "as_root", "sudo", "failed",
    )  # fmt: skip
    assert rows(found) == [
        ("web01", 1, 3, "bob", "sshd", "192.0.2.9", "ssh", second(10), None, second(10), 0.0, 1, 0, 0, 0, 0),
        ("web01", 0, 3, "alice", "sshd", "192.0.2.9", "ssh", second(0), second(8), second(9), 8.0, 10, 3, 1, 1, 1),
    ]


def test_a_console_login_has_no_origin(events_of):
    """Programs put the machine's own name into `hostname=` there."""
    events = events_of(opened("alice", "?", hostname="web01", terminal="/dev/ttyS0", exe="/usr/bin/login"))
    assert column(tables.sessions_opened(events), "address") == [None]


# ------------------------------------------------------------------------------------------------------------------ trees


def process(pid, ppid, command=None, **words):
    return {"types": ["SYSCALL", "EXECVE"], "pid": pid, "ppid": ppid, "command": command, "exe": f"/bin/{pid}"} | words


def test_a_tree_shows_parents_before_children_and_those_from_before_the_period(events_of):
    """A process that nothing is known of has no row; a child stands under its parent, deeper by one."""
    events = events_of(
        process(10, 1, "sshd"),
        process(99, 1, "cron"),
        process(20, 10, "bash"),
        process(30, 20, "make"),
        process(31, 20, "ls"),
        process(40, 30, "cc", who="x"),
    )
    found = tables.process_tree(events, since=second(3))
    columns = ("depth", "tree", "pid", "within")
    assert rows(found.select(*columns)) == [
        (0, "sshd", 10, False),
        (1, "  bash", 20, False),
        (2, "    make", 30, True),
        (3, "      cc", 40, True),
        (2, "    ls", 31, True),
    ]


def test_a_tree_of_one_process_has_what_is_above_and_below_it(events_of):
    events = events_of(process(10, 1), process(20, 10), process(21, 10), process(30, 20), process(50, 1))
    assert column(tables.process_tree(events, pid=20), "pid") == [10, 20, 30]


def test_a_tree_can_be_that_of_a_session_or_a_user_and_stays_within_a_boot(events_of):
    events = events_of(
        process(10, 1, auid_name="alice", ses=3),
        process(10, 1, auid_name="bob", ses=4, boot=1),
        process(20, 10, auid_name="bob", ses=4, boot=1),
        process(20, 10, host="web02"),
    )
    assert column(tables.process_tree(events, ses=3), "pid") == [10]
    assert rows(tables.process_tree(events, who="bob").select("boot", "pid", "depth")) == [(1, 10, 0), (1, 20, 1)]
    assert rows(tables.process_tree(events, host="web02").select("host", "pid", "depth")) == [("web02", 20, 0)]
    assert len(rows(tables.process_tree(events))) == 4


def test_numbers_used_again_do_not_lose_a_process(events_of):
    """Each of two can be the other's parent where numbers went round."""
    events = events_of(process(10, 20), process(20, 10), process(30, 30))
    assert sorted(column(tables.process_tree(events), "pid")) == [10, 20, 30]


def test_a_number_with_another_session_is_another_process_of_the_same_parent(events_of):
    """Of cron's jobs; a process that logs somebody in has no session before, and stays the same."""
    jobs = events_of(process(10, 1), process(30, 10, ses=3), process(30, 10, ses=3), process(30, 10, ses=4))
    assert rows(tables.process_tree(jobs).select("pid", "life", "events")) == [(10, 0, 1), (30, 0, 2), (30, 1, 1)]
    login = events_of(process(10, 1), process(30, 10), process(30, 10, ses=3), process(30, 10, ses=3))
    assert rows(tables.process_tree(login).select("pid", "life", "events", "ses")) == [(10, 0, 1, None), (30, 0, 3, 3)]


# --------------------------------------------------------------------------------------------------------- new and rare


def test_new_is_what_no_earlier_day_knows(events_of):
    """Executables, origins, accounts, keys and destinations; a failed login makes neither its origin nor its account known."""
    inet = {"family": "inet", "address": "198.51.100.1", "port": 443}
    events = events_of(
        {"exe": "/bin/old", "keys": ["old"]},
        opened("alice", "192.0.2.9", exe="/bin/old"),
        {"exe": "/bin/old", "keys": ["old", "new"], "auid_name": "alice"},
        {"exe": "/bin/new", "syscall": "connect", "socket": inet, "host": "web02"},
        {"exe": "/bin/new", "syscall": "accept", "socket": inet | {"port": 5}},
        failed("eve", "203.0.113.5", exe="/bin/old"),
        opened("bob", "192.0.2.77", exe="/bin/old"),
    )
    found = tables.first_seen(events, since=second(2))
    assert found.columns == ("kind", "value", "first", "last", "events", "hosts", "who")
    assert rows(found) == [
        ("account", "bob", second(6), second(6), 1, 1, None),
        ("destination", "198.51.100.1 port 443", second(3), second(3), 1, 1, None),
        ("executable", "/bin/new", second(3), second(4), 2, 2, None),
        ("key", "new", second(2), second(2), 1, 1, "alice"),
        ("origin", "192.0.2.77", second(6), second(6), 1, 1, None),
    ]


def test_what_one_host_knows_may_be_new_on_another(events_of):
    events = events_of({"exe": "/bin/a"}, {"exe": "/bin/a", "host": "web02"})
    assert rows(tables.first_seen(events, since=second(1))) == []
    assert column(tables.first_seen(events, since=second(1), by_host=True), "host") == ["web02"]


def test_rare_is_what_few_events_of_one_host_have(events_of):
    events = events_of(
        {"exe": "/bin/a"}, {"exe": "/bin/b"}, {"exe": "/bin/b"}, {"exe": "/bin/c"}, {"exe": "/bin/c", "host": "web02"}
    )
    assert rows(tables.rare(events, at_most=1)) == [("executable", "/bin/a", 1, "web01", None, second(0), second(0), 1)]
    assert column(tables.rare(events, at_most=2), "value") == ["/bin/a", "/bin/b"]
    assert rows(tables.rare(events, at_most=2, on_hosts=2))[-1] == (
        "executable", "/bin/c", 2, "web02", None, second(3), second(4), 2,
    )  # fmt: skip


def test_a_type_of_record_is_rare_wherever_it_stands_in_an_event(events_of):
    """Once in an event that has it twice; the usual type is that of six events."""
    usual = [{"types": ["SYSCALL", "PATH", "PATH"], "auid_name": "bob"} for _ in range(5)]
    events = events_of(*usual, {"types": ["SYSCALL", "ANOM_PROMISCUOUS", "ANOM_PROMISCUOUS"], "auid_name": "eve"})
    assert rows(tables.rare(events)) == [("type", "ANOM_PROMISCUOUS", 1, "web01", "eve", second(5), second(5), 1)]


@pytest.mark.parametrize("question", ["first_seen", "rare", "compared"])
def test_what_somebody_typed_for_an_account_is_shown_masked_or_not_at_all(events_of, question):
    """A password that was typed for a name, before it failed and where a daemon calls it a success."""
    secret = {"acct": "Hunter2!", "account": "unknown-3fa2c1d0"}
    events = events_of({}, SSHD | {"type": "USER_START"} | secret, failed(None, "192.0.2.9") | secret)
    period = {"first_seen": {"since": second(1)}, "compared": {"since": second(1), "until": second(9)}}
    answer = getattr(tables, question)(events, **period.get(question, {}))
    assert ("account", "unknown-3fa2c1d0") in rows(answer.select("kind", "value"))
    assert "Hunter2!" not in str(rows(answer))


def test_an_account_that_only_the_login_itself_names_by_its_id_is_seen(events_of):
    """USER_LOGIN says `id=`, and no `acct=`."""
    login = {"type": "USER_LOGIN", "success": True, "id": 1001, "id_name": "alice", "exe": "/usr/sbin/sshd"}
    assert ("account", "alice") in rows(
        tables.first_seen(events_of({}, login), since=second(1)).select("kind", "value")
    )


def test_one_period_is_compared_with_the_one_before_it(events_of):
    """Of equal length: what is older than that is not counted; what did not change is not shown."""
    events = events_of(
        {"type": "A"},
        {"type": "A"},
        {"type": "B"},
        {"type": "A"},
        {"type": "B"},
        {"type": "A"},
        {"type": "A"},
        {"type": "C"},
    )
    found = tables.compared(events, since=second(4), until=second(8))
    assert rows(found) == [("type", "A", 3, 2, -1), ("type", "C", 0, 1, 1)]


# ------------------------------------------------------------------------------------------------------------------- time


def at(hour, minute=0, day=1, **words):
    return {"time": datetime(2026, 1, day, hour, minute)} | words


def test_out_of_hours_is_before_and_after_work_and_on_days_off(events_of):
    """1 January 2026 is a Thursday, the 3rd a Saturday; hours are half-open."""
    events = events_of(run(**at(7, 59)), run(**at(8)), run(**at(17, 59)), run(**at(18)), run(**at(12, day=3)))
    assert column(tables.out_of_hours(events), "serial") == [1, 4, 5]
    assert column(tables.out_of_hours(events, from_hour=7, to_hour=19, days=(1, 2, 3, 4, 5, 6)), "serial") == []


def test_out_of_hours_goes_by_the_clock_on_the_wall(events_of):
    """08:00 in Seoul is 23:00 UTC of the day before."""
    events = events_of(run(**at(22, 59)), run(**at(23)), run(**at(9)))
    found = tables.out_of_hours(events, timezone="Asia/Seoul")
    assert rows(found.select("serial", "time", "local_time")) == [
        (3, datetime(2026, 1, 1, 9), datetime(2026, 1, 1, 18)),
        (1, datetime(2026, 1, 1, 22, 59), datetime(2026, 1, 2, 7, 59)),
    ]


def test_what_cron_starts_is_no_activity_of_a_person(events_of):
    """Neither its session nor what runs in it; a session of ssh is one, an event of nobody is none."""
    night = at(3)
    events = events_of(
        opened("alice", exe="/usr/sbin/cron", ses=5, **night),
        run(ses=5, **night),
        opened("alice", "192.0.2.9", ses=6, **night),
        run(ses=6, **night),
        run(ses=5, boot=1, **night),
        run(auid=None, auid_name=None, **night),
        {"auid_name": "alice", **night},
    )
    assert column(tables.out_of_hours(events), "serial") == [3, 4, 5]


def test_the_clock_of_a_zone_changes_where_its_rules_say():
    """Half-hour zones and summer time, to the second."""
    year = (datetime(2026, 1, 1), datetime(2027, 1, 1))
    assert offsets("Asia/Kolkata", *year) == [(year[0], timedelta(hours=5, minutes=30))]
    assert offsets("Europe/Berlin", *year) == [
        (year[0], timedelta(hours=1)),
        (datetime(2026, 3, 29, 1), timedelta(hours=2)),
        (datetime(2026, 10, 25, 1), timedelta(hours=1)),
    ]


def test_a_summer_hour_is_told_from_a_winter_hour(events_of):
    """18:30 in Berlin is 17:30 UTC in winter and 16:30 UTC in summer."""
    summer, winter = datetime(2026, 7, 1, 16, 30), datetime(2026, 1, 7, 16, 30)
    events = events_of(run(time=winter), run(time=summer))
    assert column(tables.out_of_hours(events, timezone="Europe/Berlin"), "serial") == [2]


def silent(table):
    return [
        tuple(row[name] for name in ("host", "since", "until", "minutes")) for row in table.to_pyarrow().to_pylist()
    ]


def test_a_long_silence_is_shown_with_whether_the_host_restarted(events_of):
    """Each host by itself; a silence at the end of a log is not one between events. auditd's serials tell no loss."""
    events = events_of(
        at(0, serial=10),
        at(2, boot=1, serial=3, type="DAEMON_START"),
        at(2, 30, boot=1, serial=5),
        at(5, boot=1, serial=9, type="USER_LOGIN"),
        at(23, host="web02"),
    )
    assert rows(tables.silences(events)) == [
        ("web01", datetime(2026, 1, 1, 2, 30), datetime(2026, 1, 1, 5), 150.0, 1, False, "SYSCALL", "USER_LOGIN", 3),
        ("web01", datetime(2026, 1, 1), datetime(2026, 1, 1, 2), 120.0, 1, True, "SYSCALL", "DAEMON_START", None),
    ]
    assert column(tables.silences(events, minutes=30), "missing") == [3, None, None]


def test_a_host_is_silent_from_the_beginning_of_the_period_and_to_its_end(events_of):
    """What lies outside the period breaks no silence; a host without any event is silent all the time."""
    import ibis

    events = events_of(at(5), at(6), at(7), at(23))
    period = {"since": datetime(2026, 1, 1), "until": datetime(2026, 1, 1, 20)}
    assert silent(tables.silences(events, minutes=120, **period)) == [
        ("web01", datetime(2026, 1, 1, 7), datetime(2026, 1, 1, 20), 780.0),
        ("web01", datetime(2026, 1, 1), datetime(2026, 1, 1, 5), 300.0),
    ]
    assert silent(tables.silences(events, minutes=600)) == [
        ("web01", datetime(2026, 1, 1, 7), datetime(2026, 1, 1, 23), 960.0)
    ]
    hosts = ibis.memtable({"host": ["web01", "web09"]})
    assert silent(tables.silences(events, hosts, minutes=1000, **period)) == [
        ("web09", datetime(2026, 1, 1), datetime(2026, 1, 1, 20), 1200.0)
    ]


def test_a_clock_that_was_set_or_ran_backwards_is_shown(events_of):
    """By serial within a boot; auditd's own numbers and small steps are no steps of the clock."""
    events = events_of(
        {"serial": 1, "time": second(100)},
        {"serial": 2, "time": second(40), "exe": "/bin/x"},
        {"serial": 3, "time": second(38)},
        {"serial": 9000, "type": "DAEMON_START", "time": second(30)},
        {
            "serial": 4,
            "time": second(39),
            "type": "TIME_INJOFFSET",
            "other": [{"record": 0, "key": "sec", "value": "-60"}],
        },
        {"serial": 5, "time": second(41), "syscall": "clock_settime"},
        {"serial": 1, "time": second(20), "boot": 1},
    )
    found = tables.clock_steps(events)
    assert found.columns == ("host", "time", "serial", "step", "how", "who", "exe", "details", "success")
    assert rows(found) == [
        ("web01", second(39), 4, 60.0, "TIME_INJOFFSET", None, None, "sec=-60", None),
        ("web01", second(40), 2, 60.0, "backwards", None, "/bin/x", None, None),
        ("web01", second(41), 5, None, "clock_settime", None, None, None, None),
    ]
    assert column(tables.clock_steps(events, seconds=1), "serial") == [3, 4, 2, 5]


def test_the_step_of_a_clock_is_what_the_kernel_says_it_added(events_of):
    """Whole seconds, and nanoseconds that are never negative; microseconds of adjtime. Of a frequency there is no step."""

    def said(type_, **fields):
        return {"types": ["SYSCALL", type_], "other": [{"record": 1, "key": k, "value": v} for k, v in fields.items()]}

    events = events_of(
        said("TIME_INJOFFSET", sec="119", nsec="500000000") | {"syscall": "clock_settime", "success": True},
        said("TIME_INJOFFSET", sec="-121", nsec="750000000") | {"syscall": "clock_settime"},
        said("TIME_ADJNTPVAL", old="0", new="-1048576") | {"op": "freq", "syscall": "adjtimex"},
        said("TIME_ADJNTPVAL", old="0", new="250000") | {"op": "adjust", "syscall": "adjtimex"},
        said("TIME_ADJNTPVAL", sec="-2", nsec="0") | {"syscall": "adjtimex"},
        {"syscall": "settimeofday", "success": False},
    )
    assert rows(tables.clock_steps(events).select("serial", "step", "how", "success")) == [
        (1, -119.5, "clock_settime", True),
        (2, 120.25, "clock_settime", None),
        (4, -0.25, "adjtimex", None),
        (5, 2.0, "adjtimex", None),
        (6, None, "settimeofday", False),
    ]


# ----------------------------------------------------------------------------------------------------- network and change


def test_a_connection_has_a_direction_an_address_and_a_port(events_of):
    """Internet sockets only; an unknown call has no direction."""

    def call(name, family="inet", **words):
        return {
            "syscall": name,
            "socket": {"family": family, "address": "192.0.2.1", "port": 22},
            "exe": "/bin/nc",
        } | words

    events = events_of(
        call("connect", success=False, errno="EINPROGRESS"), call("accept4"), call("bind"), call("getpeername", "inet6"),
        call("connect", "local"), call("connect", "netlink"), {"syscall": "connect"}, call("connect", host="web02"),
    )  # fmt: skip
    assert column(tables.connections(events), "direction") == ["out", "in", "listen", None, "out"]
    assert rows(tables.connections(events))[0][3:] == (
        "out", "192.0.2.1", 22, "/bin/nc", None, "connect", False, "EINPROGRESS",
    )  # fmt: skip
    assert rows(tables.connections(events, summary=True))[0] == (
        "out",
        "192.0.2.1",
        22,
        "/bin/nc",
        2,
        2,
        second(0),
        second(7),
    )


def write(name, nametype="NORMAL", **words):
    """A call that writes to a file."""
    path = {"name": name, "nametype": nametype}
    return {"syscall": "openat", "a0": -100, "a2": 0o1101, "success": True, "paths": [path], "cwd": "/etc"} | words


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("/etc/passwd", "identity"),
        ("/etc/shadow-", "identity"),
        ("/etc/pam.d/sshd", "identity"),
        ("/etc/sudoers.d/99-bob", "sudoers"),
        ("/etc/ssh/sshd_config", "ssh"),
        ("/home/bob/.ssh/authorized_keys", "ssh"),
        ("/etc/cron.d/persist", "cron"),
        ("/var/spool/cron/crontabs/bob", "cron"),
        ("/etc/systemd/system/x.service", "systemd"),
        ("/boot/grub/grub.cfg", "boot"),
        ("/etc/modprobe.d/x.conf", "modules"),
        ("/etc/localtime", "time"),
        ("/etc/audit/rules.d/x.rules", "audit"),
        ("/var/log/audit/audit.log", "audit"),
        ("/etc/ld.so.preload", "loader"),
        ("/etc/hosts", "network"),
        ("/home/bob/.bashrc", "shell"),
        ("/etc/apparmor.d/x", "mandatory access"),
        ("hosts", "network"),
        ("/etc/motd", None),
        ("/srv/etc/passwd", None),
        ("//etc//shadow", "identity"),
        ("/srv/../etc/shadow", "identity"),
        ("../run/systemd/system/x.service", "systemd"),
        ("/usr/local/lib/systemd/system/x.service", "systemd"),
        ("/usr/lib/modules/6.1/x.ko", "modules"),
        ("/etc/passwdx", None),
    ],
)
def test_a_changed_file_belongs_to_a_topic(events_of, name, topic):
    assert column(tables.changes(events_of(write(name))), "topic") == ([topic] if topic else [])


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ({}, True),
        ({"a2": 0}, False),
        ({"a2": 0o2}, True),
        ({"syscall": "open", "a1": 1}, True),
        ({"syscall": "open", "a1": 0}, False),
        ({"syscall": "chmod"}, True),
        ({"syscall": "stat"}, False),
        ({"syscall": None}, False),
        ({"a2": 0, "paths": [{"name": "/etc/hosts", "nametype": "CREATE"}]}, True),
        ({"paths": [{"name": "/etc/", "nametype": "PARENT"}]}, False),
        ({"success": False}, False),
        ({"by_collector": True}, False),
    ],
)
def test_a_file_is_changed_by_a_call_that_writes_and_not_by_one_that_reads(events_of, words, changed):
    assert len(rows(tables.changes(events_of(write("/etc/hosts") | words)))) == int(changed)


def test_a_change_by_its_type_says_what_was_done(events_of):
    other = [{"record": 0, "key": "audit_enabled", "value": "0"}]
    events = events_of(
        {"type": "CONFIG_CHANGE", "op": "set", "other": other, "success": True, "auid_name": "alice"},
        {"type": "ADD_USER", "account": "bob", "success": True},
        {"types": ["KERN_MODULE", "SYSCALL"], "syscall": "init_module", "success": True},
        {"type": "SERVICE_STOP", "unit": "siteapp", "success": True},
        {"syscall": "clock_settime", "success": True},
        {"type": "ADD_USER", "account": "eve", "success": False},
        {"type": "USER_LOGIN", "success": True},
    )
    assert [row[3:6] for row in rows(tables.changes(events))] == [
        ("audit", "set audit_enabled=0", "CONFIG_CHANGE"),
        ("identity", "bob", "ADD_USER"),
        ("modules", None, "KERN_MODULE"),
        ("services", "siteapp", "SERVICE_STOP"),
        ("time", None, "clock_settime"),
    ]
    assert column(tables.changes(events, topic="identity", success=None), "what") == ["bob", "eve"]


@pytest.mark.parametrize(("asked", "outcomes"), [(None, [True, False]), (True, [True]), (False, [False])])
def test_a_refused_change_of_audit_has_failed_though_its_system_call_has_not(events_of, asked, outcomes):
    """The record of the change says `res=0`; the message that carried it to the kernel arrived."""
    change = {"types": ["SYSCALL", "CONFIG_CHANGE"], "success": True, "op": "set"}
    call = {"gap": 0, "length": 300, "form": "arch=* success=yes"}
    records = [[call, {"gap": 0, "length": 90, "form": f"op=* res={res}"}] for res in (1, 0)]
    events = events_of(*(change | {"records": forms} for forms in records))
    assert column(tables.changes(events, success=asked), "success") == outcomes


# ----------------------------------------------------------------------------------------------------------------- fleet


def test_accounts_are_compared_between_hosts(events_of):
    """The same name under two numbers is a clash; what the fewest hosts know stands first."""
    events = events_of(
        {"auid": 1001, "auid_name": "alice"},
        {"auid": 1001, "auid_name": "alice", "host": "web02"},
        {"auid": 1002, "auid_name": "bob"},
        {"auid": 1003, "auid_name": "bob", "host": "db02"},
        {"auid": 1009, "auid_name": "eve", "host": "db02"},
        {},
    )
    assert rows(tables.accounts(events).select("who", "hosts", "names", "numbers", "auids", "events")) == [
        ("eve", 1, "db02", 1, "1009", 1),
        ("alice", 2, "web01 web02", 1, "1001", 2),
        ("bob", 2, "db02 web01", 2, "1002 1003", 2),
    ]


def test_a_name_with_two_ids_and_an_id_with_two_names_are_clashes(events_of):
    """On one host or between two; who acts by sudo is seen as well, and a number that has no name yet is none."""
    events = events_of(
        {"auid": 1001, "auid_name": "alice", "uid": 1001, "uid_name": "alice"},
        {"auid": 1001, "auid_name": "carol", "host": "web02"},
        {"auid": 1002, "auid_name": "bob"},
        {"auid": 1002, "auid_name": "bob", "euid": 1003, "euid_name": "bob", "host": "web02"},
        {"auid": 1004, "auid_name": "dave"},
        {"auid": 1004, "host": "web02"},
        {"auid": 1002, "auid_name": "bob", "uid": 1004, "uid_name": "unknown(1004)"},
        {"type": "ADD_USER", "success": True, "account": "toor", "id": 0, "auid": 0, "auid_name": "root"},
        {"type": "ADD_USER", "success": False, "account": "eve", "id": 1004, "auid": 0, "auid_name": "root"},
    )
    found = tables.accounts(events).select("who", "numbers", "auids", "shared", "clash", "missing")
    assert rows(found) == [
        ("1004", 1, "1004", None, False, 1),
        ("alice", 1, "1001", "carol", True, 1),
        ("carol", 1, "1001", "alice", True, 1),
        ("dave", 1, "1004", None, False, 1),
        ("root", 1, "0", "toor", True, 1),
        ("bob", 2, "1002 1003", None, True, 0),
    ]


def call(exe, key, **words):
    return {"types": ["SYSCALL", "PATH", "EOE"], "exe": exe, "keys": [key] if key else None} | words


def test_an_exclusion_saves_what_all_rules_log_of_an_executable_on_its_host(events_of):
    """The share is that of the host: what another host logs makes nothing louder or less loud."""
    events = events_of(
        call("/bin/cp", "perm_mod"), call("/bin/cp", "delete"), {"type": "USER_LOGIN"}, {"type": "USER_LOGIN"},
        *({"type": "USER_LOGIN", "host": "web02"} for _ in range(9)),
    )  # fmt: skip
    shown = tables.loudest(events).select("key", "records", "share", "saves_events", "saves_records", "saves")
    assert rows(shown) == [("delete", 3, 3 / 8, 2, 6, 6 / 8), ("perm_mod", 3, 3 / 8, 2, 6, 6 / 8)]


@pytest.mark.parametrize(
    ("exe", "keys"),
    [
        (None, ["perm_mod"]),
        ("cp", ["perm_mod"]),
        ("/tmp/x (deleted)", ["perm_mod"]),
        ("/opt/a b", ["perm_mod"]),
        ("/usr/bin/bash", ["perm_mod"]),
        ("/usr/bin/python3.11", ["perm_mod"]),
        ("/usr/bin/sudo", ["perm_mod"]),
        ("/usr/sbin/sshd", ["perm_mod"]),
        ("/bin/cp", ["identity"]),
        ("/bin/cp", ["perm_mod", "identity"]),
        ("/bin/cp", ["auth-changes"]),
        ("/bin/cp", ["auditlog"]),
    ],
)
def test_no_exclusion_is_proposed_that_is_impossible_or_blinds_what_guards(events_of, exe, keys):
    events = events_of(*[call(exe, None) | {"keys": keys}] * 5, call(exe, "delete"))
    assert set(column(tables.loudest(events), "exclusion")) == {None}


def test_the_loudest_are_named_with_the_rule_that_would_silence_them(events_of):
    """By records, of which an event has several; only what a system call caused can be excluded by its executable."""
    call = {"types": ["SYSCALL", "PATH", "PROCTITLE"], "exe": "/bin/cp", "keys": ["perm_mod", "x"]}
    events = events_of(call, call, {"exe": "/bin/ls"}, {"exe": "/bin/ls"}, {"type": "USER_LOGIN", "exe": "/sbin/sshd"})
    assert rows(tables.loudest(events).select("key", "exe", "events", "records", "share", "exclusion")) == [
        ("perm_mod", "/bin/cp", 2, 6, 6 / 9, "-a never,exit -F exe=/bin/cp"),
        (None, "/bin/ls", 2, 2, 2 / 9, "-a never,exit -F exe=/bin/ls"),
    ]
