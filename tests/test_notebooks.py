"""Notebooks tell and the package computes; each runs by hand, from any folder, on nothing at all too."""

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import knownlog
import nbformat
import papermill
import pytest
import yaml
from hostile import NAMES, fill

from audit_nb import times

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARAMETER_FILES = [
    path
    for path in sorted((ROOT / "parameters").glob("*.yaml"))
    if path.stem in yaml.safe_load((ROOT / "parameters" / "reports.yaml").read_text("utf-8"))
]
COMMON = ["data_dir", "hosts", "since", "until", "timezone", "language"]
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("notebooks") / "data", tmp_path_factory.mktemp("log"))


def cells(path: Path, kind: str = "code") -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def parameters(path: Path) -> str:
    (source,) = [cell.source for cell in cells(path) if "parameters" in cell.metadata.get("tags", ())]
    return source


def outputs_of(path: Path) -> str:
    """Everything that an executed notebook shows, as text."""
    made = nbformat.read(path, as_version=4)
    assert not [o for cell in made.cells if cell.cell_type == "code" for o in cell.outputs if o.output_type == "error"]
    return "\n".join(
        str(output.get("data", {}).get("text/html", ""))
        for cell in made.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


def papermill_says(*arguments: object, cwd: Path) -> None:
    """Run papermill as a person would; nothing but success will do."""
    command = [sys.executable, "-m", "papermill", *map(str, arguments), "--no-progress-bar", "-k", "python3"]
    environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": str(cwd / ".ipython")}
    said = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, env=environment)
    assert said.returncode == 0, said.stderr
    assert "unknown parameter" not in said.stderr


def test_there_are_notebooks() -> None:
    """A glob that finds nothing would prove nothing."""
    assert {"overview", "logins", "commands"} <= {path.stem for path in NOTEBOOKS}
    assert len(PARAMETER_FILES) >= 4


@each_notebook
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """What a run said belongs to the run."""
    for cell in cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert nbformat.read(path, as_version=4).metadata.keys() == {"kernelspec", "language_info"}


@each_notebook
def test_a_notebook_tells_before_it_shows(path: Path) -> None:
    """A title and a sentence first; each question is asked in prose before its code."""
    kinds = [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    prose = [cell.source for cell in cells(path, "markdown")]
    assert re.match(r"# \w[^\n]*\n\S", prose[0])
    assert [source.startswith("# ") for source in prose].count(True) == 1
    assert all(re.match(r"#{1,3} ", source) for source in prose)
    assert kinds[:3] == ["markdown", "code", "code"] or kinds[:3] == ["markdown", "code", "markdown"]


@each_notebook
def test_a_notebook_computes_nothing_itself(path: Path) -> None:
    """No function, no loop, no import but ours, no cell longer than a screen."""
    for cell in cells(path):
        assert cell.source.count("\n") < 20, cell.source
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While | ast.Try), cell.source
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
                assert names == ["audit_nb"]


@each_notebook
def test_every_notebook_takes_the_same_parameters(path: Path) -> None:
    """One parameter a line, with type, default and a comment without an equals sign (papermill would lose it).

    What a notebook takes beside those of all stands behind them.
    """
    lines = parameters(path).split("\n")
    assert lines[: len(COMMON)] == parameters(ROOT / "notebooks" / "overview.ipynb").split("\n")
    for line in lines:
        assert re.fullmatch(r"[a-z_]+: (?:str|int|list\[str\]) = [^#=]+  # [^=]+", line), line
    known = papermill.inspect_notebook(str(path))
    assert list(known)[: len(COMMON)] == COMMON
    assert len(known) == len(lines)
    assert all(parameter["help"] for parameter in known.values())


@each_notebook
def test_a_notebook_calls_itself_by_the_name_of_its_file(path: Path) -> None:
    """Its tables and figures are filed under that name."""
    named = [name for cell in cells(path) for name in re.findall(r'show\.begin\("(\w+)"', cell.source)]
    assert named == [path.stem]


@each_notebook
def test_names_of_results_do_not_repeat(path: Path) -> None:
    """Two tables of one name would overwrite each other's file."""
    for verb in ("table", "figure", "headline"):
        names = [
            word.value.value if verb != "headline" else None
            for cell in cells(path)
            for call in ast.walk(ast.parse(cell.source))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == verb
            for word in call.keywords
            if word.arg == "name"
        ]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("file", PARAMETER_FILES, ids=lambda path: path.stem)
def test_a_parameter_file_names_only_what_notebooks_take(file: Path) -> None:
    """`papermill -f` takes the same file; a name it does not know it would only warn about."""
    reports = yaml.safe_load((ROOT / "parameters" / "reports.yaml").read_text("utf-8"))
    notebooks = [ROOT / "notebooks" / f"{name}.ipynb" for name in reports[file.stem]["notebooks"]]
    known = {name for notebook in notebooks for name in papermill.inspect_notebook(str(notebook))}
    assert yaml.safe_load(file.read_text("utf-8")).keys() <= known


# ------------------------------------------------------------------------------------------- played by plain papermill

#: Plays what stands in its input with papermill's own command line, one after the other: importing papermill for each
#: would take longer than playing. A kernel that could not start (its port was taken meanwhile) is started once more.
PLAYER = """
import json, os, sys
from papermill.cli import papermill
for job in json.load(sys.stdin):
    os.makedirs(job["folder"]); os.chdir(job["folder"])
    os.environ.pop("AUDIT_NB_OUT", None)
    if job["out"]:
        os.environ["AUDIT_NB_OUT"] = job["out"]
    for attempt in (1, 2):
        said = ""
        try:
            papermill.main([*job["arguments"], "--no-progress-bar", "-k", "python3"], standalone_mode=False)
        except BaseException as fault:
            said = f"{type(fault).__name__}: {fault}"
        if "Kernel died before replying" not in said:
            break
    print(json.dumps(said), file=sys.__stdout__, flush=True)
"""
#: What the story of one host makes of each table: how many rows, or the sum of a column, counted by hand.
COUNTED = {
    "overview-summary": {"count of events": 24, "count of failed_logins": 2},
    "overview-types": {"events": 24},
    "logins-failed_logins": {"rows": 2},
    "logins-sessions": {"rows": 1},
    "logins-failed_by_account": {"failed_logins": 2},
    "logins-origins": {"events": 1},
    "privilege-asked": {"granted": 1, "refused": 1, "wrong_passwords": 1},
    "privilege-refused": {"rows": 2},
    "privilege-borrowed": {"rows": 1},
    "privilege-sudoers": {"rows": 1},
    "commands-commands": {"rows": 2},
    "commands-by_user": {"events": 2},
    "files-changed": {"rows": 1},
    "files-done": {"events": 2},
    "files-refused": {"events": 1},
    "network-destinations": {"events": 2},
    "network-listening": {"events": 1},
    "network-changes": {"rows": 1},
    "network-origins": {"events": 1},
    "system-services": {"started": 1, "failed": 1},
    "system-modules": {"rows": 1},
    "system-boots": {"rows": 1},
    "system-audit": {"rows": 1},
    "system-anomalies": {"rows": 1},
    "coverage-coverage": {"events": 24},
}


class Plain:
    """Every notebook as plain papermill plays it on a known log, with one parameter file after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.begun = folder, datetime.now(UTC)
        self.data = knownlog.fill(folder, self.begun)
        self._said: dict[str, dict[str, str]] = {}
        self._hosts: dict[str, int] = {}

    def shown(self, name: str, file: str) -> str:
        """Everything that the executed notebook shows, values no bolder than the rest."""
        assert self._played(file)[name] == ""
        return re.sub("</?b>", "", outputs_of(self.folder / file / name / "out.ipynb"))

    def table(self, file: str, name: str) -> list[dict[str, str]]:
        """The rows of a CSV."""
        self._played(file)
        with (self.folder / file / "out" / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as text:
            return list(csv.DictReader(text))

    def hosts(self, file: str) -> int:
        """Of how many hosts the story lies in the period of a parameter file."""
        self._played(file)
        return self._hosts[file]

    def _played(self, file: str) -> dict[str, str]:
        """What papermill said of each notebook; at midnight, when yesterday becomes another day, they are played again."""
        while file not in self._said:
            shutil.rmtree(self.folder / file, ignore_errors=True)
            self._hosts[file] = self._hosts_now(file)
            said = played_side_by_side([self._job(path.stem, file) for path in NOTEBOOKS])
            if self._hosts_now(file) == self._hosts[file]:
                self._said[file] = dict(zip([path.stem for path in NOTEBOOKS], said, strict=True))
        return self._said[file]

    def _job(self, name: str, file: str) -> dict[str, Any]:
        """The daily report is played in Korean; `nothing` is the demo without any data."""
        given = ["-f", str(ROOT / "parameters" / f"{'demo' if file == 'nothing' else file}.yaml")]
        given += ["-r", "data_dir", "nothing"] if file == "nothing" else ["-p", "data_dir", str(self.data)]
        given += ["-p", "language", "ko"] if file == "daily" else []
        out = None if file == "nothing" else str(self.folder / file / "out")
        played = [str(ROOT / "notebooks" / f"{name}.ipynb"), "out.ipynb"]
        return {"folder": str(self.folder / file / name), "arguments": [*played, *given], "out": out}

    def _hosts_now(self, file: str) -> int:
        if file == "nothing":
            return 0
        given = yaml.safe_load((ROOT / "parameters" / f"{file}.yaml").read_text("utf-8"))
        since, until = times.period(*(str(given[end]) for end in ("since", "until")), timezone=given["timezone"])
        return sum(since <= begin < until for begin in knownlog.beginnings(self.begun).values())


def played_side_by_side(jobs: list[dict[str, Any]]) -> list[str]:
    """What papermill said of each job, played by as many processes as there are cores."""
    environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONWARNINGS": "ignore"}
    cores = len(os.sched_getaffinity(0))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "env": environment}
    players = [subprocess.Popen([sys.executable, "-c", PLAYER], text=True, **pipes) for _ in range(cores)]
    said = [""] * len(jobs)
    try:
        for core, player in enumerate(players):
            player.stdin.write(json.dumps(jobs[core::cores]))
            player.stdin.close()
        for core, player in enumerate(players):
            said[core::cores] = map(json.loads, player.stdout.read().splitlines())
            assert player.wait(60) == 0
    finally:
        for player in players:
            player.kill()
    return said


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    return Plain(tmp_path_factory.mktemp("plain"))


each_file = pytest.mark.parametrize("file", [path.stem for path in PARAMETER_FILES])


@each_file
@each_notebook
def test_a_notebook_plays_under_plain_papermill(path: Path, file: str, plain: Plain) -> None:
    """`papermill notebooks/… out.ipynb -f parameters/….yaml` needs nothing else, and says what it saw."""
    shown = plain.shown(path.stem, file)
    assert plain.hosts(file) > 0
    if path.stem not in ("host", "incident", "explore"):  # those are about one host or one moment
        assert f"{plain.hosts(file) * knownlog.EVENTS}" in re.sub("<[^>]+>", "", shown)


@each_file
@pytest.mark.parametrize("table", COUNTED)
def test_a_table_holds_what_was_counted_by_hand(table: str, file: str, plain: Plain) -> None:
    """So many of each on one host; the period of the file holds the story of one host or of several."""
    rows = plain.table(file, table)
    for column, count in COUNTED[table].items():
        if column == "rows":
            found = len(rows)
        elif column.startswith("count of "):
            found = sum(int(row["count"]) for row in rows if row["item"] == column.removeprefix("count of "))
        else:
            found = sum(int(row[column]) for row in rows)
        assert found == count * plain.hosts(file), (table, column, rows)


@each_notebook
def test_a_notebook_runs_on_nothing_at_all(path: Path, plain: Plain) -> None:
    """Without any data it says so, without an error, and nothing is written but the notebook."""
    shown = plain.shown(path.stem, "nothing")
    assert "No events: nothing was seen in this period" in shown
    assert "nothing found" not in shown.replace("What was collected from each host: nothing found", "")
    assert {entry.name for entry in (plain.folder / "nothing" / path.stem).iterdir()} == {"out.ipynb"}


@each_notebook
def test_a_korean_notebook_says_nothing_in_english(path: Path, plain: Plain) -> None:
    """No heading of a table, no sentence, no caption, no title of a figure is left in English."""
    shown = plain.shown(path.stem, "daily")
    said = re.findall(
        r"<(?:p|caption|figcaption|summary)[^>]*>(.*?)</(?:p|caption|figcaption|summary)>", shown, re.DOTALL
    )
    plainly = [re.sub("<[^>]+>", "", text) for text in said]
    assert plainly
    assert [text for text in plainly if re.search("[A-Za-z]{3}", text) and not re.search("[가-힣]", text)] == []


def test_a_notebook_runs_by_hand_from_any_folder(tmp_path: Path, data_dir: Path) -> None:
    """`papermill notebooks/… out.ipynb -f parameters/demo.yaml` in a shell, on names that say hostile things."""
    file = ROOT / "parameters" / "demo.yaml"
    papermill_says(
        ROOT / "notebooks" / "commands.ipynb", "out.ipynb", "-f", file, "-p", "data_dir", data_dir, cwd=tmp_path
    )
    shown = outputs_of(tmp_path / "out.ipynb")
    assert f"{3 * len(NAMES)} events" in re.sub("</?b>", "", shown)
    assert "<table>" in shown
    assert {entry.name for entry in tmp_path.iterdir()} <= {"out.ipynb", ".ipython"}


def test_a_relative_data_folder_is_found_from_below(tmp_path: Path, data_dir: Path) -> None:
    """In JupyterLab a notebook runs in notebooks/, and `data` means the project's."""
    (tmp_path / "data").symlink_to(data_dir)
    (tmp_path / "notebooks").mkdir()
    papermill_says(
        ROOT / "notebooks" / "overview.ipynb", "out.ipynb", "-p", "data_dir", "data", cwd=tmp_path / "notebooks"
    )
    assert "No events" not in outputs_of(tmp_path / "notebooks" / "out.ipynb")
