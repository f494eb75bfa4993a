"""The boots of a host, counted from its serials."""

import json

import numpy as np

from audit_nb.boots import Boots, boots_of
from audit_nb.events import plain, read_events
from audit_nb.spans import Piece, find

Seen = list[tuple[float, int]]


def log(*seen: tuple[float, int], kind: str = "BPF", node: str = "") -> bytes:
    return b"".join(
        f"{node}type={kind} msg=audit({int(t)}.{round(t % 1 * 1000):03d}:{s}): a=1\n".encode() for t, s in seen
    )


def boots(*pieces: bytes | Piece) -> list[int]:
    """The boots in order of arrival."""
    rows = plain(read_events(pieces, host="h").events).to_pylist()
    return [row["boot"] for row in sorted(rows, key=lambda row: (row["segment"], row["offset"]))]


def test_a_low_serial_at_a_later_time_begins_a_boot():
    """Whatever the length of the boot before."""
    assert boots(log((1, 5000), (2, 5001), (3, 2), (4, 3), (5, 2))) == [0, 0, 1, 1, 1]
    assert boots(log((1, 1), (2, 2), (3, 3), (4, 1), (5, 2))) == [0, 0, 0, 1, 1]


def test_records_that_swapped_places_or_came_late_begin_none():
    """Processors hand out serials side by side, and queues keep records back."""
    assert set(boots(log((1, 10), (1.002, 12), (1.003, 11), (1.004, 13)))) == {0}
    assert set(boots(log((1, 10), (200, 9000), (2, 11), (201, 9001)))) == {0}


def test_a_step_of_the_clock_begins_none():
    """Back or forward, the serials go on."""
    assert set(boots(log((1000, 50), (880, 51), (881, 52), (5000, 53), (1001, 54)))) == {0}


def test_a_boot_after_the_clock_went_back_is_known_by_the_start_of_auditd():
    """Its first word is followed by the kernel's first records."""
    before, start, after = log((1000, 9000), (1001, 9001)), log((900, 7), kind="DAEMON_START"), log((899, 2), (901, 3))
    assert boots(before + start + after)[-2:] == [1, 1]
    assert set(boots(before + start + log((1002, 9002)))) == {0}


def test_a_second_system_boot_record_begins_a_boot():
    """Where neither the time nor auditd told of it."""
    system = log((1, 40), kind="SYSTEM_BOOT"), log((0.5, 39), kind="SYSTEM_BOOT")
    assert boots(system[0] + log((2, 60), (3, 61)) + system[1]) == [0, 0, 0, 1]


def test_the_serials_of_auditd_itself_do_not_count():
    """They are random."""
    assert set(boots(log((1, 9000)) + log((2, 5), kind="DAEMON_ROTATE") + log((3, 9001)))) == {0}


def test_the_serial_may_run_over():
    """4294967295 is followed by 0, without a boot."""
    assert set(boots(log((1, 4294967294), (2, 4294967295), (3, 0), (4, 1)))) == {0}


def test_every_node_has_boots_of_its_own():
    """A log server writes the records of many machines into one file."""
    a, b = "node=a ", "node=b "
    lines = (
        log((1, 5000), node=a) + log((2, 7), node=b) + log((3, 2), node=a) + log((4, 8), node=b) + log((5, 3), node=a)
    )
    assert boots(lines) == [0, 0, 1, 0, 1]


def test_another_source_that_repeats_old_times_goes_by_them():
    """A copy of the log begins before the last boot; what it adds belongs to the boot of its time."""
    first = Piece(log((1, 5000), (2, 5001), (10, 2), (11, 3)), segment=1, source=1)
    copy = Piece(log((1.5, 4999), (10.5, 4), (12, 5), (13, 6)), segment=2, source=2)
    assert boots(first, copy) == [0, 0, 1, 1, 0, 1, 1, 1]


def test_what_is_known_after_a_piece_is_enough_to_go_on():
    """Also when it was written down in between."""
    pieces = [Piece(log((1, 5000), (2, 5001))), Piece(log((3, 2), (4, 3)), segment=2), Piece(log((5, 1)), segment=3)]
    known, found_boots = Boots(), []
    for piece in pieces:
        known = Boots(**json.loads(json.dumps({"state": known.state, "began": known.began})))
        found = find([piece])
        changes = known.follow(found)
        records = np.arange(len(found.places))
        found_boots += boots_of(found, records, np.full(len(records), -1), [], changes, known.began).tolist()
    assert found_boots == boots(*pieces) == [0, 0, 1, 1, 2]
