"""What single values mean: one test for each trap of the format."""

import pytest

from audit_nb.fields import (
    Context,
    IdMap,
    Socket,
    arch_name,
    arch_word,
    decode_argv,
    decode_name,
    decode_socket,
    decode_value,
    errno_name,
    interpret,
    interpret_record,
    is_last_record,
    is_little_endian,
    is_unset,
    parse_exit,
    record_type_name,
    record_type_number,
    split_keys,
    split_proctitle,
    success_of,
    syscall_name,
)

X86_64 = Context(arch="c000003e")


@pytest.mark.parametrize(
    ("record_type", "key", "raw", "quoted", "text"),
    [
        ("PATH", "name", b"ABCD", True, "ABCD"),
        ("PATH", "name", b"2F746D702F6120622063", False, "/tmp/a b c"),
        ("PATH", "name", b"(null)", True, "(null)"),
        ("PATH", "name", b"(null)", False, "(null)"),
        ("PATH", "name", b"002F6F7267", False, "@/org"),
        ("PATH", "name", b"FFFE", False, "\\xff\\xfe"),
        ("PATH", "name", b"EBB3B4EAB3A0EC849C", False, "보고서"),
        ("SYSCALL", "comm", b"6D7920636F6D6D", False, "my comm"),
        ("EXECVE", "a1", b"3132", False, "12"),
        ("EXECVE", "a1", b"3132", True, "3132"),
        ("SYSCALL", "a1", b"3132", False, "3132"),
        ("SYSCALL", "uid", b"1000", False, "1000"),
        ("SYSCALL", "key", b"6B31016B32", False, "k1\x01k2"),
        ("PROCTITLE", "proctitle", b"6964002D66206F", False, "id -f o"),
        ("PROCTITLE", "proctitle", b"ABBA", True, "ABBA"),
        ("USER_CMD", "cmd", b"6C73202D6C6120222F746D7022", False, 'ls -la "/tmp"'),
        ("USER_AUTH", "acct", b"28756E6B6E6F776E207573657229", False, "(unknown user)"),
        ("USER_AUTH", "acct", b"root", False, "root"),
        ("USER_AUTH", "acct", b"deadbeef", False, "deadbeef"),
        ("TTY", "data", b"72706D7F1B5B410D", False, "rpm\x7f\x1b[A\r"),
        ("USER_TTY", "data", b"00ED959C", False, "\x00한"),
        ("KERN_MODULE", "name", b"6E6674", False, "nft"),
        ("TRUSTED_APP", "note", b"4869", False, "4869"),
        ("TRUSTED_APP", "note", b"486F", False, "Ho"),
        ("AVC", "scontext", b"AB", False, "AB"),
        ("USER_LOGIN", "hash", b"ABCD", False, "ABCD"),
    ],
)
def test_hex_is_undone_only_where_a_field_is_encoded_and_not_quoted(record_type, key, raw, quoted, text):
    """A quoted value is literal; `hash=ABCD` and `uid=1000` only look like hex."""
    assert decode_value(record_type, key, raw, quoted) == text


def test_keystrokes_are_read_character_by_character():
    """0x9B begins a key of an 8-bit terminal, but within a UTF-8 character it is a part of that."""

    def keys(raw: bytes) -> str:
        return interpret("TTY", "data", raw, False, Context())

    assert keys(b"72706D7F1B5B410D") == '"rpm",<backspace>,<up>,<ret>'
    assert keys("가".encode().hex().upper().encode()) == '"가"'
    assert keys(b"9B41") == "<up>"
    assert keys(b"61FF22005C") == '"a\\377\\"\\000\\\\"'
    assert keys(b"1B0D") == "<esc>,<ret>"


def test_several_keys_stand_in_one_value():
    """Rules' keys are separated by 0x01; an empty one is none."""
    assert split_keys("k1\x01k2") == ["k1", "k2"]
    assert split_keys("") == []


def test_a_proctitle_keeps_its_arguments_apart():
    """A blank within an argument is not the blank between two."""
    assert split_proctitle(b"6964002D66206F00", False) == ["id", "-f o"]


def test_long_arguments_are_joined_and_holes_stay():
    """Positions never shift: a missing argument is empty, pieces are joined in their order, over several records."""
    first = [("argc", b"4", False), ("a0", b"/bin/echo", True), ("a1_len", b"16", False), ("a1[0]", b"61626364", False)]
    second = [("a1[1]", b"65666768", False), ("a3", b"x y", True)]
    assert decode_argv(first + second) == ["/bin/echo", "abcdefgh", "", "x y"]
    assert decode_argv([("argc", b"0", False), ("a0", b"whoami", True)]) == ["whoami"]
    assert decode_argv([]) == []


def test_a_forged_position_costs_nothing():
    """`a999999999` leaves no billion holes."""
    assert decode_argv([("a0", b"x", True), ("a999999999", b"y", True)]) == ["x"]


@pytest.mark.parametrize(
    ("text", "little_endian", "socket"),
    [
        ("0200AF98C0A801640000000000000000", True, Socket("inet", "192.168.1.100", 44952)),
        ("0A00001600000000" + "20010DB8" + "00" * 11 + "01" + "00000000", True, Socket("inet6", "2001:db8::1", 22)),
        ("0A00001600000000" + "00" * 10 + "FFFF0A000001" + "00000000", True, Socket("inet6", "::ffff:10.0.0.1", 22)),
        ("0A00001600000000FE80" + "00" * 13 + "0102000000", True, Socket("inet6", "fe80::1%2", 22)),
        ("01002F72756E2F73797374656D6400", True, Socket("local", path="/run/systemd")),
        ("0100002F6F726700", True, Socket("local", path="@/org")),
        ("0100", True, Socket("local")),
        ("10000000D204000001000000", True, Socket("netlink", "1234")),
        ("28000000D204000002000000", True, Socket("vsock", "2", 1234)),
        ("28000000FFFFFFFF02000000", True, Socket("vsock", "2")),
        ("1100000302000000", True, Socket("packet", "2", 3)),
        ("0002D9037F000001", False, Socket("inet", "127.0.0.1", 55555)),
        ("00280000000004D200000002", False, Socket("vsock", "2", 1234)),
        ("0002D9037F000001", True, Socket("inet", "127.0.0.1", 55555)),
        ("0000", True, Socket("unspec")),
        ("2C00", True, Socket("xdp")),
        ("63000000", True, Socket("unknown(99)")),
        ("0200", True, Socket("inet")),
        ("xyz", True, None),
        ("", True, None),
    ],
)
def test_a_socket_address_is_read_in_the_byte_order_of_its_host(text, little_endian, socket):
    """Family, numbers of vsock and netlink are the host's, ports the network's; what is cut off is None."""
    assert decode_socket(text, little_endian) == socket


EXECVE = {
    "c000003e": 59, "40000003": 11, "c00000b7": 221, "40000028": 11, "80000016": 11, "16": 11, "c0000015": 11,
    "80000015": 11, "14": 11, "c00000f3": 221, "c0000102": 221, "8": 4011, "40000008": 4011, "80000008": 5057,
    "c0000008": 5057, "e0000008": 6057,
}  # fmt: skip


@pytest.mark.parametrize(("word", "number"), EXECVE.items())
def test_a_system_call_is_named_by_the_machine_of_its_record(word, number):
    """execve has another number on each family of machines."""
    assert syscall_name(word, number) == "execve"


def test_an_unknown_machine_keeps_its_number():
    """Never the table of the machine that reads the log."""
    assert syscall_name("12345678", 59) is None
    assert syscall_name(None, 59) is None
    assert arch_name("12345678") is None
    shown = interpret_record("SYSCALL", [("arch", b"12345678", False), ("syscall", b"59", False), ("a0", b"1f", False)])
    assert shown == [("arch", "unknown-elf-type(12345678)"), ("syscall", "59"), ("a0", "0x1f")]


def test_x32_is_a_bit_of_the_number():
    """On x86_64 a number with bit 0x40000000 is a call of the x32 convention."""
    assert syscall_name("c000003e", 0x40000000 + 520) == "execve"
    assert syscall_name("c000003e", 0x40000000 + 1) == "write"


def test_machines_have_names_words_and_byte_orders():
    """The bit 0x40000000 of the word is the byte order, even where the machine has no name."""
    assert arch_name("c000003e") == "x86_64"
    assert arch_name("16") == "s390"
    assert arch_word("aarch64") == "c00000b7"
    assert [is_little_endian(each) for each in ("c000003e", "80000016", "c0000015", "80000015")] == [
        True,
        False,
        True,
        False,
    ]
    assert is_little_endian("4000ffff") and not is_little_endian("8000ffff")
    assert is_little_endian(None)


def test_error_numbers_are_those_of_the_machine():
    """110 is a timeout almost everywhere, 145 on mips; 512 is the kernel's own."""
    assert errno_name(13) == errno_name(-13) == "EACCES"
    assert errno_name(110) == errno_name(145, "40000008") == "ETIMEDOUT"
    assert errno_name(512) == "ERESTARTSYS"
    assert errno_name(99999) is None


def test_an_exit_is_a_value_or_an_error():
    """A negative number is an error, a positive one a descriptor or a count; text was interpreted before."""
    assert parse_exit("-13") == (-13, "EACCES")
    assert parse_exit("3") == (3, None)
    assert parse_exit("EACCES(Permission denied)") == (None, "EACCES")
    assert parse_exit("?") == (None, None)


@pytest.mark.parametrize("text", ["yes", "success", "Success", "1", '"yes"'])
def test_success_has_many_spellings(text):
    """Kernel, user space, old pam and programs with quotes of their own."""
    assert success_of(text) is True


@pytest.mark.parametrize("text", ["no", "failed", "failed'", "0", "Failed"])
def test_failure_has_many_spellings(text):
    """`res=0` is a failure, although aureport counts it as a success."""
    assert success_of(text) is False


@pytest.mark.parametrize("text", ["", "?", "(null)", "2", "maybe"])
def test_what_says_neither_is_unknown(text):
    """Unset is not failed."""
    assert success_of(text) is None


def test_record_types_carry_their_numbers():
    """A name, a number or both: `UNKNOWN[1420]` is a type newer than the auditd that wrote it."""
    assert record_type_name(1300) == "SYSCALL"
    assert record_type_number("SYSCALL") == 1300
    assert record_type_number("1112") == 1112
    assert record_type_name(1420) is None  # two kernels use it for two things
    assert record_type_number("UNKNOWN[1420]") == 1420
    assert record_type_name(9999) is None
    assert record_type_number("NOSUCH") is None


@pytest.mark.parametrize("name", ["PROCTITLE", "EOE", "USER", "KERNEL", "USER_LOGIN", "DAEMON_START", "ANOM_LOGIN_FAILURES",
                                  "MAC_UNLBL_ALLOW", "UNKNOWN[2999]", "1112"])  # fmt: skip
def test_an_event_ends_in_the_ways_of_auditd(name):
    """The list is that of auditd.conf(5) under NOTES."""
    assert is_last_record(name)


@pytest.mark.parametrize(
    "name", ["SYSCALL", "PATH", "LOGIN", "AVC", "CONFIG_CHANGE", "UNKNOWN[1420]", "NOSUCH", "1300"]
)
def test_other_records_leave_an_event_open(name):
    """LOGIN and AVC are followed by the system call that caused them."""
    assert not is_last_record(name)


@pytest.mark.parametrize(
    ("record_type", "key", "raw", "text"),
    [
        ("PATH", "mode", b"0104755", "file,suid,755"),
        ("PATH", "mode", b"041777", "dir,sticky,777"),
        ("IPC", "mode", b"0666", "0666"),
        ("MQ_OPEN", "mode", b"0100", "0100"),
        ("MQ_OPEN", "oflag", b"0x42", "O_RDWR|O_CREAT"),
        ("OPENAT2", "oflag", b"0100101", "O_WRONLY|O_CREAT|O_LARGEFILE"),
        ("MMAP", "flags", b"0x22", "MAP_PRIVATE|MAP_ANONYMOUS"),
        ("SYSCALL", "per", b"40008", "PER_LINUX32|~ADDR_NO_RANDOMIZE"),
        ("ANOM_ABEND", "sig", b"11", "SIGSEGV"),
        ("SECCOMP", "code", b"0x50000", "errno"),
        ("BPRM_FCAPS", "fp", b"2000", "net_raw"),
        ("BPRM_FCAPS", "old_pe", b"0", "none"),
        ("CAPSET", "cap_pe", b"0000000000200000", "sys_admin"),
        ("CRYPTO_KEY_USER", "fp", b"2000", "2000"),
        ("CONFIG_CHANGE", "list", b"4", "exit"),
        ("CONFIG_CHANGE", "res", b"1", "yes"),
        ("USER_LOGIN", "res", b"failed", "failed"),
        ("NETFILTER_CFG", "family", b"2", "ipv4"),
        ("ANOM_PROMISCUOUS", "prom", b"256", "yes"),
        ("NETFILTER_PKT", "saddr", b"10.0.0.1", "10.0.0.1"),
        ("AVC", "saddr", b"10.0.0.1", "10.0.0.1"),
        ("LOGIN", "old-ses", b"4294967295", "unset"),
        ("OBJ_PID", "oses", b"-1", "unset"),
        ("SYSCALL", "auid", b"4294967295", "unset"),
        ("SYSCALL", "auid", b"-1", "unset"),
        ("SYSCALL", "uid", b"0", "root"),
        ("SYSCALL", "uid", b"1501", "unknown(1501)"),
        ("SYSCALL", "uid", b"abc", "abc"),
        ("SYSCALL", "exit", b"-13", "EACCES(Permission denied)"),
        ("SYSCALL", "exit", b"3", "3"),
        ("SYSCALL", "tty", b"(none)", "(none)"),
        ("PATH", "cap_fp", b"?", "?"),
    ],
)
def test_a_number_is_shown_in_the_words_of_its_field(record_type, key, raw, text):
    """The same key means another thing in another record."""
    assert interpret(record_type, key, raw, False, X86_64) == text


def test_ids_are_those_of_the_host():
    """The map of the host that wrote the record names its ids; `id` of a group record is a group."""
    context = Context(ids=IdMap({1000: "alice"}, {1000: "staff"}))
    assert interpret("SYSCALL", "auid", b"1000", False, context) == "alice"
    assert interpret("SYSCALL", "gid", b"1000", False, context) == "staff"
    assert interpret("ADD_GROUP", "id", b"1000", False, context) == "staff"
    assert interpret("ADD_USER", "id", b"1000", False, context) == "alice"
    assert is_unset(4294967295) and is_unset(-1) and not is_unset(0)


def test_the_enriched_half_goes_before_the_map_and_each_name_stands_for_its_own():
    """Two `uid=` of a USER_LOGIN have two `UID=`; a name with a blank is hex there."""
    fields = [("uid", b"0", False), ("auid", b"1000", False), ("uid", b"1000", False)]
    enriched = [("UID", b"root", True), ("AUID", b"4A6F686E20446F65", False), ("UID", b"alice", True)]
    context = Context(ids=IdMap({1000: "somebody else"}))
    assert interpret_record("USER_LOGIN", fields, enriched, context) == [
        ("uid", "root"),
        ("auid", "John Doe"),
        ("uid", "alice"),
    ]
    assert decode_name(b"4A6F686E20446F65", False) == "John Doe"


def call(number: int, *arguments: bytes, arch: bytes = b"c000003e") -> list[str]:
    """The arguments of a system call, interpreted."""
    fields = [("arch", arch, False), ("syscall", str(number).encode(), False)]
    fields += [(f"a{place}", text, False) for place, text in enumerate(arguments)]
    return [text for key, text in interpret_record("SYSCALL", fields) if key != "arch"]


def test_arguments_are_shown_by_the_call():
    """AT_FDCWD in 32 and 64 bits, flags by the machine, a mode only where something is created."""
    assert call(257, b"ffffff9c", b"7ffc", b"80241", b"1b6") == [
        "openat", "AT_FDCWD", "0x7ffc", "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", "0x1b6",
    ]  # fmt: skip
    assert call(257, b"ffffffffffffff9c")[1] == "AT_FDCWD"
    assert call(2, b"7ffc", b"241", b"1b6") == ["open", "0x7ffc", "O_WRONLY|O_CREAT|O_TRUNC", "0666"]
    assert call(2, b"7ffc", b"0", b"1b6") == ["open", "0x7ffc", "O_RDONLY", "0x1b6"]
    assert call(56, b"ffffff9c", b"0", b"14000", arch=b"c00000b7")[3] == "O_RDONLY|O_DIRECTORY|O_DIRECT"
    assert call(257, b"ffffff9c", b"0", b"14000")[3] == "O_RDONLY|O_DIRECT|O_DIRECTORY"
    assert call(62, b"1", b"9") == ["kill", "0x1", "SIGKILL"]
    assert call(101, b"10", b"5") == ["ptrace", "PTRACE_ATTACH", "0x5"]
    assert call(72, b"3", b"2", b"1") == ["fcntl", "0x3", "F_SETFD", "FD_CLOEXEC"]
    assert call(41, b"10", b"80003", b"9") == ["socket", "netlink", "SOCK_RAW", "NETLINK_AUDIT"]
    assert call(41, b"2", b"1", b"6") == ["socket", "inet", "SOCK_STREAM", "tcp"]
    assert call(54, b"3", b"1", b"2") == ["setsockopt", "0x3", "SOL_SOCKET", "SO_REUSEADDR"]
    assert call(9, b"0", b"1000", b"3", b"22")[3:] == ["PROT_READ|PROT_WRITE", "MAP_PRIVATE|MAP_ANONYMOUS"]
    assert call(272, b"10000000") == ["unshare", "CLONE_NEWUSER"]
    assert call(56, b"1200011") == ["clone", "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"]
    assert call(120, b"0", b"1200011", arch=b"80000016")[2] == "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"
    assert call(157, b"18", b"15") == ["prctl", "PR_CAPBSET_DROP", "sys_admin"]
    assert call(165, b"0", b"0", b"0", b"1021")[4] == "MS_RDONLY|MS_REMOUNT|MS_BIND"
    assert call(102, b"3", arch=b"40000003")[0] == "socketcall(connect)"


def test_a_bit_without_a_name_is_not_lost():
    """What is left of a set of flags stands at its end as a number."""
    assert call(2, b"0", b"8000000", b"0")[2] == "O_RDONLY|0x8000000"


def test_a_socket_address_is_written_as_ausearch_writes_it():
    """By the byte order of the event's machine."""
    s390x = Context(arch="80000016")
    assert (
        interpret("SOCKADDR", "saddr", b"0002D9037F000001", False, s390x)
        == "{ saddr_fam=inet laddr=127.0.0.1 lport=55555 }"
    )
    assert interpret("SOCKADDR", "saddr", b"0100", False, X86_64) == "{ saddr_fam=local unnamed socket }"
    assert interpret("SOCKADDR", "saddr", b"FFFF", False, X86_64) == "unknown-family(65535)"
    assert interpret("SOCKADDR", "saddr", b"xyz", False, X86_64) == "malformed-host(xyz)"
