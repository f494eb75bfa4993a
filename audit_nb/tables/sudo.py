"""sudo and su."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, listed, program, view


def sudo(events: ir.Table, *, success: bool | None = None, collector: bool = False) -> ir.Table:
    """Who used sudo, su and the like, for what, and who was refused?

    One row for each command given to sudo (USER_CMD), session opened (USER_START) and authentication (USER_AUTH) of
    such programs: host, time, serial, who, through (sudo, su …), type, account (whose rights were asked for or whose
    password was given), command (secrets masked), cwd, terminal, success.
    """
    seen = view(events, success=success, collector=collector)
    through = program(seen.exe)
    asked = through.isin(PRIVILEGE_PROGRAMS) & has_type(seen, "USER_CMD", "USER_START", "USER_AUTH")
    used = seen.filter(has_type(seen, "USER_CMD") | asked.fill_null(False))
    columns = ("type", "account", "command", "cwd", "terminal", "success")
    return listed(used.mutate(through=ibis.coalesce(program(used.exe), "sudo")), "who", "through", *columns)
