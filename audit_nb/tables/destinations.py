"""Destinations."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import view
from audit_nb.tables.connections import TOWARDS

#: Addresses by where they lie, as regular expressions (RFC 1122, 1918, 3927, 4193, 4291, 6598, 5771); the rest lies
#: elsewhere. An IPv4 address inside IPv6 is told by its IPv4 part.
SCOPES = (
    ("this machine", r"^(127\.|::1$|0\.0\.0\.0$|::$)"),
    (
        "local network",
        r"^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\."
        r"|[fF][cCdD][0-9a-fA-F]{2}:|[fF][eE][89abAB][0-9a-fA-F]:)",
    ),
    ("many at once", r"^(22[4-9]\.|23[0-9]\.|255\.255\.255\.255$|[fF]{2}[0-9a-fA-F]{2}:)"),
)


def destinations(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Where did programs connect or send to, and does it lie on this machine, in the local network or elsewhere?

    One row for each address and port, those elsewhere first, then by events: address, port, scope (elsewhere, local
    network, many at once (multicast), this machine), events, failed (a connect that goes on in the background has not
    failed), programs, users (how many), exe (the program with the last event), hosts, first, last.
    """
    seen = view(events, collector=collector)
    calls = tuple(call for call, direction in TOWARDS.items() if direction == "out")
    sent = seen.filter(seen.socket["family"].isin(("inet", "inet6")), seen.syscall.isin(calls))
    named = sent.mutate(
        address=sent.socket["address"],
        port=sent.socket["port"],
        missed=(sent.success == False).fill_null(False) & (sent.errno != "EINPROGRESS").fill_null(True),  # noqa: E712
    )
    sums = named.group_by("address", "port").agg(
        events=named.count(),
        failed=named.missed.sum(),
        programs=named.exe.nunique(),
        users=named.who.nunique(),
        exe=named.exe.argmax(named.time_ms * 2**22 + named.serial % 2**22),
        hosts=named.host.nunique(),
        first=named.time.min(),
        last=named.time.max(),
    )
    address = sums.address.re_replace("^::ffff:", "")
    scope = ibis.cases(*((address.re_search(pattern), name) for name, pattern in SCOPES), else_="elsewhere")
    columns = ("events", "failed", "programs", "users", "exe", "hosts", "first", "last")
    rows = sums.select("address", "port", scope=scope, **{name: sums[name] for name in columns})
    order = ibis.array(["elsewhere", "local network", "many at once", "this machine"]).index(rows.scope)
    return rows.order_by(order, ibis.desc("events"), "address", "port")
