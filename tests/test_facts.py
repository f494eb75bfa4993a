"""What explains a host's log is learnt once a day, read-only, as far as the login may."""

import platform
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_nb import facts
from audit_nb.archive import Archive
from audit_nb.ssh import Sftp, connect

ROOT = Path(__file__).parents[1]


@pytest.fixture
def learn(tmp_path):
    """Learn of a host; gives what the archive knows then."""

    def run(host):
        archive = Archive(tmp_path)
        with connect(host) as connection, Sftp(connection) as sftp:
            facts.refresh(archive, host, connection, sftp)
        return Archive(tmp_path).facts(host.name)

    return run


def test_a_login_with_a_shell_tells_all_that_needs_no_root(sshd, learn, tmp_path):
    """Names from the name service, kernel, distribution, time zone, boot and clock; and how the host sees us."""
    server = sshd()
    found = learn(server.host())
    assert found["users"]["0"] == "root"
    assert found["groups"]["0"] == "root"
    assert Archive(tmp_path).id_map("web01")[0][0] == "root"
    assert found["kernel"] == f"{platform.system()} {platform.release()} {platform.machine()}"
    assert found["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found["utc_offset"] == time.strftime("%z")
    assert abs(found["clock_offset_s"]) <= found["clock_uncertainty_s"] + 1
    assert found["seen_from"].startswith("127.0.0.1 ")
    assert found["seen_from"].endswith(f"127.0.0.1 {server.port}")
    assert "audit_rules" not in found


def test_a_login_without_a_shell_tells_what_sftp_can_read(sshd, learn):
    """passwd and group are files; the rest is left out, never guessed."""
    found = learn(sshd("ForceCommand internal-sftp").host())
    assert found["users"]["0"] == "root"
    assert found["groups"]["0"] == "root"
    assert not {"kernel", "clock_offset_s", "seen_from", "audit_status"} & found.keys()


def test_the_full_profile_tells_status_and_rules(guest, learn, needs, tmp_path):
    """`auditctl -s` and `-l` as root, and nothing else through sudo."""
    fake = tmp_path / "auditctl"
    sample = ROOT / "samples" / "web01"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in -s) cat {sample}/auditctl_s.txt;; -l) cat {sample}/auditctl_l.txt;; esac\n'
    )
    fake.chmod(0o755)
    server = guest((ROOT / "examples" / "sudoers.full").read_text(), instead={needs("auditctl"): fake})
    found = learn(server.host(sudo=True))
    assert found["audit_status"]["lost"] == 0
    assert found["audit_status"]["backlog_limit"] == 8192
    assert found["audit_status"]["loginuid_immutable"] == "0 unlocked"
    assert found["audit_rules"] == (sample / "auditctl_l.txt").read_text().split("\n")[:-1]
    assert found["audit_at"] == found["at"]
    assert found["users"]["4999"] == "auditor"


def test_the_minimal_profile_leaves_status_and_rules_out(guest, learn):
    """They are asked for without a password prompt and without an incident; what is refused is left out."""
    found = learn(guest((ROOT / "examples" / "sudoers.minimal").read_text()).host(sudo=True))
    assert found["users"]["4999"] == "auditor"
    assert not {"audit_status", "audit_rules", "audit_at"} & found.keys()


def test_it_is_asked_once_a_day(sshd, learn, tmp_path):
    """A second fetch the same day runs no command; a day later what changed is added, and the old rows stay."""
    server = sshd()
    first = learn(server.host())
    sessions = (server.folder / "log").read_text().count("Starting session: command")
    assert learn(server.host()) == first
    assert (server.folder / "log").read_text().count("Starting session: command") == sessions
    path = tmp_path / "archive/web01/facts.jsonl"
    before = path.read_text()
    yesterday = (datetime.now(UTC) - timedelta(days=1, minutes=1)).isoformat()
    Archive(tmp_path).add_facts("web01", {"at": yesterday, "kernel": "Linux 1.0 other"})
    assert learn(server.host())["kernel"] == first["kernel"]
    assert path.read_text().startswith(before)
    assert "users" not in path.read_text().splitlines()[-1]


def test_a_host_without_rules_has_none_and_not_a_rule_that_says_so(sshd, monkeypatch):
    """`auditctl -l` prints the words "No rules"; a host that did not tell its rules has no such key at all."""
    monkeypatch.setattr(facts, "AS_ROOT", {"audit_rules": "echo No rules"})
    server = sshd()
    host = server.host()
    with connect(host) as connection, Sftp(connection) as sftp:
        asking = host.model_copy(update={"sudo": True})
        assert facts.collect(asking, connection, sftp)["audit_rules"] == []


def test_the_status_of_old_audit_stands_in_one_line():
    """RHEL 6 prints what newer ones print a line each."""
    old = "AUDIT_STATUS: enabled=1 flag=1 pid=1130 rate_limit=0 backlog_limit=320 lost=4 backlog=0\n"
    assert facts.audit_status(old)["lost"] == 4
    assert facts.audit_status(old)["enabled"] == 1
    assert "AUDIT_STATUS:" not in facts.audit_status(old)


def test_of_two_names_for_one_id_the_first_counts():
    """getpwuid(3) gives the first line; lines that are none are passed over."""
    text = (
        "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n+::::::\nbroken\nkim:x:01000:5:김:/:/bin/sh\nx:x:-1:0:\n"
    )
    assert facts.names_by_id(text) == {"0": "root", "1000": "kim"}


def test_the_command_is_one_that_every_shell_takes(sshd):
    """It is read-only, and its parts do not depend on one another."""
    host = sshd().host(sudo=True)
    for shell in ("sh", "bash"):
        assert subprocess.run([shell, "-n", "-c", facts.script(host)], capture_output=True).returncode == 0
    assert ">" not in facts.script(host).replace("2>/dev/null", "").replace(">/dev/null", "")
