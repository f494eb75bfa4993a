"""Event types."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, view


def types(
    events: ir.Table, *, success: bool | None = None, collector: bool = False, as_aureport: bool = False
) -> ir.Table:
    """How many events are there of each type?

    Columns: type (that of the event's first record, as aureport names events), events, hosts, first, last.
    """
    return counted(view(events, success=success, collector=collector, as_aureport=as_aureport), "type")
