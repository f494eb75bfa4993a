"""Commands."""

import ibis.expr.types as ir

from audit_nb.tables._words import as_whom, has_type, listed, view


def commands(events: ir.Table, *, success: bool | None = None, collector: bool = False) -> ir.Table:
    """What was run, by whom, as whom?

    One row for each execution (EXECVE): host, time, serial, who, as_whom, command (secrets masked), exe, cwd,
    terminal, ses, pid, ppid, success. `who` is the login user, `as_whom` the effective user. An execution that the
    kernel refused is listed with success false.
    """
    seen = view(events, success=success, collector=collector)
    run = seen.filter(has_type(seen, "EXECVE"))
    columns = ("command", "exe", "cwd", "terminal", "ses", "pid", "ppid", "success")
    return listed(run.mutate(as_whom=as_whom(run)), "who", "as_whom", *columns)
