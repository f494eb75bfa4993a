"""Decisions of SELinux and AppArmor: the words of an AVC that are not key=value.

`avc:  denied  { read write } for  pid=13010 comm="pickup" …`
"""

import re
from dataclasses import dataclass

DECISION = re.compile(r"avc:\s+(denied|granted)\s+\{([^}]*)\}")
NOTICE = re.compile(r"avc:\s+received (\w+) notice \((\w+)=(\d+)\)")


@dataclass(frozen=True)
class Decision:
    """What an AVC decided. `permissive=1` beside it means that a denial was only reported: the call went through."""

    result: str
    permissions: tuple[str, ...]


def decision_of(text: str) -> Decision | None:
    """The decision in an AVC's or USER_AVC's text; None where there is none (`avc:  received policyload notice`)."""
    match = DECISION.search(text)
    return Decision(match[1], tuple(match[2].split())) if match else None


def notice_of(text: str) -> tuple[str, int] | None:
    """The notice in a USER_AVC's text: `received policyload notice (seqno=2)` is (`policyload`, 2)."""
    match = NOTICE.search(text)
    return (match[1], int(match[3])) if match else None
