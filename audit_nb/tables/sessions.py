"""Sessions."""

import ibis.expr.types as ir

from audit_nb.tables._attempts import came_from
from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, program, view


def sessions(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """What happened in each login session: who came in from where, for how long, and what was done in it?

    One row for each session number of a host between two boots, the newest first: host, boot, ses, who, through (the
    program that let them in), address, terminal, began, ended (null while it is open), last (its last event), seconds
    (from began to ended, else to last), events, commands (executions), as_root (executions by root in the session of
    another), sudo (commands given to sudo), failed. A session of which only a part was logged is shown with what
    there is. The kernel counts sessions from 1; its own records of network labels say `ses=0`.
    """
    seen = view(events, collector=collector)
    inside = program(seen.exe).isin(PRIVILEGE_PROGRAMS).fill_null(False)
    run = has_type(seen, "EXECVE")
    marked = seen.filter(seen.ses > 0).mutate(
        door=has_type(seen, "USER_START", "USER_LOGIN", "USER_END", "LOGIN") & ~inside,
        closing=has_type(seen, "USER_END") & ~inside,
        run=run,
        root=run & (seen.euid == 0) & (seen.auid != 0),
        asked=has_type(seen, "USER_CMD"),
        through=program(seen.exe),
        origin=came_from(seen),
    )
    sums = marked.group_by("host", "boot", "ses").agg(
        who=marked.who.max(),
        through=marked.through.max(where=marked.door & has_type(marked, "USER_START", "USER_LOGIN")),
        address=marked.origin.max(where=marked.door),
        terminal=marked.terminal.max(where=marked.door),
        began=marked.time.min(),
        ended=marked.time.max(where=marked.closing),
        last=marked.time.max(),
        began_ms=marked.time_ms.min(),
        ended_ms=marked.time_ms.max(where=marked.closing),
        last_ms=marked.time_ms.max(),
        events=marked.count(),
        commands=marked.run.sum(),
        as_root=marked.root.sum(),
        sudo=marked.asked.sum(),
        failed=(marked.success == False).sum(),  # noqa: E712 - an expression
    )
    seconds = (sums.ended_ms.fill_null(sums.last_ms) - sums.began_ms) / 1000
    columns = ("host", "boot", "ses", "who", "through", "address", "terminal", "began", "ended", "last")
    counts = {name: sums[name].fill_null(0) for name in ("events", "commands", "as_root", "sudo", "failed")}
    rows = sums.select(*columns, seconds=seconds, **counts)
    return rows.order_by(rows.began.desc(), "host", "ses")
