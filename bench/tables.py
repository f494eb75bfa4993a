"""How long the questions take on five million events: `python bench/tables.py FOLDER [QUESTION]…`, printed as Markdown.

A question is a name and what it is told: `summary`, `"files summary"`, `"search file=/etc/shadow"`; without any, all.

FOLDER is made by `bench/fleet.py`, if need be. Each question is asked in a process of its own, of `open_events` of the
whole store, as a notebook asks it: what is counted is taken whole, of a list its first thousand rows.

    start s  Python, our imports and those of the engine, which loads pandas with its first answer
    cold s   the first answer, the store's files gone from the page cache
    warm s   the median of three more in the same process
    CPU s    of those, what all threads worked together: on an idle machine with two cores about twice the warm seconds
    GB       the most memory that the process ever held, start included

With `overview` for a question: all that the page asks, one after another in one process, as a notebook does.
With `beside` for a question: aureport and ours on the first days of one host, for all of its reports or those that are
named behind it by the question of ours (`beside 7 "files summary" logins`: of a week; else of one day, because its
list of processes takes minutes of more).
"""

import inspect
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGAN = time.perf_counter()
TIMES, ROWS, DAYS = 3, 1000, 30
#: The last day of the store, which the questions are asked for that compare a period with what was before it.
DAY = {"since": datetime(2026, 10, 29), "until": datetime(2026, 10, 30)}
#: What a question needs to be told; a process tree and a story are those of one host's day.
TOLD = {"process_tree": {"host": "web01", **DAY}, "story": {"host": "web01", **DAY}}
#: What the page `overview` asks, all of which may take three seconds.
OVERVIEW = ("coverage", "volume", "types", "keys summary", "users summary", "executables summary", "summary")
#: What is searched for: by each kind of thing that the filters look at, and by several at once.
SEARCHES = (
    "search file=/etc/shadow",
    "search key=exec",
    "search exe=sshd",
    "search pid=1",
    "search auid=1004",
    "search types=USER_LOGIN,USER_AUTH",
    "search address=198.51.100.",
    "search command=passwd match=regex",
    "search object=shadow_t",
    "search session=1 syscall=execve exit=0",
)
HOST, FIRST = "web01", datetime(2026, 10, 1)
#: aureport's report, and the question of ours that answers it.
BESIDE = {
    "": "summary",
    "-e --summary": "types",
    "-k --summary": "keys summary",
    "-x --summary": "executables summary",
    "-u --summary": "users summary",
    "-f --summary": "files summary",
    "-s --summary": "syscalls summary",
    "-h --summary": "hosts summary",
    "-p --summary": "pids summary",
    "-au": "authentications",
    "-l": "logins",
    "-m": "account_changes",
    "-c": "configuration_changes",
    "-n": "anomalies",
    "-t": "log_times",
}


# ------------------------------------------------------------------------------------------ in a process of its own


def asked(folder: Path, name: str, *words: str, **part: object) -> Callable[[], int]:
    """A question as a function that answers it and says how many rows the answer had."""
    import ibis

    import audit_nb
    from audit_nb import store, tables  # noqa: F401 - what opens the events is part of the start

    function = getattr(tables, name)
    known = inspect.signature(function).parameters
    needed = {
        word: value for word, value in DAY.items() if word in known and known[word].default is inspect.Parameter.empty
    }
    options = dict(map(option, words)) | needed | TOLD.get(name, {})
    stored = folder / "data"
    ibis.duckdb.connect().to_pyarrow(ibis.literal(1))

    def answer() -> int:
        events = audit_nb.open_events(stored, **part)
        of_hosts = {"hosts": audit_nb.open_hosts(stored)} if "hosts" in known else {}
        rows = function(events, **options, **of_hosts)
        return (rows.limit(ROWS) if "serial" in rows.columns else rows).to_pyarrow().num_rows

    return answer


def option(word: str) -> tuple[str, object]:
    """`summary` is true, `pid=1` a number, `exe=sshd` a text."""
    name, _, value = word.partition("=")
    return name, (int(value) if value.isdigit() else value) if value else True


def measure(folder: Path, question: str) -> dict[str, float]:
    """One question in this process: seconds, rows and memory."""
    answers = [asked(folder, *one.split()) for one in (OVERVIEW if question == "overview" else (question,))]
    start = time.perf_counter() - BEGAN
    forget(folder)
    took, worked, rows = [], [], 0
    for _ in range(1 + TIMES):
        began, before = time.perf_counter(), time.process_time()
        rows = sum(answer() for answer in answers)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - before)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    warm, cpu = statistics.median(took[1:]), statistics.median(worked[1:])
    return {"rows": rows, "start": start, "cold": took[0], "warm": warm, "cpu": cpu, "memory": memory}


def forget(folder: Path) -> None:
    """Let the kernel forget the store's files."""
    for path in (folder / "data" / "store").rglob("*.parquet"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# ------------------------------------------------------------------------------------------------------- the tables


def questions() -> Iterator[str]:
    """The overview and every question; what it can do beside listing is one more."""
    from audit_nb import tables

    yield "overview"
    for name, question in tables.questions().items():
        yield name
        known = inspect.signature(question.function).parameters
        if "summary" in known:
            yield f"{name} summary"
        if name in ("summary", "types"):
            yield f"{name} as_aureport"
        if name == "search":
            yield from SEARCHES


def apart(folder: Path, question: str) -> dict[str, float] | str:
    """What a process of its own measured, or its last words."""
    done = subprocess.run(
        [sys.executable, __file__, str(folder), "--measure", question], capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.returncode == 0 else (done.stderr.strip().split("\n") or ["?"])[-1]


def describe(folder: Path) -> None:
    """What was measured, and on what."""
    import audit_nb

    files = list((folder / "data" / "store").rglob("*.parquet"))
    size = sum(path.stat().st_size for path in files) / 1e6
    text = sum(path.stat().st_size for path in (folder / "logs").iterdir()) / 1e6
    rows = audit_nb.open_hosts(folder / "data").to_pyarrow().to_pylist()
    events, records = (sum(row[name] for row in rows) for name in ("events", "records"))
    print(
        f"{events:,} events ({records:,} records) of {len(rows)} hosts in {DAYS} days, "
        f"in {len(files)} files, {size:,.0f} MB; as text {text:,.0f} MB. {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}\n"
    )


def report(folder: Path, chosen: list[str]) -> None:
    """A row for each question."""
    print("| question | rows | start s | cold s | warm s | CPU s | GB |\n|---|---:|---:|---:|---:|---:|---:|")
    for question in chosen:
        took = apart(folder, question)
        if isinstance(took, str):
            print(f"| {question} | {took} | | | | | |", flush=True)
            continue
        figures = " | ".join(f"{took[name]:.2f}" for name in ("start", "cold", "warm", "cpu", "memory"))
        print(f"| {question} | {took['rows']:,} | {figures} |", flush=True)


def beside(folder: Path, days: int, chosen: list[str]) -> None:
    """aureport and ours on some days of one host, which both find in the page cache, as seconds and as a ratio."""
    import audit_nb

    part = {"hosts": [HOST], "until": FIRST + timedelta(days=days)}
    log = folder / f"{days}-days.log"
    cut(folder / "logs" / f"{HOST}.log", log, part["until"])
    events = audit_nb.open_events(folder / "data", **part).count().to_pyarrow().as_py()
    print(f"{HOST}, {days} days: {events:,} events, {log.stat().st_size / 1e6:,.0f} MB of text\n")
    print("| question | aureport | aureport s | cold s | warm s | ratio, cold |\n|---|---|---:|---:|---:|---:|")
    for options, question in BESIDE.items():
        if chosen and question not in chosen:
            continue
        began = time.perf_counter()
        subprocess.run(["aureport", "-if", str(log), *options.split()], capture_output=True, check=True)
        theirs = time.perf_counter() - began
        answer = asked(folder, *question.split(), **part)
        took = []
        for _ in range(1 + TIMES):
            began = time.perf_counter()
            answer()
            took.append(time.perf_counter() - began)
        cold, warm = took[0], statistics.median(took[1:])
        print(
            f"| {question} | `{options}` | {theirs:.2f} | {cold:.3f} | {warm:.3f} | {theirs / cold:,.0f} |", flush=True
        )


def cut(log: Path, part: Path, until: datetime) -> None:
    """The lines of a log before a moment; its times rise."""
    with log.open("rb") as lines, part.open("wb") as out:
        end = int(until.replace(tzinfo=UTC).timestamp())
        for block in iter(lambda: lines.readlines(1 << 22), []):
            if int(block[-1].split(b"audit(", 1)[1].split(b".", 1)[0]) >= end:
                out.writelines(line for line in block if int(line.split(b"audit(", 1)[1].split(b".", 1)[0]) < end)
                break
            out.writelines(block)


def main() -> None:
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    if words[:1] == ["--measure"]:
        print(json.dumps(measure(folder, words[1])))
        return
    if not (folder / "data" / "store").is_dir():
        subprocess.run([sys.executable, Path(__file__).with_name("fleet.py"), folder], check=True)
    describe(folder)
    if words[:1] == ["beside"]:
        days = int(words.pop(1)) if words[1:] and words[1].isdigit() else 1
        beside(folder, days, words[1:])
    else:
        report(folder, words or list(questions()))


if __name__ == "__main__":
    main()
