"""Login users."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view


def users(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which login users appear, and in how many events?

    One row for each event with a login user: host, time, serial, who, terminal, address, exe.
    In summary: who, events, hosts, first, last. Aureport counts the unset user (-1) as one more user, lists the
    events that have a uid and prints their auid.
    """
    seen = view(
        events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True, uids=True
    )
    if as_aureport and not summary:
        return listed(seen.filter(seen.uid.notnull()), "who", "terminal", "address", "exe")
    named = seen.filter(seen.who.notnull() & (seen.who != "-2"))
    return counted(named, "who") if summary else listed(named, "who", "terminal", "address", "exe")
