"""All events."""

import ibis.expr.types as ir

from audit_nb.tables._words import listed, view


def events(
    events: ir.Table, *, success: bool | None = None, collector: bool = False, as_aureport: bool = False
) -> ir.Table:
    """Which events are there, one a line?

    Columns: host, time, serial, type (that of the first record), who, success. How many of each type is the question
    `types`.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    return listed(seen, "type", "who", "success")
