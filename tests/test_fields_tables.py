"""The tables of facts name their sources, agree with what this machine knows, and no entry of them leads nowhere."""

import csv
import errno
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from audit_nb.fields import arguments, interpretation, machines, record_type_name, tables
from audit_nb.fields.data import headers

DATA = Path(tables.__file__).parent / "data"
FILES = sorted(DATA.glob("*.csv"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_table_says_where_it_comes_from(path: Path):
    """Made by a script from packages with their versions, or kept by hand with the source of its facts."""
    first = path.read_text(encoding="utf-8").split("\n")[0]
    assert re.match(r"# made by make_\w+\.py from [\w-]+ \S*\d|# kept by hand: .{20}", first)


def test_the_readme_lists_every_table():
    """And no table that does not exist."""
    listed = re.findall(r"^\| `(\w+\.csv)`", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [path.name for path in FILES]


def test_every_kind_of_value_has_a_decoder():
    """A misspelt kind would be shown as it is written, in silence."""
    kinds = {kind for _, _, kind in tables.rows("kinds")}
    assert kinds <= {"plain", *interpretation.ENCODED, *interpretation.SHOWN}
    assert {kind for _, _, kind, _, _ in tables.rows("arguments")} <= set(arguments.SHOWN)


def test_every_system_call_whose_arguments_are_shown_exists():
    """On some machine at least."""
    names = {name for _, _, name in tables.rows("syscalls")}
    missing = {call for call, *_ in tables.rows("arguments")} - names
    # futimensat is a function of the C library, clone2 a call of a machine that Linux dropped: ausearch names both.
    assert missing <= {"futimensat"}


def test_no_table_says_two_things_of_one_key():
    """One name for each number of a machine, one kind for each key of a record type."""
    for name, width in (("syscalls", 2), ("errnos", 2), ("record_types", 1), ("kinds", 2), ("architectures", 1)):
        keys = [row[:width] for row in tables.rows(name)]
        assert len(keys) == len(set(keys)), name
    keys = [row[:3] for row in (*tables.rows("constants"), *tables.rows("words"))]
    assert len(keys) == len(set(keys))


def test_error_numbers_and_messages_are_those_of_this_machine():
    """Python knows them from the C library."""
    if os.uname().machine != "x86_64":
        pytest.skip("the first rows of the table are those of x86_64")
    aliases = {"EWOULDBLOCK", "EDEADLOCK", "ENOTSUP"}
    for number, name in errno.errorcode.items():
        assert machines.errno_name(number) == name or name in aliases
        assert machines.errno_message(number) == os.strerror(number)


def test_signals_families_and_open_flags_are_those_of_this_machine():
    """Python knows them from the C library."""
    if os.uname().machine != "x86_64":
        pytest.skip("the first rows of the table are those of x86_64")
    signals = tables.constants("signal")
    assert {each.value: each.name for each in signal.Signals if each < 32} == {n: s for n, s in signals.items() if n}
    families = tables.constants("family")
    known = {
        each.value: each.name[3:].lower() for each in socket.AddressFamily if each.name not in ("AF_UNIX", "AF_ROUTE")
    }
    assert {number: name for number, name in known.items() if families.get(number) != name} == {}
    for number, name in tables.constants("open").items():
        own = getattr(os, name, number) or number  # O_LARGEFILE is 0 where every file is large
        assert own & number == number, name


def test_system_calls_are_those_of_the_installed_headers():
    """Where linux-libc-dev is installed: every number it knows has the same name here, audit's spellings apart."""
    header = next((path for path in Path("/usr/include").rglob("asm/unistd_64.h") if "x86_64" in str(path)), None)
    if header is None:
        pytest.skip("linux-libc-dev is not installed, or this is no x86_64")
    with (DATA / "spellings.csv").open(encoding="utf-8", newline="") as file:
        spelt = {(row[0], int(row[1])) for row in csv.reader(file) if row[0] == "x86_64"}
    calls = re.findall(r"^#define __NR_(\w+) (\d+)$", header.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(calls) > 300
    for name, number in calls:
        if ("x86_64", int(number)) not in spelt:
            assert machines.syscall_name("x86_64", int(number)) == name


RANGES = {
    1005: "USER", 1006: "LOGIN", 1100: "USER_AUTH", 1107: "USER_AVC", 1112: "USER_LOGIN", 1123: "USER_CMD",
    1130: "SERVICE_START", 1132: "GRP_MGMT", 1200: "DAEMON_START", 1203: "DAEMON_CONFIG", 1300: "SYSCALL", 1302: "PATH",
    1305: "CONFIG_CHANGE", 1306: "SOCKADDR", 1309: "EXECVE", 1320: "EOE", 1325: "NETFILTER_CFG", 1326: "SECCOMP",
    1327: "PROCTITLE", 1330: "KERN_MODULE", 1334: "BPF", 1336: "URINGOP", 1337: "OPENAT2", 1400: "AVC", 1403: "MAC_POLICY_LOAD",
    1419: "MAC_CALIPSO_DEL", 1500: "APPARMOR", 1700: "ANOM_PROMISCUOUS", 1701: "ANOM_ABEND", 1800: "INTEGRITY_DATA",
    2000: "KERNEL", 2100: "ANOM_LOGIN_FAILURES", 2200: "RESP_ANOMALY", 2300: "USER_ROLE_CHANGE", 2404: "CRYPTO_KEY_USER",
    2500: "VIRT_CONTROL",
}  # fmt: skip


@pytest.mark.parametrize(("number", "name"), RANGES.items())
def test_record_types_have_the_numbers_of_linux_audit_h(number, name):
    """Spot checks of every hundred."""
    assert record_type_name(number) == name


def test_the_script_reads_macros_enumerations_and_ioctl_numbers():
    """Octal, suffixes, casts, shifts, other macros, and numbers built of direction, size, type and number."""
    macros = {
        "A": "0x10UL", "B": "(A | 0100)", "C": "(1U << 3)", "D": "((__u32)A)", "E": "_IOR('T', 0x30, unsigned int)",
        "F": "_IO('T', 0x1)", "G": "sizeof(struct x)", "H": "a string",
    }  # fmt: skip
    values = {name: headers.number(name, macros) for name in macros}
    assert values == {"A": 16, "B": 80, "C": 8, "D": 16, "E": 0x80045430, "F": 0x5401, "G": None, "H": None}
    assert dict(headers.enumerators("enum x { P, Q = 5, R, S = P };")) == {
        "P": "-1 + 1",
        "Q": "5",
        "R": "5 + 1",
        "S": "P",
    }
