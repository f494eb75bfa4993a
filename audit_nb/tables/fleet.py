"""The hosts beside each other."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import COMPANIONS
from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, program, view

FIGURES = (
    "events", "users", "sessions", "failed_logins", "commands", "as_root", "sudo", "connections", "executables",
)  # fmt: skip


def fleet(events: ir.Table, *, host: str | None = None, collector: bool = False) -> ir.Table:
    """How does each host compare with the others?

    One row for each host: host, events, users (different login users), sessions (opened by people), failed_logins,
    commands, as_root (commands with the rights of root by another login user), sudo (commands given to sudo),
    connections (to or from internet addresses), executables (different programs).

    With `host` one row for each of these figures instead: item, here, median, least, most (of all the other hosts),
    others (how many hosts that are), rank (1 where no other host has more).
    """
    seen = view(events, collector=collector)
    inside = program(seen.exe).isin((*PRIVILEGE_PROGRAMS, *COMPANIONS)).fill_null(False)
    run = has_type(seen, "EXECVE")
    failed = (seen.success == False).fill_null(False)  # noqa: E712 - an expression
    marked = seen.select(
        "host",
        "who",
        "exe",
        sessions=has_type(seen, "USER_START") & ~inside & ~failed,
        failed_logins=has_type(seen, "USER_LOGIN") & failed,
        commands=run,
        as_root=run & (seen.euid == 0).fill_null(False) & (seen.auid != 0).fill_null(False),
        sudo=has_type(seen, "USER_CMD"),
        connections=seen.socket["family"].isin(("inet", "inet6")).fill_null(False),
    )
    counts = ("sessions", "failed_logins", "commands", "as_root", "sudo", "connections")
    sums = marked.group_by("host").agg(
        events=marked.count(),
        users=marked.who.nunique(),
        executables=marked.exe.nunique(),
        **{name: marked[name].sum() for name in counts},
    )
    rows = sums.select("host", *FIGURES)
    return rows.order_by("host") if host is None else _beside(rows, host)


def _beside(rows: ir.Table, host: str) -> ir.Table:
    """Each figure of one host beside those of the others."""
    each = ibis.union(
        *(rows.select("host", place=ibis.literal(n), item=ibis.literal(name), value=rows[name].cast("int64"))
          for n, name in enumerate(FIGURES))
    )  # fmt: skip
    mine = each.filter(each.host == host).select("place", "item", here="value")
    others = each.filter(each.host != host).select(of="item", value="value")
    joined = mine.left_join(others, mine.item == others.of)
    sums = joined.group_by("place", "item", "here").agg(
        median=joined["value"].cast("float64").quantile(0.5),
        least=joined["value"].min(),
        most=joined["value"].max(),
        others=joined.of.count(),
        rank=(joined["value"] > joined.here).fill_null(False).sum() + 1,
    )
    ordered = sums.order_by("place")
    return ordered.select("item", "here", "median", "least", "most", "others", "rank")
