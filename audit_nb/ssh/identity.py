"""Is it the right host: the key it shows against the pinned one or the known ones."""

import paramiko

from audit_nb.inventory import Host, Inventory
from audit_nb.ssh import hostkeys
from audit_nb.ssh.route import Route, SshError


def order_host_keys(
    transport: paramiko.Transport, host: Host, route: Route, refused: list[str]
) -> list[hostkeys.KnownKey]:
    """Ask for the kinds of key that are known first, as OpenSSH does; return what is known of this host."""
    known = hostkeys.read(route.known_hosts)
    kinds = [kind for key in hostkeys.accepted(known, route.known_name) for kind in _algorithms(key.kind)]
    options = transport.get_security_options()
    usable = [kind for kind in options.key_types if kind not in refused]
    if not usable:
        raise pin_failed(host, route, refused)
    options.key_types = [kind for kind in dict.fromkeys([*kinds, *usable]) if kind in usable]
    return known


def _algorithms(kind: str) -> list[str]:
    """The signature algorithms of a kind of key (RFC 8332: an ssh-rsa key signs with SHA-2)."""
    return ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]


def check_host_key(
    transport: paramiko.Transport,
    host: Host,
    route: Route,
    known: list[hostkeys.KnownKey],
    refused: list[str],
    inventory: Inventory | None,
) -> bool:
    """Raise SshError unless the key is the pinned one or a known one; True asks for another try with other kinds."""
    key = transport.get_remote_server_key()
    kind, blob = key.get_name(), key.asbytes()
    shown = hostkeys.fingerprint(blob)
    if line := hostkeys.revoked(known, route.known_name, blob):
        raise SshError(
            f"{host.name}: the host key {shown} of {route.place} is REVOKED ({line.path}, line {line.line}); "
            "someone who holds the old key may be answering; nothing was fetched",
            step="host key",
        )
    if host.host_key:
        if shown in {pin.rstrip("=") for pin in host.host_key}:
            return False
        refused += [*_algorithms(kind), f"{kind} {shown}"]
        return True
    trusted = hostkeys.accepted(known, route.known_name)
    if any(k.blob == blob for k in trusted):
        return False
    name = inventory.named(host.name) if inventory else host.name
    files = ", ".join(str(path) for path in route.known_hosts[:1])
    if trusted:
        raise SshError(
            f"{host.name}: the host key of {route.place} has CHANGED: it shows {kind} {shown}, but "
            f"{trusted[0].path} (line {trusted[0].line}) knows {trusted[0].fingerprint}; either the host was set up "
            f"anew or someone stands between; nothing was fetched. If its administrator confirms the new key: "
            f"`audit-nb trust {name}`",
            step="host key",
        )
    raise SshError(
        f"{host.name}: the host key of {route.place} is not known: {kind} {shown} (looked in {files}); compare it with "
        f"`ssh-keygen -lf /etc/ssh/{hostkeys.file_of(kind)}` on the host, then `audit-nb trust {name}`",
        step="host key",
    )


def pin_failed(host: Host, route: Route, refused: list[str]) -> SshError:
    shown = ", ".join(word for word in refused if " " in word)
    return SshError(
        f"{host.name}: the host key of {route.place} is not the pinned one: it shows {shown}, the inventory says "
        f"{', '.join(host.host_key or ())}; either the host was set up anew or someone stands between; nothing was "
        "fetched. If its administrator confirms the new key, write it as host_key",
        step="host key",
    )
