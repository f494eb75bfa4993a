"""Read constants from the system headers of every machine with the C preprocessor `cpp`: a part of make_tables.py."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

UAPI = Path("usr/lib/linux/uapi")


@dataclass(frozen=True)
class Machine:
    """One table of system calls: the folder of its uapi headers and what its compiler would define."""

    name: str
    folder: str
    bits: int
    defines: tuple[str, ...]
    older: bool = False


MACHINES = (
    Machine("x86_64", "x86", 64, ("__x86_64__",)),
    Machine("x32", "x86", 32, ("__x86_64__", "__ILP32__")),
    Machine("i386", "x86", 32, ("__i386__",)),
    Machine("aarch64", "arm64", 64, ("__aarch64__",)),
    Machine("arm", "arm", 32, ("__arm__", "__ARM_EABI__")),
    Machine("ppc64", "powerpc", 64, ("__powerpc64__", "__powerpc__")),
    Machine("ppc", "powerpc", 32, ("__powerpc__",)),
    Machine("s390x", "s390", 64, ("__s390x__", "__s390__")),
    Machine("s390", "s390", 32, ("__s390__",), older=True),
    Machine("riscv64", "riscv", 64, ("__riscv", "__riscv_xlen=64")),
    Machine("riscv32", "riscv", 32, ("__riscv", "__riscv_xlen=32")),
    Machine("loongarch64", "loongarch", 64, ("__loongarch__", "__loongarch_lp64", "__loongarch_grlen=64")),
    Machine("mips", "mips", 32, ("__mips__", "__MIPSEB__", "_MIPS_SIM=1", "_MIPS_SZLONG=32")),
    Machine("mips64n32", "mips", 32, ("__mips__", "__MIPSEB__", "_MIPS_SIM=2", "_MIPS_SZLONG=32")),
    Machine("mips64", "mips", 64, ("__mips__", "__MIPSEB__", "_MIPS_SIM=3", "_MIPS_SZLONG=64")),
    Machine("alpha", "alpha", 64, ("__alpha__",)),
    Machine("m68k", "m68k", 32, ("__m68k__",)),
    Machine("parisc", "parisc", 32, ("__hppa__",)),
    Machine("parisc64", "parisc", 64, ("__hppa__", "__hppa64__", "__LP64__")),
    Machine("sh", "sh", 32, ("__sh__",)),
    Machine("sparc", "sparc", 32, ("__sparc__",)),
    Machine("sparc64", "sparc", 64, ("__sparc__", "__sparc_v9__", "__arch64__")),
)


class Headers:
    """The macros and enumerations of one machine, with their values."""

    def __init__(self, root: Path, machine: Machine) -> None:
        self.root, self.machine = root, machine

    def preprocess(self, headers: Iterable[str], *options: str) -> str:
        """What `cpp` makes of these headers."""
        root = self.root
        command = ["cpp", "-undef", "-nostdinc", *options, *(f"-D{each}" for each in self.machine.defines)]
        size = self.machine.bits // 8
        command += ["-D__linux__", "-D__CHAR_BIT__=8", f"-D__SIZEOF_POINTER__={size}", f"-D__SIZEOF_LONG__={size}"]
        command += [f"-I{root / UAPI / self.machine.folder}", f"-I{root / 'usr/include'}", "-"]
        text = "".join(f"#include <{header}>\n" for header in headers)
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    def constants(self, headers: tuple[str, ...], pattern: str) -> dict[str, int]:
        """Every macro and enumerator of the headers whose name fits the pattern and whose value is a number."""
        macros = dict(re.findall(r"^#define (\w+) (.+)$", self.preprocess(headers, "-dM"), re.M))
        macros |= {name: f"({value})" for name, value in enumerators(self.preprocess(headers, "-P"))}
        values = {name: number(name, macros) for name in macros if re.fullmatch(pattern, name)}
        return {name: value for name, value in values.items() if value is not None}


def enumerators(text: str) -> Iterable[tuple[str, str]]:
    """The name and the expression of every enumerator; one without a value is one more than the one before it."""
    for body in re.findall(r"\benum\b[^{};]*\{([^}]*)\}", text):
        before = "-1"
        for item in filter(None, (each.strip() for each in body.split(","))):
            name, _, value = (part.strip() for part in item.partition("="))
            before = value or f"{before} + 1"
            yield name, before


def number(name: str, macros: dict[str, str]) -> int | None:
    """The value of a macro that is a constant expression, else None; `_IO…` macros are computed as the kernel does."""
    text = macros.get(name, "")
    for _ in range(20):
        text = re.sub(r"\b_IO(R|W|WR|)\((.+?),\s*(.+?)(?:,\s*(.+?))?\)$", ioctl_number, text)
        expanded = re.sub(
            r"\b[A-Za-z_]\w*\b(?!\()", lambda word: f"({macros[word[0]]})" if word[0] in macros else word[0], text
        )
        if expanded == text:
            break
        text = expanded
    text = re.sub(r"\b(0x[0-9A-Fa-f]+|\d+)[uUlL]+\b", r"\1", text)
    text = re.sub(r"\b0(\d+)\b", r"0o\1", text)
    text = re.sub(r"\((__u32|__u64|int|unsigned int|unsigned long long)\)", "", text)
    try:
        return int(eval(text, {"__builtins__": {}})) if text else None  # noqa: S307 - a header's constant expression
    except (SyntaxError, NameError, TypeError, ValueError):
        return None


def ioctl_number(match: re.Match[str]) -> str:
    """`_IOR('T', 0x30, unsigned int)` as a number, built as asm-generic/ioctl.h does: direction, size, type, number."""
    direction = {"": 0, "W": 1, "R": 2, "WR": 3}[match[1]]
    size = {"int": 4, "unsigned int": 4}.get(match[4] or "", 0)
    kind = ord(match[2][1]) if match[2].startswith("'") else int(match[2], 0)
    return str(direction << 30 | size << 16 | kind << 8 | int(match[3], 0))
