"""What the columns of a run's CSV files are: `tables/columns.csv`, and the rows of the page that says it.

Each table and figure of `report.json` names its columns with the kind of their values and, where we have words for it,
what they mean; a table of somebody's own notebook may have columns that only its author knows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit_nb import show, words

CSV = "tables/columns.csv"


def write(folder: Path, report: Mapping[str, Any], *, for_excel: bool) -> None:
    """Write `tables/columns.csv` beside the tables: table, column, heading, kind, meaning."""
    import pyarrow as pa

    found = [
        {"table": one["csv"].removeprefix("tables/"), **column}
        for one in described(report)
        for column in one["columns"]
    ]
    if found:
        names = ("table", "column", "heading", "kind", "meaning")
        rows = pa.Table.from_pylist(found, pa.schema([(name, pa.string()) for name in names]))
        show.write_csv(folder / CSV, rows, show.Reader(report["language"], for_excel=for_excel))


def described(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tables and figures that have a CSV, each with its columns in the words of the report's language."""
    return [
        {"title": one["title"], "csv": one["csv"], "id": Path(one["csv"]).with_suffix("").as_posix().replace("/", "-")}
        | {"columns": [_column(column, report["language"]) for column in one["columns"]]}
        for one in (*report["tables"], *report["figures"])
        if one["csv"]
    ]


def _column(column: Mapping[str, Any], language: str) -> dict[str, str]:
    key = f"columns.{column['name']}"
    return {
        "column": column["name"],
        "heading": words.say(key, language) if words.has(key) else column["name"],
        "kind": words.say(f"kinds.{column['kind']}", language),
        "meaning": column["says"] or "",
    }
