"""The first page."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _aureport, _kinds
from audit_nb.tables._kinds import Kind
from audit_nb.tables._records import kinds, spaced
from audit_nb.tables._words import origin, outcome, peer, terminal, touched, who, without_collector

#: What is counted, in the order of aureport's first page; each is named after the question that lists it.
ITEMS = (
    "configuration_changes",
    "account_changes",
    "logins",
    "failed_logins",
    "authentications",
    "failed_authentications",
    "users",
    "terminals",
    "hosts",
    "executables",
    "comms",
    "files",
    "avcs",
    "mac_changes",
    "failed_syscalls",
    "anomalies",
    "responses",
    "crypto",
    "integrity",
    "virtual_machines",
    "keys",
    "pids",
    "events",
)


def summary(
    events: ir.Table, *, success: bool | None = None, collector: bool = False, as_aureport: bool = False
) -> ir.Table:
    """What is in the log, in figures: the first page of aureport?

    Columns: item, count. Logins, authentications and changes are events; users, terminals, hosts, executables, comms,
    files, keys and pids are distinct values. `differences` explains where aureport counts otherwise.
    """
    figures = _as_aureport_counts(events, success) if as_aureport else _true_counts(events, success, collector)
    counts = figures.select(*(figures[item].cast("int64") for item in ITEMS)).pivot_longer(
        list(ITEMS), names_to="item", values_to="count"
    )
    return counts.order_by(ibis.array(list(ITEMS)).index(counts.item))


def _true_counts(events: ir.Table, success: bool | None, collector: bool) -> ir.Table:
    """The figures by our rules, in one row."""
    seen = outcome(events if collector else without_collector(events), success)
    told = seen.select(kinds=kinds(seen), success=seen.success, called=seen.syscall_nr.notnull())
    sums = told.group_by("kinds", "success", "called").agg(events=told.count())
    figures = _counts(sums, _true(sums)).cross_join(_distinct(_few(seen))).cross_join(_touched(seen))
    return figures.cross_join(_pids(seen)).cross_join(_keys(seen))


#: What decides how aureport takes an event, whatever is asked of it; `kinds` are its types as one text, which compares
#: quicker than a list.
TAKEN_BY = ("type", "kinds", "form", "decided", "called_ok", "own", "success")


def _as_aureport_counts(events: ir.Table, success: bool | None) -> ir.Table:
    """The figures by aureport's rules, in one row: fields are read once for each combination, not for each event."""
    seen = _aureport.noted(events, sockets=True, terminals=True)
    seen = seen.mutate(kinds=kinds(seen))
    columns = (*TAKEN_BY, "syscall_nr", "auid", "terminal", "hostname", "addr", "peer", "exe", "comm", "keys")
    few = seen.select(columns)
    few = few.group_by(columns).agg(events=few.count())
    fields = ("success", "syscall_nr", "who", "terminal", "address", "exe", "comm", "keys")
    few = _read(few, fields, success)
    few = few.mutate(kinds=spaced(few.types), called=few.syscall_nr > 0)
    numbered = seen.select(*TAKEN_BY, "pid", "ppid").distinct()
    numbered = _read(numbered, ("success", "pid"), success)
    named = _read(_aureport.names_apart(seen, *TAKEN_BY), ("success",), success)
    figures = _counts(few, _as_aureport(few)).cross_join(_distinct(few)).cross_join(_keys(few))
    return figures.cross_join(_pids(numbered)).cross_join(named.agg(files=named.name.nunique()))


def _read(rows: ir.Table, fields: tuple[str, ...], success: bool | None) -> ir.Table:
    return outcome(_aureport.read(rows.mutate(types=rows.kinds.strip().split(" ")), *fields), success)


def _counts(sums: ir.Table, counts: dict[str, ir.Value]) -> ir.Table:
    """Events by what their records are: asked of each distinct combination of types, not of each event."""
    failed = sums.success == False  # noqa: E712 - an expression
    return sums.agg(
        events=_sum(sums, True),
        failed_syscalls=_sum(sums, failed & sums.called),
        logins=_sum(sums, _of(sums, _kinds.LOGINS) & sums.success),
        failed_logins=_sum(sums, _of(sums, _kinds.LOGINS) & failed),
        avcs=_sum(sums, _of(sums, _kinds.ACCESS_DECISIONS)),
        responses=_sum(sums, _of(sums, _kinds.RESPONSES)),
        integrity=_sum(sums, _of(sums, _kinds.INTEGRITY)),
        virtual_machines=_sum(sums, _of(sums, _kinds.VIRTUAL_MACHINES)),
        **counts,
    )


def _true(sums: ir.Table) -> dict[str, ir.Value]:
    """Each event counts once."""
    failed = sums.success == False  # noqa: E712 - an expression
    tried = _of(sums, _kinds.AUTHENTICATIONS)
    return {
        "configuration_changes": _sum(sums, _of(sums, _kinds.CONFIGURATION | _kinds.MAC_CHANGES)),
        "account_changes": _sum(sums, _of(sums, _kinds.ACCOUNT_CHANGES)),
        "authentications": _sum(sums, tried & sums.success),
        "failed_authentications": _sum(sums, tried & failed),
        "mac_changes": _sum(sums, _of(sums, _kinds.MAC_CHANGES | _kinds.CALIPSO | _kinds.LSPP)),
        "anomalies": _sum(sums, _of(sums, _kinds.USER_ANOMALIES | _kinds.KERNEL_ANOMALIES | _kinds.SECCOMP)),
        "crypto": _sum(sums, _of(sums, _kinds.KERNEL_CRYPTO | _kinds.USER_CRYPTO)),
    }


def _as_aureport(sums: ir.Table) -> dict[str, ir.Value]:
    """An event counts once for each kind of record in it; the first of USER_AUTH, USER_MGMT and GRP_AUTH decides."""
    failed = sums.success == False  # noqa: E712 - an expression
    auth = _of(sums, Kind(("USER_AUTH",)))
    managed = _of(sums, Kind(("USER_MGMT",))) & ~auth
    group = _of(sums, Kind(("GRP_AUTH",))) & ~auth & ~managed
    return {
        "configuration_changes": _each(sums, *_single(_kinds.CONFIGURATION), _kinds.MAC_CHANGES),
        "account_changes": _each(sums, *_single(_kinds.ACCOUNT_MANAGEMENT), _kinds.ACCOUNTS, _kinds.ROLES),
        "authentications": _sum(sums, (auth | group) & sums.success),
        "failed_authentications": _sum(sums, (auth | managed | group) & failed),
        "mac_changes": _each(sums, _kinds.MAC_CHANGES, _kinds.LSPP),
        "anomalies": _each(sums, _kinds.USER_ANOMALIES, _kinds.KERNEL_ANOMALIES),
        "crypto": _each(sums, _kinds.KERNEL_CRYPTO, _kinds.USER_CRYPTO),
    }


def _of(sums: ir.Table, kind: Kind) -> ir.BooleanValue:
    return sums.kinds.re_search(kind.pattern())


def _sum(sums: ir.Table, chosen: ir.BooleanValue | bool) -> ir.Value:
    return ibis.ifelse(chosen, sums["events"], 0).sum().fill_null(0)


def _each(sums: ir.Table, *several: Kind) -> ir.Value:
    total = _sum(sums, _of(sums, several[0]))
    for kind in several[1:]:
        total = total + _sum(sums, _of(sums, kind))
    return total


def _single(kind: Kind) -> tuple[Kind, ...]:
    return tuple(Kind((name,)) for name in kind.names)


def _few(seen: ir.Table) -> ir.Table:
    """What an event has one of, each combination once, with the shared columns: reckoned for few rows, not for all."""
    columns = ("auid", "auid_name", "terminal", "addr", "hostname", "exe", "comm")
    few = seen.select(*columns, peer=peer(seen)).distinct()
    return few.mutate(who=who(few), terminal=terminal(few), address=ibis.coalesce(origin(few), few.peer))


def _distinct(seen: ir.Table) -> ir.Table:
    """How many different values there are of what an event has at most one of."""
    return seen.agg(
        users=seen.who.nullif("-2").nunique(),
        terminals=seen.terminal.nunique(),
        hosts=seen.address.nunique(),
        executables=seen.exe.nunique(),
        comms=seen.comm.nunique(),
    )


def _touched(seen: ir.Table) -> ir.Table:
    """How many different files were touched, by the names that were logged."""
    touching = seen.select(names=touched(seen))
    return touching.select(file=touching.names.unnest()).agg(files=ibis._.file.nunique())


def _pids(seen: ir.Table) -> ir.Table:
    """How many different process numbers there are."""
    numbered = seen.select("pid")
    return numbered.agg(pids=numbered.pid.nunique())


def _keys(seen: ir.Table) -> ir.Table:
    """How many different rule keys were hit."""
    hit = seen.select("keys")
    keys = hit.select(key=hit["keys"].unnest())
    return keys.filter(keys.key != "(null)").agg(keys=ibis._.key.nunique())
