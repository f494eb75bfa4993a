"""Which kind of value stands under a key: a table, with the exceptions of single record types."""

import re
from collections.abc import Mapping
from functools import cache

from audit_nb.fields import tables

PLAIN = "plain"
ARGUMENT = re.compile(r"a[0-9]+(\[[0-9]+\])?")  # of EXECVE: a0, a1[2]


@cache
def _kinds() -> Mapping[tuple[str, str], str]:
    return {(record_type, key): kind for record_type, key, kind in tables.rows("kinds")}


def kind_of(record_type: str, key: str) -> str:
    """The kind of the value under `key` in a record of this type; `plain` is shown as it is written.

    `a0` is a string in EXECVE and a number in SYSCALL. TRUSTED_APP may hold anything: its hex is read as text.
    """
    kinds = _kinds()
    if record_type == "EXECVE":
        return "text" if ARGUMENT.fullmatch(key) else kinds.get(("", key), PLAIN)
    kind = kinds.get((record_type, key)) or kinds.get(("", key))
    if kind is None and record_type == "TRUSTED_APP" and key != "pid":
        return "guess"
    return kind or PLAIN
