"""Files that were refused."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._paths import absolute
from audit_nb.tables._topics import PATHS
from audit_nb.tables._words import counted, each, view

#: Errors that mean: this user may not.
REFUSALS = ("EACCES", "EPERM", "EROFS")


def refused_files(events: ir.Table, *, collector: bool = False) -> ir.Table:
    """Who was refused which file?

    Columns: topic (sudoers, identity, ssh … as in `changes`, null for what belongs to none), who, file, exe, errno
    (EACCES, EPERM or EROFS), events, hosts, first, last; files with a topic stand first. A file that is not there, and
    every other reason to fail, is no refusal. Only what a rule of audit watches is logged.
    """
    failed = view(events, success=False, collector=collector)
    refused = failed.filter(failed.errno.isin(REFUSALS).fill_null(False))
    sums = counted(absolute(each(refused, "names", "file")), "who", "file", "exe", "errno")
    topic = ibis.cases(*((sums.file.re_search(pattern), name) for name, pattern in PATHS))
    rows = sums.select(topic=topic, **{name: sums[name] for name in sums.columns})
    return rows.order_by(rows.topic.isnull(), ibis.desc("events"), "who", "file", "exe", "errno")
