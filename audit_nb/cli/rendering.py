"""Tables on stdout, in the form that was asked for, and what became of the mail in words."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from audit_nb.terminal import render_table

if TYPE_CHECKING:
    from audit_nb.mail import Delivery

FORM = click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)


def rendered(answered: Any, form: str, *, cell_width: int = 60) -> str:  # noqa: ANN401 - an Ibis table, imported late
    """A table as text for people, as CSV with a header, or as one JSON array of objects."""
    from audit_nb import show

    rows = show.arrow(answered)
    if form == "csv":
        return show.csv_text(rows)
    if form == "json":
        return json.dumps(rows.to_pylist(), default=json_value, ensure_ascii=False, indent=1) + "\n"
    import pyarrow.types as kinds

    right = [kinds.is_integer(field.type) or kinds.is_floating(field.type) for field in rows.schema]
    columns = [[text_value(value) for value in column.to_pylist()] for column in rows.columns]
    return render_table(rows.column_names, list(zip(*columns, strict=True)), right=right, cell_width=cell_width) + "\n"


def rendered_rows(rows: Sequence[Any], columns: Sequence[str], form: str, *, cell_width: int = 60) -> str:
    """The named attributes of some rows as a table."""
    import pyarrow as pa

    table = pa.table({name: [getattr(row, name) for row in rows] for name in columns})
    return rendered(table, form, cell_width=cell_width)


def json_value(value: object) -> object:
    """Times, which are UTC by contract, as ISO 8601; other values that JSON lacks as text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat() if value.tzinfo is None else value.isoformat()
    return str(value)


def text_value(value: object) -> str:
    """A value in a terminal's table; null is empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, list):
        return " ".join(map(text_value, value))
    return str(value)


def delivered(deliveries: Sequence["Delivery"]) -> list[str]:
    """What became of the mail, in sentences."""
    by_outcome: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        by_outcome.setdefault(delivery.outcome, []).append(delivery)
    sent = len(by_outcome.pop("done", []))
    waiting = by_outcome.pop("waiting", [])
    said = [f"The mail was sent to {sent} of {len(deliveries)}."] if sent else []
    if waiting:
        who = ", ".join(dict.fromkeys(delivery.recipient for delivery in waiting))
        why = "; ".join(dict.fromkeys(delivery.reason for delivery in waiting))
        said.append(f"The mail to {who} waits in the outbox ({why}): `audit-nb send` tries again.")
    return said + [delivery.sentence for others in by_outcome.values() for delivery in others]
