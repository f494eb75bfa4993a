"""Process numbers."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def pids(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which processes caused events, by number?

    One row for each event with a pid: host, time, serial, pid, exe, syscall, who.
    In summary: host, boot, pid, events, hosts, first, last: a number means one process only on one host between two
    boots. Aureport adds up equal numbers whatever their boot.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    numbered = seen.filter(seen.pid.notnull())
    if not summary:
        return listed(numbered, "pid", "exe", "syscall", "who")
    return counted(numbered, "pid") if as_aureport else counted(numbered, "host", "boot", "pid")
