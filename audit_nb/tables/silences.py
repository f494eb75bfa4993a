"""Silences."""

import ibis
import ibis.expr.types as ir


def silences(events: ir.Table, *, minutes: int = 60) -> ir.Table:
    """When did a host log nothing for long: was it off, was audit off, or do we miss a file?

    One row for each stretch of at least `minutes` without an event, the collector's own among them: host, since,
    until (the events before and after it), minutes, boot (of the event after it), restarted (whether the host
    restarted in it). The longest stand first. Silence at the end of a log is told by `coverage`: its last event.
    """
    order = ibis.window(group_by="host", order_by="time_ms")
    pairs = events.select(
        "host",
        "boot",
        since=events.time.lag().over(order),
        until=events.time,
        since_ms=events.time_ms.lag().over(order),
        until_ms=events.time_ms,
        boot_before=events.boot.lag().over(order),
    )
    quiet = pairs.mutate(minutes=(pairs.until_ms - pairs.since_ms) / 60_000, restarted=pairs.boot != pairs.boot_before)
    found = quiet.filter(quiet.minutes >= minutes)
    return found.select("host", "since", "until", "minutes", "boot", "restarted").order_by(ibis.desc("minutes"), "host")
