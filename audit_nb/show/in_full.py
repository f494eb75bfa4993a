"""One event in full as it stands in a notebook: each record's line beside what its fields mean."""

import html
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from audit_nb import words
from audit_nb.show.cells import Reader, markup

STYLE = """<style>
.nb-event{margin:.6em 0;max-width:100%}.nb-event h4{margin:.2em 0 .5em;font-size:1em}
.nb-event section{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22em,100%),1fr));gap:.2em 1.2em;
 padding:.6em 0;border-top:1px solid rgba(127,127,127,.4)}
.nb-event code{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85em}.nb-event p{margin:0}
.nb-event table{border-collapse:collapse;align-self:start;font-size:.9em;table-layout:auto}
.nb-event td,.nb-event th{padding:.1em .7em .1em 0;text-align:left!important;vertical-align:top}
.nb-event td{overflow-wrap:anywhere}
.nb-event th{font-weight:600}.nb-event td+td{min-width:5em}
.nb-event .nb-null{opacity:.7}.nb-event .nb-ctl{color:#b35900}
</style>"""


class Line(Protocol):
    """What is shown of a record; see `closeup.Line`."""

    @property
    def type(self) -> str: ...
    @property
    def raw(self) -> str | None: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def fields(self) -> Sequence[tuple[str, str, str]]: ...


class Event(Protocol):
    """What is shown of an event; see `closeup.Closeup`."""

    @property
    def id(self) -> str: ...
    @property
    def node(self) -> str | None: ...
    @property
    def time(self) -> datetime: ...
    @property
    def boot(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def lines(self) -> Sequence[Line]: ...

    def masked(self) -> "Event": ...


def render(event: Event, reader: Reader, *, secrets: bool = False) -> tuple[str, str]:
    """The event as HTML and as text; whatever a log says is escaped. A meaning that only repeats the value is paler."""
    shown = event if secrets else event.masked()
    hidden = words.say("event.masked", reader.language) if shown.lines != event.lines else ""
    body = "\n".join(_section(line, reader) for line in shown.lines)
    note = f'\n<p class="nb-null">{html.escape(hidden)}</p>' if hidden else ""
    marked = f'{STYLE}<div class="nb-event"><h4>{_head(event, reader)}</h4>\n{body}{note}\n</div>'
    plain = "\n".join([*(words.visible(line) for line in str(shown).split("\n")), *filter(None, [hidden])])
    return marked, plain


def _head(event: Event, reader: Reader) -> str:
    """The event's name, when it was, and what there is of it."""
    local = reader.local(event.time)
    said = {
        "time": f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} ({reader.timezone})",
        "records": len(event.lines),
        "boot": event.boot,
    }
    parts = [f"<b>{markup(event.id)}</b>", html.escape(words.say("event.head", reader.language, **said))]
    if event.node is not None:
        parts.append(f"node={markup(event.node)}")
    if not event.complete:
        parts.append(html.escape(words.say("event.incomplete", reader.language)))
    return " · ".join(parts)


def _section(line: Line, reader: Reader) -> str:
    """A record: its line, and a row for each field."""
    if line.raw is not None:
        raw = f"<code>{markup(line.raw)}</code>"
    else:
        raw = f'<span class="nb-null">{html.escape(line.type)}: {markup(line.trouble or "")}</span>'
    columns = (words.say(f"event.{name}", reader.language) for name in ("field", "written", "meaning"))
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    rows = "\n".join(_row(*field) for field in line.fields)
    return f"<section><p>{raw}</p>\n<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></section>"


def _row(key: str, written: str, meaning: str) -> str:
    bare = written[1:-1] if written[:1] == written[-1:] == '"' and len(written) > 1 else written
    shown = markup(meaning) if meaning != bare else f'<span class="nb-null">{markup(meaning)}</span>'
    return f"<tr><td>{markup(key)}</td><td>{markup(written)}</td><td>{shown}</td></tr>"
