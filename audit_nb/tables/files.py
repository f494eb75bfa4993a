"""Files."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._paths import AT_FDCWD, absolute
from audit_nb.tables._words import added, counted, each, first_of, listed, outcome, touched, view, without_collector


def files(
    events: ir.Table,
    *,
    success: bool | None = None,
    summary: bool = False,
    collector: bool = False,
    as_aureport: bool = False,
) -> ir.Table:
    """Which files were touched?

    One row for each event and file: host, time, serial, file, syscall, success, exe, who. In summary: file, events,
    hosts, first, last. The directories that files stand in are left out and a relative name is put after the working
    directory; where a call gave another directory (`openat` and its kin) the name stays relative, for nobody logged
    which one it was. Aureport counts directories and unix sockets too, leaves names relative, and lists the first
    file of an event only.
    """
    if summary and not as_aureport:
        return _counted(outcome(events if collector else without_collector(events), success))
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True)
    if as_aureport:
        named = each(seen, "names", "file") if summary else first_of(seen, "names", "file")
    else:
        named = absolute(each(seen, "names", "file"))
    return counted(named, "file") if summary else listed(named, "file", "syscall", "success", "exe", "who")


def _counted(seen: ir.Table) -> ir.Table:
    """The summary, counted before names are made whole: many events touch few names from few directories."""
    at_cwd = ibis.ifelse(seen.a0.isin(AT_FDCWD), AT_FDCWD[0], 0)
    named = seen.select(*BY, "time", a0=at_cwd, file=touched(seen).unnest())
    sums = named.group_by(*BY, "a0", "file").agg(events=named.count(), first=named.time.min(), last=named.time.max())
    return added(absolute(sums), "file")


#: What a name is made whole by, beside the directory's number in `a0`.
BY = ("host", "cwd", "syscall")
