"""Anomalies."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._words import counted, fields_of, listed, of_kind, view


def anomalies(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """What did the kernel or a daemon call an anomaly: crashes, promiscuous devices, link tricks, too many failures?

    One row for each such event, SECCOMP included: host, time, serial, type, exe (else comm), terminal, address, who,
    details. In summary: type, events, hosts, first, last.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True, terminals=True)
    odd = seen.filter(of_kind(seen, _kinds.USER_ANOMALIES | _kinds.KERNEL_ANOMALIES | _kinds.SECCOMP))
    if summary:
        return counted(odd, "type")
    named = {"exe": ibis.coalesce(odd.exe, odd.comm), "details": fields_of(odd)}
    return listed(odd, "type", "exe", "terminal", "address", "who", "details", **named)
