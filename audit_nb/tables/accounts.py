"""Accounts over the fleet."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import view


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
    auids = numbers.group_by("who").agg(
        numbers=numbers.count(), auids=numbers.auid.cast("string").group_concat(" ", order_by=numbers.auid)
    )
    sums = by_host.group_by("who").agg(
        hosts=by_host.count(),
        names=by_host.host.group_concat(" ", order_by=by_host.host),
        events=by_host["events"].sum(),
        first=by_host["first"].min(),
        last=by_host["last"].max(),
    )
    auids = auids.rename(user="who")
    joined = sums.left_join(auids, sums.who == auids.user)
    columns = ("who", "hosts", "names", "numbers", "auids", "events", "first", "last")
    return joined.select(*columns).order_by("hosts", "who")
