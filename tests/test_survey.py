"""The windows of time in which a host is read, and the order in which its sources were written."""

import numpy as np
import pytest

from audit_nb.spans import Account, Piece
from audit_nb.survey import (
    LEAST_BYTES,
    WINDOW_BYTES,
    Surveyed,
    in_order_of_arrival,
    part_bytes,
    survey,
    together,
    windows,
)

DAY = 86_400


def held(number: int, *seconds: int, size: int = 100) -> Surveyed:
    """A segment with `size` bytes of records in each of these seconds."""
    return Surveyed(number, number, Account(), None, np.array(seconds), np.full(len(seconds), size))


def cut(surveyed: list[Surveyed], days: list[int], most: int) -> list[tuple[float, float, tuple[int, ...]]]:
    return [(w.since_ms / DAY / 1000, w.until_ms / DAY / 1000, w.segments) for w in windows(surveyed, days, most)]


def test_small_days_are_read_together():
    """As many as fit."""
    segments = [held(n, n * DAY) for n in range(5)]
    assert cut(segments, [0, 1, 2, 3, 4], 250) == [(0, 2, (0, 1)), (2, 4, (2, 3)), (4, 5, (4,))]


def test_a_day_between_that_is_not_asked_for_is_not_read():
    """It did not change."""
    segments = [held(n, n * DAY) for n in range(3)]
    assert cut(segments, [0, 2], 1000) == [(0, 1, (0,)), (2, 3, (2,))]
    assert cut(segments[::2], [0, 2], 1000) == [(0, 3, (0, 2))]


def test_a_large_day_is_read_in_parts():
    """Cut between seconds, so that no event is."""
    segments = [held(1, *range(DAY, DAY + 10)), held(2, *range(DAY + 5, DAY + 15))]
    parts = windows(segments, [1], 500)
    found = [(part.since_ms // 1000 - DAY, part.until_ms // 1000 - DAY, part.segments) for part in parts]
    assert found == [(0, 4, (1,)), (4, 7, (1, 2)), (7, 9, (1, 2)), (9, DAY, (1, 2))]


def test_a_survey_tells_days_seconds_and_accounts():
    """Without looking into the records."""
    log = b"type=BPF msg=audit(0.999:1): a=1\ntype=BPF msg=audit(86400.000:2): a=1\ngarbage\n"
    one = survey(Piece(log, 7), "web01")
    assert (one.number, one.days, one.seconds.tolist()) == (7, [0, 1], [0, DAY])
    assert one.sizes.tolist() == [33, 37]
    assert (one.account.record, one.account.malformed, one.account.total) == (70, 8, len(log))
    assert one.malformed["offset"].to_pylist() == [70]


def test_sources_come_as_we_met_them_but_an_older_one_goes_in_front():
    """Logs may be imported in any order; a few late records do not make a log an older one."""
    times = {1: (100, 100, 200, 200), 2: (190, 210, 300, 300), 3: (10, 10, 95, 101), 4: (290, 301, 400, 400), 5: ()}
    assert in_order_of_arrival(times) == [3, 1, 2, 4, 5]


def test_the_times_of_a_source_are_those_of_its_segments_together():
    """None of them may have any."""
    assert together([(1, 2, 3, 4), (), (0, 3, 5, 6)]) == (0, 2, 5, 6)
    assert together([()]) == ()


@pytest.mark.parametrize("total", [40 << 20, 65 << 20, 72 << 20, 1 << 30])
def test_every_processor_gets_equally_many_parts(total: int):
    """None waits for another at the end, and no part is larger than a window."""
    most = part_bytes(total, 2)
    assert most <= WINDOW_BYTES
    assert -(-total // most) % 2 == 0


def test_a_small_log_is_not_cut_smaller_than_a_file_is_worth():
    """Many small files would be slow to open."""
    assert part_bytes(3 << 20, 2) == part_bytes(0, 2) == LEAST_BYTES
