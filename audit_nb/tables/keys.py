"""Rule keys."""

import ibis.expr.types as ir

from audit_nb.tables._words import counted, each, first_of, listed, view


def keys(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which rules were hit, by the keys they carry?

    One row for each event and key: host, time, serial, key, success, exe, who. In summary: key, events, hosts, first,
    last. An event with two keys stands under both; aureport's list shows the first of them only, its summary all.
    """
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport)
    only_first = as_aureport and not summary
    hits = first_of(seen, "keys", "key") if only_first else each(seen, "keys", "key")
    hits = hits.filter(hits.key != "(null)")
    return counted(hits, "key") if summary else listed(hits, "key", "success", "exe", "who")
