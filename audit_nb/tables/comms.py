"""Command names."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def comms(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Under which command names (`comm`, set by the process itself) did events happen?

    One row for each event with a comm: host, time, serial, comm, terminal, address, who.
    In summary: comm, events, hosts, first, last. What was run with which arguments is the question `commands`.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    named = seen.filter(seen.comm.notnull())
    return counted(named, "comm") if summary else listed(named, "comm", "terminal", "address", "who")
