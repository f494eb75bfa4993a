"""The records of a log, through the table of events and back, with every field as it was written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from audit_nb import records
from audit_nb.events import plain, read_events
from audit_nb.fields import Field

CONSTANT = re.compile(r"(?:^|(?<=[ '(,\x1d\"]))([A-Za-z_][\w\[\]-]*)=(\"[^\"]*\"|\([^ )]*\)|[^ ,)'\"\x1d]+|(?=[ ']))")
WORDS = ("seresult", "seperms", "msg")  # keys under which the words of a body are kept

EventId = tuple[str | None, int, int, int]


@dataclass(frozen=True)
class Record:
    """One line of a log: its event is known by node, second, millisecond and serial."""

    event: EventId
    type: str
    fields: list[Field]
    enriched: list[Field]
    words: list[Field]


def written_fields(record: records.Record, form: str) -> tuple[list[Field], list[Field], list[Field]]:
    """The fields of a record, those of its enriched half and its words without a key, each with whether it was quoted.

    The record's form holds the constant ones (`res=success`) and `*` for the others.
    """
    found: list[Field] = []
    words: list[Field] = []
    values = iter(record.fields)
    for text in re.split(r"(\*)", form):
        if text != "*":
            pairs = ((match[1], match[2]) for match in CONSTANT.finditer(text) if match[1] not in WORDS)
            found += [(key, raw.strip('"').encode(), '"' in raw) for key, raw in pairs]
            before = text
            continue
        key, raw = next(values)
        if b" cap_" in raw and record.type == "PATH":  # the cap_ fields of a PATH stand together
            raw, *more = raw.split(b" ")
            found += [(key, raw, False), *((one.split(b"=")[0].decode(), one.split(b"=")[1], False) for one in more)]
        elif not key or key in WORDS:
            words.append((key, raw, False))
        else:
            found.append((key, raw, before.endswith('"')))
    return [each for each in found if not each[0].isupper()], [each for each in found if each[0].isupper()], words


def read_records(log: bytes) -> Iterator[Record]:
    """The records of a log, through the table of events and back."""
    table = read_events([log], host="oracle").events
    for start in range(0, table.num_rows, 2000):
        for event in plain(table.slice(start, 2000)).to_pylist():
            second, millisecond = divmod(event["time_ms"], 1000)
            name = (event["node"], second, millisecond, event["serial"])
            for record, place in zip(records.to_records(event), event["records"], strict=True):
                yield Record(name, record.type, *written_fields(record, place["form"]))
