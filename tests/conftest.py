"""Shared parts of the tests."""

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """`needs("sshd")` is the path of a system tool; without it the test is skipped, and fails where CI is true.

    sbin folders are looked into as well: sshd and ausearch live there and an ordinary user's PATH lacks them.
    """

    def path_of(tool: str) -> str:
        path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/openssh")
        if path is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{tool} is not installed; .ci/run must install it")
            pytest.skip(f"{tool} is not installed")
        return path

    return path_of


@pytest.fixture(scope="session")
def events_of() -> Callable[..., Any]:
    """`events_of({"type": "USER_LOGIN", "success": False}, …)` is a table of events, one for each dict, a second apart.

    What a dict does not say is null, but for what every event has: host web01, serials from 1, boot 0, not by the collector.
    """
    import ibis
    import pyarrow as pa

    from audit_nb.events import SCHEMA

    def table(*said: dict[str, Any]) -> Any:
        events = []
        for number, words in enumerate(said):
            time = words.get("time", datetime(2026, 1, 1) + timedelta(seconds=number))
            types = words.get("types", [words.get("type", "SYSCALL")])
            always = {"host": "web01", "serial": number + 1, "boot": 0, "complete": True, "by_collector": False}
            moment = {"time": time, "time_ms": int(time.replace(tzinfo=UTC).timestamp() * 1000)}
            events.append(always | moment | {"type": types[0], "types": types} | words)
        return ibis.memtable(pa.Table.from_pylist(events, schema=SCHEMA))

    return table


@pytest.fixture(scope="session", autouse=True)
def ordinary_umask() -> Iterator[None]:
    """What tests write can be read by the accounts that sshd and Postfix change to, also where root's umask is 077."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A program that the test starts can be stopped by Ctrl-C.

    It could not where the tests were started by `&` in a script: that ignores SIGINT, and every program inherits it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def sshd(needs, tmp_path_factory) -> Iterator[Callable[..., "Sshd"]]:
    """`sshd()` starts a real OpenSSH server of the current user on a loopback port; options are lines of its config."""
    program, running = needs("sshd"), []

    def start(*options: str) -> Sshd:
        server = Sshd(program, tmp_path_factory.mktemp("sshd"), options)
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def guest(needs, tmp_path) -> Iterator[Callable[..., "Sshd"]]:
    """`guest(lines)` is an sshd that knows the user `auditor` and, for sudo, the lines of a sudoers file.

    `instead` names programs of the machine and what stands in their place, `options` are lines of sshd's configuration,
    and `password` is what the user `auditor` may log in with besides.

    It runs in a mount namespace with an account database and a /var/log/audit of its own, so nothing of the machine
    changes. Only root may make one; where that is not so, the test is skipped.
    """
    program, running = needs("sshd"), []
    needs("sudo")
    folder = Path(tempfile.mkdtemp(prefix="audit-nb-guest-"))

    def start(
        sudoers: str = "",
        instead: Mapping[str, Path] | None = None,
        options: tuple[str, ...] = (),
        password: str | None = None,
    ) -> Sshd:
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
            pytest.skip("this user may not make a mount namespace, which keeps accounts of the test out of the machine")
        folder.chmod(0o755)
        hashed = "*"
        if password is not None:
            command = [needs("openssl"), "passwd", "-6", "-stdin"]
            hashed = subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()
        shadow = f"root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\nauditor:{hashed}:19000:0:99999:7:::\n"
        content = {
            "passwd": Path("/etc/passwd").read_text() + f"auditor:x:4999:4999::{folder}:/bin/sh\n",
            "group": Path("/etc/group").read_text() + "auditor:x:4999:\n",
            "shadow": shadow,
            "sudoers": "root ALL=(ALL) ALL\n" + sudoers,
            "pam.d/sshd": "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n",
        }
        (folder / "pam.d").mkdir()
        binds = [
            "mount -t tmpfs none /var/log",
            "mkdir /var/log/audit",
            f"mount --bind {folder / 'audit'} /var/log/audit",
        ]
        for name, text in content.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o440 if name in ("shadow", "sudoers") else 0o644)
            binds.append(f"mount --bind {folder / name} /etc/{name}")
        for program_path, ours in (instead or {}).items():
            shutil.copy(ours, folder / ours.name)
            binds.append(f"mount --bind {folder / ours.name} {program_path}")
        server = Sshd(program, folder, options, started=False)
        server.user = "auditor"
        server.wrapper = ["unshare", "--mount", "sh", "-c", f'{" && ".join(binds)} && exec "$@"', "sh"]
        server.log.parent.chmod(0o700)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()
    shutil.rmtree(folder)


class Sshd:
    """A running sshd with a key that may log in, a known_hosts that knows it and a folder of logs to serve."""

    def __init__(self, program: str, folder: Path, options: tuple[str, ...], *, started: bool = True) -> None:
        self.folder, self.options, self._program = folder, options, program
        self.user = getpass.getuser()
        self.subsystem: str | None = "internal-sftp"
        self.wrapper: list[str] = []
        self.log = folder / "audit" / "audit.log"
        self.log.parent.mkdir()
        for name in ("host_key", "login_key"):
            self.keygen(folder / name)
        shutil.copy(folder / "login_key.pub", folder / "authorized_keys")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.known_hosts = folder / "known_hosts"
        self.know(folder / "host_key")
        if started:
            self.start()

    def start(self) -> None:
        """Start it, or start it again on the same port."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        lines = [
            *self.options,
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder / 'host_key'}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            f"PidFile {self.folder / 'pid'}",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "LogLevel VERBOSE",
            *([f"Subsystem sftp {self.subsystem}"] if self.subsystem else []),
        ]
        config.write_text("\n".join(lines) + "\n")
        with (self.folder / "log").open("ab") as log:
            command = [*self.wrapper, self._program, "-D", "-e", "-f", str(config)]
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.01)
        pytest.fail("sshd did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        with contextlib.suppress(OSError):  # a child of it that serves the last connection still holds the port
            while True:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(0.01)

    def login_attempts(self) -> int:
        """How many connections came as far as saying who they are."""
        return len(set(re.findall(r"(?:publickey|password|none) for .* port (\d+)", (self.folder / "log").read_text())))

    def know(self, key: Path) -> None:
        """Make known_hosts say that the server has `key`."""
        kind, blob = key.with_name(key.name + ".pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {blob}\n")

    def host(self, **options: Any) -> Any:
        """An inventory's host that reaches this server."""
        from audit_nb.inventory import Host

        standard = {
            "name": "web01",
            "address": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "key_file": self.folder / "login_key",
            "known_hosts": self.known_hosts,
            "log_path": str(self.log),
            "ssh_config": False,
            "facts": False,
            "retries": 0,
            "timeout_s": 30,
        }
        return Host(**{**standard, **options})

    @staticmethod
    def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
        """Make a key pair with OpenSSH's own tool."""
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", path], check=True)
