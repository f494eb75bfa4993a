"""One event in full: its raw lines from the archive beside their interpretation."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from audit_nb import show, store
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


# --------------------------------------------------------------------------------------------------- what a reader sees


def hexadecimal(text: str) -> str:
    return text.encode().hex().upper()


SECRETS = [
    'type=EXECVE msg=audit(1767225600.100:8): argc=4 a0="mysql" a1="-pS3cret" a2="--token" a3='
    + hexadecimal("S3 cret"),
    'type=EXECVE msg=audit(1767225600.100:8): argc=2 a0="mysql" a1_len=16 a1[0]='
    + hexadecimal("-pS3")
    + " a1[1]="
    + hexadecimal("cret"),
    "type=PROCTITLE msg=audit(1767225600.100:8): proctitle=" + hexadecimal("mysql\0-pS3cret\0shop"),
    'type=USER_CMD msg=audit(1767225600.100:8): pid=1 msg=\'cwd="/" cmd='
    + hexadecimal("mysql -pS3cret")
    + ' exe="/usr/bin/sudo" res=success\'',
    'type=TTY msg=audit(1767225600.100:8): tty pid=1 uid=0 comm="bash" data=' + hexadecimal("sudo -i\rS3cret\r"),
    'type=USER_AUTH msg=audit(1767225600.100:8): pid=1 msg=\'op=PAM:authentication acct="S3cret" exe="/usr/sbin/sshd" res=failed\'',
    "type=BPF msg=audit(1767225600.100:8): mysql -pS3cret prog-id=1",
    "Jan  1 00:00:00 h audispd: type=PROCTITLE msg=audit(1767225600.100:8): proctitle="
    + hexadecimal("mysql\0-pS3cret"),
    '{"_TRANSPORT":"audit","_AUDIT_ID":"8","_SOURCE_REALTIME_TIMESTAMP":"1767225600100000","MESSAGE":"EXECVE argc=2 a0=\\"mysql\\" a1=\\"-pS3cret\\""}',
]


@pytest.mark.parametrize(
    "line", SECRETS, ids=["arguments", "pieces", "title", "sudo", "keys", "account", "text", "syslog", "journal"]
)
def test_a_reader_sees_no_secret_in_the_line_nor_in_its_meaning(tmp_path: Path, line: str):
    """The evidence itself keeps it; who wants that asks for it."""
    archived(tmp_path, line)
    event = store.event(tmp_path, "1767225600.100:8")
    forms = ["S3cret", "S3 cret", hexadecimal("S3cret"), hexadecimal("S3 cret"), hexadecimal("cret")]
    assert any(form in str(event) for form in forms)
    seen = [str(event.masked()), repr(event.masked().table().to_pylist()), repr(event), repr(event.masked())]
    assert [(form, text) for form in forms for text in seen if form in text] == []
    assert "***" in seen[0] or "unknown-" in seen[0]
    assert event.lines[0].type in repr(event)


def test_what_is_no_secret_is_seen_as_it_was_written(tmp_path: Path):
    """Masking leaves a line as it lies in the archive."""
    archived(tmp_path, CALL, PATH)
    event = store.event(tmp_path, "1767225600.100:7")
    assert event.masked().lines == event.lines


def displayed(monkeypatch, event, **options) -> dict[str, str]:
    """What `show.event` gives to the notebook."""
    given = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, **_: given.append(data))
    show.begin("closer", language=options.pop("language", "en"), timezone="Asia/Seoul")
    given.clear()
    show.event(event, **options)
    (data,) = given
    return data


def test_a_notebook_shows_each_line_beside_what_it_means(tmp_path: Path, monkeypatch):
    """In the reader's language and zone; without secrets unless they are asked for."""
    archived(tmp_path, CALL, PATH, "node=n " + SECRETS[0].replace(":8)", ":7)"))
    event = store.event(tmp_path, "1767225600.100:7")
    data = displayed(monkeypatch, event)
    page = data["text/html"]
    assert "web01:1767225600.100:7" in page and "2026-01-01 09:00:00.100 (Asia/Seoul)" in page and "3 records" in page
    assert page.count("<section>") == 3
    assert "type=SYSCALL msg=audit(1767225600.100:7): arch=c000003e syscall=257" in page
    assert "<td>a2</td><td>241</td><td>O_WRONLY|O_CREAT|O_TRUNC</td>" in page
    assert "S3cret" not in page + data["text/plain"] and "a1=***" in page
    assert "secrets=True" in page and "secrets=True" in data["text/plain"]
    assert "S3cret" in displayed(monkeypatch, event, secrets=True)["text/html"]
    assert "기록된 그대로" in displayed(monkeypatch, event, language="ko")["text/html"]


def test_what_a_log_says_reaches_a_notebook_as_text(tmp_path: Path, monkeypatch):
    """Markup, escape sequences and characters that turn the line around are shown, not obeyed."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202egnp"
    line = f'node=<b>n type=<i>X</i> msg=audit(1767225600.100:8): "><svg onload=x>={hostile}" name={hexadecimal(hostile)} \x1b[31m'
    archived(tmp_path, line, f"node=<b>n type=PATH msg=audit(1767225600.100:8): name={hexadecimal(hostile)}")
    event = store.event(tmp_path, "1767225600.100:8", hosts=["web01"])
    data = displayed(monkeypatch, event)
    for page in (data["text/html"], displayed(monkeypatch, event, secrets=True)["text/html"]):
        tags = set(re.findall(r"<\s*/?\s*([a-z]+)", page.partition("</style>")[2]))
        assert tags <= {"div", "h", "b", "section", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "span"}
        assert not set("\x1b\u202e") & set(page)
        assert "&lt;script&gt;" in page
    assert not set("\x1b\u202e") & set(data["text/plain"])


def test_an_event_that_is_the_value_of_a_cell_is_shown_in_full(tmp_path: Path):
    """After `show.begin`, `store.event(…)` alone is enough."""
    archived(tmp_path, CALL, "node=n " + SECRETS[0].replace(":8)", ":7)"))
    event = store.event(tmp_path, "1767225600.100:7")
    shell = InteractiveShell.instance()
    try:
        show.begin("closer")
        shown, _ = shell.display_formatter.format(event)
    finally:
        InteractiveShell.clear_instance()
    assert shown["text/html"].count("<section>") == 2
    assert "O_WRONLY|O_CREAT|O_TRUNC" in shown["text/plain"]
    assert "S3cret" not in shown["text/html"] + shown["text/plain"]
