"""Records what aureport says about the samples: `python tests/data/aureport/record.py` writes <host>.json beside this file.

Each report stands with the command that printed it. A short one is kept row by row; of a long one the number of rows and the
SHA-256 of its sorted rows. The running number in front of a listed event is left out, the order of rows too.
"""

import hashlib
import json
import lzma
import os
import re
import subprocess
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
OUTCOMES = {"": [], " success": ["--success"], " failed": ["--failed"]}
LONGEST = 120


def unpack(packed: Path, folder: Path) -> Path:
    """The log files of a sample as aureport reads them: `audit.log` and its rotated ones in one folder."""
    for path in packed.glob("audit.log*.xz"):
        (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
    return folder


def commands() -> Iterator[tuple[str, list[str]]]:
    """The name of each report and the options that print it."""
    for question, option in REPORTS.items():
        for outcome, words in OUTCOMES.items():
            options = [option] if option else []
            yield f"{question}{outcome}", [*options, *words]
            if option and question != "keystrokes":
                yield f"{question} summary{outcome}", [*options, "--summary", *words]


def run(aureport: str, log: Path, options: list[str]) -> list[str]:
    """The rows that aureport prints under its heading, sorted."""
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run([aureport, "-if", log, *options], capture_output=True, env=environment, check=False)
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


def record(host: str, aureport: str = "aureport") -> dict[str, object]:
    """Everything aureport says about one sample."""
    version = subprocess.run([aureport, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        log = unpack(ROOT / "samples" / host / "audit", Path(folder))
        reports = {
            name: {"command": " ".join(["aureport -if audit", *options]), **kept(run(aureport, log, options))}
            for name, options in commands()
        }
    return {"tool": version, "environment": "TZ=UTC LC_ALL=C", "log": f"samples/{host}/audit", "reports": reports}


def main() -> None:
    for host in sorted(path.name for path in (ROOT / "samples").iterdir() if (path / "audit").is_dir()):
        text = json.dumps(record(host), ensure_ascii=False, indent=1) + "\n"
        Path(__file__).with_name(f"{host}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
