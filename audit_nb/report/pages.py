"""The pages of a run and of the history: one look, everything inside the page, nothing fetched and nothing trusted.

nbconvert turns cells into HTML (`template/report`), `page.html.j2` makes the page around them. A content security
policy allows exactly our own style and script, by their digests; markup in a notebook's prose stays text.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import audit_nb
from audit_nb import show, words
from audit_nb.files import write_private
from audit_nb.report import columns, play

if TYPE_CHECKING:
    import jinja2
    import pyarrow as pa
    from nbformat import NotebookNode

COVERAGE = ("host", "outcome", "period_events", "lost_serials", "malformed", "first_time", "last_time", "fetched_at")
TIMES = {"first_time", "last_time", "fetched_at"}
TREND = 30  # runs
COLUMNS = "columns.html"


def write(folder: Path, report: Mapping[str, Any]) -> None:
    """Write `index.html`, a page for each notebook and one about the columns into the folder of a run."""
    for notebook in report["notebooks"]:
        _write(folder / notebook["html"], render_notebook(folder / notebook["ipynb"], notebook, report))
    tables = columns.described(report)
    if tables:
        _write(folder / COLUMNS, _page("columns", report["language"], report=report, tables=tables, csv=columns.CSV))
    write_run(folder, report)


def write_run(folder: Path, report: Mapping[str, Any]) -> None:
    """Write `index.html` alone."""
    _write(folder / "index.html", render_run(report))


def render_notebook(path: Path, notebook: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """One executed notebook as a page; in the report's language."""
    import nbformat

    language = report["language"]
    prepared = _prepared(nbformat.read(path, as_version=4), notebook, language)
    body, headings = _numbered(_exporter(language).from_notebook_node(prepared)[0])
    return _page("notebook", language, report=report, notebook=notebook, body=body, headings=headings)


def render_run(report: Mapping[str, Any]) -> str:
    """The first page of a run."""
    import pyarrow as pa

    reader = show.Reader(report["language"], report["period"]["timezone"])
    rows = pa.Table.from_pylist([_coverage_row(row) for row in report["coverage"]], _coverage_schema())
    said = words.say("page.coverage_table", reader.language)
    coverage = show.render_table(rows.slice(0, show.ROWS), rows.num_rows, said, None, reader)
    titles = {notebook["name"]: notebook["title"] for notebook in report["notebooks"]}
    return _page("run", reader.language, report=report, coverage=coverage, titles=titles)


def _coverage_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(row[name]) if name in TIMES and row.get(name) else row.get(name)
        for name in COVERAGE
    }


def _coverage_schema() -> "pa.Schema":
    import pyarrow as pa

    texts, times = ("host", "outcome"), pa.timestamp("us", "UTC")
    kinds = {name: times if name in TIMES else pa.string() if name in texts else pa.int64() for name in COVERAGE}
    return pa.schema(kinds.items())


def render_history(runs: Sequence[Mapping[str, Any]]) -> str:
    """The list of all runs (newest first), by report; in the language of the newest."""
    language = runs[0]["language"] if runs else "en"
    names = sorted({run["name"] for run in runs})
    reports = [_history_of(name, [run for run in runs if run["name"] == name], language) for name in names]
    return _page("history", language, reports=reports, version=audit_nb.__version__)


def render_signpost(where: str, address: str | None, newest: Mapping[str, Any]) -> str:
    """The page that leads on from a run: `previous`, `next`, `latest` or `history`; or that says that there is none."""
    return _page("signpost", newest["language"], where=where, address=address, report=newest)


def _history_of(name: str, runs: list[Mapping[str, Any]], language: str) -> dict[str, Any]:
    newest: dict[tuple[str | None, str | None], str] = {}
    for run in runs:
        newest.setdefault(_ends(run), run["run"])
    rows = [dict(run) | {"superseded": newest[_ends(run)] != run["run"]} for run in runs]
    kept = [run for run in rows if not run["superseded"]]
    trends = _trends(sorted(kept, key=lambda run: run["period"]["since"] or "")[-TREND:], language)
    return {"name": name, "id": f"report-{name}", "title": runs[0]["title"], "runs": rows, "trends": trends}


def _ends(run: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return run["period"]["since"], run["period"]["until"]


def _trends(runs: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """The headline figures of successive periods as lines; one period makes no line."""
    series: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        for row in run["headlines"]:
            if row["value"] is not None:
                series.setdefault((row["notebook"], row["name"]), []).append(row)
    return [_trend(rows, language) for rows in series.values() if len(rows) > 1]


def _trend(rows: Sequence[Mapping[str, Any]], language: str) -> dict[str, Any]:
    values = [row["value"] for row in rows]
    top = max(values) or 1
    step = 100 / (len(values) - 1)
    return {
        "label": rows[-1]["label"],
        "last": values[-1],
        "points": " ".join(f"{place * step:.1f},{22 - 20 * value / top:.1f}" for place, value in enumerate(values)),
        "alt": words.say("page.trend", language, n=len(values), values=", ".join(words.number(v) for v in values)),
    }


def _prepared(executed: "NotebookNode", notebook: Mapping[str, Any], language: str) -> "NotebookNode":
    """Only what a reader should see: no parameters, no marks of papermill, the prose in the reader's language."""
    added = {play.INJECTED_TAG, play.ERROR_TAG}
    cells = [cell for cell in executed.cells if not added & set(cell.metadata.get("tags", ()))]
    if notebook["cell"] is not None:
        cells[notebook["cell"] - 1].metadata["failed"] = True
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = words.translate(cell.source, language)
        elif cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if show.STYLE_MIME not in output.get("data", {})]
    if cells and cells[0].cell_type == "markdown":
        cells[0].source = re.sub(r"\A\s*# .*\n?", "", cells[0].source)  # the page has the title in its head
    executed.cells = [
        cell for cell in cells if cell.source.strip() and "parameters" not in cell.metadata.get("tags", ())
    ]
    return executed


def _numbered(body: str) -> tuple[str, list[dict[str, str]]]:
    """The body with an id of ours on each heading, and the headings of the second level for the contents."""
    headings: list[dict[str, str]] = []

    def named(match: re.Match[str]) -> str:
        level, text = match.group(1), match.group(2)
        identifier = f"s{len(headings) + 1}" if level == "2" else ""
        if level == "2":
            headings.append({"id": identifier, "text": html.unescape(re.sub(r"<[^>]+>", "", text))})
        return f"<h{level}{f' id={chr(34)}{identifier}{chr(34)}' if identifier else ''}>{text}</h{level}>"

    return re.sub(r"<h([1-6])(?: id=\"[^\"]*\")?>(.*?)</h\1>", named, body), headings


def _exporter(language: str) -> Any:  # noqa: ANN401 - an exporter of nbconvert
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    def markdown(source: str) -> str:
        return MarkdownWithMath(renderer=IPythonRenderer(escape=True, exclude_anchor_links=True)).render(source)

    with resources.as_file(resources.files("audit_nb") / "template") as base:
        exporter = HTMLExporter(template_name="report", extra_template_basedirs=[str(base)])
        exporter.register_filter("markdown2html", markdown)
        exporter.register_filter("visible", _visible_lines)
        exporter.register_filter("base64", lambda text: base64.b64encode(text.encode("utf-8")).decode("ascii"))
        exporter.environment.globals["words"] = lambda key, **values: words.say(key, language, **values)
        exporter.environment  # noqa: B018 - reads the templates while the folder is surely there
    return exporter


def _visible_lines(text: str) -> str:
    return "\n".join(words.visible(line) for line in text.split("\n"))


def _page(template: str, language: str, **values: Any) -> str:  # noqa: ANN401 - what the template needs
    def t(key: str, **given: object) -> str:
        return words.say(key, language, **given)

    return _environment().get_template(f"{template}.html.j2").render(t=t, language=language, **_assets(), **values)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2
    from markupsafe import Markup

    loader = jinja2.PackageLoader("audit_nb", "template")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["mark"] = lambda text: Markup(show.markup(str(text)))  # noqa: S704 - escapes
    environment.globals["number"] = words.number
    return environment


@cache
def _assets() -> dict[str, Any]:
    """Our style and script with the digests that the policy of a page allows."""
    from markupsafe import Markup

    found: dict[str, Any] = {}
    folder = resources.files("audit_nb") / "template"
    for kind, names in {"css": ("page.css",), "js": ("table.js", "page.js")}.items():
        content = "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)
        digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
        found |= {kind: Markup(content), f"{kind}_hash": f"sha256-{digest}"}  # noqa: S704 - our own files
    return found


def _write(path: Path, page: str) -> None:
    write_private(path, page.encode("utf-8", "backslashreplace"))
