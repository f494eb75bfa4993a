"""Keystrokes."""

import ibis.expr.types as ir

from audit_nb.tables._words import listed, view


def keystrokes(
    events: ir.Table, *, success: bool | None = None, collector: bool = False, as_aureport: bool = False
) -> ir.Table:
    """What was typed on audited terminals, secrets masked?

    One row for each TTY or USER_TTY event: host, time, serial, who, terminal, ses, comm, command (what was typed,
    with the names of keys; what may be a password is masked). Aureport shows everything that was typed.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    typed = seen.filter(seen.type.isin(("TTY", "USER_TTY")))
    return listed(typed, "who", "terminal", "ses", "comm", "command")
