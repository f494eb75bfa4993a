"""What could not be read of events."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import counted, moment


def unread(events: ir.Table) -> ir.Table:
    """Which events hold text that no field explains?

    One row for each host and type of event, the most first: host, type, events, first, last, event (the first of them
    as `audit-nb event` takes it: it shows the text, which no table does, because nobody knows whether it is a secret).
    The event itself is read and counted; this is what our tables of fields do not know. The collector's own events
    are among them.
    """
    left = events.filter(events.unread.notnull())
    left = left.mutate(moment=moment(left))
    sums = counted(left, "host", "type")
    firsts = left.group_by("host", "type").agg(
        ms=left.time_ms.argmin(left.moment), serial=left.serial.argmin(left.moment)
    )
    digits = (firsts.ms % 1000).cast("string").lpad(3, "0")
    seconds = ((firsts.ms - firsts.ms % 1000) / 1000).cast("int64").cast("string")
    name = firsts.host + ":" + seconds + "." + digits + ":" + firsts.serial.cast("string")
    named = firsts.select(at=firsts.host, of=firsts["type"], event=name)
    both = sums.left_join(named, (sums.host == named["at"]) & (sums["type"] == named.of))
    rows = both.select("host", "type", "events", "first", "last", "event")
    return rows.order_by(ibis.desc("events"), "host", "type")
