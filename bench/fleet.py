"""A month of a fleet for the measurements: `python bench/fleet.py FOLDER` writes logs and the store made from them.

    FOLDER/logs/<host>.log     what aureport reads
    FOLDER/data                the same bytes, imported and read as any log is

Five hosts replay the samples (see `replay.py`), the copies evenly over thirty days; five million events in all.
"""

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

import replay

from audit_nb import collect, store

DAYS = 30
BEGIN = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
#: Host, the sample it replays, how often.
FLEET = (
    ("web01", "web01", 37),
    ("web02", "web01", 37),
    ("web03", "web01", 37),
    ("db01", "db02", 50),
    ("db02", "db02", 50),
)


def write_log(host: str, sample: str, copies: int, path: Path) -> None:
    """The log of one host: the sample so many times."""
    template = replay.take_apart(replay.SAMPLES / sample)
    serials = 0
    with path.open("wb") as log:
        for number in range(copies):
            start = BEGIN + DAYS * 86_400 * number // copies
            copy = replay.Copy(template, number, start, serials, seed=sum(host.encode()), unlike=False)
            text = copy.text(itertools.count())
            log.write(text.replace(b"node=%b " % sample.encode(), b"node=%b " % host.encode()))
            serials = template.highest_serial + (serials if template.boots == 1 else 0)


def make(folder: Path) -> None:
    """The logs of the fleet and its store."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for host, sample, copies in FLEET:
        path = logs / f"{host}.log"
        write_log(host, sample, copies, path)
        collect.import_paths([path], host, folder / "data")
    failed = [result for result in store.update(folder / "data") if result.outcome == "failed"]
    if failed:
        raise SystemExit(f"{failed[0].host}: {failed[0].reason}")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
