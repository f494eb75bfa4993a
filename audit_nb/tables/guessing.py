"""Guessing of passwords."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import entries, failures

COLUMNS = ("pattern", "address", "account", "failures", "accounts", "addresses", "hosts", "first", "last", "came_in")


def guessing(
    events: ir.Table,
    *,
    failures_from: int = 10,
    accounts_from: int = 5,
    addresses_from: int = 5,
    collector: bool = False,
) -> ir.Table:
    """Who guesses passwords: many failures of one source, one source on many accounts, many sources on one account?

    One row for each finding, the most failures first: pattern (`brute force` of an address on an account, `password
    spraying` of an address over accounts, `distributed` over addresses on an account), address, account, failures,
    accounts, addresses, hosts, first, last, came_in (how often that address or account came in afterwards). An
    attempt that left an authentication and a login counts once. Thresholds hold for the chosen period:
    `failures_from`, `accounts_from`, `addresses_from`.
    """
    failed, came = failures(events, collector=collector), entries(events, collector=collector)
    pairs = _sums(failed, came, ["address", "acct"])
    sources = _sums(failed, came, ["address"])
    targets = _sums(failed, came, ["acct"])
    found = ibis.union(
        _shown(pairs.filter(pairs.failures >= failures_from), "brute force"),
        _shown(sources.filter(sources.accounts >= accounts_from), "password spraying"),
        _shown(targets.filter(targets.addresses >= addresses_from), "distributed"),
    )
    return found.order_by(ibis.desc("failures"), "pattern", "address", "account")


def _sums(failed: ir.Table, came: ir.Table, by: list[str]) -> ir.Table:
    """Failures by source, by account or by both, and how often the same came in after the first of them."""
    known = failed.filter(*(failed[name].notnull() for name in by))
    sums = known.group_by(by).agg(
        logins=known.login.sum(),
        authentications=(~known.login).sum(),
        account=known.account.max(),
        accounts=known.acct.nunique(),
        addresses=known.address.nunique(),
        hosts=known.host.nunique(),
        first=known.time.min(),
        last=known.time.max(),
    )
    sums = sums.mutate(failures=ibis.greatest(sums.logins, sums.authentications))
    opened = came.filter(came.types.contains("USER_START")).select(*(f"{name}" for name in by), at="time")
    opened = opened.rename({f"came_{name}": name for name in by})
    joined = sums.left_join(
        opened, [sums[name] == opened[f"came_{name}"] for name in by] + [sums["first"] <= opened["at"]]
    )
    counted = joined.group_by(by).agg(came_in=joined["at"].count()).rename({f"with_{name}": name for name in by})
    return sums.join(counted, [sums[name] == counted[f"with_{name}"] for name in by]).select(*sums.columns, "came_in")


def _shown(sums: ir.Table, pattern: str) -> ir.Table:
    """The finding's row; a source over many accounts names none, and the other way round."""
    none = ibis.null("string")
    address = sums.address if "address" in sums.columns else none
    account = sums.account if "acct" in sums.columns else none
    rest = {name: sums[name] for name in COLUMNS[3:]}
    return sums.select(pattern=ibis.literal(pattern), address=address, account=account, **rest)
