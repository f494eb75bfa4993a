"""Our questions asked as aureport asks them, against what aureport itself said of the samples: to the digit.

What it said stands in data/aureport, each report with its command; where the same version is installed, it is asked again.
"""

import hashlib
import importlib.util
import json
import re
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path

import ibis
import pyarrow.parquet as pq
import pytest

from audit_nb import events, fields, tables
from audit_nb.spans import Piece

DATA = Path(__file__).parent / "data" / "aureport"
SAID = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.json"))}

_spec = importlib.util.spec_from_file_location("record", DATA / "record.py")
recorder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recorder)

#: The columns of each list behind date and time, as aureport prints them; "." is the serial.
LISTED = {
    "account_changes": "who address terminal exe account success .",
    "anomalies": "type exe terminal address who .",
    "authentications": "account address terminal exe success .",
    "avcs": "comm subject syscall class permission object result .",
    "comms": "comm terminal address who .",
    "configuration_changes": "type who success .",
    "crypto": "who type success .",
    "events": ". type who success",
    "executables": "exe terminal address who .",
    "files": "file syscall success exe who .",
    "hosts": "address syscall who .",
    "integrity": "type success .",
    "keys": "key success exe who .",
    "logins": "user address terminal exe success .",
    "mac_changes": "who type success .",
    "pids": "pid exe syscall who .",
    "responses": "type success .",
    "syscalls": "syscall pid comm who .",
    "terminals": "terminal address exe who .",
    "users": "who terminal address exe .",
    "virtual_machines": "type success .",
}
#: Where aureport prints a missing value with C's printf.
NULLS = {"terminals": "(null)", "logins": "(null)", "authentications": "(null)"}
#: The same by column: of a notice that is no decision.
UNDECIDED = {"class": "(null)", "permission": "(null)", "object": "(null)", "result": "unset"}
#: What a summary counts by.
COUNTED = {
    "authentications": "account", "avcs": "object", "comms": "comm", "executables": "exe", "files": "file", "hosts": "address",
    "keys": "key", "logins": "user", "pids": "pid", "syscalls": "syscall", "terminals": "terminal", "users": "who",
}  # fmt: skip
#: The account somebody typed who was nobody is masked in ours.
MASKED = re.compile(r"unknown-[0-9a-f]{8}")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The events of a log as a file, made once."""
    folder = tmp_path_factory.mktemp("aureport")

    @cache
    def make(pattern):
        path = folder / f"{hashlib.sha256(pattern.encode()).hexdigest()}.parquet"
        pq.write_table(events.plain(events.read_events(pieces(pattern), host="host").events), path)
        return path

    return make


@pytest.fixture
def log(request, stored):
    """The events of a log, or of a part of it."""
    said = SAID[request.param]
    found = ibis.duckdb.connect().read_parquet(stored(said["log"]))
    if said["period"]:
        since, until = (datetime.strptime(word, "%m/%d/%y %H:%M:%S") for word in said["period"])
        found = found.filter(found.time >= since, found.time < until + timedelta(seconds=1))
    return found


def pieces(pattern):
    """The files of a log, each behind the one before it."""
    contents = recorder.contents(pattern)
    ends = accumulate(map(len, contents))
    return [
        Piece(data, number + 1, position=end - len(data))
        for number, (data, end) in enumerate(zip(contents, ends, strict=True))
    ]


def ours(log, report):
    """Our answer to a report, in aureport's words."""
    question, *words = report.split()
    options = {"as_aureport": True}
    if words and words[-1] in ("success", "failed"):
        options["success"] = words[-1] == "success"
    if question == "summary":
        return [str(row["count"]) for row in tables.summary(log, **options).to_pyarrow().to_pylist()]
    if "summary" in words:
        return summed(log, question, options)
    rows = getattr(tables, question)(log, **options).to_pyarrow().to_pylist()
    return sorted(line(row, question) for row in rows)


def summed(log, question, options):
    """A summary in aureport's words: it counts events by the number of their type."""
    if question == "events":
        table = tables.types(log, **options)
    else:
        table = getattr(tables, question)(log, summary=True, **options)
    column = COUNTED.get(question, "type")
    rows = [(row["events"], row[column]) for row in table.to_pyarrow().to_pylist()]
    if column == "type":
        rows = [(count, fields.record_type_number(name)) for count, name in rows]
    return sorted(f"{count}  {escaped(value)}" for count, value in rows)


def line(row, question):
    columns = LISTED[question].split()
    values = [str(row["serial"]) if name == "." else word(row[name], name, missing(question, name)) for name in columns]
    return " ".join([row["time"].strftime("%m/%d/%y %H:%M:%S"), *values])


def missing(question, column):
    return UNDECIDED.get(column, "?") if question == "avcs" else NULLS.get(question, "?")


def word(value, column, missing):
    if column == "success":
        return {True: "yes", False: "no", None: "unset"}[value]
    return missing if value is None else escaped(value)


def escaped(value):
    """Control characters as aureport prints them."""
    return re.sub("[\x00-\x1f]", lambda found: f"\\{ord(found[0]):03o}", str(value))


def theirs(said, report):
    """The recorded answer; of the first page only the figures."""
    kept = said["reports"][report]
    if report.split()[0] == "summary":
        return {"rows": [row.rsplit(": ", 1)[1] for row in kept["rows"]]}
    return {key: kept[key] for key in ("rows", "count", "sha256") if key in kept}


def without_masks(rows, like):
    """The rows without the accounts that ours mask: a row of theirs is matched by what else it says."""
    hidden = [row for row in like if MASKED.search(row)]
    rest = Counter(MASKED.sub("*", row) for row in rows)
    for row in hidden:
        pattern = re.escape(row).replace(re.escape(MASKED.search(row)[0]), ".*")
        match = next((one for one in rest if re.fullmatch(pattern, one) and one not in like), None)
        if match is not None:
            rest -= Counter([match])
            rest[MASKED.sub("*", row)] += 1
    return sorted(rest.elements())


def agree(log, said, report):
    mine, kept = ours(log, report), theirs(said, report)
    if "rows" not in kept:
        digest = hashlib.sha256("\n".join(mine).encode()).hexdigest()
        return {"count": len(mine), "sha256": digest} == kept
    return without_masks(mine, mine) == without_masks(kept["rows"], mine)


def cases(*names):
    return [
        (name, report)
        for name in names
        for report in SAID[name]["reports"]
        if report.split()[0] in {*LISTED, "summary"}
    ]


SUMMARIES = [case for case in cases("web01-quiet") if case[1].endswith("summary")]


@pytest.mark.parametrize(("log", "report"), [*cases("db02"), *SUMMARIES], indirect=["log"])
def test_a_log_without_late_records_is_counted_to_the_digit(request, log, report):
    assert agree(log, SAID[request.node.callspec.params["log"]], report)


@pytest.mark.parametrize("log", ["db02", "web01-quiet"], indirect=True)
def test_those_logs_have_no_late_records(log):
    assert tables.late_events(log).count().execute() == 0


@pytest.mark.parametrize("log", ["web01"], indirect=True)
def test_where_records_came_late_the_difference_is_told(log):
    """The first page differs in the number of events alone, and by as many as the late events make."""
    told = {row["item"]: row for row in tables.differences(log).to_pyarrow().to_pylist()}
    mine, kept = ours(log, "summary"), theirs(SAID["web01"], "summary")["rows"]
    assert mine[:-1] == kept[:-1]
    late = told["late_events"]
    assert int(kept[-1]) - int(mine[-1]) == late["aureport"] - late["ours"] == 16
    assert told["events"]["aureport"] == int(kept[-1])
    causes = ("divided_events", "late_events", "dropped_events")
    assert told["events"]["ours"] + sum(told[name]["aureport"] - told[name]["ours"] for name in causes) == int(kept[-1])


@pytest.mark.parametrize("log", ["web01"], indirect=True)
def test_late_events_are_the_only_rows_that_differ(log):
    """Of the list of events aureport has these and no others twice."""
    late = {(row["time"], row["serial"]): row["parts"] for row in tables.late_events(log).to_pyarrow().to_pylist()}
    said = SAID["web01"]["reports"]["events"]
    assert said["count"] == len(ours(log, "events")) + sum(parts - 1 for parts in late.values())


#: The reports on the lessons that differ, and why.
KNOWN = {
    "summary": "03: a record comes late, and its event counts twice",
    "events": "03: a record comes late, and its event counts twice",
    "events summary": "03: a record comes late, and its event counts twice",
    "authentications summary": "02: `deadbeef` in quotes and without are one masked name to us",
    "authentications summary failed": "02: `deadbeef` in quotes and without are one masked name to us",
}


@pytest.mark.parametrize(("log", "report"), cases("lessons"), indirect=["log"])
def test_of_the_lessons_only_what_is_known_to_differ_differs(log, report):
    """Each line of these logs is a trap of the format; to the digit, but where a reason is given."""
    assert agree(log, SAID["lessons"], report) is (report not in KNOWN)


#: Not the summaries: they count the same rows.
SPELLINGS = [case for case in cases("spellings") if " summary" not in case[1]]


@pytest.mark.parametrize(("log", "report"), SPELLINGS, indirect=["log"])
def test_every_spelling_is_read_as_aureport_reads_it(log, report):
    assert agree(log, SAID["spellings"], report)


@pytest.mark.parametrize("report", ["summary", "events", "files", "files summary", "users", "users summary"])
@pytest.mark.parametrize("log", ["lessons-moment", "lessons-parents", "lessons-results"], indirect=True)
def test_one_moment_parents_and_spellings_of_results_are_taken_as_aureport_takes_them(request, log, report):
    assert agree(log, SAID[request.node.callspec.params["log"]], report)


def test_the_recording_is_what_the_installed_aureport_says(needs):
    """Where another version is installed it may say something else; the recording names its own."""
    aureport = needs("aureport")
    version = subprocess.run([aureport, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if version != SAID["lessons"]["tool"]:
        pytest.skip(f"{version} is installed; {SAID['lessons']['tool']} was recorded")
    fresh = recorder.record(*recorder.LOGS["lessons"], aureport=aureport)
    assert json.loads(json.dumps(fresh)) == SAID["lessons"]
