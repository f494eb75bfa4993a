"""Capabilities: one by its number, many by their bits."""

from audit_nb.fields import tables


def show_capability(number: int) -> str | None:
    """The name of one capability: 21 is `sys_admin`."""
    return tables.constants("capability").get(number)


def show_capabilities(bits: int) -> str:
    """The names of a set of capabilities: `0000000000200000` is `sys_admin`; a bit without a name stays a number."""
    names = tables.constants("capability")
    found = [names.get(bit, str(bit)) for bit in range(bits.bit_length()) if bits >> bit & 1]
    return ",".join(found) or "none"
