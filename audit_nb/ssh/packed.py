"""A log compressed by the host before it travels: a tenth of the bytes, at low priority there.

The command names the file, and names move when logs rotate. So the open file stays the witness: the bytes before the
first one that is wanted, and the end of each block (`exact` is False), are compared with it before anything is kept.

    nice -n 19 zstd -q -c -1 -- /var/log/audit/audit.log.1
"""

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence

import paramiko

from audit_nb.errors import AuditNbError
from audit_nb.ssh.connection import Connection
from audit_nb.ssh.route import SshError
from audit_nb.ssh.sftp import HEAD, RemoteFile

WORTHWHILE = 2 << 20  # fewer bytes than this are there before a command has started
PIECE = 1 << 20


class PackingFailed(AuditNbError):
    """The host does not compress for us; its files are read plainly."""


class PackedRemote:
    """An open remote file whose bytes come through a compressor on the host."""

    exact = False

    def __init__(self, remote: RemoteFile, connection: Connection) -> None:
        self._remote, self._connection = remote, connection
        self.path, self.size = remote.path, remote.size
        self._begun: tuple[int, paramiko.Channel] | None = None

    def begin(self, offset: int) -> None:
        """Let the host begin to compress what follows `offset` while something else is read; no refusal is told yet."""
        start = max(0, offset - HEAD)
        if self._begun is None:
            with contextlib.suppress(PackingFailed, SshError):
                self._begun = (start, self._started(start, self.size))

    def close(self) -> None:
        """End what was begun and not read."""
        if self._begun is not None:
            self._begun[1].close()
            self._begun = None

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset, of the open file."""
        return self._remote.read_at(offset, length)

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Several small blocks, of the open file."""
        return self._remote.ask_blocks(blocks)

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end`, in pieces; raises PackingFailed where the host does not compress them."""
        start = max(0, offset - HEAD)
        witness = self._remote.read_at(start, HEAD)
        pieces = self._unpacked(start, end)
        begin = b""
        while len(begin) < len(witness) and (piece := next(pieces, b"")):
            begin += piece
        if not begin.startswith(witness):
            raise PackingFailed(f"{self._name}: {self.path} is another file by now")
        if len(begin) > offset - start:
            yield begin[offset - start :]
        yield from pieces

    @property
    def _name(self) -> str:
        return self._connection.host.name

    def _unpacked(self, start: int, end: int) -> Iterator[bytes]:
        """The plain bytes that the command on the host sends."""
        import pyarrow as pa

        count = 0
        if self._begun is None or self._begun[0] != start:
            self.close()
            self._begun = (start, self._started(start, end))
        (_, channel), self._begun = self._begun, None
        with self._connection.failures(f"read {self.path}"), channel:
            plain = pa.CompressedInputStream(pa.PythonFile(_Reader(channel.recv), mode="r"), "zstd")
            try:
                while count < end - start and (piece := plain.read(min(PIECE, end - start - count))):
                    yield piece
                    count += len(piece)
            except (pa.ArrowException, OSError) as fault:  # pyarrow raises OSError for what is not zstd
                if self._connection.transport.is_active():
                    raise PackingFailed(f"{self._name}: {self.path} did not come as zstd ({fault})") from fault
                raise
        if count < end - start:
            raise PackingFailed(f"{self._name}: the host compressed {count:,} of {end - start:,} bytes of {self.path}")

    def _started(self, start: int, end: int) -> paramiko.Channel:
        """A session in which the command was started; raises PackingFailed where the host allows none."""
        connection = self._connection
        try:
            channel = connection.channel()
        except SshError as fault:
            if connection.transport.is_active():  # MaxSessions
                raise PackingFailed(f"{self._name}: no further session is allowed ({fault.__cause__})") from fault
            raise
        try:
            with connection.failures(f"read {self.path}"):
                connection.start(channel, command(self.path, start, end, sudo=connection.host.sudo))
                channel.shutdown_write()  # a program that reads its input instead of the file ends at once
        except SshError as fault:
            channel.close()
            if connection.transport.is_active():
                raise PackingFailed(f"{self._name}: the login may run no command ({fault.__cause__})") from fault
            raise
        return channel


class _Reader:
    """A channel's output as a file that is read from front to back."""

    closed = False

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive

    def read(self, size: int = -1) -> bytes:
        return self._receive(size if size > 0 else PIECE)

    def close(self) -> None:
        self.closed = True


def possible(connection: Connection, remote: RemoteFile, offset: int) -> bool:
    """Whether it is worth asking the host to compress what follows `offset`.

    Through sudo only whole files of auditd's own names: that is what the full sudoers profile allows.
    """
    host = connection.host
    if not host.compress or remote.size - offset < WORTHWHILE:
        return False
    suffix = remote.path.removeprefix("/var/log/audit/audit.log")
    return not host.sudo or (offset == 0 and suffix in ("", *(f".{number}" for number in range(1, 10))))


def command(path: str, offset: int, end: int, *, sudo: bool) -> str:
    """The command that writes the bytes `offset` to `end` of a file, compressed, to its standard output."""
    if sudo:
        program = f"/usr/bin/zstd -q -c -1 -- {shlex.quote(path)}"
        return f"sudo -n -l {program} >/dev/null 2>&1 && exec nice -n 19 sudo -n {program}"
    if offset == 0:  # a little more may come than was there when the file was opened; it is not read
        return f"command -v zstd >/dev/null 2>&1 && exec nice -n 19 zstd -q -c -1 -- {shlex.quote(path)}"
    script = f"tail -c +{offset + 1} -- {shlex.quote(path)} | head -c {end - offset} | zstd -q -c -1"
    return f"command -v zstd >/dev/null 2>&1 && exec nice -n 19 sh -c {shlex.quote(script)}"
