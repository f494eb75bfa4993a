"""How fast a fleet's logs come, beside OpenSSH's sftp and rsync on the same files in the same run.

    .venv/bin/python bench/collect.py --out bench/results/collect.json          everything, about a quarter of an hour
    .venv/bin/python bench/collect.py --size 256MB --only first,nothing

A real sshd serves the files on loopback; medians of several rounds, the rivals in turn within each round. The slow link
(100 Mbit/s, 20 ms there and back) is made by tc's netem in a network namespace of its own; where the kernel has no
netem, by tc's htb and a relay that delays both rivals alike, else by that relay alone, and the result says so. Needs
root for the namespace only.
"""

import argparse
import itertools
import json
import lzma
import math
import os
import platform
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
RATE = 100_000_000 / 8  # bytes a second on the slow link
DELAY_S = 0.010  # one way
SHAPED_CLASS = 0x0001_0010  # tc's class 1:10


def make_log(path: Path, size: int) -> None:
    """A log of `size` bytes: the genuine samples again and again, each time an hour later, with serials of its own."""
    whole = b"".join(
        lzma.decompress(file.read_bytes())
        for host in ("web01", "db02")
        for file in (ROOT / "samples" / host / "audit").iterdir()
    )
    head = re.compile(rb"audit\((\d+)\.(\d+):(\d+)\)")
    written = 0
    with path.open("wb") as log:
        for turn in itertools.count():

            def later(found: re.Match, turn: int = turn) -> bytes:
                return b"audit(%d.%s:%d)" % (int(found[1]) + 3600 * turn, found[2], int(found[3]) + 100_000 * turn)

            moved = head.sub(later, whole)
            piece = moved[: moved.rfind(b"\n", 0, size - written) + 1] if len(moved) > size - written else moved
            log.write(piece)
            written += len(piece)
            if len(piece) < len(moved):
                return


class Server:
    """An sshd of our own on a loopback port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in ("host_key", "login_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        shutil.copy(folder / "login_key.pub", folder / "authorized_keys")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder / 'host_key'}",
            f"AuthorizedKeysFile {folder / 'authorized_keys'}",
            f"PidFile {folder / 'pid'}",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "MaxStartups 200",
            # bash reads ~/.bashrc for a session unless it is the second shell (SHLVL): of no host, but of this account
            "SetEnv SHLVL=2",
            "Subsystem sftp /usr/lib/openssh/sftp-server"
            if Path("/usr/lib/openssh/sftp-server").exists()
            else "Subsystem sftp internal-sftp",
        ]
        (folder / "config").write_text("\n".join(lines) + "\n")
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([sshd, "-D", "-f", folder / "config"], stderr=subprocess.DEVNULL)
        self.known_hosts = folder / "known_hosts"
        self.kind, self.blob = (folder / "host_key.pub").read_text().split()[:2]
        self.know(self.port)
        time.sleep(0.5)

    def know(self, port: int) -> None:
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {self.kind} {self.blob}\n")

    def cpu_s(self) -> float:
        """Processor time of every session that has ended, with what it started."""
        time.sleep(0.4)  # until sshd has seen the end of the last one
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[13:15])) / os.sysconf("SC_CLK_TCK")

    def options(self, port: int) -> list[str]:
        return [
            "-F",
            "none",
            "-o",
            f"UserKnownHostsFile={self.known_hosts}",
            "-i",
            str(self.folder / "login_key"),
            *port_option(port),
        ]


def port_option(port: int) -> list[str]:
    return ["-o", f"Port={port}"]


class Relay(threading.Thread):
    """A loopback port that leads to another one over a slow line: so much later, and so many bytes a second.

    With `shaped` the kernel sees to the latter, by the class that the sockets of the near side are in.
    """

    def __init__(self, port: int, *, shaped: bool) -> None:
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self._to, self._shaped = self.server.getsockname()[1], port, shaped

    def run(self) -> None:
        while True:
            near, _ = self.server.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            if self._shaped:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, SHAPED_CLASS)
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                line: deque[tuple[float, bytes]] = deque()
                ready = threading.Condition()
                rate = math.inf if self._shaped else RATE
                threading.Thread(target=self._take, args=(one, line, ready, rate), daemon=True).start()
                threading.Thread(target=self._give, args=(other, line, ready), daemon=True).start()

    @staticmethod
    def _take(source: socket.socket, line: deque, ready: threading.Condition, rate: float) -> None:
        free_at = time.monotonic()
        while True:
            try:
                data = source.recv(16384)
            except OSError:
                data = b""
            free_at = max(free_at, time.monotonic()) + len(data) / rate  # the line is busy so long with these bytes
            with ready:
                line.append((free_at + DELAY_S, data))
                ready.notify()
                while sum(map(len, (piece for _, piece in line))) > 1 << 20:  # what a line and its buffers hold
                    ready.wait()
            if not data:
                return

    @staticmethod
    def _give(sink: socket.socket, line: deque, ready: threading.Condition) -> None:
        while True:
            with ready:
                while not line:
                    ready.wait()
                due, data = line.popleft()
                ready.notify()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return


FETCH = """
import json, sys, time
begun = time.monotonic()
from audit_nb import collect, inventory
hosts = inventory.load(sys.argv[1])
ready, work = time.monotonic(), time.process_time()
results = collect.fetch(hosts, sys.argv[2])
print(json.dumps({
    "seconds": time.monotonic() - ready, "import_s": ready - begun, "our_cpu_s": time.process_time() - work,
    "outcomes": sorted({result.outcome for result in results}), "reasons": [r.reason for r in results if r.reason],
    "new_bytes": sum(r.new_bytes for r in results), "wire_bytes": sum(r.wire_bytes for r in results),
    "max_rss_mb": int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) // 1024,
}))
"""


class Bench:
    """The rivals, each a function that gives what one round took."""

    def __init__(self, folder: Path, server: Server, port: int) -> None:
        self.folder, self.server, self.port = folder, server, port

    def inventory(self, logs: dict[str, Path], **more: object) -> Path:
        """An inventory in which each name is one host of the server with a log of its own."""
        path = self.folder / "hosts.yaml"
        words = {"facts": "false", "ssh_config": "false", "retries": 0} | {k: str(v).lower() for k, v in more.items()}
        common = "".join(f"  {key}: {value}\n" for key, value in words.items())
        hosts = "".join(f"  {name}: {{log_path: {log}}}\n" for name, log in logs.items())
        path.write_text(
            f"defaults:\n  address: 127.0.0.1\n  port: {self.port}\n  user: {os.environ.get('USER') or 'root'}\n"
            f"  key_file: {self.server.folder / 'login_key'}\n  known_hosts: {self.server.known_hosts}\n"
            f"{common}hosts:\n{hosts}"
        )
        return path

    def fetch(self, logs: dict[str, Path], *, fresh: bool = True, **more: object) -> dict:
        """Our fetch in a process of its own; the time without the imports, which are told beside it."""
        data = self.folder / "data"
        if fresh:
            shutil.rmtree(data, ignore_errors=True)
        command = [sys.executable, "-c", FETCH, self.inventory(logs, **more), data]
        before = self.server.cpu_s()
        ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        result = json.loads(ran.stdout) | {"host_cpu_s": self.server.cpu_s() - before}
        assert result["outcomes"] == ["done"], result
        return result

    def sftp(self, log: Path, into: Path | None = None) -> dict:
        if into is not None:
            into.mkdir(exist_ok=True)
        return self._timed(
            ["sftp", "-q", "-b", "-", *self.server.options(self.port), "127.0.0.1"],
            f"get {log} {into or self.folder / 'got'}\n",
        )

    def rsync(self, log: Path) -> dict:
        (self.folder / "got").unlink(missing_ok=True)
        shell = " ".join(["ssh", *self.server.options(self.port)])
        return self._timed(["rsync", "-z", "-e", shell, f"127.0.0.1:{log}", self.folder / "got"], "")

    def _timed(self, command: list, words: str) -> dict:
        before, used = self.server.cpu_s(), resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.monotonic()
        subprocess.run(command, input=words.encode(), check=True, stdout=subprocess.DEVNULL)
        seconds, now = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        return {"seconds": seconds, "our_cpu_s": ours, "host_cpu_s": self.server.cpu_s() - before}


def in_turns(rivals: dict[str, Callable[[], dict]], rounds: int) -> tuple[dict[str, list[dict]], dict[str, float]]:
    """What each rival measured in each round, all taking turns, and the median of its seconds."""
    seen: dict[str, list[dict]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, rival in rivals.items():
            seen[name].append(rival())
    return seen, {name: statistics.median(row["seconds"] for row in rows) for name, rows in seen.items()}


def first(bench: Bench, log: Path, rounds: int) -> dict:
    """The first fetch of one big log, the rivals in turn."""
    rivals = {
        "sftp": lambda: bench.sftp(log),
        "rsync -z": lambda: bench.rsync(log),
        "ours, compressed on the host": lambda: bench.fetch({"big": log}, compress=True),
        "ours, SFTP alone": lambda: bench.fetch({"big": log}, compress=False),
    }
    seen, medians = in_turns(rivals, rounds)
    return {
        "bytes": log.stat().st_size,
        "seconds": medians,
        "times_sftp": {name: medians["sftp"] / value for name, value in medians.items()},
        **{
            key: {name: statistics.median(row[key] for row in rows) for name, rows in seen.items()}
            for key in ("our_cpu_s", "host_cpu_s")
        },
        "wire_bytes": {name: rows[-1]["wire_bytes"] for name, rows in seen.items() if "wire_bytes" in rows[-1]},
        "max_rss_mb": {
            name: max(r["max_rss_mb"] for r in rows) for name, rows in seen.items() if "max_rss_mb" in rows[-1]
        },
        "rounds": seen,
    }


def rotated(bench: Bench, folder: Path, source: Path, rounds: int) -> dict:
    """The first fetch of the same bytes in files of 8 MiB, as auditd keeps them where nobody told it otherwise."""
    place, pieces = folder / "rotated", []
    place.mkdir()
    with source.open("rb") as log:
        while piece := b"".join(log.readlines(8 << 20)):
            pieces.append(place / f"audit.log.{len(pieces)}")
            pieces[-1].write_bytes(piece)
    for number, path in enumerate(pieces):  # the newest has no number, the oldest the highest
        path.rename(place / f"turned.{len(pieces) - 1 - number}")
    for number in range(len(pieces)):
        (place / f"turned.{number}").rename(place / (f"audit.log.{number}" if number else "audit.log"))
    rivals = {
        "sftp": lambda: bench.sftp(place / "audit.log*", into=folder / "got-rotated"),
        "ours, compressed on the host": lambda: bench.fetch({"big": place / "audit.log"}, compress=True),
        "ours, SFTP alone": lambda: bench.fetch({"big": place / "audit.log"}, compress=False),
    }
    seen, medians = in_turns(rivals, rounds)
    return {
        "files": len(pieces),
        "seconds": medians,
        "times_sftp": {name: medians["sftp"] / value for name, value in medians.items()},
        "rounds": seen,
    }


def nothing(bench: Bench, folder: Path, rounds: int) -> dict:
    """A fetch with nothing new, of one host with five files and of eight such hosts at once."""
    found = {}
    for count in (1, 4, 8):
        logs = {}
        for number in range(count):
            place = folder / f"quiet{number}"
            place.mkdir(exist_ok=True)
            logs[f"quiet{number}"] = place / "audit.log"
            for file in (ROOT / "samples" / "web01" / "audit").iterdir():
                (place / file.stem).write_bytes(lzma.decompress(file.read_bytes()))
        bench.fetch(logs)
        rows = [bench.fetch(logs, fresh=False) for _ in range(rounds)]
        assert not any(row["new_bytes"] for row in rows)
        found[f"{count} hosts"] = {"seconds": statistics.median(row["seconds"] for row in rows), "rounds": rows}
    return found


def fleet(bench: Bench, folder: Path, source: Path, rounds: int) -> dict:
    """Fifty hosts of 8 MB beside the same bytes from one host."""
    piece = 8 << 20
    whole = source.open("rb").read(50 * piece)
    logs, position = {}, 0
    for number in range(50):
        end = whole.rfind(b"\n", 0, min(len(whole), position + piece)) + 1
        place = folder / f"host{number:02}"
        place.mkdir()
        (place / "audit.log").write_bytes(whole[position:end])
        logs[place.name] = place / "audit.log"
        position = end
    one = folder / "one" / "audit.log"
    one.parent.mkdir()
    one.write_bytes(whole[:position])
    fifty = [bench.fetch(logs) for _ in range(rounds)]
    single = [bench.fetch({"one": one}) for _ in range(rounds)]
    median = {
        "50 hosts": statistics.median(r["seconds"] for r in fifty),
        "1 host": statistics.median(r["seconds"] for r in single),
    }
    memory = {"50 hosts": max(r["max_rss_mb"] for r in fifty), "1 host": max(r["max_rss_mb"] for r in single)}
    return {"bytes": position, "seconds": median, "max_rss_mb": memory, "rounds": {"50 hosts": fifty, "1 host": single}}


def slow_link(server: Server) -> tuple[int, str]:
    """(port, how the link is made): by tc in this namespace as far as the kernel can, else by a relay."""
    if not os.environ.get("AUDIT_NB_BENCH_NAMESPACE"):
        return relayed(server, shaped=False), "a relay that delays and paces (no network namespace)"
    shape = ["tc", "qdisc", "add", "dev", "lo", "root"]
    if told(*shape, "netem", "delay", f"{DELAY_S * 1000:g}ms", "rate", "100mbit"):
        told("ip", "link", "set", "lo", "mtu", "1500")
        return server.port, "tc netem in a network namespace"
    if told(*shape, "handle", "1:", "htb") and told(
        "tc", "class", "add", "dev", "lo", "parent", "1:", "classid", "1:10", "htb", "rate", "100mbit", "burst", "15k"
    ):
        told("ip", "link", "set", "lo", "mtu", "1500")
        return relayed(server, shaped=True), "tc htb (rate) and a relay (delay) in a network namespace: no netem here"
    return relayed(server, shaped=False), "a relay that delays and paces (this kernel has neither netem nor htb)"


def told(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def relayed(server: Server, *, shaped: bool) -> int:
    relay = Relay(server.port, shaped=shaped)
    relay.start()
    server.know(relay.port)
    return relay.port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1GB")
    parser.add_argument("--slow-size", default="256MB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="first,rotated,nothing,fleet,slow")
    parser.add_argument("--folder", type=Path, help="where the files lie meanwhile; twice the size is needed")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    wanted = set(asked.only.split(","))
    if "slow" in wanted and not os.environ.get("AUDIT_NB_BENCH_NAMESPACE"):
        into = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if subprocess.run([*into, "true"], capture_output=True).returncode == 0:
            os.environ["AUDIT_NB_BENCH_NAMESPACE"] = "1"
            os.execvp(into[0], [*into, sys.executable, *sys.argv])
    size = bytes_of(asked.size)
    with tempfile.TemporaryDirectory(prefix="audit-nb-bench-", dir=asked.folder) as name:
        folder = Path(name)
        server = Server(folder / "sshd")
        bench = Bench(folder, server, server.port)
        found: dict[str, object] = {"machine": machine()}
        try:
            log = folder / "big" / "audit.log"
            log.parent.mkdir()
            make_log(log, size)
            if "first" in wanted:
                say(found, "first fetch, loopback", first(bench, log, asked.rounds))
            if "rotated" in wanted:
                say(found, "the same in files of 8 MiB", rotated(bench, folder, log, asked.rounds))
            if "nothing" in wanted:
                say(found, "nothing new", nothing(bench, folder, asked.rounds))
            if "fleet" in wanted:
                say(found, "a fleet", fleet(bench, folder, log, asked.rounds))
            if "slow" in wanted:
                short = folder / "short" / "audit.log"
                short.parent.mkdir()
                make_log(short, bytes_of(asked.slow_size))
                bench.port, how = slow_link(server)
                say(found, "first fetch, 100 Mbit/s and 20 ms", {"link": how, **first(bench, short, asked.rounds)})
        finally:
            server.process.terminate()
        if asked.out:
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def say(found: dict[str, object], title: str, result: dict) -> None:
    found[title] = result
    print(title)
    for key, value in without_rounds(result).items():
        print("  ", key, json.dumps(value))
    sys.stdout.flush()


def without_rounds(result: dict) -> dict:
    """What is printed: medians, to three figures; the rounds stand in the file of `--out`."""

    def short(value: object) -> object:
        if isinstance(value, dict):
            return without_rounds(value)
        return float(f"{value:.3g}") if isinstance(value, float) else value

    return {key: short(value) for key, value in result.items() if key != "rounds"}


def bytes_of(words: str) -> int:
    return int(words[:-2]) * UNITS[words[-2:]]


def machine() -> dict[str, object]:
    return {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "openssh": subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.strip(),
        "load_before": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
