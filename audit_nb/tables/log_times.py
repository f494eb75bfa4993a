"""Time ranges."""

import ibis.expr.types as ir


def log_times(events: ir.Table) -> ir.Table:
    """From when to when does the log of each host reach, boot by boot?

    Columns: host, boot, first, last, events. aureport prints the range of each file; here files have been joined, and
    a boot begins a new row.
    """
    counts = events.group_by("host", "boot").agg(first=events.time.min(), last=events.time.max(), events=events.count())
    return counts.order_by("host", "boot")
