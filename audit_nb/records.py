"""The way back: the records of an event from its row in the table, as they were written.

    form   pid=* uid=* auid=* ses=* msg='op=* acct="*" exe="*" hostname=? addr=? terminal=* res=failed'
    body   pid=201 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="root" exe="/usr/sbin/sshd" …'

A form is a body with `*` in the place of every value. A value stands in `other` under the record's number and the key,
else in the column that `columns.target` names.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_nb import columns, fields
from audit_nb.fields import Field

_MARKER = r"(?:#035|\^\]|\\x1[dD]|\\u001[dD])?"  # what a transport made of 0x1D, see scan
_KEY_BEFORE = re.compile(_MARKER + r"([A-Za-z0-9_\-\[\]]+)=(\"?)$")
_CONSTANT = re.compile(_MARKER + r"([A-Za-z0-9_\-\[\]]+)=(?:(\(null\)|\?|[A-Za-z0-9_\-\[\]]{1,8})|\"(unset)\")")

_WORDS = ("", "seresult", "seperms", "msg")  # the keys of text that stands without one


@dataclass(frozen=True)
class Record:
    """One record: its type, its body (what stands behind `audit(…): `), and its fields in their order.

    `fields` are those of the record itself, `enriched` the names auditd added, `words` the text without a key (named
    `seresult`, `seperms`, `msg`, or not at all); each as (key, value as written, whether it stood in quotes).
    """

    type: str
    body: bytes
    fields: tuple[Field, ...]
    enriched: tuple[Field, ...]
    words: tuple[Field, ...]


def to_records(event: Mapping[str, Any]) -> list[Record]:
    """The records of one row of the table of events (a dict, as `Table.to_pylist` gives), in their order."""
    others: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for other in event["other"] or ():
        others[other["record"]].append(other)
    found, path = [], -1
    for number, (kind, place) in enumerate(zip(event["types"], event["records"], strict=True)):
        path += kind == "PATH"
        found.append(_record(event, others[number], kind, place["form"], path))
    return found


def _record(
    event: Mapping[str, Any],
    others: list[Mapping[str, Any]],
    kind: str,
    form: str,
    path: int,
) -> Record:
    """A form with its values put in."""
    body, shape = b"", ""
    found: list[Field] = []
    words: list[Field] = []
    texts = form.split("*")
    for number, text in enumerate(texts[:-1]):
        shape += text
        named = _KEY_BEFORE.search(shape)
        key, quoted = (named[1], bool(named[2])) if named else ("", False)
        constants = tuple(_constants(text.removesuffix(f'{key}="' if quoted else f"{key}=") if named else text))
        _take_results(others, constants, "*".join(texts[number:]))
        found += constants
        other = _taken(others, (key,) if named else _WORDS)
        raw = _of_column(event, kind, key, quoted, path) if other is None else _spelt(kind, other, quoted)
        if named:
            found += _taken_apart(kind, key, raw, quoted)
        else:
            words.append((other["key"] if other else key, raw, False))
        body += text.encode() + raw
        shape += "*"
    last = texts[-1]
    found += _constants(last)
    names = tuple(field for field in found if field[0].isupper())
    return Record(
        kind, body + last.encode(), tuple(field for field in found if not field[0].isupper()), names, tuple(words)
    )


def _constants(text: str) -> Iterator[Field]:
    """The fields whose values stand in the form: `res=success`, `key=(null)`, `AUID="unset"`."""
    for match in _CONSTANT.finditer(text):
        yield match[1], (match[2] or match[3]).encode(), match[3] is not None


def _take_results(others: list[Mapping[str, Any]], constants: Sequence[Field], rest: str) -> None:
    """Take out results that stand in the form and in `other`, too: spelt unusually, or in contradiction to another."""
    for key, raw, _ in constants:
        mine = [other for other in others if other["key"] == key] if key in ("success", "res", "result") else []
        if mine and mine[0]["value"] == raw.decode() and len(mine) > len(re.findall(rf'(?<![\w-]){key}="?\*', rest)):
            others.remove(mine[0])


def _taken_apart(kind: str, key: str, raw: bytes, quoted: bool) -> Iterator[Field]:
    """A value as fields: the cap_ fields of a PATH stand together as one."""
    first, *more = raw.split(b" ") if kind == "PATH" and key.startswith("cap_f") else [raw]
    yield key, first, quoted
    for one in more:
        name, _, value = one.partition(b"=")
        yield name.decode(), value, False


def _taken(others: list[Mapping[str, Any]], keys: Collection[str]) -> Mapping[str, Any] | None:
    """The first entry that has one of these keys, which is not there any more then; they stand in their order."""
    place = next((place for place, other in enumerate(others) if other["key"] in keys), None)
    return None if place is None else others.pop(place)


def _spelt(kind: str, other: Mapping[str, Any], quoted: bool) -> bytes:
    if other["raw"] is not None:
        return bytes(other["raw"])
    if other["key"] in _WORDS:
        return str(other["value"]).encode()
    return columns.spell(kind, other["key"], other["value"], quoted=quoted)


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
