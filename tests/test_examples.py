"""The examples of running by itself are true: systemd accepts the units, and the cron line makes a report."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PROGRAM = sys.executable  # what stands on this machine in the place of ours
SERVICES = ["audit-nb.service", "audit-nb-send.service"]
UNITS = [*SERVICES, "audit-nb.timer", "audit-nb-send.timer", "audit-nb-failed@.service"]
CACHES = ["HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"]


def verified(analyze: str, folder: Path, **changes: str) -> subprocess.CompletedProcess:
    """What systemd says of the units in a folder of their own; `changes` replace a text in every one of them."""
    for name in UNITS:
        text = (EXAMPLES / name).read_text(encoding="utf-8").replace("/opt/audit_nb/.venv/bin/audit-nb", PROGRAM)
        for old, new in changes.items():
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")
    units = [str(folder / name) for name in UNITS]
    return subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False, timeout=60)


def values(unit: str, key: str) -> list[str]:
    """Everything a unit assigns to a key."""
    return re.findall(rf"^{key}=(.*)$", (EXAMPLES / unit).read_text(encoding="utf-8"), re.MULTILINE)


def test_systemd_accepts_the_units_without_a_word(needs, tmp_path):
    said = verified(needs("systemd-analyze"), tmp_path)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_systemd_would_find_a_misspelt_directive_and_a_program_that_is_not_there(needs, tmp_path):
    """The check above can fail."""
    assert "Persistant" in verified(needs("systemd-analyze"), tmp_path, Persistent="Persistant").stderr
    assert "not executable" in verified(needs("systemd-analyze"), tmp_path, **{"/usr/bin/make": "/usr/bin/mkae"}).stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_locked_in(needs, tmp_path, service):
    """systemd rates exposure from 0 to 10; 2.0 is what it calls OK."""
    shutil.copy(EXAMPLES / service, tmp_path)
    command = [needs("systemd-analyze"), "security", "--offline=true", "--threshold=20", str(tmp_path / service)]
    rated = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert rated.returncode == 0, rated.stdout[-300:]


def test_the_timer_makes_up_for_what_was_missed(needs):
    assert values("audit-nb.timer", "Persistent") == ["true"]
    when = values("audit-nb.timer", "OnCalendar")[0]
    read = subprocess.run(
        [needs("systemd-analyze"), "calendar", when], capture_output=True, text=True, check=False, timeout=60
    )
    assert read.returncode == 0
    assert f"Normalized form: {when}" in read.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_every_cache_of_a_service_lies_in_its_state_directory(service):
    set_by_the_unit = dict(value.split("=", 1) for value in values(service, "Environment"))
    assert sorted(set_by_the_unit) == sorted(CACHES if service == "audit-nb.service" else CACHES[:3])
    folders = values(service, "StateDirectory")[0].split()
    for path in set_by_the_unit.values():
        assert any(path.removeprefix("%S/").startswith(folder) for folder in folders)


def test_secrets_are_credentials_under_the_names_of_the_yaml_files():
    known = yaml.safe_load((ROOT / "parameters/mail.example.yaml").read_text(encoding="utf-8"))
    name = known["smtp"]["password_variable"]
    for service in SERVICES:
        assert values(service, "LoadCredential") == [f"{name}:/etc/audit-nb/{name}"]
        assert not [line for line in values(service, "Environment") if re.search("PASSWORD|SECRET|TOKEN", line)]
    assert "CREDENTIALS_DIRECTORY=/etc/audit-nb\n" in (EXAMPLES / "crontab").read_text(encoding="utf-8")


def test_the_services_and_the_cron_lines_start_the_same_commands():
    _, report, sending = cron()
    assert values("audit-nb.service", "ExecStart") == ["/usr/bin/make report REPORT=daily"]
    assert report.endswith("make report REPORT=daily")
    assert values("audit-nb-send.service", "ExecStart") == ["/opt/audit_nb/.venv/bin/audit-nb send"]
    assert ".venv/bin/audit-nb send" in sending


def cron() -> tuple[dict[str, str], str, str]:
    """The environment that the cron file sets, the command that makes a report and the one that sends what waits."""
    lines = (EXAMPLES / "crontab").read_text(encoding="utf-8").split("\n")
    environment = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    commands = []
    for line in lines:
        if re.match(r"[\d*]", line):
            *when, user, command = line.split(None, 6)
            assert [len(when), user, "%" in command] == [5, "audit-nb", False]
            commands.append(command)
    report, sending = commands
    return environment, report, sending


@pytest.fixture
def workplace(tmp_path, needs):
    """A copy of the project with the environment that stands here, and the cron job's command pointed at it."""
    needs("flock")
    needs("make")
    if not (ROOT / ".venv/.ready").exists():
        if os.environ.get("CI") == "true":
            pytest.fail(".venv was not set up by make")
        pytest.skip("the environment was not set up by make: `make setup`")
    copy = tmp_path / "audit_nb"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "data", "reports", "outbox", "demo", ".*_cache", "__pycache__", ".hypothesis"
    )
    shutil.copytree(ROOT, copy, ignore=lambda folder, names: left_out(folder, names) if Path(folder) == ROOT else [])
    (copy / ".venv").symlink_to(ROOT / ".venv")
    return copy


def as_cron(workplace: Path, tmp_path: Path, *, sending: bool = False) -> tuple[list[str], dict[str, str]]:
    environment, *commands = cron()
    command = commands[sending].replace("/opt/audit_nb", str(workplace)).replace("REPORT=daily", "REPORT=demo")
    (tmp_path / "home").mkdir(exist_ok=True)
    environment |= {"HOME": str(tmp_path / "home"), "CREDENTIALS_DIRECTORY": str(tmp_path), "LOGNAME": "audit-nb"}
    del environment["MAILTO"]
    return [environment["SHELL"], "-c", command], environment


def test_the_cron_line_that_sends_is_silent_unless_something_was_not_sent(workplace, tmp_path):
    """cron mails whatever a line says: every quarter of an hour nothing, but the sentence about a server that is down."""
    from audit_nb import mail

    command, environment = as_cron(workplace, tmp_path, sending=True)
    settings = {
        "from": "audit@example.org",
        "smtp": {"host": "localhost", "port": 1, "security": "none", "retry_after_s": []},
        "admins": ["root@example.org"],
    }
    (workplace / "parameters/mail.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (workplace / "outbox").mkdir()
    ran = [subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)]
    mail.compose_failure("daily", ["x"], mail.load(workplace / "parameters/mail.yaml"), workplace / "outbox")
    ran.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120))
    assert [done.stdout + done.stderr for done in ran][0] == ""
    assert "root@example.org: waiting (localhost:1 cannot be reached: Connection refused)" in ran[1].stdout


def test_the_cron_line_makes_a_report(workplace, tmp_path):
    """The line as it stands, in the environment cron gives, with the demo in place of the user's own hosts."""
    command, environment = as_cron(workplace, tmp_path)
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=280)
    said = ran.stdout + ran.stderr
    assert len(list((workplace / "reports/demo").glob("*/*/report.json"))) == 1, said
    assert len(list((workplace / "outbox").glob("*.eml"))) == 1, said
    assert "Traceback" not in said


def test_the_cron_line_does_not_start_beside_a_run_that_is_at_work(workplace, tmp_path):
    command, environment = as_cron(workplace, tmp_path)
    descriptor = os.open(workplace, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    finally:
        os.close(descriptor)
    assert ran.returncode == 75
    assert not (workplace / "reports").exists()
