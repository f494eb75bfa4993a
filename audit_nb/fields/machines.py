"""Machines: the words of `arch=`, their byte order, and the names of system calls and error numbers on each.

A word is the ELF machine with bits for 64 bits (0x80000000), low byte first (0x40000000) and the n32 convention of mips
(0x20000000), as linux/audit.h builds it: `c000003e` is x86_64.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from audit_nb.fields import tables

LITTLE_ENDIAN = 0x40000000
X32_SYSCALL = 0x40000000


@dataclass(frozen=True)
class Machine:
    """A word of `arch=`: its name, its byte order and the table of system calls it uses (empty: none is known)."""

    name: str
    little_endian: bool
    table: str


@cache
def _machines() -> Mapping[str, Machine]:
    known: dict[str, Machine] = {}
    for word, name, little_endian, table in tables.rows("architectures"):
        known[word] = known[name] = Machine(name, little_endian == "1", table)
    return known


@cache
def _syscalls() -> Mapping[str, Mapping[int, str]]:
    calls: dict[str, dict[int, str]] = defaultdict(dict)
    for machine, number, name in tables.rows("syscalls"):
        calls[machine][int(number)] = name
    return calls


@cache
def _errnos() -> Mapping[str, Mapping[int, tuple[str, str]]]:
    numbers: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for machine, number, name, message in tables.rows("errnos"):
        numbers[machine][int(number)] = (name, message)
    return numbers


def machine(arch: str | None) -> Machine | None:
    """The machine of an `arch=` word or name; None where it is unknown, never the machine that reads the log."""
    if arch is None:
        return None
    word = arch.lower()
    return _machines().get(word) or _machines().get(word.rjust(8, "0"))


def arch_name(word: str) -> str | None:
    """The name of an `arch=` word: `c000003e` is `x86_64`; None where it is unknown."""
    known = machine(word)
    return known.name if known else None


@cache
def _words() -> Mapping[str, str]:
    return {name: word for word, name, _, _ in reversed(list(tables.rows("architectures")))}


def arch_word(name: str) -> str | None:
    """The word that `arch_name` calls so: the way back from `x86_64` to `c000003e`."""
    return _words().get(name)


def is_little_endian(arch: str | None) -> bool:
    """Whether the machine of an `arch=` word or name writes the low byte first; assumed where nothing tells."""
    known = machine(arch)
    if known:
        return known.little_endian
    if arch and re.fullmatch(r"[0-9a-fA-F]{1,8}", arch):
        return bool(int(arch, 16) & LITTLE_ENDIAN)
    return True


def table_of(arch: str | None) -> str | None:
    """The name of the machine's tables of system calls and constants: `ppc64le` shares those of `ppc64`."""
    known = machine(arch)
    return (known.table or None) if known else None


def syscall_name(arch: str | None, nr: int) -> str | None:
    """The name of a system call by `arch=` word or name; None where either is unknown.

    On x86_64 a number with bit 0x40000000 is a call of the x32 convention. `uring` names io_uring's operations.
    """
    table = "uring" if arch == "uring" else table_of(arch)
    if table == "x86_64" and nr & X32_SYSCALL:
        table, nr = "x32", nr & ~X32_SYSCALL
    return _syscalls().get(table or "", {}).get(nr)


def errno_name(n: int, arch: str | None = None) -> str | None:
    """The name of an error number: 13 (or -13) is `EACCES`; numbers differ on mips, alpha, parisc and sparc.

    512 to 516 are the kernel's own (`ERESTARTSYS`): a call that was interrupted and begins again.
    """
    return _error(n, arch)[0]


def errno_message(n: int, arch: str | None = None) -> str:
    """What the C library says about an error number."""
    return _error(n, arch)[1]


def _error(n: int, arch: str | None) -> tuple[str | None, str]:
    number = abs(n)
    numbers = _errnos().get(table_of(arch) or "") or _errnos()[""]
    name, message = numbers.get(number, (None, ""))
    internal = tables.constants("errno_internal").get(number)
    return name or internal, message or f"Unknown error {number}"
