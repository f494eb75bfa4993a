"""Sessions opened."""

import ibis.expr.types as ir

from audit_nb.tables._attempts import came_from
from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, listed, program, view


def sessions_opened(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Who came in: which sessions were opened, by which program, from where?

    One row for each USER_START that succeeded: host, time, serial, account, through (sshd, login, cron …), address,
    terminal, ses. Sessions of sudo and su inside a session are the question `sudo`.
    """
    seen = view(events, success=True, collector=collector)
    through = program(seen.exe)
    opened = seen.filter(has_type(seen, "USER_START") & ~through.isin(PRIVILEGE_PROGRAMS).fill_null(False))
    named = {"through": program(opened.exe), "address": came_from(opened)}
    return listed(opened, "account", "through", "address", "terminal", "ses", **named)
