"""Failures by address."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import attempts, failures, failures_by


def failed_by_address(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """From which addresses did logins and authentications fail, and on how many accounts?

    Columns: address (null at a console and where it is not known), failed_logins (USER_LOGIN), failed_authentications
    (USER_AUTH), accounts (names that the log tells), hosts, first, last, attempts, terminal (of failures without an
    address). One attempt often leaves several records, and counts once in `attempts`; failures of sudo and su are not
    among them.
    """
    failed = attempts(failures(events, collector=collector))
    placed = failed.mutate(terminal=ibis.ifelse(failed.address.isnull(), failed.terminal, ibis.null("string")))
    counted = failures_by(placed, "address", "terminal", accounts=placed.name)
    return counted.select(*(name for name in counted.columns if name != "terminal"), "terminal")
