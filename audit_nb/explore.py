"""Widgets that choose events in JupyterLab, and the tables and figures that follow the choice.

    desk = explore.Desk("data", since="-7d")
    desk.choose()       # host, period, user, key, question and text
    desk.answer()       # the answer to the chosen question about the chosen events
    desk.timeline()     # when they happened
    desk.code()         # the same in code
    desk.events()       # the chosen events, for questions of one's own

What follows the choice is ordinary output that is replaced: a notebook that is played without anybody to choose shows
the answer to the first choice.
"""

import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from audit_nb import charts, show, store, tables, words
from audit_nb.errors import AuditNbError
from audit_nb.show import picture

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import ipywidgets

ROWS = 500  # of an answer in a notebook
MOST = 5000  # users and keys to choose from
FIRST_QUESTION = "sessions"
#: What a question must be told that nobody can choose here; these are not offered.
_GIVEN = inspect.Parameter.empty
_STYLE = """<style>.nb-live tr.off{display:none}.nb-live .nb-table{max-height:none}
.nb-live td.k,.nb-live td.t{white-space:pre}.nb-live td.w{white-space:pre-wrap;overflow-wrap:anywhere;min-width:17em}
.nb-live th button{all:unset;cursor:pointer;font-weight:600}.nb-live th button::after{content:" ↕";opacity:.5}
.nb-live th[aria-sort=ascending] button::after{content:" ↑"}
.nb-live th[aria-sort=descending] button::after{content:" ↓"}
.nb-live th button:focus-visible{outline:2px solid}
.nb-live .tools{display:flex;flex-wrap:wrap;gap:.4em .9em;margin:.5em 0}
.nb-live .tools input,.nb-live .tools button{font:inherit;color:inherit;background:inherit}
.nb-live .tools input,.nb-live .tools button{border:1px solid;padding:.2em .6em}
.nb-wrong{border-left:.4em solid #a40e26;padding:.3em .8em}</style>"""
_SERVE = """<script>(function(){%s
if (window.auditNbServes) return; window.auditNbServes = true;
function all() { document.querySelectorAll(".nb-live .nb-table table:not([data-served])").forEach(function (table) {
table.dataset.served = "1"; serveTable(table, %s); }); }
new MutationObserver(all).observe(document.body, { childList: true, subtree: true }); all();})();</script>"""


class Desk:
    """What is chosen, and everything that follows it.

    `host`, `since`, `until`, `user`, `key`, `question` and `text` are the widgets; setting `.value` of one is choosing.
    """

    def __init__(
        self,
        data_dir: str,
        *,
        hosts: Iterable[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        timezone: str = "UTC",
        language: str = "en",
    ) -> None:
        import ipywidgets

        self._data_dir, self._hosts = data_dir, None if hosts is None else list(hosts)
        self._reader = show.Reader(language, timezone)
        self._live: list[tuple[Any, Callable[[], str]]] = []
        known = store.open_hosts(data_dir, self._hosts).host.to_pyarrow().to_pylist()
        self.host = ipywidgets.Dropdown(options=[(self._say("all"), ""), *((name, name) for name in known)])
        self.since = ipywidgets.Text(
            value=since or "", placeholder="-1d, 2026-11-23, yesterday", continuous_update=False
        )
        self.until = ipywidgets.Text(value=until or "", placeholder="now, 2026-11-24", continuous_update=False)
        self.user = ipywidgets.Dropdown(options=[(self._say("all"), "")])
        self.key = ipywidgets.Dropdown(options=[(self._say("all"), "")])
        self.question = ipywidgets.Dropdown(options=questions(), value=FIRST_QUESTION)
        self.text = ipywidgets.Text(placeholder=self._say("text_hint"), continuous_update=False)
        self._is_offering = False
        self._offer()
        for widget in (self.host, self.since, self.until):
            widget.observe(self._moved, names="value")
        for widget in (self.user, self.key, self.question, self.text):
            widget.observe(self._chosen, names="value")
        say = json.dumps({name: words.say(f"page.{name}", language) for name in ("filter", "back", "on")})
        script = (resources.files("audit_nb") / "template" / "table.js").read_text(encoding="utf-8")
        show.display_style(_STYLE + _SERVE % (script, say.replace("<", "\\u003c")))

    def choose(self) -> None:
        """Show the widgets."""
        import ipywidgets

        box = ipywidgets.GridBox(
            [self._labelled(name) for name in ("host", "since", "until", "user", "key", "text", "question")],
            layout=ipywidgets.Layout(grid_template_columns="repeat(auto-fill, minmax(19em, 1fr))", grid_gap="2px 12px"),
        )
        show.display_widget(box, self._say("by_hand"))
        self._follow(self._status)

    def answer(self) -> None:
        """Show the answer to the chosen question, and follow the choice."""
        self._follow(self._answered)

    def timeline(self) -> None:
        """Show when the chosen events happened, and follow the choice."""
        self._follow(self._drawn)

    def code(self) -> None:
        """Show the same in code, to be copied, and follow the choice."""
        self._follow(lambda: f'<pre tabindex="0"><code>{show.markup_lines(self.source())}</code></pre>')

    def events(self) -> "ir.Table":
        """The chosen events, as `audit_nb.open_events` opens them."""
        hosts = [self.host.value] if self.host.value else self._hosts
        period = {"since": self.since.value or None, "until": self.until.value or None}
        events = store.open_events(self._data_dir, hosts, **period, timezone=self._reader.timezone)
        return tables.search(events, **self._sought(), match="exact", whole=True) if self._sought() else events

    def source(self) -> str:
        """Lines of Python that answer the chosen question about the chosen events."""
        hosts = [self.host.value] if self.host.value else self._hosts
        given = {"hosts": hosts, "since": self.since.value or None, "until": self.until.value or None}
        given["timezone"] = self._reader.timezone
        said = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
        lines = [f"events = audit_nb.open_events({self._data_dir!r}{said})"]
        if self._sought():
            sought = "".join(f", {name}={value!r}" for name, value in self._sought().items())
            lines.append(f'events = tables.search(events{sought}, match="exact", whole=True)')
        return "\n".join([*lines, f"answer = tables.{self.question.value}(events)"])

    # --------------------------------------------------------------------------------------------------- what follows

    def _follow(self, render: Callable[[], str]) -> None:
        handle = show.display_live(self._rendered(render))
        self._live.append((handle, render))

    def _rendered(self, render: Callable[[], str]) -> str:
        """What is shown; a mistake of the choice is a sentence and never a traceback."""
        try:
            return f'<div class="nb-live">{render()}</div>'
        except AuditNbError as fault:
            return f'<p class="nb-wrong" role="alert">{show.markup(str(fault))}</p>'

    def _chosen(self, _: object = None) -> None:
        """Something else was chosen: everything that follows is made anew."""
        if not self._is_offering:
            for handle, render in self._live:
                show.update_live(handle, self._rendered(render))

    def _moved(self, _: object = None) -> None:
        """Another host or period was chosen: it has other users and keys."""
        self._offer()
        self._chosen()

    def _offer(self) -> None:
        """Offer the users and keys of the chosen hosts and period; what was chosen stays where there still is one."""
        self._is_offering = True
        try:
            hosts = [self.host.value] if self.host.value else self._hosts
            period = {"since": self.since.value or None, "until": self.until.value or None}
            events = store.open_events(self._data_dir, hosts, **period, timezone=self._reader.timezone)
            _offered(self.user, tables.users(events, summary=True).who, self._say("all"))
            _offered(self.key, tables.keys(events, summary=True).key, self._say("all"))
        except AuditNbError:
            pass  # a word that is no time is told where the answer would stand
        finally:
            self._is_offering = False

    def _sought(self) -> dict[str, str]:
        sought = {"auid": self.user.value, "key": self.key.value}
        return {name: value for name, value in sought.items() if value}

    def _status(self) -> str:
        events = self.events()
        row = events.agg(n=events.count(), first=events.time.min(), last=events.time.max()).to_pyarrow().to_pylist()[0]
        if not row["n"]:
            return f"<p>{escape(words.text_of('seen.none', self._reader.language))}</p>"
        clock = {end: f"{self._reader.local(row[end]):%Y-%m-%d %H:%M:%S}" for end in ("first", "last")}
        return f"<p>{escape(words.say('seen.some', self._reader.language, n=row['n'], **clock))}</p>"

    def _answered(self) -> str:
        question = tables.questions()[self.question.value]
        events = self.events()
        answer = _holding(question.function(events), self.text.value.strip())
        shown = answer.limit(ROWS).to_pyarrow()
        total = shown.num_rows if shown.num_rows < ROWS else int(answer.count().to_pyarrow().as_py())
        said = (
            (question.name, question.sentence)
            if self._reader.language == "en"
            else (self._say("question"), question.name)
        )
        is_blind = not total and not events.count().to_pyarrow().as_py()  # nothing seen is not nothing found
        return show.render_table(shown, total, ": ".join(said), None, replace(self._reader, blind=is_blind))

    def _drawn(self) -> str:
        events = self.events()
        ends = events.agg(first=events.time.min(), last=events.time.max()).to_pyarrow().to_pylist()[0]
        bucket = charts.resolution(ends["first"], ends["last"], self._reader.timezone)
        chart = charts.timeline(tables.volume(events, bucket=bucket).to_pandas(), by="host")
        look = charts.Look(self._reader.language, self._reader.timezone)
        drawn = picture.of_chart(chart, look)
        return picture.render(drawn, self._say("timeline"), drawn.alt, None, escape(drawn.finding))

    def _labelled(self, name: str) -> "ipywidgets.Widget":
        widget = getattr(self, name)
        widget.description = self._say(name)
        widget.style.description_width = "6.5em"
        widget.layout.width = "auto"
        return widget

    def _say(self, name: str) -> str:
        return words.say(f"explore.{name}", self._reader.language)


def questions() -> list[str]:
    """The questions that need nothing but events."""
    return [name for name, question in tables.questions().items() if not _needs(question.function)]


def _needs(function: Callable[..., Any]) -> bool:
    return any(one.default is _GIVEN for one in list(inspect.signature(function).parameters.values())[1:])


def _offered(widget: "ipywidgets.Dropdown", values: "ir.StringColumn", everything: str) -> None:
    found = values.name("value").as_table().limit(MOST).to_pyarrow().column(0).to_pylist()
    names = [value for value in found if value is not None]
    before = widget.value
    widget.options = [(everything, ""), *((words.visible(name), name) for name in sorted(names))]
    widget.value = before if before in names else ""


def _holding(answer: "ir.Table", text: str) -> "ir.Table":
    """The rows of which a column of text holds the text, in upper or lower case."""
    columns = [answer[name] for name, kind in answer.schema().items() if kind.is_string()]
    if not text or not columns:
        return answer
    import ibis

    found = [column.lower().contains(text.lower()).fill_null(False) for column in columns]
    return answer.filter(ibis.or_(*found))
