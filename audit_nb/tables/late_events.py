"""Events whose records came late."""

import ibis
import ibis.expr.types as ir

#: auditd.conf's `end_of_event_timeout`, in seconds: an event is complete to aureport when another begins so much later.
TIMEOUT = 2


def late_events(events: ir.Table, *, timeout: int = TIMEOUT) -> ir.Table:
    """Which events does aureport count twice, because some of their records came late?

    One row for each: host, time, serial, type, parts (how many events aureport makes of it). A record is late when an
    event that began at least `timeout` seconds after its own stands in the log between it and the record before it.
    Records of one event that stand in two segments are compared within the first of them.
    """
    late = _broken(events, timeout)
    by_event = late.group_by("host", "time", "serial", "type", "segment", "offset").agg(parts=late.count() + 1)
    return by_event.drop("segment", "offset").order_by("time", "host", "serial")


def _broken(events: ir.Table, timeout: int) -> ir.Table:
    """The spaces between the records of an event in which a younger event begins.

    The join is dear and so asked only of spaces before whose end any younger event begins: in a healthy log there is
    hardly one.
    """
    began = events.select("host", "segment", place="offset", second=events.time_ms // 1000)
    spaces = _spaces(events).mutate(closed_by=ibis._.time_ms // 1000 + timeout)
    until = ibis.window(group_by=["host", "segment"], order_by="place", preceding=None, following=0)
    both = ibis.union(_as_spaces(began, spaces), spaces.mutate(second=ibis.null("int64"), place=spaces.ends))
    suspected = both.mutate(youngest=both.second.max().over(until)).filter(ibis._.closed_by <= ibis._.youngest)
    began = began.rename(at_host="host", at_segment="segment", at="place", at_second="second")
    return suspected.semi_join(
        began,
        [
            suspected.host == began.at_host,
            suspected.segment == began.at_segment,
            suspected.opens <= began["at"],
            suspected.ends > began["at"],
            suspected.closed_by <= began.at_second,
        ],
    )


def _spaces(events: ir.Table) -> ir.Table:
    """The stretches of a segment, from `opens` to `ends`, that lie between two records of one event."""
    apart = events.filter(events.records.filter(lambda record: record["gap"] != 0).length() > 0)
    each = apart.mutate(n=ibis.range(1, apart.records.length()).unnest())
    before = each.records[: each.n].map(lambda record: record["gap"] + record["length"]).sums()
    columns = ("host", "time", "time_ms", "serial", "type", "segment", "offset")
    spaces = each.select(*columns, opens=each.offset + before, gap=each.records[each.n]["gap"])
    return spaces.filter(spaces.gap > 0).mutate(ends=ibis._.opens + ibis._.gap)


def _as_spaces(began: ir.Table, spaces: ir.Table) -> ir.Table:
    """The beginnings of events as rows like those of spaces, so that both can be put in order of place."""
    missing = {name: ibis.null(kind) for name, kind in spaces.schema().items() if name not in ("host", "segment")}
    return began.mutate(**missing).select(*spaces.columns, "second", "place")
