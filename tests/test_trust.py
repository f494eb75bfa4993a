"""A person looks at a host's key and trusts it; a changed key takes the place of the old one."""

import subprocess

import pytest

from audit_nb import trust
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.inventory import Inventory
from audit_nb.ssh import connect, hostkeys


def inventory_of(*hosts):
    return Inventory(path="hosts.yaml", hosts=hosts)


def test_an_unknown_key_is_shown_and_trusted(sshd, tmp_path):
    """After it the host is entered; before it nothing was said about us."""
    server = sshd()
    host = server.host(known_hosts=tmp_path / "known" / "hosts")
    shown = trust.look("web01", inventory_of(host))
    assert shown.state == "unknown"
    printed = subprocess.run(
        ["ssh-keygen", "-lf", server.folder / "host_key.pub"], capture_output=True, text=True
    ).stdout
    assert shown.fingerprint in printed
    assert shown.fingerprint in shown.sentence
    assert "/etc/ssh/ssh_host_ed25519_key.pub" in shown.sentence
    assert server.login_attempts() == 0
    assert "is trusted from now on" in trust.accept(shown)
    connect(host).close()
    assert trust.look("web01", inventory_of(host)).state == "known"
    assert (tmp_path / "known" / "hosts").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("hashed", [False, True])
def test_a_changed_key_replaces_the_old_one(sshd, hashed):
    """The old key is not trusted any more, and what the file says of other hosts stays."""
    server = sshd()
    server.keygen(server.folder / "former")
    server.know(server.folder / "former")
    other = server.known_hosts.read_text().replace(f":{server.port}", ":1")
    server.known_hosts.write_text("# ours\n" + other + server.known_hosts.read_text())
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", server.known_hosts], check=True, capture_output=True)
    shown = trust.look("web01", inventory_of(server.host()))
    former = subprocess.run(["ssh-keygen", "-lf", server.folder / "former.pub"], capture_output=True, text=True).stdout
    assert shown.state == "changed"
    assert shown.former[0] in former
    assert "someone stands between" in shown.sentence
    assert f"in place of {shown.former[0]}" in trust.accept(shown)
    connect(server.host()).close()
    keys = hostkeys.read([server.known_hosts])
    assert [key.fingerprint for key in keys if key.is_for(shown.known_name)] == [shown.fingerprint]
    assert [key.fingerprint for key in keys if key.is_for("[127.0.0.1]:1")] == list(shown.former)


def test_one_name_of_several_is_taken_out(sshd):
    """A line that speaks of several hosts goes on speaking of the others."""
    server = sshd()
    server.keygen(server.folder / "former")
    server.know(server.folder / "former")
    server.known_hosts.write_text("alias," + server.known_hosts.read_text())
    trust.accept(trust.look("web01", inventory_of(server.host())))
    names = [key.names for key in hostkeys.read([server.known_hosts])]
    assert names == ["alias", f"[127.0.0.1]:{server.port}"]


def test_a_pattern_is_left_to_a_person(sshd):
    """A line of many hosts is not changed for one of them."""
    server = sshd()
    server.keygen(server.folder / "former")
    server.know(server.folder / "former")
    before = server.known_hosts.read_text().replace(f"[127.0.0.1]:{server.port}", "[127.0.0.*]:*")
    server.known_hosts.write_text(before)
    with pytest.raises(AuditNbError, match="by a pattern; change that line yourself"):
        trust.accept(trust.look("web01", inventory_of(server.host())))
    assert server.known_hosts.read_text() == before


def test_a_revoked_key_cannot_be_trusted(sshd):
    """`@revoked` is the last word."""
    server = sshd()
    server.known_hosts.write_text("@revoked * " + server.known_hosts.read_text().split(" ", 1)[1])
    with pytest.raises(AuditNbError, match="is revoked"):
        trust.look("web01", inventory_of(server.host()))


def test_a_bastion_that_stands_in_no_entry_can_be_trusted(sshd, tmp_path):
    """What a failing fetch tells to type works: `audit-nb trust user@host:port`."""
    server, gate = sshd(), sshd()
    known = tmp_path / "known_hosts"
    inventory = inventory_of(server.host(known_hosts=known))
    shown = trust.look(f"{gate.user}@127.0.0.1:{gate.port}", inventory)
    assert shown.known_name == f"[127.0.0.1]:{gate.port}"
    trust.accept(shown)
    assert known.read_text() == gate.known_hosts.read_text()


def test_an_unknown_name_is_wrong_usage(sshd):
    """The nearest name is offered."""
    with pytest.raises(UsageError, match="there is no host 'web1'; did you mean web01"):
        trust.look("web1", inventory_of(sshd().host()))
