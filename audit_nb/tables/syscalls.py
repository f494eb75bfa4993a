"""System calls."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def syscalls(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which system calls were audited?

    One row for each event with a system call: host, time, serial, syscall (by name, else by number), arch, pid, comm,
    who. In summary: syscall, arch, events, hosts, first, last. Aureport leaves out number 0 (`read` on x86_64) and
    gives numbers, whatever the architecture.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    called = seen.filter(seen.syscall_nr.notnull())
    if as_aureport:
        called = called.filter(called.syscall_nr != 0)
    if summary:
        return counted(called, "syscall") if as_aureport else counted(called, "syscall", "arch")
    return listed(called, "syscall", "arch", "pid", "comm", "who")
