"""Services."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import has_type, view


def services(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Which services were started and stopped, and which failed?

    One row for each unit of systemd, those that failed first: unit, started, stopped, failed (starts and stops that
    did not succeed), hosts, first, last.
    """
    seen = view(events, collector=collector)
    told = seen.filter(has_type(seen, "SERVICE_START", "SERVICE_STOP"), seen.unit.notnull())
    done, begun = told.success.fill_null(False), has_type(told, "SERVICE_START")
    marked = told.mutate(began=done & begun, ended=done & ~begun, missed=(told.success == False).fill_null(False))  # noqa: E712
    sums = marked.group_by("unit").agg(
        started=marked.began.sum(),
        stopped=marked.ended.sum(),
        failed=marked.missed.sum(),
        hosts=marked.host.nunique(),
        first=marked.time.min(),
        last=marked.time.max(),
    )
    return sums.order_by(ibis.desc("failed"), (sums.started + sums.stopped).desc(), "unit")
