"""What was done to files."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._paths import absolute
from audit_nb.tables._topics import CHANGING, OPENING, WRITING
from audit_nb.tables._words import as_whom, counted, listed, view

#: What a system call does to the files it names.
ACTS = {
    "renamed": ("rename", "renameat", "renameat2"),
    "linked": ("link", "linkat", "symlink", "symlinkat"),
    "mode changed": ("chmod", "fchmod", "fchmodat", "fchmodat2"),
    "owner changed": ("chown", "chown32", "fchown", "fchown32", "lchown", "lchown32", "fchownat"),
    "attributes changed": (
        "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
    ),
    "times set": ("utime", "utimes", "utimensat", "futimesat"),
    "truncated": ("truncate",),
}  # fmt: skip
#: What the kernel says of a file beside its name.
MADE = {"CREATE": "created", "DELETE": "deleted"}


def file_changes(
    events: ir.Table, *, success: bool | None = True, summary: bool = False, collector: bool = False
) -> ir.Table:
    """Which files were created, deleted, renamed, linked, opened to be written, or given another mode or owner?

    One row for each event and file: host, time, serial, act, file, who, as_whom, exe, success. In summary: act, who,
    exe, events, hosts, first, last. `act` is created, deleted, renamed (both names), linked, mode changed, owner
    changed, attributes changed, times set, truncated or opened to write. Attempts that failed come with
    `success=None`. Only what a rule of audit watches is logged.
    """
    seen = view(events, success=success, collector=collector)
    seen = seen.mutate(as_whom=as_whom(seen))
    writing = [
        ((seen.syscall == name) & ((seen[flags] & WRITING) != 0)).fill_null(False) for name, flags in OPENING.items()
    ]
    made = seen.paths.filter(lambda path: path["nametype"].isin(tuple(MADE))).length() > 0
    changing = ibis.or_(seen.syscall.isin(CHANGING).fill_null(False), *writing, made.fill_null(False))
    touching = seen.mutate(writing=ibis.or_(*writing)).filter(changing)
    each = touching.mutate(path=touching.paths.unnest())
    named = each.filter(each.path["nametype"] != "PARENT", each.path["name"].notnull())
    named = named.mutate(file=named.path["name"], act=_act(named))
    done = absolute(named.filter(named.act.notnull()))
    return (
        counted(done, "act", "who", "exe")
        if summary
        else listed(done, "act", "file", "who", "as_whom", "exe", "success")
    )


def _act(named: ir.Table) -> ir.StringValue:
    """What was done to the file: by the call where that says it, else by what the kernel says of the name."""
    both = ("renamed", "linked")
    by_call = [(named.syscall.isin(calls).fill_null(False), act) for act, calls in ACTS.items()]
    by_name = [(named.path["nametype"] == kind, act) for kind, act in MADE.items()]
    first = [case for case, act in zip(by_call, ACTS, strict=True) if act in both]
    rest = [case for case, act in zip(by_call, ACTS, strict=True) if act not in both]
    return ibis.cases(*first, *by_name, *rest, (named.writing, "opened to write"))
