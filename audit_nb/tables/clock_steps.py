"""Steps of the clock."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import field, fields_of, has_type, view

#: System calls that set the clock, whether they step it or not.
SETTING = ("clock_settime", "settimeofday", "stime", "clock_settime64")


def clock_steps(events: ir.Table, *, seconds: float = 5) -> ir.Table:
    """When was a clock set, or did time run backwards?

    One row for each event that set the clock (TIME_INJOFFSET, TIME_ADJNTPVAL that adjusts it, or a
    system call that sets it) and each one that is more than `seconds` earlier than one with a smaller serial of the
    same boot: host, time, serial, step (seconds back: negative is forward; null where the log does not tell how far),
    how (type, system call, or `backwards`), who, exe, details, success. A record carries the time when its call began:
    a call that lasts explains small steps. NTP's corrections of frequency are no steps.
    """
    seen = view(events, collector=True)
    return ibis.union(_set(seen), _backwards(seen, seconds)).order_by("time", "host", "serial")


def _set(seen: ir.Table) -> ir.Table:
    """Events that set the clock; NTP's corrections of frequency and the like, which come all day, step nothing."""
    set_by_call = seen.syscall.isin(SETTING).fill_null(False) | has_type(seen, "TIME_INJOFFSET")
    found = seen.filter(set_by_call | has_type(seen, "TIME_ADJNTPVAL"))
    told = found.mutate(step=_step(found), how=ibis.coalesce(found.syscall, found.type), details=fields_of(found))
    by_call = told.syscall.isin(SETTING).fill_null(False) | has_type(told, "TIME_INJOFFSET")
    steps = told.filter(by_call | (told.step != 0).fill_null(False))
    return steps.select("host", "time", "serial", "step", "how", "who", "exe", "details", "success")


def _step(found: ir.Table) -> ir.FloatingValue:
    """How far back the clock was set.

    The kernel writes how far forward: as seconds and nanoseconds, of which these are never negative, or, of adjtime(3),
    as microseconds in `op=adjust new=` (linux/kernel/auditsc.c, time/ntp.c).
    """
    injected = field(found, "sec").try_cast("float64") + field(found, "nsec").try_cast("float64").fill_null(0) / 1e9
    adjusted = field(found, "new").try_cast("float64") / 1e6
    by_adjtime = has_type(found, "TIME_ADJNTPVAL") & (found["op"] == "adjust").fill_null(False)
    return -ibis.coalesce(injected, ibis.ifelse(by_adjtime, adjusted, ibis.null("float64")))


def _backwards(seen: ir.Table, seconds: float) -> ir.Table:
    """Events of the kernel that are earlier than the one before them in order of serials."""
    columns = ("host", "boot", "time", "time_ms", "serial", "who", "exe", "success")
    kernel = seen.filter(~seen.type.startswith("DAEMON_")).select(columns)
    order = ibis.window(group_by=["host", "boot"], order_by="serial")
    steps = kernel.mutate(step=(kernel.time_ms.lag().over(order) - kernel.time_ms) / 1000)
    found = steps.filter(steps.step > seconds)
    told = {"step": found.step, "how": ibis.literal("backwards"), "who": found.who, "exe": found.exe}
    return found.select("host", "time", "serial", **told, details=ibis.null("string"), success=found.success)
