"""Attempts to come in: the failures and the successes that login programs report."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, origin, program, view

#: Programs that open sessions without anybody proving who they are: systemd starts a user's manager inside a login that
#: is under way, cron and at run jobs.
COMPANIONS = ("systemd", "systemd-executor", "cron", "crond", "atd", "anacron")


def at_the_door(events: ir.Table, *, success: bool, collector: bool) -> ir.Table:
    """Events of programs that let people in: `address` is the origin; sudo, su and their kin work inside a session."""
    seen = view(events, success=success, collector=collector)
    outside = seen.filter(~program(seen.exe).isin(PRIVILEGE_PROGRAMS).fill_null(False))
    return outside.mutate(address=origin(outside))


def failures(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Failed USER_LOGIN and USER_AUTH events, told apart by `login`."""
    tried = at_the_door(events, success=False, collector=collector)
    failed = tried.filter(has_type(tried, "USER_LOGIN", "USER_AUTH"))
    return failed.mutate(login=has_type(failed, "USER_LOGIN"))


def entries(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Successful USER_START and USER_LOGIN events of programs that let somebody in."""
    tried = at_the_door(events, success=True, collector=collector)
    came = tried.filter(~program(tried.exe).isin(COMPANIONS).fill_null(False))
    return came.filter(has_type(came, "USER_START", "USER_LOGIN"))


def failures_by(failed: ir.Table, by: str, **distinct: ir.Value) -> ir.Table:
    """Failures counted by one column, with the number of distinct values of another."""
    counts = failed.group_by(by).agg(
        failed_logins=failed.login.sum(),
        failed_authentications=(~failed.login).sum(),
        **{name: failed[column.get_name()].nunique() for name, column in distinct.items()},
        hosts=failed.host.nunique(),
        first=failed.time.min(),
        last=failed.time.max(),
    )
    attempts = ibis.greatest(counts.failed_logins, counts.failed_authentications)
    return counts.order_by(attempts.desc(), by)
