"""Failures by account."""

import ibis.expr.types as ir

from audit_nb.tables._attempts import attempts, failures, failures_by


def failed_by_account(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """On which accounts did logins and authentications fail, and from how many addresses?

    Columns: account, failed_logins (USER_LOGIN), failed_authentications (USER_AUTH), addresses, hosts, first, last,
    attempts. Names that are no account are masked, each kind of mask a row; failures of sudo and su are not among
    them. One attempt often leaves several records, under another name even (`(invalid user)`), and counts once in
    `attempts`.
    """
    failed = attempts(failures(events, collector=collector))
    return failures_by(failed.filter(failed.account.notnull()), "account", addresses=failed.address)
