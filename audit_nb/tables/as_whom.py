"""Acting as another user."""

import ibis.expr.types as ir

from audit_nb.tables._words import as_whom as acting
from audit_nb.tables._words import counted, view


def as_whom(events: ir.Table, *, success: bool | None = None, collector: bool = False) -> ir.Table:
    """Who acted with the rights of another user than the one they logged in as?

    Columns: who (login user), as_whom (effective user), exe, events, hosts, first, last: system calls of logged-in
    users whose effective uid is not their login uid.
    """
    seen = view(events, success=success, collector=collector)
    other = seen.filter(seen.auid.notnull(), seen.euid.notnull(), seen.auid != seen.euid)
    return counted(other.mutate(as_whom=acting(other)), "who", "as_whom", "exe")
