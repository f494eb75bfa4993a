"""Files of a host over SFTP, read with many requests under way at once and never written.

paramiko's own read waits for each block before it asks for the next (6 MB/s where this reaches the line's speed), and
its prefetch cannot ask for other blocks meanwhile; so the requests are sent here, one reply object for each.
"""

import posixpath
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_DATA, CMD_FSTAT, CMD_HANDLE, CMD_OPEN, CMD_READ, CMD_STATUS, SFTPError, int64

from audit_nb.ssh.connection import Connection
from audit_nb.ssh.route import SshError, words_of

REQUEST = (
    261_120  # OpenSSH's sftp-server answers at most this much (256 KiB less 1 KiB); others answer less, see `stream`
)
UNDER_WAY = 4 << 20
ASKED_TOGETHER = 1 << 20  # each piece that leaves costs a lock, a cipher and a system call
HEAD = 4096  # first bytes that are read with the opening of a file
SERVERS = (
    "/usr/lib/openssh/sftp-server",  # Debian, Ubuntu
    "/usr/libexec/openssh/sftp-server",  # Red Hat, Fedora
    "/usr/lib/ssh/sftp-server",  # SUSE, Arch, Alpine
)
_READ_ONLY = 1  # SSH_FXF_READ


@dataclass(frozen=True)
class Entry:
    """One regular file of a folder on the host."""

    path: str
    size: int
    mtime: int


class Sftp:
    """An SFTP session on a connection; through sudo where the inventory says so."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.via = "sftp through sudo" if connection.host.sudo else "sftp"
        channel = connection.channel()
        try:
            connection.start(channel, sudo_command(connection.host.sftp_server) if connection.host.sudo else None)
            self._client = _Client(channel)
        except (paramiko.SSHException, SFTPError, EOFError, OSError) as fault:
            if isinstance(fault, TimeoutError) or not connection.transport.is_active():
                with connection.failures("open an SFTP session"):
                    raise
            raise _no_session(connection, channel, fault) from fault

    def __enter__(self) -> "Sftp":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def folder(self, path: str) -> list[Entry]:
        """The regular files of a folder; raises OSError as the host refuses it."""
        with self.connection.failures(f"list {path}"):
            return [
                Entry(posixpath.join(path, entry.filename), entry.st_size or 0, entry.st_mtime or 0)
                for entry in self._client.listdir_attr(path)
                if entry.st_mode is None or stat.S_ISREG(entry.st_mode)
            ]

    def open(self, path: str) -> "RemoteFile":
        """A file, opened for reading; it stays the same file when its name is given to another one."""
        (found,) = self.open_all([path])
        if isinstance(found, OSError):
            raise found
        return found

    def open_all(self, paths: Sequence[str]) -> "list[RemoteFile | OSError]":
        """Several files for the time of one; in place of a file the OSError with which the host refused it."""
        with self.connection.failures(f"open {', '.join(paths)}"):
            with self.together():
                asked = [self.ask(CMD_OPEN, path.encode(errors="surrogateescape"), _READ_ONLY, 0) for path in paths]
            handles = [self._handle_or_error(reply) for reply in asked]
            with self.together():
                begun = [
                    handle if isinstance(handle, OSError) else RemoteFile(self, path, handle)
                    for path, handle in zip(paths, handles, strict=True)
                ]
            for file in begun:
                if isinstance(file, RemoteFile):
                    file.look()
            return begun

    def _handle_or_error(self, reply: "_Reply") -> bytes | OSError:
        try:
            kind, message = self.wait(reply)
        except (TimeoutError, ConnectionError):
            raise
        except OSError as fault:
            return fault
        if kind != CMD_HANDLE:
            raise SFTPError("expected a handle")
        handle: bytes = message.get_binary()
        return handle

    def read_whole(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes of a small file; raises OSError as the host refuses it."""
        with self.open(path) as file:
            return b"".join(file.stream(0, min(file.size, limit)))

    def together(self) -> AbstractContextManager[None]:
        """What is asked within leaves in one piece; for requests that nobody waits for within."""
        return self._client.together()

    def ask(self, kind: Any, *words: Any) -> "_Reply":  # noqa: ANN401 - paramiko's command codes and words
        reply = _Reply()
        self._client._async_request(reply, kind, *words)
        return reply

    def wait(self, reply: "_Reply") -> tuple[Any, Any]:
        """The kind and message of a reply; raises EOFError and OSError as the host answered."""
        while reply.kind is None:
            self._client._read_response()
        if reply.kind == CMD_STATUS:
            self._client._convert_status(reply.message)
        return reply.kind, reply.message


class RemoteFile:
    """One open file of a host: `size`, `mtime` and `head` (its first bytes) are as they were when it was opened."""

    exact = True

    def __init__(self, sftp: Sftp, path: str, handle: bytes) -> None:
        self._sftp, self._handle, self.path = sftp, handle, path
        self._request = REQUEST
        self._looks = sftp.ask(CMD_FSTAT, handle), self._ask(0, HEAD)
        self.size, self.mtime, self.head = 0, 0, b""

    def look(self) -> None:
        """Take the answers to what was asked when the file was opened."""
        status, head = self._looks
        attributes = paramiko.SFTPAttributes._from_msg(self._sftp.wait(status)[1])
        self.size, self.mtime = attributes.st_size or 0, attributes.st_mtime or 0
        self.head = self._data(head)[: self.size]

    def __enter__(self) -> "RemoteFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file without waiting for the answer; what fails here is of no importance any more."""
        if self._handle:
            handle, self._handle = self._handle, b""
            try:
                self._sftp.ask(CMD_CLOSE, handle)
            except (paramiko.SSHException, EOFError, OSError):
                return

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; fewer where the file ended when it was opened."""
        if offset + length <= len(self.head) or len(self.head) == self.size:
            return self.head[offset : offset + length]
        return self.read_blocks([(offset, min(length, max(0, self.size - offset)))])[0]

    def read_blocks(self, blocks: Sequence[tuple[int, int]]) -> list[bytes]:
        """Several small blocks for the time of one, as they are now."""
        return self.ask_blocks(blocks)()

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Ask for several small blocks now, behind what was asked before; call the answer to have them."""
        with self._sftp.connection.failures(f"read {self.path}"), self._sftp.together():
            replies = [(offset, length, self._ask(offset, length) if length else None) for offset, length in blocks]

        def answer() -> list[bytes]:
            with self._sftp.connection.failures(f"read {self.path}"):
                return [self._complete(offset, length, reply) if reply else b"" for offset, length, reply in replies]

        return answer

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces; it ends early where the file has become shorter."""
        waiting: deque[tuple[int, int, _Reply]] = deque()
        asked = offset
        with self._sftp.connection.failures(f"read {self.path}"):
            while offset < end:
                if asked - offset <= UNDER_WAY - ASKED_TOGETHER:
                    with self._sftp.together():
                        while asked < end and asked - offset < UNDER_WAY:
                            length = min(self._request, end - asked)
                            waiting.append((asked, length, self._ask(asked, length)))
                            asked += length
                at, length, reply = waiting.popleft()
                piece = self._complete(at, length, reply)
                if piece:
                    yield piece
                offset += len(piece)
                if len(piece) < length:
                    return

    def _ask(self, offset: int, length: int) -> "_Reply":
        return self._sftp.ask(CMD_READ, self._handle, int64(offset), length)

    def _complete(self, offset: int, length: int, reply: "_Reply") -> bytes:
        """The whole block; a server may answer with less than was asked, and then is asked for less from now on."""
        data = self._data(reply)
        if 0 < len(data) < length:
            rest = [data]
            have = len(data)
            while have < length and (more := self._data(self._ask(offset + have, length - have))):
                rest.append(more)
                have += len(more)
            if have == length:
                self._request = max(4096, len(data))
            data = b"".join(rest)
        return data

    def _data(self, reply: "_Reply") -> bytes:
        try:
            kind, message = self._sftp.wait(reply)
        except EOFError:
            return b""
        if kind != CMD_DATA:
            raise SFTPError("expected data")
        data: bytes = message.get_binary()
        return data


class _Client(paramiko.SFTPClient):
    """As paramiko's, which sends each request by itself."""

    _held: list[bytes] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        if self._held is not None:
            yield
            return
        held = self._held = []
        try:
            yield
        finally:
            self._held = None
            if held:
                self._write_all(b"".join(held))

    def _write_all(self, out: bytes) -> None:
        if self._held is None:
            super()._write_all(out)
        else:
            self._held.append(out)


class _Reply:
    """What paramiko calls when the answer to one request has come."""

    __slots__ = ("__weakref__", "kind", "message")

    def __init__(self) -> None:
        self.kind: Any = None
        self.message: Any = None

    def _async_response(self, kind: Any, message: Any, _number: int) -> None:  # noqa: ANN401 - paramiko's
        self.kind, self.message = kind, message


def sudo_command(server: str | None) -> str:
    """The one command that the minimal sudoers profile allows, at whichever place the server is installed."""
    places = (server,) if server else SERVERS
    script = f"for s in {' '.join(places)}; do [ -x $s ] && exec sudo -n $s -R; done"
    return f"sh -c '{script}; echo there is no {' and no '.join(places)} >&2; exit 127'"


def _no_session(connection: Connection, channel: paramiko.Channel, fault: Exception) -> SshError:
    """Why there is no SFTP session, in the words of the host where it said any."""
    host = connection.host
    channel.settimeout(2.0)
    said = b""
    try:
        said = channel.recv_stderr(65536)
        channel.status_event.wait(2.0)
    except (OSError, EOFError):
        pass
    words = " ".join(said.decode(errors="replace").split())[:300]
    status = f", exit status {channel.exit_status}" if channel.exit_status >= 0 else ""
    channel.close()
    if "Garbage" in str(fault):
        sentence = (
            f"{host.name}: the login shell of {connection.route.user} prints text of its own before the SFTP session "
            "begins; silence it in its start-up files for sessions without a terminal"
        )
    elif host.sudo:
        sentence = (
            f"{host.name}: sudo did not start the SFTP server for {connection.route.user} "
            f"({words or words_of(fault)}{status}); put the lines of examples/sudoers.minimal into /etc/sudoers.d "
            f"there, or see `audit-nb check --host {host.name}`"
        )
    else:
        sentence = (
            f"{host.name}: there is no SFTP session for {connection.route.user} ({words or words_of(fault)}{status}); "
            "check the line `Subsystem sftp` in sshd_config there"
        )
    return SshError(sentence, step="read")
