"""Failed logins."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import came_from
from audit_nb.tables._words import has_type, listed, peer, view


def failed_logins(events: ir.Table, *, collector: bool = False, as_aureport: bool = False) -> ir.Table:
    """Which logins failed: on which account, from where?

    One row for each USER_LOGIN event that failed: host, time, serial, account, address, terminal, exe.
    An account that does not exist is masked: people type passwords there. Wrong passwords that did not end the
    attempt are in `authentications`.
    """
    seen = view(events, success=False, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    failed = seen.filter(has_type(seen, "USER_LOGIN"))
    if not as_aureport:
        failed = failed.mutate(address=ibis.coalesce(came_from(failed), peer(failed)))
    return listed(failed, "account", "address", "terminal", "exe")
