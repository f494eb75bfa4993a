"""What the bytes of a host hold, without looking into the records: their times, the boots, and what is no record.

From the times follow the windows in which the bytes are read: all records of an event bear one time, so an event
always lies in one window, however far apart its records were written and in whichever segments they came.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from audit_nb import scan
from audit_nb.boots import Boots, Changes
from audit_nb.events import MALFORMED, malformed_table
from audit_nb.spans import Account, Found, Piece, find
from audit_nb.values import distinct

Array = np.ndarray[Any, Any]

DAY_MS = 86_400_000
WINDOW_BYTES = 40 << 20  # two of them at once, and all that is made of them, fit into less than a gigabyte
LEAST_BYTES = 8 << 20  # of a part: many small files would be slow to open
FEW_BYTES = 8192  # of so few bytes any could be late


@dataclass(frozen=True)
class Surveyed:
    """What one segment holds: its account, and how many bytes of records bear each second of its time."""

    number: int
    source: int
    account: Account
    malformed: pa.Table
    seconds: Array
    sizes: Array
    changes: Changes | None = None
    found: Found | None = None  # until the boots were counted

    @property
    def days(self) -> list[int]:
        """The days its records bear, counted from 1970."""
        return np.unique(self.seconds // 86_400).tolist()

    @property
    def times(self) -> tuple[int, ...]:
        """Its first second, that behind the first twentieth of its bytes, that before the last one, its last second."""
        if not len(self.seconds):
            return ()
        total = np.cumsum(self.sizes)
        middle = np.searchsorted(total, [total[-1] * 0.05, total[-1] * 0.95])
        few = total[-1] < FEW_BYTES
        bounds = (0, 0, -1, -1) if few else (0, int(middle[0]), int(middle[1]), -1)
        return tuple(int(self.seconds[place]) for place in bounds)

    def has(self, since: int, until: int) -> bool:
        """Whether it has records with since <= second < until."""
        first, last = np.searchsorted(self.seconds, (since, until))
        return bool(last > first)


def survey(piece: Piece, host: str) -> Surveyed:
    """Look at one segment."""
    found = find([piece])
    sizes = (found.places[:, scan.NEXT] - found.places[:, scan.LINE]).astype(np.float64)
    seconds, number = distinct(found.time_ms // 1000)
    weights = np.bincount(number, sizes, len(seconds)).astype(np.int64)
    order = np.argsort(seconds)
    account = sum(found.accounts, Account())
    malformed = malformed_table(found, host) if found.malformed else MALFORMED.empty_table()
    return Surveyed(piece.segment, piece.source, account, malformed, seconds[order], weights[order], found=found)


def counted(one: Surveyed, boots: Boots) -> Surveyed:
    """The segment with its boots, after following its serials; its bytes are let go."""
    changes = boots.follow(one.found) if one.found is not None else []
    return replace(one, changes=changes[0] if changes else Changes(), found=None)


def in_order_of_arrival(sources: Mapping[int, Sequence[int]]) -> list[int]:
    """Sources, given with their `times`, in the order in which they were written.

    They come in the order in which we met them, but an older log may be imported after a newer one: a source goes in
    front of those that begin where it has ended. A twentieth of its records may be late, as records are; where few are
    known none may.
    """
    placed: list[int] = []
    for source in sorted(sources):
        place = len(placed)
        while place and _before(sources[source], sources[placed[place - 1]]):
            place -= 1
        placed.insert(place, source)
    return placed


def _before(one: Sequence[int], other: Sequence[int]) -> bool:
    return bool(one and other) and one[2] < other[1]


def together(times: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The times of several segments of one source."""
    known = [one for one in times if one]
    if not known:
        return ()
    low, early, late, high = zip(*known, strict=True)
    return min(low), min(early), max(late), max(high)


@dataclass(frozen=True)
class Window:
    """A span of time whose records are read at once, the days it lies in, and the segments that have some of it."""

    since_ms: int
    until_ms: int
    segments: tuple[int, ...]


def part_bytes(total: int, processors: int) -> int:
    """How much is read at once of so many bytes: every processor gets equally many parts of a host that has enough.

    It gets two at least: the second one finds the memory that the first one needed.
    """
    rounds = max(2, -(-total // (processors * WINDOW_BYTES)))
    return min(WINDOW_BYTES, max(LEAST_BYTES, -(-total // max(1, rounds * processors))))


def windows(
    surveyed: Sequence[Surveyed], days: Iterable[int], most: int = WINDOW_BYTES, cuts: Sequence[int] = ()
) -> list[Window]:
    """Windows that cover these days and no other day with records: small days together, a large one in parts.

    With `cuts` the first windows end at these seconds, and all days are covered.
    """
    seconds, sizes = bytes_by_second(surveyed)
    behind = cuts[-1] if cuts else 0
    chosen = sorted(day for day in days if (day + 1) * 86_400 > behind)
    others = np.setdiff1d(seconds // 86_400, chosen)
    made = list(zip([0, *cuts], cuts, strict=False))  # in seconds, half-open
    taken = most
    for day in chosen:
        begin, end = max(day * 86_400, behind), (day + 1) * 86_400
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
    there = [one for one in surveyed if len(one.seconds)]
    first, last = (np.array([one.seconds[place] for one in there], np.int64) for place in (0, -1))
    return [
        Window(
            since * 1000,
            until * 1000,
            tuple(
                there[i].number
                for i in np.flatnonzero((first < until) & (last >= since)).tolist()
                if there[i].has(since, until)
            ),
        )
        for since, until in made
    ]


def bytes_by_second(surveyed: Sequence[Surveyed]) -> tuple[Array, Array]:
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
    """Parts of a day of about equal size, each near `most`; a second is not cut."""
    total = np.cumsum(sizes)
    parts = int(-(-int(total[-1]) // most))
    wanted = total[-1] * np.arange(1, parts) / parts
    cuts = np.unique(seconds[np.searchsorted(total, wanted)]).tolist()
    bounds = [begin, *(cut for cut in cuts if begin < cut < end), end]
    return list(zip(bounds, bounds[1:], strict=False))
