"""Make the tables of this folder from system headers: `python -m audit_nb.fields.data.make_tables NEW OLD`.

NEW and OLD are folders into which Debian packages were extracted; README.md says which. OLD is an older linux-libc-dev,
read only for what newer kernels no longer have (the 31-bit system calls of s390). `cpp` does the reading.
"""

import csv
import gzip
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from audit_nb.fields.data.headers import MACHINES, Headers, number
from audit_nb.fields.data.sets import MIPS_SOCKET_TYPES, SETS, TEXT_SETS, Set

HERE = Path(__file__).parent


def shown(constants: dict[str, int], spec: Set) -> list[tuple[int, str]]:
    """The values of a set with the one name of each that is shown, in order of value."""
    names: dict[int, str] = {}
    for name, value in constants.items():
        label = spec.rename(name)
        value &= 0xFFFFFFFFFFFFFFFF
        if label is None or (spec.single_bits and value.bit_count() != 1):
            continue
        if value not in names or name in spec.first:
            names[value] = label
    return sorted(names.items())


def kernel_sets(root: Path) -> Iterable[tuple[str, str, int, str]]:
    """(set, machine, value, name): the rows of x86_64 stand for every machine that has no rows of its own."""
    for spec in SETS:
        common: list[tuple[int, str]] = []
        for machine in MACHINES:
            rows = shown(Headers(root, machine).constants(spec.headers, spec.pattern), spec)
            if machine.name == "x86_64":
                common = rows
            elif rows == common:
                continue
            yield from ((spec.name, "" if machine.name == "x86_64" else machine.name, *row) for row in rows)


def text_sets(root: Path) -> Iterable[tuple[str, str, int, str]]:
    """The sets whose headers are read as text: `#define NAME VALUE` and `NAME = VALUE` at the beginning of a line."""
    folders = (root / "usr/include/x86_64-linux-gnu", root / "usr/include")
    for spec in TEXT_SETS:
        files = [next(folder / header for folder in folders if (folder / header).is_file()) for header in spec.headers]
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        # `MSG_OOB = 0x01,` comes before `#define MSG_OOB MSG_OOB`: the first of a name counts.
        lines = re.findall(
            r"^(?:#define\s+|\s+(?=\w+\s*=))(\w+)\s*=?\s*(0x\w+|\d+|[A-Z]\w+|\([^)]+\))(?=[\s,/]|$)", text, re.M
        )
        macros = dict(reversed(lines))
        values = {name: number(name, macros) for name in macros if re.fullmatch(spec.pattern, name)}
        rows = shown({name: value for name, value in values.items() if value is not None}, spec)
        yield from ((spec.name, "", *row) for row in rows)
        if spec.name == "socket_type":
            swapped = sorted({**dict(rows), **dict(MIPS_SOCKET_TYPES)}.items())
            yield from ((spec.name, machine, *row) for machine in ("mips", "mips64", "mips64n32") for row in swapped)


def protocols(root: Path) -> Iterable[tuple[str, str, int, str]]:
    """The names of IP protocols from netbase's /etc/protocols; the first name of a number is the one shown."""
    lines = (root / "etc/protocols").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    names: dict[int, str] = {}
    for name, value, *_ in rows:
        names.setdefault(int(value), name)
    yield from (("protocol", "", *row) for row in sorted(names.items()))


def syscalls(new: Path, old: Path) -> Iterable[tuple[str, int, str]]:
    """(machine, number, name) from asm/unistd.h; x32 numbers stand without their bit 0x40000000.

    `uring` is no machine but the table of io_uring's operations (URINGOP records).
    """
    spelt = {(machine, int(number)): name for machine, number, name in read("spellings.csv")}
    for machine in MACHINES:
        headers = Headers(old if machine.older else new, machine)
        constants = headers.constants(("asm/unistd.h",), r"__(ARM_)?NR_\w+")
        if machine.name == "arm":
            # Numbers that only the old ABI has; it counts from 0x900000.
            older = Headers(new, replace(machine, defines=("__arm__",))).constants(("asm/unistd.h",), r"__NR_\w+")
            constants = {name: value & 0xFFFFF for name, value in older.items()} | constants
        names: dict[int, str] = {}
        for name, value in constants.items():
            label = re.sub(r"^__(ARM_)?NR_", "", name)
            if not re.fullmatch(r"syscalls|syscall_count|Linux|\w*Linux_syscalls|\w*BASE|\w*MASK", label):
                names.setdefault(value & 0xBFFFFFFF if machine.name == "x32" else value, label)
        yield from (
            (machine.name, number, spelt.get((machine.name, number), name)) for number, name in sorted(names.items())
        )
    operations = Headers(new, MACHINES[0]).constants(("linux/io_uring.h",), r"IORING_OP_\w+")
    yield from (("uring", value, name[10:].lower()) for name, value in operations.items() if name != "IORING_OP_LAST")


def errnos(root: Path) -> Iterable[tuple[str, int, str, str]]:
    """(machine, number, name, message): messages are those of the C library of the machine that runs this script."""
    native = Headers(root, MACHINES[0]).constants(("asm/errno.h",), r"E[A-Z0-9]+")
    common: list[tuple[int, str]] = []
    spec = Set(
        "errno", (), "", lambda name: None if name in ("EWOULDBLOCK", "EDEADLOCK", "ENOTSUP", "EREFUSED") else name
    )
    for machine in MACHINES:
        rows = shown(Headers(root, machine).constants(("asm/errno.h",), r"E[A-Z0-9]+"), spec)
        common = common or rows
        if machine.name == "x86_64" or rows != common:
            label = "" if machine.name == "x86_64" else machine.name
            yield from (
                (label, value, name, os.strerror(native[name]) if name in native else "") for value, name in rows
            )


def record_types(root: Path) -> Iterable[tuple[int, str]]:
    """(number, name) of every record that reaches a log: linux/audit.h and audit's own audit-records.h."""
    constants = Headers(root, MACHINES[0]).constants(("linux/audit.h", "audit-records.h"), r"AUDIT_[A-Z0-9_]+")
    text = "".join(
        (root / "usr/include" / each).read_text(encoding="utf-8") for each in ("linux/audit.h", "audit-records.h")
    )
    named = re.findall(r"^#define\s+(AUDIT_[A-Z0-9_]+)\s+([12]\d{3})\b", text, re.M)
    kept = {
        constants[name]: {"AUDIT_AA": "APPARMOR"}.get(name, name.removeprefix("AUDIT_"))
        for name, _ in named
        if not re.search(r"_(FIRST|LAST)_|KERNEL_OTHER", name)
    }
    control = set(range(1000, 1005)) | set(range(1007, 1100))
    yield from sorted((number, name) for number, name in kept.items() if number not in control)


def architectures(root: Path) -> Iterable[tuple[str, str, int, str]]:
    """(word, name, little_endian, machine) from the AUDIT_ARCH_* of linux/audit.h."""
    constants = Headers(root, MACHINES[0]).constants(("linux/audit.h",), r"AUDIT_ARCH_\w+")
    tables = {machine.name for machine in MACHINES}
    for name, value in sorted(constants.items()):
        label = name.removeprefix("AUDIT_ARCH_").lower()
        label = {"mipsel64": "mips64el", "mipsel64n32": "mips64eln32"}.get(label, label)
        table = {"ppc64le": "ppc64", "armeb": "arm", "shel": "sh"}.get(label, label.replace("el", ""))
        yield f"{value & 0xFFFFFFFF:08x}", label, int(bool(value & 0x40000000)), table if table in tables else ""


def source(root: Path, package: str) -> str:
    """A Debian package with the version its changelog states."""
    folder = root / "usr/share/doc" / package
    changelog = next(each for each in (folder / "changelog.Debian.gz", folder / "changelog.gz") if each.exists())
    with gzip.open(changelog, "rt", encoding="utf-8", errors="replace") as file:
        version = re.search(r"\(([^)]+)\)", file.readline())
    return f"{package} {version[1] if version else '?'}"


def read(name: str) -> list[list[str]]:
    """The rows of a table that is kept by hand."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(line for line in file if not line.startswith("#")))[1:]


def write(name: str, sources: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """One table: a first line that says where it comes from, then a header, then the rows."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        file.write(f"# made by make_tables.py from {sources}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main() -> None:
    new, old = Path(sys.argv[1]), Path(sys.argv[2])
    kernel, libc, netbase = source(new, "linux-libc-dev"), source(new, "libc6-dev"), source(new, "netbase")
    older, audit = source(old, "linux-libc-dev"), source(new, "libaudit-dev")
    write("architectures.csv", kernel, ("word", "name", "little_endian", "machine"), architectures(new))
    write("syscalls.csv", f"{kernel}, {older}", ("machine", "number", "name"), syscalls(new, old))
    write("errnos.csv", f"{kernel}, messages of the C library", ("machine", "number", "name", "message"), errnos(new))
    write("record_types.csv", f"{kernel}, {audit}", ("number", "name"), record_types(new))
    rows = [*kernel_sets(new), *text_sets(new), *protocols(new)]
    write("constants.csv", f"{kernel}, {libc}, {netbase}", ("set", "machine", "value", "name"), rows)


if __name__ == "__main__":
    main()
