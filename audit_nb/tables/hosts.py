"""The other side of events."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def hosts(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which remote hosts and addresses appear: origins of users and peers of sockets?

    One row for each event with an address: host, time, serial, address, syscall, who.
    In summary: address, events, hosts, first, last (hosts are ours). Aureport counts `?` as an address.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True)
    named = seen.filter(seen.address.notnull())
    return counted(named, "address") if summary else listed(named, "address", "syscall", "who")
