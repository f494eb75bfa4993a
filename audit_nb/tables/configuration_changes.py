"""Changes of configuration."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._records import refused
from audit_nb.tables._words import counted, fields_of, joined, listed, of_kind, outcome, view


def configuration_changes(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Who changed the configuration of audit, of the firewall or of mandatory access control?

    One row for each such event: host, time, serial, type, who, op, keys, details, success. `details` are the fields
    that have no column, as `audit_enabled=0 old=1`. A change of audit that was refused has not succeeded, though the
    system call that carried it to the kernel has; aureport takes it for a success. In summary: type, events, hosts,
    first, last.
    """
    seen = view(events, collector=collector, as_aureport=as_aureport)
    changes = seen.filter(of_kind(seen, _kinds.CONFIGURATION | _kinds.MAC_CHANGES))
    if not as_aureport:
        changes = changes.mutate(success=ibis.ifelse(refused(changes), False, changes.success))
    changes = outcome(changes, success)
    if summary:
        return counted(changes, "type")
    named = {"keys": joined(changes["keys"]), "details": fields_of(changes)}
    return listed(changes, "type", "who", "op", "keys", "details", "success", **named)
