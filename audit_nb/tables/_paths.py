"""The names of files: whole where the log tells what they are relative to."""

import ibis
import ibis.expr.types as ir

#: -100, the current directory in the place of a directory's number, as the kernel writes it in 64 and in 32 bits.
AT_FDCWD = (-100, 4294967196)


def absolute(named: ir.Table) -> ir.Table:
    """Relative names in `file` put after the event's working directory, where that is what they are relative to."""
    from_cwd = ~named.syscall.re_search("at2?$").fill_null(False) | named.a0.isin(AT_FDCWD).fill_null(False)
    relative = ~named.file.startswith("/") & named.cwd.startswith("/") & from_cwd
    name = ibis.ifelse(relative.fill_null(False), named.cwd.re_replace("/+$", "") + "/" + named.file, named.file)
    return named.mutate(file=without_dots(name))


def without_dots(path: ir.StringValue) -> ir.StringValue:
    """`/a//./b/../c` as `/a/c`, of a whole name; up to four steps back, which is more than logs show."""
    steps = (path + "/").re_replace("/(/|[.]/)+", "/")
    for _ in range(4):
        steps = steps.re_replace("/[^/]*[^/.][^/]*/[.][.]/", "/").re_replace("^(/[.][.])+/", "/")
    walked = ibis.ifelse(path.endswith("/") | (steps == "/"), steps, steps.re_replace("/$", ""))
    return ibis.ifelse(
        path.startswith("/") & (path.contains("/.") | path.contains("//")), walked.re_replace("//$", "/"), path
    )
