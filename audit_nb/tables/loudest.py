"""What fills the log."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import view


def loudest(events: ir.Table, *, collector: bool = True) -> ir.Table:
    """Which executables, rules and hosts fill the log, and which exclusion would save most?

    One row for each host, key (the event's first, null without) and executable: host, key, exe, events, records,
    share (of all records, from 0 to 1), exclusion (the rule for auditctl that would silence it; the more records it
    saves the higher it stands). What a rule would silence is then not seen: read it as a suggestion to think about.
    """
    seen = view(events, collector=collector)
    called = seen.filter(seen.types.contains("SYSCALL"))
    named = called.mutate(key=called["keys"][0], records=called.types.length())
    sums = named.group_by("host", "key", "exe").agg(events=named.count(), records=named.records.sum())
    whole = seen.agg(whole=seen.types.length().sum())
    rows = sums.cross_join(whole)
    rule = "-a never,exit -F exe=" + rows.exe
    shared = rows.select("host", "key", "exe", "events", "records", share=rows.records / rows.whole, exclusion=rule)
    return shared.order_by(ibis.desc("records"), "host", "key", "exe")
