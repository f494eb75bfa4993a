"""What stands in a notebook is text, whatever a log says, and what leaves it is whole."""

import csv
import html
import io
import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from browser import Browser
from hostile import NAMES
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure

from audit_nb import charts, show, words

STORABLE = [name for name in NAMES if "\udcff" not in name]  # no column holds a surrogate


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell as a kernel has one; calling `said()` gives the HTML of everything that was displayed."""
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher(parent=shell)
    monkeypatch.delenv("AUDIT_NB_OUT", raising=False)
    yield lambda: "".join(output["data"].get("text/html", "") for output in shell.display_pub.outputs[1:])
    InteractiveShell.clear_instance()


@pytest.fixture
def out(said: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of a run that results are written to."""
    monkeypatch.setenv("AUDIT_NB_OUT", str(tmp_path / "run"))
    return tmp_path / "run"


def cells(marked: str) -> list[str]:
    return [
        html.unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", marked, re.DOTALL)
    ]


def test_a_table_has_a_caption_scopes_and_numbers_to_the_right(said: Any) -> None:
    """What a screen reader needs: which table, which column."""
    show.begin("test")
    show.table(pd.DataFrame({"host": ["web01"], "events": [1234], "serial": [5678]}), name="t", title="Events")
    marked = said()
    assert "<caption>Events</caption>" in marked
    assert marked.count('<th scope="col"') == 3
    assert '<td class="n">1,234</td>' in marked
    assert '<td class="n">5678</td>' in marked, "a serial is a name and not a quantity"


def test_a_whole_number_beside_a_null_stays_whole(said: Any) -> None:
    """37 does not become 37.0 because another row has none."""
    show.begin("test")
    show.table(pa.table({"events": pa.array([37, None])}), name="t", title="T")
    assert cells(said()) == ["37", "–"]


def test_times_stand_in_the_zone_of_the_reader(said: Any) -> None:
    """Times without a zone are UTC; the heading says which zone is shown."""
    show.begin("test", timezone="Asia/Seoul")
    moment = datetime(2026, 11, 22, 18, 30, 5, 120000)
    show.table(pa.table({"time": pa.array([moment], pa.timestamp("us"))}), name="t", title="T")
    marked = said()
    assert '<time datetime="2026-11-23T03:30:05.120000+09:00">2026-11-23 03:30:05.120</time>' in marked
    assert "Time (Asia/Seoul)" in marked


def test_a_long_table_says_how_much_it_leaves_out(said: Any) -> None:
    """A cut table never looks whole."""
    show.begin("test")
    show.table(pd.DataFrame({"events": range(250)}), name="t", title="T", limit=200)
    marked = said()
    assert marked.count("<tr>") == 201
    assert "200 of 250 rows; 50 more are not shown here." in marked


def test_a_long_text_says_how_much_it_leaves_out(said: Any) -> None:
    """A command of 3,000 letters does not fill the page, and does not look whole either."""
    show.begin("test")
    show.table(pd.DataFrame({"command": ["x" * 3000]}), name="t", title="T")
    assert cells(said()) == ["x" * 400 + "… (2,600 characters more in the CSV)"]


def test_an_empty_table_says_that_nothing_was_found(said: Any) -> None:
    """Nothing found is an answer."""
    show.begin("test")
    show.table(pd.DataFrame({"events": []}), name="t", title="Failed logins")
    assert "<b>Failed logins</b>: nothing found." in said()


@pytest.mark.parametrize(("language", "sentence"), [("en", "nothing was seen"), ("ko", "확인된 데이터가 없어")])
def test_nothing_seen_is_not_nothing_found(said: Any, language: str, sentence: str) -> None:
    """Without any event no table, sentence or headline sounds like good news."""
    show.begin("test", language=language)
    empty = ibis.memtable(pa.table({"host": pa.array([], pa.string()), "time": pa.array([], pa.timestamp("us"))}))
    assert show.seen(empty) == show.Seen(0, None, None)
    show.sentence("{n} failed.", none="No login failed.", n=0)
    show.headline("failed", "failed login|failed logins", 0)
    show.table(pd.DataFrame({"events": []}), name="t", title="T")
    marked = said()
    assert sentence in marked
    assert "No login failed" not in marked
    assert "<b>–</b>" in marked
    assert ": nothing found" not in marked


def test_a_sentence_takes_the_words_that_fit_and_escapes_its_values(said: Any) -> None:
    """The prose is ours, a value may be anybody's."""
    show.begin("test")
    show.sentence("{n:login|logins} by {who}, last at {at}.", n=2, who="<b>\x1b[2J", at=datetime(2026, 11, 23, 4, 5))
    assert (
        '<b>2</b> logins by <b>&lt;b&gt;<span class="nb-ctl">\\x1b</span>[2J</b>, last at <b>2026-11-23 04:05</b>.'
        in said()
    )


def test_a_sentence_may_have_other_words_for_none(said: Any) -> None:
    """Zero reads as a sentence of its own."""
    show.begin("test")
    show.sentence("{n:login|logins} failed.", none="No login failed.", n=0)
    assert '<p class="nb-sentence">No login failed.</p>' in said()


def test_by_hand_nothing_is_written(said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a run has a folder for results."""
    monkeypatch.chdir(tmp_path)
    show.begin("test")
    show.table(pd.DataFrame({"events": [1]}), name="t", title="T")
    show.headline("n", "event|events", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "level"), [(0, "clean"), (1, "notice"), (4, "notice"), (5, "alarm")], ids=["none", "one", "four", "five"]
)
def test_a_headline_has_the_level_of_its_value(out: Path, value: int, level: str) -> None:
    """From `notice` and `alarm` on a figure counts for the verdict."""
    show.begin("test")
    show.headline("failed", "failed login|failed logins", value, notice=1, alarm=5)
    (result,) = [json.loads(line) for line in (out / "results" / "test.jsonl").read_text().splitlines()]
    label = "failed login" if value == 1 else "failed logins"
    assert result == {
        "notebook": "test", "kind": "headline", "name": "failed", "label": label, "value": value, "level": level,
    }  # fmt: skip


def test_a_table_leaves_as_csv_and_parquet(out: Path) -> None:
    """Columns that the page does not show and rows beyond its limit are in both files, raw in the Parquet file."""
    rows = pa.table(
        {
            "time": pa.array([datetime(2026, 11, 23, 4, 0, 0, 123000)] * 3, pa.timestamp("us")),
            "command": ["=1+1", None, "a\nb"],
            "keys": [["a", "b"], [], None],
            "success": [True, False, None],
            "events": [1, None, 3],
        }
    )
    show.begin("test", timezone="Asia/Seoul")
    show.table(rows, name="all", title="T", columns=["command"], limit=1)
    assert (out / "tables" / "test-all.csv").read_bytes() == (
        b"time,command,keys,success,events\n"
        b"2026-11-23T13:00:00.123000+09:00,'=1+1,a b,true,1\n"
        b"2026-11-23T13:00:00.123000+09:00,,,false,\n"
        b"2026-11-23T13:00:00.123000+09:00,a\\nb,,,3\n"
    )
    assert pq.read_table(out / "tables" / "test-all.parquet").equals(rows)


def test_a_csv_begins_with_a_mark_only_where_excel_shall_read_it(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a byte order mark Excel takes UTF-8 for the machine's code page; other programs stumble over one."""
    rows = pa.table({"who": ["김민수"]})
    show.begin("plain")
    show.table(rows, name="t", title="T")
    monkeypatch.setenv("AUDIT_NB_CSV_FOR_EXCEL", "1")
    show.begin("excel")
    show.table(rows, name="t", title="T")
    written = (out / "tables" / "plain-t.csv").read_bytes()
    assert written == "who\n김민수\n".encode()
    assert (out / "tables" / "excel-t.csv").read_bytes() == b"\xef\xbb\xbf" + written


def test_a_table_says_what_its_columns_are(out: Path) -> None:
    """Name, kind of value and meaning go into the results; a column of somebody's own has no meaning that we know."""
    show.begin("test", language="ko")
    rows = pa.table(
        {
            "time": pa.array([None], pa.timestamp("us")),
            "serial": [1],
            "keys": [["a"]],
            "paths": [[{"name": "/"}]],
            "share": [0.5],
            "success": [True],
            "own\u202e": ["x"],
        }
    )
    show.table(rows, name="t", title="T")
    (result,) = [json.loads(line) for line in (out / "results" / "test.jsonl").read_text("utf-8").splitlines()]
    kinds = {column["name"]: column["kind"] for column in result["columns"]}
    assert kinds == {
        "time": "time", "serial": "whole", "keys": "texts", "paths": "structure", "share": "number", "success": "truth",
        "own\\u202e": "text",
    }  # fmt: skip
    assert result["columns"][0]["says"] == words.say("meanings.time", "ko")
    assert result["columns"][-1]["says"] is None


def test_whole_numbers_that_pandas_made_floats_of_are_whole_again(out: Path) -> None:
    """A missing count beside 276 does not make it 276.0; what has a part after the point keeps it."""
    show.begin("test")
    frame = pd.DataFrame({"lost": [276, None], "share": [0.5, None], "mean": [2.0, 3.0], "none": [None, None]})
    show.table(frame, name="t", title="T")
    assert (out / "tables" / "test-t.csv").read_text() == "lost,share,mean,none\n276,0.5,2.0,\n,,3.0,\n"


def test_what_is_written_is_private(out: Path) -> None:
    """Whatever the umask, nobody else reads results."""
    import os

    before = os.umask(0)
    try:
        show.begin("test")
        show.table(pd.DataFrame({"events": [1]}), name="t", title="T")
        show.figure(
            charts.bars(pd.DataFrame({"who": ["a"], "events": [1]}), label="who", value="events"), name="f", title="F"
        )
    finally:
        os.umask(before)
    modes = {path.relative_to(out).as_posix(): oct(path.stat().st_mode & 0o777) for path in out.rglob("*")}
    assert modes.keys() >= {"tables/test-t.csv", "figures/test-f.png", "figures/test-f.csv"}
    assert {mode for path, mode in modes.items() if "." in path} == {"0o600"}
    assert {mode for path, mode in modes.items() if "." not in path} == {"0o700"}


@pytest.mark.parametrize("name", ["../x", "A", "a b", "", "a/b", "x" * 62])
def test_a_name_that_is_no_file_name_is_refused(said: Any, name: str) -> None:
    """Names become files."""
    show.begin("test")
    with pytest.raises(ValueError, match="is no name here"):
        show.table(pd.DataFrame({"events": [1]}), name=name, title="T")


def test_an_unknown_language_is_refused(said: Any) -> None:
    """A typing error is no English report."""
    with pytest.raises(ValueError, match="language is 'kr'; expected one of en, ko"):
        show.begin("test", language="kr")


def test_csv_holds_every_hostile_name_as_text() -> None:
    """Read back, a cell is the name with its control characters written out, behind a ' where it would be a formula."""
    rows = pa.table({"command": STORABLE})
    read = [row[0] for row in csv.reader(io.StringIO(show.csv_text(rows), newline=""))][1:]
    for name, cell in zip(STORABLE, read, strict=True):
        assert cell.removeprefix("'") == words.visible(name).removeprefix("'")
        assert not re.match(r"[\s]*[=+\-@＝＋－＠\t\r]", cell)  # noqa: RUF001 - full width
        assert words.is_plain(cell)


def test_a_number_is_no_formula() -> None:
    """A negative exit code stays a number."""
    assert show.csv_text(pa.table({"exit": [-13]})) == "exit\n-13\n"


def test_a_browser_reads_every_hostile_name_as_text(said: Any, needs: Any, tmp_path: Path) -> None:
    """In the rendered page a cell's text is the name, control characters written out; nothing runs, nothing breaks out."""
    show.begin("test")
    show.table(pd.DataFrame({"command": STORABLE, "events": range(len(STORABLE))}), name="t", title=STORABLE[1])
    frame = pd.DataFrame({"command": STORABLE, "events": range(1, len(STORABLE) + 1)})
    show.figure(charts.bars(frame, label="command", value="events"), name="f", title=STORABLE[3])
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><script>alert=()=>{{window.ran=1}}</script>{said()}", "utf-8")
    with Browser(needs("chromium")) as browser:
        opened = browser.open(page.as_uri())
        texts = opened.ask("Array.from(document.querySelectorAll('td:first-child')).map(cell => cell.textContent)")
        assert opened.ask("window.ran === undefined")
        assert opened.requests == []
        assert opened.ask("document.querySelector('caption').textContent") == STORABLE[1]
    shown = [words.visible(name) for name in STORABLE]
    assert texts == [
        text if len(text) <= 400 else text[:400] + "… (2,600 characters more in the CSV)" for text in shown
    ]


def test_a_figure_says_what_it_shows(said: Any) -> None:
    """The text for those who cannot see it is made from its data; wide and narrow pictures are both in the page."""
    show.begin("test")
    frame = pd.DataFrame({"who": ["root", "alice"], "events": [60, 40]})
    show.figure(charts.bars(frame, label="who", value="events"), name="who", title="Events by user")
    marked = said()
    alt = "Events by user. Bars, the longest first. root stands first: 60 of 100 events (60%). root 60, alice 40."
    assert f'alt="{alt}"' in marked
    assert '<p class="nb-finding">root stands first: 60 of 100 events (60%)</p>' in marked
    assert len(re.findall(r'(?:src|srcset)="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+"', marked)) == 2


def test_a_figure_of_somebody_else_needs_words(said: Any) -> None:
    """Any matplotlib figure can be shown, with an alternative text."""
    show.begin("test")
    show.figure(Figure(), name="other", title="Other", alt="An empty figure")
    assert 'alt="Other. An empty figure"' in said()


def test_the_same_figure_has_the_same_bytes(out: Path) -> None:
    """Two runs over the same data can be compared file by file."""
    frame = pd.DataFrame({"who": ["root", "alice"], "events": [60, 40]})
    found = []
    for name in ("one", "two"):
        show.begin("test")
        show.figure(charts.bars(frame, label="who", value="events"), name=name, title="T")
        found.append((out / "figures" / f"test-{name}.png").read_bytes())
    assert found[0] == found[1]
    assert found[0].startswith(b"\x89PNG")


def test_a_moment_with_a_zone_is_shown_on_the_same_clock(said: Any) -> None:
    """Aware and naive times of one moment read alike."""
    show.begin("test", timezone="Asia/Seoul")
    show.sentence("{a} {b}", a=pd.Timestamp("2026-11-23 04:00"), b=datetime(2026, 11, 23, 4, tzinfo=UTC))
    assert said().count("2026-11-23 13:00") == 2


def test_a_finding_may_say_more_than_the_chart_knows(out: Path) -> None:
    """It takes the place of the chart's own, in the words for those who cannot see it too; nothing is no finding."""
    chart = charts.bars(pd.DataFrame({"who": ["root"], "events": [60]}), label="who", value="events")
    show.begin("f")
    said = {"title": "Events", "finding": "{users:user|users} did {what}."}
    show.figure(chart, name="some", **said, users=2, what="it")
    show.figure(chart, name="none", **said, users=0, what="it")
    some, none = results(out)
    assert some["finding"] == "2 users did it."
    assert some["alt"].startswith("2 users did it. Events. Bars")
    assert none["finding"] == "root alone: 60 events"


def results(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((out / "results").iterdir()) for line in path.open(encoding="utf-8")]


def test_hosts_of_which_something_may_be_missing_are_named(out: Path) -> None:
    """First of all a reader hears of which hosts there is no event, and whose last fetch failed; of many, how many."""
    at = datetime(2026, 11, 23, tzinfo=UTC)
    events = ibis.memtable(pd.DataFrame({"host": ["web01", "db02"], "time": [at, at]}))
    states = {"web01": "done", "db02": "failed", "app03": "done"} | {f"x{n:02}": None for n in range(97)}
    hosts = ibis.memtable(pa.table({"host": list(states), "outcome": pa.array(states.values(), pa.string())}))
    show.begin("f")
    assert show.seen(events, hosts).events == 2
    _, unseen = results(out)
    assert unseen["text"].startswith(
        "Something may be missing of 99 of 100 hosts: app03 (no events in this period), "
        "db02 (its last fetch did not end well), x00 (no events in this period, its last fetch did not end well)"
    )
    assert unseen["text"].endswith("and 91 more.")


def test_a_next_step_leads_to_the_page_of_the_same_report(
    out: Path, said: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the report has that notebook; else to its file where it lies beside, else it is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(show.NOTEBOOKS, '["logins", "commands"]')
    (tmp_path / "files.ipynb").touch()
    show.begin("logins")
    for notebook in ("commands", "files", "network"):
        show.next_step(notebook, "See what was done.")
    assert re.findall(r'href="([^"]+)"', said()) == ["commands.html", "files.ipynb"]
    assert "<b>Network</b>" in said()
    assert [row["to"] for row in results(out)] == ["commands", "files", "network"]


@pytest.mark.parametrize("name", STORABLE)
def test_a_next_step_gives_the_parameters_that_show_more(said: Any, name: str) -> None:
    """Those of this page and those that narrow it, as a command that a shell and papermill read back as they are."""
    show.begin("logins", timezone="Asia/Seoul", data_dir="data", hosts=None, since="yesterday")
    at = pd.Timestamp(2026, 11, 23, 4, 0, 0, 7)
    show.next_step("host", "{who} failed.", given={"host": name, "since": at, "until": pd.NaT}, who=name)
    (command,) = re.findall("<code>(.*?)</code>", re.sub("</?span[^>]*>", "", said()), re.DOTALL)
    *words_of_shell, option, wanted = shlex.split(html.unescape(command))
    assert words_of_shell == ["papermill", "notebooks/host.ipynb", "host-out.ipynb"]
    assert option == "-y"
    assert yaml.safe_load(wanted) == {
        "data_dir": "data",
        "host": name,
        "since": "2026-11-23T13:00:00+09:00",
        "language": "en",
        "timezone": "Asia/Seoul",
    }


def test_a_next_step_without_a_reason_is_left_out(said: Any) -> None:
    """What did not happen leads nowhere."""
    show.begin("logins")
    show.next_step("commands", "{n:account|accounts} guessed.", n=0)
    assert "nb-next" not in said().replace(".nb-next", "")
