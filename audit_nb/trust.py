"""First contact with a host, and a host that was set up anew: its key is looked at by a person and then trusted.

shown = trust.look("web01", inventory)      # asks the host for its key; nothing is sent but that
trust.accept(shown)                         # writes it into the known_hosts file
"""

from dataclasses import dataclass
from pathlib import Path

from audit_nb.errors import AuditNbError
from audit_nb.inventory import Host, Inventory
from audit_nb.ssh import bastion, hostkeys, server_key


@dataclass(frozen=True)
class Shown:
    """The key a host shows now.

    `state` is `unknown`, `known` or `changed`; `former` are the fingerprints that are known of the host so far.
    """

    host: str
    place: str
    known_name: str
    kind: str
    blob: bytes
    state: str
    former: tuple[str, ...]
    file: Path

    @property
    def fingerprint(self) -> str:
        return hostkeys.fingerprint(self.blob)

    @property
    def sentence(self) -> str:
        """What a person has to know before accepting."""
        begin = f"{self.host}: {self.place} shows the host key {self.kind} {self.fingerprint}"
        if self.state == "known":
            return f"{begin}, which {self.file} knows already"
        compare = f"compare it with `ssh-keygen -lf /etc/ssh/{hostkeys.file_of(self.kind)}` run on the host itself"
        if self.state == "changed":
            former = ", ".join(self.former)
            return f"{begin}, but {former} is known: the host was set up anew or someone stands between; {compare}"
        return f"{begin}, which is not known yet; {compare}"


def look(name: str, inventory: Inventory) -> Shown:
    """Ask a host of the inventory, or `[user@]host[:port]`, for its key. Raises SshError where it cannot be asked."""
    host = _host(name, inventory)
    route, kind, blob = server_key(host, inventory)
    known = hostkeys.read(route.known_hosts)
    if line := hostkeys.revoked(known, route.known_name, blob):
        raise AuditNbError(
            f"{name}: the key {hostkeys.fingerprint(blob)} of {route.place} is revoked ({line.path}, line {line.line}) "
            "and cannot be trusted"
        )
    former = hostkeys.accepted(known, route.known_name)
    state = "known" if any(key.blob == blob for key in former) else "changed" if former else "unknown"
    prints = tuple(key.fingerprint for key in former)
    return Shown(name, route.place, route.known_name, kind, blob, state, prints, route.known_hosts[0])


def accept(shown: Shown) -> str:
    """Trust the key from now on, in place of what was known of the host; returns the sentence that says so."""
    if shown.state == "known":
        return shown.sentence
    replaced = hostkeys.remove(shown.file, shown.known_name)
    hostkeys.add(shown.file, shown.known_name, shown.kind, shown.blob)
    instead = f" in place of {', '.join(key.fingerprint for key in replaced)}" if replaced else ""
    return f"{shown.host}: {shown.fingerprint} is trusted from now on{instead} ({shown.file})"


def _host(name: str, inventory: Inventory) -> Host:
    for host in (*inventory.hosts, *inventory.bastions):
        if host.name == name:
            return host
    if "@" in name or ":" in name or "." in name:
        return bastion(inventory.hosts[0], name, inventory) if inventory.hosts else Host(name="host", address=name)
    return inventory.host(name)
