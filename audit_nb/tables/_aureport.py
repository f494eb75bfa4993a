"""The events as aureport 3.0.9 sees them, so that its figures can be had again, quirks included.

It differs from the table of events in what it takes for an event, in what it takes for a value, and in what it throws
away:

- A record of a type that stands alone (below 1300, 2000, 2100 and above, PROCTITLE, MAC_UNLBL_ALLOW to
  MAC_CALIPSO_DEL) closes its event at once; what follows under the same serial is another event. So a LOGIN with its
  SYSCALL counts twice.
- Users and terminals that say "none" are users and terminals: auid -1, `(none)`, `?`.
- `res=` of a daemon's record means failure only where it begins with `failed`; `res=0` and `res=no` succeed.
- An event with a record that it cannot read is dropped whole: every AppArmor AVC, and in reports that look at
  addresses or files every event with an unnamed unix socket.

An event whose records come late is one event here and two or more to aureport (`_late.py` counts them).
Source: src/ausearch-lol.c, ausearch-parse.c, aureport-scan.c of audit-userspace 3.0.9; runs of that version on the
captures.
"""

import ibis
import ibis.expr.types as ir

#: Types that leave an event open: those from 1300 to 1999, without the ones named above and without PROCTITLE.
STAYS_OPEN = (
    "SYSCALL|PATH|IPC|SOCKETCALL|CONFIG_CHANGE|SOCKADDR|CWD|EXECVE|IPC_SET_PERM|MQ_OPEN|MQ_SENDRECV|MQ_NOTIFY|MQ_GETSETATTR|"
    "KERNEL_OTHER|FD_PAIR|OBJ_PID|TTY|EOE|BPRM_FCAPS|CAPSET|MMAP|NETFILTER_PKT|NETFILTER_CFG|SECCOMP|FEATURE_CHANGE|REPLACE|"
    "KERN_MODULE|FANOTIFY|TIME_INJOFFSET|TIME_ADJNTPVAL|BPF|EVENT_LISTENER|URINGOP|OPENAT2|DM_CTRL|DM_EVENT|AVC|SELINUX_ERR|AVC_PATH|"
    "MAC_POLICY_LOAD|MAC_STATUS|MAC_CONFIG_CHANGE|MAC_TASK_CONTEXTS|MAC_OBJ_CONTEXTS|APPARMOR.*|ANOM_PROMISCUOUS|ANOM_ABEND|ANOM_LINK|ANOM_CREAT|"
    r"INTEGRITY_.*|UNKNOWN\[1[3-9][0-9][0-9]\]"
)
#: Lone records of which nothing, or only one field, is read.
NOT_READ = "DAEMON_(?:ERR|RECONFIG|ACCEPT|CLOSE)|KERNEL|PROCTITLE|EOE|MAC_CALIPSO_.*|UNKNOWN.*"
#: Kernel records other than SYSCALL whose subject is read.
SUBJECTS = ("SECCOMP", "ANOM_ABEND", "ANOM_LINK", "FEATURE_CHANGE", "NETFILTER_CFG", "EVENT_LISTENER", "USER_AVC")


def view(events: ir.Table, *, sockets: bool) -> ir.Table:
    """The events as aureport counts them, with the columns of `_words.view` by its rules.

    `who` is the auid as a number: `-1` where it is unset, `-2` where no record has one. `sockets` says whether the
    report looks at addresses or files, and so drops events with an unnamed unix socket.
    """
    read = events.filter(~dropped(events, sockets=sockets))
    alone = ~read.type.re_search(f"^(?:{STAYS_OPEN})$")
    parts = ibis.ifelse(alone & (read.types.length() > 1), ibis.array([0, 1]), ibis.array([0]))
    return _fields(_parts(read.mutate(alone=alone, part=parts.unnest())))


def _parts(split: ir.Table) -> ir.Table:
    """Each row with the types of its own part: the lone first record, or the rest, or all."""
    types = ibis.cases((split.part == 1, split.types[1:]), (split.alone, split.types[:1]), else_=split.types)
    parts = split.mutate(
        types=types, alone=split.alone & (split.part == 0), shared=split.types.length() > types.length()
    )
    return parts.mutate(type=parts.types[0])


def _fields(part: ir.Table) -> ir.Table:
    """The fields that aureport reads from the records of each part; null where it reads none."""
    called = part.types.contains("SYSCALL")
    lone = part.alone & ~part.type.re_search(f"^(?:{NOT_READ})$")
    daemon = lone & part.type.startswith("DAEMON_")
    simple = lone & part.type.startswith("MAC_")
    login = lone & (part.type == "LOGIN")
    user = lone & ~daemon & ~simple & ~login
    subject = called | user | _any(part, *SUBJECTS)
    return part.mutate(
        success=_success(part, user | daemon),
        who=_who(part, lone | called),
        pid=_only(subject | login | daemon | _any(part, "AVC", "TTY") | _integrity(part), part.pid),
        uid=_only(subject | login | daemon | _any(part, "TTY"), part.uid),
        syscall_nr=ibis.ifelse(called | _any(part, "SECCOMP"), part.syscall_nr.fill_null(0), 0),
        terminal=_terminal(part, called | user | _any(part, "ANOM_LINK", "FEATURE_CHANGE")),
        exe=_exe(part, subject),
        comm=_only(subject | _any(part, "AVC", "TTY") | _integrity(part), part.comm),
        keys=_only(called | simple | _any(part, "CONFIG_CHANGE", *MAC), part["keys"]),
        acct=_only(user, part.acct),
        account=_only(user, part.account),
        address=_address(part, user),
        names=_names(part, called),
    )


def _only(read: ir.BooleanValue, value: ir.Value) -> ir.Value:
    return ibis.ifelse(read, value, ibis.null(value.type()))


def _any(part: ir.Table, *types: str) -> ir.BooleanValue:
    found = part.types.contains(types[0])
    for name in types[1:]:
        found = found | part.types.contains(name)
    return found


#: Kernel records of mandatory access control that carry an auid and nothing else of their subject.
MAC = ("MAC_POLICY_LOAD", "MAC_STATUS", "MAC_CONFIG_CHANGE")


def _integrity(part: ir.Table) -> ir.BooleanValue:
    return part.type.startswith("INTEGRITY_")


def _success(part: ir.Table, spoken: ir.BooleanValue) -> ir.BooleanValue:
    """The outcome; `spoken` are the records of daemons, whose word for a failure must begin with `failed`."""
    mistaken = spoken & (part.success == False) & ~_result(part).startswith("failed")  # noqa: E712 - an expression
    silent = part.types.contains("CONFIG_CHANGE") & part.success.isnull()
    return ibis.ifelse((mistaken | silent).fill_null(False), True, part.success)


def _result(part: ir.Table) -> ir.StringValue:
    """The outcome of a daemon's record as it was written."""
    return (
        part.other.filter(lambda other: other["key"] == "res").map(lambda other: other["value"])[0].fill_null("failed")
    )


def _who(part: ir.Table, read: ir.BooleanValue) -> ir.StringValue:
    """The auid as a number; -2 where aureport reads none."""
    always = read | _any(part, *SUBJECTS, "ANOM_PROMISCUOUS", "TTY", *MAC)
    named = _any(part, "CONFIG_CHANGE") | _integrity(part)
    unset = ibis.ifelse(always | (named & _has_field(part, "auid")), -1, -2)
    return ibis.ifelse(always | named, ibis.coalesce(part.auid, unset), -2).cast("string")


def _has_field(part: ir.Table, key: str) -> ir.BooleanValue:
    """Whether a record of the event holds the field, whatever its value."""
    return part.records.filter(lambda record: record["form"].re_search(f"(^| ){key}=")).length() > 0


def _terminal(part: ir.Table, read: ir.BooleanValue) -> ir.StringValue:
    named = ibis.ifelse(
        _any(part, "NETFILTER_CFG", "EVENT_LISTENER"), part.terminal.fill_null("(none)"), ibis.null("string")
    )
    return ibis.ifelse(read, part.terminal, named)


def _exe(part: ir.Table, read: ir.BooleanValue) -> ir.StringValue:
    unnamed = _any(part, "NETFILTER_CFG", "EVENT_LISTENER") & part.exe.isnull()
    return ibis.ifelse(unnamed, "(null)", _only(read, part.exe))


def _address(part: ir.Table, user: ir.BooleanValue) -> ir.StringValue:
    """`hostname=`, or `addr=` where that is exactly `?`; else the peer of an internet socket."""
    origin = ibis.ifelse(part.hostname == "?", part.addr.fill_null("?"), part.hostname)
    peer = ibis.ifelse(part.socket["family"].isin(("inet", "inet6")), part.socket["address"], ibis.null("string"))
    return ibis.ifelse(user, origin, peer)


def _names(part: ir.Table, called: ir.BooleanValue) -> ir.ArrayValue:
    """Every name of a PATH, directories included, after the path of a unix socket.

    A name that begins with `./` or `..` is put after the working directory; a missing one is `(null)`.
    """
    paths = part.paths.map(lambda path: _joined(path["name"].fill_null("(null)"), part.cwd))
    socket = part.socket["path"]
    sockets = ibis.ifelse(socket.notnull(), ibis.array([socket]), ibis.literal([], "array<string>"))
    return sockets.concat(ibis.coalesce(paths, ibis.literal([], "array<string>")))


def _joined(name: ir.StringValue, cwd: ir.StringValue) -> ir.StringValue:
    near = (name.startswith("./") | name.startswith("..")) & cwd.notnull()
    return ibis.ifelse(near, cwd + "/" + name, name)


def dropped(events: ir.Table, *, sockets: bool) -> ir.BooleanValue:
    """Whether aureport drops the event because it cannot read one of its records."""
    apparmor = events.types.contains("AVC") & (
        events.other.filter(lambda other: other["key"] == "apparmor").length() > 0
    )
    if not sockets:
        return apparmor.fill_null(False)
    unnamed = (events.socket["family"] == "unix") & (events.socket["saddr"].length() < 8)
    return (apparmor | unnamed.fill_null(False)).fill_null(False)
