"""Failures by address."""

import ibis.expr.types as ir

from audit_nb.tables._attempts import failures, failures_by


def failed_by_address(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """From which addresses did logins and authentications fail, and on how many accounts?

    Columns: address, failed_logins (USER_LOGIN), failed_authentications (USER_AUTH), accounts, hosts, first, last.
    One attempt often leaves both records; failures of sudo and su are not among them.
    """
    failed = failures(events, collector=collector)
    return failures_by(failed.filter(failed.address.notnull()), "address", accounts=failed.acct)
