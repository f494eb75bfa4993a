"""The table of events: whole logs beside what is read of them, and genuine captures beside what ausearch says of them.

A file of tests/data/events is named for its lesson. `AUDIT_NB_GOLDEN=write` rewrites the expectations; the diff is the review.
"""

import csv
import importlib.util
import json
import lzma
import os
import re
from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_nb import records
from audit_nb.events import SCHEMA, Known, Parsed, Session, plain, read_events
from audit_nb.fields import IdMap
from audit_nb.spans import Piece

HERE = Path(__file__).parent
EVENTS = HERE / "data/events"
LOGS = HERE / "data/logs"
LESSONS = sorted(EVENTS.glob("*.log"))
HOST = Known(IdMap({0: "root", 1000: "alice"}, {0: "root"}), salt=b"for the tests")
HEADER = re.compile(rb"(?:node=(.+?) )?type=(\S+) (?:msg=)?audit\((\d+)\.(\d+):(\d+)\): ?")


def rows_of(parsed: Parsed) -> list[dict]:
    return plain(parsed.events).to_pylist()


def said(row: dict) -> dict:
    """A row without its nulls and without what is the same in all of them."""
    return {
        key: value for key, value in row.items() if value is not None and key not in ("host", "time", "by_collector")
    }


def text_of(value: object) -> object:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def golden(log: bytes) -> str:
    """What is read of a log: one line for each event, each malformed line, and the account."""
    parsed = read_events([log], host="web01", known=HOST)
    lines = [{"event": said(row)} for row in rows_of(parsed)]
    lines += [{"malformed": said(row)} for row in parsed.malformed.to_pylist()]
    lines += [{"account": asdict(sum(parsed.accounting[1:], parsed.accounting[0]))}]
    return "[\n" + ",\n".join(json.dumps(line, ensure_ascii=True, default=text_of) for line in lines) + "\n]\n"


def test_every_lesson_has_its_expectation_and_every_expectation_its_lesson():
    """A file that nobody compares would teach nothing."""
    assert len(LESSONS) >= 30
    assert {path.stem for path in LESSONS} == {path.stem for path in EVENTS.glob("*.json")}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_log_becomes_these_events(lesson: Path):
    """Every column of every event, every malformed line and whose bytes they are."""
    text = golden(lesson.read_bytes())
    expected = lesson.with_suffix(".json")
    if os.environ.get("AUDIT_NB_GOLDEN") == "write":
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------- back to the records


def written_bodies(log: bytes) -> dict[tuple[str | None, int, int], list[bytes]]:
    """The bodies of a log of plain lines, by event, as another reader would cut them out."""
    found = defaultdict(list)
    for line in log.split(b"\n"):
        line = line.strip(b"\0\r")
        head = HEADER.match(line)
        if head:
            key = (head[1] and head[1].decode(), int(head[3]) * 1000 + int(head[4]), int(head[5]))
            found[key].append(line[head.end() :])
    return found


def given_back(parsed: Parsed) -> dict[tuple[str | None, int, int], list[bytes]]:
    return {
        (row["node"], row["time_ms"], row["serial"]): [record.body for record in records.to_records(row)]
        for start in range(0, len(parsed.events), 2000)
        for row in plain(parsed.events.slice(start, 2000)).to_pylist()
    }


PLAIN = [
    path
    for path in [*LESSONS, *sorted((HERE / "data/records").glob("*.log")), *sorted(LOGS.glob("[0-9]*.log"))]
    if path.stem
    not in {"records-glued-on-one-line", "wrapped-by-syslog", "journal-json", "nul-blocks", "04_wrapped_malformed"}
]


@pytest.mark.parametrize("log", PLAIN, ids=lambda path: path.stem)
def test_the_columns_give_back_every_byte_of_every_body(log: Path):
    """Every token of the text is in the table: each record's body can be put together again from the event's columns."""
    content = log.read_bytes()
    assert given_back(read_events([content], host="h", known=HOST)) == written_bodies(content)


def sample(host: str) -> bytes:
    """The log of a sample, oldest file first."""
    return recorder().log_of(host)


def recorder():
    spec = importlib.util.spec_from_file_location("record_csv", EVENTS / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("host", ["web01", "db02"])
def test_whole_captures_are_given_back_byte_for_byte(host: str):
    """Of 212,041 genuine records, raw and enriched, no byte is missing from the table."""
    log = sample(host)
    parsed = read_events([log], host=host)
    assert given_back(parsed) == written_bodies(log)
    assert parsed.counts["unread"] == parsed.counts["malformed"] == 0
    assert parsed.accounting[0].record == parsed.accounting[0].total == len(log)


@pytest.mark.parametrize("host", ["web01", "db02"])
def test_every_record_can_be_found_again_in_the_bytes(host: str):
    """segment, offset, gap and length lead to the line of each record."""
    log = sample(host)
    half = log.index(b"\n", len(log) // 2) + 1
    pieces = [Piece(log[:half], 4, 1000, 50_000), Piece(log[half:], 9, 0, 50_000 + half + 123)]
    start_of = {4: 1000 - 50_000, 9: -(50_000 + half + 123)}
    data = {4: b"x" * 1000 + log[:half], 9: log[half:]}
    read = plain(read_events(pieces, host=host).events)
    for row in read.take(list(range(0, len(read), 10))).to_pylist():
        position = row["offset"] - start_of[row["segment"]]
        for record, body in zip(row["records"], records.to_records(row), strict=True):
            position += record["gap"]
            segment = 9 if position >= 50_000 + half else 4
            line = data[segment][position + start_of[segment] :][: record["length"]]
            assert line.endswith(body.body + b"\n")
            position += record["length"]


# ------------------------------------------------------------------------------------------------------ beside ausearch


def theirs(text: str) -> dict[tuple[str, str, int], list[tuple[str, str, str]]]:
    """The events of `ausearch --format csv`: (node, time, serial) -> [(type, session, result)]."""
    found = defaultdict(list)
    for node, kind, date, time, serial, session, result in csv.reader(text.split("\n")[:-1]):
        found[node, f"{date} {time}", int(serial)].append((kind, session, result))
    return found


def ours(log: bytes) -> dict[tuple[str, str, int], dict]:
    columns = ["node", "time_ms", "serial", "success", "ses", "types", "other"]
    table = read_events([log], host="h").events.select(columns)
    plainly = table.cast(__import__("pyarrow").schema([SCHEMA.field(name) for name in columns]))
    found = {}
    for row in plainly.to_pylist():
        time = datetime.fromtimestamp(row["time_ms"] // 1000, UTC).strftime("%m/%d/%y %H:%M:%S")
        key = (row["node"] or "", time, row["serial"])
        assert key not in found
        found[key] = row
    return found


def differences(log: bytes, text: str) -> Counter:
    """What ausearch says otherwise, by kind of difference."""
    mine, other = ours(log), theirs(text)
    found: Counter = Counter()
    for key in mine.keys() - other.keys():
        is_apparmor = any(field["key"] == "apparmor" for field in mine[key]["other"] or ())
        found[f"not in ausearch's list: {mine[key]['types'][0]}{' of AppArmor' if is_apparmor else ''}"] += 1
    for key, rows in other.items():
        if key not in mine:
            found["not in our list"] += 1
            continue
        found["a late record made it two events for ausearch"] += len(rows) - 1
        for kind, session, result in rows[:1] if len(rows) == 1 else ():
            row = mine[key]
            if {"success": True, "failed": False, "": None}[result] != row["success"]:
                found[f"result of {kind}: ours {row['success']}, ausearch {result}"] += 1
            if (None if session in ("unset", "") else int(session)) != row["ses"]:
                found[f"session of {kind}"] += 1
            if kind not in row["types"]:
                found[f"type {kind} is not among ours"] += 1
    return +found


# aureport and ausearch drop AppArmor's AVC, close an event two seconds after its time, and call a SECCOMP a failure.
KNOWN = {
    "web01": {
        "not in ausearch's list: AVC of AppArmor": 27,
        "a late record made it two events for ausearch": 233,
        "result of SECCOMP: ours None, ausearch failed": 2,
    },
    "db02": {
        "not in ausearch's list: AVC of AppArmor": 14,
        "a late record made it two events for ausearch": 112,
        "result of SECCOMP: ours None, ausearch failed": 2,
    },
}


@pytest.mark.parametrize("host", ["web01", "db02"])
def test_the_events_are_those_of_ausearch(host: str):
    """Every event that ausearch 3.0.9 found is ours, once, with its result and session; the differences are known."""
    with lzma.open(EVENTS / f"{host}.ausearch-csv-3.0.9.csv.xz", "rt", encoding="utf-8", newline="") as file:
        found = differences(sample(host), file.read())
    print(dict(found))  # noqa: T201 - the differences are told with their counts
    assert found == KNOWN[host]


@pytest.mark.parametrize("host", ["web01", "db02"])
def test_the_installed_ausearch_finds_the_same_events(host: str, needs):
    """With 3.0.9 installed, its events of today are compared as the recorded ones are."""
    ausearch, record = needs("ausearch"), recorder()
    if record.version_of(ausearch) != "3.0.9":
        pytest.skip(f"ausearch {record.version_of(ausearch)} is installed; the differences are known for 3.0.9")
    assert differences(sample(host), record.rows_of(sample(host), ausearch)) == KNOWN[host]


# ------------------------------------------------------------------------------------------------------------- details


def one(line: str, **options) -> dict:
    return rows_of(read_events([line.encode() + b"\n"], host="h", **options))[0]


def test_the_account_of_a_failed_login_is_masked_unless_somebody_is_known_by_it():
    """What was typed into the wrong field may be a password."""
    line = 'type=USER_LOGIN msg=audit(1.0:%d): pid=1 msg=\'op=login acct="%s" exe="/usr/sbin/sshd" res=%s\'\n'
    log = "".join(
        line % (n, *x)
        for n, x in enumerate((("hunter2", "failed"), ("bob", "failed"), ("bob", "success"), ("alice", "failed")))
    )
    rows = rows_of(read_events([log.encode()], host="h", known=HOST))
    assert [row["acct"] for row in rows] == ["hunter2", "bob", "bob", "alice"]
    assert [row["account"] for row in rows[1:]] == ["bob", "bob", "alice"]
    assert rows[0]["account"] not in (None, "hunter2")


def test_the_end_of_a_session_proves_nobody_to_exist():
    """login(1) wrote USER_END with res=success for a command that somebody had typed as a name."""
    typed = b"ls /etc".hex().upper()
    log = "".join(
        f"type={kind} msg=audit(1000.{n:03d}:{n}): pid=1 uid=0 auid=4294967295 ses=4294967295 "
        f"msg='op=PAM acct={typed} exe=\"/usr/bin/login\" hostname=? addr=? terminal=tty1 res={result}'\n"
        for n, (kind, result) in enumerate([("USER_AUTH", "failed"), ("USER_END", "success")], start=1)
    )
    shown = [row["account"] for row in rows_of(read_events([log.encode()], host="h"))]
    assert shown[0] == shown[1] and shown[0].startswith("unknown-")


def test_a_command_is_shown_with_its_secrets_masked_and_kept_with_them():
    """`command` is for readers, `argv` for rules."""
    row = one('type=EXECVE msg=audit(1.0:1): argc=3 a0="mysql" a1="-uroot" a2="-pbanana"')
    assert row["argv"] == ["mysql", "-uroot", "-pbanana"]
    assert "banana" not in row["command"] and row["command"].startswith("mysql -uroot")


def test_names_come_from_the_enriched_half_then_from_the_hosts_own_map():
    """Never from the machine that reads."""
    line = 'type=SYSCALL msg=audit(1.0:1): arch=c000003e syscall=59 auid=1000 uid=0 gid=0\x1dAUID="carol"'
    row = one(line, known=HOST)
    assert (row["auid_name"], row["uid_name"], row["gid_name"]) == ("carol", "root", "root")
    bare = one(line.partition("\x1d")[0])
    assert (bare["auid_name"], bare["uid_name"], bare["gid_name"]) == (None, None, None)


def test_our_own_visits_are_marked_and_no_others():
    """Only the sessions that our account opened from our address while we were there."""
    line = 'type=USER_START msg=audit(%d.0:%d): pid=%d uid=0 auid=1000 ses=%d msg=\'op=login acct="%s" exe="/usr/sbin/sshd" hostname=%s addr=%s terminal=ssh res=success\'\n'
    seen = [
        (100, 1, 10, 5, "audit", "10.0.0.9"),
        (100, 2, 11, 6, "audit", "10.6.6.6"),
        (100, 3, 12, 7, "bob", "10.0.0.9"),
        (900, 4, 13, 8, "audit", "10.0.0.9"),
    ]
    log = "".join(line % (*row[:5], row[5], row[5]) for row in seen)
    log += 'type=SYSCALL msg=audit(101.0:9): arch=c000003e syscall=59 ppid=1 pid=99 auid=1000 uid=0 ses=5 comm="sftp-server"\n'
    session = Session("audit", "10.0.0.9", 90_000, 110_000)
    rows = rows_of(read_events([log.encode()], host="h", known=Known(sessions=[session])))
    assert {row["serial"]: row["by_collector"] for row in rows} == {1: True, 2: False, 3: False, 4: False, 9: True}


def test_nothing_at_all_is_a_table_without_rows():
    """An empty log has the columns, and no events."""
    parsed = read_events([b""], host="h")
    assert plain(parsed.events).schema.equals(SCHEMA)
    assert len(parsed.events) == len(parsed.malformed) == 0


def test_an_event_is_read_whole_or_not_at_all_when_a_period_is_asked_for():
    """Its records bear one time, so none is on the other side."""
    log = b"".join(b"type=BPF msg=audit(%d.500:%d): prog-id=%d op=LOAD\n" % (n, n, n) for n in range(10))
    parsed = read_events([log], host="h", since_ms=3000, until_ms=6500)
    assert [row["serial"] for row in rows_of(parsed)] == [3, 4, 5]
    account = parsed.accounting[0]
    assert account.record + account.passed == account.total == len(log)
