"""Failures of the whole fleet over time: each rule on the smallest frame that needs it."""

from datetime import datetime, timedelta

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)


def minute(n):
    return MIDNIGHT + timedelta(minutes=n)


def rows(table):
    """Every row as a tuple, in the order of the table."""
    return [tuple(row.values()) for row in table.to_pyarrow().to_pylist()]


def failed(account, address, at, type_="USER_LOGIN", **words):
    always = {"type": type_, "success": False, "acct": account, "addr": address, "exe": "/usr/sbin/sshd"}
    return always | {"time": minute(at)} | words


def test_failures_are_counted_by_stretches_of_the_whole_fleet(events_of):
    """A stretch begins on the clock, an empty one has no row; the address with the most attempts is named."""
    events = events_of(
        failed("bob", "192.0.2.9", 0),
        failed("eve", "192.0.2.9", 9, host="web02"),
        failed("bob", "198.51.100.1", 9),
        failed("bob", "198.51.100.1", 10),
        failed("bob", "192.0.2.9", 31),
    )
    found = tables.failures_over_time(events)
    assert found.columns == ("time", "attempts", "hosts", "addresses", "accounts", "address", "address_attempts")
    assert rows(found) == [
        (minute(0), 3, 2, 2, 2, "192.0.2.9", 2),
        (minute(10), 1, 1, 1, 1, "198.51.100.1", 1),
        (minute(30), 1, 1, 1, 1, "192.0.2.9", 1),
    ]
    assert [row[:2] for row in rows(tables.failures_over_time(events, minutes=60))] == [(minute(0), 5)]
    assert [row[0] for row in rows(tables.failures_over_time(events, at_least=2))] == [minute(0)]


def test_an_attempt_counts_once_however_many_records_it_left(events_of):
    """A wrong password leaves a USER_AUTH and a USER_LOGIN; what is checked besides is no attempt."""
    events = events_of(
        failed("bob", "192.0.2.9", 0, "USER_AUTH"),
        failed("bob", "192.0.2.9", 0),
        failed("bob", "192.0.2.9", 1, "USER_AUTH"),
        failed("bob", "192.0.2.9", 1, "USER_ACCT"),
        failed("bob", "192.0.2.9", 1, success=True),
        failed("bob", "192.0.2.9", 1, exe="/usr/bin/sudo"),
        failed("bob", "198.51.100.1", 1, by_collector=True),
    )
    assert [row[1] for row in rows(tables.failures_over_time(events))] == [2]
    with_our_own = tables.failures_over_time(events, collector=True)
    assert [row[1] for row in rows(with_our_own)] == [3]


def test_a_failure_at_the_console_has_no_address_and_counts_all_the_same(events_of):
    """An account that is known by number only is an account, too."""
    events = events_of(
        failed("bob", None, 0, exe="/usr/bin/login"),
        failed(None, None, 0, exe="/usr/bin/login", id=1001),
        failed("bob", "198.51.100.1", 0),
        failed("bob", "192.0.2.9", 0),
    )
    assert rows(tables.failures_over_time(events)) == [(minute(0), 4, 1, 2, 2, "192.0.2.9", 1)]
    assert rows(tables.failures_over_time(events_of(failed("bob", None, 0)))) == [(minute(0), 1, 1, 0, 1, None, 0)]
