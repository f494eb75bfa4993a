"""What to look at next: another notebook, its page where the same report has one, and the parameters that show more."""

import html
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_nb import words
from audit_nb.show.cells import Reader, markup

NOTEBOOKS = "AUDIT_NB_NOTEBOOKS"  # the notebooks of the report that is being made, as a JSON list of names


@dataclass(frozen=True)
class Onward:
    """A notebook to go on with: `given` are the parameters that say more than those of the page (`also`)."""

    notebook: str
    given: Mapping[str, object]
    also: Mapping[str, object]

    @property
    def file(self) -> str:
        """The notebook's file, as it is written on a command line."""
        return f"notebooks/{self.notebook}.ipynb"

    @property
    def address(self) -> str | None:
        """Its page in the report that is being made, else its file where that lies beside the notebook that speaks."""
        if self.notebook in json.loads(os.environ.get(NOTEBOOKS, "[]")):
            return f"{self.notebook}.html"
        beside = f"{self.notebook}.ipynb"
        return beside if Path(beside).is_file() else None

    def title(self, language: str) -> str:
        """What the notebook is called; its file where we do not know it."""
        key = f"notebooks.{self.notebook}"
        return words.say(key, language) if words.has(key) else self.file

    def command(self) -> str:
        """What plays it with these parameters: JSON in which what cannot be seen is written out, which YAML reads."""
        wanted = words.visible(json.dumps({**self.also, **self.given}, ensure_ascii=False))
        return f"papermill {self.file} {self.notebook}-out.ipynb -y {shlex.quote(wanted)}"

    def in_short(self, language: str) -> str:
        """The parameters that it is to be given, for a person."""
        if not self.given:
            return words.say("next.by_hand", language)
        listed = ", ".join(f"{name} {_shown(value)}" for name, value in self.given.items())
        return words.say("next.with", language, parameters=listed)


def plain(parameters: Mapping[str, object], reader: Reader) -> dict[str, object]:
    """Parameters as a file of parameters holds them: moments as text with their offset; what is not known left out."""
    found = {name: _plain(value, reader) for name, value in parameters.items()}
    return {name: value for name, value in found.items() if value is not None and value == value}


def render(text: str, onward: Onward, reader: Reader) -> str:
    """The step as HTML; `text` is markup already."""
    title = markup(onward.title(reader.language))
    named = f'<a href="{html.escape(onward.address)}">{title}</a>' if onward.address else f"<b>{title}</b>"
    more = (
        f"<details><summary>{markup(onward.in_short(reader.language))}</summary>"
        f'<pre tabindex="0"><code>{markup(onward.command())}</code></pre></details>'
    )
    return f'<div class="nb-next"><p>{text} {named}</p>{more if onward.given or not onward.address else ""}</div>'


def _plain(value: object, reader: Reader) -> object:
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime() if value == value else None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, datetime):
        return reader.local(value).replace(microsecond=0).isoformat()
    if isinstance(value, list | tuple):
        return [_plain(one, reader) for one in value]
    return value


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
