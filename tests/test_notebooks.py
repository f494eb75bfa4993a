"""Notebooks tell and the package computes; each runs by hand, from any folder, on nothing at all too."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
import yaml
from hostile import NAMES, fill

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


@each_notebook
def test_a_notebook_runs_by_hand_from_any_folder(path: Path, tmp_path: Path, data_dir: Path) -> None:
    """`papermill notebooks/… out.ipynb -f parameters/demo.yaml`, and nothing is written but the notebook."""
    file = ROOT / "parameters" / "demo.yaml"
    papermill_says(path, "out.ipynb", "-f", file, "-p", "data_dir", data_dir, cwd=tmp_path)
    shown = outputs_of(tmp_path / "out.ipynb")
    assert f"{3 * len(NAMES)} events" in re.sub("</?b>", "", shown)
    assert "<table>" in shown
    assert {entry.name for entry in tmp_path.iterdir()} <= {"out.ipynb", ".ipython"}


@each_notebook
def test_a_notebook_runs_on_nothing_at_all(path: Path, tmp_path: Path) -> None:
    """Without any data it says so, without an error."""
    papermill_says(
        path, "out.ipynb", "-f", ROOT / "parameters" / "demo.yaml", "-r", "data_dir", "nothing", cwd=tmp_path
    )
    shown = outputs_of(tmp_path / "out.ipynb")
    assert "No events: nothing was seen in this period" in shown
    assert "nothing found" not in shown.replace("<b>What was collected from each host</b>: nothing found", "")


def test_a_relative_data_folder_is_found_from_below(tmp_path: Path, data_dir: Path) -> None:
    """In JupyterLab a notebook runs in notebooks/, and `data` means the project's."""
    (tmp_path / "data").symlink_to(data_dir)
    (tmp_path / "notebooks").mkdir()
    papermill_says(NOTEBOOKS[0], "out.ipynb", "-p", "data_dir", "data", cwd=tmp_path / "notebooks")
    assert "No events" not in outputs_of(tmp_path / "notebooks" / "out.ipynb")
