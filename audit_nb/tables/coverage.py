"""What was seen and what was not."""

import ibis
import ibis.expr.types as ir

#: Of the store's table of hosts: how the last fetch of a host went, and what is stored of it in all.
STATE = {"outcome": "string", "reason": "string", "fetched_at": "timestamp"}
STORED = {
    "first_time": "timestamp",
    "last_time": "timestamp",
    "records": "int64",
    "malformed": "int64",
    "repaired": "int64",
    "lost_serials": "int64",
}
#: What the host itself said of its audit when it was last asked.
AUDIT = {
    "audit_at": "timestamp",
    "audit_enabled": "int64",
    "lost": "int64",
    "lost_before": "int64",
    "backlog": "int64",
    "backlog_limit": "int64",
    "rules": "int64",
}
COUNTS = ("events", "by_collector", "incomplete", "unread", "boots")


def coverage(events: ir.Table, hosts: ir.Table | None = None) -> ir.Table:
    """What do we see of each host, and what not?

    One row for each host, those in trouble first: host; of its last fetch: outcome, reason, fetched_at; of the chosen
    events: events, by_collector, incomplete, unread (events with text that no field explains), boots, first, last; of
    all that is stored: first_time, last_time, records, malformed (lines), repaired (records), lost_serials;
    of what `auditctl -s` and `-l` told at the last visit that could ask (else null): audit_at, audit_enabled (0 off,
    1 on, 2 locked), lost (records that the kernel dropped since its boot), lost_before (at the visit before: what grew
    was lost in between), backlog, backlog_limit, rules (how many).

    `hosts` is the store's table of hosts. Without it a host that sent nothing is unknown, and what only that table
    tells is null.
    """
    seen = _counted(events)
    known = () if hosts is None else hosts.columns
    source = seen if hosts is None else hosts
    columns = (STATE | STORED | AUDIT).items()
    told = source.select("host", **{name: source[name] if name in known else ibis.null(kind) for name, kind in columns})
    seen = seen.rename(seen_host="host")
    rows = told.outer_join(seen, told.host == seen.seen_host)
    rows = rows.mutate(host=ibis.coalesce(rows.host, rows.seen_host))
    counts = {name: rows[name].fill_null(0) for name in COUNTS}
    table = rows.select(
        "host", *STATE, **counts, first=rows["first"], last=rows["last"], **{n: rows[n] for n in (*STORED, *AUDIT)}
    )
    return table.order_by((table.outcome == "done").fill_null(False), "host")


def _counted(events: ir.Table) -> ir.Table:
    """The chosen events of each host, the collector's own among them."""
    return events.group_by("host").agg(
        events=events.count(),
        by_collector=events.by_collector.fill_null(False).sum(),
        incomplete=(~events.complete).fill_null(False).sum(),
        unread=events.unread.notnull().sum(),
        boots=events.boot.nunique(),
        first=events.time.min(),
        last=events.time.max(),
    )
