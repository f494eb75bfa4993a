"""The words for moments and periods."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from audit_nb.errors import UsageError
from audit_nb.times import moment, period, so_far, zone

NOW = datetime(2026, 11, 25, 3, 30, 15, tzinfo=UTC)  # a Wednesday; in Seoul it is half past twelve


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("now", NOW),
        ("recent", NOW - timedelta(minutes=10)),
        ("this-hour", datetime(2026, 11, 25, 3, tzinfo=UTC)),
        ("today", datetime(2026, 11, 25, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 24, tzinfo=UTC)),
        ("this-week", datetime(2026, 11, 22, tzinfo=UTC)),
        ("week-ago", datetime(2026, 11, 18, tzinfo=UTC)),
        ("this-month", datetime(2026, 11, 1, tzinfo=UTC)),
        ("this-year", datetime(2026, 1, 1, tzinfo=UTC)),
        ("-30s", NOW - timedelta(seconds=30)),
        ("-90m", NOW - timedelta(minutes=90)),
        ("-2h", NOW - timedelta(hours=2)),
        ("-1d", NOW - timedelta(days=1)),
        ("-1w", NOW - timedelta(weeks=1)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T06:00", datetime(2026, 11, 23, 6, tzinfo=UTC)),
        ("2026-11-23 06:00:07.5", datetime(2026, 11, 23, 6, 0, 7, 500_000, tzinfo=UTC)),
        ("2026-11-23T06:00+09:00", datetime(2026, 11, 22, 21, tzinfo=UTC)),
        ("2026-11-23T06:00Z", datetime(2026, 11, 23, 6, tzinfo=UTC)),
        ("06:00", datetime(2026, 11, 25, 6, tzinfo=UTC)),
        ("6:05", datetime(2026, 11, 25, 6, 5, tzinfo=UTC)),
        ("11/23/2026", datetime(2026, 11, 23, tzinfo=UTC)),
        ("11/23/26 06:00:07", datetime(2026, 11, 23, 6, 0, 7, tzinfo=UTC)),
        ("1/2/26 6:05", datetime(2026, 1, 2, 6, 5, tzinfo=UTC)),
        (date(2026, 11, 23), datetime(2026, 11, 23, tzinfo=UTC)),
        (datetime(2026, 11, 23, 6), datetime(2026, 11, 23, 6, tzinfo=UTC)),
        (datetime(2026, 11, 23, 6, tzinfo=timezone(timedelta(hours=9))), datetime(2026, 11, 22, 21, tzinfo=UTC)),
    ],
)
def test_a_word_is_a_moment_in_utc(word: str, expected: datetime):
    """ISO 8601, an amount back, and the words of ausearch."""
    assert moment(word, now=NOW) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("today", datetime(2026, 11, 24, 15, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 22, 15, tzinfo=UTC)),
        ("2026-11-23T06:00", datetime(2026, 11, 22, 21, tzinfo=UTC)),
        ("-1d", NOW - timedelta(days=1)),
    ],
)
def test_a_day_begins_at_midnight_of_the_zone(word: str, expected: datetime):
    """What has no offset is a time of the zone that was asked for."""
    assert moment(word, "Asia/Seoul", now=NOW) == expected


def test_boot_is_when_this_machine_started():
    """As ausearch takes it: this machine's, whatever host the events are from."""
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert abs((NOW - moment("boot", now=NOW)).total_seconds() - uptime) < 60


def test_a_checkpoint_is_refused_with_a_sentence():
    with pytest.raises(UsageError, match="there is no checkpoint"):
        moment("checkpoint", now=NOW)


def test_a_day_of_23_hours_ends_when_the_next_begins():
    """On the night of the change to summer time, yesterday is an hour shorter."""
    now = datetime(2026, 3, 30, 12, tzinfo=UTC)
    since, until = period("yesterday", "today", "Europe/Berlin", now=now)
    assert until - since == timedelta(hours=23)


def test_an_end_that_is_not_given_is_open():
    """None and the empty text say so."""
    assert period(None, None) == (None, None)
    assert period("", "2026-11-23") == (None, datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    "word", ["", "tomorrowish", "-1", "-1y", "2026-13-01", "13/1/26", "1 day", "-" + "9" * 30 + "d", 7]
)
def test_an_unknown_word_is_told_with_what_is_known(word: object):
    """The sentence names the word and gives examples."""
    with pytest.raises(UsageError, match=r"since: .* is no time; expected"):
        moment(word, now=NOW, name="since")


def test_a_period_that_ends_before_it_begins_is_refused():
    """A report of such a period would be clean, and mean nothing."""
    with pytest.raises(UsageError, match="lies before since"):
        period("2026-11-24", "2026-11-23")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "UTC\0"])
def test_an_unknown_zone_is_told(name: str):
    """The sentence names the zone."""
    with pytest.raises(UsageError, match="there is no time zone"):
        zone(name)


def test_what_is_to_come_is_no_part_of_a_period() -> None:
    """A day that is not over ends now, or with its last event where this machine's clock is behind."""
    day, noon, evening = datetime(2026, 11, 24), datetime(2026, 11, 23, 12), datetime(2026, 11, 23, 19)
    now = noon.replace(tzinfo=UTC)
    assert so_far(day, now=now) == noon
    assert so_far(day, evening, now=now) == evening
    assert so_far(noon, evening, now=now.replace(day=25)) == noon
    assert so_far(None, evening, now=now) is None
