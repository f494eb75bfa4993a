"""What could not be read of events."""

import ibis
import ibis.expr.types as ir

from audit_nb.tables._words import counted

#: More of a text than this is not shown: it is an example.
LETTERS = 200


def unread(events: ir.Table) -> ir.Table:
    """Which text of events does no field explain?

    One row for each host and type of event, the most first: host, type, events, first, last, example (the text that
    was left over in one of them, cut at 200 characters). The event itself is read and counted; this is what our
    tables of fields do not know. The collector's own events are among them.
    """
    left = events.filter(events.unread.notnull())
    sums = counted(left, "host", "type")
    examples = left.group_by("host", "type").agg(example=left.unread.min())
    examples = examples.select(at="host", of="type", example=examples.example.substr(0, LETTERS))
    both = sums.left_join(examples, (sums.host == examples["at"]) & (sums["type"] == examples.of))
    rows = both.select("host", "type", "events", "first", "last", "example")
    return rows.order_by(ibis.desc("events"), "host", "type")
