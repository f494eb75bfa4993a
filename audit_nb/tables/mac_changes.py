"""Mandatory access control."""

import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._words import counted, listed, of_kind, view


def mac_changes(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Who changed the policy, the state or the labels of mandatory access control?

    One row for each such event: host, time, serial, who, type, success. In summary: type, events, hosts, first, last.
    Aureport's summary stops at MAC_MAP_DEL, its list and its first page go on to MAC_UNLBL_STCDEL; none of them knows
    CALIPSO.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    if as_aureport:
        kind = (_kinds.MAC_CHANGES_IN_SUMMARY if summary else _kinds.MAC_CHANGES) | _kinds.LSPP
    else:
        kind = _kinds.MAC_CHANGES | _kinds.CALIPSO | _kinds.LSPP
    changes = seen.filter(of_kind(seen, kind))
    return counted(changes, "type") if summary else listed(changes, "who", "type", "success")
