"""Serves the logs of `samples/` over SSH on loopback: three hosts to try everything on.

    with demo.serving(Path("data/demo")) as inventory_path:
        collect.fetch(inventory.load(inventory_path), "data")

web01 writes RAW logs, db02 ENRICHED ones with `node=`. app03 fails on purpose: `known_hosts` has another key for it
than the one it shows, which is how a host looks that was set up anew, or that someone impersonates. So the first report
of a newcomer shows what a report says about a host it could not read, and that no unknown key is accepted.

Everything is real SSH: host keys and a login key are made on the first run, SFTP is read-only and sees one folder.
"""

import asyncio
import lzma
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit_nb import files
from audit_nb.errors import AuditNbError

SAMPLES = Path(__file__).parents[1] / "samples"
USER = "auditor"
READABLE = ("web01", "db02")
IMPOSTOR = "app03"
LOG_FOLDER = Path("var/log/audit")
MOMENT = re.compile(rb"audit\((\d+)\.\d+:\d+\)")

INVENTORY = """\
# The demo's hosts, written anew at each start. Your own go into parameters/hosts.yaml.
defaults:
  address: 127.0.0.1
  user: {user}
  key_file: login_key
  known_hosts: known_hosts
  ssh_config: false
hosts:
  web01: {{port: {web01}, tags: [raw]}}
  db02: {{port: {db02}, tags: [enriched]}}
  # Fails on purpose: known_hosts holds another key for it than the one it shows.
  app03: {{port: {app03}}}
"""


@contextmanager
def serving(folder: Path | str) -> Iterator[Path]:
    """Serve the demo hosts while the block runs; gives the path of the inventory that reaches them.

    Keys, logs and the inventory lie in `folder`, private to the user. Raises AuditNbError without the samples.
    """
    folder = Path(folder).absolute()
    _prepare(folder)
    started: threading.Event = threading.Event()
    server = _Server(folder, started)
    thread = threading.Thread(target=server.run, name="demo-hosts", daemon=True)
    thread.start()
    started.wait(30)
    try:
        if server.fault is not None or not server.ports:
            raise AuditNbError(
                f"the demo hosts could not be started on loopback ({server.fault or 'no answer in 30 s'})"
            )
        yield _write_inventory(folder, server.ports)
    finally:
        server.stop()
        thread.join(10)


def _prepare(folder: Path) -> None:
    """Unpack the samples and make the keys, unless an earlier run has done it."""
    import asyncssh

    if not SAMPLES.is_dir():
        raise AuditNbError(
            f"{SAMPLES} is missing: the demo needs the project's folder, not the installed package alone"
        )
    files.private_directory(folder)
    for name in ("login_key", *(f"{host}_host_key" for host in (*READABLE, IMPOSTOR)), f"{IMPOSTOR}_former_host_key"):
        if not (folder / name).exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment=f"audit-nb demo {name}")
            files.write_private(folder / f"{name}.pub", key.export_public_key())
            files.write_private(folder / name, key.export_private_key())
    for host in READABLE:
        if not (folder / host).is_dir():
            _unpack(host, folder / host)
    files.private_directory(folder / IMPOSTOR / LOG_FOLDER)


def _unpack(host: str, place: Path) -> None:
    """The files of a sample as they lay on their host; complete or not there at all."""
    aside = place.with_name(f".aside-{place.name}")
    shutil.rmtree(aside, ignore_errors=True)
    files.private_directory(aside / LOG_FOLDER)
    files.private_directory(aside / "etc")
    for packed in sorted((SAMPLES / host / "audit").glob("*.xz")):
        content = lzma.decompress(packed.read_bytes())
        log = aside / LOG_FOLDER / packed.stem
        files.write_private(log, content)
        written = int(MOMENT.findall(content[-65536:])[-1])
        os.utime(log, (written, written))
    for name in ("passwd", "group"):
        files.write_private(aside / "etc" / name, (SAMPLES / host / name).read_bytes())
    aside.rename(place)


def _write_inventory(folder: Path, ports: dict[str, int]) -> Path:
    lines = []
    for host, port in ports.items():
        key = f"{host}_former_host_key" if host == IMPOSTOR else f"{host}_host_key"
        kind, blob = (folder / f"{key}.pub").read_text(encoding="utf-8").split()[:2]
        lines.append(f"[127.0.0.1]:{port} {kind} {blob}\n")
    files.write_private(folder / "known_hosts", "".join(lines).encode())
    files.write_private(folder / "hosts.yaml", INVENTORY.format(user=USER, **ports).encode())
    return folder / "hosts.yaml"


class _Server:
    """The SSH servers of all demo hosts, in one event loop of their own."""

    def __init__(self, folder: Path, started: threading.Event) -> None:
        self._folder, self._started = folder, started
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self.ports: dict[str, int] = {}
        self.fault: Exception | None = None

    def run(self) -> None:
        """Serve until `stop` is called; for a thread."""
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as fault:  # noqa: BLE001 - handed to the thread that waits for the start
            self.fault = fault
        finally:
            self._started.set()
            self._loop.close()

    def stop(self) -> None:
        """End the servers and their connections; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over.set)

    async def _serve(self) -> None:
        servers = [await self._listen(host) for host in (*READABLE, IMPOSTOR)]
        self._started.set()
        await self._over.wait()
        for server in servers:
            server.close()
            await server.wait_closed()

    async def _listen(self, host: str) -> Any:  # noqa: ANN401 - asyncssh's acceptor
        import asyncssh

        class LoginByKey(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return False

        root = str(self._folder / host).encode()
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=LoginByKey,
            server_host_keys=[str(self._folder / f"{host}_host_key")],
            authorized_client_keys=str(self._folder / "login_key.pub"),
            sftp_factory=lambda channel: _read_only(channel, root),
            allow_scp=False,
            gss_host=None,
            config=None,
        )
        self.ports[host] = server.get_port()
        return server


CHANGES = (
    *("open56", "write", "setstat", "lsetstat", "fsetstat", "mkdir", "rmdir", "remove", "rename", "posix_rename"),
    *("symlink", "link", "fsync", "lock", "unlock"),
)


def _read_only(channel: Any, root: bytes) -> Any:  # noqa: ANN401 - asyncssh's channel and SFTPServer
    """An SFTP server that sees one folder and changes nothing in it."""
    import asyncssh

    def refuse(*_: object) -> None:
        raise asyncssh.SFTPPermissionDenied("the demo hosts are read-only")

    class ReadOnly(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            if pflags & ~asyncssh.FXF_READ:
                refuse()
            return super().open(path, pflags, attrs)

    for name in CHANGES:
        setattr(ReadOnly, name, refuse)
    return ReadOnly(channel, chroot=root)
