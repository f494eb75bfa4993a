"""Windows of time that are read while the survey of later segments still goes on.

Where a log came in order, a window is over once a segment begins behind it. Its records were just found, so neither
are its bytes unpacked nor its records looked for a second time. When all is surveyed, what was read counts where no
later segment had a part in its window.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

import numpy as np

from audit_nb.boots import BY_TIME, Changes
from audit_nb.survey import Surveyed, Window, bytes_by_second

DAY = 86_400
UNDER_WAY = 3  # windows or segments at once
_MOST_OUT_OF_ORDER_MS = 3_600_000

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """The windows up to the last cut; `read` is given the number of each, the window and the boots of its segments."""

    def __init__(
        self, read: Callable[[int, Window, Mapping[int, Changes]], Callable[[], Result]], workers: Executor, most: int
    ) -> None:
        self._read, self._workers, self._most = read, workers, most
        self._near: list[Surveyed] = []  # those with records behind the last cut
        self._passed = 0  # seconds: where the latest segment began
        self._made: list[tuple[Window, Future[Result]]] = []
        self._late = 0
        self._stopped = False

    @property
    def cuts(self) -> list[int]:
        """Where the windows end, in seconds; the first one begins with time itself."""
        return [window.until_ms // 1000 for window, _ in self._made]

    def add(self, one: Surveyed) -> list[int]:
        """The next segment in order of arrival, its boots counted; gives the numbers of those that are over."""
        if self._stopped or not len(one.seconds):
            return []
        self._late += bool(self._made) and int(one.seconds[0]) < self.cuts[-1]
        # What copies other sources gets its boots when all are known; where much is late, little would count.
        if _repeats(one) or self._late > 2 + len(self._made) // 4:
            self._stopped = True
            return []
        self._near.append(one)
        self._passed = max(self._passed, int(one.seconds[0]))
        over: list[int] = []
        while (cut := self._next_cut()) is not None:
            self._submit(cut)
            over += [near.number for near in self._near if near.seconds[-1] < cut]
            self._near = [near for near in self._near if near.seconds[-1] >= cut]
        return over

    def _next_cut(self) -> int | None:
        """Where the next window ends: it is full, or at the midnight before when that leaves enough of it."""
        since = self.cuts[-1] if self._made else 0
        seconds, sizes = bytes_by_second(self._near)
        known = slice(*np.searchsorted(seconds, (since, self._passed)))
        seconds, total = seconds[known], np.cumsum(sizes[known])
        full = max(1, int(np.searchsorted(total, self._most, side="right")))
        if full >= len(seconds):
            return None
        cut = int(seconds[full])
        midnight = cut - cut % DAY
        until_midnight = int(np.searchsorted(seconds, midnight))
        return midnight if until_midnight and total[until_midnight - 1] * 4 >= self._most else cut

    def _submit(self, cut: int) -> None:
        if len(self._made) >= UNDER_WAY:
            self._made[-UNDER_WAY][1].result()
        since = self.cuts[-1] if self._made else 0
        mine = {one.number: one.changes or Changes() for one in self._near if one.has(since, cut)}
        window = Window(since * 1000, cut * 1000, tuple(mine))
        self._made.append((window, self._workers.submit(self._read(len(self._made), window, mine))))

    def fits(self, plan: Sequence[Window], surveyed: Sequence[Surveyed]) -> bool:
        """Whether no window of ours, which the first of the plan are, got much more than it had."""
        late = {n for n, (window, _) in enumerate(self._made) if plan[n] != window}
        return all(_size(plan[n], surveyed) <= 2 * self._most for n in late)

    def made(self, plan: Sequence[Window]) -> dict[int, Future[Result]]:
        """What counts of these windows, of which the first ones are ours, by their numbers; the others have ended."""
        counts = {n: one for n, (window, one) in enumerate(self._made) if n < len(plan) and plan[n] == window}
        for n, (_, one) in enumerate(self._made):
            if n not in counts:
                one.result()
        return counts


def _size(window: Window, surveyed: Sequence[Surveyed]) -> int:
    """How many bytes of records bear a time of the window."""
    since, until = window.since_ms // 1000, window.until_ms // 1000
    bounds = [(one, *np.searchsorted(one.seconds, (since, until)).tolist()) for one in surveyed]
    return sum(int(one.sizes[first:last].sum()) for one, first, last in bounds)


def comes_in_order(first_ms: Sequence[int | None]) -> bool:
    """Whether segments that begin at these times were written in this order, as far as that tells."""
    known = np.array([one for one in first_ms if one is not None], np.int64)
    return bool((known >= np.maximum.accumulate(known) - _MOST_OUT_OF_ORDER_MS).all())


def _repeats(one: Surveyed) -> bool:
    changes = one.changes or Changes()
    return BY_TIME in changes.before.values() or any(boot == BY_TIME for _, _, boot in changes.after)
