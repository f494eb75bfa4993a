"""One period against the one before."""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from audit_nb.tables._values import values
from audit_nb.tables._words import moment, view


def compared(events: ir.Table, *, since: datetime | None, until: datetime | None, collector: bool = False) -> ir.Table:
    """What changed in volume between this period and the one of equal length before it?

    One row for each type of event, executable, origin, account, rule key and destination of which the number of
    events differs: kind, value, before, now, change (now less before), the greatest change first. `since` and `until`
    (UTC, half-open) bound this period; one without them has none of its length before it, and no row.
    """
    if since is None or until is None:
        chosen, middle = events.filter(ibis.literal(False)), datetime.min
    else:
        chosen = events.filter(events.time >= since - (until - since), events.time < until)
        middle = since
    seen = view(chosen, collector=collector)
    seen = seen.mutate(moment=moment(seen))
    types = seen.select("host", "time", "moment", "who", kind=ibis.literal("type"), value=seen.type)
    both = ibis.union(values(chosen, collector=collector), types)
    now = both.time >= middle
    sums = both.group_by("kind", "value").agg(before=(~now).sum(), now=now.sum())
    sums = sums.mutate(change=sums.now - sums.before).filter(lambda row: row.change != 0)
    return sums.order_by(sums.change.abs().desc(), "kind", "value")
