"""What made a report: the versions of everything that decides its content."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import audit_nb

PACKAGES = ("papermill", "nbconvert", "ibis-framework", "duckdb", "pyarrow", "pandas", "matplotlib")


def found() -> dict[str, str]:
    """Versions by name; `revision` only where the project stands in a git repository."""
    versions = {"audit_nb": audit_nb.__version__, "python": platform.python_version()}
    revision = _revision()
    if revision:
        versions["revision"] = revision
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _revision() -> str | None:
    """The commit the package was taken from, with a + when files were changed since."""
    root = Path(audit_nb.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        asked = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None
