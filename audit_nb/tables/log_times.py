"""Time ranges."""

import ibis.expr.types as ir

from audit_nb.tables._words import outcome


def log_times(events: ir.Table, *, success: bool | None = None, as_aureport: bool = False) -> ir.Table:
    """From when to when does the log of each host reach, boot by boot?

    Columns: host, boot, first, last, events. aureport prints the range of each file, from its first record to its
    last, whatever the times between; here files have been joined, a boot begins a new row, and the earliest and the
    latest event count. As aureport: a row for each host, from the event that stands first in its log to the last one.
    """
    chosen = outcome(events, success)
    if not as_aureport:
        sums = {"first": chosen.time.min(), "last": chosen.time.max(), "events": chosen.count()}
        return chosen.group_by("host", "boot").agg(**sums).order_by("host", "boot")
    place = chosen.segment.cast("int64") * 2**40 + chosen.offset
    ends = {"first": chosen.time.argmin(place), "last": chosen.time.argmax(place), "events": chosen.count()}
    return chosen.group_by("host").agg(**ends).order_by("host")
