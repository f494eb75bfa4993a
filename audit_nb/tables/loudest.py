"""What fills the log."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._attempts import COMPANIONS
from audit_nb.tables._words import PRIVILEGE_PROGRAMS, has_type, program, view

#: Keys of rules that watch who may come in and what may be done: what hits them is not silenced by its executable.
GUARDING = (
    r"(?i)ident|passw|shadow|group|account|usermod|auth|login|sudo|priv|setuid|root|ssh|pam|session|cron|sched|systemd"
    r"|audit|scope|module|kernel|boot|grub|time|mac|selinux|apparmor|insert|inject|trac"
)
#: A path that a rule can name: whole, without signs that cut it short, of a file that is still there.
NAMEABLE = r"^/[A-Za-z0-9_./+:@%,~-]+$"
#: Interpreters and shells: whoever runs something runs it in one of these.
ANYTHING = (
    r"/(ba|da|z|k|c|tc|fi)?sh$|/(busybox|perl|ruby|node|php|env|java|awk|gawk|mawk|lua|tclsh)[0-9.]*$|/python[0-9.]*$"
)
#: Programs that let somebody in, give rights or keep the log.
GATES = (
    *PRIVILEGE_PROGRAMS,
    *COMPANIONS,
    "sshd",
    "sshd-session",
    "login",
    "passwd",
    "auditctl",
    "auditd",
    "augenrules",
)


def loudest(events: ir.Table, *, collector: bool = True) -> ir.Table:
    """Which executables, rules and hosts fill the log, and which exclusion would save most?

    One row for each host, key (the event's first, null without) and executable: host, key, exe, events, records,
    share (of the host's records, from 0 to 1), exclusion, saves_events and saves_records (what the exclusion would save
    of the host's log: of all keys, for it silences the executable in every rule), saves (their share). The row with the
    most records stands first.

    `exclusion` is a rule for auditctl; it must stand before the rules whose events it drops. None is proposed for an
    executable that a rule cannot name (null, relative, deleted, with blanks), for shells and interpreters, for programs
    that let somebody in or give rights, and for one that hit a rule which by its key guards accounts, rights, audit or
    the system itself. What a rule silences is not seen: read it as a suggestion to think about.
    """
    seen = view(events, collector=collector)
    called = seen.filter(has_type(seen, "SYSCALL"))
    named = called.mutate(keys=called["keys"].join(" ").nullif("(null)"), records=called.types.length())
    sums = named.group_by("host", "keys", "exe").agg(events=named.count(), records=named.records.sum())
    by_key = sums.mutate(key=sums["keys"].re_replace(" .*$", "").nullif("")).group_by("host", "key", "exe")
    rows = by_key.agg(events=ibis._["events"].sum(), records=ibis._.records.sum())
    rows = rows.left_join(_exclusions(sums), ["host", "exe"]).drop("host_right", "exe_right")
    rows = rows.inner_join(seen.group_by("host").agg(whole=seen.types.length().sum()), "host")
    told = ("host", "key", "exe", "events", "records")
    saved = ("exclusion", "saves_events", "saves_records")
    shares = rows.select(
        *told, share=rows.records / rows.whole, **{n: rows[n] for n in saved}, saves=rows.saves_records / rows.whole
    )
    return shares.order_by(ibis.desc("records"), "host", "key", "exe")


def _exclusions(sums: ir.Table) -> ir.Table:
    """What a rule may silence, and what it would save: an executable of which no event guards anything."""
    plain = sums.filter(sums.exe.re_search(NAMEABLE), ~sums.exe.re_search(ANYTHING), ~program(sums.exe).isin(GATES))
    guarded = plain["keys"].re_search(GUARDING).fill_null(False).cast("int64")
    by_exe = plain.group_by("host", "exe").agg(
        saves_events=plain["events"].sum(), saves_records=plain.records.sum(), guarded=guarded.max()
    )
    free = by_exe.filter(by_exe.guarded == 0)
    return free.mutate(exclusion="-a never,exit -F exe=" + free.exe).drop("guarded")
