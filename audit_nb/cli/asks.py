"""The verbs that ask: tables, table, search."""

import difflib
import inspect
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import click

from audit_nb.cli.group import HOSTS, main, say
from audit_nb.cli.rendering import FORM, rendered
from audit_nb.errors import UsageError
from audit_nb.stair import DEMO, Places
from audit_nb.terminal import render_table
from audit_nb.words import visible


@main.command()
def tables() -> None:
    """The questions that can be asked, one a line.

    Example: audit-nb tables
    """
    from audit_nb import tables as asked

    rows = [[question.name, question.sentence] for question in asked.questions().values()]
    click.echo(render_table(["table", "question"], rows, right=[False, False], cell_width=120))


@main.command()
@click.argument("name")
@HOSTS
@click.option("-ts", "--start", "--since", "since", help="From this moment: ISO 8601, -1d, yesterday, this-week …")
@click.option("-te", "--end", "--until", "until", help="Up to this moment, which is left out.")
@click.option("--timezone", default="UTC", show_default=True, help="In which --since and --until are read.")
@FORM
@click.option("--as-aureport", is_flag=True, help="Count as aureport does, quirks included.")
@click.option("--summary", is_flag=True, help="Count instead of list, where the question has both.")
@click.option("--success/--failed", default=None, help="Only what succeeded, or only what failed.")
@click.option("--collector", is_flag=True, help="Also the events that our own collecting made.")
@click.pass_obj
def table(places: Places, name: str, form: str, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Answer one question (`audit-nb tables` lists them).

    Example: audit-nb table failed_logins --host web01 --since yesterday --format csv
    """
    from audit_nb import tables, times

    period = {word: asked.pop(word) for word in ("since", "until", "timezone")}
    times.zone(period["timezone"])
    hosts = known_hosts(places, asked.pop("hosts"))
    question = named_question(tables.questions(), name)
    options = {option: value for option, value in asked.items() if value or (option == "success" and value is False)}
    refuse_unknown_options(question, options)
    click.echo(rendered(answer(question, places, hosts, period, options), form), nl=False)


# The names that ausearch gives its filters, beside ours; its -hn is an address, because --host is a machine of ours.
AUSEARCH = {
    "event": ("-a", "--event"),
    "types": ("-m", "--message", "--type"),
    "host": ("--host",),
    "node": ("-n", "--node"),
    "key": ("-k", "--key"),
    "comm": ("-c", "--comm"),
    "exe": ("-x", "--executable", "--exe"),
    "file": ("-f", "--file"),
    "address": ("-hn", "--address"),
    "terminal": ("-tm", "--terminal"),
    "vm": ("-vm", "--vm-name"),
    "uuid": ("-uu", "--uuid"),
    "pid": ("-p", "--pid"),
    "ppid": ("-pp", "--ppid"),
    "auid": ("-ul", "--loginuid", "--auid"),
    "uid": ("-ui", "--uid"),
    "euid": ("-ue", "--uid-effective", "--euid"),
    "any_uid": ("-ua", "--uid-all"),
    "gid": ("-gi", "--gid"),
    "egid": ("-ge", "--gid-effective", "--egid"),
    "any_gid": ("-ga", "--gid-all"),
    "syscall": ("-sc", "--syscall"),
    "exit": ("-e", "--exit"),
    "subject": ("-su", "--subject"),
    "object": ("-o", "--object"),
    "context": ("-se", "--context"),
}


class Search(click.Command):
    """A verb whose options are the filters of a search; they are looked up when the verb is used."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The verb's own options and one for each filter."""
        return [*filter_options(), *super().get_params(ctx)]


@cache
def filter_options() -> tuple[click.Option, ...]:
    """An option for each filter, repeatable where it takes texts or numbers."""
    from audit_nb.tables.search import FILTERS

    return tuple(
        click.Option(
            [name, *AUSEARCH.get(name, (f"--{name.replace('_', '-')}",))],
            type=int if found.takes == "number" else str,
            multiple=found.takes in ("text", "number") or name in ("types", "node"),
            help=f"{found.sentence[0].upper()}{found.sentence[1:]}.",
        )
        for name, found in FILTERS.items()
    )


@main.command(cls=Search)
@click.option("-ts", "--start", "--since", "since", metavar="WHEN", help="From this moment: ISO 8601, -1d, yesterday …")
@click.option("-te", "--end", "--until", "until", metavar="WHEN", help="Up to this moment, which is left out.")
@click.option("--timezone", default="UTC", show_default=True, help="In which --since and --until are read.")
@click.option("-sv", "--success", type=click.Choice(["yes", "no"]), help="Only what succeeded, or only what failed.")
@click.option("-w", "--word", "match", flag_value="exact", help="Texts match as a whole.")
@click.option("--regex", "match", flag_value="regex", help="Texts are regular expressions.")
@FORM
@click.pass_obj
def search(places: Places, form: str, success: str | None, match: str | None, **filters: Any) -> int:  # noqa: ANN401
    """Find events by everything that ausearch can look for; filters are joined by "and", several values of one by "or".

    Example: audit-nb search -m USER_LOGIN -sv no --since yesterday
    """
    from duckdb import InvalidInputException

    from audit_nb import show, store, tables, times

    period = {word: filters.pop(word) for word in ("since", "until", "timezone")}
    times.zone(period["timezone"])
    known_hosts(places, ())
    events = store.open_events(places.data, None, **period)
    asked = {name: value for name, value in filters.items() if value not in (None, ())}
    outcome = None if success is None else success == "yes"
    try:
        found = show.arrow(tables.search(events, success=outcome, match=match or "substring", **asked))
    except InvalidInputException as fault:  # of a regular expression, which DuckDB reads
        raise UsageError(f"this cannot be searched for: {str(fault).split(': ', 1)[-1]}") from None
    click.echo(rendered(found, form), nl=False)
    return 0 if found.num_rows else 1


@main.command()
@click.argument("name", metavar="ID")
@HOSTS
@FORM
@click.pass_obj
def event(places: Places, name: str, hosts: tuple[str, ...], form: str) -> None:
    """Show one event in full, unmasked: its raw lines beside what each field means. ID is [HOST:]SECONDS.MS:SERIAL.

    Example: audit-nb event web01:1795399563.520:6359
    """
    from audit_nb import store

    found = store.event(places.data, name, list(hosts) or None)
    if form == "table":
        click.echo("\n".join(visible(line) for line in str(found).split("\n")))
    else:
        click.echo(rendered(found.table(), form), nl=False)


def known_hosts(places: Places, hosts: tuple[str, ...]) -> list[str] | None:
    """The hosts that were named, None for all; UsageError for one of which there is nothing.

    Where nothing was ever collected a sentence says so: an empty table looks like good news.
    """
    from audit_nb import store

    there = store.open_hosts(places.data, None).host.to_pyarrow().to_pylist()
    for host in hosts:
        if there and host not in there:
            near = difflib.get_close_matches(host, there, n=3) or there[:12]
            raise UsageError(f"nothing was ever collected from a host {host!r}; there are {', '.join(near)}")
    if not there:
        demo = places.data / DEMO
        beside = f"; the demo's are asked with audit-nb --data-dir {demo} …" if demo.is_dir() else ""
        say(f"{places.data} holds no logs yet, so this is no answer: audit-nb fetch, or audit-nb import{beside}")
    return list(hosts) or None


def answer(
    question: Any,  # noqa: ANN401
    places: Places,
    hosts: list[str] | None,
    period: dict[str, Any],
    options: dict[str, Any],
) -> Any:  # noqa: ANN401 - Ibis tables, imported late
    """The answer to a question: every one is asked of the events, coverage of the hosts as well."""
    from audit_nb import store

    known = inspect.signature(question.function).parameters
    if "since" in known:
        period, told = with_what_was_before(question, **period)
        options = options | told
    events = store.open_events(places.data, hosts, **period)
    if "hosts" in known:
        options = {**options, "hosts": store.open_hosts(places.data, hosts)}
    return question.function(events, **options)


#: How far back a question looks that compares a period with what was before it; at least as long as the period.
BEFORE = timedelta(days=30)


def with_what_was_before(
    question: Any,  # noqa: ANN401 - tables.Question, imported late
    since: str | None,
    until: str | None,
    timezone: str,
) -> tuple[dict[str, datetime | None], dict[str, datetime]]:
    """The period of the events that a question needs which knows its own period, and that period in UTC."""
    from audit_nb import times

    first, end = times.period(since, until, timezone)
    known = inspect.signature(question.function).parameters
    given = {name: moment for name, moment in (("since", first), ("until", end)) if name in known}
    missing = [f"--{name}" for name in given if given[name] is None and known[name].default is inspect.Parameter.empty]
    if missing:
        raise UsageError(f"{question.name} compares a period with what was before it: give {' and '.join(missing)}")
    length = end - first if first is not None and end is not None else timedelta(0)
    before = None if first is None else first - max(BEFORE, length)
    told = {name: moment.replace(tzinfo=None) for name, moment in given.items() if moment is not None}
    return {"since": before, "until": end}, told


def named_question(questions: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - tables.Question, imported late
    """The question called `name`; UsageError names the nearest ones."""
    if name in questions:
        return questions[name]
    near = difflib.get_close_matches(name, questions, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`audit-nb tables` lists them."
    raise UsageError(f"there is no question {name!r}; {hint}")


def refuse_unknown_options(question: Any, options: dict[str, Any]) -> None:  # noqa: ANN401
    """UsageError for an option that this question does not know."""
    known = inspect.signature(question.function).parameters
    for option in options:
        if option not in known:
            word = "success and no --failed" if option == "success" else option.replace("_", "-")
            raise UsageError(f"the question {question.name} has no --{word}")
