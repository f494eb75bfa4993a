"""Files."""

import ibis.expr.types as ir

from audit_nb.tables._paths import absolute
from audit_nb.tables._words import counted, each, first_of, listed, view


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
    seen = view(events, success=success, collector=collector, as_aureport=as_aureport, sockets=True)
    if as_aureport:
        named = each(seen, "names", "file") if summary else first_of(seen, "names", "file")
    else:
        named = absolute(each(seen, "names", "file"))
    return counted(named, "file") if summary else listed(named, "file", "syscall", "success", "exe", "who")
