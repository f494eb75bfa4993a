"""Record types: their names, their numbers, and which of them end an event."""

import re
from collections.abc import Mapping
from functools import cache

from audit_nb.fields import tables

# The ways an event ends, as auditd.conf(5) lists them under NOTES (the last one, a time limit, is the reader's).
LAST_RECORDS = (
    range(1005, 1006),  # USER
    range(1007, 1300),  # everything before the first kernel event but LOGIN: records that stand alone
    range(1320, 1321),  # EOE, which auditd does not write to its file
    range(1327, 1328),  # PROCTITLE
    range(1406, 1420),  # MAC_UNLBL_ALLOW to MAC_CALIPSO_DEL
    range(2000, 2001),  # KERNEL
    range(2100, 1 << 32),  # everything from the first anomaly of user space on
)

# Ubuntu's kernels called 1420 and 1421 MAC_TASK_CONTEXTS and MAC_OBJ_CONTEXTS before Linux 6.12 gave them to IPE_ACCESS
# and IPE_CONFIG_CHANGE: the number alone does not tell which one wrote it.
AMBIGUOUS = (1420, 1421)


@cache
def _names() -> Mapping[int, str]:
    return {int(number): name for number, name in tables.rows("record_types")}


@cache
def _numbers() -> Mapping[str, int]:
    return {name: number for number, name in _names().items()}


def record_type_name(n: int) -> str | None:
    """The name of a record type's number: 1300 is `SYSCALL`; None where it has none yet, or more than one."""
    return None if n in AMBIGUOUS else _names().get(n)


def record_type_number(name: str) -> int | None:
    """The number of a record type's name; `1112` and `UNKNOWN[1420]` carry their own. None where it is unknown."""
    known = _numbers().get(name)
    if known is not None:
        return known
    numeric = re.fullmatch(r"(?:UNKNOWN\[)?([0-9]{1,9})\]?", name)
    return int(numeric[1]) if numeric else None


def is_last_record(type_name: str) -> bool:
    """Whether a record of this type ends its event, as auditd decides it; a type nobody knows does not."""
    number = record_type_number(type_name)
    return number is not None and any(number in numbers for numbers in LAST_RECORDS)
