"""Values as a reader sees them: in a cell of a page, in a cell of a CSV, in a sentence."""

import csv
import html
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from audit_nb import words

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

LETTERS = 400  # of one cell on a page; the CSV has them all
FEWER_LETTERS = {"details": 72}  # of a column that stands last and often beyond the edge: tall rows would look empty
SHORT = 28  # letters that need not wrap

#: Whole numbers that name a thing: shown without thousands separators.
IDENTIFIERS = frozenset(
    {
        "serial",
        "boot",
        "pid",
        "ppid",
        "ses",
        "id",
        "auid",
        "uid",
        "gid",
        "euid",
        "suid",
        "fsuid",
        "egid",
        "sgid",
        "fsgid",
    }
    | {"port", "inode", "number", "offset", "time_ms"}
)
#: What a spreadsheet takes for the beginning of a formula, in full width too.
_FORMULA = re.compile(r"\s*[=+\-@\t\r＝＋－＠]")  # noqa: RUF001 - these are the ones


@dataclass(frozen=True)
class Reader:
    """To whom something is shown; `blind` when there was no event at all to look at.

    `for_excel` begins each CSV with a byte order mark: without it Excel takes UTF-8 for the code page of the machine.
    """

    language: str = "en"
    timezone: str = "UTC"
    blind: bool = False
    for_excel: bool = False

    def local(self, moment: datetime) -> datetime:
        """A moment on the reader's clock; times without a zone are UTC by contract."""
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return aware.astimezone(ZoneInfo(self.timezone))


def arrow(rows: "ir.Table | pa.Table | pd.DataFrame") -> "pa.Table":
    """Whatever holds rows as Arrow: there a whole number beside a null stays whole."""
    import pyarrow as pa

    if isinstance(rows, pa.Table):
        return rows
    if hasattr(rows, "to_pyarrow"):
        return rows.to_pyarrow()
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
    return pa.table({name: _whole_again(table[name]) for name in table.column_names}) if table.num_columns else table


def _whole_again(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Whole numbers as such: pandas makes floats of a column of them as soon as one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_float64(column.type) or not column.null_count or column.null_count == len(column):
        return column
    is_whole = pc.all(pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**53))).as_py()
    return column.cast(pa.int64()) if is_whole else column


def markup(text: str) -> str:
    """Text as HTML: markup is escaped, and a character that cannot be seen is written out and told apart."""
    if words.is_plain(text):
        return html.escape(text)
    marked = "".join(
        f'<span class="nb-ctl">{html.escape(piece)}</span>' if is_escape else html.escape(piece)
        for piece, is_escape in words.seen(text)
    )
    return marked.replace('</span><span class="nb-ctl">', "")


def csv_text(rows: "pa.Table", timezone: str = "UTC") -> str:
    """A table as CSV: ISO 8601 times with their offset, null as an empty cell, lists joined by blanks.

    A text that a spreadsheet would take for a formula begins with `'`; control and bidi characters are written out.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([words.visible(name) for name in rows.column_names])
    reader = Reader(timezone=timezone)
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        writer.writerow([_csv_cell(value, reader) for value in row])
    return out.getvalue()


def columns(rows: "pa.Table", language: str) -> list[dict[str, str | None]]:
    """What each column of a CSV is: name, kind of its values (a key of `kinds`), meaning where we know it."""
    return [
        {
            "name": words.visible(field.name),
            "kind": _kind(field.type),
            "says": words.say(key, language) if words.has(key := f"meanings.{field.name}") else None,
        }
        for field in rows.schema
    ]


def _kind(kind: "pa.DataType") -> str:
    import pyarrow.types as kinds

    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return "structure" if kinds.is_nested(kind.value_type) else "texts"
    asked = {
        "whole": kinds.is_integer,
        "number": lambda one: kinds.is_floating(one) or kinds.is_decimal(one),
        "truth": kinds.is_boolean,
        "time": kinds.is_timestamp,
        "structure": kinds.is_nested,
    }
    return next((name for name, fits in asked.items() if fits(kind)), "text")


def _csv_cell(value: object, reader: Reader) -> object:
    if isinstance(value, datetime):
        return reader.local(value).isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, int | float):
        return value
    text = as_text(value)
    return f"'{words.visible(text)}" if _FORMULA.match(text) else words.visible(text)


def render_table(rows: "pa.Table", total: int, title: str, csv_path: str | None, reader: Reader) -> str:
    """A table as HTML with its caption, and under it how many of `total` rows it shows and where the others are."""
    if rows.num_rows == 0 or reader.blind:
        said = words.say("table.unseen" if reader.blind else "table.nothing", reader.language)
        return f'<p class="nb-nothing"><b>{html.escape(title)}</b>: {html.escape(said)}</p>'
    head = "".join(f'<th scope="col"{_right(field.type)}>{_heading(field, reader)}</th>' for field in rows.schema)
    columns = [_cells(column, field.name, reader) for column, field in zip(rows.columns, rows.schema, strict=True)]
    body = "\n".join("<tr>" + "".join(row) + "</tr>" for row in zip(*columns, strict=True))
    label = html.escape(title)
    return (
        f'<div class="nb-table" tabindex="0" role="region" aria-label="{label}"><table><caption>{label}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
        f'<p class="nb-below">{_below(rows.num_rows, total, csv_path, reader)}</p>'
    )


def link(path: str | None) -> str:
    """A link to a CSV beside the page, where there is one."""
    return f' <a href="{html.escape(path)}" download>CSV</a>' if path else ""


def _below(shown: int, total: int, csv_path: str | None, reader: Reader) -> str:
    if shown == total:
        return html.escape(words.say("table.rows", reader.language, n=total)) + link(csv_path)
    key = "table.shown" if csv_path else "table.shown_here"
    return html.escape(words.say(key, reader.language, shown=shown, n=total, more=total - shown)) + link(csv_path)


def _heading(field: "pa.Field", reader: Reader) -> str:
    """Our words for a column, else its name; times say their zone."""
    import pyarrow.types as kinds

    key = f"columns.{field.name}"
    said = words.say(key, reader.language) if words.has(key) else field.name
    return markup(f"{said} ({reader.timezone})" if kinds.is_timestamp(field.type) else said)


def _cells(column: "pa.ChunkedArray", name: str, reader: Reader) -> Iterator[str]:
    right = _right(column.type)
    for value in column.to_pylist():
        if value is None:
            yield f'<td{right or ""}><span class="nb-null">–</span></td>'
        elif isinstance(value, bool):
            yield f"<td>{words.say('table.yes' if value else 'table.no', reader.language)}</td>"
        elif right:
            yield f"<td{right}>{_figure(value, name)}</td>"
        elif isinstance(value, datetime):
            local = reader.local(value)
            yield f'<td class="t"><time datetime="{local.isoformat()}">{_moment(local)}</time></td>'
        else:
            most = FEWER_LETTERS.get(name, LETTERS)
            yield _text_cell(words.of_value(name, as_text(value), reader.language), reader, most)


def _text_cell(text: str, reader: Reader, most: int = LETTERS) -> str:
    """Short text stands on one line; long text wraps in a column of some width, very long text is cut."""
    if not text:
        return '<td class="k"><span class="nb-null">""</span></td>'  # an empty name is none that is missing
    if len(text) <= SHORT:
        return f'<td class="k">{markup(text)}</td>'
    if len(text) <= most:
        return f'<td class="w">{markup(text)}</td>'
    rest = words.say("table.letters", reader.language, n=len(text) - most)
    return f'<td class="w">{markup(text[:most])}… <span class="nb-null">({html.escape(rest)})</span></td>'


def _figure(value: float, name: str) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:,.2f}".rstrip("0").rstrip(".")
    return str(value) if name in IDENTIFIERS else f"{value:,}"


def _moment(local: datetime) -> str:
    """Milliseconds only where there are any: the time of an event has them, the beginning of an hour has not."""
    return f"{local:%Y-%m-%d %H:%M:%S}" + (f".{local.microsecond // 1000:03d}" if local.microsecond else "")


def _right(kind: "pa.DataType") -> str:
    """Numbers stand to the right."""
    import pyarrow.types as kinds

    numeric = kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)
    return ' class="n"' if numeric else ""


def as_text(value: object) -> str:
    """A value of a column as text; a list stands joined by blanks, a struct as JSON."""
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return " ".join("" if item is None else str(item) for item in value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, date):
        return value.isoformat()
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def of_sentence(value: object, reader: Reader) -> object:
    """A value of a sentence: times as the reader's clock shows them, numbers of numpy and pandas as Python's."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if hasattr(value, "item"):
        value = value.item()
    return f"{reader.local(value):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value
