"""Terminals."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def terminals(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """On which terminals, or through which services standing for one, did events happen?

    One row for each event with a terminal: host, time, serial, terminal, address, exe, who.
    In summary: terminal, events, hosts, first, last. `pts0` and `/dev/pts/0` are one terminal, `(none)` and `?` are
    none; aureport counts each spelling, and those two as well.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    named = seen.filter(seen.terminal.notnull())
    return counted(named, "terminal") if summary else listed(named, "terminal", "address", "exe", "who")
