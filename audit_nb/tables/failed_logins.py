"""Failed logins."""

import ibis.expr.types as ir

from audit_nb.tables._words import has_type, listed, view


def failed_logins(events: ir.Table, *, collector: bool = False, as_aureport: bool = False) -> ir.Table:
    """Which logins failed: on which account, from where?

    One row for each USER_LOGIN event that failed: host, time, serial, account, address, terminal, exe.
    An account that does not exist is masked: people type passwords there. Wrong passwords that did not end the
    attempt are in `authentications`.
    """
    seen = view(events, success=False, collector=collector, as_aureport=as_aureport, sockets=True)
    failed = seen.filter(has_type(seen, "USER_LOGIN"))
    return listed(failed, "account", "address", "terminal", "exe")
