"""The single records of an event."""

import ibis
import ibis.expr.types as ir


def kinds(events: ir.Table) -> ir.StringValue:
    """The types of all records as one text, each between blanks. The store keeps it: a list takes ten times as long."""
    return events.kinds if "kinds" in events.columns else spaced(events.types)


def spaced(types: ir.ArrayValue) -> ir.StringValue:
    """Types as one text, each between blanks."""
    return ibis.literal(" ") + types.join(" ") + " "


def form_of(events: ir.Table, record_type: str) -> ir.StringValue:
    """The body of the event's first record of a type, with `*` for every value; null where it has none.

    Spark takes no place in a list that is wider than 32 bits, and none before the first.
    """
    place = events.types.index(record_type).nullif(-1).cast("int32")
    return events.records[place]["form"]


def refused(events: ir.Table) -> ir.BooleanValue:
    """Whether the record of a change of audit says that it was refused.

    The system call that carries it to the kernel is a message that arrives: it succeeds all the same.
    """
    return form_of(events, "CONFIG_CHANGE").re_search(REFUSED).fill_null(False)


#: The word of a result that is a failure, with or without names behind it.
REFUSED = "(^|[^a-z])res=(0|no|failed)([^a-z0-9]|$)"
