"""Tables on stdout, in the form that was asked for, and the mail's state in words."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from audit_nb import stair
from audit_nb.terminal import render_table
from audit_nb.words import visible

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


def mail_state(walked: stair.Walk) -> str:
    """What became of the mail, in words."""
    if walked.deliveries:
        done = sum(delivery.outcome == "done" for delivery in walked.deliveries)
        others = [delivery.sentence for delivery in walked.deliveries if delivery.outcome != "done"]
        return "; ".join([f"sent to {done} of {len(walked.deliveries)}", *map(visible, others)])
    return visible(f"not sent: {walked.letter.held}" if walked.letter.held else "waits to be sent: audit-nb send")
