"""What the store keeps of an event a second time says the same as what it was made from."""

from pathlib import Path

import pytest

from audit_nb import collect, events, store
from audit_nb.events import read_events
from audit_nb.shortcuts import SCHEMA, with_shortcuts
from audit_nb.tables._records import kinds, spaced
from audit_nb.tables._words import touched

SAMPLE = Path(__file__).parent.parent / "samples" / "web01"
PATHS = (
    b'type=SYSCALL msg=audit(1767225600.100:1): arch=c000003e syscall=87 success=yes exit=0 items=4 pid=5 comm="rm"\n'
    b'type=PATH msg=audit(1767225600.100:1): item=0 name="/etc/" nametype=PARENT\n'
    b'type=PATH msg=audit(1767225600.100:1): item=1 name="/etc/a" nametype=DELETE\n'
    b"type=PATH msg=audit(1767225600.100:1): item=2 name=(null) nametype=NORMAL\n"
    b'type=PATH msg=audit(1767225600.100:1): item=3 name="/etc/b"\n'
    b"type=USER_END msg=audit(1767225601.100:2): pid=5 uid=0 auid=0 ses=1 msg='op=x res=success'\n"
    b'type=SYSCALL msg=audit(1767225602.100:3): arch=c000003e syscall=87 success=yes exit=0 items=1 pid=5 comm="rm"\n'
    b'type=PATH msg=audit(1767225602.100:3): item=0 name="/var" nametype=PARENT\n'
)


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("form", [lambda table: table, events.plain], ids=["encoded", "plain"])
def test_directories_and_names_that_are_not_told_are_left_out(form, first: int):
    """No PATH at all is null, nothing but directories an empty list; a table may be cut anywhere."""
    table = with_shortcuts(form(read_events([PATHS], host="web01").events).slice(first))
    expected = [
        (" SYSCALL PATH PATH PATH PATH ", ["/etc/a", "/etc/b"]),
        (" USER_END ", None),
        (" SYSCALL PATH ", []),
    ]
    assert list(zip(table["kinds"].to_pylist(), table["names"].to_pylist(), strict=True)) == expected[first:]


def test_of_no_event_there_is_nothing_twice():
    """A day without events has the columns all the same."""
    empty = with_shortcuts(events.SCHEMA.empty_table())
    assert (len(empty), empty.column_names[-2:]) == (0, SCHEMA.names)


def test_questions_read_the_same_from_a_store_and_from_other_tables(tmp_path: Path):
    """Whether the store keeps them or the lists are read makes no difference."""
    collect.import_paths([SAMPLE], "web01", tmp_path)
    store.update(tmp_path)
    stored = store.open_events(tmp_path)
    bare = stored.drop(*SCHEMA.names)
    order = ["time_ms", "serial"]
    answers = [
        table.order_by(order).select(kinds=kinds(table), names=touched(table)).to_pyarrow().to_pylist()
        for table in (stored, bare)
    ]
    assert answers[0] == answers[1]
    assert sum(row["names"] is not None for row in answers[0]) > 1000
    assert stored.filter(kinds(stored) != spaced(stored.types)).count().to_pyarrow().as_py() == 0
