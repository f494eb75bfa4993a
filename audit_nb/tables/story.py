"""The story of an incident."""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _kinds
from audit_nb.tables._paths import absolute
from audit_nb.tables._records import kinds, refused
from audit_nb.tables._topics import CHANGING, OPENING, WRITING
from audit_nb.tables._words import (
    PRIVILEGE_PROGRAMS,
    as_whom,
    fields_of,
    has_type,
    joined,
    of_kind,
    origin,
    peer,
    program,
    view,
)
from audit_nb.tables.changes import ANY_PATH
from audit_nb.tables.connections import FROM, TOWARDS
from audit_nb.tables.process_tree import below, process_tree

#: The same thing is told once as long as it comes back within this time.
AGAIN_MS = 60_000
#: What makes an event part of the story, in the order in which it is decided.
KINDS = (
    "came_in", "left", "login_failed", "became", "became_not", "asked", "account", "audit", "boot", "service",
    "anomaly", "denied", "typed", "time", "module", "ran", "connected", "changed", "opened", "called",
)  # fmt: skip
#: systemd opens a session of its own inside each login.
MANAGERS = ("systemd", "systemd-executor")
EVERYDAY = ("ran", "connected", "changed", "opened", "called")
#: The errors of somebody who was not allowed to.
REFUSALS = ("EACCES", "EPERM")
#: Places where anybody may put a program.
ANYONES = "^/(tmp|var/tmp|dev/shm|run/user)/"
DENIALS = ("AVC", "USER_AVC", "SELINUX_ERR", "USER_SELINUX_ERR", "APPARMOR_DENIED", "SECCOMP")
#: What a policy says of an event that it let pass.
LET_PASS = ("granted", "STATUS", "ALLOWED", "AUDIT", "HINT", "COMPLAIN")
BOOTS = ("SYSTEM_BOOT", "SYSTEM_SHUTDOWN", "SYSTEM_RUNLEVEL")
SETS_TIME = ("settimeofday", "clock_settime", "stime", "adjtimex", "clock_adjtime")
LOADS_MODULES = ("init_module", "finit_module", "delete_module")
SENDS = ("connect", "sendto", "sendmsg", "sendmmsg", "bind", "accept", "accept4", "recvfrom", "recvmsg", "recvmmsg")
COLUMNS = (
    "host", "boot", "ses", "pid", "kind", "who", "as_whom", "account", "what", "how", "address", "port", "exe",
    "success", "errno",
)  # fmt: skip
SAME = tuple(name for name in COLUMNS if name != "pid")


def story(
    events: ir.Table,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    host: str | None = None,
    auid: str | int | None = None,
    session: int | None = None,
    pid: int | None = None,
    collector: bool = False,
    whole: bool = False,
) -> ir.Table:
    """What happened around an incident, step by step?

    One row for each thing that happened, in order of time: time, host, serial, kind (one of KINDS), who, as_whom,
    account, what (the command, file, unit or whatever the event is about), how (system call, type or program),
    address, port, exe, success, errno, ses, pid, events, last, notable (no everyday command, file or call: whoever
    came in, took rights, changed what decides over the machine or was refused it, called in vain, or ran a
    program from where anybody may put one). What the same people do again within a minute is one
    row with the number of its events. Events that only accompany others (credentials, accounting) are left out.

    `auid` is a login user by name or number, and everything that was tried on that account; `session` takes what the
    program that let it in did before there was a session, too; `pid` takes all that the process started, which is
    looked for in the chosen time. With `whole` the chosen events with all their columns, so that other questions can
    be asked of them.
    """
    chosen = _chosen(events, since, until, host)
    chosen = chosen if auid is None else chosen.filter(_of_user(chosen, str(auid)))
    chosen = chosen if session is None else _of_session(chosen, session)
    chosen = chosen if pid is None else _of_process(chosen, pid)
    return chosen if whole else _told(chosen, collector)


def _chosen(events: ir.Table, since: datetime | None, until: datetime | None, host: str | None) -> ir.Table:
    chosen = events if since is None else events.filter(events.time >= since)
    chosen = chosen if until is None else chosen.filter(chosen.time < until)
    return chosen if host is None else chosen.filter(chosen.host == host)


def _of_user(events: ir.Table, auid: str) -> ir.BooleanValue:
    """What a login user did, and what was tried or done on the account of that name."""
    if auid.lstrip("-").isdigit():
        return ((events.auid == int(auid)) | (events.auid.isnull() & (events.id == int(auid)))).fill_null(False)
    return ((events.auid_name == auid) | (events.account == auid)).fill_null(False)


def _of_session(events: ir.Table, session: int) -> ir.Table:
    """The events of a session, and those that its processes left before they belonged to it."""
    inside = events.filter(events.ses == session)
    theirs = inside.filter(inside.pid.notnull()).select("host", "boot", "pid").distinct()
    door = events.filter(events.ses.isnull()).semi_join(theirs, ["host", "boot", "pid"])
    return ibis.union(inside, door)


def _of_process(events: ir.Table, pid: int) -> ir.Table:
    """The events of a process and of all that it started; a number that is used again is another process."""
    tree = process_tree(events, pid=pid, collector=True).to_pyarrow().to_pylist()
    columns = {"host": "string", "boot": "int32", "pid": "int64", "began": "timestamp(6)", "ended": "timestamp(6)"}
    rows = [
        {"host": row["host"], "boot": row["boot"], "pid": row["pid"], "began": row["first"], "ended": row["last"]}
        for row in below(tree, pid)
    ]
    lives = ibis.memtable(rows, schema=columns).rename(
        at_host="host", at_boot="boot", at_pid="pid", at_began="began", at_ended="ended"
    )
    same = (events.host == lives.at_host) & (events.boot == lives.at_boot) & (events.pid == lives.at_pid)
    return events.semi_join(lives, same & (events.time >= lives.at_began) & (events.time <= lives.at_ended))


def _told(events: ir.Table, collector: bool) -> ir.Table:
    """The rows of the story, what comes again within a minute joined."""
    seen = view(events, collector=collector)
    seen = seen.mutate(as_whom=as_whom(seen), from_where=origin(seen), peer=peer(seen), through=program(seen.exe))
    kinds = seen.mutate(kind=_kind(seen)).filter(lambda rows: rows.kind.notnull())
    rows = _described(kinds)
    order = ibis.window(group_by=list(SAME), order_by=["time_ms", "serial"])
    gaps = rows.mutate(before=rows.time_ms.lag().over(order))
    gaps = gaps.mutate(anew=(gaps.before.isnull() | (gaps.time_ms - gaps.before >= AGAIN_MS)).cast("int64"))
    so_far = ibis.window(group_by=list(SAME), order_by=["time_ms", "serial"], preceding=None, following=0)
    runs = gaps.mutate(run=gaps.anew.sum().over(so_far))
    place = runs.time_ms * 2**22 + runs.serial % 2**22
    sums = runs.group_by(*SAME, "run").agg(
        time=runs.time.min(),
        serial=runs.serial.argmin(place),
        pid=runs.pid.argmin(place),
        place=place.min(),
        events=runs.count(),
        last=runs.time.max(),
    )
    columns = ("kind", "who", "as_whom", "account", "what", "how", "address", "port", "exe", "success", "errno", "ses")
    ordered = sums.order_by("place", "host", "boot", *columns)
    return ordered.select("time", "host", "serial", *columns, "pid", "events", "last", notable=_notable(ordered))


def _notable(told: ir.Table) -> ir.BooleanValue:
    """What is no everyday command, file or call, or is one on which much depends: done, tried in vain, or hidden."""
    kind, refused = told.kind, told.errno.isin(REFUSALS)
    reasons = (
        ~kind.isin(EVERYDAY),
        kind.isin(("changed", "opened"))
        & (refused | (kind == "changed") & told.success)
        & told.what.re_search(ANY_PATH),
        (kind == "called") & refused & told.who.notnull(),
        (kind == "ran") & told.success & told.exe.re_search(ANYONES),
    )
    return ibis.or_(*(reason.fill_null(False) for reason in reasons))


def _kind(seen: ir.Table) -> ir.StringValue:
    """What an event is in the story; null where it only accompanies others."""
    inside = seen.through.isin(PRIVILEGE_PROGRAMS).fill_null(False)
    failed = (seen.success == False).fill_null(False)  # noqa: E712 - an expression
    attempt = has_type(seen, "USER_AUTH", "USER_LOGIN")
    calls = seen.syscall
    internet = seen.socket["family"].isin(("inet", "inet6")) & calls.isin(SENDS)
    return ibis.cases(
        (has_type(seen, "USER_CMD"), "asked"),
        (inside & failed & has_type(seen, "USER_AUTH", "USER_START", "USER_ACCT"), "became_not"),
        (inside & has_type(seen, "USER_START"), "became"),
        (~inside & failed & (attempt | has_type(seen, "USER_ACCT", "USER_ERR")), "login_failed"),
        (~inside & ~failed & has_type(seen, "USER_START"), "came_in"),
        (~inside & has_type(seen, "USER_END"), "left"),
        (of_kind(seen, _kinds.ACCOUNT_CHANGES), "account"),
        (seen.type.startswith("DAEMON_") | has_type(seen, "CONFIG_CHANGE", "FEATURE_CHANGE"), "audit"),
        (has_type(seen, *BOOTS), "boot"),
        (has_type(seen, "SERVICE_START", "SERVICE_STOP"), "service"),
        (kinds(seen).contains(" ANOM_") | kinds(seen).contains(" RESP_"), "anomaly"),
        (has_type(seen, *DENIALS) & ~_let_pass(seen), "denied"),
        (has_type(seen, "TTY", "USER_TTY"), "typed"),
        (has_type(seen, "TIME_INJOFFSET") | calls.isin(SETS_TIME).fill_null(False), "time"),
        (has_type(seen, "KERN_MODULE") | calls.isin(LOADS_MODULES).fill_null(False), "module"),
        (has_type(seen, "EXECVE") | calls.isin(("execve", "execveat")).fill_null(False), "ran"),
        (internet.fill_null(False), "connected"),
        ((seen.names.length() > 0).fill_null(False) & _writes(seen), "changed"),
        ((seen.names.length() > 0).fill_null(False), "opened"),
        (seen.syscall.notnull() & (seen["keys"].length() > 0).fill_null(False), "called"),
    )


def _let_pass(seen: ir.Table) -> ir.BooleanValue:
    """Whether a policy only told of the event: AppArmor of a profile that was loaded, SELinux of what it granted."""
    decisions = seen.other.filter(lambda other: other["key"].isin(("apparmor", "seresult")))
    passed = decisions.filter(lambda other: other["value"].isin(LET_PASS))
    return ((passed.length() > 0) & (passed.length() == decisions.length())).fill_null(False)


def _writes(seen: ir.Table) -> ir.BooleanValue:
    """Whether the event changed a file or was meant to."""
    opened = [
        ((seen.syscall == name) & ((seen[flags] & WRITING) != 0)).fill_null(False) for name, flags in OPENING.items()
    ]
    made = seen.paths.filter(lambda path: path["nametype"].isin(("CREATE", "DELETE"))).length() > 0
    return ibis.or_(seen.syscall.isin(CHANGING).fill_null(False), made.fill_null(False), *opened)


def _files(seen: ir.Table) -> ir.StringValue:
    """The file of an event; of several, such as those of a renaming, the first and the last."""
    first, last = seen.names[0], seen.names[seen.names.length().nullif(0) - 1]  # Spark refuses to look before the first
    return ibis.ifelse(first == last, first, first + " " + last)


def _described(seen: ir.Table) -> ir.Table:
    """What is told of each event: whom it is about, what with, and where."""
    named = absolute(seen.mutate(file=_files(seen)))
    said = ibis.array([named["op"], joined(named["keys"]), fields_of(named)])
    fields = joined(said.filter(lambda text: text.notnull()))
    kind = named.kind
    people = kind.isin(("came_in", "left", "login_failed", "became", "became_not", "asked", "account"))
    doors = kind.isin(("came_in", "left", "login_failed", "became", "became_not"))
    own_words = ibis.cases(
        (kind.isin(("ran", "asked", "typed")), ibis.coalesce(named.command, named.exe)),
        (kind == "service", named.unit),
        (kind == "account", named["op"]),
        (kind == "called", joined(named["keys"])),
        (kind.isin(("audit", "boot", "time", "module", "anomaly", "denied")), ibis.coalesce(fields, named.command)),
    )
    what = ibis.ifelse(doors, ibis.null("string"), ibis.coalesce(own_words, named.file))
    how = ibis.cases(
        (doors, named.through),
        (kind == "connected", ibis.cases(*((named.syscall == call, way) for call, way in (TOWARDS | FROM).items()))),
        (kind.isin(("changed", "opened", "called", "ran", "time", "module")), ibis.coalesce(named.syscall, named.type)),
        else_=named.type,
    )
    refusal = (kind == "audit") & refused(named)
    port = ibis.ifelse(kind == "connected", named.socket["port"], ibis.null("int32"))
    address = ibis.ifelse(kind == "connected", named.peer, named.from_where)
    account = ibis.coalesce(named.account, named.id_name, named.id.cast("string"))
    own = {
        "account": ibis.ifelse(people, account, ibis.null("string")),
        "what": what,
        "how": how,
        "address": address,
        "port": port.cast("int64"),
        "success": ibis.ifelse(refusal, False, named.success),
    }
    kept = named.filter(~(kind.isin(("came_in", "left")) & named.through.isin(MANAGERS).fill_null(False)))
    return kept.select(*(name for name in COLUMNS if name not in own), "time", "time_ms", "serial", **own)
