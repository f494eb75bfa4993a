"""The expressions that many questions share: who, from where, on which terminal, and the two shapes of an answer.

A question is asked of a *view*: the chosen events with a few columns that say the same in every question (`who`,
`address`, `terminal`, `names`). `_aureport.view` has the same columns filled by aureport's rules.
"""

import ibis
import ibis.expr.types as ir

from audit_nb.tables import _aureport
from audit_nb.tables._kinds import Kind
from audit_nb.tables._records import kinds

#: What a field holds when it holds nothing: unknown, no terminal, no value, and the words of old daemons.
NOTHING = ("", "?", "(none)", "(null)", "UNKNOWN")

#: Terminals at the machine itself: consoles, serial lines, and the seats of a desktop.
LOCAL_TERMINAL = "^(/dev/)?(tty|console|hvc|xvc|:[0-9])"

#: Programs that change rights inside a session that is already open.
PRIVILEGE_PROGRAMS = (
    "sudo",
    "sudo-rs",
    "su",
    "doas",
    "pkexec",
    "runuser",
    "newgrp",
    "sg",
    "polkit-agent-helper-1",
    "userhelper",
)


def view(
    events: ir.Table,
    *,
    success: bool | None = None,
    collector: bool = False,
    as_aureport: bool = False,
    sockets: bool = False,
    terminals: bool = False,
    uids: bool = False,
) -> ir.Table:
    """The events a question looks at: of one outcome or of both, with the shared columns.

    `who` (text), `address` (text), `terminal` (text) and `names` (list of text) are added or replaced; null is
    unknown. Aureport knows no collector: with `as_aureport` its events are always among the others.
    `sockets` says that aureport's report looks at addresses or files, `terminals` that it looks at terminals, `uids`
    that it looks at uids: it drops more events then.
    """
    if as_aureport:
        return outcome(_aureport.view(events, sockets=sockets, terminals=terminals, uids=uids), success)
    chosen = outcome(events if collector else without_collector(events), success)
    return chosen.mutate(
        who=who(chosen),
        address=address(chosen),
        terminal=terminal(chosen),
        names=touched(chosen),
        syscall=ibis.coalesce(chosen.syscall, chosen.syscall_nr.cast("string")),
    )


def without_collector(events: ir.Table) -> ir.Table:
    """The events that our own collecting did not make."""
    return events.filter(~events.by_collector.fill_null(False))


def outcome(events: ir.Table, success: bool | None) -> ir.Table:
    """Only the events that succeeded (True), only those that failed (False), or all; an unknown outcome is neither."""
    return events if success is None else events.filter(events.success == success)


def who(events: ir.Table) -> ir.StringValue:
    """The login user: by name, else by number; null where nobody had logged in.

    A name stands in the log or in the host's own id map. Where neither tells it, 0 stays `0`: hosts may call it
    otherwise, and the machine that reads the log has no say in it.
    """
    return ibis.coalesce(events.auid_name, events.auid.cast("string"))


def as_whom(events: ir.Table) -> ir.StringValue:
    """The user whose rights were used: the effective one, else the acting one."""
    return ibis.coalesce(events.euid_name, events.euid.cast("string"), events.uid_name, events.uid.cast("string"))


def known(text: ir.StringValue) -> ir.StringValue:
    """The text, or null where it only says that nothing is known.

    Compared word by word: a test for membership becomes a join, which DuckDB makes even where nobody asks for the text.
    """
    return text.cases(*((word, ibis.null("string")) for word in NOTHING), else_=text)


def origin(events: ir.Table) -> ir.StringValue:
    """Where a user came from: the address, else the host name; an IPv4 address inside IPv6 is shown as IPv4.

    On a terminal of the machine itself programs put its own name into `hostname=`: that is no origin.
    """
    local = events.terminal.re_search(LOCAL_TERMINAL).fill_null(False)
    name = ibis.ifelse(local, ibis.null("string"), known(events.hostname))
    return ibis.coalesce(known(events.addr), name).re_replace("^::ffff:", "")


def address(events: ir.Table) -> ir.StringValue:
    """The other side of an event: where its user came from, else the peer of its socket."""
    return ibis.coalesce(origin(events), peer(events))


def peer(events: ir.Table) -> ir.StringValue:
    """The address of an internet socket."""
    inet = events.socket["family"].isin(("inet", "inet6"))
    return ibis.ifelse(inet, events.socket["address"], ibis.null("string"))


def terminal(events: ir.Table) -> ir.StringValue:
    """The terminal under one spelling (`pts0`, `/dev/pts/0` and `pts/0` are one), or null where there is none."""
    short = known(events.terminal).re_replace("^/dev/", "")
    return ibis.ifelse(short.re_search("^pts[0-9]+$"), "pts/" + short.substr(3), short)


def touched(events: ir.Table) -> ir.ArrayValue:
    """The names of the files an event touched, as logged; the directories they stand in are left out.

    The store keeps them: to read one member of a list of structures DuckDB reads all twelve.
    """
    if "names" in events.columns:
        return events.names
    paths = events.paths.filter(
        lambda path: path["name"].notnull() & ~path["nametype"].isin(("PARENT",)).fill_null(False)
    )
    return paths.map(lambda path: path["name"])


def of_kind(events: ir.Table, kind: Kind) -> ir.BooleanValue:
    """Whether any record of the event is of the kind.

    What has no name is looked for where there is any: a regular expression is dear. Without what the store keeps it is
    the cheapest all the same, for it puts the types together once.
    """
    text = kinds(events)
    if "kinds" not in events.columns:
        return text.re_search(kind.pattern())
    named = [text.contains(f" {name} ") for name in kind.names]
    unnamed = [text.contains(" UNKNOWN[") & text.re_search(kind.pattern())] if kind.ranges else []
    return ibis.or_(*named, *unnamed)


def has_type(events: ir.Table, *names: str) -> ir.BooleanValue:
    """Whether any record of the event has one of the types."""
    if "kinds" in events.columns:
        return of_kind(events, Kind(names))
    return ibis.or_(*(events.types.contains(name) for name in names))


def moment(events: ir.Table) -> ir.IntegerValue:
    """A number that orders the events of one boot by time and, within a millisecond, by serial."""
    return events.time_ms * 2**22 + events.serial % 2**22


def program(exe: ir.StringValue) -> ir.StringValue:
    """The last part of an executable's path: `sshd` of `/usr/sbin/sshd`."""
    return exe.re_replace("^.*/", "")


def listed(view: ir.Table, *columns: str, **named: ir.Value) -> ir.Table:
    """One row for each event, in order of time: `host`, `time`, `serial` and the columns, those of `named` as given."""
    chosen = {name: named[name] if name in named else view[name] for name in columns}
    rows = view.select(host=view.host, time=view.time, serial=view.serial, **chosen)
    return rows.order_by("time", "host", "serial", *chosen)


def counted(view: ir.Table, *by: str) -> ir.Table:
    """One row for each value: the columns of `by`, `events`, `hosts`, `first`, `last`; the most frequent stand first.

    Counted by host first and then added up: counting distinct hosts in one pass costs four times as much. Where
    `host` is one of `by` there is no column `hosts`.
    """
    rows = view.group_by(*dict.fromkeys((*by, "host"))).agg(
        events=view.count(), first=view.time.min(), last=view.time.max()
    )
    return rows.order_by(ibis.desc("events"), *by) if "host" in by else added(rows, *by)


def added(rows: ir.Table, *by: str) -> ir.Table:
    """The answer of `counted` from rows that were counted already, by host and by more than `by`."""
    sums = {"events": rows["events"].sum(), "first": rows["first"].min(), "last": rows["last"].max()}
    by_host = rows.group_by(*by, "host").agg(**sums)
    whole = by_host.group_by(*by).agg(
        events=by_host["events"].sum(), hosts=by_host.count(), first=by_host["first"].min(), last=by_host["last"].max()
    )
    return whole.order_by(ibis.desc("events"), *by)


#: The columns of a summary after what it is about.
SUMS = ("events", "hosts", "first", "last")


def each(view: ir.Table, values: str, name: str) -> ir.Table:
    """One row for each value of a list column, in a column of its own; an event without values has no row."""
    some = view.filter(view[values].length() > 0)
    return some.mutate(**{name: some[values].unnest()}).filter(lambda rows: rows[name].notnull())


def first_of(view: ir.Table, values: str, name: str) -> ir.Table:
    """One row for each event that has a value in a list column, with the first one in a column of its own."""
    return view.mutate(**{name: view[values][0]}).filter(lambda rows: rows[name].notnull())


def field(events: ir.Table, key: str) -> ir.StringValue:
    """The first value of a field that has no column, or null."""
    return events.other.filter(lambda other: other["key"] == key).map(lambda other: other["value"])[0]


def joined(texts: ir.ArrayValue) -> ir.StringValue:
    """Several texts as one, with blanks between them; null where there are none."""
    return texts.join(" ").nullif("")


#: Fields that `details` never repeats: those with a column that masks secrets, and the parts of an argument list.
_UNSHOWN = (
    r"^(?:data|cmd|acct|proctitle|comm|exe|subj|res|result|terminal|hostname|addr|argc|a[0-9]+(?:_len|\[[0-9]+\])?)$"
)


def fields_of(events: ir.Table) -> ir.StringValue:
    """The fields that have no column, as `key=value` in order of arrival."""
    shown = events.other.filter(lambda other: ~other["key"].re_search(_UNSHOWN) & other["value"].notnull())
    return joined(shown.map(lambda other: other["key"] + "=" + other["value"]))
