"""Cryptography."""

import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._words import counted, fields_of, listed, of_kind, view


def crypto(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which cryptographic keys, sessions and parameters were made, used or destroyed?

    One row for each such event: host, time, serial, who, type, success, exe, details.
    In summary: type, events, hosts, first, last.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    found = seen.filter(of_kind(seen, _kinds.KERNEL_CRYPTO | _kinds.USER_CRYPTO))
    if summary:
        return counted(found, "type")
    return listed(found, "who", "type", "success", "exe", "details", details=fields_of(found))
