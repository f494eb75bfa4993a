"""Logins and failed logins."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import counted, has_type, listed, view


def logins(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Who logged in or tried to, from where?

    One row for each USER_LOGIN event: host, time, serial, user, address, terminal, exe, success.
    In summary: user, events, hosts, first, last. `user` is who logged in, and for a failure the account that was
    tried. Some daemons write USER_LOGIN only for sessions with a terminal: the question `sessions_opened` sees the
    others.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    tried = seen.filter(has_type(seen, "USER_LOGIN"))
    if as_aureport:
        tried = _named_as_aureport(tried, summary)
    else:
        known = ibis.coalesce(tried.who, tried.id_name, tried.id.cast("string"))
        failed = (tried.success == False).fill_null(False)  # noqa: E712 - an expression
        tried = tried.mutate(
            user=ibis.ifelse(failed, ibis.coalesce(tried.account, known), ibis.coalesce(known, tried.account))
        )
    return counted(tried, "user") if summary else listed(tried, "user", "address", "terminal", "exe", "success")


def _named_as_aureport(tried: ir.Table, summary: bool) -> ir.Table:
    """The list names the typed account when the login failed, the summary when nobody was logged in yet."""
    typed = tried.who.startswith("-") if summary else (tried.success == False).fill_null(False)  # noqa: E712
    return tried.mutate(user=ibis.ifelse(typed, ibis.coalesce(tried.account, tried.who), tried.who))
