"""What the fields mean and how their values are written: tables of facts, and small decoders by kind.

The contract with the reader of records (one call for each *distinct* value):

- `raw` is the bytes of the value as they stand in the line, without the quotes; `quoted` says whether it stood in
  double quotes. The bytes after 0x1D are never passed here as raw; they go into `Context.enriched`.
- `(null)`, `(none)`, `?` and the empty value are returned as they are: what is missing is the caller's decision, because
  `name="(null)"` (quoted) is a file and `name=(null)` is none.
- No function here raises on any bytes, opens a socket or looks at this machine's users.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class IdMap:
    """The users and groups of one host, by number; never those of the machine that reads the log."""

    users: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a value needs of its event to be interpreted: `arch` as written (`c000003e`), the SYSCALL's number, a0 and a1."""

    arch: str | None = None
    syscall_nr: int | None = None
    a0: int | None = None
    a1: int | None = None
    ids: IdMap = field(default_factory=IdMap)
    enriched: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Socket:
    """A decoded socket address; `family` is a word (`inet`) or, where it has none, its number as text."""

    family: str
    address: str | None = None
    port: int | None = None
    path: str | None = None


def decode_value(record_type: str, key: str, raw: bytes, quoted: bool) -> str:
    """The text of a value: undo hex where the field is declared encoded and the value is not quoted."""
    raise NotImplementedError


def split_keys(text: str) -> list[str]:
    """The keys of a decoded `key=`; several rules' keys stand in one value, 0x01 between them."""
    raise NotImplementedError


def arch_name(word: str) -> str | None:
    """The name of an `arch=` word: `c000003e` is `x86_64`; None where it is unknown."""
    raise NotImplementedError


def is_little_endian(arch: str) -> bool:
    """Whether the machine of an `arch=` word or name writes the low byte first."""
    raise NotImplementedError


def syscall_name(arch: str | None, nr: int) -> str | None:
    """The name of a system call by `arch=` word or name; None where either is unknown."""
    raise NotImplementedError


def errno_name(n: int) -> str | None:
    """The name of an error number: 13 (or -13) is `EACCES`."""
    raise NotImplementedError


def record_type_name(n: int) -> str | None:
    """The name of a record type's number: 1300 is `SYSCALL`."""
    raise NotImplementedError


def record_type_number(name: str) -> int | None:
    """The number of a record type's name; `1112` and `UNKNOWN[1420]` carry their own."""
    raise NotImplementedError


def is_last_record(type_name: str) -> bool:
    """Whether a record of this type ends its event, as auditd decides it."""
    raise NotImplementedError


def decode_socket(hex_text: str, little_endian: bool) -> Socket:
    """The socket address of a `saddr=`; `little_endian` is the host's byte order, by `arch=`."""
    raise NotImplementedError


def decode_argv(fields: list[tuple[str, bytes, bool]]) -> list[str]:
    """The arguments from the (key, raw, quoted) of every EXECVE record of one event, in order of arrival."""
    raise NotImplementedError


def interpret(record_type: str, key: str, raw: bytes, quoted: bool, context: Context) -> str:
    """One value as `ausearch -i` shows it: numbers as names, encoded text decoded."""
    raise NotImplementedError
