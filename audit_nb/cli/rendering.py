"""Tables on stdout, in the form that was asked for, and what became of the mail in words."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from audit_nb.errors import UsageError
from audit_nb.terminal import render_table
from audit_nb.words import is_plain

if TYPE_CHECKING:
    from audit_nb.mail import Delivery

FOR_EXCEL = "csv for excel"


def FORM(verb: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used as the other options are
    """The options of a verb that shows a table; it gets `form`: table, csv, json or FOR_EXCEL."""

    @wraps(verb)
    def chosen(*given: Any, form: str, csv_for_excel: bool, **options: Any) -> Any:  # noqa: ANN401 - click's
        if csv_for_excel and form == "json":
            raise UsageError("--csv-for-excel is a form of its own; leave out --format json")
        return verb(*given, form=FOR_EXCEL if csv_for_excel else form, **options)

    says = "CSV that begins with a byte order mark, without which Excel misreads what is not ASCII."
    marked = click.option("--csv-for-excel", is_flag=True, help=says)(chosen)
    forms = click.Choice(["table", "csv", "json"])
    return click.option("--format", "form", type=forms, default="table", show_default=True)(marked)


def rendered(answered: Any, form: str, *, cell_width: int = 60) -> str:  # noqa: ANN401 - an Ibis table, imported late
    """A table as text for people, as CSV with a header, or as one JSON array of objects."""
    from audit_nb import show

    rows = show.arrow(answered)
    if form in ("csv", FOR_EXCEL):
        return ("\ufeff" if form == FOR_EXCEL else "") + show.csv_text(rows)
    if form == "json":
        return json_text(rows.to_pylist())
    import pyarrow.types as kinds

    right = [kinds.is_integer(field.type) or kinds.is_floating(field.type) for field in rows.schema]
    columns = [[text_value(value) for value in column.to_pylist()] for column in rows.columns]
    return render_table(rows.column_names, list(zip(*columns, strict=True)), right=right, cell_width=cell_width) + "\n"


def rendered_rows(rows: Sequence[Any], columns: Sequence[str], form: str, *, cell_width: int = 60) -> str:
    """The named attributes of some rows as a table."""
    import pyarrow as pa

    table = pa.table({name: [getattr(row, name) for row in rows] for name in columns})
    return rendered(table, form, cell_width=cell_width)


def json_text(rows: Sequence[Any]) -> str:
    """One array of objects; what a terminal would obey, or what shows nothing, stands there as an escape of JSON's."""
    text = json.dumps(rows, default=json_value, ensure_ascii=False, indent=1)
    lines = (
        line if is_plain(line) else "".join(one if is_plain(one) else json.dumps(one)[1:-1] for one in line)
        for line in text.split("\n")
    )
    return "\n".join(lines) + "\n"


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
