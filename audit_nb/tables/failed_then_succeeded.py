"""Failed, then succeeded."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import attempts, entries, failures


def failed_then_succeeded(
    events: ir.Table, *, within_minutes: int = 60, at_least: int = 1, collector: bool = False
) -> ir.Table:
    """Which accounts came in after failing: a guess that hit, or a mistyped password?

    One row for each opened session or login that failures on the same account and host preceded within
    `within_minutes`, counted since the last time it came in: host, time, serial, account, address, terminal, exe,
    failures (attempts, each counted once however many records it left; at least `at_least`), first_failure.
    """
    failed = attempts(failures(events, collector=collector))
    came = entries(events, collector=collector)
    came = came.mutate(name=ibis.coalesce(came.acct, came.id_name, came.auid_name))
    tried = ibis.union(_attempt(failed.filter(failed.counts), failed=1), _attempt(came, failed=0))
    tried = tried.mutate(came_before=(1 - tried.failed).sum().over(_earlier()).fill_null(0))
    near = ibis.range_window(
        group_by=["host", "name", "came_before"], order_by="time_ms", preceding=within_minutes * 60_000, following=0
    )
    failed_at = ibis.ifelse(tried.failed == 1, tried.time, ibis.null("timestamp(6)"))
    seen = tried.mutate(failures=tried.failed.sum().over(near), first_failure=failed_at.min().over(near))
    hits = seen.filter(seen.failed == 0, seen.failures >= at_least)
    columns = ("host", "time", "serial", "account", "address", "terminal", "exe", "failures", "first_failure")
    return hits.select(*columns).order_by("time", "host", "serial")


def _earlier() -> ibis.expr.builders.WindowBuilder:
    """All attempts on the same account and host before this one."""
    return ibis.window(group_by=["host", "name"], order_by=["time_ms", "serial"], preceding=(None, 1))


def _attempt(tried: ir.Table, *, failed: int) -> ir.Table:
    named = tried.filter(tried.name.notnull())
    account = ibis.coalesce(named.account, named.id_name, named.auid_name)
    columns = ("host", "time", "time_ms", "serial", "name")
    rest = ("address", "terminal", "exe")
    return named.select(*columns, account=account, **{c: named[c] for c in rest}, failed=ibis.literal(failed, "int64"))
