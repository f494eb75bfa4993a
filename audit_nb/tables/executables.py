"""Executables."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def executables(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which executables caused events, and how many?

    One row for each event with an executable: host, time, serial, exe, terminal, address, who.
    In summary: exe, events, hosts, first, last.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    named = seen.filter(seen.exe.notnull())
    return counted(named, "exe") if summary else listed(named, "exe", "terminal", "address", "who")
