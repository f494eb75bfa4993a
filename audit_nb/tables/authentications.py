"""Authentications."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._words import counted, has_type, listed, of_kind, view


def authentications(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Who proved to be who they say, or failed to: with passwords and keys, for logins, sudo, su and the like?

    One row for each USER_AUTH or GRP_AUTH event: host, time, serial, account, address, terminal, exe, success.
    In summary: account, events, hosts, first, last. Aureport leaves GRP_AUTH out and takes USER_MGMT failures in.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    if as_aureport:
        refused = has_type(seen, "USER_MGMT") & (seen.success == False).fill_null(False)  # noqa: E712
        tried = seen.filter(has_type(seen, "USER_AUTH") | refused)
        acting = "-2" if summary else tried.uid.cast("string")
        tried = tried.mutate(account=ibis.coalesce(tried.account, acting))
        by = ("account", "acct")
    else:
        tried = seen.filter(of_kind(seen, _kinds.AUTHENTICATIONS))
        by = ("account",)
    if summary:
        return counted(tried, *by).drop(*by[1:])
    return listed(tried, "account", "address", "terminal", "exe", "success")
