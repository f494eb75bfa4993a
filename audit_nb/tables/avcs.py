"""Decisions of access."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._words import SUMS, known, listed, of_kind, view

COLUMNS = ("result", "permission", "subject", "object", "class", "comm", "exe", "who", "syscall", "permissive")


def avcs(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """What did SELinux, AppArmor and object managers allow or deny?

    One row for each record of a decision: host, time, serial, result (denied, granted, DENIED, ALLOWED, STATUS …),
    permission (or operation), subject (security context or profile), object (context or name), class, comm, exe, who,
    syscall, permissive (1: denied and yet allowed). In summary: object, result, events (records), hosts, first, last.
    Aureport reads no AppArmor; its summary counts objects.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    kind = _kinds.SELINUX if as_aureport else _kinds.ACCESS_DECISIONS
    records = _records(seen.filter(of_kind(seen, kind)), kind)
    if as_aureport:
        records = records.filter(records.result.notnull() | (records.types[records.n] == "USER_AVC"))
        records = records.mutate(
            subject=ibis.ifelse(records.types[records.n] == "USER_AVC", records.subj, records.subject)
        )
    if not summary:
        return listed(records, *COLUMNS)
    return _counted(records.filter(records.object.notnull()), ["object"] if as_aureport else ["object", "result"])


def _records(found: ir.Table, kind: _kinds.Kind) -> ir.Table:
    """One row for each record of the kind, with the fields of that record."""
    places = ibis.range(0, found.types.length())
    decisions = places.filter(lambda n: found.types[n].re_search(kind.pattern()))
    each = found.mutate(n=decisions.unnest())
    return each.mutate(
        result=ibis.coalesce(_of(each, "seresult"), _of(each, "apparmor")),
        permission=ibis.coalesce(_of(each, "seperms"), _of(each, "operation")),
        subject=ibis.coalesce(_of(each, "scontext"), _of(each, "profile"), known(each.subj)),
        object=ibis.coalesce(_of(each, "tcontext"), _of(each, "name")),
        permissive=_of(each, "permissive"),
        **{"class": _of(each, "tclass")},
    )


def _of(each: ir.Table, key: str) -> ir.StringValue:
    """A field of this record, or null."""
    fields = each.other.filter(lambda other: (other["key"] == key) & (other["record"] == each.n))
    return fields.map(lambda other: other["value"])[0]


def _counted(records: ir.Table, by: list[str]) -> ir.Table:
    rows = records.group_by(by).agg(
        events=records.count(), hosts=records.host.nunique(), first=records.time.min(), last=records.time.max()
    )
    return rows.select(*by, *SUMS).order_by(ibis.desc("events"), *by)
