"""Walks the whole stair for one report: fetch, read, play, render, compose, send.

Each step is a function of the module that it is named after; here stands only their order, and what happens when one
of them fails: the others go on, and the administrators hear of it.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_nb.errors import UsageError, sentence
from audit_nb.progress import Step, Tell

if TYPE_CHECKING:
    from audit_nb.mail import Delivery, Letter, Settings
    from audit_nb.report import Run

DEMO = "demo"
CHECKOUT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made there


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
    """What came of a walk: the rows of collecting and reading, the run, its letter and what became of the letter.

    `expected` are hosts that are meant to fail; `settings` are None where there is no mail.yaml.
    """

    rows: Sequence[Any]
    run: "Run"
    letter: "Letter"
    deliveries: Sequence["Delivery"] = ()
    expected: frozenset[str] = frozenset()
    settings: "Settings | None" = None

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
    attended: bool = False,
) -> Walk:
    """Every step for the report `name` but the last: its letter waits to be sent. `demo` serves its own hosts.

    Where no report could be made at all the exception comes after the administrators' message; of a mistake in a YAML
    file they hear only when nobody sits there who reads it.
    """
    from audit_nb import mail

    settings = mail_settings(places)
    try:
        check_report(name, places)
        with served(name, places, inventory) as (places, inventory, expected):
            rows = fetch_and_read(places, inventory, tell, **(chosen or {}))
            made = make_report(name, places, tell)
            letter = mail.compose(made.folder, settings, places.outbox)
            return Walk(rows, made, letter, expected=expected, settings=settings)
    except Exception as error:
        if settings is not None and not (attended and isinstance(error, UsageError)):
            said = sentence(error) or f"an error of audit-nb's own ({type(error).__name__}: {error})"
            tell_administrators(name, [said], settings, places, tell)
        raise


def again(name: str, places: Places, parameters: Path | None, tell: Tell) -> Walk:
    """The report `name` on what was fetched before; its letter is composed and waits in the outbox."""
    from audit_nb import mail

    made = make_report(name, places_of(name, places), tell, parameters=parameters)
    letter = mail.compose(made.folder, mail_settings(places), places.outbox)
    return Walk((), made, letter)


def deliver(walked: Walk, places: Places, tell: Tell) -> Walk:
    """Send the letter of a walk and whatever else waits, and tell the administrators what could not be seen.

    Everything is tried once and without long waits, because somebody sits there; `audit-nb send` tries again.
    """
    from audit_nb import mail

    if walked.settings is None:
        return walked
    concerns = [line for line in mail.failures(walked.run.folder) if line.split(":")[0] not in walked.expected]
    if concerns:
        name = walked.run.report["name"]
        mail.compose_failure(name, concerns, walked.settings, places.outbox, command=f"audit-nb run {name}")

    def tell_sent(step: Step) -> None:  # what was not sent is said once, at the end
        if not step.failed:
            tell(step)

    return replace(walked, deliveries=mail.send(places.outbox, walked.settings, tell=tell_sent, hurried=True))


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
    """A short message to those who look after this; nothing where mail.yaml names nobody.

    Where the outbox cannot be written, most often because the disk is full, it is sent from memory.
    """
    from audit_nb import mail

    def told(outbox: Path) -> Sequence["Delivery"]:
        letter = mail.compose_failure(name, sentences, settings, outbox, command=f"audit-nb run {name}")
        return mail.send(outbox, settings, only=[letter.name], tell=tell, hurried=True)

    try:
        return told(places.outbox)
    except OSError:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
            return told(Path(scratch))
