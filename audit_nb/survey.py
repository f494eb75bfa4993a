"""What the bytes of a host hold, without looking into the records: their times, the boots, and what is no record.

From the times follow the windows in which the bytes are read: all records of an event bear one time, so an event
always lies in one window, however far apart its records were written and in whichever segments they came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from audit_nb import scan
from audit_nb.boots import Boots, Changes
from audit_nb.events import malformed_table
from audit_nb.spans import Account, Found, Piece, find

Array = np.ndarray[Any, Any]

DAY_MS = 86_400_000
WINDOW_BYTES = 64 << 20


@dataclass(frozen=True)
class Surveyed:
    """What one segment holds: its account, and how many bytes of records bear each second of its time."""

    number: int
    source: int
    account: Account
    malformed: pa.Table
    seconds: Array
    sizes: Array
    first_ms: int | None  # the time of the record that stands first
    changes: Changes | None = None
    found: Found | None = None  # until the boots were counted

    @property
    def days(self) -> list[int]:
        """The days its records bear, counted from 1970."""
        return np.unique(self.seconds // 86_400).tolist()


def survey(piece: Piece, host: str) -> Surveyed:
    """Look at one segment."""
    found = find([piece])
    sizes = (found.places[:, scan.NEXT] - found.places[:, scan.LINE]).astype(np.float64)
    seconds, inverse = np.unique(found.time_ms // 1000, return_inverse=True)
    weights = np.bincount(inverse, sizes, len(seconds)).astype(np.int64)
    first_ms = int(found.time_ms[0]) if len(found.time_ms) else None
    account = sum(found.accounts, Account())
    malformed = malformed_table(found, host)
    return Surveyed(piece.segment, piece.source, account, malformed, seconds, weights, first_ms, found=found)


def counted(one: Surveyed, boots: Boots) -> Surveyed:
    """The segment with its boots, after following its serials; its bytes are let go."""
    changes = boots.follow(one.found) if one.found is not None else []
    return replace(one, changes=changes[0] if changes else Changes(), found=None)


@dataclass(frozen=True)
class Window:
    """A span of time whose records are read at once, the days it lies in, and the segments that have some of it."""

    since_ms: int
    until_ms: int
    segments: tuple[int, ...]


def windows(surveyed: Sequence[Surveyed], days: Iterable[int], most: int = WINDOW_BYTES) -> list[Window]:
    """Windows that cover these days and no other day with records: small days together, a large one in parts."""
    seconds, sizes = _together(surveyed)
    chosen = sorted(days)
    others = np.setdiff1d(seconds // 86_400, chosen)
    made: list[tuple[int, int]] = []  # in seconds, half-open
    taken = 0
    for day in chosen:
        begin, end = day * 86_400, (day + 1) * 86_400
        mine = slice(*np.searchsorted(seconds, (begin, end)))
        size = int(sizes[mine].sum())
        if size > most:
            made += _cut_day(begin, end, seconds[mine], sizes[mine], most)
            taken = most
        elif made and taken + size <= most and not _between(others, made[-1][1] // 86_400, day):
            made[-1] = (made[-1][0], end)
            taken += size
        else:
            made.append((begin, end))
            taken = size
    return [
        Window(since * 1000, until * 1000, tuple(one.number for one in surveyed if _has(one, since, until)))
        for since, until in made
    ]


def _together(surveyed: Sequence[Surveyed]) -> tuple[Array, Array]:
    """How many bytes bear each second, over all segments."""
    if not surveyed:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    every = np.concatenate([one.seconds for one in surveyed])
    seconds, inverse = np.unique(every, return_inverse=True)
    sizes = np.bincount(inverse, np.concatenate([one.sizes for one in surveyed]), len(seconds))
    return seconds, sizes.astype(np.int64)


def _between(days: Array, first: int, last: int) -> bool:
    """Whether one of the sorted days lies in first <= day < last."""
    return bool(np.diff(np.searchsorted(days, (first, last)))[0])


def _cut_day(begin: int, end: int, seconds: Array, sizes: Array, most: int) -> list[tuple[int, int]]:
    """Parts of a day of about equal size, none larger than `most` unless a second is."""
    total = np.cumsum(sizes)
    parts = int(-(-int(total[-1]) // most))
    wanted = total[-1] * np.arange(1, parts) / parts
    cuts = np.unique(seconds[np.searchsorted(total, wanted)]).tolist()
    bounds = [begin, *(cut for cut in cuts if begin < cut < end), end]
    return list(zip(bounds, bounds[1:], strict=False))


def _has(one: Surveyed, since: int, until: int) -> bool:
    first, last = np.searchsorted(one.seconds, (since, until))
    return bool(last > first)
