"""Files."""

import ibis
import ibis.expr.types as ir

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


#: -100, the current directory in the place of a directory's number, as the kernel writes it in 64 and in 32 bits.
AT_FDCWD = (-100, 4294967196)


def absolute(named: ir.Table) -> ir.Table:
    """Relative names in `file` put after the event's working directory, where that is what they are relative to."""
    from_cwd = ~named.syscall.re_search("at2?$").fill_null(False) | named.a0.isin(AT_FDCWD).fill_null(False)
    relative = ~named.file.startswith("/") & named.cwd.startswith("/") & from_cwd
    name = ibis.ifelse(relative.fill_null(False), named.cwd.re_replace("/+$", "") + "/" + named.file, named.file)
    return named.mutate(file=without_dots(name))


def without_dots(path: ir.StringValue) -> ir.StringValue:
    """`/a/./b/../c` as `/a/c`; up to four steps back, which is more than logs show."""
    steps = path.re_replace("(/\\.)+(/|$)", r"\2")
    for _ in range(4):
        steps = steps.re_replace("(^|/[^/]*[^/.][^/]*)/\\.\\.(/|$)", r"\2")
    return ibis.ifelse(path.contains("/."), steps, path)
