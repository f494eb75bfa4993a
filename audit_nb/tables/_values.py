"""What can be new or rare: executables, origins of users, accounts, rule keys, and network destinations."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import came_from, shown
from audit_nb.tables._words import each, has_type, moment, view

KINDS = ("executable", "origin", "account", "key", "destination")


def values(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """One row for each value of an event: host, time, moment (for order), who, kind (one of KINDS), value.

    A destination is an address and port that a program connected or sent to; an account one that somebody came in
    with.
    """
    seen = view(events, collector=collector)
    seen = seen.mutate(moment=moment(seen))
    came = has_type(seen, "USER_START", "USER_LOGIN")
    succeeded = seen.success.fill_null(False)
    reached = seen.socket["address"] + " port " + seen.socket["port"].cast("string")
    inet = seen.socket["family"].isin(("inet", "inet6")) & seen.syscall.isin(("connect", "sendto", "sendmsg"))
    keyed = each(seen, "keys", "value")
    return ibis.union(
        _of(seen.filter(seen.exe.notnull()).mutate(value=ibis._.exe), "executable"),
        _of(seen.mutate(value=came_from(seen)).filter(came & succeeded, ibis._.value.notnull()), "origin"),
        _of(seen.mutate(value=shown(seen)).filter(came & succeeded, ibis._.value.notnull()), "account"),
        _of(keyed, "key"),
        _of(seen.mutate(value=reached).filter(inet, ibis._.value.notnull()), "destination"),
    )


def _of(rows: ir.Table, kind: str) -> ir.Table:
    return rows.select("host", "time", "moment", "who", kind=ibis.literal(kind), value=rows.value)
