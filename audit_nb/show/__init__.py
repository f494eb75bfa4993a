"""How a table, a sentence or a figure stands in a notebook and leaves it: the one place that escapes.

    show.begin("logins", language=language, timezone=timezone)
    show.sentence("{failed:failed login|failed logins} came from {addresses:address|addresses}.", failed=…, addresses=…)
    show.table(tables.failed_by_address(events), name="by_address", title="Failed logins by address")
    show.figure(charts.bars(frame, label="address", value="failed"), name="addresses", title="Failed logins by address")
    show.headline("failed_logins", "failed login|failed logins", 37, notice=1)
    show.event(store.event(data_dir, "web01:1795400390.052:3220"))
    show.next_step("commands", "{users:user|users} came in: see what they did.", given={"hosts": ["web01"]}, users=…)

What a log says is hostile: markup, formulas, escape sequences. It reaches a reader as text, with control and bidi
characters written out. When AUDIT_NB_OUT names a folder, each call also writes there: `tables/<notebook>-<name>.csv`
and `.parquet`, `figures/<notebook>-<name>.png`, and a line of `results/<notebook>.jsonl`. Otherwise nothing is written.
AUDIT_NB_CSV_FOR_EXCEL, when set, begins each CSV with a byte order mark.
"""

import html
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from audit_nb import charts, words
from audit_nb.show import in_full, leave, onward, picture, steps
from audit_nb.show.cells import Reader, arrow, csv_text, markup, of_sentence, render_table
from audit_nb.show.cells import columns as columns_of
from audit_nb.show.leave import write_csv

if TYPE_CHECKING:
    from datetime import datetime

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa
    from IPython.display import DisplayHandle
    from ipywidgets import Widget
    from matplotlib.figure import Figure

__all__ = [
    "Reader",
    "Seen",
    "begin",
    "display_live",
    "display_style",
    "display_widget",
    "csv_text",
    "event",
    "figure",
    "headline",
    "markup",
    "markup_lines",
    "next_step",
    "one_host",
    "render_table",
    "seen",
    "sentence",
    "table",
    "told",
    "update_live",
    "write_csv",
]

OUT, FOR_EXCEL = "AUDIT_NB_OUT", "AUDIT_NB_CSV_FOR_EXCEL"
NOTEBOOKS = onward.NOTEBOOKS
MOST_HOSTS = 8  # named in one sentence
ROWS = 200  # of a table on a page; the CSV has them all
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
STYLE_MIME = "application/vnd.audit-nb.style"  # marks the style of an open notebook; a report has its own

_STYLE = """<style>
.nb-table{max-height:26em;overflow:auto}.nb-table table{border-collapse:collapse}
.nb-table caption{text-align:left;font-weight:600}.nb-table td,.nb-table th{padding:.2em .7em;text-align:left!important}
.nb-table td{white-space:pre-wrap}
.nb-table .n{text-align:right!important;font-variant-numeric:tabular-nums}.nb-null{opacity:.6}.nb-ctl{color:#b35900}
.nb-tile{display:inline-block;margin:0 2em 0 0}.nb-tile b{font-size:1.6em;display:block}.nb-finding{font-weight:600}
.nb-next summary{cursor:pointer;opacity:.8}
.nb-figure{margin:.5em 0}.nb-figure img{max-width:760px;background:#fff;color-scheme:light}
</style>"""


@dataclass(frozen=True)
class Seen:
    """What there was to look at: how many events, and the times of the first and the last (UTC)."""

    events: int
    first: "datetime | None"
    last: "datetime | None"


@dataclass(frozen=True)
class Page:
    """The notebook that is speaking, and to whom."""

    notebook: str
    reader: Reader
    out: Path | None
    parameters: Mapping[str, object] = field(default_factory=dict)


_page = Page("notebook", Reader(), None)


def begin(notebook: str, *, language: str = "en", timezone: str = "UTC", **parameters: object) -> None:
    """Say which notebook speaks, in which language, and in which time zone its times are shown.

    `parameters` are the others it was played with (`data_dir`, `hosts`, `since` …); a next step goes on with them.
    Raises ValueError for a language that we do not speak and KeyError for a time zone that does not exist.
    """
    global _page
    if language not in words.LANGUAGES:
        raise ValueError(f"language is {language!r}; expected one of {', '.join(words.LANGUAGES)}")
    ZoneInfo(timezone)
    out = os.environ.get(OUT)
    reader = Reader(language, timezone, for_excel=bool(os.environ.get(FOR_EXCEL)))
    told = onward.plain({**parameters, "language": language, "timezone": timezone}, reader)
    _page = Page(leave.slug(notebook), reader, Path(out) if out else None, told)
    _display(_STYLE, "", STYLE_MIME)
    _show_events_in_full()


def seen(events: "ir.Table", hosts: "ir.Table | None" = None) -> Seen:
    """How many events there are to look at and from when to when, and of which hosts something may be missing.

    `hosts` is the store's table of hosts (`audit_nb.open_hosts`). Without events every table below says that nothing
    was seen, which is not the same as nothing found.
    """
    global _page
    sums = {"n": events.count(), "first": events.time.min(), "last": events.time.max()}
    by_host = events.group_by("host").agg(**sums).to_pyarrow().to_pylist()
    row = {"n": sum(one["n"] for one in by_host)}
    row |= {end: pick((one[end] for one in by_host), default=None) for end, pick in (("first", min), ("last", max))}
    _page = replace(_page, reader=replace(_page.reader, blind=row["n"] == 0))
    _paragraph("seen", words.text_of("seen.some" if row["n"] else "seen.none", _page.reader.language), row)
    if hosts is not None:
        _unseen(hosts, {one["host"] for one in by_host})
    return Seen(row["n"], row["first"], row["last"])


def _unseen(hosts: "ir.Table", speaking: Collection[str]) -> None:
    """The hosts without an event, and those whose last fetch did not end well."""
    language = _page.reader.language
    states = hosts.select("host", "outcome").order_by("host").to_pyarrow().to_pylist()
    doubts = {
        row["host"]: [
            words.say(f"seen.{doubt}", language)
            for doubt, holds in (("silent", row["host"] not in speaking), ("unfetched", row["outcome"] != "done"))
            if holds
        ]
        for row in states
    }
    listed = [f"{host} ({', '.join(why)})" for host, why in doubts.items() if why]
    if listed:
        more = words.say("seen.more", language, n=len(listed) - MOST_HOSTS) if len(listed) > MOST_HOSTS else ""
        names = ", ".join(listed[:MOST_HOSTS]) + more
        told = {"n": len(listed), "total": len(states), "names": names}
        _paragraph("unseen", words.text_of("seen.unseen", language), told)


def one_host(name: str | None, hosts: "ir.Table", events: "ir.Table | None" = None) -> str | None:
    """Which host the page is about, said in a sentence: the one that was named, else the one that logged most.

    `hosts` is the store's table of hosts; where it lacks the one that was named the sentence says so and tells which
    there are. Where none is named and no `events` are given the page is about all of them. None where there is none.
    """
    rows = hosts.select("host", "first_time", "last_time").order_by("host").to_pyarrow().to_pylist()
    known = {row["host"]: row for row in rows}
    if name is None and events is not None:
        busiest = events.group_by("host").agg(n=events.count()).order_by(lambda row: row.n.desc(), "host").limit(1)
        name = next(iter(busiest.host.to_pyarrow().to_pylist()), None)
        key = "one_host.busiest" if name else "one_host.none"
    else:
        key = "one_host.all" if name is None else "one_host.named" if name in known else "one_host.unknown"
    row = known.get(name, {"first_time": None, "last_time": None})
    if key in ("one_host.named", "one_host.busiest") and row["first_time"] is None:
        key = "one_host.silent"
    listed = ", ".join(list(known)[:MOST_HOSTS]) or words.say("charts.nothing", _page.reader.language)
    if len(known) > MOST_HOSTS:
        listed += words.say("seen.more", _page.reader.language, n=len(known) - MOST_HOSTS)
    told = {"host": name, "n": len(known), "names": listed, "first": row["first_time"], "last": row["last_time"]}
    kind = "unseen" if key in ("one_host.unknown", "one_host.silent") else "host"
    _paragraph(kind, words.text_of(key, _page.reader.language), told)
    return name


def sentence(text: str, *, none: str | None = None, **values: object) -> None:
    """One paragraph. `text` is translated, then filled; values are escaped and stand out.

    `none` replaces it where the first value is 0. A sentence with values is left out
    where no event was seen, and where the first value is unknown.
    """
    first = next(iter(values.values()), None)
    if values and (_page.reader.blind or first is None):
        return
    if none is not None and first == 0:
        text = none
    _paragraph("sentence", words.translate(text, _page.reader.language), values)


def headline(name: str, label: str, value: int, *, alarm: int | None = None, notice: int | None = None) -> None:
    """A figure for the head of the report; `label` is `one|many`. From `alarm` or `notice` on it decides the verdict.

    Where no event was seen its value is null: nobody knows it.
    """
    reader = _page.reader
    level = "plain" if alarm is None and notice is None else "clean"
    if notice is not None and value >= notice:
        level = "notice"
    if alarm is not None and value >= alarm:
        level = "alarm"
    one, _, many = words.translate(label, reader.language).partition("|")
    unit = one if value == 1 else many or one
    shown = "–" if reader.blind else words.number(value)
    looks = "blind" if reader.blind else level
    marked = f'<p class="nb-tile nb-{looks}"><b>{html.escape(shown)}</b> {html.escape(unit)}</p>'
    _display(marked, f"{shown} {unit}")
    known = None if reader.blind else int(value)
    _record(kind="headline", name=leave.slug(name), label=unit, value=known, level=level)


def table(
    rows: "ir.Table | pa.Table | pd.DataFrame",
    *,
    name: str,
    title: str,
    limit: int = ROWS,
    columns: Sequence[str] = (),
) -> None:
    """A table of at most `limit` rows, and `columns` where named; all of it goes into the CSV and the Parquet file."""
    whole = arrow(rows)
    spoken = words.translate(title, _page.reader.language)
    csv = leave.write_table(_page.out, f"{_page.notebook}-{leave.slug(name)}", whole, _page.reader)
    shown = (whole.select(list(columns)) if columns else whole).slice(0, limit)
    _display(render_table(shown, whole.num_rows, spoken, csv, _page.reader), spoken)
    said = columns_of(whole, _page.reader.language)
    _record(kind="table", name=name, title=spoken, rows=whole.num_rows, shown=shown.num_rows, csv=csv, columns=said)


def event(one: in_full.Event, *, secrets: bool = False) -> None:
    """One event in full (see `store.event`): each record's line from the archive beside what its fields mean.

    Secrets are masked in both, unless `secrets` are asked for. Nothing is written: a report shows no raw lines.
    """
    marked, plain = in_full.render(one, _page.reader, secrets=secrets)
    _display(marked, plain)


def told(story: "ir.Table | pa.Table | pd.DataFrame") -> "pa.Table":
    """The rows of `tables.story` with what happened as a sentence (`said`) and its kind in words (`what_kind`)."""
    return steps.told(arrow(story), _page.reader)


def figure(
    fig: "charts.Chart | Figure",
    *,
    name: str,
    title: str,
    alt: str | None = None,
    finding: str | None = None,
    **values: object,
) -> None:
    """A figure with its finding above it and `title`, what it plots, below.

    A chart finds and describes by itself; `finding`, filled with `values`, says more than it can know, unless the
    first of them is 0 or unknown. A matplotlib Figure needs `alt`.
    """
    look = charts.Look(_page.reader.language, _page.reader.timezone)
    spoken = words.translate(title, look.language)
    drawn = picture.of_chart(fig, look) if isinstance(fig, charts.Chart) else picture.of_figure(fig)
    found, plain = html.escape(drawn.finding), drawn.finding
    described = f"{spoken}. {words.translate(alt, look.language) if alt is not None else drawn.alt}"
    if finding is not None and not _says_nothing(values):
        found, plain = _said(words.translate(finding, look.language), values)
        described = f"{plain} {described}"
    stem = f"{_page.notebook}-{leave.slug(name)}"
    png, csv = leave.write_figure(_page.out, stem, drawn, _page.reader)
    _display(picture.render(drawn, spoken, described, csv, found), described)
    said = [] if drawn.data is None else columns_of(arrow(drawn.data), look.language)
    _record(kind="figure", name=name, title=spoken, alt=described, finding=plain, png=png, csv=csv, columns=said)


def next_step(notebook: str, text: str, *, given: Mapping[str, object] | None = None, **values: object) -> None:
    """Why another notebook is worth a look, with a link to it and the parameters that show more there.

        show.next_step("host", "{host} failed most.", given={"host": worst, "since": first, "until": last}, host=worst)

    The link leads to the page of that notebook where the same report has one, and to its file where that lies beside
    this one. `given` are parameters of that notebook; those of `begin` are added, and the command that plays it with
    both can be copied. Left out where the first value is 0 or unknown, and with values where no event was seen.
    """
    reader = _page.reader
    if _says_nothing(values):
        return
    step = onward.Onward(leave.slug(notebook), onward.plain(given or {}, reader), _page.parameters)
    marked, plain = _said(words.translate(text, reader.language), values)
    _display(onward.render(marked, step, reader), f"{plain} {step.file}\n{step.command()}")
    _record(kind="next_step", to=step.notebook, text=plain, given=dict(step.given))


def _says_nothing(values: Mapping[str, object]) -> bool:
    """Whether values make no sentence: nothing was seen, or the first of them is 0 or unknown."""
    return bool(values) and (_page.reader.blind or not next(iter(values.values())))


def _paragraph(kind: str, spoken: str, values: Mapping[str, object]) -> None:
    marked, plain = _said(spoken, values)
    _display(f'<p class="nb-sentence{" nb-unseen" if kind == "unseen" else ""}">{marked}</p>', plain)
    _record(kind=kind, text=plain)


def _said(spoken: str, values: Mapping[str, object]) -> tuple[str, str]:
    """A filled text as HTML, its values escaped and standing out, and as plain text."""
    parts = list(words.pieces(spoken, {name: of_sentence(value, _page.reader) for name, value in values.items()}))
    marked = "".join(f"<b>{markup(piece)}</b>" if is_value else html.escape(piece) for piece, is_value in parts)
    return marked, words.visible("".join(piece for piece, _ in parts))


def display_style(marked: str) -> None:
    """Markup that belongs to an open notebook only: a page of a report has a style and a script of its own."""
    _display(marked, "", STYLE_MIME)


def display_live(marked: str) -> "DisplayHandle":
    """Markup that `update_live` replaces; whoever makes it escapes what it holds."""
    from IPython.display import display

    return display({"text/html": marked, "text/plain": ""}, raw=True, display_id=True)


def update_live(handle: "DisplayHandle", marked: str) -> None:
    """Replace what `display_live` showed."""
    handle.update({"text/html": marked, "text/plain": ""}, raw=True)


def display_widget(widget: "Widget", otherwise: str) -> None:
    """A widget where there are any, and a sentence where there are none: on a page of a report."""
    from IPython.display import display

    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    display({WIDGET_MIME: view, "text/html": f"<p>{html.escape(otherwise)}</p>", "text/plain": otherwise}, raw=True)


def markup_lines(text: str) -> str:
    """Several lines as HTML, each escaped as `markup` does."""
    return "\n".join(markup(line) for line in text.split("\n"))


def _show_events_in_full() -> None:
    """Let an event that is the value of a cell stand there as `event` shows it."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    kinds, place = shell.display_formatter.formatters, ("audit_nb.closeup", "Closeup")
    kinds["text/html"].for_type_by_name(*place, lambda one: in_full.render(one, _page.reader)[0])
    kinds["text/plain"].for_type_by_name(
        *place, lambda one, printer, cycle: printer.text(in_full.render(one, _page.reader)[1])
    )


def _record(**result: object) -> None:
    leave.append_result(_page.out, {"notebook": _page.notebook, **result})


def _display(marked: str, plain: str, *marks: str) -> None:
    from IPython.display import display

    display({"text/html": marked, "text/plain": plain, **dict.fromkeys(marks, "")}, raw=True)
