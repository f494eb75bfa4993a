"""When audit was off, without its daemon, or changed: each rule on the smallest frame that needs it."""

from datetime import datetime, timedelta

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)
COLUMNS = ("host", "boot", "since", "until", "seconds", "what", "details", "changes", "who", "exe", "success")


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table):
    """Every row as a tuple, in the order of the table."""
    assert table.columns == COLUMNS
    return [tuple(row.values()) for row in table.to_pyarrow().to_pylist()]


def change(op="set", *, form="op=* res=1", fields=(), **words):
    """A change that auditctl made: the record of the change, and the system call that carried it to the kernel."""
    other = [{"record": 0, "key": key, "value": value} for key, value in fields]
    records = [{"gap": 0, "length": 90, "form": form}, {"gap": 0, "length": 300, "form": "arch=* success=yes"}]
    always = {"types": ["CONFIG_CHANGE", "SYSCALL"], "success": True, "op": op, "pid": 70, "auid": 1001}
    return always | {"auid_name": "alice", "exe": "/usr/sbin/auditctl", "other": other, "records": records} | words


def setting(name, value, old, **words):
    return change(fields=[(name, value), ("old", old)], **words)


def daemon(name, **words):
    return {"type": f"DAEMON_{name}", "auid_name": "root", "success": True, "serial": 9000} | words


BY_ALICE = ("alice", "/usr/sbin/auditctl")


def test_audit_is_off_until_the_kernel_writes_again(events_of):
    """The daemon writes events of its own meanwhile, and another host's say nothing; of the last one no end is seen."""
    events = events_of(
        setting("audit_enabled", "0", "1"),
        {"host": "web02", "serial": 2},
        daemon("ROTATE", serial=2),
        {"serial": 2},
        setting("audit_enabled", "0", "1", serial=3),
    )
    assert rows(tables.audit_state(events)) == [
        ("web01", 0, second(0), second(3), 3.0, "switched off", "audit_enabled=0 old=1", 1, *BY_ALICE, True),
        ("web01", 0, second(4), None, None, "switched off", "audit_enabled=0 old=1", 1, *BY_ALICE, True),
    ]


def test_a_refused_change_is_no_success_though_its_system_call_is_one(events_of):
    """What carries the change to the kernel is a message that arrives; the record of the change says `res=0`.

    An enriched record goes on behind it with the names.
    """
    refused = {"form": 'op=* audit_enabled=* old=* res=0\x1dAUID="*"'}
    events = events_of(
        setting("audit_enabled", "2", "1"),
        setting("audit_enabled", "0", "2", **refused),
        setting("audit_enabled", "2", "1", **refused),
        change("remove_rule", fields=[("audit_enabled", "2")], form="pid=* op=* audit_enabled=* res=0"),
    )
    assert rows(tables.audit_state(events)) == [
        ("web01", 0, second(0), None, None, "locked", "audit_enabled=2 old=1", 1, *BY_ALICE, True),
        ("web01", 0, second(1), None, None, "set", "audit_enabled=0 old=2", 1, *BY_ALICE, False),
        ("web01", 0, second(2), None, None, "set", "audit_enabled=2 old=1", 1, *BY_ALICE, False),
        ("web01", 0, second(3), None, None, "rules removed", None, 1, *BY_ALICE, False),
    ]


def test_a_setting_that_stays_as_it_was_is_no_change(events_of):
    events = events_of(
        setting("audit_backlog_limit", "8192", "8192"),
        setting("audit_backlog_limit", "100", "8192"),
        setting("audit_backlog_limit", "100", "100", form="op=* res=0"),
    )
    assert [(row[6], row[10]) for row in rows(tables.audit_state(events))] == [
        ("audit_backlog_limit=100 old=8192", True),
        ("audit_backlog_limit=100 old=100", False),
    ]


def test_rules_that_one_process_changes_stand_in_one_row(events_of):
    """Another process, another operation, another boot and another outcome are rows of their own."""
    events = events_of(
        change("remove_rule", keys=["identity"]),
        change("remove_rule", keys=["identity"]),
        change("remove_rule", keys=["scope", "k2"]),
        change("add_rule", keys=["identity"]),
        change("remove_rule", pid=71),
        change("remove_rule", boot=1),
        change("remove_rule", form="op=* res=0"),
    )
    assert rows(tables.audit_state(events)) == [
        ("web01", 0, second(0), None, None, "rules removed", "identity scope k2", 3, *BY_ALICE, True),
        ("web01", 0, second(3), None, None, "rules added", "identity", 1, *BY_ALICE, True),
        ("web01", 0, second(4), None, None, "rules removed", None, 1, *BY_ALICE, True),
        ("web01", 1, second(5), None, None, "rules removed", None, 1, *BY_ALICE, True),
        ("web01", 0, second(6), None, None, "rules removed", None, 1, *BY_ALICE, False),
    ]


def test_a_daemon_is_stopped_until_it_starts_again(events_of):
    """Each host has its own; the first start that the log shows has nothing before it."""
    events = events_of(
        daemon("START"),
        daemon("END"),
        daemon("START", host="web02"),
        daemon("START", boot=1),
        daemon("CONFIG", other=[{"record": 0, "key": "state", "value": "changed"}]),
        daemon("ABORT"),
    )
    assert rows(tables.audit_state(events)) == [
        ("web01", 0, second(1), second(3), 2.0, "daemon stopped", None, 1, "root", None, True),
        ("web01", 0, second(4), None, None, "daemon configured", "state=changed", 1, "root", None, True),
        ("web01", 0, second(5), None, None, "daemon stopped", None, 1, "root", None, True),
    ]


def test_a_daemon_that_starts_twice_died_in_between(events_of):
    """Nobody said so: since when it was gone, and who did it, the log does not tell."""
    events = events_of(daemon("START"), daemon("START"))
    assert rows(tables.audit_state(events)) == [
        ("web01", 0, second(1), None, None, "daemon died", None, 1, None, None, True)
    ]


def test_what_the_collector_changed_is_left_out_unless_asked_for(events_of):
    """Its events still are a sign that the kernel writes."""
    events = events_of(setting("audit_enabled", "0", "1"), change("add_rule", by_collector=True))
    assert [(row[5], row[3]) for row in rows(tables.audit_state(events))] == [("switched off", second(1))]
    assert [row[5] for row in rows(tables.audit_state(events, collector=True))] == ["switched off", "rules added"]
