"""The time that was covered."""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from audit_nb.tables._clock import milliseconds, width

HOUR_MS = 3_600_000


def time_covered(
    events: ir.Table,
    hosts: ir.Table | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    minutes: int = 60,
    summary: bool = False,
) -> ir.Table:
    """Which part of the time did each host cover with its log, and which not?

    One row for each stretch without a silence of `minutes` or more, within one boot: host, since, until (its first
    and last event), boot, events. In summary one row for each host, the least covered first: host, hours (covered),
    share (of the period from 0 to 1; null without its ends), stretches, silence (the longest hours without an event,
    the ends of the period among them where they are given), first, last.

    With `hosts`, the store's table of hosts, those of which nothing was seen are among the summary: they covered
    nothing. `since` and `until` (UTC) are the ends of the period. A host that has little to log is silent, too.
    """
    stretches = _stretches(events, minutes)
    if not summary:
        return stretches.select("host", "since", "until", "boot", "events").order_by("host", "since", "boot")
    return _by_host(stretches, hosts, since, until)


def _stretches(events: ir.Table, minutes: int) -> ir.Table:
    """Stretches without a silence, put together from parts of `minutes`, within which there is none."""
    parted = events.select("host", "boot", "time", "time_ms", part=events.time_ms // width(minutes))
    parts = parted.group_by("host", "boot", "part").agg(
        since=parted.time.min(),
        until=parted.time.max(),
        since_ms=parted.time_ms.min(),
        until_ms=parted.time_ms.max(),
        events=parted.count(),
    )
    order = ibis.window(group_by=["host", "boot"], order_by="part")
    rows = parts.mutate(gap=parts.since_ms - parts.until_ms.lag().over(order))
    anew = (rows.gap.isnull() | (rows.gap >= minutes * 60_000)).cast("int64")
    so_far = ibis.window(group_by=["host", "boot"], order_by="part", preceding=None, following=0)
    runs = rows.mutate(run=anew.sum().over(so_far))
    return runs.group_by("host", "boot", "run").agg(
        since=runs.since.min(),
        until=runs.until.max(),
        since_ms=runs.since_ms.min(),
        until_ms=runs.until_ms.max(),
        events=runs["events"].sum(),
    )


def _by_host(stretches: ir.Table, hosts: ir.Table | None, since: datetime | None, until: datetime | None) -> ir.Table:
    """How much of the period each host covered; stretches that overlap, because a clock was set back, count once."""
    first_ms, end_ms = (moment and milliseconds(moment) for moment in (since, until))
    order = ["since_ms", "until_ms"]
    so_far = ibis.window(group_by="host", order_by=order, preceding=None, following=0)
    reached = stretches.mutate(reached=stretches.until_ms.max().over(so_far))
    seen = reached.mutate(before=reached.reached.lag().over(ibis.window(group_by="host", order_by=order)))
    begun = ibis.greatest(seen.since_ms, seen.before.fill_null(seen.since_ms))
    parts = seen.mutate(
        covered=ibis.greatest(seen.until_ms - begun, 0), gap=ibis.greatest(seen.since_ms - seen.before, 0)
    )
    sums = parts.group_by("host").agg(
        covered=parts.covered.sum(),
        gap=parts.gap.max().fill_null(0),
        stretches=parts.count(),
        first=parts["since"].min(),
        last=parts["until"].max(),
        first_ms=parts.since_ms.min(),
        last_ms=parts.until_ms.max(),
    )
    if hosts is not None:
        known = hosts.select(name=hosts.host).left_join(sums, hosts.host == sums.host)
        sums = known.mutate(host=known["name"]).drop("name")
    whole = end_ms - first_ms if since is not None and until is not None else None
    ends = [sums.gap.fill_null(0)]
    ends += [sums.first_ms - first_ms] if since is not None else []
    ends += [end_ms - sums.last_ms] if until is not None else []
    nothing = sums.covered.isnull()
    silence = ibis.ifelse(nothing, ibis.literal(whole, "int64"), ibis.greatest(ibis.literal(0), *ends))
    covered = sums.covered.fill_null(0)
    rows = sums.select(
        "host",
        hours=covered / HOUR_MS,
        share=covered / whole if whole else ibis.null("float64"),
        stretches=sums.stretches.fill_null(0),
        silence=silence / HOUR_MS,
        first=sums["first"],
        last=sums["last"],
    )
    return rows.order_by("hours", "host")
