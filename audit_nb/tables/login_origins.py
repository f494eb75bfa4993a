"""Origins of logins."""

import ibis.expr.types as ir

from audit_nb.tables._attempts import came_from
from audit_nb.tables._words import PRIVILEGE_PROGRAMS, counted, has_type, program, view


def login_origins(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """From which addresses did which accounts come in?

    Columns: account, address, through (the program that let them in), events (sessions opened), hosts, first, last.
    Sessions without an address (cron, the console) are not listed.
    """
    seen = view(events, success=True, collector=collector)
    opened = seen.mutate(address=came_from(seen), through=program(seen.exe))
    came = opened.filter(
        has_type(opened, "USER_START"),
        opened.address.notnull(),
        ~opened.through.isin(PRIVILEGE_PROGRAMS).fill_null(False),
    )
    return counted(came, "account", "address", "through")
