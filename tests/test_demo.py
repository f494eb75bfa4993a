"""The demo hosts are real SSH hosts with genuine logs, and one of them fails on purpose."""

import lzma
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from audit_nb import collect, demo, inventory
from audit_nb.archive import Archive

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """(data folder, results of two fetches, names and modes of what lies in the demo's folder)."""
    data = tmp_path_factory.mktemp("data")
    results = []
    for _ in range(2):
        with demo.serving(data / "demo") as path:
            results.append(collect.fetch(inventory.load(path), data))
    return data, results


def test_two_hosts_are_fetched_whole_and_one_fails(fetched):
    """What arrives are the samples, byte for byte; app03 shows another key than known_hosts has."""
    data, (first, _) = fetched
    assert [(result.host, result.outcome) for result in first] == [
        ("web01", "done"),
        ("db02", "done"),
        ("app03", "failed"),
    ]
    assert "has CHANGED" in first[2].reason
    assert f"`audit-nb trust app03 --inventory {data}/demo/hosts.yaml`" in first[2].reason
    archive = Archive(data)
    for host in ("web01", "db02"):
        held = {b"".join(archive.content(host, source)) for source in archive.lineages(host)}
        assert held == {lzma.decompress(path.read_bytes()) for path in (SAMPLES / host / "audit").iterdir()}


def test_a_second_fetch_brings_nothing(fetched):
    """The keys stay, so the hosts are known again on their new ports."""
    _, (first, second) = fetched
    assert [(result.outcome, result.new_bytes) for result in second] == [("done", 0), ("done", 0), ("failed", 0)]
    assert [result.session and result.session["host_key"] for result in second] == [
        result.session and result.session["host_key"] for result in first
    ]


def test_the_command_that_a_failing_host_tells_can_be_typed_as_it_stands(tmp_path):
    """It shows the key and the next command, and that one trusts the key."""

    def typed(command):
        words = shlex.split(command)
        assert words[0] == "audit-nb"
        return subprocess.run([sys.executable, "-m", "audit_nb", *words[1:]], capture_output=True, text=True)

    with demo.serving(tmp_path / "demo") as path:
        hosts = inventory.load(path).select(hosts=["app03"])
        (refused,) = collect.fetch(hosts, tmp_path / "data")
        shown = typed(refused.reason.rpartition("confirms the new key: ")[2].strip("`"))
        assert shown.returncode == 1
        trusted = typed(shown.stderr.rpartition("once compared: ")[2])
        assert (trusted.returncode, "is trusted from now on" in trusted.stderr) == (0, True)
        (after,) = collect.fetch(hosts, tmp_path / "data")
        assert "host key" not in after.reason


def test_the_names_of_ids_come_from_the_hosts(fetched):
    """RAW logs need them; they are those of the captured machines."""
    users, groups = Archive(fetched[0]).id_map("web01")
    assert users[1001] == "alice"
    assert groups[1011] == "developers"


def test_the_folder_is_private(fetched):
    """Keys and logs are for the user alone."""
    paths = list((fetched[0] / "demo").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}


def test_openssh_itself_can_read_and_not_write(tmp_path, needs):
    """The demo is no private arrangement between two Python libraries."""
    needs("sftp")
    with demo.serving(tmp_path / "demo") as path:
        port = inventory.load(path).host("db02").port
        commands = (
            "ls -1 /var/log/audit\nget /var/log/audit/audit.log.3 got\nput got /var/log/audit/put\nrm /etc/passwd\n"
        )
        ran = subprocess.run(
            [
                *("sftp", "-F", "none", "-P", str(port), "-i", tmp_path / "demo" / "login_key"),
                *("-o", f"UserKnownHostsFile={tmp_path / 'demo' / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"),
                "auditor@127.0.0.1",
            ],
            input=commands,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
    assert "/var/log/audit/audit.log.3" in ran.stdout
    assert (tmp_path / "got").read_bytes() == lzma.decompress((SAMPLES / "db02/audit/audit.log.3.xz").read_bytes())
    assert ran.stderr.count("ermission denied") == 2, ran.stderr
    assert not (tmp_path / "demo/db02/var/log/audit/put").exists()
    assert (tmp_path / "demo/db02/etc/passwd").exists()
