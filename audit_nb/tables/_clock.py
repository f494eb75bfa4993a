"""Local time: an offset for each stretch between two changes of the clock, from the zone's own rules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir


def local(time: ir.TimestampValue, timezone: str, first: datetime | None, last: datetime | None) -> ir.TimestampValue:
    """The time of the wall clock in a zone; `first` and `last` bound the times that occur (UTC)."""
    if first is None or last is None:
        return time
    steps = offsets(timezone, first, last)
    shifted = [(since, time + ibis.interval(seconds=int(offset.total_seconds()))) for since, offset in steps]
    return ibis.cases(*((time >= since, moment) for since, moment in reversed(shifted)), else_=shifted[0][1])


def offsets(timezone: str, first: datetime, last: datetime) -> list[tuple[datetime, timedelta]]:
    """From when on the clock of a zone stands how far from UTC: the offset at `first`, and each change up to `last`.

    zoneinfo tells an offset but not when it changes, so each change is looked for between two hours that differ: none
    of the world's clocks has changed within an hour twice.
    """
    zone = ZoneInfo(timezone)
    found = [(first, _offset(zone, first))]
    day = timedelta(days=1)
    at = first
    while at < last:
        after = min(at + day, last)
        if _offset(zone, after) != _offset(zone, at):
            found.append((_change(zone, at, after), _offset(zone, after)))
        at = after
    return found


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta(0)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset changes between two moments."""
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if _offset(zone, middle) == _offset(zone, before):
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def width(minutes: int) -> int:
    """Minutes as milliseconds, as the width of a stretch of time: at least one."""
    return max(minutes * 60_000, 1)


def milliseconds(moment: datetime) -> int:
    """Since 1970; a time without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
