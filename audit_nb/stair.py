"""Walks the whole stair for one report: fetch, read, play, render, compose, send.

Each step is a function of the module that it is named after; here stands only their order, and what happens when one
of them fails: the others go on, and the administrators hear of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_nb.errors import AuditNbError, UsageError
from audit_nb.progress import Tell

if TYPE_CHECKING:
    from audit_nb.mail import Delivery, Letter, Settings
    from audit_nb.report import Run

DEMO = "demo"
CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Places:
    """Where everything lies. Notebooks and parameters are those of the working folder, else the project's own."""

    data: Path = Path("data")
    reports: Path = Path("reports")
    outbox: Path = Path("outbox")
    parameters: Path = Path("parameters")
    notebooks: Path = Path("notebooks")

    @property
    def inventory(self) -> Path:
        return self.parameters / "hosts.yaml"

    @property
    def mail(self) -> Path:
        return self.parameters / "mail.yaml"

    def or_the_projects(self) -> "Places":
        """These places; a folder of notebooks or parameters that is not there is the project's."""
        found = {
            name: getattr(self, name) if getattr(self, name).is_dir() else CHECKOUT / name
            for name in ("parameters", "notebooks")
        }
        return replace(self, **found)


@dataclass(frozen=True)
class Walk:
    """What came of a walk: the rows of collecting and reading, the run, its letter and what became of the letter."""

    rows: Sequence[Any]
    run: "Run"
    letter: "Letter"
    deliveries: Sequence["Delivery"]
    expected: frozenset[str] = frozenset()

    @property
    def is_done(self) -> bool:
        """Whether everything was done; a host that is meant to fail does not count against it."""
        failed_hosts = {row.host for row in self.rows if row.outcome != "done"} - self.expected
        notebooks_played = all(notebook["status"] == "done" for notebook in self.run.report["notebooks"])
        missing = {row["host"] for row in self.run.report["coverage"] if row["outcome"] != "done"} - self.expected
        delivered = all(delivery.outcome == "done" for delivery in self.deliveries)
        return not failed_hosts and notebooks_played and not missing and delivered and not self.mail_is_missing

    @property
    def mail_is_missing(self) -> bool:
        """Whether the report is meant for somebody and there is no server to send it through."""
        from audit_nb.mail import NO_SETTINGS

        return bool(self.run.report["mail"]) and self.letter.held == NO_SETTINGS


def walk(
    name: str,
    places: Places,
    tell: Tell,
    *,
    inventory: Path | None = None,
    chosen: Mapping[str, Sequence[str]] | None = None,
) -> Walk:
    """Every step for the report `name`; `demo` serves its own hosts.

    Raises AuditNbError when no report could be made at all; by then the administrators' message is composed and sent.
    """
    settings = mail_settings(places)
    check_report(name, places)
    try:
        with served(name, places, inventory) as (places, inventory, expected):
            rows = fetch_and_read(places, inventory, tell, **(chosen or {}))
            return _ended(name, places, settings, tell, rows, expected)
    except AuditNbError as error:
        if settings is not None:
            tell_administrators(name, [str(error)], settings, places, tell)
        raise


def again(name: str, places: Places, parameters: Path | None, tell: Tell) -> Walk:
    """The report `name` on what was fetched before; its letter is composed and waits in the outbox."""
    from audit_nb import mail

    made = make_report(name, places_of(name, places), tell, parameters=parameters)
    letter = mail.compose(made.folder, mail_settings(places), places.outbox)
    return Walk((), made, letter, ())


def _ended(
    name: str,
    places: Places,
    settings: "Settings | None",
    tell: Tell,
    rows: Sequence[Any],
    expected: frozenset[str],
) -> Walk:
    """Report, letter and deliveries."""
    from audit_nb import mail

    made = make_report(name, places, tell)
    letter = mail.compose(made.folder, settings, places.outbox)
    # Everything that waits, so that a letter the server put off yesterday goes out today.
    deliveries = mail.send(places.outbox, settings, tell=tell) if settings is not None else []
    concerns = [sentence for sentence in mail.failures(made.folder) if sentence.split(":")[0] not in expected]
    if settings is not None and concerns:
        tell_administrators(name, concerns, settings, places, tell)
    return Walk(rows, made, letter, deliveries, expected)


@contextmanager
def served(name: str, places: Places, inventory: Path | None) -> Iterator[tuple[Places, Path, frozenset[str]]]:
    """The places and the inventory of a report, and the hosts that are meant to fail.

    The demo's hosts are served while the block runs, and have a data folder of their own.
    """
    if name != DEMO or inventory is not None:
        yield places, inventory or places.inventory, frozenset()
        return
    from audit_nb import demo

    own = places_of(name, places)
    with demo.serving(own.data / "hosts") as path:
        yield own, path, frozenset({demo.IMPOSTOR})


def places_of(name: str, places: Places) -> Places:
    """The places of a report: the demo has a data folder of its own."""
    return replace(places, data=places.data / DEMO) if name == DEMO else places


def fetch_and_read(places: Places, inventory: Path, tell: Tell, **chosen: Sequence[str]) -> list[Any]:
    """Collect from the chosen hosts (see `Inventory.select`), then bring the store up: a row for each host and step."""
    from audit_nb import collect, store
    from audit_nb import inventory as inventories

    if not inventory.exists():
        raise UsageError(
            f"{inventory} is missing; it says which hosts to read: "
            f"cp {inventory.with_name('hosts.example.yaml')} {inventory}"
        )
    selected = inventories.load(inventory).select(**chosen)
    return [*collect.fetch(selected, places.data, tell=tell), *store.update(places.data, tell=tell)]


def make_report(name: str, places: Places, tell: Tell, *, parameters: Path | None = None) -> "Run":
    """Play and render the notebooks of a report."""
    from audit_nb import report

    return report.make(
        name,
        parameters_dir=places.parameters,
        parameters_file=parameters,
        notebooks_dir=places.notebooks,
        reports_dir=places.reports,
        data_dir=places.data,
        tell=tell,
    )


def check_report(name: str, places: Places) -> None:
    """Raises UsageError for a mistake in what the report is to be: nothing is fetched for one that cannot be made."""
    from audit_nb.report import plan

    plan.make(name, places.parameters, None, places.notebooks, places.data, now=datetime.now(UTC))


def mail_settings(places: Places) -> "Settings | None":
    """What mail.yaml says, or None where there is no such file; UsageError for a mistake in it."""
    from audit_nb import mail

    return mail.load(places.mail) if places.mail.exists() else None


def tell_administrators(
    name: str, sentences: Sequence[str], settings: "Settings", places: Places, tell: Tell
) -> Sequence["Delivery"]:
    """A short message to those who look after this; nothing where mail.yaml names nobody."""
    from audit_nb import mail

    letter = mail.compose_failure(name, sentences, settings, places.outbox, command=f"audit-nb run {name}")
    return mail.send(places.outbox, settings, only=[letter.name], tell=tell)
