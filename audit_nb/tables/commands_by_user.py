"""Commands by user."""

import ibis.expr.types as ir

from audit_nb.tables._words import as_whom, counted, has_type, view


def commands_by_user(events: ir.Table, *, success: bool | None = None, collector: bool = False) -> ir.Table:
    """Which programs did each user run, and as whom?

    Columns: who, as_whom, exe, events (executions), hosts, first, last.
    """
    seen = view(events, success=success, collector=collector)
    run = seen.filter(has_type(seen, "EXECVE"))
    return counted(run.mutate(as_whom=as_whom(run)), "who", "as_whom", "exe")
