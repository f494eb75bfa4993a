"""How results leave a notebook: files in the folder of a run, private and whole."""

import codecs
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from audit_nb.files import append_line, private_directory, write_private
from audit_nb.show.cells import Reader, arrow, csv_text

if TYPE_CHECKING:
    import pyarrow as pa

    from audit_nb.show.picture import Picture


def slug(name: str) -> str:
    """A name that may become the name of a file; raises ValueError for any other."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", name):
        raise ValueError(f"{name!r} is no name here: a-z, 0-9, _ and -, a letter or figure first, at most 61")
    return name


def write_table(out: Path | None, stem: str, rows: "pa.Table", reader: Reader) -> str | None:
    """The table as CSV and as Parquet; the path of the CSV in the run's folder."""
    if out is None:
        return None
    import pyarrow.parquet as pq

    folder = private_directory(out / "tables")
    write_csv(folder / f"{stem}.csv", rows, reader)
    packed = io.BytesIO()
    pq.write_table(rows, packed, compression="zstd")
    write_private(folder / f"{stem}.parquet", packed.getvalue())
    return f"tables/{stem}.csv"


def write_figure(out: Path | None, stem: str, drawn: "Picture", reader: Reader) -> tuple[str | None, str | None]:
    """The figure as PNG and what it was drawn from as CSV; both paths in the run's folder."""
    if out is None:
        return None, None
    folder = private_directory(out / "figures")
    write_private(folder / f"{stem}.png", drawn.png())
    if drawn.data is None:
        return f"figures/{stem}.png", None
    write_csv(folder / f"{stem}.csv", arrow(drawn.data), reader)
    return f"figures/{stem}.png", f"figures/{stem}.csv"


def append_result(out: Path | None, result: Mapping[str, object]) -> None:
    """One line of the notebook's results."""
    if out is None:
        return
    line = json.dumps(result, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    append_line(private_directory(out / "results") / f"{result['notebook']}.jsonl", line)


def write_csv(path: Path, rows: "pa.Table", reader: Reader) -> None:
    """A table as a CSV file of its own."""
    text = csv_text(rows, reader.timezone).encode("utf-8", "backslashreplace")
    write_private(path, (codecs.BOM_UTF8 if reader.for_excel else b"") + text)
