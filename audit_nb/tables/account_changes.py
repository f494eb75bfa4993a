"""Changes to accounts, groups and roles."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._words import counted, listed, of_kind, view


def account_changes(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Who changed which accounts, groups, passwords or roles?

    One row for each such event: host, time, serial, type, who, account (the changed one), op, address, terminal, exe,
    success. In summary: type, events, hosts, first, last.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    changes = seen.filter(of_kind(seen, _kinds.ACCOUNT_CHANGES))
    if not as_aureport:
        changes = changes.mutate(account=ibis.coalesce(changes.account, changes.id_name, changes.id.cast("string")))
    columns = ("type", "who", "account", "op", "address", "terminal", "exe", "success")
    return counted(changes, "type") if summary else listed(changes, *columns)
