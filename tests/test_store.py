"""The store: a function of the archive, whatever the pieces in which the bytes came."""

import json
import lzma
import random
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_nb import store
from audit_nb.ahead import Ahead
from audit_nb.archive import Archive
from audit_nb.errors import UsageError
from audit_nb.events import SCHEMA, Known, plain, read_events
from audit_nb.fields import IdMap
from audit_nb.intake import write_parquet
from audit_nb.spans import Piece
from audit_nb.survey import Window

HERE = Path(__file__).parent
DAY = 86_400
T0 = 1767225600  # 2026-01-01T00:00:00Z


def bpf(second: float, serial: int, n: int = 1, node: str = "") -> bytes:
    time = f"{int(second)}.{round(second % 1 * 1000):03d}"
    return f"{node}type=BPF msg=audit({time}:{serial}): prog-id={n} op=LOAD\n".encode()


def call(second: int, serial: int, comm: str = "id") -> list[bytes]:
    """The records of one execve."""
    head = f"msg=audit({second}.100:{serial}):"
    return [
        f'type=SYSCALL {head} arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=1 pid={serial} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=2 comm="{comm}" exe="/usr/bin/{comm}" subj=unconfined key="k1"\n'.encode(),
        f'type=EXECVE {head} argc=1 a0="{comm}"\n'.encode(),
        f'type=PATH {head} item=0 name="/usr/bin/{comm}" inode=7 dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL\n'.encode(),
        f'type=PROCTITLE {head} proctitle="{comm}"\n'.encode(),
    ]


class Log:
    """A host whose bytes are put into an archive piece by piece."""

    def __init__(self, data_dir: Path, host: str = "web01") -> None:
        self.data_dir, self.host, self.archive = data_dir, host, Archive(data_dir)
        self.source: int | None = None
        self.offset = 0

    def add(self, data: bytes, *, unfinished: bool = False) -> None:
        """More bytes of the same file."""
        segment = self.archive.append(
            self.host, data, path="audit.log", via="test", source=self.source, offset=self.offset, unfinished=unfinished
        )
        self.source = segment.source
        self.offset += 0 if unfinished else len(data)

    def rotate(self) -> None:
        """What comes next stands in another file."""
        self.source, self.offset = None, 0


def stored(data_dir: Path, *hosts: str) -> list[dict]:
    """Every row of the store, in order, without what tells of its place."""
    table = store.open_events(data_dir, hosts or None).order_by(["host", "time_ms", "serial", "node"]).to_pyarrow()
    rows = table.to_pylist()
    for row in rows:
        row["forms"] = [record["form"] for record in row.pop("records")]
        del row["segment"], row["offset"]
    return rows


def serials(data_dir: Path, **period) -> list[int]:
    return sorted(store.open_events(data_dir, **period).serial.to_pyarrow().to_pylist())


def update(data_dir: Path) -> list[str]:
    results = store.update(data_dir)
    assert [result.outcome for result in results] == ["done"] * len(results), results
    return [result.host for result in results]


# ------------------------------------------------------------------------------------------------------------- opening


def test_a_missing_store_is_an_empty_table_of_the_schema(tmp_path: Path):
    """A notebook on an empty folder says that there are no events."""
    events = store.open_events(tmp_path)
    assert list(events.columns) == store.STORED.names
    assert events.count().to_pyarrow().as_py() == 0
    assert store.open_malformed(tmp_path).count().to_pyarrow().as_py() == 0
    assert store.open_hosts(tmp_path).count().to_pyarrow().as_py() == 0
    assert store.update(tmp_path) == []


def test_what_is_stored_has_the_types_of_the_schema(tmp_path: Path):
    """DuckDB, pandas and Spark read the same types, without zones or dictionaries."""
    Log(tmp_path).add(b"".join(call(T0, 1)))
    update(tmp_path)
    (path,) = (tmp_path / "store/web01/2026-01-01").glob("*.parquet")
    assert pq.read_schema(path).remove_metadata().equals(store.STORED)
    empty, full = store.open_events(tmp_path / "none").schema(), store.open_events(tmp_path).schema()
    assert {name: str(kind) for name, kind in empty.items()} == {name: str(kind) for name, kind in full.items()}


def test_a_period_is_half_open_and_hosts_are_chosen_by_name(tmp_path: Path):
    """since belongs to it, until does not."""
    for host in ("web01", "db02"):
        Log(tmp_path, host).add(b"".join(bpf(T0 + 3600 * n, n + 1) for n in range(72)))
    update(tmp_path)
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert serials(tmp_path, hosts=["web01"], since=noon, until=noon + timedelta(hours=2)) == [37, 38]
    assert serials(tmp_path, hosts=["web01"], since="2026-01-02T12:00", until="2026-01-02T14:00+00:00") == [37, 38]
    assert serials(tmp_path, hosts=["web01"], since=date(2026, 1, 3)) == list(range(49, 73))
    assert serials(tmp_path, hosts=["web01"], since="2026-01-02", until="2026-01-02T03:00", timezone="Asia/Seoul") == [
        16,
        17,
        18,
    ]
    assert serials(tmp_path, hosts=[]) == []
    assert len(serials(tmp_path)) == 144
    with pytest.raises(UsageError, match="tomorrowish"):
        store.open_events(tmp_path, since="tomorrowish")


def test_a_host_that_was_only_tried_has_a_row(tmp_path: Path):
    """A clean report from a blind host is the worst there is."""
    at = "2026-01-01T06:00:00+00:00"
    row = {
        "host": "web09",
        "outcome": "failed",
        "reason": "no route",
        "started_at": at,
        "ended_at": at,
        "session": None,
    }
    (tmp_path / "fetches.jsonl").write_text(json.dumps(row) + "\n{cut\n")
    (found,) = store.open_hosts(tmp_path).to_pyarrow().to_pylist()
    assert (found["host"], found["outcome"], found["reason"], found["events"]) == ("web09", "failed", "no route", None)
    assert found["fetched_at"] == datetime(2026, 1, 1, 6)


def test_a_hosts_row_tells_what_auditctl_said_of_its_audit(tmp_path: Path):
    """Of the newest visit that told; a fact stands in the file where it changed, so a visit may tell nothing new."""
    Log(tmp_path).add(b"".join(call(T0, 1)))
    update(tmp_path)
    archive = Archive(tmp_path)
    names = ("audit_at", "audit_enabled", "lost", "lost_before", "backlog", "backlog_limit", "rules")

    def row():
        (found,) = store.open_hosts(tmp_path).to_pyarrow().to_pylist()
        return tuple(found[name] for name in names)

    assert row() == (None,) * 7
    days = [f"2026-01-0{day}T06:00:00+00:00" for day in range(1, 5)]
    status = {"enabled": 1, "lost": 5, "backlog": 3, "backlog_limit": 64, "pid": 9}
    archive.add_facts(
        "web01", {"at": days[0], "audit_at": days[0], "audit_status": status, "audit_rules": ["-a x", "-w y"]}
    )
    assert row() == (datetime(2026, 1, 1, 6), 1, 5, None, 3, 64, 2)
    archive.add_facts("web01", {"at": days[1], "audit_at": days[1], "audit_status": status | {"lost": 9}})
    assert row() == (datetime(2026, 1, 2, 6), 1, 9, 5, 3, 64, 2)
    archive.add_facts("web01", {"at": days[2], "audit_at": days[2], "audit_rules": []})
    assert row() == (datetime(2026, 1, 3, 6), 1, 9, 9, 3, 64, 0)
    archive.add_facts("web01", {"at": days[3], "kernel": "Linux"})
    assert row() == (datetime(2026, 1, 3, 6), 1, 9, 9, 3, 64, 0)


def test_a_hosts_row_counts_everything_that_was_seen(tmp_path: Path):
    """Bytes by kind, records, events, incomplete ones, malformed lines, lost serials."""
    log = (
        b"garbage\n"
        + b"".join(call(T0, 1))
        + bpf(T0 + 1, 5)
        + b"\n"
        + b"type=PATH msg=audit(%d.0:6): item=0 junk here\n" % T0
    )
    Log(tmp_path).add(log)
    update(tmp_path)
    (row,) = store.open_hosts(tmp_path).to_pyarrow().to_pylist()
    assert row["bytes"] == len(log) == row["record_bytes"] + row["malformed_bytes"] + row["other_bytes"]
    assert (row["malformed_bytes"], row["other_bytes"], row["malformed"]) == (8, 1, 1)
    assert (row["records"], row["events"], row["incomplete"], row["unread"]) == (6, 3, 2, 1)
    assert row["lost_serials"] == 3
    assert (row["first_time"], row["last_time"]) == (datetime(2026, 1, 1), datetime(2026, 1, 1, 0, 0, 1))
    (line,) = store.open_malformed(tmp_path).to_pyarrow().to_pylist()
    assert line == {
        "host": "web01",
        "segment": 1,
        "offset": 0,
        "length": 8,
        "reason": "not an audit record",
        "text": "garbage",
    }


# ------------------------------------------------------------------------------------------------------------ updating


def test_an_event_that_comes_in_two_fetches_becomes_one(tmp_path: Path):
    """The day is written again as a whole; no part of the event is left behind."""
    log, records = Log(tmp_path), call(T0, 7)
    log.add(b"".join(records[:2]))
    update(tmp_path)
    assert [(row["types"], row["complete"]) for row in stored(tmp_path)] == [(["SYSCALL", "EXECVE"], False)]
    log.add(records[2])
    log.rotate()
    log.add(records[3] + bpf(T0 + 1, 8))
    update(tmp_path)
    assert [row["types"] for row in stored(tmp_path)] == [["SYSCALL", "EXECVE", "PATH", "PROCTITLE"], ["BPF"]]


def test_nothing_new_writes_nothing(tmp_path: Path):
    """An update without new bytes leaves every file as it is."""
    Log(tmp_path).add(bpf(T0, 1))
    update(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")}
    update(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")} == before


def test_only_the_days_that_got_bytes_are_written_again(tmp_path: Path):
    """A year of logs is not read again for an hour of today."""
    log = Log(tmp_path)
    log.add(bpf(T0, 1))
    log.add(bpf(T0 + DAY, 2))
    update(tmp_path)
    yesterday = list((tmp_path / "store/web01/2026-01-01").iterdir())
    log.add(bpf(T0 + DAY + 1, 3))
    update(tmp_path)
    assert list((tmp_path / "store/web01/2026-01-01").iterdir()) == yesterday
    assert serials(tmp_path) == [1, 2, 3]


def test_older_bytes_that_come_later_find_their_place(tmp_path: Path):
    """An import of last year's logs changes the count of boots of everything behind it."""
    new, old = Log(tmp_path), Log(tmp_path)
    new.add(bpf(T0 + DAY, 5000) + bpf(T0 + DAY + 9, 5001))
    update(tmp_path)
    old.add(bpf(T0, 100_000) + bpf(T0 + 1, 100_001))
    update(tmp_path)
    assert [(row["serial"], row["boot"]) for row in stored(tmp_path)] == [
        (100_000, 0),
        (100_001, 0),
        (5000, 1),
        (5001, 1),
    ]


def test_a_last_line_without_a_newline_is_replaced_when_it_grew(tmp_path: Path):
    """Half a record is a record of its own only as long as its end is missing."""
    log, line = Log(tmp_path), call(T0, 3)[0]
    log.add(bpf(T0, 1))
    log.add(line[:80], unfinished=True)
    update(tmp_path)
    assert serials(tmp_path) == [1, 3]
    log.add(line)
    update(tmp_path)
    rows = stored(tmp_path)
    assert [row["serial"] for row in rows] == [1, 3]
    assert rows[1]["comm"] == "id"
    assert store.open_malformed(tmp_path).count().to_pyarrow().as_py() == 0


def test_bytes_that_were_pruned_leave_the_store_with_the_next_update(tmp_path: Path):
    """The rest of the store stays as it is, boots included."""
    log = Log(tmp_path)
    for second, serial in ((T0, 9000), (T0 + DAY, 5), (T0 + DAY + 5, 6)):
        log.add(bpf(second, serial))
    update(tmp_path)
    archive = Archive(tmp_path)
    archive.drop(archive.segments("web01")[0], older_than=datetime(2026, 1, 2, tzinfo=UTC))
    update(tmp_path)
    assert [(row["serial"], row["boot"]) for row in stored(tmp_path)] == [(5, 1), (6, 1)]
    assert not list((tmp_path / "store/web01").glob("2026-01-01/*")) or serials(tmp_path) == [5, 6]


def test_a_log_that_reached_us_twice_counts_once(tmp_path: Path):
    """Through auditd and through syslog, raw and enriched: a line counts as often as it stands in one of them."""
    records = call(T0, 3)
    enriched = records[0][:-1] + b'\x1dARCH=x86_64 SYSCALL=execve AUID="alice" UID="root"\n'
    log = Log(tmp_path)
    log.add(b"".join(records) + bpf(T0 + 1, 4) * 2)
    log.rotate()
    log.add(
        b"".join(b"Jan  1 00:00:00 web01 audispd: " + line for line in (enriched, *records[1:])) + bpf(T0 + 1, 4) * 3
    )
    update(tmp_path)
    rows = stored(tmp_path)
    assert [row["types"] for row in rows] == [["SYSCALL", "EXECVE", "PATH", "PROCTITLE"], ["BPF", "BPF", "BPF"]]
    assert rows[0]["auid_name"] == "alice"


def test_a_damaged_segment_is_told_and_the_others_are_read(tmp_path: Path):
    """One failure is a row, not the end of the run."""
    log = Log(tmp_path)
    log.add(bpf(T0, 1))
    log.add(bpf(T0, 2))
    (tmp_path / "archive/web01/00000001.zst").write_bytes(b"damaged")
    Log(tmp_path, "db02").add(bpf(T0, 3))
    results = {result.host: result for result in store.update(tmp_path)}
    assert (results["web01"].outcome, results["db02"].outcome) == ("partial", "done")
    assert "00000001.zst" in results["web01"].reason
    assert serials(tmp_path) == [2, 3]


def test_names_that_the_host_told_later_are_put_in(tmp_path: Path):
    """The id map is part of the archive: days whose ids it names otherwise are written again."""
    log = Log(tmp_path)
    log.add(b"".join(call(T0, 1)))
    log.add(bpf(T0 + DAY, 2))
    update(tmp_path)
    untouched = list((tmp_path / "store/web01/2026-01-02").iterdir())
    assert stored(tmp_path)[0]["auid_name"] is None
    Archive(tmp_path).add_facts("web01", {"users": {"1000": "alice", "0": "root"}, "groups": {"0": "root"}})
    update(tmp_path)
    assert (stored(tmp_path)[0]["auid_name"], stored(tmp_path)[0]["gid_name"]) == ("alice", "root")
    assert list((tmp_path / "store/web01/2026-01-02").iterdir()) == untouched


def test_our_own_visits_are_marked_by_what_was_recorded_of_them(tmp_path: Path):
    """Account, address and time of a fetch tell which login was ours."""
    line = b'type=USER_START msg=audit(%d.0:%d): pid=9 uid=0 auid=1000 ses=%d msg=\'op=login acct="audit" exe="/usr/sbin/sshd" hostname=? addr=10.0.0.9 terminal=ssh res=success\'\n'
    Log(tmp_path).add(line % (T0, 1, 5) + line % (T0 + 9999, 2, 6))
    moment = datetime.fromtimestamp(T0, UTC).isoformat()
    session = {"account": "audit", "address": "10.0.0.9", "port": 1, "key": "k", "host_key": "h"}
    row = {
        "host": "web01",
        "outcome": "done",
        "reason": None,
        "started_at": moment,
        "ended_at": moment,
        "session": session,
    }
    (tmp_path / "fetches.jsonl").write_text(json.dumps(row) + "\n")
    update(tmp_path)
    assert [row["by_collector"] for row in stored(tmp_path)] == [True, False]


def test_a_pseudonym_stays_the_same_when_the_store_is_made_anew(tmp_path: Path):
    """The secret behind it lies in the data folder."""
    line = b'type=USER_LOGIN msg=audit(%d.0:1): pid=9 msg=\'op=login acct="hunter2" exe="/usr/sbin/sshd" res=failed\'\n'
    Log(tmp_path).add(line % T0)
    update(tmp_path)
    before = stored(tmp_path)
    assert "hunter2" not in before[0]["account"]
    store.rebuild(tmp_path)
    assert stored(tmp_path) == before


def test_files_are_private_and_what_a_killed_update_left_is_removed(tmp_path: Path):
    """0700 and 0600 whatever the umask; readers never look at what the index does not name."""
    log = Log(tmp_path)
    log.add(bpf(T0, 1))
    update(tmp_path)
    left = tmp_path / "store/web01/2026-01-01/000009-000.parquet"
    left.write_bytes(b"half a file")
    assert serials(tmp_path) == [1]
    log.add(bpf(T0, 2))
    update(tmp_path)
    assert not left.exists()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_a_reader_that_opened_before_an_update_still_reads_what_it_opened(tmp_path: Path):
    """Replaced files go with the update after the next."""
    log = Log(tmp_path)
    log.add(bpf(T0, 1))
    update(tmp_path)
    opened = store.open_events(tmp_path)
    log.add(bpf(T0, 2))
    update(tmp_path)
    assert opened.serial.to_pyarrow().to_pylist() == [1]
    assert serials(tmp_path) == [1, 2]


def test_a_store_of_another_version_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A report never mixes versions."""
    Log(tmp_path).add(bpf(T0, 1))
    update(tmp_path)
    monkeypatch.setattr("audit_nb.events.PARSER_VERSION", 10**6)
    assert store.open_events(tmp_path).count().to_pyarrow().as_py() == 0
    update(tmp_path)
    assert serials(tmp_path) == [1]


def test_a_segment_of_interpreted_text_is_refused_with_a_sentence(tmp_path: Path):
    """Nothing of it is read, and the reason says what to bring instead."""
    Log(tmp_path).add(b"type=SYSCALL msg=audit(01/01/2026 00:00:04.100:11) : arch=x86_64 syscall=execve\n" * 3)
    (result,) = store.update(tmp_path)
    assert "already interpreted" in result.reason
    assert serials(tmp_path) == []


# ------------------------------------------------------------------------------------------------------------- windows


def a_busy_day() -> bytes:
    """Events whose records are written up to an hour late, over a midnight, with a reboot and steps of the clock."""
    chance = random.Random(7)
    queue = []
    for n in range(600):
        second = T0 + DAY - 3600 + n * 12 + (120 if 200 < n < 260 else 0)
        serial = n + 5000 if n < 400 else n - 390
        for place, record in enumerate(call(second, serial, chance.choice(("id", "ls", "cat")))):
            late = place and chance.random() < 0.05
            last = 3990 if n < 400 else 10_000  # what is late when the machine goes down is never written
            queue.append(
                (min(n * 10 + place + (chance.randrange(3000) if late else 0), max(last, n * 10 + place)), record)
            )
    return b"".join(record for _, record in sorted(queue, key=lambda item: item[0]))


@pytest.mark.parametrize("size", [2_000, 50_000, 10**9])
def test_the_windows_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int):
    """Read in windows of any size, in parts or several days together, a log holds the same events."""
    monkeypatch.setattr("audit_nb.survey.WINDOW_BYTES", size)
    log, data = Log(tmp_path), a_busy_day()
    for at in range(0, len(data), 40_000):
        begin, end = (data.rfind(b"\n", 0, place) + 1 for place in (at, min(len(data), at + 40_000)))
        log.add(data[begin:end])
    update(tmp_path)
    whole = plain(read_events([Piece(data)], host="web01").events).to_pylist()
    rows = stored(tmp_path)
    assert [(row["time_ms"], row["serial"], row["types"], row["boot"], row["pid"], row["paths"]) for row in rows] == [
        (row["time_ms"], row["serial"], row["types"], row["boot"], row["pid"], row["paths"])
        for row in sorted(whole, key=lambda row: (row["time_ms"], row["serial"]))
    ]


@pytest.mark.parametrize("size", [20_000, 60_000])
def test_what_was_read_ahead_is_what_would_be_read_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    """While the survey goes on, from what it found; or of the same windows afterwards, or of others, from the bytes."""
    monkeypatch.setattr("audit_nb.survey.WINDOW_BYTES", size)
    log, lines = Log(tmp_path), genuine().split(b"\n")[:-1]
    for late in (700, 1900):
        lines.insert(late + 900, lines.pop(late))
    for at in range(0, len(lines), 150):
        log.add(b"\n".join(lines[at : at + 150]) + b"\n")
    ahead: list[int] = []
    counted = Ahead.made

    def made(self: Ahead, plan: Sequence[Window]) -> dict:
        ahead.append(len(counted(self, plan)))
        return counted(self, plan)

    monkeypatch.setattr(Ahead, "made", made)
    update(tmp_path)
    first = stored(tmp_path)
    assert 5 < ahead[0] < len(list((tmp_path / "store").rglob("000001-*.parquet")))
    monkeypatch.setattr(Ahead, "made", lambda self, plan: {n: one for n, one in counted(self, plan).items() if n < 0})
    store.rebuild(tmp_path)
    assert stored(tmp_path) == first
    monkeypatch.setattr("audit_nb.intake.comes_in_order", lambda times: False)
    store.rebuild(tmp_path)
    shown = [{**row, "account": None} for row in first]  # masked by who is known within a window
    assert [{**row, "account": None} for row in stored(tmp_path)] == shown


def test_where_one_second_is_larger_than_a_window_it_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A flood in one second cannot be cut any further."""
    monkeypatch.setattr("audit_nb.survey.WINDOW_BYTES", 1000)
    Log(tmp_path).add(b"".join(bpf(T0, n) for n in range(100)))
    update(tmp_path)
    assert serials(tmp_path) == list(range(100))


# -------------------------------------------------------------------------------------------- the pieces do not matter


def genuine() -> bytes:
    """Some thousand lines of a genuine log around its reboot, where the serials begin anew."""
    files = sorted((HERE.parent / "samples/web01/audit").glob("audit.log*.xz"), reverse=True)
    lines = b"".join(lzma.decompress(file.read_bytes()) for file in files).split(b"\n")[:-1]
    boot = max(i for i, line in enumerate(lines) if line.startswith(b"type=SYSTEM_BOOT"))
    return b"\n".join(lines[boot - 2500 : boot + 1500]) + b"\n"


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_random_pieces_rotated_between_them_give_what_one_piece_gives(seed: int, tmp_path_factory):
    """On two hosts with equal serials, over a reboot, with updates between the pieces or not."""
    chance, lines = random.Random(seed), [*a_busy_day().split(b"\n")[:-1], *genuine().split(b"\n")[:-1]]
    whole, pieces = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("pieces")
    for host in ("web01", "web02"):
        Log(whole, host).add(b"\n".join(lines) + b"\n")
    update(whole)
    logs, at = {host: Log(pieces, host) for host in ("web01", "web02")}, 0
    while at < len(lines):
        size = chance.randrange(1, 900)
        for log in logs.values():
            log.add(b"\n".join(lines[at : at + size]) + b"\n")
            if chance.random() < 0.3:
                log.rotate()
        at += size
        if chance.random() < 0.4:
            update(pieces)
    update(pieces)
    assert stored(pieces) == stored(whole)
    store.rebuild(pieces)
    assert stored(pieces) == stored(whole)


def test_a_genuine_log_is_stored_as_it_is_read(tmp_path: Path):
    """Through archive, windows and Parquet nothing is changed."""
    data = genuine()
    Log(tmp_path).add(data)
    Archive(tmp_path).add_facts("web01", {"users": {"0": "root"}, "groups": {}})
    update(tmp_path)
    salt = (tmp_path / "store/.salt").read_bytes()
    parsed = read_events([data], host="web01", known=Known(IdMap({0: "root"}, {}), salt=salt))
    assert (
        store.open_events(tmp_path)
        .order_by(["time_ms", "serial"])
        .select(*SCHEMA.names)
        .to_pyarrow()
        .cast(SCHEMA)
        .to_pylist()
        == plain(parsed.events).to_pylist()
    )
    assert {row["boot"] for row in stored(tmp_path)} == {0, 1}


def test_what_does_not_fit_into_memory_goes_where_only_we_can_read(tmp_path: Path):
    """The engine sorts through a folder of mode 0700, which is gone when the process has ended; text of logs is private."""
    program = """
import os, stat
from audit_nb import store
engine = store._duckdb().con
engine.execute("SET memory_limit = '24MB'").execute("SET threads = 1")
engine.execute("CREATE TEMP TABLE sorted AS SELECT hash(i)::text || i AS text FROM range(400000) t(i) ORDER BY 1")
(folder,) = engine.execute("SELECT current_setting('temp_directory')").fetchone()
print(folder, oct(stat.S_IMODE(os.stat(folder).st_mode)), len(os.listdir(folder)) > 0)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    folder, mode, spilled = told.stdout.split()
    assert (mode, spilled, Path(folder).exists()) == ("0o700", "True", False)
    assert list(tmp_path.iterdir()) == []


def test_only_words_that_come_again_get_a_dictionary(tmp_path: Path):
    """Whatever its lists and nulls, a part of a table comes back as it was, the words of texts that vary in their rows."""
    varied = [f"worker-{n}" if n % 7 else None for n in range(100)]
    usual = ["/bin/sh" if n % 3 else None for n in range(100)]
    words = pa.array(varied).dictionary_encode(), pa.array(usual).dictionary_encode()
    offsets = pa.array([0, 3, 3, 40, None, 70, 100], pa.int32())
    table = pa.table(
        {
            "comm": words[0][:6],
            "exe": words[1][:6],
            "argv": pa.ListArray.from_arrays(offsets, words[0]),
            "keys": pa.ListArray.from_arrays(offsets, words[1]),
            "paths": pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([*words], names=["name", "dev"])),
        }
    ).slice(1)
    write_parquet(tmp_path / "part.parquet", table)
    assert pq.read_table(tmp_path / "part.parquet").to_pylist() == table.to_pylist()
    row_group = pq.ParquetFile(tmp_path / "part.parquet").metadata.row_group(0)
    columns = [row_group.column(i) for i in range(row_group.num_columns)]
    assert {column.path_in_schema: column.has_dictionary_page for column in columns} == {
        "comm": False,
        "exe": True,
        "argv.list.element": False,
        "keys.list.element": True,
        "paths.list.element.name": False,
        "paths.list.element.dev": True,
    }
