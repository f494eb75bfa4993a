"""The events as aureport 3.0.9 sees them, so that its figures can be had again, quirks included.

It differs from the table of events in what it takes for an event, in what it takes for a value, and in what it throws
away:

- A record of a type that stands alone (below 1300, 2000, 2100 and above, PROCTITLE, MAC_UNLBL_ALLOW to
  MAC_CALIPSO_DEL) closes its event at once; what follows under the same serial is another event. So a LOGIN with its
  SYSCALL counts twice.
- Users and terminals that say "none" are users and terminals: auid -1, `(none)`, `?`.
- The first `res=` of a program's record means failure only where it begins with `failed`: `res=0`, `res=no` and
  `gpg_res=0` before it succeed.
- An event with a record that it cannot read is dropped whole: every AppArmor AVC, in reports that look at addresses
  or files every event with an unnamed unix socket, and in those that look at terminals every USER_AVC that ends there.
- A user of 2147483648 and above is a negative number.

What is not followed: it takes text in a number's place for 0, and of two sockets or two results in one event the last;
it prints `(null)` for a type that it has no name for, and leaves it out of the summary; where it looks for a command
name (the first page, the list of them) it looks for the result behind that only.

An event whose records come late is one event here and two or more to aureport (the question `late_events` lists
them). Source: src/ausearch-lol.c, ausearch-parse.c, aureport-scan.c of audit-userspace 3.0.9; runs of that version on
the captures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from audit_nb.tables._records import form_of

#: Types that leave an event open: those from 1300 to 1999, without the ones named above and without PROCTITLE.
STAYS_OPEN = (
    "SYSCALL|PATH|IPC|SOCKETCALL|CONFIG_CHANGE|SOCKADDR|CWD|EXECVE|IPC_SET_PERM|MQ_OPEN|MQ_SENDRECV|MQ_NOTIFY|MQ_GETSETATTR|"
    "KERNEL_OTHER|FD_PAIR|OBJ_PID|TTY|EOE|BPRM_FCAPS|CAPSET|MMAP|NETFILTER_PKT|NETFILTER_CFG|SECCOMP|FEATURE_CHANGE|REPLACE|"
    "KERN_MODULE|FANOTIFY|TIME_INJOFFSET|TIME_ADJNTPVAL|BPF|EVENT_LISTENER|URINGOP|OPENAT2|DM_CTRL|DM_EVENT|IPE_.*|LANDLOCK_.*|AVC|SELINUX_ERR|AVC_PATH|"
    "MAC_POLICY_LOAD|MAC_STATUS|MAC_CONFIG_CHANGE|MAC_TASK_CONTEXTS|MAC_OBJ_CONTEXTS|APPARMOR.*|ANOM_PROMISCUOUS|ANOM_ABEND|ANOM_LINK|ANOM_CREAT|"
    r"INTEGRITY_.*|UNKNOWN\[1[3-9][0-9][0-9]\]"
)
#: Lone records of which nothing, or only one field, is read; unnamed ones of a program's numbers are read.
NOT_READ = (
    "DAEMON_(?:ERR|RECONFIG|ACCEPT|CLOSE)|KERNEL|PROCTITLE|EOE|MAC_CALIPSO_.*|"
    r"UNKNOWN\[(?:[0-9]{1,3}|10[0-9][0-9]|1[2-9][0-9][0-9]|20[0-9][0-9]|[3-9][0-9]{3}|[0-9]{5,})\]"
)
#: Records of a connection to auditd: an address and a result.
CONNECTIONS = ("DAEMON_ACCEPT", "DAEMON_CLOSE")
#: The records of integrity that are read: numbers 1800 to 1805.
INTEGRITY = ("DATA", "METADATA", "STATUS", "HASH", "PCR", "RULE")
#: Kernel records other than SYSCALL whose subject is read.
SUBJECTS = ("SECCOMP", "ANOM_ABEND", "ANOM_LINK", "FEATURE_CHANGE", "NETFILTER_CFG", "EVENT_LISTENER", "USER_AVC")


def view(events: ir.Table, *, sockets: bool, terminals: bool = False, uids: bool = False) -> ir.Table:
    """The events as aureport counts them, with the columns of `_words.view` by its rules.

    `who` is the auid as a number: `-1` where it is unset, `-2` where no record has one; `syscall` is a number too.
    `sockets` says that the report looks at addresses or files, `terminals` that it looks at terminals, `uids` that it
    looks at uids: it drops more events then.
    """
    return read(noted(events, sockets=sockets, terminals=terminals, uids=uids), *FIELDS)


def noted(events: ir.Table, *, sockets: bool, terminals: bool = False, uids: bool = False) -> ir.Table:
    """The events that aureport does not drop, with what its rules ask of the records themselves.

    `form` is the body of the first record, its values taken out (`hostname=? addr=* terminal=* res=failed`), where that
    is no system call; `decided` is the word of a decision of access; `peer` the address of an internet socket, or where
    a packet came from; `own` what a first record that stands alone says otherwise than the records behind it.
    """
    kept = events.filter(~dropped(events, sockets=sockets, terminals=terminals, uids=uids))
    form = ibis.ifelse(kept.type == "SYSCALL", "", kept.records[0]["form"].fill_null(""))
    inet = kept.socket["saddr"].re_search("^0(?:2|A)00")
    none = ibis.null("string")
    return kept.mutate(
        form=form,
        decided=ibis.ifelse(_any(kept, "AVC", "USER_AVC"), _values(kept, "seresult")[0], none),
        peer=ibis.cases(
            (inet.fill_null(False), kept.socket["address"]),
            (kept.types.contains("NETFILTER_PKT"), _values(kept, "saddr")[0]),
            else_=none,
        ),
        called_ok=ibis.ifelse(divided(kept), form_of(kept, "SYSCALL").contains("success=yes"), kept.success),
        own=ibis.ifelse(divided(kept) & kept.types.contains("SYSCALL"), _own(kept), ibis.null("array<string>")),
    )


#: The fields of a first record that a system call behind it may have otherwise.
OWN = ("pid", "auid", "uid", "terminal", "exe", "comm")


def _own(events: ir.Table) -> ir.ArrayValue:
    """What the first record says of each of OWN; null where it says what the event says, or nothing."""
    first = events.other.filter(lambda other: other["record"] == 0)
    said = [first.filter(lambda other, key=key: other["key"] == key) for key in OWN]  # noqa: B023
    return ibis.array([fields.map(lambda other: other["value"])[0] for fields in said])


def read(seen: ir.Table, *fields: str) -> ir.Table:
    """The parts that aureport makes of the noted events, with these of its fields as it reads them.

    What several events share may be counted first: of `seen` only the columns are asked that the fields need.
    """
    parts = ibis.ifelse(divided(seen), ibis.array([0, 1]), ibis.array([0]))
    part = _parts(seen.mutate(alone=_stands_alone(seen), part=parts.unnest()))
    found = part.mutate(**{name: FIELDS[name](part, _Read.of(part)) for name in fields})
    return found.mutate(syscall=found.syscall_nr.cast("string")) if "syscall_nr" in fields else found


def divided(events: ir.Table) -> ir.BooleanValue:
    """Whether aureport makes two events of it: a first record that stands alone, and others behind it."""
    return _stands_alone(events) & (events.types.length() > 1) & (events.types[1] != "EOE")


def _stands_alone(events: ir.Table) -> ir.BooleanValue:
    return ~events.type.re_search(f"^(?:{STAYS_OPEN})$")


def _parts(split: ir.Table) -> ir.Table:
    """Each row with the types of its own part: the lone first record, or the rest, or all."""
    types = ibis.cases((split.part == 1, split.types[1:]), (split.alone, split.types[:1]), else_=split.types)
    parts = split.mutate(
        types=types, alone=split.alone & (split.part == 0), shared=split.types.length() > types.length()
    )
    named = parts.mutate(type=parts.types[0]).filter(lambda rows: rows.type != "EOE")
    return named.drop("kinds") if "kinds" in named.columns else named  # those of the whole event


@dataclass(frozen=True)
class _Read:
    """Of which kind the records of a part are: that decides what is read from them."""

    called: ir.BooleanValue
    lone: ir.BooleanValue
    daemon: ir.BooleanValue
    connection: ir.BooleanValue
    simple: ir.BooleanValue
    login: ir.BooleanValue
    user: ir.BooleanValue
    subject: ir.BooleanValue

    @classmethod
    def of(cls, part: ir.Table) -> "_Read":
        called = part.types.contains("SYSCALL")
        lone = part.alone & ~part.type.re_search(f"^(?:{NOT_READ})$")
        daemon = lone & part.type.startswith("DAEMON_")
        simple = lone & part.type.startswith("MAC_")
        login = lone & (part.type == "LOGIN")
        user = lone & ~daemon & ~simple & ~login
        connection = part.alone & part.type.isin(CONNECTIONS)
        return cls(called, lone, daemon, connection, simple, login, user, called | user | _any(part, *SUBJECTS))


#: The fields that aureport reads from the records of a part; null where it reads none.
FIELDS: dict[str, Callable[[ir.Table, _Read], ir.Value]] = {
    "success": lambda part, of: _success(part, of.called | of.lone, of.user | of.daemon | of.connection),
    "who": lambda part, of: _who(part, of.lone | of.called),
    "pid": lambda part, of: _pid(part, of.subject | of.login | of.daemon | _any(part, "AVC", "TTY")),
    "uid": lambda part, of: _uid(part, of.subject | of.login | _any(part, "TTY", "ANOM_PROMISCUOUS"), of.daemon),
    "syscall_nr": lambda part, of: ibis.ifelse(of.called | _any(part, "SECCOMP"), part.syscall_nr.fill_null(0), 0),
    "terminal": lambda part, of: _terminal(part, of.called | of.user | _any(part, "ANOM_LINK", "FEATURE_CHANGE")),
    "exe": lambda part, of: _exe(part, of.subject),
    "comm": lambda part, of: _only(of.subject | _any(part, "AVC", "TTY") | _integrity(part), _first(part, "comm")),
    "keys": lambda part, of: _only(of.called | of.simple | _any(part, "CONFIG_CHANGE", *MAC), part["keys"]),
    "acct": lambda part, of: _only(of.user, part.acct),
    "account": lambda part, of: _only(of.user, part.account),
    "address": lambda part, of: _address(part, of.user, of.connection),
    "names": lambda part, of: _names(part),
}


def _only(read: ir.BooleanValue, value: ir.Value) -> ir.Value:
    return ibis.ifelse(read, value, ibis.null(value.type()))


def _if(asked: ir.BooleanValue, answer: ir.BooleanValue) -> ir.BooleanValue:
    """Both, the second asked only where the first holds: it is dear."""
    return ibis.ifelse(asked.fill_null(False), answer, False)


def _any(part: ir.Table, *types: str) -> ir.BooleanValue:
    found = part.types.contains(types[0])
    for name in types[1:]:
        found = found | part.types.contains(name)
    return found


#: Kernel records of mandatory access control that carry an auid and nothing else of their subject.
MAC = ("MAC_POLICY_LOAD", "MAC_STATUS", "MAC_CONFIG_CHANGE")


def _integrity(part: ir.Table) -> ir.BooleanValue:
    return part.type.isin([f"INTEGRITY_{name}" for name in INTEGRITY])


def _success(part: ir.Table, read: ir.BooleanValue, spoken: ir.BooleanValue) -> ir.BooleanValue:
    """The outcome; `spoken` are the records of daemons, whose word for a failure must begin with `failed`."""
    known = _only(
        read | spoken | _integrity(part) | _any(part, *SUBJECTS, *MAC, "CONFIG_CHANGE", "ANOM_PROMISCUOUS"),
        part.success,
    )
    word = part.form
    first = word.re_extract("res=([^ ']*)", 1)
    spelt = spoken & word.contains("res=")
    login = part.alone & (part.type == "LOGIN")  # says itself whether it succeeded, whatever its system call says
    said = [(login & word.re_search(f"(^| )res={digit}"), digit == 1) for digit in (0, 1)]
    silent = part.types.contains("CONFIG_CHANGE") & known.isnull() | login & ~word.contains("res=")
    decided = _any(part, "AVC", "USER_AVC") & known.isnull() & part.decided.notnull()
    return ibis.cases(
        *said,
        (spelt.fill_null(False), ~first.startswith("failed")),
        (spoken & word.contains("result=*"), False),  # another word than success
        (silent.fill_null(False), True),
        (decided, part.decided != "denied"),
        (_is_call(part), part.called_ok),
        else_=known,
    )


def _who(part: ir.Table, read: ir.BooleanValue) -> ir.StringValue:
    """The auid as a number; -2 where aureport reads none."""
    always = read | _any(part, *SUBJECTS, "ANOM_PROMISCUOUS", "TTY", *MAC)
    named = _any(part, "CONFIG_CHANGE") | _integrity(part)
    unset = ibis.ifelse(always | (named & part.form.re_search("(^| )auid=")), -1, -2)
    auid = _first(part, "auid")
    signed = ibis.ifelse(auid > 2**31 - 1, auid - 2**32, auid)
    return ibis.ifelse(always | named, ibis.coalesce(signed, unset), -2).cast("string")


def _pid(part: ir.Table, read: ir.BooleanValue) -> ir.IntegerValue:
    """The pid; in a record of integrity the first field that ends in `pid=`, and that is the parent's."""
    return ibis.ifelse(_integrity(part), ibis.coalesce(part.ppid, part.pid), _only(read, _first(part, "pid")))


def _uid(part: ir.Table, read: ir.BooleanValue, daemon: ir.BooleanValue) -> ir.IntegerValue:
    """The uid; 0 where these records have none. Of auditd's own records it reads one only behind the pid."""
    behind = daemon & part.form.re_search(r"(?:^| )pid=\S+ (?:.* )?uid=")
    missing = _any(part, "NETFILTER_CFG", "EVENT_LISTENER") | _integrity(part)
    return ibis.ifelse(missing, part.uid.fill_null(0), _only(read | behind, _first(part, "uid")))


def _terminal(part: ir.Table, read: ir.BooleanValue) -> ir.StringValue:
    named = ibis.ifelse(
        _any(part, "NETFILTER_CFG", "EVENT_LISTENER"), part.terminal.fill_null("(none)"), ibis.null("string")
    )
    return ibis.cases(*_as_written(part, read, "terminal"), (read, _first(part, "terminal")), else_=named)


def _exe(part: ir.Table, read: ir.BooleanValue) -> ir.StringValue:
    unnamed = (_any(part, "NETFILTER_CFG", "EVENT_LISTENER") | _is_call(part)) & part.exe.isnull()
    unnamed = unnamed | read & part.form.contains("exe=(null)")
    unknown = part.alone & part.form.contains(" exe=? ")
    return ibis.cases((unnamed, "(null)"), (unknown, "?"), (read, _first(part, "exe")))


def _address(part: ir.Table, user: ir.BooleanValue, connection: ir.BooleanValue) -> ir.StringValue:
    """`hostname=`, or `addr=` where that is exactly `?`; else the peer of an internet socket.

    Of a connection to auditd the `addr=` up to its first colon.
    """
    unknown = part.form.contains("hostname=?") | (part.hostname == "?")
    addr = ibis.cases(*_as_written(part, user, "addr"), else_=part.addr.fill_null("?"))
    return ibis.cases(
        (connection, part.addr.re_replace(":.*$", "")),
        (user & unknown.fill_null(False), addr),
        *_as_written(part, user, "hostname"),
        (user, part.hostname),
        else_=part.peer,
    )


def _as_written(part: ir.Table, read: ir.BooleanValue, key: str) -> tuple[tuple[ir.BooleanValue, ir.StringValue], ...]:
    """What is read of a value of programs that stands in quotes, or says that there is none: all of it."""
    quoted = read & part.form.contains(f'{key}="')
    return (quoted, '"' + part[key] + '"'), (read & part.form.contains(f"{key}=(null)"), ibis.literal("(null)"))


def _first(part: ir.Table, key: str) -> ir.Value:
    """The column; where the part is the first record alone, what that record says of it."""
    column = part[key]
    own = part.own[OWN.index(key)]
    missing = ~part.form.contains(f"{key}=")
    apart = part.alone & part.own.notnull()
    said = ibis.ifelse(missing, ibis.null(column.type()), ibis.coalesce(own.try_cast(column.type()), column))
    return ibis.ifelse(apart, said, column)


def _is_call(part: ir.Table) -> ir.BooleanValue:
    """Whether the part holds the event's system call."""
    return part.types.contains("SYSCALL")


def _names(part: ir.Table) -> ir.ArrayValue:
    """The names of AVC records, the path of a unix socket, and every name of a PATH, directories included.

    A name that begins with `./` or `..` is put after the working directory; a missing one is `(null)`.
    """
    none = ibis.literal([], "array<string>")
    paths = part.paths.map(lambda path: _joined(path["name"], part.cwd))
    socket = ibis.ifelse(_is_unix(part), ibis.array([_unix(part)]), none)
    decided = ibis.ifelse(_named(part), _values(part, "path", "name", "new-disk"), none)
    first, *others = (ibis.coalesce(names, none) for names in (decided, socket, paths))
    return first.concat(*others)


def names_apart(seen: ir.Table, *columns: str) -> ir.Table:
    """Each of `_names` of the noted events once with the other columns, in a column `name`: reckoned for few rows."""
    touching = seen.select(*columns, "cwd", path=seen.paths.unnest())
    paths = touching.select(*columns, "cwd", path=touching.path["name"]).distinct()
    paths = paths.select(*columns, name=_joined(paths.path, paths.cwd))
    unix = seen.filter(_is_unix(seen))
    decided = seen.filter(_named(seen))
    return ibis.union(
        paths,
        unix.select(*columns, name=_unix(unix)),
        decided.select(*columns, name=_values(decided, "path", "name", "new-disk").unnest()),
        distinct=True,
    )


def _is_unix(part: ir.Table) -> ir.BooleanValue:
    return (part.socket["saddr"].startswith("0100") & part.socket["path"].notnull()).fill_null(False)


def _unix(part: ir.Table) -> ir.StringValue:
    return part.socket["path"].re_replace("^@", "")


def _named(part: ir.Table) -> ir.BooleanValue:
    """Whether files are named outside of PATH records."""
    return _any(part, "AVC", "AVC_PATH", "CONFIG_CHANGE", "VIRT_RESOURCE") | _integrity(part)


def _values(part: ir.Table, *keys: str) -> ir.ArrayValue:
    """The values of fields that have no column."""
    return part.other.filter(lambda other: other["key"].isin(keys)).map(lambda other: other["value"])


def _joined(path: ir.StringValue, cwd: ir.StringValue) -> ir.StringValue:
    name = path.fill_null("(null)")
    near = (name.startswith("./") | name.startswith("..")) & cwd.notnull()
    return ibis.ifelse(near, cwd + "/" + name, name)


def dropped(events: ir.Table, *, sockets: bool, terminals: bool = False, uids: bool = False) -> ir.BooleanValue:
    """Whether aureport drops the event because it cannot read one of its records.

    A decision of access without `tclass=`; a system call that was cut; an internet or unix socket that is too short;
    where it looks for a uid behind the auid, a change of audit's features, which has it before; and, where it looks
    for the blank behind a terminal, a decision of a program that ends with one.
    """
    forms = events.records.map(lambda record: record["form"])
    apparmor = forms.filter(lambda form: form.contains("apparmor=")).length() > 0
    call = form_of(events, "SYSCALL")
    usual = ibis.or_(*(call.startswith(beginning) for beginning in USUAL_CALLS)).fill_null(False)
    cut = ~call.re_search(r"syscall=\S+ (?:.* )?a0=\S+ a1=\S+ (?:.* )?pid=\S+ auid=\S+ ")
    reasons = [
        _if(events.types.contains("AVC"), apparmor),
        _if(events.types.contains("SYSCALL") & ~usual, cut),
    ]
    if sockets:
        saddr = events.socket["saddr"]
        reasons.append(
            ibis.or_(*(saddr.startswith(family) & (saddr.length() < size) for family, size in SHORTEST.items()))
        )
    if terminals:
        decision = form_of(events, "USER_AVC")
        reasons.append(_if(events.types.contains("USER_AVC"), decision.re_search("terminal=[^ )]*$").fill_null(False)))
    if uids:
        reasons.append(events.types.contains("FEATURE_CHANGE"))
    return ibis.or_(*(reason.fill_null(False) for reason in reasons))


#: The fewest hexadecimal digits of a socket's address that aureport reads, by the two bytes of its family.
SHORTEST = {"0100": 8, "0200": 32, "0A00": 56}

#: How nearly every system call begins; whether the others are cut is asked by an expression that takes its time.
USUAL_CALLS = tuple(
    f"arch=* syscall=* success={word} exit=* a0=* a1=* a2=* a3=* items=* ppid=* pid=* auid=* uid="
    for word in ("yes", "no")
)
