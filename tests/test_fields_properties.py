"""No bytes at all make a decoder raise, and nothing that was written is lost by decoding it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_nb.fields import (
    Context,
    IdMap,
    arch_name,
    decode_argv,
    decode_name,
    decode_socket,
    decode_value,
    errno_name,
    interpret,
    interpret_record,
    is_last_record,
    is_little_endian,
    kind_of,
    parse_exit,
    record_type_name,
    record_type_number,
    split_keys,
    split_proctitle,
    success_of,
    syscall_name,
    tables,
)

TYPES = sorted({record_type for record_type, _, _ in tables.rows("kinds")} | {"EXECVE", "TRUSTED_APP", "UNKNOWN[1420]"})
KEYS = sorted({key for _, key, _ in tables.rows("kinds")} | {"a4", "a1[0]", "x", "op", "msg", ""})
WORDS = [word for word, *_ in tables.rows("architectures")]

number = st.one_of(st.integers(0, 40), st.integers(-(2**63), 2**64), st.sampled_from([2**32 - 1, 2**31, 2**63]))
hexadecimal = st.binary(max_size=40).map(lambda data: data.hex().upper().encode())
raw = st.one_of(
    st.binary(max_size=60),
    hexadecimal,
    number.map(lambda value: b"%d" % value),
    number.map(lambda value: f"{abs(value):x}".encode()),
    number.map(lambda value: f"0{abs(value):o}".encode()),
    st.sampled_from([b"", b"(null)", b"?", b"(none)", b"0", b"-", b"0x", b"-0", b"\xff", b"1e5", "٣".encode()]),
)
context = st.builds(
    Context,
    arch=st.one_of(st.none(), st.sampled_from(WORDS), st.text(max_size=9)),
    syscall_nr=st.one_of(st.none(), st.integers(-5, 600), number),
    a0=st.one_of(st.none(), number),
    a1=st.one_of(st.none(), number),
    ids=st.just(IdMap({1000: "alice"}, {1000: "staff"})),
)
field = st.tuples(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)), raw, st.booleans())


@given(st.one_of(st.sampled_from(TYPES), st.text(max_size=8)), field, context)
def test_every_value_is_shown_as_text(record_type, one, context):
    """Whatever stands under whatever key in whatever record."""
    key, value, quoted = one
    assert isinstance(decode_value(record_type, key, value, quoted), str)
    assert isinstance(interpret(record_type, key, value, quoted, context), str)
    assert kind_of(record_type, key)


@given(st.sampled_from(TYPES), st.lists(field, max_size=8), st.lists(field, max_size=4), context)
def test_every_record_is_shown_field_by_field(record_type, fields, enriched, context):
    """As many fields come out as went in, in their order."""
    shown = interpret_record(record_type, fields, enriched, context)
    assert [key for key, _ in shown] == [key for key, _, _ in fields]


@given(
    st.sampled_from([(kind, call) for kind in WORDS for call in (0, 2, 9, 41, 59, 101, 257)]),
    st.lists(raw, min_size=4, max_size=4),
)
def test_every_argument_of_every_call_is_shown(place, values):
    """Numbers of any size, and what is no number."""
    arch, call = place
    fields = [("arch", arch.encode(), False), ("syscall", str(call).encode(), False)]
    fields += [(f"a{i}", value, False) for i, value in enumerate(values)]
    assert len(interpret_record("SYSCALL", fields)) == 6


@given(st.integers(0, 600), st.lists(number.map(abs), min_size=4, max_size=4))
def test_every_call_of_this_machine_shows_its_arguments(call, values):
    """Each kind of argument takes any number."""
    fields = [("arch", b"c000003e", False), ("syscall", str(call).encode(), False)]
    fields += [(f"a{i}", f"{value & 2**64 - 1:x}".encode(), False) for i, value in enumerate(values)]
    assert all(text for _, text in interpret_record("SYSCALL", fields))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from(["a0", "a1", "a2[0]", "a2[1]", "a2_len", "argc"]),
                st.from_regex(r"a[0-9]{1,9}(\[[0-9]{1,9}\])?", fullmatch=True),
            ),
            raw,
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_every_argument_list_is_joined(fields):
    """Forged positions included."""
    assert all(isinstance(argument, str) for argument in decode_argv(fields))


@given(st.lists(st.binary(min_size=1, max_size=12), max_size=8))
def test_arguments_come_back_as_they_were_encoded(arguments):
    """Hex or quoted, in one piece or in two: the argument is the bytes that were passed."""
    fields = []
    for place, argument in enumerate(arguments):
        text = argument.hex().upper().encode()
        fields += [(f"a{place}[0]", text[:2], False), (f"a{place}[1]", text[2:], False)]
    assert decode_argv(fields) == [argument.decode("utf-8", "backslashreplace") for argument in arguments]


@given(st.one_of(st.text(max_size=80), st.binary(max_size=130).map(lambda data: data.hex().upper())), st.booleans())
def test_every_address_is_read(text, little_endian):
    """A port fits into 31 bits, whatever the bytes say."""
    socket = decode_socket(text, little_endian)
    assert socket is None or socket.port is None or 0 <= socket.port < 2**31


@given(st.text(max_size=20))
def test_every_word_is_answered(text):
    """Names and words that nobody knows are None or False, never an exception."""
    assert success_of(text) in (True, False, None)
    assert isinstance(parse_exit(text), tuple)
    assert isinstance(is_last_record(text), bool)
    assert isinstance(is_little_endian(text), bool)
    assert arch_name(text) is None or arch_name(text)
    record_type_number(text)
    split_keys(text)


@given(number)
def test_every_number_is_answered(value):
    """Of an error, a record type and a system call on any machine."""
    errno_name(value)
    record_type_name(value)
    assert all(name is None or name for name in (syscall_name(word, value) for word in WORDS))


@given(st.text(min_size=1, max_size=30))
def test_a_text_that_was_encoded_comes_back(text):
    """What the kernel writes as hex is read as it was, unless it begins with NUL."""
    encoded = text.encode().hex().upper().encode()
    if not text.startswith("\0"):
        assert decode_name(encoded, False) == text
        assert decode_value("PATH", "name", encoded, False) == text
    assert split_proctitle(encoded, False) == text.rstrip("\0").split("\0")


@given(st.binary(max_size=60))
def test_a_quoted_value_is_literal(data):
    """Whatever it looks like."""
    assert decode_value("PATH", "name", data, True) == data.decode("utf-8", "backslashreplace")
