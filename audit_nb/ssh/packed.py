"""Logs compressed by the host before they travel: a tenth of the bytes, at low priority there.

One command compresses what is wanted of all files, one after the other. It names the files, and names move when logs
rotate. So the open files stay the witnesses: the bytes before the first one that is wanted, and the end of each block
(`exact` is False), are compared with them before anything is kept.

    nice -n 19 sh -c 'pzstd -q -c -1 -p 1 --no-check -- /var/log/audit/audit.log.1 && …'

pzstd cuts a file into frames that each unpack alone, so that the archive can keep them as they came. A host that has
zstd only sends one frame for each file.
"""

import contextlib
import shlex
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import paramiko

from audit_nb import zstd
from audit_nb.errors import AuditNbError
from audit_nb.ssh.connection import Connection
from audit_nb.ssh.route import SshError
from audit_nb.ssh.sftp import HEAD, RemoteFile

WORTHWHILE = 2 << 20  # fewer bytes than this are there before a command has started
WORTH_ASKING = 1 << 16  # fewer bytes of one file are read plainly beside the others
PIECE = 1 << 20
FRAME = 2 << 20  # plain bytes in each frame of `pzstd -1`: four times its window
FRAME_LIMIT = 8 << 20  # plain bytes in a frame of any other pzstd
SKIPPABLE = 0x184D2A50  # before each of its frames pzstd says in a skippable frame how long it is (RFC 8878, 3.1.2)
TOOLS = ("pzstd -q -c -1 -p 1 --no-check", "zstd -q -c -1")  # the first that the host has, or sudo allows
SUDO_PATHS = ("/var/log/audit/audit.log", *(f"/var/log/audit/audit.log.{number}" for number in range(1, 10)))


class PackingFailed(AuditNbError):
    """The host does not compress for us; its files are read plainly."""


@dataclass(frozen=True)
class Piece:
    """Plain bytes, of which the first `skip` are not wanted, and the zstd frame that holds all of them if one does."""

    plain: bytes
    frame: bytes | None = None
    skip: int = 0

    def __len__(self) -> int:
        return len(self.plain) - self.skip


@dataclass(frozen=True)
class Part:
    """What is wanted of one file."""

    path: str
    start: int
    end: int


class Packing:
    """The command on the host; its output is read part by part, in order."""

    def __init__(self, connection: Connection, wanted: Sequence[tuple[RemoteFile, int]]) -> None:
        self.connection = connection
        self.parts = [Part(remote.path, max(0, offset - HEAD), remote.size) for remote, offset in wanted]
        self._remotes = [remote for remote, _ in wanted]
        self._channel: paramiko.Channel | None = None
        self._output: _Frames | _Stream | None = None
        self._next = 0

    def begin(self) -> None:
        """Let the host begin while something else is done; no refusal is told yet."""
        with contextlib.suppress(PackingFailed, SshError):
            self._channel = self._started()

    def close(self) -> None:
        """End the command, read or not."""
        if self._channel is not None:
            self._channel.close()

    def of(self, remote: RemoteFile) -> "PackedRemote | None":
        """The part that is of an open file; None where it is read plainly."""
        found = (number for number, one in enumerate(self._remotes) if one is remote and self._next <= number)
        return next((PackedRemote(remote, self, number) for number in found), None)

    def read(self, number: int) -> Iterator[Piece]:
        """What the host sends of a part; raises PackingFailed where that is not the bytes that were asked for."""
        if self._next > number:
            raise self.failed(f"what it compressed before {self.parts[number].path} was not what we wanted")
        first, self._next = self._next, len(self.parts)  # whoever stops in the middle has lost the thread
        for part in self.parts[first:number]:
            for _ in self._pieces(part):
                pass
        yield from self._pieces(self.parts[number])
        self._next = number + 1

    def failed(self, words: str) -> PackingFailed:
        return PackingFailed(f"{self.connection.host.name}: {words}")

    def _pieces(self, part: Part) -> Iterator[Piece]:
        count, wanted = 0, part.end - part.start
        with self.connection.failures(f"read {part.path}"):
            try:
                self._channel = self._channel or self._started()
                self._output = self._output or _output(self._channel.recv)
                while count < wanted and (piece := self._output.read(wanted - count)).plain:
                    yield piece
                    count += len(piece)
            except (zstd.ZstdError, ValueError, EOFError, OSError) as fault:
                if self.connection.transport.is_active():
                    raise self.failed(f"{part.path} did not come as zstd ({fault})") from fault
                raise
        if count < wanted:
            raise self.failed(f"the host compressed {count:,} of {wanted:,} bytes of {part.path}")

    def _started(self) -> paramiko.Channel:
        """A session in which the command was started; raises PackingFailed where the host allows none."""
        connection = self.connection
        try:
            channel = connection.channel()
        except SshError as fault:
            if connection.transport.is_active():  # MaxSessions
                raise self.failed(f"no further session is allowed ({fault.__cause__})") from fault
            raise
        try:
            with connection.failures("compress the logs"):
                connection.start(channel, command(self.parts, sudo=connection.host.sudo))
                channel.shutdown_write()  # a program that reads its input instead of the file ends at once
        except SshError as fault:
            channel.close()
            if connection.transport.is_active():
                raise self.failed(f"the login may run no command ({fault.__cause__})") from fault
            raise
        return channel


class PackedRemote:
    """An open remote file whose bytes come through a compressor on the host."""

    exact = False

    def __init__(self, remote: RemoteFile, packing: Packing, number: int) -> None:
        self._remote, self._packing, self._number = remote, packing, number
        self.path, self.size = remote.path, remote.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset, of the open file."""
        return self._remote.read_at(offset, length)

    def ask_blocks(self, blocks: Sequence[tuple[int, int]]) -> Callable[[], list[bytes]]:
        """Several small blocks, of the open file."""
        return self._remote.ask_blocks(blocks)

    def stream(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end`, in pieces; raises PackingFailed where the host does not compress them."""
        return (piece.plain[piece.skip :] for piece in self.frames(offset, end))

    def frames(self, offset: int, end: int) -> Iterator[Piece]:
        """As `stream`, with the frames in which the bytes came; to the end of the file, wherever that was."""
        part = self._packing.parts[self._number]
        if offset < part.start or end != part.end:
            raise self._packing.failed(f"other bytes of {self.path} are wanted than were compressed")
        witness = self._remote.read_at(part.start, HEAD)
        skip = offset - part.start
        for piece in self._packing.read(self._number):
            if witness and not piece.plain.startswith(witness):
                raise self._packing.failed(f"{self.path} is another file by now")
            witness = b""
            if skip < len(piece.plain):
                yield Piece(piece.plain, piece.frame, skip)
            skip = max(0, skip - len(piece.plain))


class _Incoming:
    """What a command says, from front to back."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._waiting = bytearray()

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, which stay; fewer at the end."""
        while len(self._waiting) < size and (data := self._receive(PIECE)):
            self._waiting += data
        return bytes(self._waiting[:size])

    def take(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end."""
        data = self.peek(size)
        del self._waiting[: len(data)]
        return data

    def some(self) -> bytes:
        """Some bytes, as they have come; none at the end."""
        return self.take(len(self._waiting)) if self._waiting else self._receive(PIECE)


class _Stream:
    """The output of zstd, which tells nothing of where its frames end."""

    def __init__(self, incoming: _Incoming) -> None:
        self._incoming = incoming
        self._unpacker = zstd.ZstdDecompressor()
        self._begun = False  # whether we are within a frame

    def read(self, left: int) -> Piece:
        """The next bytes, at most `left`; none at the end. EOFError: that was within a frame."""
        while True:
            data = b""
            if self._unpacker.eof:
                data, self._unpacker, self._begun = self._unpacker.unused_data, zstd.ZstdDecompressor(), False
            if self._unpacker.needs_input and not data:
                data = self._incoming.some()
                if not data and self._begun:
                    raise EOFError("it ended within a frame")
                if not data:
                    return Piece(b"")
            self._begun = True
            if plain := self._unpacker.decompress(data, min(PIECE, left)):
                return Piece(plain)


class _Frames:
    """The output of pzstd: before each frame its length in a skippable frame (RFC 8878, 3.1.2)."""

    def __init__(self, incoming: _Incoming) -> None:
        self._incoming = incoming

    def read(self, left: int) -> Piece:
        """The next frame, without it where it holds more than `left`; none at the end. ValueError: no such thing."""
        head = self._incoming.take(12)
        if not head:
            return Piece(b"")
        magic, size, length = struct.unpack("<III", head.ljust(12, b"\0"))
        if (magic, size) != (SKIPPABLE, 4) or length > FRAME_LIMIT:
            raise ValueError("there is no length before a frame")
        frame = self._incoming.take(length)
        if len(frame) < length:
            raise EOFError("it ended within a frame")
        plain = zstd.frame_content(frame, min(FRAME, left), FRAME_LIMIT)
        if len(frame) > len(plain) + len(plain) // 64 + 1024:  # what cannot be compressed grows by less
            raise ValueError("a frame is longer than what it holds")
        return Piece(plain, frame) if len(plain) <= left else Piece(plain[:left])


def _output(receive: Callable[[int], bytes]) -> _Frames | _Stream:
    incoming = _Incoming(receive)
    return _Frames(incoming) if incoming.peek(4) == struct.pack("<I", SKIPPABLE) else _Stream(incoming)


def worthwhile(connection: Connection, logs: Sequence[tuple[RemoteFile, int]]) -> list[tuple[RemoteFile, int]]:
    """Those of the files, each with the offset from which it is wanted, that the host should compress.

    Through sudo only whole files of auditd's own names: that is what the full sudoers profile allows.
    """
    host = connection.host
    found = [
        (remote, offset)
        for remote, offset in logs
        if remote.size - offset >= WORTH_ASKING and (not host.sudo or (offset == 0 and remote.path in SUDO_PATHS))
    ]
    return found if host.compress and sum(remote.size - offset for remote, offset in found) >= WORTHWHILE else []


def command(parts: Sequence[Part], *, sudo: bool) -> str:
    """The command that writes all parts to its standard output, compressed, one after the other."""
    return f"exec nice -n 19 sh -c {shlex.quote(_sudo_script(parts) if sudo else _script(parts))}"


def _script(parts: Sequence[Part]) -> str:
    pzstd, zstd = TOOLS
    choice = f"if command -v pzstd >/dev/null 2>&1; then z='{pzstd}'; else z='{zstd}'; fi"
    # Of a whole file a little more may come than was there when it was opened; that is not read.
    commands = [
        f"tail -c +{part.start + 1} -- {shlex.quote(part.path)} | head -c {part.end - part.start} | $z"
        if part.start
        else f"$z -- {shlex.quote(part.path)}"
        for part in parts
    ]
    return f"{choice}; {' && '.join(commands)}"


def _sudo_script(parts: Sequence[Part]) -> str:
    """As the full sudoers profile allows it; what sudo refuses would be told to root, so it is asked first."""
    choice = " ".join(
        f"if sudo -n -l /usr/bin/{tool} -- {parts[0].path} >/dev/null 2>&1; then z='/usr/bin/{tool}'; else"
        for tool in TOOLS
    )
    commands = " && ".join(f"sudo -n $z -- {part.path}" for part in parts)
    return f"{choice} exit 1; fi; fi; {commands}"
