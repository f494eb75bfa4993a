"""One event in full: its raw lines from the archive beside their interpretation."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_nb import store
from audit_nb.archive import Archive
from audit_nb.closeup import EventId
from audit_nb.errors import AuditNbError, UsageError

CALL = (
    "node=n type=SYSCALL msg=audit(1767225600.100:7): arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7ffd a2=241 "
    'a3=1b6 items=1 ppid=1 pid=5 auid=1000 uid=0 gid=0 tty=pts0 ses=2 comm="x" exe="/x" key=(null)\x1dARCH=x86_64 SYSCALL=openat AUID="alice"'
)
PATH = "node=n type=PATH msg=audit(1767225600.100:7): item=0 name=2F612062 inode=5 nametype=NORMAL cap_fp=0 cap_fi=0"


def archived(data_dir: Path, *pieces: str, host: str = "web01") -> Archive:
    """An archive in which each piece is a source of its own, read into the store."""
    archive = Archive(data_dir)
    for piece in pieces:
        archive.append(host, piece.encode() + b"\n", path="audit.log", via="test")
    store.update(data_dir)
    return archive


def test_an_event_is_shown_with_its_raw_lines_and_what_every_field_means(tmp_path: Path):
    """Also when its records came in two segments, and the id map of its own host names the rest."""
    archived(tmp_path, "type=BPF msg=audit(1.0:1): a=1\n" + CALL, "Jan  1 00:00:00 h audispd: " + PATH)
    Archive(tmp_path).add_facts("web01", {"users": {"0": "root"}, "groups": {"0": "wheel"}})
    event = store.event(tmp_path, "1767225600.100:7")
    assert (event.host, event.node, event.serial, event.complete) == ("web01", "n", 7, False)
    assert event.time == datetime(2026, 1, 1, 0, 0, 0, 100_000, tzinfo=UTC)
    assert [line.raw for line in event.lines] == [CALL, "Jan  1 00:00:00 h audispd: " + PATH]
    meanings = {key: (written, meaning) for key, written, meaning in event.lines[0].fields}
    assert meanings["syscall"] == ("257", "openat")
    assert meanings["a2"] == ("241", "O_WRONLY|O_CREAT|O_TRUNC")
    assert meanings["auid"] == ("1000", "alice")
    assert meanings["gid"] == ("0", "wheel")
    assert meanings["key"] == ("(null)", "(null)")
    assert meanings["AUID"] == ('"alice"', "alice")
    assert [key for key, _, _ in event.lines[1].fields] == ["item", "name", "inode", "nametype", "cap_fp", "cap_fi"]
    assert ("name", "2F612062", "/a b") in event.lines[1].fields
    assert event.id == "web01:1767225600.100:7"
    assert event.table().num_rows == sum(len(line.fields) for line in event.lines)
    assert str(event).startswith("web01:1767225600.100:7 (incomplete)\nnode=n type=SYSCALL")


def test_where_the_bytes_are_gone_the_reason_stands_in_their_place(tmp_path: Path):
    """What is known of the event is shown nevertheless."""
    archived(tmp_path, CALL)
    (tmp_path / "archive/web01/00000001.zst").unlink()
    (line,) = store.event(tmp_path, "1767225600.100:7").lines
    assert line.raw is None
    assert "gone" in line.trouble
    assert ("syscall", "257", "openat") in line.fields


def test_an_event_of_several_hosts_must_be_asked_for_by_host(tmp_path: Path):
    """Serials are alike on every machine."""
    for host in ("web01", "db02"):
        archived(tmp_path, CALL, host=host)
    with pytest.raises(AuditNbError, match=r"several events .* db02:1767225600.100:7, web01:1767225600.100:7"):
        store.event(tmp_path, "1767225600.100:7")
    assert store.event(tmp_path, "db02:1767225600.100:7").host == "db02"
    assert store.event(tmp_path, "1767225600.100:7", hosts=["web01"]).host == "web01"


def test_an_event_that_is_not_there_is_told(tmp_path: Path):
    """And so is a text that names none."""
    with pytest.raises(AuditNbError, match="there is no event 1767225600.100:7"):
        store.event(tmp_path, "1767225600.100:7")
    for text in ("7", "1767225600:7", "x.1:7", "1767225600.1000:7", ""):
        with pytest.raises(UsageError, match="is no event; expected"):
            EventId.of(text)


@pytest.mark.parametrize(
    "text", ["1767225600.100:7", "audit(1767225600.100:7):", " 1767225600.100:7 ", "audit(1767225600.100:7)"]
)
def test_an_event_is_named_as_it_stands_in_a_log(text: str):
    """The milliseconds are a number, not a fraction: `.2` are two of them."""
    assert EventId.of(text) == EventId(1767225600100, 7)
    assert EventId.of("1767225600.2:7").time_ms == 1767225600002
    assert str(EventId.of("web01:1767225600.2:7")) == "web01:1767225600.002:7"
