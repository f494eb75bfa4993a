"""Network connections."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, listed, view

#: System calls that name the other side (or, for bind, our own) of an internet socket.
TOWARDS = {"connect": "out", "sendto": "out", "sendmsg": "out", "sendmmsg": "out", "bind": "listen"}
FROM = {"accept": "in", "accept4": "in", "recvfrom": "in", "recvmsg": "in", "recvmmsg": "in"}


def connections(
    events: ir.Table, *, success: bool | None = None, summary: bool = False, collector: bool = False
) -> ir.Table:
    """Which network addresses and ports did programs connect to, listen on or hear from?

    One row for each event with an internet socket: host, time, serial, direction (out, in, listen, or null for
    another call), address, port, exe, who, syscall, success, errno. A connect that goes on in the background counts
    as failed: EINPROGRESS tells it. In summary: direction, address, port, exe, events, hosts, first, last.
    """
    seen = view(events, success=success, collector=collector)
    reached = seen.filter(seen.socket["family"].isin(("inet", "inet6")))
    named = reached.mutate(
        address=reached.socket["address"],
        port=reached.socket["port"],
        direction=reached.syscall.cases(*(TOWARDS | FROM).items()),
    )
    if summary:
        return counted(named, "direction", "address", "port", "exe")
    return listed(named, "direction", "address", "port", "exe", "who", "syscall", "success", "errno")
