"""Silences."""

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from audit_nb.tables._clock import milliseconds, width
from audit_nb.tables._words import moment as place


def silences(
    events: ir.Table,
    hosts: ir.Table | None = None,
    *,
    minutes: int = 60,
    since: datetime | None = None,
    until: datetime | None = None,
) -> ir.Table:
    """When did a host log nothing for long: was it off, was audit off, or do we miss a file?

    One row for each stretch of at least `minutes` without an event, the collector's own among them: host, since,
    until (the events before and after it, or an end of the period), minutes, boot (of the event after it), restarted
    (whether the host restarted in it), before and after (the types of those events: null at an end of the period),
    missing (serials of the kernel lost meanwhile; null where it restarted). The longest stand first.

    `since` and `until` (UTC) are the period: with them the time before the first and behind the last event of a host
    counts too. With `hosts`, the store's table of hosts, one that has no event at all is silent all the time between.
    Events outside the period are not looked at.
    """
    inside = events
    for moment, later in ((since, True), (until, False)):
        if moment is not None:
            inside = inside.filter(
                inside.time_ms >= milliseconds(moment) if later else inside.time_ms < milliseconds(moment)
            )
    spans = ibis.union(_between(inside, minutes), *_edges(inside, hosts, since, until))
    spans = spans.mutate(minutes=(spans.until_ms - spans.since_ms) / 60_000)
    found = spans.filter(spans.minutes >= minutes)
    columns = ("since", "until", "minutes", "boot", "restarted", "before", "after", "missing")
    return found.select("host", *columns).order_by(ibis.desc("minutes"), "host", "since")


COLUMNS = ("host", "since", "until", "since_ms", "until_ms", "boot", "restarted", "before", "after", "missing")


def _between(events: ir.Table, minutes: int) -> ir.Table:
    """The time between an event and the one before it, where that may be long; auditd has serials of its own.

    No silence begins or ends within a stretch of `minutes`: only the first and the last event of each are compared.
    """
    row = ibis.struct({name: events[name] for name in ("time", "time_ms", "boot", "serial", "type")})
    placed = events.select("host", row=row, place=place(events), stretch=events.time_ms // width(minutes))
    ends = placed.group_by("host", "stretch").agg(
        first=placed.row.argmin(placed.place), last=placed.row.argmax(placed.place)
    )
    order = ibis.window(group_by="host", order_by="stretch")
    steps = ends.select("host", "first", before=ends["last"].lag().over(order))
    before, after = steps.before, steps["first"]
    pairs = steps.select(
        "host",
        boot=after["boot"],
        serial=after["serial"],
        since=before["time"],
        until=after["time"],
        since_ms=before["time_ms"],
        until_ms=after["time_ms"],
        boot_before=before["boot"],
        serial_before=before["serial"],
        before=before["type"],
        after=after["type"],
    )
    known = pairs.filter(pairs.since_ms.notnull())
    kernel = ~known.before.startswith("DAEMON_") & ~known.after.startswith("DAEMON_")
    skipped = ibis.greatest(known.serial - known.serial_before - 1, 0)
    missing = ibis.ifelse((known.boot == known.boot_before) & kernel, skipped, ibis.null("int64"))
    return known.mutate(restarted=known.boot != known.boot_before, missing=missing).select(*COLUMNS)


def _edges(events: ir.Table, hosts: ir.Table | None, since: datetime | None, until: datetime | None) -> list[ir.Table]:
    """From the beginning of the period to each host's first event, from its last to the end, and hosts without any."""
    ends = events.group_by("host").agg(
        first=events.time.min(),
        last=events.time.max(),
        first_ms=events.time_ms.min(),
        last_ms=events.time_ms.max(),
        boot=events.boot.min(),
        after=events["type"].argmin(events.time_ms),
        before=events["type"].argmax(events.time_ms),
    )
    nothing = {"restarted": ibis.null("boolean"), "missing": ibis.null("int64")}
    text, boot = ibis.null("string"), ibis.null("int32")
    edges = []
    if since is not None:
        begin = {"until": ends["first"], "until_ms": ends.first_ms} | _moment(events, "since", since)
        edges.append(ends.mutate(**begin, before=text, **nothing))
    if until is not None:
        end = {"since": ends["last"], "since_ms": ends.last_ms} | _moment(events, "until", until)
        edges.append(ends.mutate(**end, after=text, boot=boot, **nothing))
    if hosts is not None and since is not None and until is not None:
        silent = hosts.select("host").anti_join(ends, "host")
        whole = _moment(events, "since", since) | _moment(events, "until", until)
        edges.append(silent.mutate(**whole, boot=boot, before=text, after=text, **nothing))
    return [edge.select(*COLUMNS) for edge in edges]


def _moment(events: ir.Table, name: str, moment: datetime) -> dict[str, ir.Value]:
    """An end of the period as a time and in milliseconds; engines name the type of times differently."""
    time = ibis.literal(datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds(moment))).cast(events.time.type())
    return {name: time, f"{name}_ms": ibis.literal(milliseconds(moment), "int64")}
