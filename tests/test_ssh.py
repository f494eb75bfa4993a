"""A connection is made to the right host only, by each way to log in, and every failure is one sentence."""

import asyncio
import os
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager

import asyncssh
import pytest

from audit_nb.errors import AuditNbError
from audit_nb.inventory import Host, Inventory
from audit_nb.ssh import SshError, connect, hostkeys, server_key
from audit_nb.ssh.route import resolve
from audit_nb.ssh.sftp import Sftp, sudo_command

PASSWORD = "correct horse"


def failure(host, inventory=None):
    """The error that connecting to a host raises."""
    with pytest.raises(SshError) as caught:
        connect(host, inventory).close()
    message = str(caught.value)
    assert message.startswith(f"{host.name}: ")
    assert "\n" not in message
    return caught.value


class PasswordServer(asyncssh.SSHServer):
    """Lets `kim` in with the password, by the methods in `methods`."""

    methods = ("password",)

    def begin_auth(self, username):
        return True

    def public_key_auth_supported(self):
        return False

    def password_auth_supported(self):
        return "password" in self.methods

    def validate_password(self, username, password):
        return (username, password) == ("kim", PASSWORD)

    def kbdint_auth_supported(self):
        return "keyboard-interactive" in self.methods

    def get_kbdint_challenge(self, username, lang, submethods):
        return "Welcome", "Answer, please", "en", [("Your name: ", True), ("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return list(responses) == ["", PASSWORD]


class KeyboardServer(PasswordServer):
    methods = ("keyboard-interactive",)


@contextmanager
def asyncssh_server(tmp_path, server):
    """An asyncssh server in a thread; gives a host that reaches it."""
    loop, over, ready = asyncio.new_event_loop(), None, threading.Event()
    key = asyncssh.generate_private_key("ssh-ed25519")
    port = []

    async def serve():
        nonlocal over
        over = asyncio.Event()
        listener = await asyncssh.listen("127.0.0.1", 0, server_factory=server, server_host_keys=[key], config=None)
        port.append(listener.get_port())
        ready.set()
        await over.wait()
        listener.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    known = tmp_path / "asyncssh_known_hosts"
    known.write_text(f"[127.0.0.1]:{port[0]} {key.export_public_key().decode()}")
    try:
        yield Host(
            name="app", address="127.0.0.1", port=port[0], user="kim", known_hosts=known, ssh_config=False, timeout_s=5
        )
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


@pytest.fixture(autouse=True)
def no_agent(monkeypatch):
    """The agent and the home of whoever runs the tests stay out of them."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


# --- the right host --------------------------------------------------------------------------------------------------


def test_a_known_host_is_entered(sshd):
    """The connection knows the host's key, ours, the account and the address we came from."""
    server = sshd()
    with connect(server.host()) as connection:
        assert connection.host_key == hostkeys.fingerprint(public_blob(server.folder / "host_key"))
        assert connection.login == hostkeys.fingerprint(public_blob(server.folder / "login_key"))
        assert connection.route.user == server.user
        assert connection.local_address == "127.0.0.1"
        assert connection.run("echo out; echo err >&2; exit 3") == type(connection.run("true"))(3, b"out\n", b"err\n")


def public_blob(path):
    import base64

    return base64.b64decode(path.with_name(path.name + ".pub").read_text().split()[1])


def test_an_unknown_host_key_stops_and_tells_how_to_trust_it(sshd):
    """The sentence shows the fingerprint as ssh-keygen does, and the command to accept it."""
    server = sshd()
    server.known_hosts.write_text("")
    fault = failure(server.host())
    shown = subprocess.run(
        ["ssh-keygen", "-lf", server.folder / "host_key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert fault.step == "host key"
    assert not fault.may_pass
    assert shown in str(fault)
    assert "`audit-nb trust web01`" in str(fault)
    assert server.login_attempts() == 0


def test_a_changed_host_key_stops_loudly(sshd):
    """Both fingerprints and the line of the known one are told, and nothing is said about us."""
    server = sshd()
    server.keygen(server.folder / "other_key")
    server.know(server.folder / "other_key")
    fault = failure(server.host())
    assert fault.step == "host key"
    assert "CHANGED" in str(fault)
    assert f"{server.known_hosts} (line 1)" in str(fault)
    for key in ("host_key", "other_key"):
        assert hostkeys.fingerprint(public_blob(server.folder / key)) in str(fault)
    assert server.login_attempts() == 0


def test_a_revoked_host_key_stops(sshd):
    """`@revoked` goes before any line that trusts the same key."""
    server = sshd()
    line = server.known_hosts.read_text()
    server.known_hosts.write_text(line + "@revoked * " + line.split(" ", 1)[1])
    assert "REVOKED" in str(failure(server.host()))


def test_a_port_is_part_of_the_name(sshd):
    """The key of another port of the same address is not this host's key."""
    server = sshd()
    server.known_hosts.write_text(server.known_hosts.read_text().replace(f"[127.0.0.1]:{server.port}", "127.0.0.1"))
    assert "is not known" in str(failure(server.host()))


def test_hashed_names_are_known(sshd):
    """`ssh-keygen -H` hides the names in known_hosts; they are found all the same."""
    server = sshd()
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", server.known_hosts], check=True, capture_output=True)
    assert "127.0.0.1" not in server.known_hosts.read_text()
    connect(server.host()).close()


@pytest.mark.parametrize("known_kind", ["ecdsa", "rsa", "ed25519"])
def test_the_kind_of_key_that_is_known_is_asked_for(sshd, known_kind):
    """A server with several keys shows the one we know, as it does to OpenSSH."""
    server = sshd()
    server.stop()
    for kind in {"ecdsa", "rsa"}:
        server.keygen(server.folder / f"{kind}_key", kind)
    server.options = tuple(f"HostKey {server.folder / f'{kind}_key'}" for kind in ("ecdsa", "rsa"))
    server.start()
    known = server.folder / ("host_key" if known_kind == "ed25519" else f"{known_kind}_key")
    server.know(known)
    with connect(server.host()) as connection:
        assert connection.host_key == hostkeys.fingerprint(public_blob(known))
    pin = hostkeys.fingerprint(public_blob(known))
    server.known_hosts.write_text("")
    with connect(server.host(host_key=(pin,))) as connection:
        assert connection.host_key == pin


def test_a_pinned_fingerprint_replaces_known_hosts(sshd):
    """The inventory's fingerprint is enough, and another one stops whatever known_hosts says."""
    server = sshd()
    wrong = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
    fault = failure(server.host(host_key=(wrong,)))
    assert fault.step == "host key"
    assert wrong in str(fault)
    assert hostkeys.fingerprint(public_blob(server.folder / "host_key")) in str(fault)


def test_the_key_that_a_host_shows_can_be_asked_for(sshd):
    """`trust` sees the key without logging in."""
    server = sshd()
    route, kind, blob = server_key(server.host(known_hosts=server.folder / "none"))
    assert (route.known_name, kind, blob) == (
        f"[127.0.0.1]:{server.port}",
        "ssh-ed25519",
        public_blob(server.folder / "host_key"),
    )
    assert server.login_attempts() == 0


# --- logging in ------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_told(sshd):
    """The account, the key's file and its fingerprint are named, and trying again is no use."""
    server = sshd()
    server.keygen(server.folder / "stranger")
    fault = failure(server.host(key_file=server.folder / "stranger"))
    assert (fault.step, fault.may_pass) == ("login", False)
    for word in (server.user, str(server.folder / "stranger"), "SHA256:", "authorized_keys"):
        assert word in str(fault)
    assert f"`ssh-copy-id -i {server.folder}/stranger -p {server.port} {server.user}@127.0.0.1`" in str(fault)


def test_a_missing_key_file_is_told(sshd):
    """A mistyped key_file is not a refused login."""
    server = sshd()
    assert "/no/such/key does not exist" in str(failure(server.host(key_file="/no/such/key")))


def test_a_key_with_a_passphrase_opens_by_its_variable(sshd, monkeypatch):
    """The passphrase comes from the environment; without it, or with a wrong one, the sentence says which."""
    server = sshd()
    (server.folder / "login_key").unlink()
    (server.folder / "login_key.pub").unlink()
    server.keygen(server.folder / "login_key", passphrase=PASSWORD)
    (server.folder / "authorized_keys").write_text((server.folder / "login_key.pub").read_text())
    assert "passphrase_variable" in str(failure(server.host()))
    assert "the secret KEYPASS is nowhere" in str(failure(server.host(passphrase_variable="KEYPASS")))
    monkeypatch.setenv("KEYPASS", "wrong")
    fault = failure(server.host(passphrase_variable="KEYPASS"))
    assert "does not open with the passphrase in KEYPASS" in str(fault)
    assert "wrong" not in str(fault)
    monkeypatch.setenv("KEYPASS", PASSWORD)
    connect(server.host(passphrase_variable="KEYPASS")).close()


def test_a_certificate_beside_the_key_is_used(sshd):
    """A key that is not authorised by itself may be by its certificate."""
    server = sshd()
    server.keygen(server.folder / "ca")
    server.keygen(server.folder / "certified")
    subprocess.run(
        [
            "ssh-keygen",
            "-q",
            "-s",
            server.folder / "ca",
            "-I",
            "test",
            "-n",
            server.user,
            server.folder / "certified.pub",
        ],
        check=True,
    )
    server.stop()
    server.options = (f"TrustedUserCAKeys {server.folder / 'ca.pub'}",)
    server.start()
    (server.folder / "authorized_keys").write_text("")
    assert "refused" in str(failure(server.host()))
    connect(server.host(key_file=server.folder / "certified")).close()


@pytest.fixture
def agent(needs, tmp_path, monkeypatch):
    """A running ssh-agent; call it to add a key."""
    needs("ssh-agent")
    socket_path = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket_path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
    while not socket_path.exists():
        time.sleep(0.01)
    yield lambda path, **more: subprocess.run(["ssh-add", "-q", path], check=True, capture_output=True, **more)
    process.terminate()
    process.wait(10)


def test_the_agent_is_asked_where_no_key_is_named(sshd, agent, monkeypatch, tmp_path):
    """A key that only the agent holds lets us in."""
    server = sshd()
    monkeypatch.setenv("HOME", str(tmp_path))
    agent(server.folder / "login_key")
    (server.folder / "login_key").unlink()
    connect(server.host(key_file=None)).close()


def test_the_agent_opens_a_named_key_that_has_a_passphrase(sshd, agent, tmp_path):
    """The public half says which of the agent's keys is meant."""
    server = sshd()
    for name in ("login_key", "login_key.pub"):
        (server.folder / name).unlink()
    server.keygen(server.folder / "login_key", passphrase=PASSWORD)
    (server.folder / "authorized_keys").write_text((server.folder / "login_key.pub").read_text())
    ask = tmp_path / "askpass"
    ask.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    ask.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    agent(server.folder / "login_key", env=environment, stdin=subprocess.DEVNULL)
    connect(server.host()).close()


@pytest.mark.parametrize("server", [PasswordServer, KeyboardServer])
def test_a_password_comes_from_the_environment(tmp_path, monkeypatch, server):
    """By password or keyboard-interactive, whichever the server allows; prompts that would show it get no answer."""
    with asyncssh_server(tmp_path, server) as host:
        monkeypatch.setenv("APP_PASSWORD", PASSWORD)
        with connect(host.model_copy(update={"password_variable": "APP_PASSWORD"})) as connection:
            assert connection.login in ("password", "keyboard-interactive")


def test_a_password_comes_from_a_credential_file(tmp_path, monkeypatch):
    """systemd's LoadCredential= gives files; a newline at the end is not part of the password."""
    (tmp_path / "APP_PASSWORD").write_text(PASSWORD + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with asyncssh_server(tmp_path, PasswordServer) as host:
        connect(host.model_copy(update={"password_variable": "APP_PASSWORD"})).close()


@pytest.mark.parametrize("server", [PasswordServer, KeyboardServer])
def test_a_wrong_password_is_told_and_not_repeated(tmp_path, monkeypatch, server):
    """The variable is named; what it holds is not."""
    monkeypatch.setenv("APP_PASSWORD", "tr0ub4dor")
    with asyncssh_server(tmp_path, server) as host:
        fault = failure(host.model_copy(update={"password_variable": "APP_PASSWORD"}))
    assert (fault.step, fault.may_pass) == ("login", False)
    assert "check user and the password in APP_PASSWORD" in str(fault)
    assert "tr0ub4dor" not in str(fault)


def test_a_missing_password_is_told(tmp_path):
    """The sentence says where it was looked for."""
    with asyncssh_server(tmp_path, PasswordServer) as host:
        fault = failure(host.model_copy(update={"password_variable": "NO_SUCH"}))
    assert "the secret NO_SUCH is nowhere: set the environment variable NO_SUCH" in str(fault)


def test_without_any_means_the_remedy_is_told(tmp_path, monkeypatch):
    """No key, no agent, no password: the words to add are named."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with asyncssh_server(tmp_path, PasswordServer) as host:
        assert "name a key_file or a password_variable" in str(failure(host))


SECOND_FACTORS = {
    "password": ("AuthenticationMethods publickey,password",),
    "keyboard-interactive": ("AuthenticationMethods publickey,keyboard-interactive", "UsePAM yes"),
}


@pytest.mark.parametrize("second", SECOND_FACTORS)
def test_a_key_may_be_followed_by_a_password(guest, monkeypatch, second):
    """The server takes the key and wants more: what it wants is given, or the sentence says what it was."""
    server = guest(options=SECOND_FACTORS[second], password=PASSWORD)
    fault = failure(server.host())
    assert (fault.step, fault.may_pass) == ("login", False)
    assert f"took the key of auditor and wants {second} besides; name the password's variable" in str(fault)
    host = server.host(password_variable="APP_PASSWORD")
    assert "the secret APP_PASSWORD is nowhere" in str(failure(host))
    monkeypatch.setenv("APP_PASSWORD", "tr0ub4dor")
    fault = failure(host)
    assert (fault.step, fault.may_pass) == ("login", False)
    assert f"took the key of auditor and refused what it wanted next, {second}" in str(fault)
    assert "check user and the password in APP_PASSWORD" in str(fault)
    assert "tr0ub4dor" not in str(fault)
    monkeypatch.setenv("APP_PASSWORD", PASSWORD)
    with connect(host) as connection:
        assert connection.login == f"{connection.login.partition(',')[0]}, then {second}"
        assert connection.login.startswith("SHA256:")
        assert connection.run("id -un").out == b"auditor\n"
    log = (server.folder / "log").read_text()
    assert "Partial publickey for auditor" in log
    assert f"Accepted {second.replace('interactive', 'interactive/pam')} for auditor" in log


def test_a_key_may_be_the_second_half(guest, monkeypatch):
    """A server may want the password first; the key of the inventory follows it."""
    server = guest(options=("AuthenticationMethods password,publickey",), password=PASSWORD)
    monkeypatch.setenv("APP_PASSWORD", PASSWORD)
    fault = failure(server.host(password_variable="APP_PASSWORD", key_file=None))
    assert "took the password of auditor and wants publickey besides; name a key_file" in str(fault)
    with connect(server.host(password_variable="APP_PASSWORD")) as connection:
        assert connection.run("id -un").out == b"auditor\n"


def test_no_traceback_is_logged(sshd, caplog, capfd):
    """paramiko's threads log tracebacks of their own; none reaches a user."""
    server = sshd()
    server.known_hosts.write_text("")
    failure(server.host())
    failure(server.host(port=1))
    assert not caplog.records
    assert capfd.readouterr().err == ""


# --- reaching it -----------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_closed_port_is_told(sshd):
    """Nothing listens there; it may later."""
    fault = failure(sshd().host(port=free_port()))
    assert (fault.step, fault.may_pass) == ("reach", True)
    assert "refuses connections" in str(fault)


def test_an_unknown_name_is_told(sshd):
    """The address in the inventory is what is wrong."""
    assert "the name no-such-host.invalid is not known" in str(failure(sshd().host(address="no-such-host.invalid")))


@contextmanager
def listener(talk):
    """A loopback port whose connections are given to `talk`, in a thread each."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = []

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                taken.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in taken:
            connection.close()


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(lambda connection: None, id="says nothing"),
        pytest.param(lambda connection: connection.sendall(b"SSH-2.0-Slow\r\n"), id="stops after the banner"),
        pytest.param(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="is no sshd"),
    ],
)
def test_a_host_that_takes_the_connection_and_hangs_ends_in_time(sshd, talk):
    """Each step of the handshake has its limit."""
    with listener(talk) as port:
        begun = time.monotonic()
        fault = failure(sshd().host(port=port, timeout_s=1))
        assert time.monotonic() - begun < 20
    assert (fault.step, fault.may_pass) == ("reach", True)
    assert "did not speak SSH within 1 s" in str(fault)


def reset(connection):
    """Close so that the other side is told of a fault."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def say_and(close, words):
    """Say something, wait until the other side has said something too, and close."""

    def talk(connection):
        connection.sendall(words)
        connection.recv(1)
        close(connection)

    return talk


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        pytest.param(lambda c: c.close(), "the connection before it spoke SSH", id="hangs up"),
        pytest.param(say_and(reset, b""), "broke the connection before it spoke SSH", id="resets"),
        pytest.param(
            say_and(lambda c: c.shutdown(socket.SHUT_RDWR), b"Exceeded MaxStartups\r\n"),
            "closed the connection before it spoke SSH (it said 'Exceeded MaxStartups')",
            id="says why",
        ),
        pytest.param(
            say_and(lambda c: c.shutdown(socket.SHUT_RDWR), b"SSH-2.0-Away\r\n"),
            "the connection in the middle of the key exchange",
            id="hangs up after the banner",
        ),
        pytest.param(
            say_and(lambda c: None, b"SSH-2.0-Odd\r\n" + b"\0" * 64), "does not speak SSH as we do", id="talks nonsense"
        ),
    ],
)
def test_a_host_that_turns_us_away_is_told_as_it_was(sshd, talk, words):
    """Not as one that took too long: nobody waited for it."""
    with listener(talk) as port:
        fault = failure(sshd().host(port=port, timeout_s=20))
    assert (fault.step, fault.may_pass) == ("reach", True)
    assert words in str(fault)
    assert "within" not in str(fault)


def test_an_answer_that_comes_at_once_is_not_missed(sshd, monkeypatch):
    """On a busy machine the answer may be there before we have turned round to wait for it."""
    import paramiko

    send = paramiko.Transport._send_message

    def send_and_be_held_up(self, data):
        send(self, data)
        time.sleep(0.3)

    monkeypatch.setattr(paramiko.Transport, "_send_message", send_and_be_held_up)
    connect(sshd("Banner /etc/os-release").host(timeout_s=5)).close()


class HangingServer(PasswordServer):
    """Shows its key and then never answers who may log in."""

    async def begin_auth(self, username):
        await asyncio.sleep(3600)


def test_a_host_that_hangs_at_the_login_ends_in_time(tmp_path, monkeypatch):
    """The login has its limit, too."""
    monkeypatch.setenv("APP_PASSWORD", PASSWORD)
    with asyncssh_server(tmp_path, HangingServer) as host:
        fault = failure(host.model_copy(update={"password_variable": "APP_PASSWORD", "timeout_s": 1.0}))
    assert fault.step == "login"
    assert "1 s" in str(fault)


def test_a_bastion_is_passed_through(sshd):
    """One bastion, then two in a chain; each with its own key checked."""
    inner, first, second = sshd("AllowTcpForwarding no"), sshd(), sshd()
    gate1 = first.host(name="gate1", bastion=True)
    gate2 = second.host(name="gate2", bastion=True)
    inventory = Inventory(path="hosts.yaml", hosts=(), bastions=(gate1, gate2))
    for jump in ("gate1", "gate1,gate2"):
        with connect(inner.host(proxy_jump=jump), inventory) as connection:
            assert connection.run("echo here").out == b"here\n"
    chained = Inventory(path="hosts.yaml", hosts=(), bastions=(gate1, second.host(name="gate2", proxy_jump="gate1")))
    connect(inner.host(proxy_jump="gate2"), chained).close()
    assert first.login_attempts() == 3
    assert second.login_attempts() == 2


def test_a_bastion_may_be_written_as_an_address(sshd):
    """`user@host:port` needs no entry of its own and has the host's key file and known_hosts."""
    inner, gate = sshd(), sshd()
    known = inner.folder / "both"
    known.write_text(inner.known_hosts.read_text() + gate.known_hosts.read_text())
    (gate.folder / "authorized_keys").write_text((inner.folder / "login_key.pub").read_text())
    jump = f"{gate.user}@127.0.0.1:{gate.port}"
    connect(inner.host(proxy_jump=jump, known_hosts=known)).close()
    fault = failure(inner.host(proxy_jump=jump))
    assert fault.step == "host key"
    assert f"`audit-nb trust {jump}`" in str(fault)


def test_a_bastion_that_cannot_reach_the_host_is_told(sshd):
    """The sentence names the host, the bastion and the address."""
    gate = sshd()
    inventory = Inventory(path="hosts.yaml", hosts=(), bastions=(gate.host(name="gate"),))
    port = free_port()
    fault = failure(sshd().host(proxy_jump="gate", port=port), inventory)
    assert f"the bastion gate cannot reach 127.0.0.1:{port}" in str(fault)
    forbidding = sshd("AllowTcpForwarding no")
    inventory = Inventory(path="hosts.yaml", hosts=(), bastions=(forbidding.host(name="gate"),))
    assert "AllowTcpForwarding" in str(failure(sshd().host(proxy_jump="gate"), inventory))


@pytest.fixture
def ssh_config(needs, tmp_path, monkeypatch):
    """An `ssh` that reads a configuration of the test's own; OpenSSH finds ~/.ssh by the password database, not by HOME."""
    real = needs("ssh")
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {real} -F "{tmp_path}/config" "$@"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "config"


def test_the_users_ssh_configuration_is_heard(sshd, ssh_config):
    """Include and Match count, as OpenSSH reads them; what the inventory says goes before it."""
    server = sshd()
    (ssh_config.parent / "more").write_text(
        f"Host web*\n HostName 127.0.0.1\n Port {server.port}\n IdentityFile {server.folder / 'login_key'}\n"
    )
    ssh_config.write_text(
        f"Include {ssh_config.parent / 'more'}\n"
        f"Match host 127.0.0.1\n UserKnownHostsFile {server.known_hosts}\n User {server.user}\n"
    )
    host = Host(name="web01", timeout_s=5)
    with connect(host) as connection:
        assert connection.route.place == f"127.0.0.1:{server.port}"
    assert resolve(host.model_copy(update={"port": 9, "user": "lee"})).place == "127.0.0.1:9"
    assert resolve(host.model_copy(update={"user": "lee"})).user == "lee"


def test_a_proxy_command_of_the_configuration_is_used(sshd, ssh_config, needs):
    """`%h` and `%p` are filled in."""
    server = sshd()
    needs("bash")
    ssh_config.write_text(
        f"Host web01\n HostName 127.0.0.1\n Port {server.port}\n User {server.user}\n"
        f" ProxyCommand bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3'\n"
    )
    known = {"known_hosts": server.known_hosts, "key_file": server.folder / "login_key"}
    with connect(Host(name="web01", timeout_s=5, **known)) as connection:
        assert connection.run("echo here").out == b"here\n"


def test_a_broken_ssh_configuration_is_told(ssh_config):
    """OpenSSH's own words are repeated."""
    ssh_config.write_text("Hots web01\n")
    assert "hots" in str(failure(Host(name="web01"))).lower()


# --- its files -------------------------------------------------------------------------------------------------------


def test_a_file_is_read_in_any_pieces(sshd):
    """What comes over SFTP are the file's bytes, at every offset and length."""
    server = sshd()
    content = os.urandom(1_000_003)
    server.log.write_bytes(content)
    with connect(server.host()) as connection, Sftp(connection) as sftp, sftp.open(str(server.log)) as file:
        assert file.size == len(content)
        assert b"".join(file.stream(0, file.size)) == content
        assert b"".join(file.stream(999_999, file.size)) == content[999_999:]
        assert b"".join(file.stream(5, 5)) == b""
        assert file.read_at(3, 70_000) == content[3:70_003]
        assert file.read_at(1_000_000, 100) == content[1_000_000:]
        assert file.read_blocks([(0, 10), (500_000, 300_000), (7, 0)]) == [content[:10], content[500_000:800_000], b""]


def test_a_file_that_becomes_shorter_ends_early(sshd):
    """No error and no wait: what is there comes."""
    server = sshd()
    server.log.write_bytes(b"x" * 1_000_000)
    with connect(server.host()) as connection, Sftp(connection) as sftp, sftp.open(str(server.log)) as file:
        os.truncate(server.log, 400_001)
        assert b"".join(file.stream(0, file.size)) == b"x" * 400_001


def test_an_open_file_stays_the_same_when_it_is_renamed(sshd):
    """Rotation gives the name to another file, not ours."""
    server = sshd()
    server.log.write_bytes(b"old")
    with connect(server.host()) as connection, Sftp(connection) as sftp, sftp.open(str(server.log)) as file:
        server.log.rename(server.log.with_name("audit.log.1"))
        server.log.write_bytes(b"new")
        assert file.read_blocks([(0, 3)]) == [b"old"]


def test_sftp_without_the_subsystem_is_told(sshd):
    """A server without SFTP is no mystery."""
    server = sshd()
    server.stop()
    (server.folder / "sshd_config").unlink()
    server.subsystem = None
    server.start()
    with connect(server.host()) as connection, pytest.raises(SshError, match="Subsystem sftp"):
        Sftp(connection)


def test_a_sudo_that_refuses_is_told_in_its_own_words(sshd, tmp_path):
    """Exit status and standard error of the command, not "EOF during negotiation"."""
    server = sshd()
    program = tmp_path / "refuse"
    program.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    program.chmod(0o755)
    fake = tmp_path / "sudo"
    fake.write_text(program.read_text())
    fake.chmod(0o755)
    server.stop()
    server.options = (f"SetEnv PATH={tmp_path}:/usr/bin:/bin",)
    server.start()
    with connect(server.host(sudo=True)) as connection, pytest.raises(SshError) as caught:
        Sftp(connection)
    assert "sudo: a password is required, exit status 1" in str(caught.value)
    assert "examples/sudoers.minimal" in str(caught.value)


def test_the_sftp_server_is_looked_for_where_distributions_put_it(sshd):
    """Where it is nowhere, the places are named."""
    server = sshd()
    with (
        connect(server.host(sudo=True, sftp_server="/no/such/server")) as connection,
        pytest.raises(SshError) as caught,
    ):
        Sftp(connection)
    assert "there is no /no/such/server, exit status 127" in str(caught.value)
    for place in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"):
        assert place in sudo_command(None)


def test_a_login_shell_that_talks_is_told(sshd):
    """Text before the session would be garbage to SFTP."""
    server = sshd()
    server.subsystem = "/bin/echo Welcome to this host, have a nice day"
    server.stop()
    server.start()
    with connect(server.host()) as connection, pytest.raises(SshError, match="prints text of its own"):
        Sftp(connection)


# --- known_hosts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "name", "expected"),
    [
        ("web01", "web01", True),
        ("web01", "WEB01", True),
        ("web01,192.0.2.1", "192.0.2.1", True),
        ("web01", "web011", False),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "example.org", False),
        ("web0?", "web01", True),
        ("web0?", "web0", False),
        ("*,!web01", "web01", False),
        ("*,!web01", "web02", True),
        ("[web01]:2222", "[web01]:2222", True),
        ("[web01]:2222", "w", False),
        ("[web01]:*", "[web01]:2222", True),
        ("web.1", "webx1", False),
        ("|1|broken", "web01", False),
    ],
)
def test_a_line_of_known_hosts_matches_as_openssh_says(names, name, expected, tmp_path):
    """sshd(8): patterns, negation, ports in brackets; a dot and a bracket mean themselves."""
    path = tmp_path / "known_hosts"
    path.write_text(f"# comment\n\n{names} ssh-ed25519 AAAA\nbroken line\nx ssh-ed25519 @@@\n")
    (key, *others) = hostkeys.read([path])
    assert key.is_for(name) is expected
    assert not others


def test_a_trusted_key_is_added_to_the_file(sshd, tmp_path):
    """What `trust` writes is what OpenSSH itself finds, and the file keeps its mode."""
    server = sshd()
    path = tmp_path / "known_hosts"
    path.write_text("other ssh-ed25519 AAAA")
    path.chmod(0o644)
    route, kind, blob = server_key(server.host(known_hosts=path))
    hostkeys.add(path, route.known_name, kind, blob)
    assert path.stat().st_mode & 0o777 == 0o644
    found = subprocess.run(["ssh-keygen", "-F", route.known_name, "-f", path], capture_output=True, text=True)
    assert kind in found.stdout
    connect(server.host(known_hosts=path)).close()
    hostkeys.add(tmp_path / "new" / "known_hosts", route.known_name, kind, blob)
    assert (tmp_path / "new" / "known_hosts").stat().st_mode & 0o777 == 0o600


def test_known_hosts_that_cannot_be_read_stop(sshd, tmp_path):
    """A file that may hold a revoked key must not be passed over."""
    (tmp_path / "known_hosts").mkdir()
    with pytest.raises(AuditNbError, match="cannot be read"):
        connect(sshd().host(known_hosts=tmp_path / "known_hosts"))
