"""The way back: the records of an event from its row in the table, as they were written.

    form   pid=* uid=* auid=* ses=* msg='op=* acct="*" exe="*" hostname=? addr=? terminal=* res=failed'
    body   pid=201 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="root" exe="/usr/sbin/sshd" …'

A form is a body with `*` in the place of every value. A value stands in `other` under the record's number and the key,
else in the column that `columns.target` names.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit_nb import columns, fields

_KEY_BEFORE = re.compile(r"(?:#035|\^\]|\\x1[dD]|\\u001[dD])?([A-Za-z0-9_\-\[\]]+)=(\"?)$")


@dataclass(frozen=True)
class Record:
    """One record: its type, its body (what stands behind `audit(…): `), and its fields as (key, value as written)."""

    type: str
    body: bytes
    fields: tuple[tuple[str, bytes], ...]


def to_records(event: Mapping[str, Any]) -> list[Record]:
    """The records of one row of the table of events (a dict of Python values, as `Table.to_pylist` gives), in their order."""
    return list(_records(event))


def _records(event: Mapping[str, Any]) -> Iterator[Record]:
    others: dict[tuple[int, str], list[Mapping[str, Any]]] = defaultdict(list)
    for other in event["other"] or ():
        others[other["record"], other["key"]].append(other)
    paths = -1
    for number, (kind, record) in enumerate(zip(event["types"], event["records"], strict=True)):
        paths += kind == "PATH"
        body, found, shape = b"", [], ""
        *before, last = record["form"].split("*")
        for text in before:
            body += text.encode()
            shape += text
            key, quoted = _key_of(shape)
            shape += "*"
            if key == "seresult" and (number, key) not in others:
                key = "msg"  # `avc:  received policyload notice`: a notice, no decision
            mine = others.get((number, key))
            raw = _spelt(kind, key, mine.pop(0), quoted) if mine else _of_column(event, kind, key, quoted, paths)
            body += raw
            found.append((key, raw))
        yield Record(kind, body + last.encode(), tuple(found))


def _key_of(text: str) -> tuple[str, bool]:
    """The key of the value that comes next in a form, and whether it stands in quotes."""
    named = _KEY_BEFORE.search(text)
    if named:
        return named[1], bool(named[2])
    if re.search(r"msg=' *$", text):
        return "msg", False
    if re.search(r"(^|')\s*avc: +$", text):
        return "seresult", False
    if re.search(r"avc: +\* +\{ $", text):
        return "seperms", False
    return "", False


def _spelt(kind: str, key: str, other: Mapping[str, Any], quoted: bool) -> bytes:
    if other["raw"] is not None:
        return bytes(other["raw"])
    if key in ("", "seresult", "seperms", "msg"):
        return str(other["value"]).encode()
    return columns.spell(kind, key, other["value"], quoted=quoted)


def _of_column(event: Mapping[str, Any], kind: str, key: str, quoted: bool, path: int) -> bytes:
    """The value as the column of the event (or of its PATH number `path`) gives it back."""
    if kind == "EXECVE" and key != "argc":
        return columns.spell(kind, key, event["argv"][int(key[1:])], quoted=quoted)
    if kind == "PATH" and key == "item":
        return b"%d" % path
    target = columns.target(kind, key, key.isupper())
    if target is None:
        raise ValueError(f"{kind} {key}: neither a column nor an entry of `other` holds this field")
    value = event["paths"][path][target.column] if kind == "PATH" else _value(event, target.column)
    if target.base == 0:
        return columns.spell(kind, key, value, quoted=quoted)
    if target.column == "arch":
        return (fields.arch_word(value) or value).encode()
    if value is None:
        value = columns.UNSET
    return columns.spell_number(value, target.base)


def _value(event: Mapping[str, Any], column: str) -> Any:  # noqa: ANN401 - a value of any column
    if column == "key":
        return fields.KEY_SEPARATOR.join(event["keys"])
    if column == "cmd":
        return " ".join(event["argv"])
    if column == "saddr":
        return event["socket"]["saddr"]
    if column in ("arch_name", "syscall_name"):
        return event[column.removesuffix("_name")]
    return event[column]
