"""Acting as another user."""

import ibis.expr.types as ir

from audit_nb.tables._words import as_whom as acting
from audit_nb.tables._words import counted, view

#: Daemons that let people in, and what they leave a session's root work to, where distributions put them.
DOORS = (
    "^/(usr/)?(s?bin|lib|lib/systemd|lib/openssh|libexec|libexec/openssh)/"
    "(sshd|sshd-session|sshd-auth|login|systemd|systemd-executor|crond?|atd)$"
)


def as_whom(events: ir.Table, *, success: bool | None = None, collector: bool = False) -> ir.Table:
    """Who acted with the rights of another user than the one they logged in as?

    Columns: who (login user), as_whom (effective user), exe, events, hosts, first, last: system calls of logged-in
    users whose effective uid is not their login uid. The daemons that open a session work in it as root, before they
    hand it over and after it has ended: they are left out.
    """
    seen = view(events, success=success, collector=collector)
    other = seen.filter(seen.auid.notnull(), seen.euid.notnull(), seen.auid != seen.euid)
    other = other.filter(~other.exe.re_search(DOORS).fill_null(False))
    return counted(other.mutate(as_whom=acting(other)), "who", "as_whom", "exe")
