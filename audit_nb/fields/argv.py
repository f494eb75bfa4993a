"""The arguments of a command: EXECVE records, joined."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from audit_nb.fields.text import is_hex, readable

KEY = re.compile(r"a([0-9]{1,9})(?:\[([0-9]{1,9})\])?")
MOST_HOLES = 1 << 16  # a forged `a999999999` must not cost a billion entries; such a field stays where it was read


def decode_argv(fields: Iterable[tuple[str, bytes, bool]]) -> list[str]:
    """The arguments from the (key, raw, quoted) of every EXECVE record of one event, in order of arrival.

    A long argument comes in pieces (`a1_len=16 a1[0]=61626364 a1[1]=65666768`), and a long command in several records.
    A position that no field fills is "": positions never shift. `argc` is not believed (`argc=0 a0="whoami"` exists).
    """
    pieces: dict[int, dict[int, bytes]] = defaultdict(dict)
    for key, raw, quoted in fields:
        match = KEY.fullmatch(key)
        if match:
            data = raw if quoted or not is_hex(raw) else bytes.fromhex(raw.decode("ascii"))
            pieces[int(match[1])][int(match[2] or 0)] = data
    last = max((place for place in pieces if place < len(pieces) + MOST_HOLES), default=-1)
    return [_joined(pieces.get(place, {})) for place in range(last + 1)]


def _joined(pieces: Mapping[int, bytes]) -> str:
    return readable(b"".join(data for _, data in sorted(pieces.items())))
