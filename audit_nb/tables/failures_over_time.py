"""Failures over time."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import attempts, failures


def failures_over_time(events: ir.Table, *, minutes: int = 10, at_least: int = 1, collector: bool = False) -> ir.Table:
    """When did logins fail on the whole fleet, and did many hosts, addresses or accounts share in it?

    One row for each stretch of `minutes` in which at least `at_least` attempts failed, in order of time: time (its
    beginning, UTC), attempts, hosts, addresses, accounts, address (the one with the most attempts, an attempt without
    one left out), address_attempts. An attempt counts once, however many records it left. Many addresses and
    accounts at once are an attack in which each address stays below every threshold of its own.
    """
    length = minutes * 60_000
    failed = attempts(failures(events, collector=collector))
    tried = failed.filter(failed.counts).mutate(stretch=ibis._.time_ms - ibis._.time_ms % length)
    whole = tried.group_by("stretch").agg(
        attempts=tried.count(),
        hosts=tried.host.nunique(),
        addresses=tried.address.nunique(),
        accounts=tried.name.nunique(),
    )
    rows = whole.left_join(_worst(tried), "stretch")
    busy = rows.filter(rows.attempts >= at_least)
    counts = {name: busy[name] for name in ("attempts", "hosts", "addresses", "accounts")}
    table = busy.select(
        time=(busy.stretch // 1000).as_timestamp("s"),
        **counts,
        address=busy.address,
        address_attempts=busy.address_attempts.fill_null(0),
    )
    return table.order_by("time")


def _worst(tried: ir.Table) -> ir.Table:
    """The address with the most attempts of each stretch; of several the first by name."""
    known = tried.filter(tried.address.notnull())
    sums = known.group_by("stretch", "address").agg(address_attempts=known.count())
    order = ibis.window(group_by="stretch", order_by=[ibis.desc("address_attempts"), "address"])
    ranked = sums.mutate(place=ibis.row_number().over(order))
    return ranked.filter(ranked.place == 0).drop("place")
