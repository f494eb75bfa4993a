"""Seen for the first time."""

from datetime import datetime

import ibis.expr.types as ir

from audit_nb.tables._values import values


def first_seen(
    events: ir.Table,
    *,
    since: datetime | None,
    by_host: bool = False,
    only_known: bool = False,
    collector: bool = False,
) -> ir.Table:
    """What appears for the first time: executables, origins of logins, accounts, rule keys, network destinations?

    `events` hold the days before `since` too: they are the baseline, and what they know is not new. One row for each
    value that only appears from `since` on (UTC): kind, value, first, last, events, hosts, who (of its first event);
    with `by_host` for each host that had not seen it, with `host` in front. Without any event before `since`
    everything is new: `first_seen` is as good as its baseline. `only_known` leaves out hosts of which nothing is known
    before `since`; where that is None there is no before, and nothing is new.
    """
    seen = values(events, collector=collector)
    if since is None:
        seen, since = seen.limit(0), datetime.max
    if only_known:
        seen = seen.semi_join(events.filter(events.time < since).select("host").distinct(), "host")
    by = ["host", "kind", "value"] if by_host else ["kind", "value"]
    sums = seen.group_by(by).agg(
        first=seen.time.min(),
        last=seen.time.max(),
        events=seen.count(),
        hosts=seen.host.nunique(),
        who=seen.who.argmin(seen.moment),
    )
    new = sums.filter(sums["first"] >= since)
    columns = [*by, "first", "last", "events", *([] if by_host else ["hosts"]), "who"]
    return new.select(columns).order_by("kind", "first", *(name for name in by if name != "kind"))
