"""The connection itself: sockets, bastions, handshake, sessions and commands."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.buffered_pipe import BufferedPipe
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST

from audit_nb.inventory import Host, Inventory
from audit_nb.ssh import hostkeys
from audit_nb.ssh.identity import check_host_key, order_host_keys, pin_failed
from audit_nb.ssh.login import log_in
from audit_nb.ssh.route import Route, SshError, resolve, words_of

WINDOW = 4 << 20  # bytes under way to us: at 20 ms there and back, 200 MB/s
PACKET = 1 << 17  # bytes in one packet to us: four times what paramiko asks for, whose work is by the packet
MAX_JUMPS = 8
PROMPTLY = 1 << 16  # first bytes that are acknowledged at once: sshd's Nagle waits for that, and our kernel for 40 ms
QUICK_ACK = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)  # Linux; elsewhere what is set anyway
GREETING = 200  # first bytes that came, for telling what is no SSH
OUTPUT_LIMIT = 8 << 20


@dataclass(frozen=True)
class Ran:
    """What a command on the host said."""

    status: int | None
    out: bytes
    err: bytes

    @property
    def words(self) -> str:
        """Standard error (or output) in one line, with the exit status."""
        text = " ".join((self.err or self.out).decode(errors="replace").split())[:300]
        return f"{text or 'it said nothing'} (exit status {self.status})"


@dataclass
class Connection:
    """A verified and authenticated connection; close it, or use it as a context manager."""

    host: Host
    route: Route
    transport: paramiko.Transport
    host_key: str
    login: str
    local_address: str | None
    local_port: int | None
    wire: "_Wire"
    _below: "Connection | None" = field(default=None, repr=False)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close this connection and the bastions beneath it."""
        self.transport.close()
        if self._below is not None:
            self._below.close()

    def channel(self) -> paramiko.Channel:
        """A new session on the host, with the host's time limit on each read and write."""
        with self.failures("open a session"):
            channel = self.transport.open_session(max_packet_size=PACKET, timeout=self.host.timeout_s)
            channel.in_buffer = _Pipe()  # nothing can have come yet: nothing was started
            channel.settimeout(self.host.timeout_s)
            return channel

    def start(self, channel: paramiko.Channel, command: str | None) -> None:
        """Start a command (None: the SFTP subsystem) on a session; paramiko's own wait for the answer has no limit."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            channel.close()

        timer = threading.Timer(self.host.timeout_s, give_up)
        timer.start()
        try:
            if command is None:
                channel.invoke_subsystem("sftp")
            else:
                channel.exec_command(command)
        except paramiko.SSHException:
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    def run(self, command: str, *, limit: int = OUTPUT_LIMIT) -> Ran:
        """Run one command of ours; at most `limit` bytes of its output and the host's time limit altogether."""
        deadline = time.monotonic() + self.host.timeout_s
        with self.channel() as channel, self.failures("run a command"):
            try:
                self.start(channel, command)
            except paramiko.SSHException as fault:
                if not self.transport.is_active():
                    raise
                raise SshError(f"{self.host.name}: the login may run no command there", step="read") from fault
            channel.shutdown_write()
            out = _drain(channel.recv, limit, deadline)
            err = _drain(channel.recv_stderr, 65536, deadline)
            channel.status_event.wait(max(0.0, deadline - time.monotonic()))
            status = channel.exit_status if channel.status_event.is_set() and channel.exit_status >= 0 else None
            return Ran(status, out, err)

    @contextlib.contextmanager
    def failures(self, doing: str) -> Iterator[None]:
        """Turn what paramiko raises while `doing` something into an SshError."""
        try:
            yield
        except (paramiko.SSHException, EOFError, OSError) as fault:
            late = isinstance(fault, TimeoutError) or str(fault).lower().startswith("timeout")
            if isinstance(fault, OSError) and not late and self.transport.is_active():
                raise  # an answer of the host: no such file, permission denied …
            what = f"no answer from {self.route.place} for {self.host.timeout_s:g} s"
            if not late:
                what = f"the connection to {self.route.place} broke ({words_of(fault)})"
            raise SshError(
                f"{self.host.name}: {what} while we wanted to {doing}; the next run goes on from what has been fetched",
                step="read",
                may_pass=True,
            ) from fault


class Abort:
    """Ends what is under way: whatever it watches is closed when it is fired, in the middle of a connect if need be."""

    def __init__(self) -> None:
        self._watched: list[Any] = []
        self._fired = False
        self._lock = threading.Lock()

    def watch(self, thing: Any) -> None:  # noqa: ANN401 - anything that can be closed
        """Close `thing` when fired; at once where that has happened."""
        with self._lock:
            if not self._fired:
                self._watched.append(thing)
                return
        _close(thing)

    def fire(self) -> None:
        """Close everything, now and later."""
        with self._lock:
            self._fired, watched = True, self._watched
        for thing in reversed(watched):
            _close(thing)


def _close(thing: Any) -> None:  # noqa: ANN401
    if isinstance(thing, socket.socket):  # closing alone would not wake who waits for the connection
        with contextlib.suppress(OSError):
            thing.shutdown(socket.SHUT_RDWR)
    thing.close()


def connect(host: Host, inventory: Inventory | None = None, abort: Abort | None = None) -> Connection:
    """Connect to `host`, through its bastions, check its key and log in; raises SshError.

    The bastions are looked up in `inventory` by name first. Firing `abort` ends the attempt and the connection.
    """
    return _connect(host, inventory, abort or Abort(), below=None, depth=0)


def _connect(
    host: Host, inventory: Inventory | None, abort: Abort, *, below: Connection | None, depth: int
) -> Connection:
    route = resolve(host)
    try:
        if below is None and route.jump:
            below = _through(host, route, inventory, abort, depth)
        return _enter(host, route, inventory, below, abort)
    except BaseException:
        if below is not None:
            below.close()
        raise


def _enter(host: Host, route: Route, inventory: Inventory | None, below: Connection | None, abort: Abort) -> Connection:
    refused: list[str] = []
    while True:
        wire = _Wire(_socket(host, route, below, abort))
        local = _local_address(wire)
        transport = _Transport(wire)
        abort.watch(transport)
        try:
            known = order_host_keys(transport, host, route, refused)
            _handshake(transport, host, route, refused)
            again = check_host_key(transport, host, route, known, refused, inventory)
            if again:
                transport.close()
                continue
            login = log_in(transport, host, route)
        except BaseException:
            transport.close()
            raise
        transport.set_keepalive(15)
        key = hostkeys.fingerprint(transport.get_remote_server_key().asbytes())
        return Connection(host, route, transport, key, login, *local, wire, below)


def server_key(host: Host, inventory: Inventory | None = None) -> tuple[Route, str, bytes]:
    """The key that `host` shows now, unverified: where it was asked, the key's kind and its bytes. For `trust`."""
    route = resolve(host)
    below = _through(host, route, inventory, Abort(), 0) if route.jump else None
    try:
        transport = _Transport(_Wire(_socket(host, route, below, Abort())))
        try:
            _handshake(transport, host, route, [])
            key = transport.get_remote_server_key()
            return route, key.get_name(), key.asbytes()
        finally:
            transport.close()
    finally:
        if below is not None:
            below.close()


def _through(host: Host, route: Route, inventory: Inventory | None, abort: Abort, depth: int) -> Connection:
    """The connection to the last bastion before `host`."""
    if depth >= MAX_JUMPS:
        raise SshError(f"{host.name}: more than {MAX_JUMPS} bastions, one behind another", step="reach")
    below: Connection | None = None
    for hop in (route.jump or "").split(","):
        try:
            below = _connect(bastion(host, hop, inventory), inventory, abort, below=below, depth=depth + 1)
        except SshError as fault:
            raise SshError(
                f"{host.name}: its bastion failed: {fault}", step=fault.step, may_pass=fault.may_pass
            ) from fault
    if below is None:
        raise SshError(f"{host.name}: proxy_jump names no bastion", step="reach")
    return below


def bastion(host: Host, hop: str, inventory: Inventory | None) -> Host:
    """The host of the inventory that a hop names, else one made of `[user@]address[:port]`.

    The latter has the key file and known_hosts of the host behind it, never its password.
    """
    for known in (*inventory.hosts, *inventory.bastions) if inventory else ():
        if known.name == hop:
            return known
    user, _, place = hop.removeprefix("ssh://").rpartition("@")
    address, port = place, ""
    if place.startswith("["):
        address, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    elif place.count(":") == 1:
        address, port = place.split(":")
    if not address or (port and not (port.isdigit() and 0 < int(port) < 65536)):
        raise SshError(f"{host.name}: the bastion {hop!r} is not [user@]host[:port]", step="reach")
    return host.model_copy(
        update={
            "name": hop,
            "address": address,
            "port": int(port) if port else None,
            "user": user or None,
            "proxy_jump": None,
            "password_variable": None,
            "host_key": None,
        }
    )


def _socket(host: Host, route: Route, below: Connection | None, abort: Abort) -> Any:  # noqa: ANN401 - anything like a socket
    if below is not None:
        with below.failures(f"reach {route.place} from there"):
            try:
                return below.transport.open_channel(
                    "direct-tcpip", (route.address, route.port), ("127.0.0.1", 0), timeout=host.timeout_s
                )
            except paramiko.ChannelException as fault:
                raise SshError(
                    f"{host.name}: the bastion {below.host.name} cannot reach {route.place} ({fault.text}); "
                    "check address, port and AllowTcpForwarding there",
                    step="reach",
                    may_pass=True,
                ) from fault
    if route.proxy_command:
        words = {"%h": route.address, "%p": str(route.port), "%r": route.user, "%n": host.name, "%%": "%"}
        command = route.proxy_command
        for token, word in words.items():
            command = command.replace(token, word)
        return paramiko.ProxyCommand(command)
    return _dial(host, route, abort)


def _dial(host: Host, route: Route, abort: Abort) -> socket.socket:
    try:
        return _first_that_answers(route, host.timeout_s, abort)
    except socket.gaierror as fault:
        sentence = f"the name {route.address} is not known ({fault.strerror}); check the address in the inventory"
    except ConnectionRefusedError:
        sentence = f"{route.place} refuses connections; check that sshd runs there and that the port is right"
    except TimeoutError:
        sentence = (
            f"{route.place} did not answer within {host.timeout_s:g} s; check that it is up and not behind a firewall"
        )
    except (OSError, UnicodeError) as fault:
        sentence = f"{route.place} cannot be reached ({words_of(fault)}); check address and network"
    raise SshError(f"{host.name}: {sentence}", step="reach", may_pass=True)


def _first_that_answers(route: Route, timeout_s: float, abort: Abort) -> socket.socket:
    """As socket.create_connection, with a socket that can be taken away meanwhile."""
    last: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(route.address, route.port, type=socket.SOCK_STREAM):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as fault:  # an address family that this machine lacks
            last = fault
            continue
        sock.settimeout(timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small requests wait 40 ms for an ACK otherwise
        abort.watch(sock)
        try:
            sock.connect(address)
        except OSError as fault:
            last = fault
            sock.close()
        else:
            return sock
    raise last


def _handshake(transport: paramiko.Transport, host: Host, route: Route, refused: list[str]) -> None:
    transport.banner_timeout = transport.handshake_timeout = host.timeout_s
    transport.auth_timeout = transport.channel_timeout = host.timeout_s
    begun = time.monotonic()
    try:
        transport.start_client(timeout=host.timeout_s)
        transport.get_remote_server_key()
    except paramiko.ssh_exception.IncompatiblePeer as fault:
        if refused:  # the server has no kind of key left
            raise pin_failed(host, route, refused) from fault
        raise SshError(
            f"{host.name}: {route.place} and we share no safe algorithm ({words_of(fault)}); servers that know only "
            "SHA-1 or DSA need an update of their OpenSSH",
            step="reach",
        ) from fault
    except (paramiko.SSHException, EOFError, OSError) as fault:
        late = time.monotonic() - begun >= host.timeout_s
        sentence = _no_answer(host, fault, transport.sock) if late else _no_ssh(fault, transport.sock)
        raise SshError(f"{host.name}: {route.place} {sentence}", step="reach", may_pass=True) from fault


def _no_answer(host: Host, fault: BaseException, wire: "_Wire") -> str:
    said = f"it said {wire.greeting!r}" if wire.greeting else words_of(fault)
    return (
        f"took the connection but did not speak SSH within {host.timeout_s:g} s ({said}); check that the port is "
        "sshd's and that the host is not overloaded"
    )


def _no_ssh(fault: BaseException, wire: "_Wire") -> str:
    """What went wrong before a key was shown, where it did not take too long."""
    closed = isinstance(fault, EOFError) or isinstance(fault.__context__, EOFError)
    when = "in the middle of the key exchange" if wire.greeting.startswith("SSH-") else "before it spoke SSH"
    said = f" (it said {wire.greeting!r})" if wire.greeting else ""
    if wire.fault is not None:
        what = f"broke the connection {when} ({words_of(wire.fault)}){said}"
    elif closed:
        what = f"closed the connection {when}{said}"
    else:
        return f"does not speak SSH as we do ({words_of(fault)}){said}; check that the port is sshd's"
    return (
        f"{what}; check that the port is sshd's, MaxStartups and PerSourcePenalties in sshd_config there, and whether "
        "something (a firewall, fail2ban) turns us away"
    )


class _Login(AuthOnlyHandler):
    """As paramiko's, which begins to listen for the answer after it has asked, and may wait for one that has come."""

    def send_auth_request(
        self, username: str, method: str, finish_message: Callable[[paramiko.Message], None] | None = None
    ) -> list[str]:
        self.auth_event = threading.Event()
        self.auth_method, self.username = method, username
        request = paramiko.Message()
        request.add_byte(cMSG_USERAUTH_REQUEST)
        for word in (username, "ssh-connection", method):
            request.add_string(word)
        if finish_message is not None:
            finish_message(request)
        with self.transport.lock:
            self.transport._send_message(request)
        return list(self.wait_for_response(self.auth_event))


class _Transport(paramiko.ServiceRequestingTransport):
    """Asks for the login service once, as strict servers want it, and waits for the answer with a limit."""

    def __init__(self, wire: "_Wire") -> None:
        self._userauth = threading.Event()
        super().__init__(wire, default_window_size=WINDOW)
        options = self.get_security_options()
        # AES-GCM authenticates as it encrypts; the other ciphers need an HMAC besides, a quarter of our processor time.
        options.ciphers = sorted(options.ciphers, key=lambda cipher: "gcm" not in cipher)

    def _parse_service_accept(self, message: paramiko.Message) -> None:
        super()._parse_service_accept(message)
        self._userauth.set()

    def ensure_session(self) -> None:
        """As paramiko's own, which would wait for ever and look every tenth of a second only."""
        if not self.active or not self.initial_kex_done:
            raise paramiko.SSHException("the connection is closed")
        if self._userauth.is_set():
            return
        self.auth_handler = _Login(self)  # a server's banner may come at once
        request = paramiko.Message()
        request.add_byte(cMSG_SERVICE_REQUEST)
        request.add_string("ssh-userauth")
        self._send_message(request)
        deadline = time.monotonic() + self.auth_timeout
        while not self._userauth.wait(0.1):
            if not self.is_active():
                raise self.get_exception() or paramiko.SSHException("the connection was closed")
            if time.monotonic() > deadline:
                raise paramiko.SSHException("timeout: no answer to the request to log in")


class _Pipe(BufferedPipe):
    """As paramiko's, which moves all that waits to the front with every read: 4 MiB for the 4 bytes of a length."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()

    def _buffer_frombytes(self, data: bytes) -> None:
        self._buffer += data

    def _buffer_tobytes(self, limit: int | None = None) -> bytes:
        with memoryview(self._buffer) as waiting:
            return bytes(waiting[:limit])


class _Wire:
    """A socket that counts the bytes it carries."""

    def __init__(self, sock: Any) -> None:  # noqa: ANN401 - a socket, a channel or a ProxyCommand
        self._sock = sock
        self._first = b""
        self.received = 0
        self.sent = 0
        self.fault: OSError | None = None  # what broke it; paramiko tells an end of file instead

    def recv(self, size: int) -> bytes:
        try:
            data: bytes = self._sock.recv(size)
        except OSError as fault:
            self._note(fault)
            raise
        if self.received < GREETING:
            self._first += data[: GREETING - self.received]
        if self.received < PROMPTLY and isinstance(self._sock, socket.socket):
            self._sock.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)  # holds for a few packets only
        self.received += len(data)
        return data

    def send(self, data: bytes) -> int:
        try:
            count: int = self._sock.send(data)
        except OSError as fault:
            self._note(fault)
            raise
        self.sent += count
        return count

    def _note(self, fault: OSError) -> None:
        if self.fault is None and not isinstance(fault, TimeoutError | BlockingIOError):
            self.fault = fault

    @property
    def greeting(self) -> str:
        """The first line that came."""
        return " ".join(self._first.partition(b"\n")[0].decode(errors="replace").split())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the socket has
        return getattr(self._sock, name)


def _local_address(wire: _Wire) -> tuple[str | None, int | None]:
    try:
        name = wire.getsockname()
        return str(name[0]), int(name[1])
    except (AttributeError, OSError, IndexError, TypeError, ValueError):
        return None, None


def _drain(receive: Callable[[int], bytes], limit: int, deadline: float) -> bytes:
    pieces, size = [], 0
    while size < limit and (piece := receive(min(1 << 18, limit - size))):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(pieces)
