"""Changes of what matters."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._kinds import Kind
from audit_nb.tables._paths import absolute
from audit_nb.tables._topics import CHANGING, OPENING, PATHS, SYSCALLS, TYPES, WRITING
from audit_nb.tables._words import as_whom, fields_of, has_type, joined, listed, of_kind, view


def changes(
    events: ir.Table, *, topic: str | None = None, success: bool | None = True, collector: bool = False
) -> ir.Table:
    """Who changed accounts, sudoers, SSH, cron, systemd, boot, kernel modules, time, the network or audit itself?

    One row for each changed file, and for each event that is a change by its type or system call: host, time, serial,
    topic, what (the file, or what the record says), how (system call or type), who, as_whom, exe, command, success.
    `topic` asks for one. Attempts that failed come with `success=None`. Files are seen only where a rule of audit
    watches them.
    """
    seen = view(events, success=success, collector=collector)
    seen = seen.mutate(as_whom=as_whom(seen))
    rows = ibis.union(_files(seen), _events(seen))
    chosen = rows if topic is None else rows.filter(rows.topic == topic)
    return listed(chosen, "topic", "what", "how", "who", "as_whom", "exe", "command", "success")


#: Whether an event or a file has a topic at all is asked first, in one expression: nearly none has.
ANY_PATH = "|".join(f"(?:{pattern})" for _, pattern in PATHS)
ANY_TYPE = Kind(tuple(name for types in TYPES.values() for name in types))
ANY_CALL = tuple(name for calls in SYSCALLS.values() for name in calls)
COLUMNS = ("host", "time", "serial", "topic", "what", "how", "who", "as_whom", "exe", "command", "success")


def _files(seen: ir.Table) -> ir.Table:
    """Files that were changed, with the topic of their path."""
    opened = [
        ((seen.syscall == name) & ((seen[flags] & WRITING) != 0)).fill_null(False) for name, flags in OPENING.items()
    ]
    changing = ibis.or_(seen.syscall.isin(CHANGING).fill_null(False), *opened)
    made = seen.paths.filter(lambda path: path["nametype"].isin(("CREATE", "DELETE"))).length() > 0
    writing = seen.mutate(changing=changing).filter(changing | made.fill_null(False))
    each = writing.mutate(path=writing.paths.unnest())
    touched = each.filter(each.path["nametype"] != "PARENT", each.path["name"].notnull())
    changed = touched.filter(touched.changing | touched.path["nametype"].isin(("CREATE", "DELETE")))
    named = absolute(changed.mutate(file=changed.path["name"]))
    named = named.filter(named.file.re_search(ANY_PATH))
    topics = ibis.cases(*((named.file.re_search(pattern), topic) for topic, pattern in PATHS))
    found = named.mutate(topic=topics, what=named.file, how=named.syscall)
    return found.filter(found.topic.notnull()).select(*COLUMNS).distinct()


def _events(seen: ir.Table) -> ir.Table:
    """Events that are changes by what they are."""
    found = seen.filter(of_kind(seen, ANY_TYPE) | seen.syscall.isin(ANY_CALL).fill_null(False))
    by_type = [(has_type(found, *types), topic) for topic, types in TYPES.items()]
    by_call = [(found.syscall.isin(calls).fill_null(False), topic) for topic, calls in SYSCALLS.items()]
    named = found.mutate(topic=ibis.cases(*by_type, *by_call), how=ibis.coalesce(_call(found), found.type))
    words = ibis.array([named["op"], joined(named["keys"]), fields_of(named)])
    said = joined(words.filter(lambda text: text.notnull()))
    what = ibis.coalesce(named.account, named.unit, said, joined(named.names))
    return named.mutate(what=what).select(*COLUMNS)


def _call(seen: ir.Table) -> ir.StringValue:
    """The system call, where the event is named by it."""
    return ibis.ifelse(seen.type == "SYSCALL", seen.syscall, ibis.null("string"))
