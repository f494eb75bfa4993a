"""Rights that were asked for."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, program, view

#: Programs that ask for the password of whoever calls them; the others ask for that of the account they turn into.
OWN_PASSWORD = ("sudo", "sudo-rs", "doas", "pkexec", "polkit-agent-helper-1")


def rights_asked(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Who asked for whose rights through sudo, su and the like, and how often was it granted or refused?

    One row for each login user, program and account: who, through, account (whose rights; null where it was not
    logged: a refused command of sudo does not say), granted (sessions opened), refused (commands or sessions that
    were not allowed), wrong_passwords, hosts, first, last. Those refused most stand first.
    """
    seen = view(events, collector=collector)
    through = ibis.coalesce(program(seen.exe), "sudo")
    inside = through.isin(PRIVILEGE_PROGRAMS)
    asked = has_type(seen, "USER_CMD")
    kept = seen.filter(asked | (inside & has_type(seen, "USER_START", "USER_AUTH")))
    proof, said = has_type(kept, "USER_AUTH"), ibis.coalesce(program(kept.exe), "sudo")
    no, none = (kept.success == False).fill_null(False), ibis.null("string")  # noqa: E712 - an expression
    marked = kept.mutate(
        through=said,
        account=ibis.ifelse(proof & said.isin(OWN_PASSWORD), none, kept.account),
        granted=has_type(kept, "USER_START") & kept.success.fill_null(False),
        refused=no & ~proof,
        wrong=no & proof,
    )
    sums = marked.group_by("who", "through", "account").agg(
        granted=marked.granted.sum(),
        refused=marked.refused.sum(),
        wrong_passwords=marked.wrong.sum(),
        hosts=marked.host.nunique(),
        first=marked.time.min(),
        last=marked.time.max(),
    )
    told = sums.filter(sums.granted + sums.refused + sums.wrong_passwords > 0)
    order = (ibis.desc("refused"), ibis.desc("wrong_passwords"), ibis.desc("granted"))
    return told.order_by(*order, "who", "through", "account")
