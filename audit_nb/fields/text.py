"""Encoded text: undo the way records write a value that may hold any bytes.

The sender writes `name="text"` unless a byte is a quote, a blank or outside ASCII; then the whole value is upper-case
hex without quotes (`audit_log_untrustedstring` in the kernel, `audit_encode_nv_string` in user space). So a quoted
value is literal, always, and hex is undone only where a field is declared to be written this way (kinds.csv).
"""

import re

HEX = re.compile(rb"(?:[0-9A-F]{2})+")
KEY_SEPARATOR = "\x01"


def is_hex(raw: bytes) -> bool:
    """Whether these bytes are upper-case hex; lower-case hex comes from neither the kernel nor auditd."""
    return len(raw) % 2 == 0 and raw != b"" and not raw.translate(None, b"0123456789ABCDEF")


def readable(data: bytes) -> str:
    """Bytes as text: UTF-8, and what is none of it as `\\xff`."""
    return data.decode("utf-8", "backslashreplace")


def decode_text(raw: bytes, quoted: bool) -> str:
    """A file name, a command, an account: literal in quotes, else from hex.

    A first byte of NUL is an abstract socket's name (it belongs to no file): shown with `@`, as ss(8) does.
    """
    if quoted or not is_hex(raw):
        return readable(raw)
    data = bytes.fromhex(raw.decode("ascii"))
    if data.startswith(b"\0"):
        return "@" + readable(data[1:].rstrip(b"\0"))
    return readable(data)


def decode_bytes(raw: bytes, quoted: bool) -> str:
    """Encoded text as it is, NUL and control characters included: a `key=`, what a terminal sent."""
    return readable(raw) if quoted or not is_hex(raw) else readable(bytes.fromhex(raw.decode("ascii")))


def split_keys(text: str) -> list[str]:
    """The keys of a decoded `key=`; several rules' keys stand in one value, 0x01 between them."""
    return [key for key in text.split(KEY_SEPARATOR) if key]


def split_proctitle(raw: bytes, quoted: bool) -> list[str]:
    """The arguments of a `proctitle=`, between which NUL lies; the kernel keeps 128 bytes, so the last may be cut."""
    if quoted or not is_hex(raw):
        return [readable(raw)]
    return [readable(part) for part in bytes.fromhex(raw.decode("ascii")).rstrip(b"\0").split(b"\0")]


def decode_proctitle(raw: bytes, quoted: bool) -> str:
    """A `proctitle=` with blanks between its arguments."""
    return " ".join(split_proctitle(raw, quoted))
