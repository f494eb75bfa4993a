"""Guessing of passwords."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import attempts, entries, failures, shown
from audit_nb.tables._words import has_type

#: What the attempts of a pattern have in common: their source, the account they try, both, or neither.
BY_SOURCE = ("brute force", "unknown accounts", "password spraying", "fleet")
BY_ACCOUNT = ("brute force", "distributed")
PATTERNS = (*BY_SOURCE, "distributed", "distributed spraying")
#: More names than these are not told.
MOST_NAMES = 10
BURST = ("pattern", "by_source", "by_name", "burst")
COLUMNS = (
    "pattern", "address", "account", "failures", "accounts", "addresses", "hosts", "first", "last", "came_in",
    "then_succeeded", "succeeded", "terminal", "tried", "on",
)  # fmt: skip


def guessing(
    events: ir.Table,
    *,
    within_minutes: int = 10,
    failures_from: int = 5,
    accounts_from: int = 4,
    addresses_from: int = 4,
    hosts_from: int = 3,
    collector: bool = False,
) -> ir.Table:
    """Who guesses passwords: many failures of one source, on one account, over many accounts, or all over the fleet?

    One row for each burst of failures, those that succeeded first, then the most failures: pattern, address, account
    (each null where the pattern has several), failures (attempts: each counts once, however many records it left),
    accounts (that the log names), addresses, hosts, first, last (begin and end of the burst), came_in (how often an
    account that failed in it came in later, from the same source unless the pattern is about an account),
    then_succeeded, succeeded (when first), terminal (of a console, which has no address), tried and on (names of
    accounts and hosts, at most ten).

    A burst consists of stretches of `within_minutes`, one beginning every half of it, that have enough and overlap.

    Patterns, and what is enough: `brute force` (one source, one account: `failures_from`), `unknown accounts`
    (one source, names that the log does not tell, such as `(invalid user)`: `failures_from`), `password spraying` (one
    source: `accounts_from`), `distributed` (one account: `addresses_from`), `fleet` (one source: `hosts_from`), and
    `distributed spraying` (whole fleet, of sources that have fewer than `failures_from` each: four times as many
    failures, `accounts_from` and `addresses_from`). What one burst shows may be in several patterns.
    """
    tried = _tried(events, collector)
    spread = _spread(tried, within_minutes, failures_from)
    sums = spread.group_by("pattern", "by_source", "by_name", "stretch").agg(
        failures=spread.count(),
        accounts=spread.name.nunique(),
        sources=spread.source.nunique(),
        hosts=spread.host.nunique(),
    )
    enough = {
        "brute force": sums.failures >= failures_from,
        "unknown accounts": sums.failures >= failures_from,
        "password spraying": sums.accounts >= accounts_from,
        "distributed": sums.sources >= addresses_from,
        "fleet": sums.hosts >= hosts_from,
        "distributed spraying": (sums.failures >= 4 * failures_from)
        & (sums.accounts >= accounts_from)
        & (sums.sources >= addresses_from),
    }
    dense = sums.filter(ibis.or_(*((sums.pattern == name) & condition for name, condition in enough.items())))
    members = _members(spread, _bursts(dense))
    found = _figures(members).left_join(_successes(members, _came(events, collector)), BURST)
    rows = found.mutate(came_in=found.came_in.fill_null(0), then_succeeded=found.came_in.fill_null(0) > 0)
    return rows.select(*COLUMNS).order_by(
        ibis.desc("then_succeeded"), ibis.desc("failures"), "pattern", "address", "account", "first", "terminal", "on"
    )


def _tried(events: ir.Table, collector: bool) -> ir.Table:
    """The attempts that failed, each with its source: an address, else a terminal of a host."""
    failed = attempts(failures(events, collector=collector))
    failed = failed.filter(failed.counts)
    place = ibis.ifelse(failed.terminal == "sshd", "ssh", failed.terminal).fill_null("")
    return failed.select(
        "host",
        "boot",
        "time",
        "time_ms",
        "serial",
        "name",
        "address",
        account=shown(failed),
        terminal=ibis.ifelse(failed.address.isnull(), failed.terminal, ibis.null("string")),
        source=ibis.coalesce(failed.address, failed.host + " " + place),
    )


def _spread(tried: ir.Table, minutes: int, quiet: int) -> ir.Table:
    """Each attempt in every pattern it may belong to and in the two stretches of time that it lies in."""
    half = minutes * 30_000
    named = tried.mutate(pattern=ibis.array(PATTERNS).unnest())
    untold = named.pattern == "unknown accounts"
    named = named.filter(ibis.ifelse(named.name.isnull(), ~named.pattern.isin(BY_ACCOUNT), ~untold))
    keyed = named.mutate(
        by_source=ibis.ifelse(named.pattern.isin(BY_SOURCE), named.source, ""),
        by_name=ibis.ifelse(named.pattern.isin(BY_ACCOUNT), named.name, ""),
    )
    number = (keyed.time_ms - keyed.time_ms % half) // half
    twice = keyed.mutate(number=number, shift=ibis.array([0, 1]).unnest())
    placed = twice.mutate(stretch=twice.number - twice["shift"]).drop("number", "shift")
    of_source = placed.count().over(ibis.window(group_by=["pattern", "stretch", "source"]))
    counted = placed.mutate(of_source=of_source)
    return counted.filter((counted.pattern != "distributed spraying") | (counted.of_source < quiet)).drop("of_source")


def _bursts(dense: ir.Table) -> ir.Table:
    """Stretches that overlap belong to one burst, numbered for each pattern, source and account."""
    key = ["pattern", "by_source", "by_name"]
    order = ibis.window(group_by=key, order_by="stretch")
    steps = dense.mutate(apart=dense.stretch - dense.stretch.lag().over(order))
    begins = ibis.ifelse((steps.apart == 1).fill_null(False), 0, 1)
    until = ibis.window(group_by=key, order_by="stretch", preceding=None, following=0)
    return steps.mutate(begins=begins).select(*key, "stretch", burst=ibis._.begins.sum().over(until))


def _members(spread: ir.Table, bursts: ir.Table) -> ir.Table:
    """The attempts of each burst, once each."""
    inside = spread.inner_join(bursts, ["pattern", "by_source", "by_name", "stretch"])
    return inside.drop("stretch").distinct()


def _figures(members: ir.Table) -> ir.Table:
    sums = members.group_by(*BURST).agg(
        address=members.address.max(),
        account=members.account.max(),
        terminal=members.terminal.max(),
        failures=members.count(),
        accounts=members.name.nunique(),
        addresses=members.address.nunique(),
        hosts=members.host.nunique(),
        first=members.time.min(),
        last=members.time.max(),
        tried=members.account.collect(distinct=True),
        on=members.host.collect(distinct=True),
    )
    one_source, one_account = sums.pattern.isin(BY_SOURCE), sums.pattern.isin((*BY_ACCOUNT, "unknown accounts"))
    none = ibis.null("string")
    return sums.mutate(
        address=ibis.ifelse(one_source, sums.address, none),
        account=ibis.ifelse(one_account, sums.account, none),
        terminal=ibis.ifelse(one_source, sums.terminal, none),
        tried=sums.tried.sort()[:MOST_NAMES].join(" "),
        on=sums["on"].sort()[:MOST_NAMES].join(" "),
    )


def _came(events: ir.Table, collector: bool) -> ir.Table:
    """Who came in from where and when; a login's two records are one entry."""
    came = entries(events, collector=collector)
    came = came.filter(has_type(came, "USER_START"))
    place = ibis.ifelse(came.terminal == "sshd", "ssh", came.terminal).fill_null("")
    return came.select(
        came_name=ibis.coalesce(came.acct, came.id_name, came.auid_name),
        came_source=ibis.coalesce(came.address, came.host + " " + place),
        came_at=came.time,
    )


def _successes(members: ir.Table, came: ir.Table) -> ir.Table:
    """How often what failed in a burst came in after it had failed, and when first."""
    begun = members.group_by(*BURST, "name", "source").agg(failed_first=members.time.min())
    named = begun.filter(begun.name.notnull())
    about_account = named.pattern == "distributed"
    joined = named.inner_join(
        came,
        [
            named.name == came.came_name,
            (named.source == came.came_source) | about_account,
            named.failed_first < came.came_at,
        ],
    )
    once = joined.select(*BURST, "name", "came_source", "came_at").distinct()
    return once.group_by(*BURST).agg(came_in=once.count(), succeeded=once.came_at.min())
