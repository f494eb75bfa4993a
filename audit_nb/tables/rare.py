"""Rare things."""

import ibis.expr.types as ir

from audit_nb.tables._values import values


def rare(events: ir.Table, *, at_most: int = 3, collector: bool = False) -> ir.Table:
    """What hardly ever happens: executables, origins, accounts, rule keys and destinations of few events on one host?

    One row for each value with at most `at_most` events that only one host has: kind, value, events, host, who (of
    the last), first, last. The rarest stand first.
    """
    seen = values(events, collector=collector)
    sums = seen.group_by("kind", "value").agg(
        events=seen.count(),
        hosts=seen.host.nunique(),
        host=seen.host.min(),
        who=seen.who.argmax(seen.moment),
        first=seen.time.min(),
        last=seen.time.max(),
    )
    few = sums.filter(sums.hosts == 1, sums["events"] <= at_most).drop("hosts")
    return few.select("kind", "value", "events", "host", "who", "first", "last").order_by("events", "kind", "value")
