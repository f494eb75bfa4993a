"""Rare things."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._records import kinds
from audit_nb.tables._values import values
from audit_nb.tables._words import moment, view


def rare(events: ir.Table, *, at_most: int = 3, on_hosts: int = 1, collector: bool = False) -> ir.Table:
    """What hardly ever happens: executables, origins, accounts, rule keys, destinations and types of few events?

    One row for each value with at most `at_most` events that at most `on_hosts` hosts have: kind, value, events, host
    and who (of the last), first, last, hosts (how many). A type is that of any record. The rarest stand first.
    """
    seen = ibis.union(_summed(values(events, collector=collector)), _types(events, collector))
    sums = seen.group_by("kind", "value").agg(
        events=seen["events"].sum(),
        hosts=seen.host.nunique(),
        host=seen.host.argmax(seen.moment),
        who=seen.who.argmax(seen.moment),
        first=seen["first"].min(),
        last=seen["last"].max(),
    )
    few = sums.filter(sums.hosts <= on_hosts, sums["events"] <= at_most)
    columns = ("kind", "value", "events", "host", "who", "first", "last", "hosts")
    return few.select(*columns).order_by("events", "kind", "value")


def _summed(seen: ir.Table) -> ir.Table:
    return seen.group_by("kind", "value", "host").agg(
        events=seen.count(),
        who=seen.who.argmax(seen.moment),
        first=seen.time.min(),
        last=seen.time.max(),
        moment=seen.moment.max(),
    )


def _types(events: ir.Table, collector: bool) -> ir.Table:
    """The types of records by host: asked of each distinct combination of types, not of each event."""
    seen = view(events, collector=collector)
    seen = seen.mutate(kinds=kinds(seen), moment=moment(seen))
    sums = seen.group_by("host", "kinds").agg(
        events=seen.count(),
        who=seen.who.argmax(seen.moment),
        first=seen.time.min(),
        last=seen.time.max(),
        latest=seen.moment.max(),
    )
    each = sums.mutate(value=sums.kinds.strip().split(" ").unique().unnest())
    by_type = each.group_by("value", "host").agg(
        events=each["events"].sum(),
        who=each.who.argmax(each.latest),
        first=each["first"].min(),
        last=each["last"].max(),
        moment=each.latest.max(),
    )
    return by_type.mutate(kind=ibis.literal("type")).select("kind", *by_type.columns)
