"""Records what aureport says about the samples: `python tests/data/aureport/record.py [NAME]…` writes <name>.json beside this file.

Each report stands with the command that printed it. A short one is kept row by row; of a long one the number of rows and the
SHA-256 of its sorted rows. The running number in front of a listed event is left out, the order of rows too.
"""

import hashlib
import json
import lzma
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
#: Question of ours, and the report of aureport that answers it; "" is the first page.
REPORTS = {
    "summary": "",
    "account_changes": "-m",
    "anomalies": "-n",
    "authentications": "-au",
    "avcs": "-a",
    "comms": "--comm",
    "configuration_changes": "-c",
    "crypto": "-cr",
    "events": "-e",
    "executables": "-x",
    "files": "-f",
    "hosts": "-h",
    "integrity": "--integrity",
    "keys": "-k",
    "keystrokes": "--tty",
    "logins": "-l",
    "mac_changes": "-ma",
    "pids": "-p",
    "responses": "-r",
    "syscalls": "-s",
    "terminals": "-tm",
    "users": "-u",
    "virtual_machines": "--virt",
}
#: What is asked about: the files of a log, the oldest first, and the part of it from one second to another (inclusive, as
#: aureport counts) or None. The records of web01 came late before and after that part, not in it. The lessons are one log as
#: far as their events do not meet (07 uses a serial of 08, 10 and 11 one of 05); of 04 aureport reads next to nothing. The
#: spellings were written by hand: ids, keys, names, results, terminals and addresses in every form, records of daemons and
#: kernels that the captures lack, several nodes in one millisecond.
LESSONS = "tests/data/logs"
LOGS = {
    "db02": ("samples/db02/audit/audit.log*.xz", None),
    "web01": ("samples/web01/audit/audit.log*.xz", None),
    "web01-quiet": ("samples/web01/audit/audit.log*.xz", ("11/23/26 02:09:00", "11/23/26 02:17:00")),
    "lessons": (f"{LESSONS}/0[1-35689]_*.log", None),
    "lessons-moment": (f"{LESSONS}/07_*.log", None),
    "lessons-parents": (f"{LESSONS}/10_*.log", None),
    "lessons-results": (f"{LESSONS}/11_*.log", None),
    "spellings": ("tests/data/aureport/spellings.log", None),
}
OUTCOMES = {"": [], " success": ["--success"], " failed": ["--failed"]}
#: Reports that are asked for one outcome too.
BY_OUTCOME = ("summary", "authentications", "events", "keys", "logins")
LONGEST = 120


def contents(pattern: str) -> list[bytes]:
    """What the files of a log hold, the oldest first: audit.log.2 before audit.log.1 before audit.log."""
    paths = sorted(ROOT.glob(pattern), key=lambda path: (-int(re.sub("[^0-9]", "", path.stem[9:]) or 0), path.name))
    return [lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes() for path in paths]


def unpack(pattern: str, folder: Path) -> Path:
    """The files of a log as aureport reads them: `audit.log` and its rotated ones in one folder."""
    for number, data in enumerate(reversed(contents(pattern))):
        (folder / f"audit.log{f'.{number}' if number else ''}").write_bytes(data)
    return folder


def commands() -> Iterator[tuple[str, list[str]]]:
    """The name of each report and the options that print it."""
    for question, option in REPORTS.items():
        for outcome, words in OUTCOMES.items() if question in BY_OUTCOME else [("", [])]:
            options = [option] if option else []
            yield f"{question}{outcome}", [*options, *words]
            if option and question != "keystrokes":
                yield f"{question} summary{outcome}", [*options, "--summary", *words]


def run(aureport: str, log: Path, period: list[str], options: list[str]) -> list[str]:
    """The rows that aureport prints under its heading, sorted."""
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run([aureport, "-if", log, *period, *options], capture_output=True, env=environment, check=False)
    text = done.stdout.decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    if not options or options[0] in ("--success", "--failed"):
        return [line for line in lines if line.startswith("Number of ")]
    rules = [number for number, line in enumerate(lines) if re.fullmatch("=+", line)]
    rows = [re.sub("^[0-9]+[.] (?=[0-9/]{8} )", "", line) for line in lines[rules[-1] + 1 :]]
    return sorted(row for row in rows if row and row != "<no events of interest were found>")


def kept(rows: list[str]) -> dict[str, object]:
    """The rows, or what tells them apart when they are many."""
    digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return {"rows": rows} if len(rows) <= LONGEST else {"count": len(rows), "sha256": digest}


def record(log: str, period: tuple[str, str] | None, aureport: str = "aureport") -> dict[str, object]:
    """Everything aureport says about a log, or of a part of it."""
    version = subprocess.run([aureport, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    words = ["-ts", *period[0].split(), "-te", *period[1].split()] if period else []
    with tempfile.TemporaryDirectory() as folder:
        where = unpack(log, Path(folder))
        reports = {
            name: {
                "command": " ".join(["aureport -if audit", *words, *options]),
                **kept(run(aureport, where, words, options)),
            }
            for name, options in commands()
        }
    return {"tool": version, "environment": "TZ=UTC LC_ALL=C", "log": log, "period": period, "reports": reports}


def main() -> None:
    """Records the logs that are named on the command line, or all."""
    for name in sys.argv[1:] or LOGS:
        text = json.dumps(record(*LOGS[name]), ensure_ascii=False, indent=1) + "\n"
        Path(__file__).with_name(f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
