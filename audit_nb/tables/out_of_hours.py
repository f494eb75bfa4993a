"""Out of hours."""

import ibis.expr.types as ir

from audit_nb.tables._clock import local
from audit_nb.tables._words import has_type, listed, origin, program, view

#: Programs that open sessions on their own.
AUTOMATIC = ("cron", "crond", "CRON", "atd", "anacron", "systemd")
#: ISO weekdays, Monday is 1.
WORKDAYS = (1, 2, 3, 4, 5)


def out_of_hours(
    events: ir.Table,
    *,
    timezone: str = "UTC",
    from_hour: int = 8,
    to_hour: int = 18,
    days: tuple[int, ...] = WORKDAYS,
    collector: bool = False,
) -> ir.Table:
    """Who was active out of hours: sessions opened, commands run and sudo used at night and on days off?

    One row for each: host, time (UTC), local_time (in `timezone`), serial, type, who, account, exe, command, address,
    success. Hours are `from_hour` up to, not including, `to_hour` on `days` (1 is Monday). What cron and its kin
    started is not activity of a person.
    """
    seen = _of_people(view(events, collector=collector))
    person = seen.who.notnull() & (has_type(seen, "EXECVE", "USER_CMD"))
    active = seen.filter(person | has_type(seen, "USER_START", "USER_LOGIN"))
    span = active.agg(first=active.time.min(), last=active.time.max()).to_pyarrow().to_pylist()[0]
    clock = local(active.time, timezone, span["first"], span["last"])
    at_work = (clock.hour() >= from_hour) & (clock.hour() < to_hour) & (clock.day_of_week.index() + 1).isin(days)
    late = active.mutate(local_time=clock, address=origin(active)).filter(~at_work)
    return listed(late, "local_time", "type", "who", "account", "exe", "command", "address", "success")


def _of_people(seen: ir.Table) -> ir.Table:
    """Events outside the sessions that cron and its kin opened."""
    opened = seen.filter(has_type(seen, "USER_START"), program(seen.exe).isin(AUTOMATIC), seen.ses.notnull())
    theirs = opened.select(at_host="host", at_boot="boot", at_ses="ses").distinct()
    own = (seen.host == theirs.at_host) & (seen.boot == theirs.at_boot) & (seen.ses == theirs.at_ses)
    rest = seen.anti_join(theirs, own)
    return rest.filter(~program(rest.exe).isin(AUTOMATIC).fill_null(False))
