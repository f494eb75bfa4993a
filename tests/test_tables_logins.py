"""Who came in, who failed to, and from where: each rule on the smallest frame that needs it."""

from datetime import datetime, timedelta

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)
SSHD = {"exe": "/usr/sbin/sshd", "terminal": "ssh"}


def rows(table):
    """Every row as a tuple, in the order of the table."""
    return [tuple(row.values()) for row in table.to_pyarrow().to_pylist()]


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def failed(account, address, type_="USER_LOGIN", **words):
    return SSHD | {"type": type_, "success": False, "acct": account, "account": account, "addr": address} | words


def opened(account, address=None, **words):
    return SSHD | {"type": "USER_START", "success": True, "acct": account, "account": account, "addr": address} | words


def test_a_failed_login_shows_its_account_and_where_it_came_from(events_of):
    """Only USER_LOGIN, only failures; `hostname=?` gives way to the address."""
    events = events_of(
        failed("bob", "192.0.2.9", hostname="?"),
        failed("bob", "192.0.2.9") | {"success": True},
        failed("bob", "192.0.2.9", "USER_AUTH"),
    )
    found = tables.failed_logins(events)
    assert found.columns == ("host", "time", "serial", "account", "address", "terminal", "exe")
    assert rows(found) == [("web01", MIDNIGHT, 1, "bob", "192.0.2.9", "ssh", "/usr/sbin/sshd")]


def test_a_login_in_an_event_of_several_records_is_found(events_of):
    """The type of any record counts, not only that of the first."""
    events = events_of(failed("bob", "192.0.2.9") | {"types": ["SYSCALL", "USER_LOGIN"], "type": "SYSCALL"})
    assert [row[2] for row in rows(tables.failed_logins(events))] == [1]


def test_the_collectors_own_events_are_left_out_unless_asked_for(events_of):
    events = events_of(failed("collector", "192.0.2.9", by_collector=True))
    assert rows(tables.failed_logins(events)) == []
    assert [row[3] for row in rows(tables.failed_logins(events, collector=True))] == ["collector"]


def test_the_user_of_a_login_is_who_came_in_and_for_a_failure_the_account_tried(events_of):
    """USER_LOGIN's own uid is the daemon's: `id=` says who came in, before any auid is set the account that was tried."""
    events = events_of(
        {"type": "USER_LOGIN", "success": True, "uid": 0, "id": 1001, "id_name": "alice"},
        {"type": "USER_LOGIN", "success": True, "uid": 0, "auid": 1002, "auid_name": "bob", "id": 1002},
        {"type": "USER_LOGIN", "success": True, "uid": 0, "id": 1003},
        {"type": "USER_LOGIN", "success": False, "uid": 0, "auid": 0, "auid_name": "root", "account": "carol"},
    )
    assert [row[3] for row in rows(tables.logins(events))] == ["alice", "bob", "1003", "carol"]


def test_logins_can_be_asked_for_one_outcome(events_of):
    """An unknown outcome is neither a success nor a failure."""
    events = events_of(
        *({"type": "USER_LOGIN", "success": outcome, "account": "bob"} for outcome in (True, False, None))
    )
    assert [row[2] for row in rows(tables.logins(events, success=True))] == [1]
    assert [row[2] for row in rows(tables.logins(events, success=False))] == [2]
    assert [row[2] for row in rows(tables.logins(events))] == [1, 2, 3]


def test_logins_in_summary_count_users_and_the_hosts_they_came_to(events_of):
    events = events_of(
        {"type": "USER_LOGIN", "success": True, "auid_name": "bob"},
        {"type": "USER_LOGIN", "success": True, "auid_name": "bob", "host": "web02"},
        {"type": "USER_LOGIN", "success": True, "auid_name": "alice"},
    )
    found = tables.logins(events, summary=True)
    assert found.columns == ("user", "events", "hosts", "first", "last")
    assert rows(found) == [("bob", 2, 2, second(0), second(1)), ("alice", 1, 1, second(2), second(2))]


def test_an_authentication_is_of_a_user_or_of_a_group(events_of):
    """USER_ACCT and CRED_ACQ go with an authentication and are none."""
    events = events_of(
        failed("bob", None, "USER_AUTH"),
        failed("wheel", None, "GRP_AUTH"),
        failed("bob", None, "USER_ACCT"),
        failed("bob", None, "CRED_ACQ"),
    )
    assert [row[3] for row in rows(tables.authentications(events))] == ["bob", "wheel"]
    assert rows(tables.authentications(events, summary=True)) == [
        ("bob", 1, 1, second(0), second(0)),
        ("wheel", 1, 1, second(1), second(1)),
    ]


def test_an_opened_session_says_through_which_program_and_from_where(events_of):
    """sudo and su open sessions inside one: those are not somebody coming in. A refused session is not open."""
    events = events_of(
        opened("alice", "192.0.2.9", ses=3),
        opened("alice", exe="/usr/sbin/cron", terminal="cron"),
        opened("root", exe="/usr/bin/sudo"),
        opened("root", exe="/usr/bin/su"),
        opened("alice", "192.0.2.9") | {"success": False},
        opened("alice", "192.0.2.9") | {"type": "USER_END"},
    )
    assert rows(tables.sessions_opened(events)) == [
        ("web01", second(0), 1, "alice", "sshd", "192.0.2.9", "ssh", 3),
        ("web01", second(1), 2, "alice", "cron", None, "cron", None),
    ]


def test_origins_count_sessions_by_account_and_address(events_of):
    """An IPv4 address inside IPv6 is the IPv4 address; a session without an address has no origin."""
    events = events_of(
        opened("alice", "::ffff:192.0.2.9"),
        opened("alice", "192.0.2.9", host="web02"),
        opened("bob", "?", hostname="desk.example"),
        opened("alice", "?", exe="/usr/sbin/cron"),
        opened("root", "192.0.2.9", exe="/usr/bin/sudo"),
        failed("alice", "192.0.2.9"),
    )
    assert rows(tables.login_origins(events)) == [
        ("alice", "192.0.2.9", "sshd", 2, 2, second(0), second(1)),
        ("bob", "desk.example", "sshd", 1, 1, second(2), second(2)),
    ]


def test_failures_by_address_tell_logins_from_authentications(events_of):
    """One attempt leaves both records, so they are two figures; accounts are counted as typed, however they are shown."""
    events = events_of(
        failed("bob", "192.0.2.9", "USER_AUTH"),
        failed("bob", "192.0.2.9"),
        failed("nobody1", "192.0.2.9") | {"account": "***"},
        failed("nobody2", "192.0.2.9", host="web02") | {"account": "***"},
        failed("bob", "198.51.100.1"),
        failed("bob", None),
        failed("bob", "192.0.2.9", exe="/usr/bin/sudo"),
        failed("bob", "192.0.2.9", "USER_ACCT"),
    )
    found = tables.failed_by_address(events)
    columns = ("address", "failed_logins", "failed_authentications", "accounts", "hosts", "first", "last")
    assert found.columns == (*columns, "attempts", "terminal")
    assert rows(found) == [
        ("192.0.2.9", 3, 1, 3, 2, second(0), second(3), 3, None),
        ("198.51.100.1", 1, 0, 1, 1, second(4), second(4), 1, None),
        (None, 1, 0, 1, 1, second(5), second(5), 1, "ssh"),
    ]


def test_a_console_is_no_address_whatever_name_the_machine_gives_itself(events_of):
    """Programs put the machine's own name where that of the other side belongs: the terminal tells where it was."""
    console = {"exe": "/usr/bin/login", "hostname": "web01"}
    events = events_of(
        failed("alice", "?", terminal="/dev/ttyS0") | console,
        failed("alice", "?", terminal="?", exe="/usr/sbin/gdm-session-worker", hostname="web01"),
        failed("alice", "?", terminal="?", exe="/usr/sbin/gdm-session-worker", hostname="node7", node="node7.example"),
        failed("alice", "?", hostname="desk.example"),
    )
    assert [(row[0], row[-1]) for row in rows(tables.failed_by_address(events))] == [
        (None, None), ("desk.example", None), (None, "ttyS0"),
    ]  # fmt: skip


def test_the_records_of_one_connection_are_one_attempt(events_of):
    """sshd writes three refused logins for a name it does not know; two passwords in one connection are two attempts."""
    events = events_of(
        failed("(invalid user)", "192.0.2.9", pid=7),
        failed("(invalid user)", "192.0.2.9", pid=7),
        failed("admin", "192.0.2.9", "USER_AUTH", pid=7, op="PAM:authentication"),
        failed("(invalid user)", "192.0.2.9", pid=7),
        failed("bob", "192.0.2.9", "USER_AUTH", pid=8, op="PAM:authentication"),
        failed("bob", "192.0.2.9", "USER_AUTH", pid=8, op="password"),
        failed("bob", "192.0.2.9", "USER_AUTH", pid=8, op="PAM:authentication", time=second(10)),
        failed("bob", "192.0.2.9", pid=8, time=second(12)),
        failed("(invalid user)", "192.0.2.9", pid=9, time=second(20)),
        failed("(invalid user)", "192.0.2.9", pid=9, time=second(22)),
    )
    assert [(row[0], row[1], row[2], row[7]) for row in rows(tables.failed_by_address(events))] == [
        ("192.0.2.9", 6, 4, 4)
    ]
    assert {row[0]: row[7] for row in rows(tables.failed_by_account(events))} == {
        "(invalid user)": 1,
        "admin": 1,
        "bob": 2,
    }


def test_a_number_of_a_process_that_is_used_again_is_another_connection(events_of):
    """Hours later the same number tries the same name: the log does not tell a proof then."""
    hour = timedelta(hours=1)
    events = events_of(
        failed("bob", "192.0.2.9", "USER_AUTH", pid=7), failed("bob", "192.0.2.9", pid=7, time=MIDNIGHT + hour)
    )
    assert [row[7] for row in rows(tables.failed_by_address(events))] == [2]


def test_a_password_asked_for_inside_a_session_is_no_login(events_of):
    """passwd asks for the old one."""
    events = events_of(failed("bob", None, "USER_AUTH", exe="/usr/bin/passwd"), opened("bob", "192.0.2.9"))
    assert rows(tables.failed_by_account(events)) == []
    assert rows(tables.failed_then_succeeded(events)) == []


def test_failures_by_account_count_the_addresses(events_of):
    events = events_of(
        failed("bob", "192.0.2.9"),
        failed("bob", "198.51.100.1"),
        failed("bob", "198.51.100.1", "USER_AUTH"),
        failed("alice", "192.0.2.9"),
        failed(None, "192.0.2.9"),
        failed("bob", "203.0.113.1") | {"success": True},
    )
    found = tables.failed_by_account(events)
    assert found.columns == (
        "account",
        "failed_logins",
        "failed_authentications",
        "addresses",
        "hosts",
        "first",
        "last",
        "attempts",
    )
    assert rows(found) == [
        ("bob", 2, 1, 2, 1, second(0), second(2), 2),
        ("alice", 1, 0, 1, 1, second(3), second(3), 1),
    ]


def test_an_account_that_comes_in_after_failing_is_found_with_the_number_of_failures(events_of):
    """The failures of the hour before count, on the same host and account; a success that none preceded is nothing new."""
    events = events_of(
        failed("bob", "192.0.2.9", "USER_AUTH"),
        failed("bob", "192.0.2.9", "USER_AUTH"),
        failed("alice", "192.0.2.9"),
        failed("bob", "192.0.2.9", host="web02"),
        opened("bob", "192.0.2.9"),
        opened("bob", "192.0.2.9", type="USER_LOGIN"),
        opened("carol", "192.0.2.9"),
        opened("alice", "192.0.2.9", time=MIDNIGHT + timedelta(hours=2)),
    )
    found = tables.failed_then_succeeded(events)
    columns = ("host", "time", "serial", "account", "address", "terminal", "exe", "failures", "first_failure")
    assert found.columns == columns
    assert rows(found) == [("web01", second(4), 5, "bob", "192.0.2.9", "ssh", "/usr/sbin/sshd", 2, second(0))]
    assert [row[3] for row in rows(tables.failed_then_succeeded(events, within_minutes=180))] == ["bob", "alice"]
    assert rows(tables.failed_then_succeeded(events, at_least=3)) == []


def test_failures_are_counted_by_attempt_before_a_success(events_of):
    """A wrong password leaves two records, the right one two: one failure, one success."""
    events = events_of(
        failed("bob", "192.0.2.9", "USER_AUTH", pid=7, op="PAM:authentication"),
        failed("bob", "192.0.2.9", pid=7, terminal="sshd", op="login"),
        opened("bob", "192.0.2.9", pid=8),
        opened(None, "192.0.2.9", pid=8, type="USER_LOGIN", id=1002, id_name="bob"),
    )
    assert [row[7] for row in rows(tables.failed_then_succeeded(events))] == [1]


def test_a_session_that_a_login_brings_along_is_no_entry_of_its_own(events_of):
    """systemd opens a session for the user's manager while sshd lets the user in, and cron opens one for each job."""
    events = events_of(
        failed("bob", "192.0.2.9", "USER_AUTH"),
        opened("bob", None, exe="/usr/lib/systemd/systemd"),
        opened("bob", None, exe="/usr/sbin/cron"),
        opened("bob", "192.0.2.9"),
    )
    assert [row[6] for row in rows(tables.failed_then_succeeded(events))] == ["/usr/sbin/sshd"]
