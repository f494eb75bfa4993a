"""The verbs that move something up the stair: fetch, import, rebuild, report, run, send, demo."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from audit_nb import stair, words
from audit_nb.cli.group import FOLDER, GROUPS, HOSTS, INVENTORY, TAGS, display, exit_code, main, say
from audit_nb.cli.rendering import FORM, delivered, rendered_rows
from audit_nb.stair import Places
from audit_nb.words import visible


@main.command()
@INVENTORY
@HOSTS
@GROUPS
@TAGS
@click.pass_obj
def fetch(places: Places, inventory: Path | None, **chosen: tuple[str, ...]) -> int:
    """Bring what is new on each host into the archive, and read it into the store.

    Example: audit-nb fetch --host web01
    """
    with display() as step:
        rows = stair.fetch_and_read(places, inventory or places.inventory, step, **chosen)
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

    with display() as step, absent("pandas", "cffi"):
        rows = store.rebuild(places.data, list(hosts) or None, tell=step)
    return exit_code(rows)


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
@INVENTORY
@HOSTS
@GROUPS
@TAGS
@click.pass_obj
def run(places: Places, name: str, inventory: Path | None, **chosen: tuple[str, ...]) -> int:
    """Walk the whole stair: fetch, read, report, compose, send. `make report` calls this.

    Example: audit-nb run daily
    """
    with display() as step:
        walked = stair.walk(name, places, step, inventory=inventory, chosen=chosen, attended=sys.stderr.isatty())
    show_end(walked)
    with display() as step:
        walked = stair.deliver(walked, places, step)
    for sentence in delivered(walked.deliveries):
        say(sentence)
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
        click.echo(rendered_rows(rows, ("letter", "recipient", "outcome", "reason", "at", "subject"), form), nl=False)
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
            signal.pause()
        except KeyboardInterrupt:
            say("The demo hosts are gone.")


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Within the block these modules cannot be imported for the first time.

    pyarrow and Numba import them only to tell whether they are handed their objects, which takes a third of a second.
    """
    hidden = Hidden(names)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)


class Hidden:
    """Finds no module, and lets nobody else find these."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """The import system asks this first of each module."""
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is hidden", name=name)


def show_end(walked: stair.Walk) -> None:
    """One screen at the end of a run: the verdict, and where everything lies."""
    made, letter = walked.run, walked.letter
    new = sum(getattr(row, "new_bytes", 0) for row in walked.rows)
    if walked.rows:
        wire = sum(getattr(row, "wire_bytes", 0) for row in walked.rows)
        on_wire = f" ({wire:,} bytes on the wire)" if wire else ""
        say(f"\n{new:,} new bytes were fetched{on_wire}." if new else f"\nNothing new was fetched{on_wire}.")
    csvs = len(list((made.folder / "tables").glob("*.csv")))
    level, sentence = words.say(f"levels.{made.verdict['level']}"), visible(made.verdict["sentence"])
    lines = [
        f"\n{click.style(level, bold=True)}: {sentence}" if sys.stderr.isatty() else f"\n{level}: {sentence}",
        "",
        f"  report     {made.index}",
        f"  tables     {made.folder / 'tables'}  ({csvs} CSV files)",
        f"  notebooks  {made.folder / 'notebooks'}  (executed)",
        f"  mail       {letter.path}"
        + (f"  (not sent: {visible(letter.held)})" if letter.held else "  (waits: audit-nb send)"),
    ]
    for line in lines:
        click.echo(line, err=True)
