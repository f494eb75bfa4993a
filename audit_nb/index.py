"""What the store of a host consists of and what it was made from.

    index.json            for readers: the files of each day and what was counted in them; small
    segments-<n>.json     for the next update: what each segment of the archive held; named by index.json

Both are replaced, never changed, so that a reader sees the store before an update or after it.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from audit_nb import events, files
from audit_nb.boots import Boots, Changes


@dataclass
class Day:
    """One UTC day: its files, what was counted in them, and its serials.

    The serials, by node and boot: [lowest, highest, how many].
    `users` and `groups` are the ids whose names were looked for in the host's id map.
    """

    files: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    first_ms: int | None = None
    last_ms: int | None = None
    serials: list[list[Any]] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)


@dataclass
class Held:
    """One segment of the archive as it was read: see `survey.Surveyed`."""

    number: int
    source: int
    times: list[int]
    days: list[int]
    account: dict[str, int]
    before: dict[str, int] = field(default_factory=dict)
    after: list[list[Any]] = field(default_factory=list)

    @property
    def changes(self) -> Changes:
        return Changes(self.before, [(at, node, boot) for at, node, boot in self.after])


@dataclass
class Index:
    """The store of one host; `generation` counts its updates."""

    host: str
    generation: int = 0
    days: dict[str, Day] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)  # bytes by kind, malformed lines, segments
    malformed: str | None = None
    dropped: list[str] = field(default_factory=list)  # files of the generation before, removed by the next one
    segments: dict[int, Held] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # the segments in order of arrival
    boots: Boots = field(default_factory=Boots)
    users: dict[int, str] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def files(self) -> set[str]:
        """The Parquet files that are the store, by their names below its folder."""
        names = {f"{day}/{file}" for day, one in self.days.items() for file in one.files}
        return names | ({self.malformed} if self.malformed else set())

    @property
    def counts(self) -> Counter[str]:
        """What was counted, over all days."""
        return sum((Counter(day.counts) for day in self.days.values()), Counter())

    @property
    def lost_serials(self) -> int:
        """How many serials are missing between the lowest and the highest one of each boot."""
        boots: dict[tuple[str, int], list[int]] = {}
        for day in self.days.values():
            for node, boot, low, high, count in day.serials:
                one = boots.setdefault((node, boot), [low, high, 0])
                one[:] = min(one[0], low), max(one[1], high), one[2] + count
        return sum(max(0, high - low + 1 - count) for low, high, count in boots.values())

    @property
    def first_ms(self) -> int | None:
        return min((day.first_ms for day in self.days.values() if day.first_ms is not None), default=None)

    @property
    def last_ms(self) -> int | None:
        return max((day.last_ms for day in self.days.values() if day.last_ms is not None), default=None)

    def overlapping(self, since: datetime | None, until: datetime | None) -> list[str]:
        """The days, as text, that have a part in since <= time < until."""
        return [day for day in sorted(self.days) if _overlaps(day, since, until)]


def day_name(day: int) -> str:
    """The name of a day counted from 1970: `2026-11-23`."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _overlaps(day: str, since: datetime | None, until: datetime | None) -> bool:
    begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return (since is None or since < begin + timedelta(days=1)) and (until is None or begin < until)


# ---------------------------------------------------------------------------------------------------------- on the disk


def folder_of(data_dir: Path, host: str) -> Path:
    """The folder of a host's store."""
    return data_dir / "store" / host


def load(folder: Path, *, whole: bool = False) -> Index | None:
    """The index in this folder, or None where there is none that this version wrote; with `whole` its segments too."""
    index = _load_days(folder)
    if index is None or not whole:
        return index
    try:
        rest = json.loads((folder / f"segments-{index.generation:06d}.json").read_bytes())
        index.segments = {row["number"]: Held(**row) for row in rest["segments"]}
        index.order = rest["order"]
        index.boots = Boots(rest["state"], rest["began"])
        index.users = {int(i): name for i, name in rest["users"].items()}
        index.groups = {int(i): name for i, name in rest["groups"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index


def _load_days(folder: Path) -> Index | None:
    try:
        row = json.loads((folder / "index.json").read_bytes())
        if row.pop("parser") != events.PARSER_VERSION:
            return None
        return Index(**{**row, "days": {name: Day(**day) for name, day in row["days"].items()}})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(folder: Path, index: Index) -> None:
    """Write the index: the segments first, so that an index never names what is not there."""
    rest = {
        "segments": [asdict(held) for held in index.segments.values()],
        "order": index.order,
        "state": index.boots.state,
        "began": index.boots.began,
        "users": index.users,
        "groups": index.groups,
    }
    files.write_private(folder / f"segments-{index.generation:06d}.json", json.dumps(rest).encode())
    row = {
        "parser": events.PARSER_VERSION,
        "host": index.host,
        "generation": index.generation,
        "days": {name: asdict(day) for name, day in sorted(index.days.items())},
        "totals": index.totals,
        "malformed": index.malformed,
        "dropped": index.dropped,
        "trouble": index.trouble,
    }
    files.write_private(folder / "index.json", json.dumps(row, indent=1).encode())
