"""Socket addresses: the bytes of `saddr=` as family, address, port or path.

The family and every number of the host's own are in the host's byte order, ports in the network's:
`saddr=0200AF98C0A80164…` is inet 192.168.1.100 port 44952 on x86_64, `saddr=0002D903…` inet on s390x.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from audit_nb.fields import tables
from audit_nb.fields.text import is_hex, readable

Order = Literal["little", "big"]


@dataclass(frozen=True)
class Socket:
    """A socket address; what a family does not have, and what was cut off, is None.

    `family` is a word (`inet`, `local`, `vsock`), or `unknown(99)`. `path` is the name of a unix socket, `@name` where
    it is abstract; an unnamed one has none. `address` is an IP address, the context id of vsock, the port id (process)
    of netlink, the interface number of packet; `port` of packet is its protocol.
    """

    family: str
    address: str | None = None
    port: int | None = None
    path: str | None = None


def decode_socket(hex_text: str, little_endian: bool) -> Socket | None:
    """The socket address of a `saddr=`; `little_endian` is the host's byte order, by `arch=`. None: it is no hex."""
    raw = hex_text.encode("ascii", "replace")
    data = bytes.fromhex(hex_text) if is_hex(raw) else b""
    if len(data) < 2:
        return None
    order = _order(data, little_endian)
    number = int.from_bytes(data[:2], order)
    family = _families().get(number, f"unknown({number})")
    decoder = DECODERS.get(family)
    return decoder(family, data, order) if decoder else Socket(family)


@cache
def _families() -> dict[int, str]:
    return dict(tables.constants("family"))


def _order(data: bytes, little_endian: bool) -> Order:
    """The byte order that makes a known family of the first two bytes: an `arch=` may be lost with its record."""
    told: Order = "little" if little_endian else "big"
    other: Order = "big" if little_endian else "little"
    families = _families()
    if int.from_bytes(data[:2], told) not in families and int.from_bytes(data[:2], other) in families:
        return other
    return told


def _number(data: bytes, start: int, end: int, order: Order) -> int | None:
    return int.from_bytes(data[start:end], order) if len(data) >= end else None


def _port(number: int | None) -> int | None:
    """A port; all bits set is any port, which is none."""
    return None if number is None or number > 0x7FFFFFFF else number


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _local(family: str, data: bytes, order: Order) -> Socket:
    name = data[2:]
    if not name.strip(b"\0"):
        return Socket(family)
    if name[0] == 0:
        # The length of an abstract name is that of the address; records pad it with NUL, which is cut here.
        return Socket(family, path="@" + readable(name[1:].rstrip(b"\0").replace(b"\0", b"@")))
    return Socket(family, path=readable(name.split(b"\0")[0]))


def _inet(family: str, data: bytes, order: Order) -> Socket:
    address = socket.inet_ntop(socket.AF_INET, data[4:8]) if len(data) >= 8 else None
    return Socket(family, address=address, port=_number(data, 2, 4, "big"))


def _inet6(family: str, data: bytes, order: Order) -> Socket:
    address = socket.inet_ntop(socket.AF_INET6, data[8:24]) if len(data) >= 24 else None
    scope = _number(data, 24, 28, order)
    if address and scope and address.startswith("fe80:"):
        address += f"%{scope}"
    return Socket(family, address=address, port=_number(data, 2, 4, "big"))


def _netlink(family: str, data: bytes, order: Order) -> Socket:
    return Socket(family, address=_text(_number(data, 4, 8, order)))


def _vsock(family: str, data: bytes, order: Order) -> Socket:
    return Socket(family, address=_text(_number(data, 8, 12, order)), port=_port(_number(data, 4, 8, order)))


def _packet(family: str, data: bytes, order: Order) -> Socket:
    return Socket(family, address=_text(_number(data, 4, 8, order)), port=_number(data, 2, 4, "big"))


DECODERS: dict[str, Callable[[str, bytes, Order], Socket]] = {
    "local": _local,
    "inet": _inet,
    "inet6": _inet6,
    "netlink": _netlink,
    "vsock": _vsock,
    "packet": _packet,
}


def show_socket(address: Socket) -> str:
    """A socket address as `ausearch -i` writes it: `{ saddr_fam=inet laddr=10.0.0.1 lport=22 }`."""
    family = address.family
    if family.startswith("unknown("):
        return f"unknown-family{family[7:]}"
    if family == "local":
        name = "unnamed socket" if address.path is None else f"path={address.path}"
        return f"{{ saddr_fam=local {name} }}"
    if family not in DECODERS:
        return f"{{ saddr_fam={family} (unsupported) }}"
    if address.address is None:
        return f"{{ saddr_fam={family} sockaddr{'6' if family == 'inet6' else ''} len too short }}"
    words = {
        "netlink": f"nlnk-fam=16 nlnk-pid={address.address}",
        "vsock": f"cid={address.address} port={address.port}",
        "packet": f"ifindex={address.address} protocol={address.port}",
    }
    return f"{{ saddr_fam={family} {words.get(family, f'laddr={address.address} lport={address.port}')} }}"
