"""Counts the boots of a host: its serials begin anew with each one.

    …:9120  …:9121  …:2  …:3        the same record types, a later time, a low serial: another boot

Records are followed in order of arrival, piece by piece, so that late records and steps of the clock do not count. What
is known after a piece is enough to go on with the next one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audit_nb import scan
from audit_nb.spans import Found, Interned

Array = np.ndarray[Any, Any]

_UNKNOWN = (-1, -(2**62), -(2**62), 0, 2**62, 0, 0, 0, -1)  # see scan.HIGHEST and what follows it
BY_TIME = -1


@dataclass(frozen=True)
class Changes:
    """The boots of one piece: each node's in front of it, and (offset, node, boot) from where it is another one.

    BY_TIME says that the records repeat what other sources hold: the time of each tells its boot.
    """

    before: Mapping[str, int] = field(default_factory=dict)
    after: Sequence[tuple[int, str, int]] = ()


@dataclass
class Boots:
    """What is known of each node's serials after the pieces that were followed.

    `began`: when each boot but the first began.
    """

    state: dict[str, list[int]] = field(default_factory=dict)
    began: dict[str, list[int]] = field(default_factory=dict)

    def follow(self, found: Found) -> list[Changes]:
        """Go on with these pieces; one `Changes` for each of them."""
        marks, nodes, names = _survey(found)
        bounds = found.bounds
        return [
            self._follow_piece(found, number, slice(int(a), int(b)), marks, nodes, names)
            for number, (a, b) in enumerate(zip(bounds, bounds[1:], strict=False))
        ]

    def _follow_piece(
        self, found: Found, number: int, records: slice, marks: Array, nodes: Array, names: Sequence[str]
    ) -> Changes:
        # The name of no node is the last one, and is counted first.
        there = np.flatnonzero(np.bincount(nodes[records] + 1)) - 1
        present = [names[node] for node in there.tolist()]
        rows = {name: i for i, name in enumerate(present)}
        state = np.array([self.state.get(name, _UNKNOWN) for name in present], np.int64).reshape(-1, len(_UNKNOWN))
        state_of = np.array([rows.get(name, -1) for name in names], np.int32)[nodes[records]]
        before = {name: self._boot(name) for name in present}
        room = 64
        while True:
            after = state.copy()
            out = tuple(np.empty(room, np.int64) for _ in range(3))
            n = scan.follow_boots(
                len(state_of), found.time_ms[records], found.serial[records], marks[records], state_of,
                found.pieces[number].source, after, *out,
            )  # fmt: skip
            if n <= room:
                break
            room = n
        self.state |= {name: after[i].tolist() for name, i in rows.items()}
        shift = found.pieces[number].offset - int(found.piece_start[number])
        changes = []
        for record, node, boot in zip(*(array[:n].tolist() for array in out), strict=True):
            name = present[node]
            if boot > len(self.began.get(name, ())):
                self.began.setdefault(name, []).append(int(found.time_ms[records][record]))
            changes.append((int(found.places[records.start + record, scan.LINE]) + shift, name, boot))
        return Changes(before, tuple(changes))

    def _boot(self, name: str) -> int:
        state = self.state.get(name, _UNKNOWN)
        return BY_TIME if state[scan.REPLAY] else state[scan.BOOT]


def _survey(found: Found) -> tuple[Array, Array, list[str]]:
    """The mark and the node of each record, and the nodes' names; the name of no node is empty and comes last."""
    n = len(found.places)
    marks, nodes = np.empty(n, np.uint8), np.empty(n, np.int32)
    room = 256
    while True:
        names = Interned(room)
        names.count = scan.survey_records(
            found.block.buf, found.block.words, n, found.places, scan.seed(), marks, nodes, *names.arrays
        )
        if names.count >= 0:
            return marks, nodes, [*names.texts(found.block.buf), ""]
        room *= 16


def boots_of(
    found: Found,
    records: Array,
    nodes: Array,
    names: Sequence[str],
    changes: Sequence[Changes],
    began: Mapping[str, Sequence[int]],
) -> Array:
    """The boot of each of these records of the nodes names[nodes] (-1: none).

    One of `changes` for each piece of `found`.
    """
    boots = np.zeros(len(records), np.int32)
    pieces = found.piece[records]
    shift = np.array([piece.offset for piece in found.pieces], np.int64) - found.piece_start[:-1]
    places = (pieces.astype(np.int64) << 40) + found.places[records, scan.LINE] + shift[pieces]
    for node in np.unique(nodes).tolist():
        name = names[node] if node >= 0 else ""
        keys, values = _steps(name, changes)
        mine = np.flatnonzero(nodes == node)
        boot = values[np.searchsorted(keys, places[mine], side="right") - 1]
        by_time = boot == BY_TIME
        starts = np.array(began.get(name, ()), np.int64)
        boot[by_time] = np.searchsorted(starts, found.time_ms[records[mine[by_time]]], side="right")
        boots[mine] = boot
    return boots


def _steps(name: str, changes: Sequence[Changes]) -> tuple[Array, Array]:
    """A node's boots as steps: from which place on it is in which boot."""
    steps = [((number << 40) - 1, one.before.get(name, 0)) for number, one in enumerate(changes)]
    steps += [((n << 40) + at, boot) for n, one in enumerate(changes) for at, node, boot in one.after if node == name]
    steps.sort()
    return np.array([key for key, _ in steps], np.int64), np.array([boot for _, boot in steps], np.int32)
