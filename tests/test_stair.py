"""The whole stair, as an administrator walks it: from SSH to the outbox."""

import email
import email.policy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def audit_nb(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run the command line in a folder, under a careless umask."""
    return subprocess.run(
        [sys.executable, "-m", "audit_nb", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        umask=0o000,
    )


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A folder in which the demo report was made twice, with the words of both runs."""
    folder = tmp_path_factory.mktemp("stair")
    first = audit_nb(folder, "run", "demo")
    second = audit_nb(folder, "run", "demo")
    return folder, first, second


def runs(folder: Path) -> list[Path]:
    """The folders of the runs, oldest first."""
    return sorted(path.parent for path in folder.glob("reports/demo/2026-11-23/*/report.json"))


def test_the_demo_report_is_made_although_one_host_fails_on_purpose(walked):
    _, first, _ = walked
    assert first.returncode == 0, first.stderr
    assert "app03: the host key of" in first.stderr and "has CHANGED" in first.stderr
    assert "1 of 3 hosts not fully seen (app03)" in first.stderr
    assert "Traceback" not in first.stderr


def test_at_the_end_stands_where_everything_lies(walked):
    folder, first, _ = walked
    named = {
        line.split()[0]: line.split()[1] for line in first.stderr.splitlines() if line.startswith("  ") and "/" in line
    }
    for word in ("report", "tables", "notebooks", "mail"):
        assert (folder / named[word]).exists(), word


def test_a_run_has_pages_tables_and_executed_notebooks(walked):
    folder, _, _ = walked
    run = runs(folder)[0]
    for name in ("overview", "logins", "commands"):
        assert (run / f"{name}.html").stat().st_size > 1000
        assert (run / "notebooks" / f"{name}.ipynb").stat().st_size > 1000
    assert len(list((run / "tables").glob("*.csv"))) > 5
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert {row["host"]: row["outcome"] for row in report["coverage"]} == {
        "web01": "done",
        "db02": "done",
        "app03": "failed",
    }
    assert len(report["notebooks"]) > 3 and {notebook["status"] for notebook in report["notebooks"]} == {"done"}


def test_a_second_report_fetches_nothing_and_says_so(walked):
    _, first, second = walked
    assert second.returncode == 0, second.stderr
    assert "new bytes were fetched" in first.stderr
    assert "Nothing new was fetched" in second.stderr
    assert "Fetching web01: nothing new" in second.stderr


def test_a_second_report_is_a_run_of_its_own_and_the_latest(walked):
    folder, _, _ = walked
    old, new = runs(folder)
    assert (old / "index.html").exists()
    assert (folder / "reports" / "demo" / "latest").resolve() == new
    history = (folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert old.name in history and new.name in history


def test_the_letter_waits_with_text_pages_charts_and_tables(walked):
    folder, _, _ = walked
    path = sorted((folder / "outbox").glob("*.eml"))[0]
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    kinds = [part.get_content_type() for part in message.walk()]
    assert "2 logins after 3 failures or more" in message["Subject"], "an alarm goes before what is only notable"
    assert "39 failed logins" in message.get_body(("plain",)).get_content().replace("\n", " ")
    assert kinds.count("image/png") >= 1
    run = runs(folder)[0]
    attached = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
    for name in ("overview.html", "logins.html", "commands.html"):
        assert attached[name] == (run / name).read_bytes()
    tables = [name for name in attached if name.endswith(".csv")]
    assert tables and all(attached[name] == (run / "tables" / name).read_bytes() for name in tables)


def test_what_is_produced_is_private_whatever_the_umask(walked):
    folder, _, _ = walked
    modes = {"dir": set(), "file": set()}
    for top in ("data", "reports", "outbox"):
        for path in [folder / top, *(folder / top).rglob("*")]:
            if not path.is_symlink():
                modes["dir" if path.is_dir() else "file"].add(oct(path.stat().st_mode & 0o777))
    assert modes == {"dir": {"0o700"}, "file": {"0o600"}}


def test_logs_from_a_disk_are_read_and_asked_without_any_inventory(walked, tmp_path):
    shutil.copy(next((ROOT / "samples").rglob("audit.log.xz")), tmp_path)
    imported = audit_nb(tmp_path, "import", ".", "--host", "disk01")
    assert imported.returncode == 0, imported.stderr
    asked = audit_nb(tmp_path, "table", "types", "--host", "disk01", "--format", "json")
    assert asked.returncode == 0, asked.stderr
    counted = {row["type"]: row["events"] for row in json.loads(asked.stdout)}
    assert counted["SYSCALL"] > 1000


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["table", "faild_logins"], 2, ["faild_logins", "failed_logins"]),
        (["table", "failed_logins", "--since", "someday"], 2, ["someday"]),
        (["run", "daily"], 2, ["parameters/hosts.yaml is missing", "cp parameters/hosts.example.yaml"]),
        (["run", "dayly"], 2, ["dayly", "daily"]),
        (["import", "nowhere", "--host", "web01"], 2, ["nowhere"]),
        (["import", "audit.log", "--host", "../web01"], 1, ["'../web01' cannot name a host"]),
        (["send"], 2, ["parameters/mail.yaml", "cp parameters/mail.example.yaml"]),
        (["fetch", "--host"], 2, ["--host"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value and value[0].islower() else None,
)
def test_a_mistake_is_one_clear_sentence_and_an_exit_code(tmp_path, words, code, expected):
    shutil.copytree(
        ROOT / "parameters", tmp_path / "parameters", ignore=shutil.ignore_patterns("hosts.yaml", "mail.yaml")
    )
    (tmp_path / "audit.log").write_bytes(b"")
    done = audit_nb(tmp_path, *words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for words_of_it in expected:
        assert words_of_it in done.stderr


def test_every_verb_explains_itself_with_an_example(tmp_path):
    listed = audit_nb(tmp_path, "--help").stdout
    verbs = [
        line.split()[0]
        for line in listed.split("Commands:\n")[1].splitlines()
        if line.startswith("  ") and line[2] != " "
    ]
    assert {"demo", "fetch", "import", "tables", "table", "report", "send", "run", "rebuild"} <= set(verbs)
    for verb in verbs:
        assert f"Example: audit-nb {verb}" in " ".join(audit_nb(tmp_path, verb, "--help").stdout.split())


def test_a_process_with_no_home_and_a_read_only_checkout_still_answers(tmp_path):
    """As a service runs: no HOME, caches wherever they can be."""
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-m", "audit_nb", "table", "failed_logins", "--format", "csv"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1  # that there are no logs yet
    assert done.stdout.startswith("host,time,")


def test_an_event_is_shown_in_full_by_its_name(walked):
    folder, _, _ = walked
    shown = audit_nb(folder, "--data-dir", "data/demo", "event", "web01:1795399563.520:6359")
    assert shown.returncode == 0, shown.stderr
    assert "acct=28696E76616C6964207573657229" in shown.stdout and "(invalid user)" in shown.stdout
    absent = audit_nb(folder, "--data-dir", "data/demo", "event", "1795399563.520:1")
    assert absent.returncode == 1 and "there is no event 1795399563.520:1" in absent.stderr
    assert audit_nb(folder, "event", "yesterday").returncode == 2


def test_the_demo_hosts_are_served_until_ctrl_c_and_cost_nothing_meanwhile(interruptible, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "audit_nb", "demo"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stderr.readline()
        inventory = line.split("--inventory ")[1].strip()
        fetched = audit_nb(tmp_path, "fetch", "--inventory", inventory, "--host", "db02")
        assert fetched.returncode == 0, fetched.stderr
        used = cpu_seconds(process.pid)
        time.sleep(2)
        assert cpu_seconds(process.pid) - used < 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "The demo hosts are gone." in process.stderr.read()
    finally:
        process.kill()


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_rebuild_does_not_import_what_only_others_would_need(walked):
    """pandas and cffi are looked for by pyarrow and Numba; behind the rebuild both are found as ever."""
    folder, _, _ = walked
    code = """
import sys
from audit_nb.cli import walks
with walks.absent("pandas", "cffi"):
    from audit_nb import store
    rows = store.rebuild("data/demo", ["web01"])
assert [row.outcome for row in rows] == ["done"], rows
assert not {"pandas", "cffi"} & sys.modules.keys()
frame = store.open_events("data/demo", ["web01"]).to_pandas()
assert len(frame) == rows[0].events
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
