"""A secret that stands in a log reaches no table, no report, no mail and no log of ours."""

import email
import email.policy
import inspect
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECRET = "Tr0ub4dor-and-3"
HEAD = "msg=audit(1795399200.{ms:03d}:{serial}): "
IDS = "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000"


def encoded(text: str) -> str:
    """As the kernel writes a value that holds a blank: upper-case hex without quotes."""
    return text.encode().hex().upper()


def executed(*argv: str, as_hex: bool) -> list[str]:
    """The records of a program that was run with these arguments."""
    values = [encoded(word) if as_hex else f'"{word}"' for word in argv]
    arguments = " ".join(f"a{number}={value}" for number, value in enumerate(values))
    return [
        f"type=SYSCALL {HEAD}arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=8 items=1 ppid=1 pid=77 "
        f'{IDS} tty=pts0 ses=3 comm="{argv[0]}" exe="/usr/bin/{argv[0]}" subj=unconfined key="exec"',
        f"type=EXECVE {HEAD}argc={len(argv)} {arguments}",
        f'type=PATH {HEAD}item=0 name="/usr/bin/{argv[0]}" inode=9 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL',
        f"type=PROCTITLE {HEAD}proctitle={encoded(chr(0).join(argv))}",
    ]


def user_record(kind: str, message: str, *, uid: int = 0) -> list[str]:
    """One record from user space."""
    return [f"type={kind} {HEAD}pid=88 uid={uid} auid=4294967295 ses=4294967295 subj=unconfined msg='{message}'"]


SSHD = 'exe="/usr/sbin/sshd" hostname=? addr=203.0.113.9 terminal=sshd res=failed'
PLACES = {
    "argument": executed("mysql", "-u", "root", f"-p{SECRET}", as_hex=False),
    "argument in hex": executed("mysql", "-u", "root", f"-p{SECRET}", as_hex=True),
    "long option": executed("backup", f"--password={SECRET}", "/srv", as_hex=False),
    "next argument": executed("backup", "--password", SECRET, "/srv", as_hex=False),
    "user and password": executed("curl", "-u", f"alice:{SECRET}", "https://example.org", as_hex=False),
    "in a URL": executed("git", "clone", f"https://alice:{SECRET}@example.org/x.git", as_hex=False),
    "assignment": executed("env", f"PGPASSWORD={SECRET}", "psql", as_hex=False),
    "inside sh -c": executed("sh", "-c", f"mysqldump -p{SECRET} shop > /tmp/shop.sql", as_hex=True),
    "token header": executed("curl", "-H", f"Authorization: Bearer {SECRET}", "https://example.org", as_hex=True),
    "sudo's command": user_record("USER_CMD", f'cwd="/root" cmd={encoded(f"mysql -p{SECRET}")} exe="/usr/bin/sudo" terminal=pts/0 res=success'),
    "sudo's command, plain": user_record("USER_CMD", f'cwd="/root" cmd="PASSWORD={SECRET}" exe="/usr/bin/sudo" terminal=pts/0 res=success'),
    "keystrokes": [
        f"type=TTY {HEAD}tty pid=90 uid=0 auid=1000 ses=3 major=136 minor=0 comm=\"su\" data={encoded(SECRET + chr(13))}"
    ],
    "keystrokes of a user": user_record("USER_TTY", f"op=tty data={encoded(SECRET)} exe=\"/bin/bash\" terminal=pts/0 res=success"),
    "typed as an account": user_record("USER_AUTH", f'op=PAM:authentication grantors=? acct="{SECRET}" {SSHD}'),
    "typed as an account, in hex": user_record("USER_LOGIN", f"op=login acct={encoded(SECRET)} {SSHD}"),
}  # fmt: skip


def planted_log() -> bytes:
    """Every place once, as an event of its own."""
    lines = []
    for serial, records in enumerate(PLACES.values(), start=100):
        lines += [record.replace("{ms:03d}", f"{serial:03d}").replace("{serial}", str(serial)) for record in records]
    return "".join(line + "\n" for line in lines).encode()


def audit_nb(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "audit_nb", *words], cwd=folder, capture_output=True, check=False, timeout=250
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder in which the planted log was imported and reported about, by every notebook there is."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "audit.log").write_bytes(planted_log())
    (folder / "parameters").mkdir()
    notebooks = ", ".join(sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
    (folder / "parameters" / "reports.yaml").write_text(f"planted:\n  notebooks: [{notebooks}]\n", encoding="utf-8")
    (folder / "parameters" / "planted.yaml").write_text(
        "data_dir: data\nsince: 2026-11-23\nuntil: 2026-11-24\ntimezone: UTC\nlanguage: en\n", encoding="utf-8"
    )
    imported = audit_nb(folder, "import", "audit.log", "--host", "web01")
    assert imported.returncode == 0, imported.stderr.decode()
    made = audit_nb(folder, "report", "planted", "--parameters", "parameters/planted.yaml")
    assert made.returncode == 0, made.stderr.decode()
    (folder / "words.txt").write_bytes(imported.stdout + imported.stderr + made.stdout + made.stderr)
    return folder


def forms(secret: str) -> list[bytes]:
    """The ways the same secret may be written."""
    return [secret.encode(), encoded(secret).encode(), encoded(secret).lower().encode()]


def leaks(content: bytes) -> bool:
    return any(form in content for form in forms(SECRET))


def test_the_plants_are_there_to_be_found(workplace):
    """The archive keeps the bytes, so a search that finds nothing elsewhere means something."""
    from audit_nb.archive import Archive

    archive = Archive(workplace / "data")
    (segment,) = archive.segments("web01")
    assert archive.read(segment) == planted_log()
    assert leaks(planted_log())


def test_no_file_of_a_run_holds_the_secret(workplace):
    files = [path for path in (workplace / "reports").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".html", ".csv", ".ipynb", ".json"}
    assert [str(path) for path in files if leaks(path.read_bytes())] == []


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_search_shows_the_secret(workplace, form):
    """Every event is found; none is found by a secret that a table would not show."""
    found = audit_nb(workplace, "search", "--format", form)
    assert found.returncode == 0 and found.stdout.count(b"USER_AUTH") >= 1
    assert not leaks(found.stdout + found.stderr)


def test_only_an_event_in_full_shows_what_was_written(workplace):
    """`audit-nb event` says of itself that it masks nothing; it writes to the terminal and nowhere else."""
    before = [path.read_bytes() for path in sorted(workplace.rglob("*")) if path.is_file()]
    shown = audit_nb(workplace, "event", "web01:1795399200.100:100")
    assert shown.returncode == 0 and leaks(shown.stdout)
    assert b"unmasked" in audit_nb(workplace, "event", "--help").stdout
    assert [path.read_bytes() for path in sorted(workplace.rglob("*")) if path.is_file()] == before


def test_no_part_of_the_mail_holds_the_secret(workplace):
    (path,) = (workplace / "outbox").glob("*.eml")
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert len(parts) > 2
    assert [part.get_content_type() for part in parts if leaks(part.get_payload(decode=True))] == []
    assert not leaks(path.read_bytes())


def test_no_word_on_the_terminal_holds_the_secret(workplace):
    assert not leaks((workplace / "words.txt").read_bytes())


def test_no_table_shows_the_secret(workplace):
    from audit_nb import open_events, tables

    events = open_events(workplace / "data")
    assert events.count().execute() == len(PLACES)
    period = {"since": datetime(2026, 11, 23, tzinfo=UTC), "until": datetime(2026, 11, 24, tzinfo=UTC)}
    shown = {}
    for name, question in tables.questions().items():
        asked = inspect.signature(question.function).parameters
        bounds = {end: moment for end, moment in period.items() if end in asked}
        shown[name] = question.function(events, **bounds).to_pandas().to_csv().encode()
    assert [name for name, content in shown.items() if leaks(content)] == []
    assert b"203.0.113.9" in shown["failed_by_address"]
