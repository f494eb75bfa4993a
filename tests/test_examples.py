"""The examples of running by itself are true: systemd accepts the units, and the cron line makes a report."""

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
UNITS = ["audit-nb.service", "audit-nb.timer", "audit-nb-failed@.service"]
CACHES = ["HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"]


def verified(analyze: str, folder: Path, **changes: str) -> subprocess.CompletedProcess:
    """What systemd says of the units in a folder of their own; `changes` replace a text in every one of them."""
    for name in UNITS:
        text = (EXAMPLES / name).read_text(encoding="utf-8")
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


def test_the_service_is_locked_in(needs, tmp_path):
    """systemd rates exposure from 0 to 10; 2.0 is what it calls OK."""
    shutil.copy(EXAMPLES / "audit-nb.service", tmp_path)
    command = [
        needs("systemd-analyze"),
        "security",
        "--offline=true",
        "--threshold=20",
        str(tmp_path / "audit-nb.service"),
    ]
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


def test_every_cache_of_the_service_lies_in_its_state_directory():
    set_by_the_unit = dict(value.split("=", 1) for value in values("audit-nb.service", "Environment"))
    assert sorted(set_by_the_unit) == sorted(CACHES)
    folders = values("audit-nb.service", "StateDirectory")[0].split()
    for path in set_by_the_unit.values():
        assert any(path.removeprefix("%S/").startswith(folder) for folder in folders)


def test_secrets_are_credentials_under_the_names_of_the_yaml_files():
    known = yaml.safe_load((ROOT / "parameters/mail.example.yaml").read_text(encoding="utf-8"))
    name = known["smtp"]["password_variable"]
    assert values("audit-nb.service", "LoadCredential") == [f"{name}:/etc/audit-nb/{name}"]
    assert not [line for line in values("audit-nb.service", "Environment") if re.search("PASSWORD|SECRET|TOKEN", line)]
    assert "CREDENTIALS_DIRECTORY=/etc/audit-nb\n" in (EXAMPLES / "crontab").read_text(encoding="utf-8")


def test_the_service_and_the_cron_line_start_the_same_command():
    assert values("audit-nb.service", "ExecStart") == ["/usr/bin/make report REPORT=daily"]
    assert cron()[1].endswith("make report REPORT=daily")


def cron() -> tuple[dict[str, str], str]:
    """The environment that the cron file sets, and the command of its one line."""
    lines = (EXAMPLES / "crontab").read_text(encoding="utf-8").split("\n")
    environment = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    jobs = [line for line in lines if re.match(r"[\d*]", line)]
    assert len(jobs) == 1
    *when, user, command = jobs[0].split(None, 6)
    assert [len(when), user, "%" in command] == [5, "audit-nb", False]
    return environment, command


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


def as_cron(workplace: Path, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    environment, command = cron()
    command = command.replace("/opt/audit_nb", str(workplace)).replace("REPORT=daily", "REPORT=demo")
    (tmp_path / "home").mkdir(exist_ok=True)
    environment |= {"HOME": str(tmp_path / "home"), "CREDENTIALS_DIRECTORY": str(tmp_path), "LOGNAME": "audit-nb"}
    del environment["MAILTO"]
    return [environment["SHELL"], "-c", command], environment


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
