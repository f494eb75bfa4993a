"""A phrase that is cut by the form of another one is cut as if it had been read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_nb.spans import FORMS_TRIED, Piece, find, read_spans
from tests.test_scan import anything, often

HERE = Path(__file__).parent
FILES = sorted(path for path in (HERE / "data").glob("**/*") if path.is_file() and path.suffix in (".log", ".txt", ""))

# Records of which values are replaced, in the forms of auditd: raw and enriched, plain and in a message.
RECORDS = [
    b'SYSCALL auid=%s uid=%s tty=%s ses=%s comm="%s" exe=%s subj=%s key=%s',
    b'SYSCALL auid=%s uid=%s tty=%s comm="%s" exe="%s" key=(null)\x1dARCH=x86_64 SYSCALL=%s AUID="%s" UID="%s"',
    b'PATH name="%s" inode=%s mode=%s nametype=%s cap_fp=%s cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0',
    b'PATH name=%s nametype=%s cap_fp=0 cap_fi=%s cap_fe=0\x1dOUID="%s" OGID=%s',
    b"USER_AUTH uid=%s auid=%s msg='op=%s acct=\"%s\" exe=%s hostname=%s addr=%s terminal=%s res=%s'",
    b"USER_AUTH uid=%s msg='op=%s grantors=? acct=\"%s\" hostname=%s res=%s'\x1dUID=\"%s\" AUID=%s",
    b"USER_LOGIN uid=%s msg='user %s: hostname=%s, addr=%s, terminal=%s res=%s)'",
    b"USER_END uid=%s msg='op=%s res=%s' more=%s",
    b"SOCKADDR saddr=%s\x1dSADDR={ saddr_fam=%s laddr=%s }",
    b"SOCKADDR saddr=%s SADDR=%s",
    b"EXECVE argc=%s a0=\"%s\" a1=%s a2=\"%s\"",
    b"EXECVE argc=%s a0=\"%s\" a1_len=%s a1[0]=%s a2=%s",
    b"EXECVE argc=%s a1=%s a2=%s a2=%s",
    b"CONFIG_CHANGE op=%s old=%s list=%s res=%s",
    b"AVC avc:  denied  { %s } for  pid=%s comm=\"%s\" permissive=%s",
    b"LOGIN login pid=%s uid=%s old auid=%s new auid=%s",
    b"MAC_STATUS netlabel: auid=%s key=%s key=%s res=%s",
]  # fmt: skip
VALUES = [
    b"0", b"0", b"1000", b"x", b"x", b"/usr/bin/x", b"2F78", b"", b"?", b"(null)", b"(none)", b"unset", b'"unset"', b'"y"', b'"', b"'", b"x'y",
    b"adding user", b"a b=c", b"a=b", b" ", b"  z", b",", b"x,", b"x)", b"(x)", b"(", b"{", b"}", b"{ a=1 }", b"success", b"failed", b"no",
    b'q" w="e', b'q"', b"\x1d", b'\x1dUID="z"', b'1UID="root"', b'#035UID="root"', b"^]AUID=x", b"\xc3\xa9", b"*", b": y", b";", b"res=1", b"msg='",
    b"0 cap_fi=0", b"4294967295", b"-1", b"x" * 40,
]  # fmt: skip


def cut(data: bytes, tried: int) -> list[object]:
    """What is known of each distinct phrase, with values as they are written."""
    spans = read_spans(find([Piece(data)]), tried=tried)
    slots = [*spans.slots, None]
    told = []
    for i, form in enumerate(spans.form.tolist()):
        mine = spans.fields[spans.first_field[i] : spans.first_field[i + 1]].tolist()
        text = spans.buf[spans.phrases.start[i] : spans.raw_end[i]].tobytes()
        values = [spans.buf[spans.value_start[f] : spans.value_end[f]].tobytes() for f in mine]
        marks = [(spans.flags[f], spans.text_kind[f], spans.argument[f], slots[spans.slot[f]]) for f in mine]
        told.append((text, values, marks, spans.forms[form], spans.repaired[i], spans.again[i]))
    return told


def check(data: bytes) -> None:
    assert cut(data, FORMS_TRIED) == cut(data, 0)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Some records of two forms, with values that may look like the end of one."""
    shapes = draw(st.lists(st.sampled_from(RECORDS), min_size=1, max_size=2))
    made = []
    for number in range(draw(st.integers(2, 8))):
        shape = draw(st.sampled_from(shapes))
        usual = draw(st.sampled_from([b"x", b"0", b"/usr/bin/x"]))
        odd = draw(st.dictionaries(st.integers(0, shape.count(b"%s") - 1), st.sampled_from(VALUES), max_size=2))
        body = shape % tuple(odd.get(place, usual) for place in range(shape.count(b"%s")))
        kind, rest = body.split(b" ", 1)
        made.append(b"type=%s msg=audit(1.100:%d): %s\n" % (kind, number, rest))
    return b"".join(made)


@often
@given(records())
def test_a_value_ends_where_it_would_if_the_phrase_were_read(data: bytes):
    """Whatever stands in the values, in any form that auditd writes."""
    check(data)


@often
@given(anything)
def test_any_bytes_at_all_are_cut_alike(data: bytes):
    """The same bytes three times, so that forms are known."""
    check(data + b"\n" + data + b"\n" + data)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_log_is_cut_alike(path: Path):
    """Every log of the tests."""
    check(path.read_bytes())


def test_fields_of_one_form_that_say_the_same_are_one():
    """Of two phrases of one form, only what differs is found anew."""
    bodies = [b'name="%s" inode=%d mode=0100644 ouid=0' % (name, inode) for name, inode in ((b"/a", 1), (b"/b", 1))]
    log = b"".join(b"type=PATH msg=audit(1.100:%d): %s\n" % (n, body) for n, body in enumerate(bodies))
    spans = read_spans(find([Piece(log)]))
    assert spans.fields.tolist() == [0, 1, 2, 3, 4, 1, 2, 3]
    assert spans.owner.tolist() == [0, 0, 0, 0, 1]
