"""`audit-nb`: one verb for each step of the stair.

Tables go to stdout and words to stderr. Exit codes: 0 done, 1 done in part or failed (a sentence says), 2 wrong usage.
The heavy parts are imported by the verb that needs them, so that `--help` answers at once.
"""

import difflib
import inspect
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from audit_nb import __version__, stair
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.files import private_directory, write_private
from audit_nb.stair import Places
from audit_nb.terminal import Display, render_table
from audit_nb.words import visible

FORMATS = click.Choice(["table", "csv", "json"])
FOLDER = click.Path(path_type=Path)
HOSTS = click.option("--host", "hosts", multiple=True, metavar="NAME", help="Only this host (repeatable).")
FORM = click.option("--format", "form", type=FORMATS, default="table", show_default=True)


class Verbs(click.Group):
    """Runs a verb and turns every failure into one sentence and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own signature
        """Never returns: ends the process with the exit code."""
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except (click.exceptions.Abort, KeyboardInterrupt):
            say("Stopped. What was finished is kept; the next run goes on from there.")
            code = 1
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except UsageError as error:
            say(str(error))
            code = 2
        except AuditNbError as error:
            say(str(error))
            code = 1
        except BrokenPipeError:  # the reader of our table has seen enough: `audit-nb table … | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except Exception as error:  # noqa: BLE001 - a user never sees a traceback
            say(told_as_our_own(error))
            code = 1
        sys.exit(code or 0)


def say(sentence: str) -> None:
    """Words go to stderr, with nothing in them that moves a cursor."""
    click.echo("\n".join(visible(line) for line in sentence.split("\n")), err=True)


def told_as_our_own(error: Exception) -> str:
    """The sentence about an error that nobody foresaw; its traceback goes into a private file."""
    place = Path("data") / "error.log"
    try:
        private_directory(place.parent)
        write_private(place, traceback.format_exc().encode("utf-8", "backslashreplace"))
        where = f"; the details are in {place}"
    except OSError:
        where = ""
    return f"audit-nb stopped on an error of its own ({type(error).__name__}: {error}){where}."


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="audit-nb")
@click.option("--data-dir", "data", type=FOLDER, default="data", show_default=True, help="Archive and store.")
@click.option("--reports-dir", "reports", type=FOLDER, default="reports", show_default=True)
@click.option("--outbox-dir", "outbox", type=FOLDER, default="outbox", show_default=True)
@click.option("--parameters-dir", "parameters", type=FOLDER, default="parameters", show_default=True)
@click.option("--notebooks-dir", "notebooks", type=FOLDER, default="notebooks", show_default=True)
@click.pass_context
def main(context: click.Context, **folders: Path) -> None:
    """The audit logs of a fleet: fetch them, ask them, report on them.

    Example: audit-nb table failed_logins --since -1d
    """
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    context.obj = Places(**folders).or_the_projects()


@main.command()
@click.option("--inventory", type=FOLDER, help="Another file than parameters/hosts.yaml.")
@HOSTS
@click.pass_obj
def fetch(places: Places, inventory: Path | None, hosts: tuple[str, ...]) -> int:
    """Bring what is new on each host into the archive, and read it into the store.

    Example: audit-nb fetch --host web01
    """
    with display() as step:
        rows = stair.fetch_and_read(places, inventory or places.inventory, step, hosts=hosts)
    return exit_code(rows)


@main.command("import")
@click.argument("paths", nargs=-1, required=True, type=FOLDER)
@click.option("--host", required=True, help="The host that these logs come from.")
@click.pass_obj
def import_(places: Places, paths: tuple[Path, ...], host: str) -> int:
    """Take logs from a disk: files and folders, compressed or not, in any order.

    Example: audit-nb import /mnt/disk/var/log/audit --host web01
    """
    from audit_nb import collect, store

    with display() as step:
        result = collect.import_paths(list(paths), host, places.data, tell=step)
        read = store.update(places.data, [host], tell=step)
    return exit_code([result, *read])


@main.command()
@HOSTS
@click.pass_obj
def rebuild(places: Places, hosts: tuple[str, ...]) -> int:
    """Make the store anew from the archive.

    Example: audit-nb rebuild --host web01
    """
    from audit_nb import store

    with display() as step:
        rows = store.rebuild(places.data, list(hosts) or None, tell=step)
    return exit_code(rows)


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
@click.option("--since", help="From this moment: ISO 8601, -1d, yesterday, today, this-week …")
@click.option("--until", help="Up to this moment, which is left out.")
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
    from audit_nb import tables

    period = {word: asked.pop(word) for word in ("since", "until", "timezone")}
    hosts = list(asked.pop("hosts")) or None
    question = named_question(tables.questions(), name)
    options = {option: value for option, value in asked.items() if value or (option == "success" and value is False)}
    refuse_unknown_options(question, options)
    click.echo(rendered(answer(question, places, hosts, period, options), form), nl=False)


@main.command()
@click.argument("name")
@click.option("--parameters", type=FOLDER, help="Another file of notebook parameters.")
@click.pass_obj
def report(places: Places, name: str, parameters: Path | None) -> int:
    """Make a report of what was fetched, and compose its mail into the outbox.

    Example: audit-nb report daily
    """
    with display() as step:
        walked = stair.again(name, places, parameters, step)
    show_end(walked)
    return 0 if walked.run.status == "done" else 1


@main.command()
@click.argument("name")
@click.option("--inventory", type=FOLDER, help="Another file than parameters/hosts.yaml.")
@HOSTS
@click.pass_obj
def run(places: Places, name: str, inventory: Path | None, hosts: tuple[str, ...]) -> int:
    """Walk the whole stair: fetch, read, report, compose, send. `make report` calls this.

    Example: audit-nb run daily
    """
    with display() as step:
        walked = stair.walk(name, places, step, inventory=inventory, hosts=hosts)
    show_end(walked)
    return 0 if walked.is_done else 1


@main.command()
@click.argument("letters", nargs=-1)
@click.option("--status", is_flag=True, help="Send nothing; show what became of every letter.")
@FORM
@click.pass_obj
def send(places: Places, letters: tuple[str, ...], status: bool, form: str) -> int:
    """Send what waits in the outbox, or only the letters that are named.

    Example: audit-nb send --status
    """
    from audit_nb import mail

    if status:
        rows = mail.status(places.outbox)
        click.echo(rendered_rows(rows, form), nl=False)
        return 0
    settings = mail.load(places.mail)
    with display() as step:
        rows = mail.send(places.outbox, settings, only=letters or None, tell=step)
    for row in rows:
        say(row.sentence)
    if not rows:
        say("Nothing waits to be sent.")
    return exit_code(rows)


@main.command()
@click.pass_obj
def demo(places: Places) -> None:
    """Serve the samples as three hosts over SSH on loopback, until Ctrl-C.

    Example: audit-nb demo
    """
    from audit_nb import demo as hosts

    with hosts.serving(places.data / stair.DEMO / "hosts") as inventory:
        say(f"Three hosts are served on loopback; fetch them with: audit-nb fetch --inventory {inventory}")
        try:
            while True:
                click.pause(info="")
        except (KeyboardInterrupt, EOFError):
            say("The demo hosts are gone.")


@contextmanager
def display() -> Iterator[Display]:
    """Progress on stderr while the block runs."""
    shown = Display()
    try:
        yield shown
    finally:
        shown.close()


def exit_code(rows: Iterable[Any]) -> int:
    """0 when every row says done, else 1."""
    return 0 if all(row.outcome == "done" for row in rows) else 1


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
    events = store.open_events(places.data, hosts, **period)
    if "hosts" in known:
        options = {**options, "hosts": store.open_hosts(places.data, hosts)}
    return question.function(events, **options)


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


def rendered(answered: Any, form: str) -> str:  # noqa: ANN401 - an Ibis table, imported late
    """A table as text for people, as CSV with a header, or as one JSON array of objects."""
    from audit_nb import show

    rows = show.arrow(answered)
    if form == "csv":
        return show.csv_text(rows)
    if form == "json":
        return json.dumps(rows.to_pylist(), default=json_value, ensure_ascii=False, indent=1) + "\n"
    import pyarrow.types as kinds

    right = [kinds.is_integer(field.type) or kinds.is_floating(field.type) for field in rows.schema]
    columns = [[text_value(value) for value in column.to_pylist()] for column in rows.columns]
    return render_table(rows.column_names, list(zip(*columns, strict=True)), right=right) + "\n"


def rendered_rows(rows: Sequence[Any], form: str) -> str:
    """Dataclass rows as a table."""
    import pyarrow as pa

    names = ("letter", "recipient", "outcome", "reason", "at", "subject")
    return rendered(pa.table({name: [getattr(row, name) for row in rows] for name in names}), form)


def json_value(value: object) -> object:
    """Times, which are UTC by contract, as ISO 8601; other values that JSON lacks as text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat() if value.tzinfo is None else value.isoformat()
    return str(value)


def text_value(value: object) -> str:
    """A value in a terminal's table; null is empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, list):
        return " ".join(map(text_value, value))
    return str(value)


def show_end(walked: stair.Walk) -> None:
    """One screen at the end of a run: the verdict, and where everything lies."""
    made, letter = walked.run, walked.letter
    new = sum(getattr(row, "new_bytes", 0) for row in walked.rows)
    if walked.rows:
        say(f"\n{new:,} new bytes were fetched." if new else "\nNothing new was fetched.")
    csvs = len(list((made.folder / "tables").glob("*.csv")))
    level, sentence = made.verdict["level"].capitalize(), visible(made.verdict["sentence"])
    lines = [
        f"\n{click.style(level, bold=True)}: {sentence}" if sys.stderr.isatty() else f"\n{level}: {sentence}",
        "",
        f"  report     {made.index}",
        f"  tables     {made.folder / 'tables'}  ({csvs} CSV files)",
        f"  notebooks  {made.folder / 'notebooks'}  (executed)",
        f"  mail       {letter.path}  ({mail_state(walked)})",
    ]
    for line in lines:
        click.echo(line, err=True)


def mail_state(walked: stair.Walk) -> str:
    """What became of the mail, in words."""
    if walked.deliveries:
        done = sum(delivery.outcome == "done" for delivery in walked.deliveries)
        others = [delivery.sentence for delivery in walked.deliveries if delivery.outcome != "done"]
        return "; ".join([f"sent to {done} of {len(walked.deliveries)}", *map(visible, others)])
    return visible(f"not sent: {walked.letter.held}" if walked.letter.held else "waits to be sent: audit-nb send")
