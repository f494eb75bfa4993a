"""Failed, then succeeded."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import entries, failures


def failed_then_succeeded(
    events: ir.Table, *, within_minutes: int = 60, at_least: int = 1, collector: bool = False
) -> ir.Table:
    """Which accounts came in after failing: a guess that hit, or a mistyped password?

    One row for each opened session or login that failures on the same account and host preceded within
    `within_minutes`, counted since the last time it came in: host, time, serial, account, address, terminal, exe,
    failures (at least `at_least`), first_failure.
    """
    attempts = ibis.union(
        _attempt(failures(events, collector=collector), failed=1),
        _attempt(entries(events, collector=collector), failed=0),
    )
    tried = attempts.mutate(came_before=(1 - attempts.failed).sum().over(_earlier()).fill_null(0))
    near = ibis.range_window(
        group_by=["host", "acct", "came_before"], order_by="time_ms", preceding=within_minutes * 60_000, following=0
    )
    failed_at = ibis.ifelse(tried.failed == 1, tried.time, ibis.null("timestamp(6)"))
    seen = tried.mutate(failures=tried.failed.sum().over(near), first_failure=failed_at.min().over(near))
    came = seen.filter(seen.failed == 0, seen.failures >= at_least)
    columns = ("host", "time", "serial", "account", "address", "terminal", "exe", "failures", "first_failure")
    return came.select(*columns).order_by("time", "host", "serial")


def _earlier() -> ibis.expr.builders.WindowBuilder:
    """All attempts on the same account and host before this one."""
    return ibis.window(group_by=["host", "acct"], order_by=["time_ms", "serial"], preceding=(None, 1))


def _attempt(tried: ir.Table, *, failed: int) -> ir.Table:
    named = tried.filter(tried.acct.notnull())
    columns = ("host", "time", "time_ms", "serial", "acct", "account", "address", "terminal", "exe")
    return named.select(*columns, failed=ibis.literal(failed, "int64"))
