"""The group of verbs, what they share, and how every failure becomes a sentence and an exit code."""

import gc
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from audit_nb import __version__, memory
from audit_nb.errors import AuditNbError, UsageError, sentence
from audit_nb.files import private_directory, write_private
from audit_nb.stair import Places
from audit_nb.terminal import Display
from audit_nb.words import visible

FOLDER = click.Path(path_type=Path)
INVENTORY = click.option("--inventory", type=FOLDER, help="Another file than parameters/hosts.yaml.")
HOSTS = click.option("--host", "hosts", multiple=True, metavar="NAME", help="Only this host (repeatable).")
GROUPS = click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Only the hosts of this group (repeatable)."
)
TAGS = click.option("--tag", "tags", multiple=True, metavar="NAME", help="Only hosts with this tag (repeatable).")


class Verbs(click.Group):
    """Runs a verb and turns every failure into one sentence and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own signature
        """Never returns: ends the process with the exit code."""
        kwargs["standalone_mode"] = False
        memory.share_heap()  # before there are threads
        gc.set_threshold(100_000, 20, 100)  # nearly all that is made stays in use: to look for circles is in vain
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
            say(sentence(error) or told_as_our_own(error))
            code = 1
        if "_duckdb" not in sys.modules:  # it would tell of everything that it has not let go of
            gc.freeze()  # else the interpreter looks through everything twice when it ends: a sixth of a second
        sys.exit(code or 0)


def say(words: str) -> None:
    """Words go to stderr, with nothing in them that moves a cursor."""
    click.echo("\n".join(visible(line) for line in words.split("\n")), err=True)


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
