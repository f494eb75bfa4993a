"""Attempts to come in: the failures and the successes that login programs report."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, known, origin, program, view

#: Programs that open sessions without anybody proving who they are: systemd starts a user's manager inside a login that
#: is under way, cron and at run jobs.
COMPANIONS = ("systemd", "systemd-executor", "cron", "crond", "atd", "anacron")
#: Programs that ask somebody who is logged in for a password.
INSIDE = (*PRIVILEGE_PROGRAMS, "passwd", "chsh", "chfn", "chage", "gpasswd", "vlock", "xscreensaver", "swaylock")
#: What stands in the place of a name that login(1) and sshd(8) do not tell, or that nobody typed.
UNTOLD = ("", "?", "-", "(unknown)", "(unknown user)", "(invalid user)", "(none)", "(null)", "(unset)", "UNKNOWN")
#: The records of one connection lie no further apart: sshd waits two minutes for a login, login(1) one.
CONNECTION_MS = 120_000
#: sshd reports the last failure of a connection and its end as failed logins, one right behind the other.
AT_ONCE_MS = 250
#: One wrong password is reported by PAM and, on some systems, by sshd itself.
SAME_PROOF_MS = 3_000


def at_the_door(events: ir.Table, *, success: bool, collector: bool) -> ir.Table:
    """Events of programs that let people in: `address` is the origin; sudo, su and their kin work inside a session.

    Which events concern logins at all is asked first: nearly none does.
    """
    seen = view(events, success=success, collector=collector)
    seen = seen.filter(has_type(seen, "USER_LOGIN", "USER_AUTH", "USER_START"))
    outside = seen.filter(~program(seen.exe).isin(INSIDE).fill_null(False))
    return outside.mutate(address=came_from(outside))


def came_from(events: ir.Table) -> ir.StringValue:
    """Where a user came from; where no terminal is told either, the machine's own name is no origin."""
    node = events.node.re_replace("[.].*$", "")
    own = ibis.or_(*((events.hostname == name).fill_null(False) for name in (events.host, events.node, node)))
    return ibis.ifelse(own & known(events.addr).isnull(), ibis.null("string"), origin(events))


def failures(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Failed USER_LOGIN and USER_AUTH events, told apart by `login`."""
    tried = at_the_door(events, success=False, collector=collector)
    failed = tried.filter(has_type(tried, "USER_LOGIN", "USER_AUTH"))
    return failed.mutate(login=has_type(failed, "USER_LOGIN"))


def attempts(failed: ir.Table) -> ir.Table:
    """Failures with `name` (the account as typed, null where it is not told), and `counts`: whether it is an attempt.

    One attempt leaves several records. A refused proof (USER_AUTH) is an attempt, unless sshd repeats what PAM has
    said. A refused login (USER_LOGIN) is one where its connection has no refused proof of that account, and no other
    refused login of it: for a name it does not know sshd writes three.
    """
    named = failed.mutate(name=typed(failed), proof=(~failed.login).cast("int64"))
    named = named.mutate(by_pam=named.proof * named["op"].startswith("PAM:").fill_null(False).cast("int64"))
    connection = ["host", "boot", "pid", "exe", "address"]
    around = {"order_by": "time_ms", "preceding": CONNECTION_MS, "following": CONNECTION_MS}
    at_once = {"order_by": "time_ms", "preceding": SAME_PROOF_MS, "following": SAME_PROOF_MS}
    order = ibis.window(group_by=[*connection, "name", "login"], order_by=["time_ms", "serial"])
    told = named.mutate(
        proofs=named.proof.sum().over(ibis.range_window(group_by=connection, **around)),
        own_proofs=named.proof.sum().over(ibis.range_window(group_by=[*connection, "name"], **around)),
        pam_proofs=named.by_pam.sum().over(ibis.range_window(group_by=[*connection, "name"], **at_once)),
        since_last=named.time_ms - named.time_ms.lag().over(order),
    )
    proven = ibis.ifelse(told.name.isnull(), told.proofs, told.own_proofs) > 0
    close = told.since_last < ibis.ifelse(told.name.isnull(), CONNECTION_MS, AT_ONCE_MS)
    repeated = (told.pid.notnull() & close).fill_null(False)
    again = (told.by_pam == 0) & (told.pam_proofs > 0) & told.pid.notnull()
    return told.mutate(counts=ibis.ifelse(told.login, ~proven & ~repeated, ~again)).drop(
        "proof", "by_pam", "proofs", "own_proofs", "pam_proofs", "since_last"
    )


def typed(tried: ir.Table) -> ir.StringValue:
    """The account of an attempt as it was typed, never to be shown; null where the record does not tell it."""
    account = ibis.coalesce(tried.acct, tried.id_name, tried.id.cast("string"))
    return ibis.ifelse(account.isin(UNTOLD), ibis.null("string"), account)


def shown(tried: ir.Table) -> ir.StringValue:
    """The account of an attempt as it may be shown."""
    return ibis.coalesce(tried.account, tried.id_name, tried.id.cast("string"))


def entries(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Successful USER_START and USER_LOGIN events of programs that let somebody in."""
    tried = at_the_door(events, success=True, collector=collector)
    came = tried.filter(~program(tried.exe).isin(COMPANIONS).fill_null(False))
    return came.filter(has_type(came, "USER_START", "USER_LOGIN"))


def failures_by(failed: ir.Table, *by: str, **distinct: ir.Value) -> ir.Table:
    """Failures counted by some columns, with the number of distinct values of another; `attempts` stands last."""
    counts = failed.group_by(*by).agg(
        failed_logins=failed.login.sum(),
        failed_authentications=(~failed.login).sum(),
        **{name: failed[column.get_name()].nunique() for name, column in distinct.items()},
        hosts=failed.host.nunique(),
        first=failed.time.min(),
        last=failed.time.max(),
        attempts=failed.counts.sum(),
    )
    most = ibis.greatest(counts.failed_logins, counts.failed_authentications)
    return counts.order_by(most.desc(), *by)
