"""Steps of the clock."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import fields_of, view


def clock_steps(events: ir.Table, *, seconds: float = 5) -> ir.Table:
    """When was a clock set, or did time run backwards?

    One row for each event that set the clock (TIME_INJOFFSET, or a system call that sets it) and each one that is
    more than `seconds` earlier than one with a smaller serial of the same boot: host, time, serial, step (seconds
    back, null where the clock was set), how (type, system call, or `backwards`), who, exe, details. A record carries
    the time when its call began: a call that lasts explains small steps.
    """
    seen = view(events, collector=True)
    return ibis.union(_set(seen), _backwards(seen, seconds)).order_by("time", "host", "serial")


def _set(seen: ir.Table) -> ir.Table:
    """Events that set the clock."""
    calls = ("settimeofday", "clock_settime", "stime")
    found = seen.filter(seen.types.contains("TIME_INJOFFSET") | seen.syscall.isin(calls).fill_null(False))
    how = ibis.coalesce(found.syscall, found.type)
    columns = {"step": ibis.null("float64"), "how": how, "who": found.who, "exe": found.exe}
    return found.select("host", "time", "serial", **columns, details=fields_of(found))


def _backwards(seen: ir.Table, seconds: float) -> ir.Table:
    """Events of the kernel that are earlier than the one before them in order of serials."""
    columns = ("host", "boot", "time", "time_ms", "serial", "who", "exe")
    kernel = seen.filter(~seen.type.startswith("DAEMON_")).select(columns)
    order = ibis.window(group_by=["host", "boot"], order_by="serial")
    steps = kernel.mutate(step=(kernel.time_ms.lag().over(order) - kernel.time_ms) / 1000)
    found = steps.filter(steps.step > seconds)
    told = {"step": found.step, "how": ibis.literal("backwards"), "who": found.who, "exe": found.exe}
    return found.select("host", "time", "serial", **told, details=ibis.null("string"))
