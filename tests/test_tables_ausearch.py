"""Each filter of a search chooses the events that ausearch chooses of the same log, by the same words."""

import json
import lzma
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_nb import collect, store
from audit_nb.cli import main

LOGS = Path(__file__).parent / "data" / "logs"
EVENT = re.compile(rb"msg=audit\((\d+)\.(\d+):(\d+)\)")
#: What a search of ours finds beyond, and why.
BEYOND = {
    "-ui 0": "of an account that was locked ausearch takes the locked one for the user, and of a crash none",
    "-sc execve": "ausearch takes the name for a number of the machine's own architecture, and not of i386",
}
#: The words of ausearch, which `audit-nb search` takes as they are; each finds something in one of the two logs.
WORDS = """
    -m USER_LOGIN · -m USER_AUTH,USER_CMD · -m SYSCALL -sv no · -sv yes · -sv no
    -ul 1001 · -ui 0 · -ue 0 · -ua 1002 · -gi 0 · -ge 0 · -ga 1002 · --session 1
    -p 1 · -pp 1 · -k exec · -k delete -w · -c sshd · -x /usr/bin/sudo · -x sudo
    -f /etc/shadow · -f /etc/ · -hn 10.0.2.2 · -tm ssh · -sc execve · -sc 59 · -e -13 · -e -EPERM · -e 0
    --arch b64 · --arch x86_64 · -su unconfined · -se unconfined · -n db02 · -k exec -ui 1002 -sv yes
"""
CASES = [words.strip() for line in WORDS.strip().split("\n") for words in line.split("·")]


@pytest.fixture(scope="module", params=["web01", "db02"])
def log(request, tmp_path_factory):
    """A log as a file for ausearch, and as a store of ours."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "audit.log").write_bytes(lzma.decompress((LOGS / f"{request.param}.log.xz").read_bytes()))
    collect.import_paths([folder / "audit.log"], request.param, folder / "data")
    store.update(folder / "data")
    return folder


def said(needs, log, words):
    """The events that ausearch prints."""
    command = [needs("ausearch"), "-if", str(log / "audit.log"), "--raw", *words]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env={"LC_ALL": "C", "TZ": "UTC"})
    return {f"{s.decode()}.{ms.decode()}:{serial.decode()}" for s, ms, serial in EVENT.findall(done.stdout)}


def found(log, words):
    """The events that `audit-nb search` finds."""
    asked = CliRunner().invoke(main, ["--data-dir", str(log / "data"), "search", *words, "--format", "json"])
    assert asked.exit_code in (0, 1), asked.output
    rows = [(datetime.fromisoformat(row["time"]), row["serial"]) for row in json.loads(asked.stdout)]
    return {f"{int(time.timestamp())}.{time.microsecond // 1000:03d}:{serial}" for time, serial in rows}


@pytest.mark.parametrize("words", CASES)
def test_the_same_events_are_found_by_the_same_words(needs, log, words):
    """Of the events that ausearch knows at all: it passes over AppArmor's decisions, which a search of ours finds."""
    theirs, ours = said(needs, log, words.split(" ")), found(log, words.split(" "))
    beyond = (ours & said(needs, log, [])) - theirs
    assert theirs or (words, log.name[:5]) == ("-n db02", "web01")
    assert theirs <= ours
    assert bool(beyond) == (words in BEYOND), BEYOND.get(words, beyond)
