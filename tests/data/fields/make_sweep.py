"""Write sweep.log: one record for each value that a table of facts knows, and for some it does not know.

`python make_sweep.py > sweep.log`; then ausearch says what it makes of them:
`TZ=UTC LC_ALL=C ausearch -i -if sweep.log`. The log is synthetic; no such machine has existed.
"""

import csv
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

DATA = Path(__file__).parents[3] / "audit_nb/fields/data"
WORDS = {"x86_64": "c000003e", "i386": "40000003", "arm": "40000028", "aarch64": "c00000b7", "s390x": "80000016",
         "s390": "16", "ppc64": "80000015", "ppc": "14", "riscv64": "c00000f3"}  # fmt: skip
ARGUMENTS = ("0", "1", "2", "3", "5", "1f", "41", "241", "8042", "1ed", "ffffff9c", "ffffffffffffffff")
TAIL = "items=0 ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1"


def rows(name: str) -> list[list[str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.reader(line for line in file if not line.startswith("#")))[1:]


def syscall(number: int, arguments: tuple[str, str, str, str], word: str = "c000003e", result: str = "0") -> str:
    success = "no" if result.startswith("-") else "yes"
    texts = " ".join(f"a{place}={text}" for place, text in enumerate(arguments))
    return (
        f"SYSCALL arch={word} syscall={number} success={success} exit={result} {texts} {TAIL} "
        'comm="x" exe="/bin/x" subj=unconfined key=(null)'
    )


def every_call() -> Iterator[str]:
    """Every system call of each machine; on x86_64 with many arguments."""
    for machine, number, _ in rows("syscalls"):
        if machine == "x86_64":
            yield from (syscall(int(number), (each, each, each, each)) for each in ARGUMENTS)
        elif machine in WORDS:
            yield syscall(int(number), ("1", "2", "3", "4"), WORDS[machine])
    yield from (syscall(number, ("1", "2", "3", "4")) for number in (334, 500, 9999))
    yield syscall(59, ("1", "2", "3", "4"), "12345678")


def every_argument() -> Iterator[str]:
    """Every number from 0 to 80, every single bit and some others for each argument that means something."""
    numbers = {name: int(number) for machine, number, name in rows("syscalls") if machine == "x86_64"}
    values = sorted(
        {*range(81), *(1 << bit for bit in range(32)), 0x4200, 0x4206, 1026, 0x5401, 0x40045431, 0x59616D61}
    )
    done = set()
    for name, place, kind, when, machines in rows("arguments"):
        if name not in numbers or machines and not machines.startswith("!") or (kind, when) in done:
            continue
        done.add((kind, when) if kind not in ("socket_option", "socket_protocol") else (name, kind))
        for value in values:
            arguments = ["0", "1", "0", "0"]
            if when.startswith("a0="):
                arguments[0] = f"{int(when[3:]):x}"
            if when.startswith("a1"):
                arguments[1] = "40" if "&" in when else f"{int(when[3:]):x}"
            arguments[int(place)] = f"{value:x}"
            yield syscall(numbers[name], tuple(arguments))
    for name in ("getsockopt", "setsockopt"):
        for level in (0, 1, 6, 17, 41, 263, 270):
            yield from (syscall(numbers[name], ("3", f"{level:x}", f"{value:x}", "0")) for value in range(81))
    for family in (1, 2, 10, 16, 17):
        yield from (syscall(numbers["socket"], (f"{family:x}", "80002", f"{value:x}", "0")) for value in range(41))


def every_word() -> Iterator[str]:
    """Errors, signals, seccomp codes, capabilities, modes, and the words of configuration and network records."""
    yield from (syscall(2, ("1", "2", "3", "4"), result=str(-number)) for number in [*range(1, 134), 512, 4095])
    yield from (
        syscall(2, ("1", "2", "3", "4"), result=text) for text in ("3", "140737488355328", "-9223372036854775808")
    )
    for signal in range(70):
        yield f'SECCOMP auid=1000 uid=0 gid=0 ses=1 pid=2 comm="x" exe="/x" sig={signal} arch=c000003e syscall=0 compat=0 ip=0x7f code=0x0'
    for code in (
        "0x0",
        "0x30000",
        "0x50000",
        "0x50001",
        "0x7fc00000",
        "0x7ff00000",
        "0x7ffc0000",
        "0x7fff0000",
        "0x80000000",
        "0x12340000",
    ):
        yield f'SECCOMP auid=1000 uid=0 gid=0 ses=1 pid=2 comm="x" exe="/x" sig=31 arch=c000003e syscall=0 compat=0 ip=0x7f code={code}'
    for bit in range(41):
        yield f"CAPSET pid=2 cap_pi={1 << bit:x} cap_pp={1 << bit:016x} cap_pe=0 cap_pa={3 << bit:x}"
    for kind in range(16):
        yield f'PATH item=0 name="/x" inode=1 dev=fd:00 mode=0{kind:02o}4755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0'
    for value in range(20):
        yield f'CONFIG_CHANGE auid=1000 ses=1 op=add_rule key="k" list={value} perm={value % 16} res={value % 2}'
        yield f'NETFILTER_CFG table=t:1;nft family={value} entries=1 op=nft_register_rule pid=2 comm="nft"'
        yield f"NETFILTER_PKT mark=0x1 action={value} hook={value} family=2 saddr=10.0.0.1 daddr=10.0.0.2 proto={value} icmptype={value}"
        yield f"ANOM_PROMISCUOUS dev=eth0 prom={value} old_prom=0 auid=1000 uid=0 gid=0 ses=1"
        yield f"FANOTIFY resp={value} fan_type={value} fan_info=3F subj_trust={value} obj_trust=1"
        yield f'EVENT_LISTENER pid=2 uid=0 auid=1000 tty=(none) ses=1 comm="x" exe="/x" nl-mcgrp={value} op=connect res=1'
        yield f"OPENAT2 oflag=0{value:o} mode=0{value:o} resolve=0x{value:x}"
        yield f"MMAP fd={value} flags=0x{value:x}"
    for bit in range(28):
        yield f"MMAP fd=3 flags=0x{1 << bit:x}"
        yield f"OPENAT2 oflag=0{1 << bit:o} mode=00 resolve=0x0"
    for personality in ("8", "40000", "40008", "ffffffff", "6"):
        yield syscall(59, ("1", "2", "3", "4")).replace(" success", f" per={personality} success")


def every_address() -> Iterator[str]:
    """Every family of addresses, long and short."""
    for family in range(48):
        yield f"SOCKADDR saddr={family:02X}000016C0A80164{'00' * 24}"
    for text in ("0100", "010000", "01002F72756E2F7800", "0100002F6F726700", "010000", "02000016C0A8", "0A000016", "FFFF0000", "0002D9037F000001",
                 f"0A00001600000000FE80{'00' * 13}010F270000", f"0A000016{'00' * 14}FFFF0A000001{'00' * 4}",
                 "10000000D204000001000000", "02D9", "xyz", "28000000D204000002000000",
                 f"0100{'61' * 108}", f"010000{'62' * 107}"):  # fmt: skip
        yield f"SOCKADDR saddr={text}"


def every_text() -> Iterator[str]:
    """Keystrokes, and the ways of writing text."""
    for sequence, _ in rows("keystrokes"):
        yield f'TTY tty pid=2 uid=0 auid=1000 ses=1 major=136 minor=0 comm="bash" data=6C73{sequence.upper()}0D'
    for data in ("41", "22", "5C", "00", "1B", "FF", "7F", "EDB080", "zz", '"plain"'):
        yield f'TTY tty pid=2 uid=0 auid=1000 ses=1 major=136 minor=0 comm="bash" data={data}'
    for text in (
        '"ABBA"',
        "ABBA",
        "6964002D66206F",
        "(null)",
        "(none)",
        "?",
        "abba",
        "ABB",
        '""',
        "002F78",
        "2F746D702F6120622063",
    ):
        if text != "002F78":
            yield f"PROCTITLE proctitle={text}"
        yield f"CWD cwd={text}"
        yield f"PATH item=0 name={text} inode=1 dev=fd:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL"
        yield f"USER_LOGIN pid=2 uid=0 auid=1000 ses=1 msg='op=login acct={text} exe=\"/x\" hostname=? addr=? terminal=ssh res=failed'"
        yield f"EXECVE argc=1 a0={text}"
        if text != "002F78":
            yield syscall(59, ("1", "2", "3", "4")).replace("key=(null)", f"key={text}")
    yield syscall(59, ("1", "2", "3", "4")).replace("key=(null)", "key=6B31016B32")


def every_type() -> Iterator[str]:
    """Every record type by its number."""
    yield from (f"{number} uid=0 pid=2 ses=1" for number, name in rows("record_types") if not name.startswith("IPE"))


def main() -> None:
    serial = count(1)
    for records in (every_call(), every_argument(), every_word(), every_address(), every_text(), every_type()):
        for record in records:
            kind, _, body = record.partition(" ")
            number = next(serial)
            sys.stdout.write(
                f"type={kind} msg=audit({1700000000 + number // 100}.{number % 1000:03d}:{number}): {body}\n"
            )


if __name__ == "__main__":
    main()
