"""What was found in segments is kept until it was read, so that nobody looks for the same records twice."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from audit_nb import scan
from audit_nb.errors import AuditNbError
from audit_nb.spans import MOST_BYTES, Found

Array = np.ndarray[Any, Any]

_KEPT_BYTES = 96 << 20


class Finds:
    """The newest finds, as many as fit; `look` finds in a segment what is no more among them, None where it cannot."""

    def __init__(self, look: Callable[[int], Found | None], most: int = _KEPT_BYTES) -> None:
        self._look, self._most = look, most
        self._kept: OrderedDict[int, Found] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, number: int, found: Found) -> Found:
        """Keep what was found in this segment, in no more memory than it needs."""
        # `find` makes room for more records than there are.
        found = replace(
            found, places=found.places.copy(), time_ms=found.time_ms.copy(), serial=found.serial.copy(), malformed=[]
        )
        with self._lock:
            self._drop(number)
            self._kept[number] = found
            self._bytes += _size(found)
            while self._bytes > self._most:
                self._drop(next(iter(self._kept)))
        return found

    def of(self, number: int) -> Found | None:
        """What there is in this segment."""
        with self._lock:
            found = self._kept.get(number)
        return self._look(number) if found is None else found

    def kept(self, number: int) -> Found | None:
        """What there is in this segment, if it is still known."""
        with self._lock:
            return self._kept.get(number)

    def let_go(self, numbers: Iterable[int]) -> None:
        """These segments will not be asked for again."""
        with self._lock:
            for number in numbers:
                self._drop(number)

    def _drop(self, number: int) -> None:
        found = self._kept.pop(number, None)
        self._bytes -= 0 if found is None else _size(found)


def _size(found: Found) -> int:
    return sum(array.nbytes for array in (found.block.buf, found.places, found.time_ms, found.serial))


def joined(founds: Sequence[Found], since_ms: int, until_ms: int) -> Found:
    """The records of several finds with since_ms <= time < until_ms, as if they had been found together.

    What is no record was told when they were found.
    """
    block, starts = _one_block(founds)
    chosen = [_within(one.time_ms, since_ms, until_ms) for one in founds]
    time_ms = [np.empty(0, np.int64), *(one.time_ms[mine] for one, mine in zip(founds, chosen, strict=True))]
    serial = [np.empty(0, np.int64), *(one.serial[mine] for one, mine in zip(founds, chosen, strict=True))]
    ends = np.cumsum([len(times) for times in time_ms])
    places = np.empty((int(ends[-1]), scan.PLACES), np.int32)
    behind = block.size
    for one, mine, start, first, end in zip(founds, chosen, starts.tolist(), ends, ends[1:], strict=False):
        _put(one, mine, places[first:end], start=start, behind=behind)
        behind += _behind(one)
    return Found(
        block=block,
        pieces=[piece for one in founds for piece in one.pieces],
        piece_start=np.concatenate(
            [starts[:1], *(one.piece_start[1:] + a for one, a in zip(founds, starts, strict=False))]
        ),
        places=places,
        time_ms=np.concatenate(time_ms),
        serial=np.concatenate(serial),
        malformed=[],
        accounts=[],
    )


def _within(time_ms: Array, since_ms: int, until_ms: int) -> Array | slice:
    """Which records bear these times: mostly all between two of them."""
    inside = (time_ms >= since_ms) & (time_ms < until_ms)
    first = int(inside.argmax()) if len(inside) else 0
    between = slice(first, first + int(np.count_nonzero(inside)))
    return between if inside[between].all() else np.flatnonzero(inside)


def _behind(found: Found) -> int:
    """How many bytes stand behind the block's own: the plain text of records that came in JSON."""
    return found.block.buf.size - scan.PADDING - 1 - found.block.size


def _one_block(founds: Sequence[Found]) -> tuple[scan.Block, Array]:
    """The bytes of all finds in one block, what stands behind theirs behind it; and where each begins, and the end."""
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum([one.block.size for one in founds], dtype=np.int64)])
    size = int(starts[-1])
    whole = size + sum(map(_behind, founds))
    if whole > MOST_BYTES:
        raise AuditNbError(f"{whole:,} bytes cannot be read at once; at most {MOST_BYTES:,} can")
    buf = np.empty(whole + 1 + scan.PADDING, np.uint8)
    buf[whole:] = 0
    behind = size
    for one, begin, end in zip(founds, starts.tolist(), starts[1:].tolist(), strict=False):
        buf[begin:end] = one.block.buf[: one.block.size]
        more = _behind(one)
        buf[behind : behind + more] = one.block.buf[one.block.size : one.block.size + more]
        behind += more
    return scan.Block(buf, scan.overlapping(buf), size), starts


def _put(found: Found, mine: Array | slice, places: Array, *, start: int, behind: int) -> None:
    """Write the places of these records in a block where the bytes begin at `start`, those behind them at `behind`."""
    rows = found.places[mine]
    np.add(rows, start, out=places)
    if _behind(found):
        is_behind = rows[:, scan.START] >= found.block.size
        places[np.ix_(is_behind, _IN_TEXT)] += behind - found.block.size - start
    places[:, scan.MARK] = rows[:, scan.MARK]
    # Where the record before it is left out, nobody knows whether that of another node stands there now.
    alone = np.flatnonzero(np.diff(mine, prepend=-2) != 1) if isinstance(mine, np.ndarray) else [0][: len(rows)]
    places[alone, scan.MARK] &= ~scan.SAME_NODE


_IN_TEXT = [scan.START, scan.END, scan.TYPE_START, scan.TYPE_END, scan.BODY]
