"""Plays notebooks with papermill, side by side on the cores there are, and judges by itself how each of them ended.

papermill's metadata call a notebook completed whose kernel died, and `sys.exit(0)` ends one early without a word. So
the exception counts, and after it whether every code cell was really run.
"""

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_nb import show, words
from audit_nb.progress import Step, Tell
from audit_nb.report.plan import Notebook, Plan

if TYPE_CHECKING:
    from nbformat import NotebookNode

# Importing rfc3987_syntax takes 1.3 s, only to check a format that nobody here uses; jsonschema does without it.
# (jsonschema 4.26, jupyter-events 0.12: nbformat and with it papermill and nbconvert import it.)
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

_logger = logging.getLogger(__name__)

ERROR_LETTERS = 600
INJECTED_TAG, ERROR_TAG = "injected-parameters", "papermill-error-cell-tag"  # cells that papermill adds to the file's
#: What a kernel gets of our environment: no credential can reach a notebook, and so none a report.
_PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SOURCE_DATE_EPOCH",
)
_PASSED_PREFIXES = ("LC_", "PYTHON", "NUMBA_", "MPL", "OMP_", "JUPYTER_", "XDG_CACHE", "XDG_CONFIG", "COVERAGE_")


@dataclass(frozen=True)
class Played:
    """How a notebook ended; `cell` counts the cells of its file from 1, `heading` is the one that cell stands under."""

    name: str
    title: str
    status: str
    error: str | None
    cell: int | None
    heading: str | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The row of `report.json`."""
        return asdict(self) | {
            "seconds": round(self.seconds, 1),
            "html": f"{self.name}.html",
            "ipynb": f"notebooks/{self.name}.ipynb",
        }


def notebooks(plan: Plan, out: Path, *, timeout_s: float, tell: Tell) -> list[Played]:
    """Play the notebooks of the plan, results and executed notebooks into `out`; in the plan's order."""
    from audit_nb.files import private_directory

    private_directory(out / "notebooks")
    cores = len(os.sched_getaffinity(0))
    running: set[Any] = set()
    with ThreadPoolExecutor(min(cores, len(plan.notebooks)), thread_name_prefix="play") as pool:
        try:
            work = {pool.submit(_play, one, plan, out, running, timeout_s, tell): one for one in plan.notebooks}
            ended = {work[future].name: future.result() for future in as_completed(work)}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for kernel in list(running):
                kernel.kill()
            raise
    return [ended[one.name] for one in plan.notebooks]


def results(out: Path, name: str) -> list[dict[str, Any]]:
    """What a notebook wrote about itself, line by line; an unfinished last line of a dead kernel is left out."""
    path = out / "results" / f"{name}.jsonl"
    found = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def _play(notebook: Notebook, plan: Plan, out: Path, running: set[Any], timeout_s: float, tell: Tell) -> Played:
    began = time.monotonic()
    target = out / "notebooks" / f"{notebook.name}.ipynb"
    with _scratch() as scratch:
        kernel = _Kernel(scratch, _environment(scratch, out, plan), timeout_s, plan.language)
        running.add(kernel)
        try:
            error = _execute(notebook, plan, target, kernel, scratch, tell)
        finally:
            running.discard(kernel)
            kernel.disarm()
    ended = _ended(notebook, target, error, time.monotonic() - began, plan.language)
    said = f"{ended.seconds:.1f} s" if ended.status == "done" else f"failed in cell {ended.cell}: {ended.error}"
    tell(Step("play", notebook.name, text=said, failed=ended.status == "failed"))
    return ended


def _execute(
    notebook: Notebook, plan: Plan, target: Path, kernel: "_Kernel", scratch: Path, tell: Tell
) -> tuple[str, int | None] | None:
    """Execute; None, or what went wrong and the place of the cell among the executed ones where it is known."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what goes wrong is told by us, once
    parameters = {name: value for name, value in plan.parameters.items() if name in notebook.types}
    total = len(_cells(notebook.path))
    done = iter(range(1, total + 2))

    def counted(**_: object) -> None:
        tell(Step("play", notebook.name, done=min(next(done, total), total), total=total, unit="cells"))

    try:
        papermill.execute_notebook(
            str(notebook.path).replace("{", "{{").replace("}", "}}"),
            str(target).replace("{", "{{").replace("}", "}}"),
            parameters=parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            kernel_manager_class=kernel.manager_class(),
            shutdown_kernel="immediate",
            iopub_timeout=60,
            resources={"metadata": {"path": str(scratch)}},
            on_cell_start=counted,
        )
    except PapermillExecutionError as fault:
        return _said(fault.ename, fault.evalue), fault.cell_index
    except Exception as fault:  # noqa: BLE001 - whatever it was, it is one notebook that failed
        _logger.debug("notebook %s", notebook.name, exc_info=True)
        return kernel.why(fault), None
    return None


def _ended(
    notebook: Notebook, target: Path, error: tuple[str, int | None] | None, seconds: float, language: str
) -> Played:
    """The verdict, from the exception and from what was really run."""
    import nbformat

    if not target.exists():
        target.write_text(notebook.path.read_text(encoding="utf-8"), encoding="utf-8")
    executed = nbformat.read(target, as_version=4)
    title = notebook.title(language)
    _forget_paths(executed, target)
    cells = [cell for cell in executed.cells if ERROR_TAG not in cell.metadata.get("tags", ())]
    if error is None and all(_is_finished(cell) for cell in cells):
        return Played(notebook.name, title, "done", None, None, None, seconds)
    said, place = error or (words.say("play.ended_early", language), None)
    place = _last_begun(cells) if place is None else place
    cell, heading = _where(cells[: place + 1]) if place is not None else (None, None)
    return Played(notebook.name, title, "failed", said, cell, heading, seconds)


def _last_begun(cells: Sequence["NotebookNode"]) -> int | None:
    begun = [place for place, cell in enumerate(cells) if _mark(cell).get("start_time")]
    return begun[-1] if begun else None


def _is_finished(cell: "NotebookNode") -> bool:
    """A code cell that was really run has got a number from the kernel, whatever its status says."""
    if cell.cell_type != "code" or not cell.source.strip():
        return True
    mark = _mark(cell)
    return mark.get("status") == "completed" and not mark.get("exception") and cell.execution_count is not None


def _mark(cell: "NotebookNode") -> Mapping[str, Any]:
    return cell.metadata.get("papermill", {})


def _where(cells: Sequence["NotebookNode"]) -> tuple[int, str | None]:
    """The last of these executed cells: its number in the notebook's file and the heading it stands under."""
    own = [cell for cell in cells if INJECTED_TAG not in cell.metadata.get("tags", ())]
    headings = [line for cell in own if cell.cell_type == "markdown" for line in cell.source.split("\n")]
    found = next((line.lstrip("#").strip() for line in reversed(headings) if line.startswith("#")), None)
    return len(own), found


def _forget_paths(executed: "NotebookNode", target: Path) -> None:
    """Leave out of the kept notebook where it was made."""
    import nbformat

    known = executed.metadata.get("papermill", {})
    known.pop("environment_variables", None)
    for key in ("input_path", "output_path"):
        if known.get(key):
            known[key] = Path(known[key]).name
    nbformat.write(executed, target)


def _said(name: str, text: str) -> str:
    """An exception in one line; our own errors are sentences already."""
    sentence = text if name in ("UsageError", "AuditNbError") else f"{name}: {text}"
    sentence = words.visible(" ".join(sentence.split("\n")).strip())
    return sentence if len(sentence) <= ERROR_LETTERS else f"{sentence[:ERROR_LETTERS]}…"


def _cells(path: Path) -> Sequence[Mapping[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


class _Kernel:
    """One notebook's kernel: our own Python, sockets in a private folder, an environment without secrets, a time limit.

    A kernel that talks over TCP can be overheard by every user of the machine; two over ipc in one folder read each
    other's messages.
    """

    def __init__(self, scratch: Path, environment: dict[str, str], timeout_s: float, language: str) -> None:
        self._scratch = scratch
        self._language = language
        self._environment = environment
        self._timeout_s = timeout_s
        self._timer: threading.Timer | None = None
        self._manager: Any = None
        self._is_late = False

    def manager_class(self) -> type:
        """The kernel manager that nbclient shall make; it owns it and shuts it down."""
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager

        kernel = self

        class OwnPython(KernelSpecManager):
            def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
                argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
                return KernelSpec(argv=argv, display_name="Python 3", language="python", resource_dir="")

        class Manager(AsyncKernelManager):
            def __init__(self, **given: Any) -> None:  # noqa: ANN401 - the options of a kernel manager
                place = {"ip": str(kernel._scratch / "k"), "connection_file": str(kernel._scratch / "kernel.json")}
                super().__init__(transport="ipc", kernel_spec_manager=OwnPython(), **place, **given)

            async def start_kernel(self, **given: Any) -> None:  # noqa: ANN401 - the options of a process
                await super().start_kernel(**(given | {"env": kernel._environment}))
                kernel._started(self)

        return Manager

    def _started(self, manager: Any) -> None:  # noqa: ANN401 - a kernel manager
        self._manager = manager
        self._timer = threading.Timer(self._timeout_s, self._late)
        self._timer.daemon = True
        self._timer.start()

    def _late(self) -> None:
        self._is_late = True
        self.kill()

    def kill(self) -> None:
        """End the kernel's process at once."""
        process = getattr(getattr(self._manager, "provisioner", None), "process", None)
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def disarm(self) -> None:
        """The notebook has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def why(self, fault: Exception) -> str:
        """What an exception that is not the notebook's own means."""
        from nbclient.exceptions import DeadKernelError

        if self._is_late:
            return words.say("play.late", self._language, seconds=int(self._timeout_s))
        if isinstance(fault, DeadKernelError):
            return words.say("play.died", self._language)
        return _said(type(fault).__name__, str(fault))


def _environment(scratch: Path, out: Path, plan: Plan) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)}
    return passed | {
        show.OUT: str(out.resolve()),
        show.NOTEBOOKS: json.dumps([notebook.name for notebook in plan.notebooks]),
        **({show.FOR_EXCEL: "1"} if plan.csv_for_excel else {}),
        "IPYTHONDIR": str(scratch / "ipython"),  # an analyst's start-up files are not part of a report
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "PYTHONIOENCODING": "utf-8",
    }


@contextmanager
def _scratch() -> Iterator[Path]:
    """A short private folder: the address of a unix socket has at most 107 letters."""
    base = next(place for place in _short_places() if os.access(place, os.W_OK))
    folder = Path(tempfile.mkdtemp(prefix="anb-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _short_places() -> Iterable[str]:
    candidates = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108 - mkdtemp makes it private
    return [place for place in candidates if place and len(place) <= 70 and Path(place).is_dir()] or [
        tempfile.gettempdir()
    ]
