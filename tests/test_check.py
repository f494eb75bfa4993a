"""`check` says for each host what works, what is missing, and which lines would help."""

import os
import re
import subprocess
from pathlib import Path

from audit_nb.check import STEPS, check
from audit_nb.inventory import Inventory

RECORD = b"type=EOE msg=audit(1767225610.100:14): \n"


def steps(*hosts):
    """The rows of each host by step."""
    results = check(Inventory(path="hosts.yaml", hosts=hosts))
    assert [result.host for result in results] == [host.name for host in hosts]
    for result in results:
        assert [row.step for row in result.rows] == list(STEPS)
    return [{row.step: row for row in result.rows} | {"lines": result.lines} for result in results]


def states(rows):
    return {step: rows[step].state for step in STEPS}


def test_a_host_that_works_is_told_step_by_step(sshd):
    """Reach, key, login, log, clock and disk are seen; auditd runs there or not."""
    server = sshd()
    server.log.write_bytes(RECORD)
    (rows,) = steps(server.host())
    assert {step: rows[step].state for step in ("reach", "host key", "login", "sudo", "log", "clock")} == dict.fromkeys(
        ("reach", "host key", "login", "sudo", "log", "clock"), "ok"
    )
    running = subprocess.run(["pidof", "auditd"], capture_output=True).returncode == 0
    assert rows["auditd"].state == ("ok" if running else "failed")
    assert "40 bytes, written to just now; no other file beside it" in rows["log"].sentence
    assert "MiB free" in rows["disk"].sentence
    assert re.fullmatch(r"[+-]\d+\.\d s against ours \(± \d+\.\d s\)", rows["clock"].sentence)
    assert rows["lines"] == ""


def test_where_it_breaks_is_told_and_the_rest_is_unknown(sshd):
    """What was not reached is not called good."""
    server = sshd()
    server.keygen(server.folder / "stranger")
    closed = server.host(name="closed", port=1)
    unknown = server.host(name="unknown", known_hosts=server.folder / "none")
    stranger = server.host(name="stranger", key_file=server.folder / "stranger")
    rows = steps(closed, unknown, stranger)
    rest = dict.fromkeys(STEPS, "unknown")
    assert states(rows[0]) == rest | {"reach": "failed"}
    assert states(rows[1]) == rest | {"reach": "ok", "host key": "failed"}
    assert states(rows[2]) == rest | {"reach": "ok", "host key": "ok", "login": "failed"}
    assert "audit-nb trust unknown" in rows[1]["host key"].sentence


def test_a_log_that_stays_shut_brings_the_lines_to_add(guest):
    """First a group, then sudo; the profile is the published one with the account's own name."""
    server = guest()
    server.log.write_bytes(RECORD)
    (rows,) = steps(server.host())
    assert rows["log"].state == "failed"
    assert "cannot be read by auditor" in rows["log"].sentence
    assert rows["reads besides"].state == "ok"
    assert "not /etc/shadow" in rows["reads besides"].sentence
    profile = (Path(__file__).parents[1] / "examples" / "sudoers.minimal").read_text()
    assert rows["lines"].endswith(profile)
    assert "log_group = auditreaders" in rows["lines"]
    (rows,) = steps(server.host(sudo=True))
    assert rows["sudo"].state == "failed"
    assert "a password is required" in rows["sudo"].sentence
    assert rows["lines"].endswith(profile)


def test_what_the_login_could_read_besides_is_told(guest):
    """An SFTP server of root reads the whole host, and check says so."""
    server = guest((Path(__file__).parents[1] / "examples" / "sudoers.minimal").read_text())
    server.log.write_bytes(RECORD)
    (rows,) = steps(server.host(sudo=True))
    assert rows["sudo"].state == "ok"
    assert rows["log"].state == "ok"
    assert rows["reads besides"].state == "warning"
    assert "/etc/shadow too" in rows["reads besides"].sentence


def test_a_log_that_is_missing_or_old_or_none_is_told(sshd):
    """Each is a state of its own."""
    missing, old, other = sshd(), sshd(), sshd()
    old.log.write_bytes(RECORD)
    os.utime(old.log, (1, 1))
    other.log.write_bytes(b"Nov 23 04:00:00 web01 sshd[1]: hello\n")
    rows = steps(missing.host(), old.host(), other.host())
    assert [row["log"].state for row in rows] == ["failed", "warning", "warning"]
    assert "there is no" in rows[0]["log"].sentence
    assert "days ago" in rows[1]["log"].sentence
    assert "holds no audit record" in rows[2]["log"].sentence


def test_a_login_that_runs_no_command_is_no_failure(sshd):
    """An account for SFTP alone can be read; clock and disk stay unknown."""
    server = sshd("ForceCommand internal-sftp")
    server.log.write_bytes(RECORD)
    (rows,) = steps(server.host())
    assert rows["log"].state == "ok"
    assert [rows[step].state for step in ("auditd", "clock", "disk")] == ["unknown"] * 3


def test_a_login_that_may_run_nothing_at_all_is_told_so(tmp_path):
    """The demo's hosts refuse any command: a sentence, not a broken connection."""
    from audit_nb import demo, inventory

    with demo.serving(tmp_path / "demo") as path:
        (rows,) = steps(inventory.load(path).host("db02"))
    assert rows["log"].state == "ok"
    assert {rows[step].sentence for step in ("auditd", "clock", "disk")} == {"the login may run no command there"}
