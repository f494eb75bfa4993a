"""Events without their end."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted


def incomplete(events: ir.Table) -> ir.Table:
    """Which events lack their end: which types of which hosts?

    One row for each host and type, the most first: host, type, events, first, last. An event lacks its end where
    records were lost, where the log was cut, or where it has not been fetched to its end yet. The collector's own
    events are among them.
    """
    return counted(events.filter((~events.complete).fill_null(False)), "host", "type")
