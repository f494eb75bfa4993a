"""Accounts over the fleet."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import view

#: More names of hosts than these are not told.
MOST_NAMES = 10


def accounts(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Which accounts are active on which hosts, and are they the same account everywhere?

    One row for each login user: who, hosts (how many), names (of the hosts, at most ten), numbers (how many different
    auids it has: more than one is a clash of accounts), auids, events, first, last. Those on the fewest hosts stand
    first.
    """
    seen = view(events, collector=collector)
    by_host = (
        seen.filter(seen.who.notnull())
        .group_by("who", "host")
        .agg(events=ibis._.count(), first=ibis._.time.min(), last=ibis._.time.max())
    )
    numbers = seen.filter(seen.who.notnull(), seen.auid.notnull()).group_by("who", "auid").agg(seen=ibis._.count())
    auids = numbers.group_by("who").agg(numbers=numbers.count(), auids=numbers.auid.collect())
    sums = by_host.group_by("who").agg(
        hosts=by_host.count(),
        names=by_host.host.collect(),
        events=by_host["events"].sum(),
        first=by_host["first"].min(),
        last=by_host["last"].max(),
    )
    auids = auids.rename(user="who")
    rows = sums.left_join(auids, sums.who == auids.user)
    names = rows.names.sort()[:MOST_NAMES].join(" ")
    auids = rows.auids.sort().map(lambda auid: auid.cast("string")).join(" ")
    told = rows.select("who", "hosts", "numbers", "events", "first", "last", names=names, auids=auids)
    return told.select("who", "hosts", "names", "numbers", "auids", "events", "first", "last").order_by("hosts", "who")
