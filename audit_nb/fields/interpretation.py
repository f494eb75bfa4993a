"""Interpretation: a value as `ausearch -i` shows it, numbers as names. Where ausearch is wrong, the truth is shown;
`tests/data/fields/differences.csv` lists each such difference.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from audit_nb.fields import flags, machines, modes, tables
from audit_nb.fields.addresses import decode_socket, show_socket
from audit_nb.fields.arguments import Call, show_argument, show_signal
from audit_nb.fields.capabilities import show_capabilities, show_capability
from audit_nb.fields.ids import IdMap, group_name, is_unset, user_name
from audit_nb.fields.keystrokes import decode_keystrokes
from audit_nb.fields.kinds import kind_of
from audit_nb.fields.text import decode_bytes, decode_proctitle, decode_text, readable, split_keys

NOTHING = {b"", b"(null)", b"(none)", b"?"}


@dataclass(frozen=True)
class Context:
    """What a value needs of its record to be interpreted.

    `arch` (the word as written), `syscall_nr`, `a0` and `a1` are those of the event's SYSCALL; a SECCOMP record has its
    own. `beside` holds the record's other fields as text: a few values depend on one. `ids` are the users and groups of
    the host that wrote the record, `enriched` the names of its enriched half by lower-case key, already decoded.
    """

    arch: str | None = None
    syscall_nr: int | None = None
    a0: int | None = None
    a1: int | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    ids: IdMap = field(default_factory=IdMap)
    enriched: Mapping[str, str] = field(default_factory=dict)


Field = tuple[str, bytes, bool]
"""One field of a record: its key, the bytes of its value without quotes, and whether it stood in quotes."""


def decode_value(record_type: str, key: str, raw: bytes, quoted: bool) -> str:
    """The text of a value: hex is undone where the field is declared encoded and the value is not quoted.

    NUL in a proctitle becomes a blank, an abstract socket's name begins with `@`; what a terminal sent keeps its
    control characters (`interpret` names the keys). `(null)`, `(none)`, `?` and nothing stay as they are. Bytes that
    are not UTF-8 are shown as `\\xff`. Never raises.
    """
    decoder = ENCODED.get(kind_of(record_type, key))
    return decoder(raw, quoted) if decoder else readable(raw)


def _guess(raw: bytes, quoted: bool) -> str:
    """TRUSTED_APP: a number is a number, other hex is text."""
    return readable(raw) if raw.isdigit() else decode_text(raw, quoted)


ENCODED: dict[str, Callable[[bytes, bool], str]] = {
    "text": decode_text,
    "key": decode_bytes,
    "proctitle": decode_proctitle,
    "keystrokes": decode_bytes,
    "guess": _guess,
}


def interpret(record_type: str, key: str, raw: bytes, quoted: bool, context: Context) -> str:
    """One value as `ausearch -i` shows it; what cannot be interpreted is shown as `decode_value` does. Never raises."""
    kind = kind_of(record_type, key)
    if raw in NOTHING and not quoted:
        return readable(raw)
    if kind in ("uid", "gid") and key in context.enriched:
        return context.enriched[key]
    if kind == "keystrokes":
        return decode_keystrokes(raw, quoted)
    if kind in ENCODED:
        text = ENCODED[kind](raw, quoted)
        return " key=".join(split_keys(text)) if kind == "key" else text
    text = readable(raw)
    word = SHOWN[kind](text, key, context) if kind in SHOWN else None
    return text if word is None else word


def interpret_record(
    record_type: str, fields: Sequence[Field], enriched: Sequence[Field] = (), context: Context | None = None
) -> list[tuple[str, str]]:
    """Every field of one record with its interpretation, in order.

    A record may hold a key twice (`uid=0 … msg='op=login uid=1000'`); the enriched half then has two names in the same
    order, and each stands for its own.
    """
    context = own_context(record_type, fields, context or Context())
    names: dict[str, list[str]] = {}
    for key, raw, quoted in enriched:
        names.setdefault(key.lower(), []).append(decode_text(raw, quoted))
    shown = []
    for key, raw, quoted in fields:
        own = names.get(key)
        here = replace(context, enriched={key: own.pop(0)}) if own else context
        shown.append((key, interpret(record_type, key, raw, quoted, here)))
    return shown


def own_context(record_type: str, fields: Sequence[Field], context: Context) -> Context:
    """The context of one record: what it says of itself goes before what the event says."""
    own = {key: readable(raw) for key, raw, _ in fields}
    number = _number(own.get("syscall", own.get("uring_op", "")), 10)
    context = replace(
        context,
        arch=own.get("arch", context.arch),
        syscall_nr=context.syscall_nr if number is None else number,
        beside=own,
    )
    if record_type == "SYSCALL":
        return replace(context, a0=_number(own.get("a0", ""), 16), a1=_number(own.get("a1", ""), 16))
    return context


def _number(text: str, base: int) -> int | None:
    """A number that fills the whole text, as C writes numbers of this base; else None."""
    pattern = {8: r"[0-7]{1,22}", 10: r"-?[0-9]{1,20}", 16: r"(0x)?[0-9a-fA-F]{1,16}"}[base]
    return int(text, base) if re.fullmatch(pattern, text) else None


def _from(base: int, show: Callable[[int, str, Context], str | None]) -> Callable[[str, str, Context], str | None]:
    """Read the text as a number; text that is none is left as it is."""

    def shown(text: str, key: str, context: Context) -> str | None:
        number = _number(text, base)
        return None if number is None else show(number, text, context)

    return shown


def _named(name: str, unknown: str, base: int = 10) -> Callable[[str, str, Context], str | None]:
    return _from(base, lambda number, text, context: tables.constants(name).get(number, unknown.format(text)))


def _arch(text: str, key: str, context: Context) -> str | None:
    return machines.arch_name(text) or f"unknown-elf-type({text})"


def _syscall(number: int, text: str, context: Context) -> str | None:
    name = machines.syscall_name(context.arch, number)
    if name is None:
        return f"unknown-syscall({text})" if machines.table_of(context.arch) else None
    if name in ("socketcall", "ipc") and context.a0 is not None:
        part = tables.constants(name).get(context.a0)
        return f"{name}({part})" if part else name
    return name


def _exit(number: int, text: str, context: Context) -> str | None:
    if number >= 0:
        return None
    name = machines.errno_name(number, context.arch)
    return f"{name or number}({machines.errno_message(number, context.arch)})"


def _argument(text: str, key: str, context: Context) -> str | None:
    value = _number(text, 16)
    if value is None:
        return None
    name = machines.syscall_name(context.arch, context.syscall_nr) if context.syscall_nr is not None else None
    if name is None:
        return f"0x{text}"
    call = Call(name, machines.table_of(context.arch), context.a0, context.a1, context.ids)
    return show_argument(int(key[1]), value, call)


def _hook(number: int, text: str, context: Context) -> str | None:
    name = "arp_hook" if context.beside.get("family") == "3" else "inet_hook"
    return tables.constants(name).get(number, f"unknown-hook({text})")


def _seccomp(number: int, text: str, context: Context) -> str | None:
    names = tables.constants("seccomp")
    return names.get(number & 0xFFFF0000, f"unknown-seccomp-code({text})")


def _oflag(text: str, key: str, context: Context) -> str | None:
    """`oflag=0100241` is octal, `0x42` hex, as the kernel writes them."""
    base = 16 if text.startswith("0x") else 8 if text.startswith("0") else 10
    number = _number(text, base)
    return None if number is None else flags.show_open_flags(number, machines.table_of(context.arch))


def _result(text: str, key: str, context: Context) -> str | None:
    return tables.constants("result").get(int(text)) if text in ("0", "1") else None


def _socket(text: str, key: str, context: Context) -> str | None:
    address = decode_socket(text, machines.is_little_endian(context.arch))
    return show_socket(address) if address else f"malformed-host({text})"


def _capability(number: int, text: str, context: Context) -> str | None:
    return show_capability(number) or f"unknown-capability({text})"


def _errno(number: int, text: str, context: Context) -> str | None:
    return machines.errno_name(number, context.arch) if number else None


def _session(number: int, text: str, context: Context) -> str | None:
    return "unset" if is_unset(number) else None


SHOWN: dict[str, Callable[[str, str, Context], str | None]] = {
    "uid": _from(10, lambda number, text, context: user_name(context.ids, number)),
    "gid": _from(10, lambda number, text, context: group_name(context.ids, number)),
    "session": _from(10, _session),
    "arch": _arch,
    "syscall": _from(10, _syscall),
    "uring_op": _from(10, lambda number, text, context: machines.syscall_name("uring", number)),
    "exit": _from(10, _exit),
    "errno": _from(10, _errno),
    "argument": _argument,
    "hex": _from(16, lambda number, text, context: f"0x{number:x}"),
    "result": _result,
    "permission": _from(10, lambda number, text, context: flags.show_permission(number)),
    "mode": _from(8, lambda number, text, context: modes.show_mode(number)),
    "mode_short": _from(8, lambda number, text, context: modes.show_permissions(number)),
    "socket": _socket,
    "signal": _from(10, lambda number, text, context: show_signal(number, machines.table_of(context.arch), text)),
    "seccomp": _from(16, _seccomp),
    "personality": _from(
        16, lambda number, text, context: flags.show_personality(number) or f"unknown-personality(0x{text})"
    ),
    "oflag": _oflag,
    "resolve": _from(16, lambda number, text, context: flags.show_flags(number, "resolve")),
    "mmap_flags": _from(
        16, lambda number, text, context: flags.show_mmap_flags(number, machines.table_of(context.arch))
    ),
    "ioctl": _from(16, lambda number, text, context: tables.constants("ioctl").get(number, f"0x{number:x}")),
    "promiscuous": _from(10, lambda number, text, context: "yes" if number else "no"),
    "capability": _from(10, _capability),
    "capabilities": _from(16, lambda number, text, context: show_capabilities(number)),
    "filter": _named("filter", "unknown-list({})"),
    "netfilter_family": _named("netfilter_family", "unknown-netfilter-protocol({})"),
    "icmp_type": _named("icmp_type", "unknown-icmp-type({})"),
    "protocol": _named("protocol", "undefined protocol"),
    "netfilter_action": _named("netfilter_action", "unknown-action({})", 16),
    "mac_protocol": _named("mac_protocol", "UNKNOWN", 16),
    "multicast": _named("multicast", "audit-none"),
    "fanotify": _named("fanotify", "unknown"),
    "trust": _named("trust", "unknown"),
    "fan_type": _named("fan_type", "unknown"),
    "fan_info": _from(16, lambda number, text, context: str(number) if context.beside.get("fan_type") == "1" else None),
    "hook": _from(16, _hook),
}
