"""How fast and in how much memory logs become Parquet, beside audit's own tools and laurel on the same files.

    .venv/bin/python bench/parse.py --only prepare                       logs and archives, once
    .venv/bin/python bench/parse.py --only big,rivals --repeat 3         part by part; what was measured is kept
    .venv/bin/python bench/parse.py --only print                         the section of bench/README.md

Each result goes into `--results`, which `print` makes into a table; parts can be measured at different times. Rivals
take turns with ours each round: `ausearch` and `aureport` get the log's own passwd in a mount namespace (needs root):
where every look-up of a name fails they take several times longer. Logs come from `bench/replay.py`.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import replay  # noqa: E402 - beside this file

MIB = 1 << 20
MSTICPY = """
import json, sys, time
from msticpy.transform import auditdextract
began, processor = time.perf_counter(), time.process_time()
found = auditdextract.read_from_file(sys.argv[1])
print(json.dumps(dict(seconds=time.perf_counter() - began, cpu=time.process_time() - processor, events=len(found))))
"""
#: Name, bytes, whether hardly anything repeats.
LOGS = {
    "replay-8m": (8 * MIB, False),
    "replay-256m": (256 * MIB, False),
    "replay-1g": (1024 * MIB, False),
    "replay-4g": (4096 * MIB, False),
    "unlike-256m": (256 * MIB, True),
}
UNREPLAYED = "unreplayed"
LAUREL = """directory = "{folder}"
[auditlog]
file = "-"
[transform]
execve-argv = ["array"]
[translate]
universal = true
user-db = true
[enrich]
pid = false
container = false
script = false
execve-env = []
"""


class Bench:
    """The work folder, the results so far, and what has been asked for."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.work, self.path = asked, asked.work, asked.results
        self.results: list[dict[str, Any]] = json.loads(self.path.read_text()) if self.path.exists() else []

    def note(self, what: str, log: str, **values: Any) -> None:  # noqa: ANN401 - whatever was measured
        row = {
            "what": what,
            "log": log,
            "at": time.strftime("%F %T", time.gmtime()),
            "load": os.getloadavg()[0],
            **values,
        }
        self.results.append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("[\n" + ",\n".join(json.dumps(one) for one in self.results) + "\n]\n")
        print(json.dumps(row), file=sys.stderr)

    def log(self, name: str) -> Path:
        return self.work / f"{name}.log"

    def data(self, name: str) -> Path:
        """The data folder whose archive holds the log."""
        return self.work / f"{name}.data"


# ------------------------------------------------------------------------------------------------------------- the logs


def prepare(bench: Bench) -> None:
    """Write the logs, and take each into an archive of its own."""
    from audit_nb import collect

    bench.work.mkdir(parents=True, exist_ok=True)
    capture = bench.asked.capture or replay.SAMPLES / "db02"
    bench.log(UNREPLAYED).write_bytes(replay.read_capture(capture))
    for name in ("passwd", "group"):
        found = replay.beside(capture, name)
        bench.log(UNREPLAYED).with_suffix(f".log.{name}").write_bytes(found)
    for name, (size, unlike) in LOGS.items():
        if not bench.log(name).exists() and not (size > 1024 * MIB and bench.asked.small):
            replay.write(bench.log(name), size, unlike=unlike, seed=len(name))
    for path in sorted(bench.work.glob("*.log")):
        if not bench.data(path.stem).exists():
            result = collect.import_paths([path], "web01", bench.data(path.stem))
            assert result.outcome == "done", result


# ---------------------------------------------------------------------------------------------------------- one running


def run(
    command: list[str], *, log: Path | None = None, stdin: Path | None = None, **environment: str
) -> dict[str, Any]:
    """Seconds, highest memory in MB and processor seconds of a command; its names are those of the log's people."""
    with (stdin or Path(os.devnull)).open("rb") as source, tempfile.TemporaryFile() as errors:
        if log is not None:
            people = [f"mount --bind {log}.{name} /etc/{name}" for name in ("passwd", "group")]
            command = ["unshare", "-m", "sh", "-c", " && ".join([*people, 'exec "$@"']), "sh", *command]
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=source, stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, **environment}
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{command} ended with {process.returncode}: {errors.read()[-2000:].decode()}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024}


def rival(bench: Bench, tool: str, name: str) -> None:
    log, fair = bench.log(name), {"TZ": "UTC", "LC_ALL": "C"}
    if tool == "ausearch":
        found = run(["ausearch", "--format", "csv", "-if", str(log)], log=log, **fair)
    elif tool == "aureport":
        found = run(["aureport", "--summary", "-if", str(log)], log=log, **fair)
    elif tool == "laurel":
        config = bench.work / "laurel.toml"
        config.write_text(LAUREL.format(folder=bench.work))
        found = run(["laurel", "-c", str(config)], log=log, stdin=log, **fair)
    else:
        found = run(["wc", "-l", str(log)])
    bench.note(tool, name, **found)


WARM = """
import json, resource, sys, time
from pathlib import Path
{before}
from audit_nb import store
for folder in sys.argv[1:-1]:
    store.rebuild(Path(folder))  # another log: what is compiled and imported stays
began, processor = time.perf_counter(), time.process_time()
result, = store.rebuild(Path(sys.argv[-1]))
seconds, cpu = time.perf_counter() - began, time.process_time() - processor
assert result.outcome == "done", result
print(json.dumps(dict(seconds=seconds, cpu=cpu, events=result.events,
    rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024{after})))
"""


def ours(bench: Bench, name: str) -> None:
    """A warm process: one that has already read another log; each time a new one, so that no text is remembered."""
    before = [str(bench.data("warming-up"))]
    code = WARM.format(before="", after="")
    done = subprocess.run(
        [sys.executable, "-c", code, *before, str(bench.data(name))], capture_output=True, check=True, text=True
    )
    found = json.loads(done.stdout)
    files = bench.data(name).joinpath("store").rglob("*.parquet")
    bench.note("warm", name, **found, parquet=sum(path.stat().st_size for path in files))


def fresh(bench: Bench, name: str) -> None:
    """`audit-nb rebuild` as a person types it."""
    command = [str(Path(sys.executable).with_name("audit-nb")), "--data-dir", str(bench.data(name)), "rebuild"]
    bench.note("fresh", name, **run(command))


def bytes_to_parquet(bench: Bench, name: str) -> None:
    """Without archive, survey and index: the bytes in parts, each read by a thread and written to its own file.

    A process that has read a small log reads this one for the first time, with memory that is new to it (`bare first`),
    and then again, as a process does that goes on (`bare`): what it remembered of the texts is forgotten each time.
    """
    out = bench.work / "bare"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(bench.log("warming-up")), str(bench.log(name)), str(out)],
        capture_output=True,
        check=True,
        text=True,
    )
    for what, found in zip(("bare first", "bare", "bare"), map(json.loads, done.stdout.splitlines()), strict=True):
        bench.note(what, name, **found)


BARE = """
import functools, gc, json, mmap, os, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from audit_nb import memory
memory.share_heap()
from audit_nb import events, files
from audit_nb.intake import write_parquet
from audit_nb.redact import arrays
from audit_nb.spans import Piece
from audit_nb.survey import part_bytes

def parts(path, most):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as log:
        begin = 0
        while begin < len(log):
            end = log.find(b"\\n", min(begin + most, len(log) - 1)) + 1 or len(log)
            yield begin, end
            begin = end

def read(source, number, begin, end):
    over = begin % mmap.ALLOCATIONGRANULARITY
    with (
        open(source, "rb") as file,
        mmap.mmap(file.fileno(), end - begin + over, prot=mmap.PROT_READ, offset=begin - over) as log,
        memoryview(log) as mapped,
        mapped[over:] as data,
    ):
        parsed = events.read_events([Piece(data, number + 1)], host="web01")
    path = Path(sys.argv[3], f"{number:04d}.parquet")
    write_parquet(path, parsed.events)
    return path, len(parsed.events)

def whole(source):
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        waiting, made = [], []
        for number, part in enumerate(parts(source, part_bytes(os.path.getsize(source), cores))):
            waiting.append(pool.submit(read, source, number, *part))
            if len(waiting) > cores:
                made.append(waiting.pop(0).result())
        made += [one.result() for one in waiting]
    files.sync_all([path for path, _ in made])
    return sum(events for _, events in made)

def forget():
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper) and one.cache_info().maxsize:
            one.cache_clear()
    for one in (arrays._commands, arrays._texts):
        one.__init__()

with memory.kept():
    whole(sys.argv[1])
    for _ in range(3):
        forget()
        began, processor = time.perf_counter(), time.process_time()
        found = whole(sys.argv[2])
        print(json.dumps(dict(seconds=time.perf_counter() - began, cpu=time.process_time() - processor, events=found,
            rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
"""

STAGES = """
import threading
from audit_nb import archive, events, intake, redact, spans, survey, values
shares, state, lock = {}, threading.local(), threading.Lock()

def timed(owner, name, stage):
    function = getattr(owner, name)
    def measured(*given, **named):
        inner = state.__dict__.setdefault("inner", [])
        inner.append(0.0)
        began = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            took = time.thread_time() - began
            mine = took - inner.pop()
            if inner:
                inner[-1] += took
            with lock:
                shares[stage] = shares.get(stage, 0.0) + mine
    setattr(owner, name, measured)

timed(archive.Archive, "read", "archive: unpack, check SHA-256")
timed(intake, "survey", "survey: find records, times, boots")
timed(intake, "counted", "survey: find records, times, boots")
timed(intake, "find", "find the records of a part")
timed(intake, "joined", "find the records of a part")
timed(events, "read_spans", "numbers, phrases, events, fields")
timed(values.Values, "__init__", "decode distinct values")
timed(events._Builder, "build", "build the columns")
for one in ("commands", "texts"):
    timed(redact, one, "mask secrets")
timed(events, "_keystrokes", "mask secrets")
timed(intake, "write_parquet", "write Parquet")
"""


def stages(bench: Bench, name: str) -> None:
    """Processor seconds by stage, in a run of their own: to look costs a little."""
    code = WARM.format(before=STAGES, after=", shares=shares, total=cpu").replace(
        "began, processor", "shares.clear()\nbegan, processor", 1
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bench.data("warming-up")), str(bench.data(name))],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    bench.note("stages", name, **json.loads(done.stdout))


def msticpy(bench: Bench) -> None:
    """What it makes of the small log, in the Python where it is installed."""
    done = subprocess.run(
        [bench.asked.msticpy, "-c", MSTICPY, str(bench.log("replay-8m"))], capture_output=True, check=True, text=True
    )
    bench.note("msticpy", "replay-8m", **json.loads(done.stdout.splitlines()[-1]), rss_mb=0)


def small(bench: Bench) -> None:
    """Import, first compile, and what a process costs that reads a file of auditd's default size."""
    code = "import time; began = time.perf_counter(); import audit_nb; print(time.perf_counter() - began)"
    for _ in range(bench.asked.repeat):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
        bench.note("import", "-", seconds=float(done.stdout))
        ours(bench, "replay-8m")
        fresh(bench, "replay-8m")
    with tempfile.TemporaryDirectory() as cache:
        for what in ("first compile", "compiled before"):
            found = run([sys.executable, "-c", COMPILE, str(bench.log("warming-up"))], NUMBA_CACHE_DIR=cache)
            bench.note(what, "-", **found)


COMPILE = """
import sys
from audit_nb import events
events.read_events([open(sys.argv[1], "rb").read(500_000).rpartition(b"\\n")[0] + b"\\n"], host="h")
"""


# ------------------------------------------------------------------------------------------------------------- printing


def median(rows: list[dict[str, Any]], key: str = "seconds") -> float | None:
    values = [row[key] for row in rows if key in row]
    return statistics.median(values) if values else None


def section(bench: Bench) -> Iterator[str]:
    """What was measured, as Markdown."""
    yield (
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors, Python {platform.python_version()}, "
        + _versions()
    )
    yield ""
    columns = ("log", "bytes", "by", "runs", "seconds, median", "processor seconds", "MB/s", CSV_RATIO, "memory, MB")
    yield "| " + " | ".join(columns) + " |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|"
    for name in (UNREPLAYED, *LOGS):
        rows = [row for row in bench.results if row["log"] == name]
        reference = median([row for row in rows if row["what"] == "ausearch"])
        for what, title in TITLES.items():
            mine = [row for row in rows if row["what"] == what]
            seconds = median(mine)
            if seconds is None:
                continue
            size = bench.log(name).stat().st_size
            ratio = f"{reference / seconds:.2f}" if reference else ""
            memory = max(row["rss_mb"] for row in mine) or math.nan
            cells = (
                name,
                f"{size:,}",
                title,
                len(mine),
                f"{seconds:.2f}",
                f"{median(mine, 'cpu'):.2f}",
                f"{size / seconds / 1e6:.0f}",
                ratio,
                f"{memory:.0f}".replace("nan", ""),
            )
            yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""
    yield from _parquet(bench)
    yield from _shares(bench)
    yield from _once(bench)


CSV_RATIO = "times as fast as `ausearch --format csv`"
TITLES = {
    "warm": "ours, warm process: archive to store",
    "bare": "ours, warm process: file to Parquet",
    "bare first": "the same, the first time",
    "fresh": "ours, `audit-nb rebuild`",
    "ausearch": "`ausearch --format csv`",
    "aureport": "`aureport --summary`",
    "laurel": "laurel",
    "wc": "`wc -l`",
    "msticpy": "msticpy's `auditdextract`",
}


def _versions() -> str:
    said = []
    for command in (["ausearch", "-v"], ["laurel", "-v"]):
        if shutil.which(command[0]):
            said.append(
                " ".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()[:3])
            )
    return ", ".join(said)


def _parquet(bench: Bench) -> Iterator[str]:
    for name in (UNREPLAYED, *LOGS):
        found = [row["parquet"] for row in bench.results if row["log"] == name and "parquet" in row]
        if found:
            size = bench.log(name).stat().st_size
            yield f"Parquet of {name}: {found[-1]:,} bytes, 1/{size / found[-1]:.0f} of the log."
            yield ""


def _shares(bench: Bench) -> Iterator[str]:
    for row in bench.results:
        if row["what"] == "stages":
            rest = row["total"] - sum(row["shares"].values())
            yield f"Processor seconds of {row['log']} by stage, {row['total']:.2f} in all:"
            yield ""
            yield "| stage | seconds | share |"
            yield "|---|---:|---:|"
            for stage, took in [*sorted(row["shares"].items(), key=lambda one: -one[1]), ("the rest", rest)]:
                yield f"| {stage} | {took:.2f} | {took / row['total']:.0%} |"
            yield ""


def _once(bench: Bench) -> Iterator[str]:
    for what, words in (
        ("import", "`import audit_nb`"),
        ("first compile", "A process that compiles everything, into an empty cache folder"),
        ("compiled before", "The same with that folder"),
    ):
        rows = [row for row in bench.results if row["what"] == what]
        if rows:
            yield f"{words}: {median(rows):.2f} s (median of {len(rows)})."
            yield ""
    loads = [row["load"] for row in bench.results]
    if loads:
        yield f"Load average while measuring: {statistics.median(loads):.1f} (median), {max(loads):.1f} (highest)."


# ------------------------------------------------------------------------------------------------------------ the parts


def rounds(bench: Bench, name: str, *, slow: bool = True) -> None:
    """Ours and the rivals in turn; the slow ones in the first rounds only."""
    for turn in range(bench.asked.repeat):
        for measure in (ours, bytes_to_parquet, fresh):
            measure(bench, name)
        if slow and turn < bench.asked.rivals:
            for tool in bench.asked.tools.split(","):
                rival(bench, tool, name)


PARTS: dict[str, Callable[[Bench], None]] = {
    "prepare": prepare,
    "unreplayed": lambda bench: rounds(bench, UNREPLAYED),
    "quarter": lambda bench: rounds(bench, "replay-256m"),
    "big": lambda bench: rounds(bench, "replay-1g"),
    "huge": lambda bench: rounds(bench, "replay-4g", slow=False),
    "unlike": lambda bench: rounds(bench, "unlike-256m"),
    "small": small,
    "msticpy": msticpy,
    "stages": lambda bench: stages(bench, "replay-1g"),
    "print": lambda bench: print("\n".join(section(bench))),
}


@contextmanager
def warming_up(bench: Bench) -> Iterator[None]:
    """A small log of its own, with which a process is warmed up."""
    from audit_nb import collect

    bench.work.mkdir(parents=True, exist_ok=True)
    if not bench.log("warming-up").exists():
        replay.write(bench.log("warming-up"), 4 * MIB, seed=99)
    if not bench.data("warming-up").exists():
        collect.import_paths([bench.log("warming-up")], "web01", bench.data("warming-up"))
    yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "audit-nb-parse")
    parser.add_argument("--results", type=Path, default=HERE / "results/parse.json")
    usual = ",".join(part for part in PARTS if part != "msticpy")
    parser.add_argument("--only", default=usual, help=f"parts, in their order: {', '.join(PARTS)}")
    parser.add_argument("--repeat", type=int, default=3, help="how often ours is measured")
    parser.add_argument("--rivals", type=int, default=3, help="in how many of these rounds the others are, too")
    parser.add_argument("--tools", default="ausearch,aureport,laurel,wc")
    parser.add_argument("--capture", type=Path, help="a folder of audit.log* to be read as it is, instead of a sample")
    parser.add_argument("--msticpy", default=sys.executable, help="a Python that has msticpy")
    parser.add_argument("--small", action="store_true", help="without the log of 4 GB")
    bench = Bench(parser.parse_args())
    with warming_up(bench):
        for part in bench.asked.only.split(","):
            PARTS[part](bench)


if __name__ == "__main__":
    main()
