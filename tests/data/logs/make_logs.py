"""Cut web01.log and db02.log out of two captures: whole events, as few as show every kind of field; and ask ausearch.

`python tests/data/logs/make_logs.py FOLDER`, where FOLDER holds `web01` and `db02` as `samples` does (samples/db02 is the
later part of its capture; these logs were cut from the whole). It needs unshare and ausearch, whose version becomes a part
of the name of what it wrote. The names of ids are those of the machine that wrote the log: its passwd and group are
mounted over ours while ausearch runs.
"""

import lzma
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(sys.argv[1])
HEAD = re.compile(rb"(?:node=\S+ )?type=(\S+) msg=audit\(([\d.]+:\d+)\): ")
FIELD = re.compile(rb"([\w\[\]-]+)=(\"[^\"]*\"|\S*)")
TOLD = (b"saddr", b"mode", b"exit", b"res", b"op", b"sig", b"code", b"list", b"family", b"prom", b"perm")
ENCODED = (b"name", b"comm", b"exe", b"cwd", b"proctitle", b"key", b"acct", b"cmd", b"data")


def lines(host: str) -> list[bytes]:
    """The lines of a host's files, the oldest first."""
    files = sorted((FOLDER / host / "audit").glob("audit.log*"), key=age, reverse=True)
    texts = (file.read_bytes() for file in files)
    whole = b"".join(lzma.decompress(text) if text.startswith(b"\xfd7zXZ") else text for text in texts)
    return [line + b"\n" for line in whole.split(b"\n") if line]


def age(file: Path) -> int:
    """`audit.log.3.xz` is the third oldest; the newest has no number."""
    number = re.search(r"\.(\d+)", file.name)
    return int(number[1]) if number else 0


def shapes(line: bytes) -> set[bytes]:
    """What a record shows: its type with its keys, its words, and for a system call each argument of it."""
    kind = HEAD.match(line)[1]  # type: ignore[index]
    fields = FIELD.findall(line[HEAD.match(line).end() :])  # type: ignore[union-attr]
    found = {kind + b" " + b" ".join(key for key, _ in fields)}
    call = dict(fields).get(b"syscall", b"")
    for key, value in fields:
        if key in (b"a0", b"a1", b"a2", b"a3") and kind == b"SYSCALL":
            found.add(b" ".join((call, key, value[:2] if len(value) < 8 else b"long")))
        elif key in TOLD:
            found.add(b" ".join((kind, key, value[:8])))
        elif key in ENCODED:
            found.add(b" ".join((kind, key, value[:1] if not value[:1].isalnum() else b"hex")))
    return found


def chosen(all_lines: list[bytes]) -> list[bytes]:
    """The lines of the first events that show something new, in their order."""
    events: dict[bytes, set[bytes]] = defaultdict(set)
    for line in all_lines:
        match = HEAD.match(line)
        if match:
            events[match[2]] |= shapes(line)
    seen: set[bytes] = set()
    kept = set()
    for event, found in events.items():
        if not found <= seen:
            kept.add(event)
            seen |= found
    return [line for line in all_lines if (match := HEAD.match(line)) and match[2] in kept]


def interpreted(log: bytes, host: str) -> bytes:
    """What `ausearch -i` prints, with the users and groups of the host."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(log)
        file.flush()
        mounts = " && ".join(f"mount --bind {FOLDER / host / name} /etc/{name}" for name in ("passwd", "group"))
        command = f"{mounts} && TZ=UTC LC_ALL=C exec ausearch -i -if {file.name}"
        return subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True, check=True).stdout


def main() -> None:
    version = subprocess.run(["ausearch", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    for host in ("web01", "db02"):
        log = b"".join(chosen(lines(host)))
        (HERE / f"{host}.log.xz").write_bytes(lzma.compress(log, preset=9))
        (HERE / f"{host}.ausearch-i-{version}.txt.xz").write_bytes(lzma.compress(interpreted(log, host), preset=9))


if __name__ == "__main__":
    main()
