"""Every field of every record is shown as `ausearch -i` shows it, or the difference stands in differences.csv with its reason.

Each recorded oracle names the version that made it. Where the installed ausearch is of that version, whole files are
compared with what it prints now. `AUDIT_NB_WHOLE=yes` compares all their files.
"""

import csv
import lzma
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from written import EventId, Record, read_records

from audit_nb.fields import Context, IdMap, interpret_record, own_context, record_type_name

HERE = Path(__file__).parent
LOGS = HERE / "data/logs"
FIELDS = HERE / "data/fields"
SAMPLES = HERE.parent / "samples"
ORACLES = sorted([*LOGS.glob("*.ausearch-i-*"), *FIELDS.glob("*.ausearch-i-*")])


@dataclass
class Outcome:
    """What a comparison found. `unmatched` are records that ausearch left out, by type."""

    records: int = 0
    fields: int = 0
    unmatched: Counter[str] = field(default_factory=Counter)
    only_printed: list[str] = field(default_factory=list)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def report(self) -> str:
        rows = [f"{self.records} records, {self.fields} fields, {sum(self.unmatched.values())} records not printed"]
        rows += [f"{count:7} {key}: {reason}" for (key, reason), count in self.reasons.most_common()]
        return "\n".join([*rows, *(f"        UNEXPLAINED {each}" for each in self.unexplained[:40])])


def id_map(folder: Path) -> IdMap:
    """The users and groups of a folder's passwd and group files."""
    names = []
    for name in ("passwd", "group"):
        rows = [line.split(":") for line in (folder / name).read_text(encoding="utf-8").split("\n") if line]
        names.append({int(row[2]): row[0] for row in rows})
    return IdMap(*names)


# ----------------------------------------------------------------------------------------------------- their side

PRINTED = re.compile(
    rb"(?:node=(\S+) )?type=(\S+) msg=audit\((\d\d)/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)\.(\d+):(\d+)\) "
)


def printed_records(text: bytes) -> dict[tuple[EventId, str], deque[bytes]]:
    """What ausearch printed, by event and type. It prints the records of an event from the last to the first."""
    found: dict[tuple[EventId, str], deque[bytes]] = defaultdict(deque)
    for block in text.split(b"----\n"):
        for line in reversed(block.split(b"\n")):
            head = PRINTED.match(line)
            if head:
                month, day, year, hour, minute, second = (int(head[i]) for i in range(3, 9))
                at = int(datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
                event = (head[1] and head[1].decode(), at, int(head[9]), int(head[10]))
                kind = head[2].decode()  # a number where this ausearch has no name for it
                found[event, (record_type_name(int(kind)) or kind) if kind.isdigit() else kind].append(
                    line[head.end() :]
                )
    return found


@cache
def key_pattern(key: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?:^|(?<=[ '(,=]))" + re.escape(key.encode()) + b"=")


def printed_values(text: bytes, keys: Iterable[str]) -> list[str] | None:
    """The text that ausearch printed between these keys; None where they are not there in this order."""
    spots = []
    place = 0
    for key in keys:
        match = key_pattern(key).search(text, place)
        if match is None:
            return None
        spots.append(match.span())
        place = match.end()
    spots.append((len(text), 0))
    return [text[after:end].decode("utf-8", "backslashreplace") for (_, after), (end, _) in pairwise(spots)]


# ------------------------------------------------------------------------------------------------- the comparison


@dataclass(frozen=True)
class Difference:
    """A row of differences.csv: patterns for the whole of each text (empty: anything), and why we show another text."""

    version: str
    record_type: str
    key: str
    raw: str
    ours: str
    theirs: str
    reason: str

    def explains(self, version: str, record: Record, place: int, ours: str, theirs: str) -> bool:
        key, raw, _ = record.fields[place]
        texts = (version, record.type, key, raw.decode("latin-1"), ours, theirs)
        patterns = (self.version, self.record_type, self.key, self.raw, self.ours, self.theirs)
        return all(
            not pattern or re.fullmatch(pattern, text, re.DOTALL) for pattern, text in zip(patterns, texts, strict=True)
        )


def known_differences() -> list[Difference]:
    with (FIELDS / "differences.csv").open(encoding="utf-8", newline="") as file:
        return [Difference(**row) for row in csv.DictReader(file)]


def as_printed(text: str) -> str:
    """ausearch prints control characters in octal; ours are left to whoever shows them."""
    return re.sub(r"[\x00-\x1f]", lambda control: f"\\{ord(control[0]):03o}", text).rstrip(" ")


def same(ours: str, theirs: str) -> bool:
    """Whether the text that stands between two keys is this value, and what closes or precedes a field around it.

    `msg='op=login acct=x ` and `(hostname=?, addr=?` leave `'`, `,`, `(` and the word before the next key.
    """
    if theirs == ours or theirs.rstrip(" ") == ours:
        return True
    rest = theirs[len(ours) :] if theirs.startswith(ours) else None
    return rest is not None and re.fullmatch(r"[',) ]*|[',) ]*( msg='| \(|: )[\w ]*", rest) is not None


def compare(log: bytes, printed: bytes, ids: IdMap, version: str) -> Outcome:
    """Every field of every record of the log beside what ausearch printed.

    ausearch leaves the quotes around a field that is not encoded; they are no part of the value.
    """
    outcome, theirs = Outcome(), printed_records(printed)
    all_records = list(read_records(log))
    calls = {
        each.event: own_context("SYSCALL", each.fields, Context(ids=ids))
        for each in all_records
        if each.type == "SYSCALL"
    }
    known = known_differences()
    for record in all_records:
        outcome.records += 1
        queue = theirs.get((record.event, record.type))
        if not queue:
            outcome.unmatched[record.type] += 1
            continue
        context = calls.get(record.event, Context(ids=ids))
        ours = interpret_record(record.type, record.fields, record.enriched, context)
        texts = printed_values(queue.popleft(), [key for key, _ in ours])
        if texts is None:
            outcome.unexplained.append(f"{record.type} {record.event}: the keys are not where they should be")
            continue
        outcome.fields += len(ours)
        for place, ((key, value), text) in enumerate(zip(ours, texts, strict=True)):
            value = as_printed(value)
            if same(value, text) or (record.fields[place][2] and same(f'"{value}"', text)):
                continue
            text = re.sub(r"[ ']+(msg=')?$", "", text)
            reason = next((each.reason for each in known if each.explains(version, record, place, value, text)), None)
            if reason:
                outcome.reasons[f"{record.type} {key}", reason] += 1
            else:
                outcome.unexplained.append(f"{record.type} {record.fields[place]!r}: {value!r}, ausearch {text!r}")
    outcome.only_printed = [f"{kind} {event}" for (event, kind), left in theirs.items() for _ in left]
    return outcome


def content(path: Path) -> bytes:
    return lzma.open(path).read() if path.suffix == ".xz" else path.read_bytes()


def recorded(oracle: Path) -> tuple[bytes, IdMap, str]:
    """The log of a recorded oracle, the ids of the machine that wrote it, and the version of ausearch."""
    name, version = re.fullmatch(r"(.+)\.ausearch-i-([\d.]+)\.txt(?:\.xz)?", oracle.name).groups()
    log = next(path for path in oracle.parent.glob(f"{name}.log*"))
    folder = {"web01": SAMPLES / "web01", "db02": SAMPLES / "db02", "sweep": SAMPLES / "web01"}.get(name, LOGS)
    return content(log), id_map(folder), version


@cache
def recorded_outcome(oracle: Path) -> Outcome:
    log, ids, version = recorded(oracle)
    return compare(log, content(oracle), ids, version)


# ausearch drops an event whose first fields it misses (AppArmor's AVC, types newer than it is), lines it does not
# recognise (wrapped by syslog) and EOE.
NOT_PRINTED = {"sweep": 4, "01_counts": 1, "04_wrapped_malformed": 5, "db02": 55, "web01": 46}


def test_there_are_oracles_of_three_versions():
    """Captures were interpreted by ausearch 3.0.9, synthetic logs by 4.2.1 and 4.2.2."""
    assert Counter(recorded(oracle)[2] for oracle in ORACLES) == {"3.0.9": 2, "4.2.1": 1, "4.2.2": 11}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda path: path.name.removesuffix(".txt").removesuffix(".txt.xz"))
def test_every_field_is_shown_as_ausearch_shows_it_or_the_difference_is_listed(oracle: Path):
    """A field that differs and stands in no list fails; so does a record that only one of the two has."""
    outcome = recorded_outcome(oracle)
    sys.stdout.write(outcome.report())
    assert not outcome.unexplained, outcome.report()
    assert not outcome.only_printed
    assert sum(outcome.unmatched.values()) == NOT_PRINTED.get(oracle.name.split(".")[0], 0), outcome.unmatched


def test_the_list_of_differences_is_short_and_every_entry_of_it_is_seen():
    """At most 30 entries; an entry that explains nothing any more is taken out."""
    known = known_differences()
    seen = {reason for oracle in ORACLES for _, reason in recorded_outcome(oracle).reasons}
    assert len(known) <= 30
    assert {each.reason for each in known} == seen


@pytest.mark.parametrize("host", ["web01", "db02"])
def test_the_installed_ausearch_says_the_same_of_whole_files(host: str, needs: Callable[[str], str]):
    """With 3.0.9 installed, the first and the last file of a sample are compared with what it prints now, ids included."""
    ausearch, unshare = needs("ausearch"), needs("unshare")
    said = subprocess.run([ausearch, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    if said != "3.0.9":
        pytest.skip(f"ausearch {said} is installed; the list of differences is for 3.0.9")
    if subprocess.run([unshare, "-rm", "true"], check=False).returncode:
        pytest.skip("this machine gives no mount namespace to put the passwd of another host into")
    folder = SAMPLES / host
    last, *_, first = sorted((folder / "audit").glob("audit.log*.xz"), key=lambda file: file.name.removesuffix("xz"))
    log = content(first) + content(last)
    if os.environ.get("AUDIT_NB_WHOLE") == "yes":
        log = b"".join(content(file) for file in sorted((folder / "audit").glob("audit.log*.xz"), reverse=True))
    mounts = " && ".join(f"mount --bind {folder / name} /etc/{name}" for name in ("passwd", "group"))
    command = [unshare, "-rm", "sh", "-c", f"{mounts} && TZ=UTC LC_ALL=C exec {ausearch} -i"]
    printed = subprocess.run(command, input=log, capture_output=True, check=True).stdout
    outcome = compare(log, printed, id_map(folder), said)
    sys.stdout.write(outcome.report())
    assert not outcome.unexplained, outcome.report()
    assert not outcome.only_printed
    assert sum(outcome.unmatched.values()) < outcome.records / 500
