"""The single records of an event."""

import ibis.expr.types as ir


def form_of(events: ir.Table, record_type: str) -> ir.StringValue:
    """The body of the event's first record of a type, with `*` for every value; null where it has none.

    Spark takes no place in a list that is wider than 32 bits, and none before the first.
    """
    place = events.types.index(record_type).nullif(-1).cast("int32")
    return events.records[place]["form"]
