"""The words for moments and periods, resolved to UTC: ISO 8601, `-1d`, `yesterday`, `today`, and those of ausearch.

    period("yesterday", "today", "Asia/Seoul")      the whole of yesterday, as a clock in Seoul counts days
    period("-1d")                                    from 24 hours ago on

A day begins at midnight of the zone that was asked for. Periods are half-open: `since` belongs to them, `until` does
not.
"""

import re
import time as clocks
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit_nb.errors import UsageError

WORDS = "now, recent, this-hour, boot, today, yesterday, this-week, week-ago, this-month, this-year"
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_BACK = re.compile(r"-(\d{1,6})\s*(s|min|m|h|d|w)")
_LONG = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|w)")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?: +(\d{1,2}:\d{2}(?::\d{2})?))?")  # as LC_ALL=C has dates
_SINCE_BOOT = getattr(clocks, "CLOCK_BOOTTIME", clocks.CLOCK_MONOTONIC)  # the first also counts sleep; Linux has it

Moment = datetime | date | str


def zone(name: str) -> tzinfo:
    """The time zone of this name (`UTC`, `Asia/Seoul`). Raises UsageError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise UsageError(
            f"there is no time zone {name!r}; expected a name like UTC, Asia/Seoul or Europe/Berlin"
        ) from None


def period(
    since: Moment | None, until: Moment | None = None, timezone: str = "UTC", *, now: datetime | None = None
) -> tuple[datetime | None, datetime | None]:
    """Both ends of a period in UTC; an end that is None is open.

    Raises UsageError for a word that is unknown and for a period that ends before it begins.
    """
    now = now or datetime.now(UTC)
    first = None if since is None or since == "" else moment(since, timezone, now=now, name="since")
    end = None if until is None or until == "" else moment(until, timezone, now=now, name="until")
    if first is not None and end is not None and end < first:
        raise UsageError(f"until ({end:%Y-%m-%d %H:%M:%S} UTC) lies before since ({first:%Y-%m-%d %H:%M:%S} UTC)")
    return first, end


@dataclass(frozen=True)
class Window:
    """What is looked at closely, in UTC without a zone, as the questions of `tables` take it; None is open.

    `at` is the moment it lies around, where one was given. `background` begins a day earlier: what was begun before
    is looked for there.
    """

    since: datetime | None
    until: datetime | None
    at: datetime | None = None

    @property
    def background(self) -> datetime | None:
        return self.days_before(1)

    def days_before(self, days: int) -> datetime | None:
        """The moment so many days before it begins; None where it has no beginning."""
        return None if self.since is None else self.since - timedelta(days=days)


def window(
    at: Moment | None,
    around: str = "30m",
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    timezone: str = "UTC",
    now: datetime | None = None,
) -> Window:
    """The time from `around` before a moment to as long after it (`30m`, `2h`, `1d`); without one the whole period.

    Raises UsageError for words that are unknown.
    """
    if at is None or at == "":
        return Window(*(end and end.replace(tzinfo=None) for end in period(since, until, timezone, now=now)))
    middle = moment(at, timezone, now=now, name="at").replace(tzinfo=None)
    reach = length(around)
    try:
        return Window(middle - reach, middle + reach, middle)
    except OverflowError:
        raise UsageError(f"around: {around!r} of {at!r} lies outside the times that can be told") from None


def so_far(until: datetime | None, last: datetime | None = None, *, now: datetime | None = None) -> datetime | None:
    """The end of a period (UTC, without a zone), or the present where it has not come: what is to come is not silent.

    `last`, the time of an event, has come whatever the clock of this machine says.
    """
    if until is None:
        return None
    present = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    return min(until, max(present, last or present))


def length(word: str) -> timedelta:
    """A length of time: `90s`, `30m`, `2h`, `1d`, `1w`. Raises UsageError for another text."""
    found = _LONG.fullmatch(word.strip()) if isinstance(word, str) else None
    if found is None:
        raise UsageError(f"around: {word!r} is no length of time; expected text like 90s, 30m, 2h, 1d or 1w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(word: Moment, timezone: str = "UTC", *, now: datetime | None = None, name: str = "time") -> datetime:
    """One moment in UTC. A datetime or text without an offset is a time of the zone; a date is its midnight."""
    place = zone(timezone)
    now = (now or datetime.now(UTC)).astimezone(place)
    if isinstance(word, datetime):
        return _in_utc(word, place)
    if isinstance(word, date):
        return _midnight(word, place)
    if not isinstance(word, str):
        raise UsageError(f"{name}: {word!r} is no time; expected text like 2026-11-23, -1d or yesterday")
    text = word.strip()
    found = _of_word(text, now, place) or _of_american(text, place) or _of_iso(text, now, place)
    if found is None and word.strip() == "checkpoint":
        raise UsageError(
            f"{name}: there is no checkpoint; each host's log is fetched from where it was left, and what was asked "
            "before is not kept: give the time itself"
        )
    if found is None:
        raise UsageError(
            f"{name}: {word!r} is no time; expected ISO 8601 (2026-11-23, 2026-11-23T06:00+09:00), 11/23/2026 or "
            f"'11/23/26 06:00:00' (the month first), -90m, -2h, -1d, -1w, or one of {WORDS}"
        )
    return found


def _of_word(word: str, now: datetime, place: tzinfo) -> datetime | None:
    today = now.date()
    days = {  # ausearch's week begins on Sunday
        "today": today,
        "yesterday": today - timedelta(days=1),
        "this-week": today - timedelta(days=(today.weekday() + 1) % 7),
        "week-ago": today - timedelta(days=7),
        "this-month": today.replace(day=1),
        "this-year": today.replace(month=1, day=1),
    }
    if word in days:
        return _midnight(days[word], place)
    back = _BACK.fullmatch(word)
    if back:
        try:
            return now.astimezone(UTC) - timedelta(**{_UNITS[back[2]]: int(back[1])})
        except OverflowError:
            return None
    if word == "now":
        return now.astimezone(UTC)
    if word == "recent":
        return now.astimezone(UTC) - timedelta(minutes=10)
    if word == "boot":  # of this machine, as ausearch takes it
        return now.astimezone(UTC) - timedelta(seconds=clocks.clock_gettime(_SINCE_BOOT))
    if word == "this-hour":
        return now.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    return None


def _of_american(word: str, place: tzinfo) -> datetime | None:
    """A date with the month first, and perhaps a time of day: 11/23/26 06:00:00."""
    found = _AMERICAN.fullmatch(word)
    if found is None:
        return None
    year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
    try:
        clock = time.fromisoformat((found[4] or "00:00").zfill(5 if (found[4] or "").count(":") < 2 else 8))
        return _in_utc(datetime.combine(date(year, int(found[1]), int(found[2])), clock), place)
    except ValueError:
        return None


def _of_iso(word: str, now: datetime, place: tzinfo) -> datetime | None:
    try:
        if _CLOCK.fullmatch(word):
            return _in_utc(datetime.combine(now.date(), time.fromisoformat(word.zfill(5))), place)
        if len(word) <= 10:
            return _midnight(date.fromisoformat(word), place)
        return _in_utc(datetime.fromisoformat(word), place)
    except (ValueError, OverflowError):
        return None


def _midnight(day: date, place: tzinfo) -> datetime:
    return _in_utc(datetime.combine(day, time()), place)


def _in_utc(moment: datetime, place: tzinfo) -> datetime:
    """The moment in UTC; without an offset it is a time of the zone."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=place)).astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{moment} lies outside the times that can be told") from None
