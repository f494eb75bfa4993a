"""Events over time."""

from typing import Literal

import ibis.expr.types as ir

from audit_nb.tables._words import view


def volume(
    events: ir.Table,
    *,
    bucket: Literal["m", "h", "D", "W"] = "h",
    success: bool | None = None,
    collector: bool = False,
) -> ir.Table:
    """How many events were there on each host, hour by hour?

    Columns: host, time (the beginning of the bucket, UTC), events, failed. `bucket` is a minute (m), an hour (h), a
    day (D) or a week (W). A bucket without events has no row.
    """
    seen = view(events, success=success, collector=collector)
    by_bucket = seen.group_by("host", time=seen.time.truncate(bucket))
    counts = by_bucket.agg(events=seen.count(), failed=(seen.success == False).sum().fill_null(0))  # noqa: E712
    return counts.order_by("time", "host")
