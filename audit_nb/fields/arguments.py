"""The arguments of system calls: what a0 to a3 mean, by the call's name.

The numbers are written in hex without a prefix and without a sign: `a0=ffffff9c` is AT_FDCWD.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from audit_nb.fields import flags, modes, tables
from audit_nb.fields.capabilities import show_capability
from audit_nb.fields.ids import IdMap, group_name, user_name

INT = 0xFFFFFFFF
AT_FDCWD = 0xFFFFFF9C
O_CREAT = {"": 0o100, "mips": 0x100, "mips64": 0x100, "mips64n32": 0x100, "alpha": 0o1000, "parisc": 0o400,
           "parisc64": 0o400, "sparc": 0x200, "sparc64": 0x200}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A system call as far as its arguments need it: its name, the machine's tables, what was read so far."""

    syscall: str
    machine: str | None = None
    a0: int | None = None
    a1: int | None = None
    ids: IdMap = field(default_factory=IdMap)


@dataclass(frozen=True)
class Rule:
    """What one argument of one call means, on which machines, and under which value of an earlier argument."""

    kind: str
    when: str
    machines: frozenset[str]
    not_machines: frozenset[str]

    def fits(self, call: Call) -> bool:
        here = call.machine or ""
        if here in self.not_machines or (self.machines and here not in self.machines):
            return False
        condition = re.fullmatch(r"(a[01])(=|&)(\w+)", self.when)
        if condition is None:
            return True
        value = call.a0 if condition[1] == "a0" else call.a1
        if value is None:
            return False
        if condition[2] == "&":
            return bool(value & O_CREAT.get(here, O_CREAT[""]))
        return value & INT == int(condition[3])


@cache
def _rules() -> Mapping[tuple[str, int], list[Rule]]:
    rules: dict[tuple[str, int], list[Rule]] = defaultdict(list)
    for syscall, argument, kind, when, machines in tables.rows("arguments"):
        names = frozenset(machines.lstrip("!").split())
        only, never = (frozenset(), names) if machines.startswith("!") else (names, frozenset())
        rules[syscall, int(argument)].append(Rule(kind, when, only, never))
    return rules


def show_argument(number: int, value: int, call: Call) -> str:
    """Argument `number` (0 to 3) of a call as `ausearch -i` shows it; what has no name is hex."""
    rule = next((each for each in _rules().get((call.syscall, number), ()) if each.fits(call)), None)
    word = SHOWN[rule.kind](value, call) if rule else None
    return word if word is not None else f"0x{value:x}"


def _named(name: str, unknown: str, bits: int = INT) -> Callable[[int, Call], str | None]:
    """A number of a set of constants, or ausearch's words for one that has no name."""

    def show(value: int, call: Call) -> str | None:
        known = tables.constants(name, call.machine).get(value & bits)
        return known or unknown.format(value=value, signed=_signed(value))

    return show


def _signed(value: int) -> int:
    """The number as a C int."""
    return (value & INT ^ 0x80000000) - 0x80000000


def _flags(name: str) -> Callable[[int, Call], str | None]:
    return lambda value, call: flags.show_flags(value & INT, name, call.machine)


def _dirfd(value: int, call: Call) -> str | None:
    return "AT_FDCWD" if value & INT == AT_FDCWD else None


def _access(value: int, call: Call) -> str | None:
    return flags.show_flags(value & INT, "access_mode") if value & 0xF else "F_OK"


def _socket_level(value: int, call: Call) -> str | None:
    level = value & INT
    if level == _sol_socket(call):
        return "SOL_SOCKET"
    names = {**tables.constants("socket_level"), **tables.constants("protocol")}
    return names.get(level, f"unknown-sockopt-level(0x{value:x})")


def _sol_socket(call: Call) -> int:
    return next(iter(tables.constants("sol_socket", call.machine)))


# The level of a socket option (argument 1) decides whose options its number (argument 2) counts.
OPTIONS = {0: ("ip_option", "ipopt"), 6: ("tcp_option", "tcpopt"), 17: ("udp_option", "udpopt"),
           41: ("ip6_option", "ip6opt"), 263: ("packet_option", "pktopt")}  # fmt: skip


def _socket_option(value: int, call: Call) -> str | None:
    level = (call.a1 or 0) & INT
    name, word = ("sockopt", "sockopt") if level == _sol_socket(call) else OPTIONS.get(level, ("", ""))
    if not name or call.a1 is None:
        return None
    number = value & INT
    # iptables uses one number to set a table and another to read it: which, the call tells.
    read = tables.constants(f"{name}_read") if call.syscall == "getsockopt" else {}
    return read.get(number) or tables.constants(name, call.machine).get(number, f"unknown-{word}-name(0x{value:x})")


def _socket_protocol(value: int, call: Call) -> str | None:
    family = tables.constants("family").get((call.a0 or 0) & INT)
    name = {"netlink": "netlink"}.get(family or "", "protocol")
    return tables.constants(name).get(value & INT, f"unknown-proto({value:x})")


def _sched(value: int, call: Call) -> str | None:
    name = tables.constants("sched").get(value & 0xF)
    if name is None:
        return f"unknown-scheduler-policy(0x{value:x})"
    return f"{name}|SCHED_RESET_ON_FORK" if value & 0x40000000 else name


def _exit_status(value: int, call: Call) -> str | None:
    return {0: "EXIT_SUCCESS", 1: "EXIT_FAILURE"}.get(value & INT)


def show_signal(number: int, machine: str | None, written: str) -> str:
    """The name of a signal; those of real time (32 and more) have none."""
    return (
        tables.constants("signal", machine).get(number, f"unknown-signal({written})")
        if number < 32
        else f"unknown-signal({written})"
    )


SHOWN: dict[str, Callable[[int, Call], str | None]] = {
    "dirfd": _dirfd,
    "uid": lambda value, call: user_name(call.ids, value & INT),
    "gid": lambda value, call: group_name(call.ids, value & INT),
    "mode": lambda value, call: modes.show_mode(value & INT),
    "mode_short": lambda value, call: modes.show_permissions(value & INT),
    "open_flags": lambda value, call: flags.show_open_flags(value & INT, call.machine),
    "mmap_flags": lambda value, call: flags.show_mmap_flags(value & INT, call.machine),
    "prot": lambda value, call: flags.show_protection(value & INT, call.machine),
    "clone": lambda value, call: flags.show_clone_flags(value & INT, call.machine),
    "namespaces": lambda value, call: flags.show_namespaces(value & INT),
    "shm": lambda value, call: flags.show_shm_flags(value & INT),
    "mount": _flags("mount"),
    "umount": _flags("umount"),
    "message": _flags("message"),
    "access_flag": _flags("access_flag"),
    "path_flag": _flags("path_flag"),
    "access_mode": _access,
    "signal": lambda value, call: show_signal(value & INT, call.machine, f"0x{value:x}"),
    "personality": lambda value, call: flags.show_personality(value & INT) or f"unknown-personality(0x{value:x})",
    "clock": _named("clock", "unknown-clk_id(0x{value:x})"),
    "ptrace": _named("ptrace", "unknown-ptrace(0x{value:x})"),
    "prctl": _named("prctl", "unknown-prctl-option(0x{value:x})"),
    "rlimit": _named("rlimit", "unknown-rlimit(0x{value:x})"),
    "family": _named("family", "unknown-family(0x{value:x})"),
    "socketcall": _named("socketcall", "unknown-socketcall({value:x})"),
    "bpf": _named("bpf", "unknown-bpf-cmd({value:x})"),
    "fcntl": _named("fcntl", "unknown-fcntl-command({signed})"),
    "fsconfig": _named("fsconfig", "unknown-fsconfig-operation({signed})"),
    "epoll_ctl": _named("epoll_ctl", "unknown-epoll_ctl-operation({signed})"),
    "socket_type": _named("socket_type", "unknown-type({value:x})", 0xFF),
    "seek": _named("seek", "unknown-whence({value:x})", 0xFF),
    "ioctl": lambda value, call: tables.constants("ioctl", call.machine).get(value & INT, f"0x{value & INT:x}"),
    "capability": lambda value, call: show_capability(value & INT) or f"unknown-capability(0x{value:x})",
    "sched": _sched,
    "socket_level": _socket_level,
    "socket_option": _socket_option,
    "socket_protocol": _socket_protocol,
    "exit_status": _exit_status,
    "descriptor_flags": lambda value, call: "FD_CLOEXEC" if value & INT == 1 else None,
    "fsopen": lambda value, call: "FSOPEN_CLOEXEC" if value & INT == 1 else None,
    "fsmount": lambda value, call: "FSMOUNT_CLOEXEC" if value & INT == 1 else None,
}
