"""Which field goes into which column, and how a column's value was spelt in the record.

    PATH  inode=131176          -> the member `inode` of `paths`, a decimal number
    SYSCALL comm="chmod"        -> `comm`, text; spelt back: "chmod", or 63686D6F64 where it stood without quotes
    SECCOMP sig=31              -> no column: `other`

A value that `spell` does not give back byte for byte is kept as it was written, in `other`; so nothing here can lose
anything.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from audit_nb import fields, scan

UNSET = 4294967295

ID_COLUMNS = ("auid", "uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid", "ses")
NAMED = ID_COLUMNS[:-1]

#: Columns that hold one number of an event …
NUMBER_COLUMNS = (
    "arch",
    "syscall_nr",
    "exit",
    "a0",
    "a1",
    "a2",
    "a3",
    "items",
    "ppid",
    "pid",
    *ID_COLUMNS,
    "argc",
    "id",
    "success",
)
#: … and those that hold one text. `arch_name` and `syscall_name` are auditd's own interpretations, `errno_name` is that
#: of an `exit=` that was interpreted before it was logged.
TEXT_COLUMNS = (
    *(f"{name}_name" for name in NAMED), "id_name", "arch_name", "syscall_name", "errno_name",
    "comm", "exe", "terminal", "subj", "cwd", "key", "proctitle", "cmd", "data",
    "op", "acct", "hostname", "addr", "unit", "saddr",
)  # fmt: skip
#: Members of `paths`.
PATH_NUMBERS = ("inode", "mode", "ouid", "ogid")
PATH_TEXTS = ("name", "nametype", "dev", "ouid_name", "ogid_name", "rdev", "obj", "caps")

SMALL = ("syscall_nr", "items", "argc", "mode")  # columns of 32 bits


@dataclass(frozen=True)
class Target:
    """Where a field goes: the column, and the base it is written in (10, 16, 8), or 0 for text, 2 for a result word."""

    column: str
    base: int = 0


_TEXT_KEYS = {
    "comm": "comm", "exe": "exe", "tty": "terminal", "terminal": "terminal", "subj": "subj", "cwd": "cwd", "key": "key",
    "op": "op", "acct": "acct", "hostname": "hostname", "addr": "addr", "unit": "unit",
}  # fmt: skip
_RESULT_KEYS = ("success", "res", "result")
_OF_A_SYSCALL = {"a0": 16, "a1": 16, "a2": 16, "a3": 16}
_OWN_KEYS = {  # record types whose fields go elsewhere than those of all others
    "CWD": {"cwd": Target("cwd")},
    "PROCTITLE": {"proctitle": Target("proctitle")},
    "SOCKADDR": {"saddr": Target("saddr")},
    "EXECVE": {"argc": Target("argc", 10)},
    "PATH": {
        "name": Target("name"), "inode": Target("inode", 10), "dev": Target("dev"), "mode": Target("mode", 8),
        "ouid": Target("ouid", 10), "ogid": Target("ogid", 10), "rdev": Target("rdev"), "nametype": Target("nametype"),
        "obj": Target("obj"),
        **{key: Target("caps") for key in ("cap_fp", "cap_fi", "cap_fe", "cap_fver", "cap_frootid")},
        "OUID": Target("ouid_name"), "OGID": Target("ogid_name"),
    },
}  # fmt: skip
_NO_COLUMNS = frozenset({"OBJ_PID", "IPC", "IPC_SET_PERM", "FD_PAIR", "MMAP", "MQ_OPEN", "OPENAT2", "SOCKETCALL"})
_ARGUMENT = re.compile(r"a\d+(?:_len|\[\d+\])?")


@lru_cache(maxsize=65536)
def target(record_type: str, key: str, enriched: bool) -> Target | None:
    """The column of a field, or None: it goes to `other`."""
    if record_type in _OWN_KEYS:
        return _OWN_KEYS[record_type].get(key)
    if record_type in _NO_COLUMNS:
        return None
    if enriched:
        return _enriched_target(key)
    if key in _TEXT_KEYS:
        return Target(_TEXT_KEYS[key])
    if key in ID_COLUMNS or key in ("pid", "ppid", "id"):
        return Target(key, 10)
    if key in _RESULT_KEYS:
        return Target("success", 2)
    return _special_target(record_type, key)


def _enriched_target(key: str) -> Target | None:
    """The column of a name that auditd added: `AUID="alice"`."""
    if not key.isupper():
        return None
    name = key.lower()
    if name in NAMED or name == "id":
        return Target(f"{name}_name")
    if name in ("arch", "syscall"):
        return Target(f"{name}_name")
    return None


def _special_target(record_type: str, key: str) -> Target | None:
    if record_type in ("SYSCALL", "SECCOMP", "URINGOP"):
        if key == "arch":
            return Target("arch", 16)
        if key == "syscall":
            return Target("syscall_nr", 10)
        if key in ("items", "exit"):
            return Target(key, 10)
        if record_type == "SYSCALL" and key in _OF_A_SYSCALL:
            return Target(key, 16)
    if key == "cmd" and record_type == "USER_CMD":
        return Target("cmd")
    if key == "data" and record_type in ("TTY", "USER_TTY"):
        return Target("data")
    return None


def is_argument(key: str) -> bool:
    """Whether a field of EXECVE is a part of the arguments: a0, a1_len, a1[0]."""
    return _ARGUMENT.fullmatch(key) is not None


def bounds(column: str) -> tuple[int, int]:
    """The lowest and the highest number that the column can hold and give back."""
    if column in SMALL:
        return -(2**31), 2**31 - 1
    return 0 if column in ID_COLUMNS or column in ("ouid", "ogid") else -(2**63), 2**63 - 1


# ------------------------------------------------------------------------------------------------------------- spelling

_PLAIN = re.compile(rb"[\x21\x23-\x7e]*")


@lru_cache(maxsize=65536)
def is_encoded(record_type: str, key: str) -> bool:
    """Whether an unquoted value of this field is hexadecimal for text."""
    if key.isupper():
        return key not in ("ARCH", "SYSCALL", "SADDR")
    return fields.decode_value(record_type, key, b"4142", False) == "AB"


@lru_cache(maxsize=65536)
def modes(record_type: str, key: str) -> tuple[int, int]:
    """How a value of this field becomes text where it stands bare and where it is quoted; see `scan.copy_texts`."""
    if key == "key" or (record_type == "PATH" and key.startswith("cap_f")):
        return scan.IN_PYTHON, scan.IN_PYTHON
    if not is_encoded(record_type, key):
        is_guess = fields.kind_of(record_type, key) == "guess"
        return scan.IN_PYTHON if is_guess else scan.AS_WRITTEN, scan.AS_WRITTEN
    if key.isupper():
        return scan.IN_PYTHON, scan.AS_WRITTEN
    return scan.FROM_PROCTITLE if key == "proctitle" else scan.FROM_HEX, scan.AS_WRITTEN


def read_text(record_type: str, key: str, raw: bytes, *, quoted: bool) -> str:
    """The text of a value."""
    if key.startswith("cap_f") and record_type == "PATH":  # the five of them are one value, see scan.cut
        return f"{key}={raw.decode('utf-8', 'backslashreplace')}"
    if quoted:
        return raw.decode("utf-8", "backslashreplace")
    if key.isupper():  # the enriched half; auditd quotes a name or, where it has blanks, writes it in hexadecimal
        if key not in ("ARCH", "SYSCALL", "SADDR") and re.fullmatch(rb"(?:[0-9A-F]{2})+", raw):
            return bytes.fromhex(raw.decode()).decode("utf-8", "backslashreplace")
        return raw.decode("utf-8", "backslashreplace")
    return fields.decode_value(record_type, key, raw, False)


def spell(record_type: str, key: str, text: str, *, quoted: bool) -> bytes:
    """The value as auditd would have written it."""
    written = text.encode("utf-8", "surrogatepass")
    if key.startswith("cap_f") and record_type == "PATH":
        return written.partition(b"=")[2]
    if quoted or not is_encoded(record_type, key):
        return written
    if key == "proctitle":
        written = written.replace(b" ", b"\0")
    return written.hex().upper().encode()


def spell_number(value: int, base: int) -> bytes:
    """The number as the kernel writes it: `%ld`, `%lx` of its bits, `%#o`."""
    if base == 16:
        return b"%x" % (value & 0xFFFFFFFFFFFFFFFF)
    if base == 8:
        return b"0%o" % value
    return b"%d" % value


def spells_back(record_type: str, key: str, text: str, raw: bytes, *, quoted: bool) -> bool:
    """Whether the text alone gives back what was written."""
    if key == "key":
        text = fields.KEY_SEPARATOR.join(fields.split_keys(text))
    return spell(record_type, key, text, quoted=quoted) == raw


def is_usual_result(raw: bytes, record_type: str) -> bool:
    """Whether the word is the one that records of this kind use; aureport takes the others for successes."""
    daemon = record_type.startswith(("DAEMON_", "USER_", "SERVICE_", "CRED_"))
    return raw in (b"success", b"failed") if daemon else True


def result(raw: bytes) -> int:
    """1 for a success, 0 for a failure, -1 for a word that is neither.

    The words that are known: `yes`, `success`, `1`, `Success`, `failed`, `0`, `no`.
    """
    success = fields.success_of(raw.decode("latin-1"))
    return -1 if success is None else int(success)
