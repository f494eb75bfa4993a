"""Fuzzes the parser guided by what it reaches; needs `pip install atheris`, which is in no lock of this project.

    nice -n 19 python tests/fuzz/guided.py --loop interpreted --seconds 1800 --work /tmp/fuzz
    nice -n 19 python tests/fuzz/guided.py --loop checked --seconds 1800 --work /tmp/fuzz
    python tests/fuzz/guided.py --told --work /tmp/fuzz

Two ways, over one growing corpus. *interpreted*: Numba is off, so that every branch and comparison of `scan.py` is seen
by the fuzzer as those of all other modules are. *checked*: `scan.py` is compiled with NUMBA_BOUNDSCHECK=1; the fuzzer
sees the Python modules, and is told what the compiled loop reached (kinds of lines, types, fields, columns, reasons).
An input that breaks a property is kept in `<work>/finds-<pid>`, one for each place, and fuzzing goes on.

The seconds are those the process ran: a pause of more than two seconds between two inputs (it was stopped) counts nothing.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import time
import traceback
import warnings
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
COUNTERS = 1 << 15
A_STOP = 2.0  # seconds; an input takes some hundredths of one


def main() -> None:
    options = _options()
    if options.told:
        _tell_all(options.work)
        return
    os.environ["NUMBA_DISABLE_JIT" if options.loop == "interpreted" else "NUMBA_BOUNDSCHECK"] = "1"
    if options.loop == "checked":
        os.environ["NUMBA_CACHE_DIR"] = str(options.work / "compiled")
    warnings.simplefilter("ignore")  # without Numba, arithmetic modulo 2**64 warns
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]
    import atheris

    # Numba could not compile what has been instrumented.
    left_out = [] if options.loop == "interpreted" else ["audit_nb.scan"]
    with atheris.instrument_imports(include=["audit_nb"], exclude=left_out):
        from fuzz import corpus, properties
    Run(options, atheris, corpus, properties).start()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--loop", choices=("interpreted", "checked"), default="interpreted")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--told", action="store_true", help="print what all runs in this folder did")
    return parser.parse_args()


TOLD = ("loop", "seconds", "cpu_seconds", "executions", "reached", "corpus_before", "corpus")


def _tell_all(work: Path) -> None:
    """A table of all runs, in the order in which they grew the corpus, and their sums."""
    runs = sorted((json.loads(path.read_bytes()) for path in work.glob("*.json")), key=lambda run: run["corpus"])
    sums = {name: round(sum(run[name] for run in runs), 1) for name in ("seconds", "cpu_seconds", "executions")}
    rows = [TOLD, ["---"] * len(TOLD), *([run[name] for name in TOLD] for run in runs)]
    rows.append([sums.get(name, "") for name in TOLD])
    sys.stdout.writelines(f"| {' | '.join(map(str, [*row]))} |\n" for row in rows)


class Run:
    """One run of the fuzzer, and what it counts."""

    def __init__(self, options, atheris, corpus, properties) -> None:
        self.options, self.atheris, self.properties = options, atheris, properties
        self.corpus, self.finds = options.work / "corpus", options.work / f"finds-{os.getpid()}"
        for folder in (self.corpus, self.finds):
            folder.mkdir(parents=True, exist_ok=True)
        (options.work / "words.dict").write_text(corpus.dictionary(), encoding="ascii")
        self.seeds, self.mixed = corpus.seeds(), corpus.mixed
        for seed in self.seeds:
            (self.corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
        self.began_with = len(list(self.corpus.iterdir()))
        self.first = atheris._reserve_counter()
        for _ in range(COUNTERS - 1):
            atheris._reserve_counter()
        self.reached: set[int] = set()
        self.executions, self.running, self.stopped = 0, 0.0, 0.0
        self.last = time.monotonic()
        self.broken: dict[str, int] = {}

    def start(self) -> None:
        arguments = [
            sys.argv[0], str(self.corpus), f"-dict={self.options.work / 'words.dict'}", "-max_len=2048", "-timeout=86400",
            "-rss_limit_mb=6000", "-len_control=0", "-use_value_profile=0", "-print_final_stats=1",
        ]  # fmt: skip
        self.properties.check(b"type=BPF msg=audit(1.1:1): x=1\n", sides=6)  # compiled before the clock starts
        self.last = time.monotonic()
        self.atheris.Setup(arguments, self.one, custom_mutator=self.changed, enable_python_coverage=True)
        self.atheris.Fuzz()

    def changed(self, data: bytes, most: int, seed: int) -> bytes:
        """Half of the inputs are changed by libFuzzer, half as a log may be changed."""
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return self.atheris.Mutate(data, most)
        return self.mixed([data, chance.choice(self.seeds)], chance)[:most]

    def one(self, data: bytes) -> None:
        self._look_at_the_clock()
        try:
            found = self.properties.check(data, sides=1)
        except Exception as error:  # noqa: BLE001 - whatever breaks is a find
            self._keep(data, error)
            return
        self.executions += 1
        for one in found:
            number = zlib.crc32(repr(one).encode()) % COUNTERS
            self.reached.add(number)
            self.atheris._trace_branch(self.first + number)

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        passed = now - self.last
        self.last = now
        if passed > A_STOP:
            self.stopped += passed
        else:
            self.running += passed
        if self.executions % 500 == 0:
            self._tell()
        if self.running >= self.options.seconds:
            self._tell()
            os._exit(0)

    def _keep(self, data: bytes, error: Exception) -> None:
        """One input for each place where something broke: the smallest."""
        frames = [one for one in traceback.extract_tb(error.__traceback__) if "/audit_nb/" in one.filename]
        frames = frames or traceback.extract_tb(error.__traceback__)
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__}-{Path(frames[-1].filename).stem}-{frames[-1].name}-{last.name}-{last.lineno}"
        self.broken[place] = self.broken.get(place, 0) + 1
        file = self.finds / place
        if not file.exists() or len(data) < file.stat().st_size:
            file.write_bytes(data)
            told = "".join(traceback.format_exception(error))[-6000:]
            (self.finds / f"{place}.txt").write_text(told, encoding="utf-8", errors="backslashreplace")

    def _tell(self) -> None:
        figures = {
            "loop": self.options.loop,
            "seconds": round(self.running, 1),
            "cpu_seconds": round(time.process_time(), 1),
            "stopped": round(self.stopped, 1),
            "executions": self.executions,
            "reached": len(self.reached),
            "corpus_before": self.began_with,
            "corpus": len(list(self.corpus.iterdir())),
            "places_broken": self.broken,
        }
        file = self.options.work / f"{self.options.loop}-{os.getpid()}.json"
        file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
