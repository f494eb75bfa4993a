"""Record what the installed ausearch says of the samples: one row for each event it makes, with the columns we compare.

python tests/data/events/record.py        writes <host>.ausearch-csv-<version>.csv.xz beside this file
"""

import csv
import io
import lzma
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "samples"
COLUMNS = ("NODE", "EVENT", "DATE", "TIME", "SERIAL_NUM", "SESSION", "RESULT")


def log_of(host: str) -> bytes:
    """The log of a sample, oldest file first."""
    files = sorted((SAMPLES / host / "audit").glob("audit.log*.xz"), reverse=True)
    return b"".join(lzma.open(file).read() for file in files)


def rows_of(log: bytes, ausearch: str = "ausearch") -> str:
    """The chosen columns of `ausearch --format csv`, without its header."""
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    said = subprocess.run([ausearch, "--format", "csv"], input=log, capture_output=True, env=environment, check=True)
    rows = csv.reader(io.StringIO(said.stdout.decode("utf-8", "replace")))
    header = next(rows)
    places = [header.index(name) for name in COLUMNS]
    return "".join(",".join(row[place] for place in places) + "\n" for row in rows)


def version_of(ausearch: str = "ausearch") -> str:
    return subprocess.run([ausearch, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


if __name__ == "__main__":
    for host in ("web01", "db02"):
        with lzma.open(HERE / f"{host}.ausearch-csv-{version_of()}.csv.xz", "wt", preset=9) as file:
            file.write(rows_of(log_of(host)))
