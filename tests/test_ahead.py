"""Windows that are read while the survey goes on: when they end, and which of them count."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from audit_nb.ahead import Ahead, comes_in_order
from audit_nb.boots import BY_TIME, Changes
from audit_nb.spans import Account
from audit_nb.survey import DAY_MS, Surveyed, windows

DAY = DAY_MS // 1000


@pytest.fixture
def workers():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def held(number: int, *seconds: int, size: int = 100, before: int = 0) -> Surveyed:
    """A segment with `size` bytes of records in each of these seconds."""
    changes = Changes({"": before})
    return Surveyed(number, 1, Account(), None, np.array(seconds), np.full(len(seconds), size), changes)


def span(number: int, since: int, until: int) -> Surveyed:
    return held(number, *range(since, until))


def read(number: int, window, changes) -> Callable[[], tuple]:
    return lambda: (number, window.since_ms // 1000, window.until_ms // 1000, window.segments)


def walked(workers, segments: list[Surveyed], most: int = 500) -> tuple[Ahead, list[list[int]]]:
    """What was read ahead of these segments, and which of them were over after each."""
    ahead = Ahead(read, workers, most)
    return ahead, [ahead.add(one) for one in segments]


def plan(ahead: Ahead, segments: list[Surveyed], most: int = 500) -> list:
    return windows(segments, {day for one in segments for day in one.days}, most, ahead.cuts)


def test_a_window_ends_where_it_is_full_once_a_segment_begins_behind_it(workers):
    """Its segments are over when they have no record behind it."""
    segments = [span(1, 0, 4), span(2, 4, 8), span(3, 8, 12), span(4, 12, 16)]
    ahead, over = walked(workers, segments)
    assert ahead.cuts == [5, 10]
    assert over == [[], [], [1], [2]]
    made = {n: one.result() for n, one in ahead.made(plan(ahead, segments)).items()}
    assert made == {0: (0, 0, 5, (1, 2)), 1: (1, 5, 10, (2, 3))}


def test_the_other_windows_cover_what_is_left_of_the_day_and_the_days_behind_it(workers):
    """No second is read twice, none is left out."""
    segments = [span(1, 10, 14), span(2, 14, 18), held(3, 18, DAY + 1)]
    ahead, _ = walked(workers, segments)
    found = [(one.since_ms // 1000, one.until_ms // 1000, one.segments) for one in plan(ahead, segments)]
    assert found == [(0, 15, (1, 2)), (15, 2 * DAY, (2, 3))]


def test_a_window_that_a_later_segment_has_a_part_in_does_not_count(workers):
    """It is read again with it; the others count."""
    segments = [span(1, 0, 4), span(2, 4, 8), span(3, 8, 12), span(4, 12, 14), held(5, 2, 14)]
    ahead, _ = walked(workers, segments)
    assert ahead.cuts == [5, 10]
    assert list(ahead.made(plan(ahead, segments))) == [1]
    assert plan(ahead, segments)[0].segments == (1, 2, 5)
    assert ahead.fits(plan(ahead, segments), segments)


def test_a_window_that_would_become_much_larger_ends_it_all(workers):
    """As when the clock was set back for good: all would be read at once."""
    segments = [span(1, 100, 104), span(2, 104, 108), span(3, 108, 112), span(4, 0, 20)]
    ahead, _ = walked(workers, segments)
    assert not ahead.fits(plan(ahead, segments), segments)


def test_windows_end_at_midnight_where_that_leaves_enough(workers):
    """A quarter of a window; else a day would get a file of its own for nearly nothing."""
    early = [span(1, DAY - 3, DAY + 3), span(2, DAY + 3, DAY + 9)]
    late = [span(1, DAY - 1, DAY + 3), span(2, DAY + 3, DAY + 9), held(3, DAY + 9)]
    assert walked(workers, early)[0].cuts == [DAY]
    assert walked(workers, late)[0].cuts == [DAY + 4]


def test_one_second_that_is_larger_than_a_window_is_read_at_once(workers):
    """It cannot be cut any further."""
    segments = [held(1, 5, size=9000), held(2, 5, 6, 7), held(3, 7, 8)]
    ahead, _ = walked(workers, segments)
    assert ahead.cuts == [6]


def test_copies_of_other_sources_are_not_read_ahead(workers):
    """Their boots are those of all sources, which are known at the end."""
    segments = [span(1, 0, 8), held(2, *range(8, 20), before=BY_TIME), span(3, 20, 40)]
    assert walked(workers, segments)[0].cuts == []


def test_where_much_is_late_nothing_more_is_read_ahead(workers):
    """It would hardly count."""
    segments = [span(1, 0, 8), span(2, 8, 16), *(held(n, 1, n * 8) for n in range(3, 6)), span(6, 80, 200)]
    assert walked(workers, [*segments, held(7, 200)])[0].cuts == [5]
    assert len(walked(workers, [*segments[:4], *segments[5:], held(7, 200)])[0].cuts) > 20


def test_segments_come_in_order_where_none_begins_long_before_another_one():
    """An hour before: records are written when a call ends, which can take long. Some have no time at all."""
    assert comes_in_order([None, 10_000_000, 9_000_000, None, 12_000_000])
    assert not comes_in_order([10_000_000, 12_000_000, 8_000_000])
    assert comes_in_order([])
