"""The verbs that look after hosts and archive: trust, check, verify, prune."""

import sys
from pathlib import Path
from typing import Any

import click

from audit_nb.cli.group import GROUPS, HOSTS, INVENTORY, TAGS, display, exit_code, main, say
from audit_nb.cli.rendering import FORM, rendered_rows
from audit_nb.stair import Places


@main.command()
@click.argument("host")
@INVENTORY
@click.option("--fingerprint", metavar="SHA256:…", help="Accept without asking when the host shows this key.")
@click.pass_obj
def trust(places: Places, host: str, inventory: Path | None, fingerprint: str | None) -> int:
    """Look at a host's key, and trust it after a person has compared it.

    Example: audit-nb trust web01
    """
    from audit_nb import inventory as inventories
    from audit_nb import trust as trusting

    known = inventories.load(inventory or places.inventory)
    shown = trusting.look(host, known)
    say(shown.sentence)
    if shown.state == "known":
        return 0
    if fingerprint is not None:
        accepted = fingerprint.rstrip("=") == shown.fingerprint.rstrip("=")
    else:
        accepted = sys.stdin.isatty() and click.confirm("Is it the same?", default=False, err=True)
    if not accepted:
        command = f"audit-nb trust {known.named(host)} --fingerprint {shown.fingerprint}"
        say(f"{host}: not trusted; once compared: {command}")
        return 1
    say(trusting.accept(shown))
    return 0


@main.command()
@INVENTORY
@HOSTS
@GROUPS
@TAGS
@FORM
@click.pass_obj
def check(places: Places, inventory: Path | None, form: str, **chosen: tuple[str, ...]) -> int:
    """Say for each host what works and what is missing, and print the lines to add.

    Example: audit-nb check --host web01
    """
    from audit_nb import check as checking
    from audit_nb import inventory as inventories

    with display() as step:
        found = checking.check(inventories.load(inventory or places.inventory).select(**chosen), tell=step)
    rows = [row for host in found for row in host.rows]
    click.echo(rendered_rows(rows, ("host", "step", "state", "sentence"), form, cell_width=100), nl=False)
    for host in found:
        if host.lines:
            click.echo(f"\n{host.lines.rstrip()}", err=True)
    return 0 if all(host.works for host in found) else 1


@main.command()
@FORM
@click.pass_obj
def verify(places: Places, form: str) -> int:
    """Read every segment of the archive again, and say which report used which segments.

    Example: audit-nb verify
    """
    from audit_nb import evidence

    with display() as step:
        found = evidence.verify(places.data, places.reports, tell=step)
    columns = ("host", "outcome", "segments", "pruned", "bytes", "problems", "used_by")
    click.echo(rendered_rows([Verified(row) for row in found], columns, form), nl=False)
    for row in found:
        for problem in row.problems:
            say(f"{row.host}: {problem}")
    return exit_code(found)


class Verified:
    """A row of `verify` with the reports that used the host's segments in words."""

    def __init__(self, row: Any) -> None:  # noqa: ANN401 - evidence.VerifyResult, imported late
        self._row = row

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._row, name)

    @property
    def problems(self) -> int:
        return len(self._row.problems)

    @property
    def used_by(self) -> str:
        used = (report for report in self._row.reports if report["segments"])
        return "; ".join(f"{report['run']}: {spans(report['segments'])}" for report in used)


def spans(numbers: list[int]) -> str:
    """Segment numbers with runs drawn together: 1-6, 9."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


@main.command()
@click.option("--older-than", required=True, metavar="AGE", help="90d, 12w, 6m or 1y.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@HOSTS
@FORM
@click.pass_obj
def prune(places: Places, older_than: str, dry_run: bool, hosts: tuple[str, ...], form: str) -> int:
    """Remove old bytes from archive and store; the rows that say what they were stay.

    Example: audit-nb prune --older-than 90d --dry-run
    """
    from audit_nb import retention, store

    age = retention.age(older_than)
    rows = retention.prune(places.data, age, hosts=list(hosts) or None, dry_run=dry_run)
    click.echo(rendered_rows(rows, ("host", "segments", "bytes", "until"), form), nl=False)
    say("Nothing was removed; this is what would be." if dry_run else "The rows of the manifest stay.")
    if dry_run:
        return 0
    with display() as step:
        return exit_code(store.update(places.data, [row.host for row in rows if row.segments], tell=step))
