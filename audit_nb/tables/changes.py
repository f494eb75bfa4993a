"""Changes of what matters."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._paths import absolute
from audit_nb.tables._records import refused
from audit_nb.tables._topics import CHANGING, LIKELY, OPENING, PATHS, SYSCALLS, TYPES, WRITING
from audit_nb.tables._words import as_whom, fields_of, has_type, joined, listed, outcome, view

COLUMNS = ("host", "time", "serial", "topic", "what", "how", "who", "as_whom", "exe", "command", "success")
ANY_TYPE = tuple(name for types in TYPES.values() for name in types)
ANY_CALL = tuple(name for calls in SYSCALLS.values() for name in calls)
#: Whether a file has a topic at all is asked first, in one expression: nearly none has.
ANY_PATH = "|".join(f"(?:{pattern})" for _, pattern in PATHS)


def changes(
    events: ir.Table, *, topic: str | None = None, success: bool | None = True, collector: bool = False
) -> ir.Table:
    """Who changed accounts, sudoers, SSH, cron, systemd, boot, kernel modules, time, the network or audit itself?

    One row for each changed file, and for each event that is a change by its type or system call: host, time, serial,
    topic, what (the file, or what the record says), how (system call or type), who, as_whom, exe, command, success.
    `topic` asks for one. Attempts that failed come with `success=None`; a change of audit that was refused has failed,
    though the system call that carried it to the kernel has not. Files are seen only where a rule of audit watches
    them.
    """
    seen = view(events, collector=collector)
    rows = ibis.union(_files(seen, success), _events(seen, success))
    chosen = rows if topic is None else rows.filter(rows.topic == topic)
    return listed(chosen, "topic", "what", "how", "who", "as_whom", "exe", "command", "success")


def _files(seen: ir.Table, success: bool | None) -> ir.Table:
    """Files that were changed, with the topic of their path."""
    opened = [
        ((seen.syscall == name) & ((seen[flags] & WRITING) != 0)).fill_null(False) for name, flags in OPENING.items()
    ]
    changing = ibis.or_(seen.syscall.isin(CHANGING).fill_null(False), *opened)
    made = seen.paths.filter(lambda path: path["nametype"].isin(MADE)).length() > 0
    writing = outcome(seen, success).filter(changing | made.fill_null(False))
    each = writing.mutate(changing=changing, as_whom=as_whom(writing), path=writing.paths.unnest())
    named = each.mutate(file=each.path["name"], nametype=each.path["nametype"])
    touched = named.filter(named.nametype != "PARENT", named.changing | named.nametype.isin(MADE), _may_matter(named))
    whole = absolute(touched)
    topics = ibis.cases(*((whole.file.re_search(pattern), topic) for topic, pattern in PATHS))
    found = whole.filter(whole.file.re_search(ANY_PATH)).mutate(topic=topics, what=whole.file, how=whole.syscall)
    return found.select(*COLUMNS).distinct()


MADE = ("CREATE", "DELETE")


def _may_matter(named: ir.Table) -> ir.BooleanValue:
    """Whether a file can have a topic: of the many files that are changed few can, and this is asked quickly."""
    relative = ~named.file.startswith("/") & (ibis.coalesce(named.cwd, "") + "/" + named.file).re_search(LIKELY)
    return named.file.re_search(LIKELY) | relative


def _events(seen: ir.Table, success: bool | None) -> ir.Table:
    """Events that are changes by what they are."""
    found = seen.filter(has_type(seen, *ANY_TYPE) | seen.syscall.isin(ANY_CALL).fill_null(False))
    audit = has_type(found, "CONFIG_CHANGE") & refused(found)
    found = outcome(found.mutate(success=ibis.ifelse(audit, False, found.success)), success)
    by_type = [(has_type(found, *types), topic) for topic, types in TYPES.items()]
    by_call = [(found.syscall.isin(calls).fill_null(False), topic) for topic, calls in SYSCALLS.items()]
    how = ibis.coalesce(_call(found), found.type)
    named = found.mutate(topic=ibis.cases(*by_type, *by_call), how=how, as_whom=as_whom(found))
    words = ibis.array([named["op"], joined(named["keys"]), fields_of(named)])
    said = joined(words.filter(lambda text: text.notnull()))
    what = ibis.coalesce(named.account, named.unit, said, joined(named.names))
    return named.mutate(what=what).select(*COLUMNS)


def _call(seen: ir.Table) -> ir.StringValue:
    """The system call, where the event is named by it."""
    return ibis.ifelse(seen.type == "SYSCALL", seen.syscall, ibis.null("string"))
