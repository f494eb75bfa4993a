"""Gaps in the serials."""

import ibis
import ibis.expr.types as ir


def gaps(events: ir.Table) -> ir.Table:
    """Which serials are missing: where did records get lost?

    One row for each gap: host, boot, missing (how many serials), after (the last serial before it), before (the first
    one behind it), since and until (the times of those two). The most missing stand first. Serials are the kernel's:
    they begin anew with each boot; auditd's own records (DAEMON_*) have numbers of their own and are left out. A gap
    is a loss only where the kernel counted one (`lost` of auditctl -s) or a file is missing: a refused event of an
    exclude rule takes no serial.
    """
    kernel = events.filter(~events.type.startswith("DAEMON_"))
    order = ibis.window(group_by=["host", "boot"], order_by=["serial", "time_ms"])
    pairs = kernel.select(
        "host",
        "boot",
        after=kernel.serial.lag().over(order),
        before=kernel.serial,
        since=kernel.time.lag().over(order),
        until=kernel.time,
    )
    missing = pairs.before - pairs.after - 1
    found = pairs.select(
        "host", "boot", missing=missing, after=pairs.after, before=pairs.before, since=pairs.since, until=pairs.until
    )
    return found.filter(found.missing > 0).order_by(ibis.desc("missing"), "host", "boot", "after")
