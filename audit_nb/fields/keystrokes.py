"""TTY records: the bytes a terminal sent, as keys. They may hold a password typed without echo: they are secret."""

from collections.abc import Mapping
from functools import cache

from audit_nb.fields import tables
from audit_nb.fields.text import is_hex, readable


@cache
def _keys() -> Mapping[bytes, str]:
    return {bytes.fromhex(sequence): name for sequence, name in tables.rows("keystrokes")}


@cache
def _lengths() -> tuple[int, ...]:
    return tuple(sorted({len(sequence) for sequence in _keys()}, reverse=True))


def decode_keystrokes(raw: bytes, quoted: bool) -> str:
    """Typed text in quotes, keys by name: `72706D7F1B5B410D` is `"rpm",<backspace>,<up>,<ret>`."""
    if quoted or not is_hex(raw):
        return readable(raw)
    data = bytes.fromhex(raw.decode("ascii"))
    parts: list[str] = []
    typed = place = 0
    while place < len(data):
        sequence = _key_at(data, place)
        if sequence is None:
            place += _character_length(data[place : place + 4])
            continue
        parts += [_typed(data[typed:place]), f"<{_keys()[sequence]}>"]
        typed = place = place + len(sequence)
    parts.append(_typed(data[typed:]))
    return ",".join(part for part in parts if part)


def _key_at(data: bytes, place: int) -> bytes | None:
    """The longest sequence of a key that begins here; ordinary characters begin none."""
    if 0x20 <= data[place] < 0x7F or data[place] >= 0xA0:
        return None
    return next(
        (data[place : place + length] for length in _lengths() if data[place : place + length] in _keys()), None
    )


def _character_length(data: bytes) -> int:
    """How many bytes the UTF-8 character takes that begins here: a byte within it is no key, 0x9B included."""
    length = 1 if data[0] < 0xC2 else 2 if data[0] < 0xE0 else 3 if data[0] < 0xF0 else 4
    return length if len(data[:length].decode("utf-8", "ignore")) == 1 else 1


def _typed(data: bytes) -> str:
    """Text that was typed, in quotes; UTF-8 is shown as such, other bytes in octal."""
    if not data:
        return ""
    return '"' + "".join(_character(each) for each in data.decode("utf-8", "surrogateescape")) + '"'


def _character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\{ord(character) - 0xDC00:03o}"
    if character in '\\"':
        return "\\" + character
    return character if character.isprintable() else "".join(f"\\{byte:03o}" for byte in character.encode())
