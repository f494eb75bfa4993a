"""What was seen and what was not: hosts without events, gaps in the serials, ranges of time."""

from datetime import datetime, timedelta

import ibis
import pyarrow as pa
import pytest

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table):
    """Every row as a dict, in the order of the table."""
    return table.to_pyarrow().to_pylist()


@pytest.fixture
def hosts():
    """The store's table of hosts: one that answers and one that does not."""
    columns = {
        "host": pa.string(),
        "outcome": pa.string(),
        "reason": pa.string(),
        "fetched_at": pa.timestamp("us"),
        "first_time": pa.timestamp("us"),
        "last_time": pa.timestamp("us"),
        "segments": pa.int64(),
        "bytes": pa.int64(),
        "record_bytes": pa.int64(),
        "malformed_bytes": pa.int64(),
        "other_bytes": pa.int64(),
        "records": pa.int64(),
        "events": pa.int64(),
        "incomplete": pa.int64(),
        "malformed": pa.int64(),
        "repaired": pa.int64(),
        "unread": pa.int64(),
        "lost_serials": pa.int64(),
    }
    told = [
        {
            "host": "web01",
            "outcome": "done",
            "fetched_at": second(90),
            "first_time": second(0),
            "last_time": second(60),
            "records": 99,
        }
        | {"events": 50, "incomplete": 7, "malformed": 2, "repaired": 1, "unread": 8, "lost_serials": 3},
        {"host": "web02", "outcome": "failed", "reason": "web02: no answer", "fetched_at": second(91)},
    ]
    return ibis.memtable(pa.Table.from_pylist(told, schema=pa.schema(list(columns.items()))))


def test_a_host_that_sent_nothing_stands_first(events_of, hosts):
    """The chosen events are counted, the collector's among them; what is stored in all stands beside them."""
    events = events_of({}, {"by_collector": True, "complete": False}, {"unread": "x", "boot": 1})
    nothing = {"events": 0, "by_collector": 0, "incomplete": 0, "unread": 0, "boots": 0, "first": None, "last": None}
    unknown = {
        "first_time": None,
        "last_time": None,
        "records": None,
        "malformed": None,
        "repaired": None,
        "lost_serials": None,
    }
    unasked = dict.fromkeys(("audit_at", "audit_enabled", "lost", "lost_before", "backlog", "backlog_limit", "rules"))
    assert rows(tables.coverage(events, hosts)) == [
        {"host": "web02", "outcome": "failed", "reason": "web02: no answer", "fetched_at": second(91)}
        | nothing
        | unknown
        | unasked,
        {"host": "web01", "outcome": "done", "reason": None, "fetched_at": second(90)}
        | {
            "events": 3,
            "by_collector": 1,
            "incomplete": 1,
            "unread": 1,
            "boots": 2,
            "first": second(0),
            "last": second(2),
        }
        | {
            "first_time": second(0),
            "last_time": second(60),
            "records": 99,
            "malformed": 2,
            "repaired": 1,
            "lost_serials": 3,
        }
        | unasked,
    ]


def test_what_the_host_said_of_its_audit_stands_beside_what_it_logged(events_of, asked):
    """Records that the kernel dropped leave no trace in the log but gaps: the host itself counts them."""
    names = ("host", "audit_at", "audit_enabled", "lost", "lost_before", "backlog", "backlog_limit", "rules")
    found = [tuple(row[name] for name in names) for row in rows(tables.coverage(events_of({}), asked))]
    assert found == [
        ("web01", second(90), 1, 9, 5, 3, 64, 2),
        ("web02", second(91), 0, 7, 7, 0, 64, 0),
        ("web03", None, None, None, None, None, None, None),
        ("web04", second(92), 2, 4, 900, 0, 64, 2),
    ]


def test_what_is_wrong_with_the_audit_of_a_host_is_told_with_what_was_done_to_it(events_of, asked):
    """Losses count from the visit before, or from the boot where it was in between; without the hosts nothing is said."""
    found = tables.audit_state(events_of({}), asked)
    assert [tuple(row[name] for name in ("host", "since", "what", "details", "changes")) for row in rows(found)] == [
        ("web01", second(90), "records lost", "lost=9 old=5 backlog_limit=64", 4),
        ("web02", second(91), "found off", "enabled=0", 1),
        ("web02", second(91), "found without rules", None, 1),
        ("web04", second(92), "records lost", "lost=4 old=900 backlog_limit=64", 4),
    ]
    assert rows(tables.audit_state(events_of({}))) == []


@pytest.fixture
def asked():
    """Hosts that were asked for their audit, and one that was not."""
    names = ("host", "outcome", "audit_at", "audit_enabled", "lost", "lost_before", "backlog", "backlog_limit", "rules")
    told = [
        ("web01", "done", second(90), 1, 9, 5, 3, 64, 2),
        ("web02", "done", second(91), 0, 7, 7, 0, 64, 0),
        ("web03", "done", None, None, None, None, None, None, None),
        ("web04", "done", second(92), 2, 4, 900, 0, 64, 2),
    ]
    kinds = [pa.string(), pa.string(), pa.timestamp("us"), *[pa.int64()] * 6]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    return ibis.memtable(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in told], schema=schema))


def test_without_the_table_of_hosts_the_events_alone_are_counted(events_of):
    [row] = rows(tables.coverage(events_of({}, {})))
    assert (row["host"], row["events"], row["outcome"], row["malformed"]) == ("web01", 2, None, None)


def test_a_host_that_the_table_of_hosts_lacks_is_still_shown(events_of, hosts):
    assert [row["host"] for row in rows(tables.coverage(events_of({"host": "web03"}), hosts))] == [
        "web02",
        "web03",
        "web01",
    ]


def test_missing_serials_are_gaps_within_a_boot(events_of):
    """A restart of the serials, auditd's own numbers and another host's serials make no gap."""
    events = events_of(
        {"serial": 10},
        {"serial": 7507, "type": "DAEMON_START"},
        {"serial": 11},
        {"serial": 15},
        {"serial": 1, "boot": 1},
        {"serial": 2, "boot": 1},
        {"serial": 400, "host": "web02"},
        {"serial": 15},
    )
    assert rows(tables.gaps(events)) == [
        {"host": "web01", "boot": 0, "missing": 3, "after": 11, "before": 15, "since": second(2), "until": second(3)}
    ]


def test_the_log_of_each_boot_has_its_range(events_of):
    events = events_of({}, {"boot": 1}, {"time": second(-5)}, {"host": "db02"})
    assert [tuple(row.values()) for row in rows(tables.log_times(events))] == [
        ("db02", 0, second(3), second(3), 1),
        ("web01", 0, second(-5), second(0), 2),
        ("web01", 1, second(1), second(1), 1),
    ]


def test_volume_counts_events_and_failures_by_hour(events_of):
    """Each host has its own row for an hour; an hour without events has none; an unknown outcome is no failure."""
    events = events_of(
        {"success": False},
        {"success": True},
        {"time": MIDNIGHT + timedelta(hours=2), "success": None},
        {"host": "db02", "success": False},
        {"by_collector": True},
    )
    assert [tuple(row.values()) for row in rows(tables.volume(events))] == [
        ("db02", MIDNIGHT, 1, 1),
        ("web01", MIDNIGHT, 2, 1),
        ("web01", MIDNIGHT + timedelta(hours=2), 1, 0),
    ]
    assert [row["events"] for row in rows(tables.volume(events, bucket="D"))] == [1, 3]


def test_the_range_of_a_log_as_aureport_prints_it_follows_the_order_of_the_log(events_of):
    """A clock that was turned back: the log begins with its second event and ends with its first."""
    events = events_of(
        {"segment": 1, "offset": 90, "success": False}, {"segment": 1, "offset": 0}, {"segment": 1, "offset": 50}
    )
    [row] = rows(tables.log_times(events, as_aureport=True))
    assert tuple(row.values()) == ("web01", MIDNIGHT + timedelta(seconds=1), MIDNIGHT, 3)
    assert [row["events"] for row in rows(tables.log_times(events, success=False))] == [1]
