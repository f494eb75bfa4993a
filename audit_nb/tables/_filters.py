"""The filters of a search: what each looks at, in a table that the command line and the notebooks read too.

A text matches in part, as a whole or as a regular expression; a person by number, or by the name that the log itself
gives. The filters and their meaning follow ausearch(8); differences stand in the sentence of a filter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import has_type, known, terminal

Match = Literal["substring", "exact", "regex"]
Condition = Callable[[ir.Table, Any, Match], ir.BooleanValue]


@dataclass(frozen=True)
class Filter:
    """One filter: what it looks at in a sentence, what kind of value it takes, and the condition that it is."""

    sentence: str
    takes: Literal["text", "number", "person", "word"]
    condition: Condition


ARCHES = {
    "b32": ("i386", "arm", "armeb", "ppc", "s390", "mips", "mipsel", "parisc", "sparc", "sh", "m68k"),
    "b64": ("x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "riscv64", "mips64", "mips64el", "loongarch64", "ia64"),
}


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - one value or several
    """One value or several, as several."""
    return [value] if isinstance(value, (str, int)) else list(value)


def matching(text: ir.StringValue, value: str | Sequence[str], match: Match) -> ir.BooleanValue:
    """Whether the text matches one of the values."""
    values = listed(value)
    if match == "exact":
        return text.isin(values)
    found = [text.contains(one) if match == "substring" else text.re_search(one) for one in values]
    return ibis.or_(*found)


def _text(column: str) -> Condition:
    return lambda events, value, match: matching(events[column], value, match)


def _number(column: str) -> Condition:
    return lambda events, value, match: events[column].isin(listed(value))


def _person(*columns: str) -> Condition:
    """A number is compared with the ids, a name with the names that stand in the log or in the host's own id map."""

    def condition(events: ir.Table, value: int | str, match: Match) -> ir.BooleanValue:
        if value == "unset":
            value = -1
        if isinstance(value, int) or value.lstrip("-").isdigit():
            return ibis.or_(*(_is_id(events[column], int(value)) for column in columns))
        return ibis.or_(*(events[f"{column}_name"] == value for column in columns))

    return condition


def _is_id(column: ir.IntegerValue, number: int) -> ir.BooleanValue:
    return column.isnull() if number in (-1, 4294967295) else column == number


def _any_text(values: Callable[[ir.Table], ir.ArrayValue]) -> Condition:
    """A list of texts, one of which must match."""
    return lambda events, value, match: (
        values(events).filter(lambda text: matching(text, value, match)).length().fill_null(0) > 0
    )


def _fields(*keys: str) -> Callable[[ir.Table], ir.ArrayValue]:
    """The values of fields that have no column."""

    def values(events: ir.Table) -> ir.ArrayValue:
        return events.other.filter(lambda other: other["key"].isin(keys)).map(lambda other: other["value"])

    return values


def _types(events: ir.Table, value: str | Sequence[str], match: Match) -> ir.BooleanValue:
    names = [name.strip(" ").upper() for one in listed(value) for name in one.split(",")]
    return ibis.literal(True) if "ALL" in names else has_type(events, *names)


def _file(events: ir.Table, value: str | Sequence[str], match: Match) -> ir.BooleanValue:
    paths = _any_text(lambda rows: rows.paths.map(lambda path: path["name"]))(events, value, match)
    places = ibis.or_(
        *(matching(place, value, match).fill_null(False) for place in (events.cwd, events.socket["path"]))
    )
    return paths | places


def _terminal(events: ir.Table, value: str | Sequence[str], match: Match) -> ir.BooleanValue:
    """As it was written (`pts0`) or as it is shown (`pts/0`)."""
    written = matching(events.terminal, value, match)
    return (written | matching(terminal(events), value, match)).fill_null(False)


def _address(events: ir.Table, value: str | Sequence[str], match: Match) -> ir.BooleanValue:
    sides = (known(events.hostname), known(events.addr), events.socket["address"])
    return ibis.or_(*(matching(side, value, match).fill_null(False) for side in sides))


def _syscall(events: ir.Table, value: int | str, match: Match) -> ir.BooleanValue:
    if isinstance(value, int) or value.isdigit():
        return events.syscall_nr == int(value)
    return events.syscall == value


def _arch(events: ir.Table, value: str, match: Match) -> ir.BooleanValue:
    return events.arch.isin(ARCHES.get(value, (value,)))


def _exit(events: ir.Table, value: int | str, match: Match) -> ir.BooleanValue:
    if isinstance(value, int) or value.lstrip("-").isdigit():
        return events.exit == int(value)
    return events.errno == value.lstrip("-").upper()


def _objects(events: ir.Table) -> ir.ArrayValue:
    labels = events.paths.map(lambda path: path["obj"]).filter(lambda label: label.notnull())
    none = ibis.literal([], "array<string>")
    return ibis.coalesce(labels, none).concat(ibis.coalesce(_fields("tcontext", "obj", "img-ctx")(events), none))


def _subjects(events: ir.Table) -> ir.ArrayValue:
    own = ibis.ifelse(events.subj.notnull(), ibis.array([events.subj]), ibis.literal([], "array<string>"))
    return own.concat(ibis.coalesce(_fields("scontext", "vm-ctx")(events), ibis.literal([], "array<string>")))


FILTERS = {
    "event": Filter("serial of the event", "number", _number("serial")),
    "types": Filter("type of any record, several with commas; ALL is every one", "word", _types),
    "host": Filter("machine of the inventory", "text", _text("host")),
    "node": Filter("node name, as a whole", "word", lambda events, value, match: events.node.isin(listed(value))),
    "key": Filter("key of a rule, any of the event's", "text", _any_text(lambda events: events["keys"])),
    "comm": Filter("command name", "text", _text("comm")),
    "exe": Filter("executable", "text", _text("exe")),
    "command": Filter("command line as it is shown, secrets masked", "text", _text("command")),
    "file": Filter("name of a file, working directory or unix socket", "text", _file),
    "address": Filter("host name or address of the other side", "text", _address),
    "terminal": Filter("terminal", "text", _terminal),
    "account": Filter("account a record speaks of", "text", _text("account")),
    "vm": Filter("virtual machine", "text", _any_text(_fields("vm"))),
    "uuid": Filter("UUID of a virtual machine", "text", _any_text(_fields("uuid"))),
    "pid": Filter("process", "number", _number("pid")),
    "ppid": Filter("parent process", "number", _number("ppid")),
    "session": Filter("login session", "number", _number("ses")),
    "auid": Filter("login user; unset is nobody", "person", _person("auid")),
    "uid": Filter("user", "person", _person("uid")),
    "euid": Filter("effective user", "person", _person("euid")),
    "any_uid": Filter("login, acting or effective user", "person", _person("auid", "uid", "euid")),
    "gid": Filter("group", "person", _person("gid")),
    "egid": Filter("effective group", "person", _person("egid")),
    "any_gid": Filter("acting or effective group", "person", _person("gid", "egid")),
    "syscall": Filter("system call, by name or number", "word", _syscall),
    "arch": Filter("architecture, or b32 or b64", "word", _arch),
    "exit": Filter(
        "exit value, or the name of an error: who failed with it, for EACCES as for -EACCES (ausearch takes the "
        "first for 13)",
        "word",
        _exit,
    ),
    "subject": Filter("security label of who acted", "text", _any_text(_subjects)),
    "object": Filter("security label of what was acted on", "text", _any_text(_objects)),
    "context": Filter(
        "security label of either", "text", _any_text(lambda events: _subjects(events).concat(_objects(events)))
    ),
}
