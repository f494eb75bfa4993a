"""Search."""

from datetime import datetime
from typing import Any

import ibis.expr.types as ir

from audit_nb.tables._filters import FILTERS, Match
from audit_nb.tables._words import as_whom, joined, listed, outcome, view, without_collector


def search(
    events: ir.Table,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    success: bool | None = None,
    match: Match = "substring",
    collector: bool = True,
    whole: bool = False,
    **filters: Any,  # noqa: ANN401 - each filter says what it takes
) -> ir.Table:
    """Which events match: by serial, type, user, process, file, key and everything else that ausearch can look for?

    One row for each event: host, time, serial, type, who, as_whom, syscall, success, exe, command, files, keys,
    address, terminal, account. With `whole` the chosen events with all their columns, so that other questions can be
    asked of them.

    `filters` are named in `_filters.FILTERS`: event, types, host, node, key, comm, exe, command, file, address,
    terminal, account, vm, uuid, pid, ppid, session, auid, uid, euid, any_uid, gid, egid, any_gid, syscall, arch,
    exit, subject, object, context. They are joined by "and", the several values of one by "or". Texts match in part
    (as ausearch does), with `match="exact"` as a whole (its -w), or as regular expressions. `since` and `until` are
    half-open. Raises TypeError for a filter that does not exist.
    """
    unknown = sorted(set(filters) - set(FILTERS))
    if unknown:
        raise TypeError(f"search has no filter {', '.join(unknown)}; it has {', '.join(FILTERS)}")
    chosen = outcome(events if collector else without_collector(events), success)
    chosen = _between(chosen, since, until)
    for name, value in filters.items():
        if value is not None:
            chosen = chosen.filter(FILTERS[name].condition(chosen, value, match))
    return chosen if whole else _shown(chosen)


def _shown(chosen: ir.Table) -> ir.Table:
    """The columns of a search."""
    seen = view(chosen, collector=True)
    columns = ("type", "who", "as_whom", "syscall", "success", "exe", "command", "files", "keys", "address", "terminal")
    columns = (*columns, "account")
    named = {"as_whom": as_whom(seen), "files": joined(seen["names"]), "keys": joined(seen["keys"])}
    return listed(seen, *columns, **named)


def _between(events: ir.Table, since: datetime | None, until: datetime | None) -> ir.Table:
    """Only events from `since` on and before `until`."""
    after = events if since is None else events.filter(events.time >= since)
    return after if until is None else after.filter(after.time < until)
