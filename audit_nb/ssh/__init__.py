"""A verified connection to one host; the only room that knows paramiko.

The host key is checked before anything is said about us, each step has a time limit, and what fails is told in one
sentence: which host, what happened, what to do.
"""

import logging

# paramiko's own threads log whole tracebacks; every failure reaches the caller as an exception anyway.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

from audit_nb.ssh import hostkeys  # noqa: E402
from audit_nb.ssh.connection import Abort, Connection, Ran, bastion, connect, server_key  # noqa: E402
from audit_nb.ssh.packed import PackedRemote, Packing, PackingFailed, worthwhile  # noqa: E402
from audit_nb.ssh.route import SshError  # noqa: E402
from audit_nb.ssh.sftp import Entry, RemoteFile, Sftp  # noqa: E402

__all__ = [
    "Abort",
    "Connection",
    "Entry",
    "PackedRemote",
    "Packing",
    "PackingFailed",
    "Ran",
    "RemoteFile",
    "Sftp",
    "SshError",
    "bastion",
    "connect",
    "hostkeys",
    "server_key",
    "worthwhile",
]
