"""Where aureport counts otherwise."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _aureport
from audit_nb.tables.late_events import late_events
from audit_nb.tables.summary import ITEMS, summary

#: Why a figure of the first page may differ, and what the figures above them come from.
REASONS = {
    "configuration_changes": "an event with records of two kinds is two changes to aureport",
    "account_changes": "an event with records of two kinds is two changes to aureport",
    "logins": "to aureport `res=0` and every word but `failed` is a success",
    "failed_logins": "to aureport `res=0` and every word but `failed` is a success",
    "authentications": "to aureport `res=0` and every word but `failed` is a success",
    "failed_authentications": "aureport takes failures of account management (USER_MGMT) for failed authentications",
    "users": "aureport counts the unset user (-1) as a user",
    "terminals": "aureport counts every spelling of a terminal, and `(none)` and `?` as terminals",
    "hosts": "aureport counts `?` as a host, and the name of a host and not its address where both are known",
    "executables": "aureport counts `(null)`, and drops events that it cannot read",
    "comms": "aureport drops events that it cannot read, and reads no command name of some kernel records",
    "files": "aureport counts directories, unix sockets and missing names, and leaves names relative",
    "avcs": "aureport reads no AppArmor records",
    "mac_changes": "aureport counts an event of both kinds twice and knows no CALIPSO",
    "failed_syscalls": "aureport leaves out system call 0 (`read` on x86_64)",
    "anomalies": "the first page of aureport leaves out SECCOMP, which its list of anomalies shows",
    "crypto": "aureport counts an event with records of the kernel and of a program twice",
    "keys": "aureport drops events that it cannot read",
    "pids": "aureport reads no process number of some kernel records, and drops events that it cannot read",
    "events": "the sum of the events divided, late and dropped, and of those that the collector made",
}
DIVIDED = "a record of a type that stands alone ends its event: what follows it is another event to aureport"
LATE = "an event whose records come late is closed and begun again"
DROPPED = "an event with a record that aureport cannot read is not counted at all"


def differences(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Where does aureport count otherwise, and why?

    One row for each figure of the first page that differs: item, ours, aureport, reason; and one for each cause of a
    different number of events: divided_events, late_events, dropped_events, with how many events ours makes of them
    and how many aureport.
    """
    late = late_events(events)
    ours = summary(events, collector=collector).rename(ours="count")
    theirs = summary(events, as_aureport=True).rename(their_item="item", aureport="count")
    again = late.agg(again=(late.parts - 1).sum().fill_null(0))
    figures = ours.join(theirs, ours.item == theirs.their_item).cross_join(again)
    counted = figures.aureport + ibis.ifelse(figures.item == "events", figures.again, 0)
    rows = figures.select("item", "ours", aureport=counted, reason=_reason(figures.item))
    causes = (
        _cause(events.filter(_aureport.divided(events)), "divided_events", 2, DIVIDED),
        _row("late_events", late.count(), late.parts.sum(), LATE),
        _cause(events.filter(_aureport.dropped(events, sockets=True, terminals=True)), "dropped_events", 0, DROPPED),
    )
    differ = ibis.union(rows, *causes).filter(lambda row: row.ours != row.aureport)
    return differ.order_by(ibis.array([*ITEMS, "divided_events", "late_events", "dropped_events"]).index(differ.item))


def _reason(item: ir.StringValue) -> ir.StringValue:
    return ibis.cases(*((item == name, reason) for name, reason in REASONS.items()))


def _cause(chosen: ir.Table, item: str, each: int, reason: str) -> ir.Table:
    """The row of a cause that makes so many events of each of the chosen ones."""
    return _row(item, chosen.count(), chosen.count() * each, reason)


def _row(item: str, ours: ir.IntegerScalar, aureport: ir.IntegerScalar, reason: str) -> ir.Table:
    counts = ours.as_table().cross_join(aureport.fill_null(0).as_table())
    first, second = counts.columns
    return counts.select(
        item=ibis.literal(item),
        ours=counts[first].cast("int64"),
        aureport=counts[second].cast("int64"),
        reason=ibis.literal(reason),
    )
