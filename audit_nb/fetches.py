"""What became of each attempt at a host: the rows of `data/fetches.jsonl`. The newest row of a host is its state."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_nb import files

TROUBLE = ("refused", "damaged")  # outcomes of a file that make the whole attempt a partial one


@dataclass(frozen=True)
class FetchResult:
    """What became of one attempt at a host.

    `outcome` is `done`, `partial` or `failed`, and `reason` says why in one sentence. `files` has a row for each file
    that was looked at: path, outcome (`new`, `held`, `empty`, `left`, `refused`, `damaged`), new_bytes, note. `gaps`
    are times of which the host has nothing any more: {since, until}. `session` says how we came in (account, key,
    address, port, host_key), so that the events we made ourselves can be told from others.
    """

    host: str
    outcome: str
    reason: str | None
    started_at: datetime
    ended_at: datetime
    new_bytes: int = 0
    wire_bytes: int = 0
    new_segments: int = 0
    files: tuple[dict[str, Any], ...] = ()
    gaps: tuple[dict[str, str], ...] = ()
    session: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """This result as JSON types."""
        return {**asdict(self), "started_at": self.started_at.isoformat(), "ended_at": self.ended_at.isoformat()}

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> "FetchResult":
        moments = {name: datetime.fromisoformat(row[name]) for name in ("started_at", "ended_at")}
        return cls(**{**row, **moments, "files": tuple(row["files"]), "gaps": tuple(row["gaps"])})


def record(data_dir: Path, result: FetchResult) -> None:
    """Add one row to `data/fetches.jsonl`."""
    files.private_directory(data_dir)
    files.append_line(data_dir / "fetches.jsonl", json.dumps(result.row(), sort_keys=True).encode())


def read(data_dir: Path | str) -> list[FetchResult]:
    """Every recorded attempt, oldest first; a line that a crash cut is left out."""
    try:
        lines = (Path(data_dir) / "fetches.jsonl").read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(FetchResult.of_row(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return found
