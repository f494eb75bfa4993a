"""The two bodies of a mail: plain text, and HTML whose every style stands where it is used.

Mail programs drop scripts and many drop style sheets; one block of styles is there for dark mode and small screens, and
the mail can be read without it. A body of more than about 100 KB is clipped by some, so ours stays below 90.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING

from audit_nb import words
from audit_nb.mail.source import LETTERS, Figure, Report, plain

if TYPE_CHECKING:
    import jinja2

HTML_LIMIT = 90_000  # bytes
COLUMNS = 76
MOST = 12  # of a list in a mail; the report has them all
COLOURS = {
    # level: ink, paper and border in light, then in dark; each pair has a contrast of 4.5 and more
    "clean": ("#116329", "#dafbe1", "#1a7f37", "#7ee2a0", "#12301d"),
    "notice": ("#7d4e00", "#fff3cd", "#bf8700", "#f2cc60", "#352a0a"),
    "alarm": ("#a40e26", "#ffe3e6", "#cf222e", "#ff9ba5", "#42151b"),
    "blind": ("#5e2b97", "#f1e8fd", "#8250df", "#d2b3ff", "#2b1d42"),
}


@dataclass(frozen=True)
class Inline:
    """A chart that stands in the mail: the id its HTML refers to, and how it is described."""

    cid: str
    figure: Figure
    width: int


@dataclass(frozen=True)
class Enclosed:
    """What is attached, what is not, and where everything lies; `link` is the address of the run's folder."""

    attached: Sequence[str] = ()
    left_out: Sequence[str] = ()
    limit: str = ""
    too_large: bool = False
    host: str = ""
    place: str = ""
    link: str | None = None


@dataclass(frozen=True)
class Content:
    """Everything that both bodies say."""

    report: Report
    charts: Sequence[Inline]
    enclosed: Enclosed
    groups: Sequence[str] = ()
    placeholder: bool = False
    supersedes: bool = False


def subject(report: Report, tag: str | None) -> str:
    """Verdict, period and coverage: `[web-fleet] 37 failed logins · 2026-11-22 · 14 of 15 hosts`."""
    say, hosts = partial(words.say, language=report.language), report.seen
    found = [say("verdict.figure", value=row.shown, label=row.label) for row in report.most_important(3)]
    if report.failed_notebooks:
        found.append(say("mail.notebooks_failed", n=len(report.failed_notebooks)))
    finding = ", ".join(found) or say(f"levels.{report.verdict.level}")
    key = "mail.subject" if hosts.total else "mail.subject_no_hosts"
    said = say(
        key,
        tag=plain(tag or report.title or report.name, 60),
        finding=plain(finding, 120),
        period=plain(report.label, 80),
        seen=hosts.seen,
        total=hosts.total,
    )
    return plain(said, 300)


def render_html(content: Content) -> str:
    """The HTML body, below `HTML_LIMIT` whatever the report says: its lists are cut before that."""
    for most, letters in ((MOST, LETTERS), (6, 160), (3, 60)):
        html = _template("mail.html.j2").render(_values(content, most, letters))
        if len(html.encode("utf-8")) <= HTML_LIMIT:
            return html
    return html


def render_text(content: Content) -> str:
    """The plain text body, wrapped as people read it."""
    return "\n".join(_wrapped(line) for line in _text_lines(content)).rstrip() + "\n"


def failure_text(sentences: Sequence[str], *, report: str, host: str, at: str, command: str, language: str) -> str:
    """The body of the message to the administrators."""
    say = partial(words.say, language=language)
    lines = [say("mail.failed_says", report=report, host=host, at=at), ""]
    lines += [f"  - {plain(sentence)}" for sentence in sentences[:MOST]]
    if len(sentences) > MOST:
        lines.append("  - " + say("mail.more", n=len(sentences) - MOST))
    lines += ["", say("mail.failed_next"), "", f"    {command}"]
    return "\n".join(_wrapped(line) for line in lines) + "\n"


def _text_lines(content: Content) -> list[str]:
    report, hosts = content.report, content.report.seen
    say = partial(words.say, language=report.language)
    lines = [report.title or report.name, _when(report), ""]
    lines += [f"{say(f'levels.{report.verdict.level}')}: {report.verdict.sentence}", ""]
    if content.supersedes:
        lines += [say("mail.superseded"), ""]
    if hosts.missing:
        lines += [f"{say('page.not_seen')}:"]
        lines += [f"  - {row.host}: {row.in_short}" for row in hosts.missing[:MOST]]
        lines += _more(len(hosts.missing), report) + [""]
    if report.headlines:
        lines += [say("page.headlines")]
        for row in report.by_importance[:MOST]:
            change = row.change(report.language)
            lines.append(f"  {row.shown:>10}  {row.label}" + (f"  ({change})" if change else ""))
        lines += _more(len(report.headlines), report) + [""]
    for chart in content.charts:
        lines += [chart.figure.alt or chart.figure.title, ""]
    if report.notebooks:
        lines += [say("page.notebooks")]
        for notebook in report.notebooks[:MOST]:
            lines.append(f"  - {notebook.title or notebook.name}: {_says(notebook, say)}")
        lines += _more(len(report.notebooks), report) + [""]
    lines += [say("mail.files"), *(f"  {line}" for line in _enclosed(content)), ""]
    return lines + ["--", *_footer(content)]


def _values(content: Content, most: int, letters: int) -> Mapping[str, object]:
    report = content.report
    say = partial(words.say, language=report.language)

    def cut(text: str) -> str:
        return plain(text, letters)

    return {
        "report": report,
        "hosts": report.seen,
        "charts": content.charts,
        "content": content,
        "link": content.enclosed.link,
        "t": say,
        "when": _when(report),
        "most": most,
        "cut": cut,
        "says": partial(_says, say=say),
        "enclosed": [
            line for line in _enclosed(content, most) if not content.enclosed.link or content.enclosed.link not in line
        ],
        "footer": _footer(content),
        "level": report.verdict.level,
        "colours": COLOURS,
        "more": lambda n: say("mail.more", n=n - most) if n > most else "",
    }


def _when(report: Report) -> str:
    hosts = report.seen
    seen = words.say("page.hosts_seen", report.language, seen=hosts.seen, total=hosts.total)
    return " · ".join(filter(None, (report.label, report.period.zone or report.period.timezone, seen)))


def _says(notebook: object, say: partial[str]) -> str:
    status, error, said = (getattr(notebook, name) for name in ("status", "error", "says"))
    return f"{say('page.notebook_failed')}: {error or ''}" if status == "failed" else said or ""


def _enclosed(content: Content, most: int = MOST) -> list[str]:
    enclosed = content.enclosed
    say = partial(words.say, language=content.report.language)
    lines = []
    if content.placeholder:
        lines.append(say("mail.placeholder"))
    if enclosed.too_large:
        lines.append(say("mail.too_large", limit=enclosed.limit))
    elif enclosed.attached:
        lines.append(say("mail.attached", names=_names(enclosed.attached, content.report, most)))
    if enclosed.left_out and not enclosed.too_large:
        names = _names(enclosed.left_out, content.report, most)
        lines.append(say("mail.not_attached", limit=enclosed.limit, names=names))
    if enclosed.link:
        lines.append(f"{say('mail.open')}: {enclosed.link}index.html")
    else:
        lines.append(say("mail.lies", host=enclosed.host, place=enclosed.place))
    return lines


def _names(names: Sequence[str], report: Report, most: int) -> str:
    shown = ", ".join(plain(name, 80) for name in names[:most])
    rest = len(names) - most
    return shown if rest <= 0 else f"{shown} {words.say('mail.more', report.language, n=rest)}"


def _footer(content: Content) -> list[str]:
    report = content.report
    say = partial(words.say, language=report.language)
    made = say("mail.made", version=report.versions.get("audit_nb", ""), run=report.run)
    why = [say("mail.why", groups=", ".join(content.groups))] if content.groups else []
    return [*why, made]


def _more(number: int, report: Report) -> list[str]:
    return ["  " + words.say("mail.more", report.language, n=number - MOST)] if number > MOST else []


def _wrapped(line: str) -> str:
    """A line broken at blanks before column `COLUMNS`; a wide glyph takes two columns."""
    text = line.lstrip(" -")
    head = line[: len(line) - len(text)]
    lines, current = [], head
    for place, word in enumerate(text.split(" ")):
        longer = f"{current} {word}" if place else current + word
        if place and _columns(longer) > COLUMNS:
            lines.append(current.rstrip())
            longer = " " * len(head) + word
        current = longer
    return "\n".join([*lines, current.rstrip()])


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@cache
def _template(name: str) -> "jinja2.Template":
    import jinja2

    source = resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(source)
