"""The records of a log, through the table of events and back, with every field as it was written."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit_nb import records
from audit_nb.events import plain, read_events
from audit_nb.fields import Field

EventId = tuple[str | None, int, int, int]


@dataclass(frozen=True)
class Record:
    """One line of a log: its event is known by node, second, millisecond and serial."""

    event: EventId
    type: str
    fields: list[Field]
    enriched: list[Field]
    words: list[Field]


def read_records(log: bytes) -> Iterator[Record]:
    """The records of a log, through the table of events and back."""
    table = read_events([log], host="oracle").events
    for start in range(0, table.num_rows, 2000):
        for event in plain(table.slice(start, 2000)).to_pylist():
            second, millisecond = divmod(event["time_ms"], 1000)
            name = (event["node"], second, millisecond, event["serial"])
            for record in records.to_records(event):
                yield Record(name, record.type, list(record.fields), list(record.enriched), list(record.words))
