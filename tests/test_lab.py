"""`make lab` opens JupyterLab for its user only: loopback, a token, kernels that no other user can listen to."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/lab\S*\?token=(\w+)")


@pytest.fixture(scope="module")
def lab(needs):
    """The address and the token of a running JupyterLab, and the folder of its connection files."""
    needs("make")
    if not (ROOT / ".venv" / ".ready").exists():
        pytest.skip("make lab would set up .venv; `make test` has it")
    runtime = tempfile.mkdtemp(prefix="lab")  # short: a socket's path has at most 107 bytes
    log = Path(runtime) / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["make", "-s", "lab", "LAB=--no-browser --ServerApp.port=0"],
            cwd=ROOT,
            env=os.environ | {"JUPYTER_RUNTIME_DIR": runtime},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield *answered(log, process), Path(runtime)
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)
        shutil.rmtree(runtime, ignore_errors=True)


def answered(log: Path, process: subprocess.Popen) -> tuple[str, str]:
    """The address and the token that JupyterLab prints once it answers."""
    for _ in range(600):
        found = ADDRESS.search(log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[1], found[2]
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def ask(address: str, path: str, token: str | None = None, body: dict | None = None) -> tuple[int, bytes]:
    """Status and body of one request."""
    request = urllib.request.Request(address + path, data=json.dumps(body).encode() if body is not None else None)
    if token:
        request.add_header("Authorization", f"token {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_without_the_token_nothing_is_shown(lab):
    address, token, _ = lab
    assert ask(address, "/api/contents/notebooks")[0] == 403
    status, content = ask(address, "/api/contents/notebooks", token)
    assert status == 200 and b"overview.ipynb" in content


def test_a_kernel_speaks_over_ipc(lab):
    address, token, runtime = lab
    status, content = ask(address, "/api/kernels", token, {"name": "python3"})
    assert status == 201, content
    number = json.loads(content)["id"]
    connection = json.loads((runtime / f"kernel-{number}.json").read_text(encoding="utf-8"))
    assert connection["transport"] == "ipc"
