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


#: Bytes of a segment whose youngest event is kept in mind, so that most spaces need not be compared with each event.
BLOCK = 65_536


def _broken(events: ir.Table, timeout: int) -> ir.Table:
    """The spaces between the records of an event in which a younger event begins.

    Asked of blocks first: in a healthy log hardly any space lies in one whose youngest event is young enough.
    """
    began = events.select("host", "segment", at="offset", second=events.time_ms // 1000, block=events.offset // BLOCK)
    blocks = began.group_by("host", "segment", "block").agg(youngest=began.second.max())
    spaces = _spaces(events).mutate(closed_by=ibis._.time_ms // 1000 + timeout)
    near = _in_blocks(spaces, blocks).join(blocks, ["host", "segment", "block"])
    suspected = near.filter(near.closed_by <= near.youngest).select(*spaces.columns, "block")
    began = began.rename(at_host="host", at_segment="segment", at_block="block", at_second="second")
    broken = suspected.semi_join(
        began,
        [
            suspected.host == began.at_host,
            suspected.segment == began.at_segment,
            suspected.block == began.at_block,
            suspected.opens <= began["at"],
            suspected.ends > began["at"],
            suspected.closed_by <= began.at_second,
        ],
    )
    return broken.drop("block").distinct()


def _in_blocks(spaces: ir.Table, blocks: ir.Table) -> ir.Table:
    """Each space once for each block of its segment that it has a part in."""
    last = blocks.group_by("host", "segment").agg(last_block=blocks.block.max())
    bounded = spaces.join(last, ["host", "segment"])
    begin = bounded.opens // BLOCK
    end = ibis.greatest(begin, ibis.least(bounded.ends // BLOCK, bounded.last_block))
    return bounded.mutate(block=ibis.range(begin, end + 1).unnest()).select(*spaces.columns, "block")


def _spaces(events: ir.Table) -> ir.Table:
    """The stretches of a segment, from `opens` to `ends`, that lie between two records of one event."""
    apart = events.filter(events.records.filter(lambda record: record["gap"] != 0).length() > 0)
    each = apart.mutate(n=ibis.range(1, apart.records.length()).unnest())
    before = each.records[: each.n].map(lambda record: record["gap"] + record["length"]).sums()
    columns = ("host", "time", "time_ms", "serial", "type", "segment", "offset")
    spaces = each.select(*columns, opens=each.offset + before, gap=each.records[each.n]["gap"])
    return spaces.filter(spaces.gap > 0).mutate(ends=ibis._.opens + ibis._.gap)
