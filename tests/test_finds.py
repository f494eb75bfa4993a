"""What was found in several segments, put together, is what would be found in all of them at once."""

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_nb import scan
from audit_nb.events import plain, read_events, read_found
from audit_nb.finds import Finds, joined
from audit_nb.spans import EVER, Found, Piece, find

T0 = 1767225600


def line(chance: random.Random, second: int) -> bytes:
    """A line of any kind: of two nodes or none, glued to another one, wrapped, in JSON, or no record."""
    head = f"msg=audit({second}.{chance.randrange(3)}:{chance.randrange(40)}):"
    node = chance.choice(["", "", "node=a ", "node=bb "])
    text = chance.choice([
        f"type=BPF {head} prog-id={chance.randrange(9)} op=LOAD",
        f"type=CWD {head} cwd=\"/tmp\"",
        f"type=USER_CMD {head} pid=1 uid=0 auid=7 ses=2 msg='cwd=\"/\" cmd=6C73 terminal=? res=success'",
    ])  # fmt: skip
    wrapped = json.dumps({"_TRANSPORT": "audit", "MESSAGE": text, "__REALTIME_TIMESTAMP": str(second * 10**6)})
    return chance.choice([
        *[(node + text).encode()] * 6,
        (node + text + node + f"type=EOE {head} ").encode(),
        f"Jan  1 00:00:00 host kernel: audit: type=1400 audit({second}.000:7): apparmor=\"DENIED\" name=\"/x\"".encode(),
        wrapped.encode(),
        b"\0\0\0" + text.encode(),
        b"no record",
        b"",
    ])  # fmt: skip


def log(chance: random.Random) -> tuple[list[Piece], int]:
    """A log in segments, mostly in order of its times, and how long it took."""
    lines, second = [], 0
    for _ in range(chance.randrange(60)):
        second += chance.choice([0, 0, 1, 3])
        lines.append(line(chance, T0 + max(0, second - chance.choice([0, 0, 0, 9]))) + b"\n")
    pieces, position = [], 0
    while lines:
        count = chance.randrange(1, 30)
        data, lines = b"".join(lines[:count]), lines[count:]
        if chance.random() < 0.2:
            data = data.rstrip(b"\n") or b"x"
        pieces.append(Piece(data, len(pieces) + 1, 0, position, chance.randrange(2)))
        position += len(data)
    return pieces, second


def records(found: Found) -> list[tuple]:
    """Each record: its text, its line, its type, its body, its marks but for the node's, its time, serial and piece."""
    buf = found.block.buf
    return [
        (
            buf[place[scan.START] : place[scan.END]].tobytes(),
            (place[scan.LINE], place[scan.NEXT]),
            buf[place[scan.TYPE_START] : place[scan.TYPE_END]].tobytes(),
            buf[place[scan.BODY] : place[scan.END]].tobytes(),
            place[scan.MARK] & ~scan.SAME_NODE,
            *rest,
        )
        for place, *rest in zip(
            found.places.tolist(), found.time_ms.tolist(), found.serial.tolist(), found.piece.tolist(), strict=True
        )
    ]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_finds_put_together_are_what_is_found_at_once(seed: int):
    """Within any times, wherever the segments were cut; and so are the events that are read of them."""
    chance = random.Random(seed)
    pieces, length = log(chance)
    since, until = sorted((T0 + chance.randrange(length + 2)) * 1000 for _ in range(2))
    since, until = chance.choice([(since, until), (since, EVER[1]), EVER])
    together = find(pieces, since_ms=since, until_ms=until)
    found = joined([find([piece]) for piece in pieces], since, until)
    assert records(found) == records(together)
    assert found.piece_start.tolist() == together.piece_start.tolist()
    assert [piece.segment for piece in found.pieces] == [piece.segment for piece in together.pieces]
    events = plain(read_found(found, host="web01").events).to_pylist()
    assert events == plain(read_events(pieces, host="web01", since_ms=since, until_ms=until).events).to_pylist()


def test_what_does_not_fit_is_looked_for_again():
    """The oldest goes first; what was let go is not kept either."""
    pieces = {n: Piece(b"type=BPF msg=audit(%d.000:%d): a=1\n" % (n, n), n) for n in range(1, 4)}
    looked: list[int] = []

    def look(number: int) -> Found:
        looked.append(number)
        return find([pieces[number]])

    finds = Finds(look, most=300)
    for number, piece in pieces.items():
        finds.keep(number, find([piece]))
    assert [finds.kept(number) is not None for number in pieces] == [False, True, True]
    finds.let_go([2])
    assert [int(finds.of(number).serial[0]) for number in pieces] == [1, 2, 3]
    assert looked == [1, 2]
