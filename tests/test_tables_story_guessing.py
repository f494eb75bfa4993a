"""Guessing of passwords: each pattern, and each rule of counting, on the smallest frame that needs it."""

from datetime import datetime, timedelta

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)
SSHD = {"exe": "/usr/sbin/sshd", "terminal": "ssh"}


def at(seconds):
    return MIDNIGHT + timedelta(seconds=seconds)


def failed(account, address, seconds, type_="USER_LOGIN", **words):
    names = {"acct": account, "account": account, "addr": address}
    return SSHD | {"type": type_, "success": False, "time": at(seconds)} | names | words


def wrong_password(account, address, seconds, pid):
    """What one wrong password leaves: PAM's refusal, and sshd's when the connection ends."""
    return [
        failed(account, address, seconds, "USER_AUTH", op="PAM:authentication", pid=pid),
        failed(account, address, seconds + 2, terminal="sshd", op="login", pid=pid),
    ]


def came(account, address, seconds, **words):
    names = {"acct": account, "account": account, "addr": address}
    return SSHD | {"type": "USER_START", "success": True, "time": at(seconds)} | names | words


def told(table, *columns):
    return [tuple(row[name] for name in columns) for row in table.to_pyarrow().to_pylist()]


def patterns(table):
    return told(table, "pattern", "address", "account", "failures")


def test_every_row_says_which_pattern_how_much_from_when_to_when_and_what_became_of_it(events_of):
    """A success counts after a failure of the same account from the same source."""
    events = events_of(
        *(failed("bob", "192.0.2.9", n) for n in range(5)),
        came("bob", "192.0.2.9", 60),
        came("bob", "203.0.113.50", 70),
    )
    assert tables.guessing(events).to_pyarrow().to_pylist() == [
        {
            "pattern": "brute force",
            "address": "192.0.2.9",
            "account": "bob",
            "failures": 5,
            "accounts": 1,
            "addresses": 1,
            "hosts": 1,
            "first": at(0),
            "last": at(4),
            "came_in": 1,
            "then_succeeded": True,
            "succeeded": at(60),
            "terminal": None,
            "tried": "bob",
            "on": "web01",
        }
    ]


def test_a_success_before_the_failures_is_no_hit(events_of):
    events = events_of(came("bob", "192.0.2.9", 0), *(failed("bob", "192.0.2.9", n) for n in range(1, 6)))
    assert told(tables.guessing(events), "came_in", "then_succeeded", "succeeded") == [(0, False, None)]


def test_failures_that_lie_far_apart_are_no_guessing(events_of):
    """Five in five days; and two bursts are two rows."""
    day = 86_400
    assert patterns(tables.guessing(events_of(*(failed("bob", "192.0.2.9", n * day) for n in range(5))))) == []
    twice = events_of(*(failed("bob", "192.0.2.9", start + n) for start in (0, day) for n in range(5)))
    assert told(tables.guessing(twice), "first", "last") == [(at(0), at(4)), (at(day), at(day + 4))]


def test_a_slow_burst_is_found_in_longer_stretches(events_of):
    events = events_of(*(failed("bob", "192.0.2.9", n * 3600) for n in range(5)))
    assert patterns(tables.guessing(events)) == []
    assert len(patterns(tables.guessing(events, within_minutes=1440))) == 1


def test_an_attempt_counts_once_however_many_records_it_left(events_of):
    """Four wrong passwords are eight records, and below five."""
    wrong = [one for n in range(4) for one in wrong_password("bob", "192.0.2.9", n * 10, pid=100 + n)]
    assert patterns(tables.guessing(events_of(*wrong))) == []
    assert patterns(tables.guessing(events_of(*wrong), failures_from=4)) == [("brute force", "192.0.2.9", "bob", 4)]


def test_one_source_on_many_accounts_is_password_spraying(events_of):
    """A name that sshd does not tell is no account of its own; what PAM says was typed is."""
    invalid = [
        failed("(invalid user)", "192.0.2.9", n * 5 + later, pid=100 + n) for n in range(4) for later in (0, 0.02, 2)
    ]
    typed = [failed(f"name{n}", "192.0.2.9", n * 5 + 1, "USER_AUTH", pid=100 + n) for n in range(4)]
    assert patterns(tables.guessing(events_of(*invalid), failures_from=4)) == [
        ("unknown accounts", "192.0.2.9", "(invalid user)", 4)
    ]
    found = tables.guessing(events_of(*invalid, *typed))
    assert told(found, "pattern", "failures", "accounts", "tried") == [
        ("password spraying", 4, 4, "name0 name1 name2 name3")
    ]


def test_accounts_that_are_masked_alike_are_counted_as_typed(events_of):
    masked = [failed(f"secret{n}", "192.0.2.9", n) | {"account": "***"} for n in range(4)]
    assert told(tables.guessing(events_of(*masked)), "pattern", "accounts", "tried") == [
        ("password spraying", 4, "***")
    ]


def test_many_sources_on_one_account_are_distributed(events_of):
    """Each stays below the number of failures of its own; whoever comes in as that account then is a hit."""
    events = events_of(*(failed("root", f"203.0.113.{n}", n) for n in range(4)), came("root", "198.51.100.7", 60))
    found = tables.guessing(events)
    assert patterns(found) == [("distributed", None, "root", 4)]
    assert told(found, "addresses", "then_succeeded") == [(4, True)]


def test_one_source_on_many_hosts_is_seen_over_the_fleet(events_of):
    """One failure on each host is nothing on any of them."""
    events = events_of(*(failed("root", "192.0.2.9", n, host=f"web0{n}") for n in range(3)))
    found = tables.guessing(events)
    assert patterns(found) == [("fleet", "192.0.2.9", None, 3)]
    assert told(found, "hosts", "on") == [(3, "web00 web01 web02")]
    assert patterns(tables.guessing(events, hosts_from=4)) == []


def test_many_sources_on_many_accounts_are_seen_over_the_fleet(events_of):
    """Each of twenty tries one name once; one source that is loud by itself does not make it a matter of many."""
    quiet = [failed(f"name{n}", f"203.0.113.{n}", n, host=f"web{n % 7}") for n in range(20)]
    assert patterns(tables.guessing(events_of(*quiet))) == [("distributed spraying", None, None, 20)]
    loud = [failed("root", "192.0.2.9", n) for n in range(30)]
    found = tables.guessing(events_of(*quiet[:4], *loud))
    assert [row[0] for row in patterns(found)] == ["brute force"]


def test_the_consoles_of_two_hosts_are_two_sources_without_an_address(events_of):
    console = {"exe": "/usr/bin/login", "terminal": "/dev/tty1"}
    events = events_of(
        *(failed("root", "?", n, host=host, hostname=host) | console for host in ("a", "b") for n in range(3))
    )
    assert patterns(tables.guessing(events)) == []
    found = tables.guessing(events, failures_from=3)
    assert told(found, "pattern", "address", "terminal", "on") == [
        ("brute force", None, "tty1", "a"),
        ("brute force", None, "tty1", "b"),
    ]
