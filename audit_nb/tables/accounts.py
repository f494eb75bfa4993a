"""Accounts over the fleet."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import has_type, view

#: More names of hosts than these are not told.
MOST_NAMES = 10


def accounts(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Which accounts are active on which hosts, and are they the same account everywhere?

    One row for each login user: who, hosts (how many), names (of the hosts, at most ten), numbers (how many different
    ids the name has on all hosts: more than one is a clash of accounts), auids (these ids), events, first, last,
    missing (on how many of the hosts it did nothing), shared (other names that one of its ids has, on any host: one
    host knows an account under another name, or two names have the same rights), clash (whether there is either).
    Those on the fewest hosts stand first.

    Names and ids are put together as the log does: login, acting and effective users, and accounts that were added.
    What is in passwd and never stirs is not seen.
    """
    seen = view(events, collector=collector)
    by_host = (
        seen.filter(seen.who.notnull())
        .group_by("who", "host")
        .agg(events=ibis._.count(), first=ibis._.time.min(), last=ibis._.time.max())
    )
    sums = by_host.group_by("who").agg(
        hosts=by_host.count(),
        names=by_host.host.collect(),
        events=by_host["events"].sum(),
        first=by_host["first"].min(),
        last=by_host["last"].max(),
    )
    rows = sums.left_join(_ids(_pairs(seen)), [("who", "name")])
    rows = rows.cross_join(seen.agg(fleet=seen.host.nunique()))
    rows = rows.mutate(
        numbers=rows.numbers.fill_null(0), others=rows.others.fill_null(0), missing=rows.fleet - rows.hosts
    )
    told = rows.mutate(
        names=rows.names.sort()[:MOST_NAMES].join(" "),
        auids=rows.auids.sort().map(lambda auid: auid.cast("string")).join(" "),
        clash=(rows.numbers > 1) | (rows.others > 0),
    )
    columns = ("who", "hosts", "names", "numbers", "auids", "events", "first", "last", "missing", "shared", "clash")
    return told.select(*columns).order_by("hosts", "who")


def _pairs(seen: ir.Table) -> ir.Table:
    """Names and ids that an event puts together, each once; auditd writes `unknown(1011)` for an id without a name."""
    added = seen.filter(has_type(seen, "ADD_USER"), seen.success.fill_null(False))
    found = [
        seen.select(name=seen.auid_name, number=seen.auid),
        seen.select(name=seen.uid_name, number=seen.uid),
        seen.select(name=seen.euid_name, number=seen.euid),
        added.select(name=added.account, number=added.id),
    ]
    pairs = [pair.filter(~pair.name.startswith("unknown("), pair.number.notnull()).distinct() for pair in found]
    nameless = seen.filter(seen.auid_name.isnull(), seen.auid.notnull())
    pairs.append(nameless.select(name=nameless.auid.cast("string"), number=nameless.auid).distinct())
    return ibis.union(*pairs, distinct=True)


def _ids(pairs: ir.Table) -> ir.Table:
    """The ids of each name, and the other names that these ids have; a number that stands for a name is none."""
    ids = pairs.group_by("name").agg(numbers=pairs.count(), auids=pairs.number.collect())
    named = pairs.filter(pairs.name != pairs.number.cast("string"))
    other = named.rename(other="name")
    both = named.inner_join(other, "number")
    both = both.filter(both.name != both.other).select("name", "other").distinct()
    shared = both.group_by("name").agg(others=both.count(), shared=both.other.collect())
    shared = shared.mutate(shared=shared["shared"].sort().join(" "))
    return ids.left_join(shared, "name").drop("name_right")
