"""Users and groups by number: from the enriched half of the record or from the maps of the host that wrote it.

Never from the machine that reads the log: its 1000 is another person. Where neither names 0, `user_name` says `root`,
as auparse does without any passwd; the table of events leaves such a name null, for nobody has told it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNSET = 0xFFFFFFFF  # also written -1: nobody has logged in


@dataclass(frozen=True)
class IdMap:
    """The users and groups of one host, by number."""

    users: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)


def is_unset(number: int) -> bool:
    """Whether this id says that there is none."""
    return number & 0xFFFFFFFF == UNSET


def user_name(ids: IdMap, number: int) -> str:
    """A user as `ausearch -i` writes it: the name, `root`, `unset`, or `unknown(1501)`."""
    return _name(ids.users, number)


def group_name(ids: IdMap, number: int) -> str:
    """A group as `ausearch -i` writes it."""
    return _name(ids.groups, number)


def _name(names: Mapping[int, str], number: int) -> str:
    if is_unset(number):
        return "unset"
    return names.get(number) or ("root" if number == 0 else f"unknown({number})")
