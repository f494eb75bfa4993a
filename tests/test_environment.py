"""pyproject.toml, environment.yml and the locks name one environment; Spark has a lock of its own."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# conda-forge gives these packages other names than PyPI.
CONDA_NAMES = {"backports-zstd": "backports.zstd", "duckdb": "python-duckdb", "ibis-framework": "ibis-duckdb"}


def bounds(lines: list[str]) -> dict[str, str]:
    """Each package with its version bounds, extras left out."""
    requirements = [Requirement(line) for line in lines]
    return {requirement.name: str(requirement.specifier) for requirement in requirements}


def conda_dependencies() -> list:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


LOCKS = ("requirements.lock", "requirements-spark.lock")


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def test_environment_yml_has_the_packages_and_bounds_of_pyproject():
    declared = bounds(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"])
    expected = {CONDA_NAMES.get(name, name): specifier for name, specifier in declared.items()}
    expected["python"] = PROJECT["requires-python"]
    found = bounds([line for line in conda_dependencies() if isinstance(line, str)])
    assert found.pop("pip") == ""
    assert found == {name: str(Requirement(f"x{specifier}").specifier) for name, specifier in expected.items()}


def test_environment_yml_installs_the_project_itself():
    assert conda_dependencies()[-1] == {"pip": ["-e ."]}


@pytest.mark.parametrize("group", ["dependencies", *PROJECT["optional-dependencies"]])
def test_the_lock_holds_a_fitting_version_of_every_package(group):
    lines = PROJECT["dependencies"] if group == "dependencies" else PROJECT["optional-dependencies"][group]
    versions = locked("requirements-spark.lock" if group == "spark" else "requirements.lock")
    for requirement in map(Requirement, lines):
        assert requirement.specifier.contains(versions[requirement.name]), requirement


def test_spark_is_no_part_of_the_everyday_environment_and_changes_no_version_in_it():
    everyday, spark = locked("requirements.lock"), locked("requirements-spark.lock")
    assert "pyspark" not in everyday
    assert not everyday.keys() & spark.keys()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_a_hash_for_every_package_and_names_no_host(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text and "index" not in text


def test_a_python_without_venv_is_told_with_the_line_to_run(tmp_path):
    """Debian splits ensurepip off into python3-venv."""
    python = tmp_path / "python3"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "tools/environment.sh"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHON": str(python),
            "VENV": str(tmp_path / "venv"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^\.PHONY: (\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [line.split()[1] for line in listed.splitlines()] == targets
