"""Secrets in command lines, keystrokes and failed account names are masked, and nothing else is."""

import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audit_nb import redact
from audit_nb.redact.sieve import suspects

RULES = yaml.safe_load((Path(redact.__file__).parent / "rules.yaml").read_text(encoding="utf-8"))
PLANTED = yaml.safe_load((Path(__file__).parent / "data/redact/planted.yaml").read_text(encoding="utf-8"))
SECRET = "S3c"

EXAMPLES = [
    *(tuple(one) for entry in [*RULES["programs"], *RULES["patterns"]] for one in entry.get("examples", [])),
    *(tuple(one) for one in RULES["names"]["examples"]),
    *(tuple(one) for one in RULES["reader_examples"]),
]
READABLE = [
    *(one for entry in [*RULES["programs"], *RULES["patterns"]] for one in entry.get("readable", [])),
    *RULES["names"]["readable"],
    *RULES["reader_readable"],
]
CUT = {before for entry in RULES["patterns"] if entry.get("cut") for before, _ in entry["examples"]}
SPELT_OUT = [before for before, _ in EXAMPLES if SECRET in before and before not in CUT]


def as_arguments(line: str) -> list[str]:
    """The arguments a process would have: those of a shell when the line needs one."""
    return ["sh", "-c", line] if re.search(r"[|>]|<<|\n", line) else shlex.split(line)


@pytest.mark.parametrize(("before", "after"), EXAMPLES, ids=[before for before, _ in EXAMPLES])
def test_an_example_of_a_rule_comes_out_as_the_rule_says(before, after):
    assert redact.text(before) == after


@pytest.mark.parametrize("line", READABLE)
def test_what_only_looks_like_a_secret_stays_readable(line):
    assert redact.text(line) == line
    assert through_a_shell(redact.command(as_arguments(line))) == as_arguments(line)


@pytest.mark.parametrize("line", SPELT_OUT)
def test_the_same_secret_is_masked_in_every_form_a_log_has_of_it(line):
    """As arguments (EXECVE), with NULs (PROCTITLE) and joined with blanks, the quotes lost (USER_CMD)."""
    arguments = as_arguments(line)
    forms = [
        redact.command(arguments),
        redact.text("\0".join(arguments)),
        redact.text("\0".join(arguments) + "\0"),
        redact.text(" ".join(arguments)),
        redact.text(f"sudo -u bob {line}"),
    ]
    assert [form for form in forms if SECRET in form] == []


@pytest.mark.parametrize("line", SPELT_OUT)
def test_a_secret_that_was_cut_off_is_masked_as_well(line):
    """At 128 bytes the end of the secret, its closing quote or the program that reads it may be missing."""
    shown = []
    for end in range(len(line) + 1):
        room = 128 - len(line[:end].encode()) - 1
        shown.append(
            redact.text("/" + "a" * (room - 1) + " " + line[:end] if room > 0 else line.encode()[:128].decode())
        )
    # Behind https:// a few letters are the name of a host, as far as anyone can tell.
    assert [text for text in shown if SECRET in re.sub(r"https://\w{1,15}$", "", text)] == []


@pytest.mark.parametrize("planted", PLANTED, ids=[one["secret"] for one in PLANTED])
def test_planted_secrets_are_seen_in_no_form(planted):
    argv, secret = planted["argv"], planted["secret"]
    for shown in (redact.command(argv), redact.text("\0".join(argv)), redact.text(" ".join(argv))):
        assert secret not in shown
        assert not re.search(r"Plant3d|PLANT3D", shown)


def test_planted_secrets_in_keystrokes_are_hidden():
    typed = "".join(shlex.join(one["argv"]) + "\r" for one in PLANTED)
    assert not re.search(r"Plant3d|PLANT3D|UGxhbnQz", redact.keystrokes(typed))


def test_the_arguments_of_a_command_are_quoted_as_a_shell_needs_them():
    assert redact.command(["touch", "a b", "it's", "", "가나", "x\ny"]) == "touch 'a b' \"it's\" '' 가나 'x\ny'"


def through_a_shell(line: str) -> list[str]:
    """The arguments as /bin/sh reads them."""
    read = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    return read.stdout.decode().split("\0")[:-1]


@given(st.lists(st.text(alphabet="ab '\"\\$`;가\n!*"), min_size=1))
@settings(max_examples=40, deadline=None)
def test_a_shell_reads_the_same_arguments_again(argv):
    assume(not any(redact.MASK in argument for argument in argv))
    assert through_a_shell(redact.command(argv)) == argv


def test_a_nul_in_an_argument_does_not_shift_the_others():
    assert redact.command(["mysql", "a\0b", "-pS3cret"]) == "mysql a␀b -p***"


def test_masking_twice_changes_nothing_more():
    for before, after in EXAMPLES:
        assert redact.text(redact.text(before)) == after


TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            ["mysql", "-p", "--password", "=", "'", '"', "\\", "$(", ")", "`", "|", "<<<", "<<EOF", "\n", " ", "chpasswd", "echo", "://", ":", "@"]
            + ["Authorization: Bearer ", "sh -c ", "S3cret", "\0", "\x1d", "가", "\ud800", "identified by ", "\x1b[A", "\x7f", "\r", ">", "tee "]
        )
    ).map("".join),
)  # fmt: skip


@given(TEXTS)
@settings(max_examples=500)
def test_no_text_makes_it_fail(text):
    assert isinstance(redact.text(text), str)
    assert isinstance(redact.keystrokes(text), str)
    assert isinstance(redact.account(text, ()), str)


@given(st.lists(TEXTS))
def test_no_arguments_make_it_fail(argv):
    assert isinstance(redact.command(argv), str)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_holds_no_trigger_stays_as_it_is(text):
    line = re.sub(r"(?i)[pksvxgtca$:{=\0\x85]|-", "_", text)
    assert redact.text(line) == line


LINES = [before for before, _ in EXAMPLES] + READABLE + [" ".join(one["argv"]) for one in PLANTED]
SIGNS = [
    *" '\"\\;|&()`<>$=:-/\t\n\0\f~.,%@{}*",
    "\x85",
    "\u2028",
    "\u212a",
    "\u017f",
    "가",
    "=>",
    "<<<",
    "<<E",
    ">&1",
    " -",
    "echo ",
    "sh -c ",
    "\\ ",
]


def spoilt(line: str, chance: random.Random) -> str:
    """The line with some letters lost, put in or replaced, or with some of it in quotes; some are as long as a cut one."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, sign = chance.randrange(len(line) + 1), chance.choice(SIGNS)
        to = min(len(line), at + chance.choice((0, 0, 1, 1, 9)))
        line = (
            line[:at]
            + chance.choice((sign, "", f"'{line[at:to]}'", f'"{line[at:to]}"', f"{sign}{line[at:to]}"))
            + line[to:]
        )
    room = 126 - len(line.encode())
    return "/" + "a" * room + " " + line if room > 0 and chance.random() < 0.1 else line


def test_many_texts_at_once_come_out_as_each_of_them_alone():
    """The sieve may let a harmless text through, but no secret may get past it."""
    chance = random.Random(7)
    lines = LINES + [line.replace(" ", "\0") for line in LINES] + [spoilt(line, chance) for line in LINES * 8]
    assert redact.texts(pa.array(lines)).to_pylist() == [redact.text(line) for line in lines]


def test_many_argument_lists_at_once_come_out_as_each_of_them_alone():
    chance = random.Random(8)
    spoilt_lines = [spoilt(line, chance) for line in LINES * 8]
    argvs = [as_arguments(line) for line in LINES] + [["sh", "-c", line] for line in spoilt_lines[::2]]
    argvs += [line.split(" ") for line in spoilt_lines] + [[], [""], ["a\0b", "-pS3cret"], ["***", "it's"]]
    alone = [redact.command(argv) for argv in argvs]
    lists = pa.array(argvs, pa.list_(pa.string()))
    coded = pa.ListArray.from_arrays(lists.offsets, lists.values.dictionary_encode())
    assert redact.commands(lists).to_pylist() == alone
    assert redact.commands(coded).to_pylist() == alone
    assert redact.commands(coded[5:]).to_pylist() == alone[5:]


def test_a_secret_of_nothing_but_signs_that_a_shell_drops_is_masked_at_once_as_well():
    argvs = [["7z", "a", "-p\\", "a.7z"], ["mysql", "-p\\"], ["mysql", "-p'\"'"]]
    assert redact.commands(pa.array(argvs)).to_pylist() == [redact.command(argv) for argv in argvs]


def test_many_texts_whose_quotes_cut_a_name_or_hold_a_blank_are_masked_at_once_as_well():
    """`no-password` and `NOPASSWD` are no names of secrets, what a quote leaves of them is; an option may hold a blank."""
    lines = [
        'run no-"password"=S3cret x',
        'x NO"PASSWD:S3cret"',
        'tool "-x a b-secret" S3cret',
        "tool -x\\ token S3cret",
    ]
    lines += ["tool -'x a token' S3cret", "tool '-x;key token' S3cret", "tool -pass: S3cret", "tool --pass S3cret word"]
    assert redact.texts(pa.array(lines)).to_pylist() == [redact.text(line) for line in lines]
    argvs = [["sh", "-c", line] for line in lines]
    assert redact.commands(pa.array(argvs)).to_pylist() == [redact.command(argv) for argv in argvs]
    assert not any(SECRET in line for line in redact.texts(pa.array(lines)).to_pylist())


def test_many_texts_that_are_masked_as_a_whole_are_masked_at_once_as_well():
    """Quotes within quotes beyond the deepest level, and more here-documents than are followed."""
    deep = "pass a" + "\\" * 1023 + " b"
    lines = [deep, "/" + "a" * 116 + " pass a\fb", "pass" + " <<E" * 300]
    assert redact.texts(pa.array(lines)).to_pylist() == [redact.text(line) for line in lines]
    argvs = [["sh", "-c", line] for line in lines]
    assert redact.commands(pa.array(argvs)).to_pylist() == [redact.command(argv) for argv in argvs]
    assert all(redact.MASK in line for line in redact.texts(pa.array(lines)).to_pylist())


@given(st.lists(st.one_of([st.from_regex(one["expression"]) for one in RULES["patterns"]]), min_size=1))
@settings(max_examples=40, deadline=None)
def test_no_text_that_a_pattern_finds_gets_past_the_sieve(lines):
    argvs = [["tool", line.replace("\0", " "), "x"] for line in lines]
    assert redact.texts(pa.array(lines)).to_pylist() == [redact.text(line) for line in lines]
    assert redact.commands(pa.array(argvs)).to_pylist() == [redact.command(argv) for argv in argvs]


def test_what_is_null_stays_null():
    assert redact.texts(pa.array([None, "mysql -pS3cret", "ls"])).to_pylist() == [None, "mysql -p***", "ls"]
    argvs = pa.array([["ls", "a b"], None, ["mysql", "-pS3cret"], []], pa.list_(pa.string()))
    assert redact.commands(argvs).to_pylist() == ["ls 'a b'", None, "mysql -p***", ""]
    assert redact.commands(argvs[:0]).to_pylist() == redact.texts(pa.array([], pa.string())).to_pylist() == []


def test_what_was_masked_before_is_masked_alike():
    """A text is known again by what it is: no words are not one empty word, and none is no list."""
    argvs = pa.array([[], [""], None, ["a", "b"], ["a\0b"], ["echo", "mysql -pS3cret"]], pa.list_(pa.string()))
    first = redact.commands(argvs).to_pylist()
    assert first[:3] == ["", "''", None]
    assert redact.commands(argvs.take(pa.array([5, 4, 3, 2, 1, 0]))).to_pylist() == first[::-1]
    assert redact.texts(pa.array(["mysql -pS3cret", None])).to_pylist() == ["mysql -p***", None]
    assert redact.texts(pa.array([None, "mysql -pS3cret", ""])).to_pylist() == [None, "mysql -p***", ""]


def test_what_most_machines_do_all_day_is_not_looked_at_closely():
    """What only sounds like a secret is sifted out before a rule is tried, for that costs a hundred times as much."""
    harmless = [
        "sed -i s/linux/linux/ /usr/include/asm-generic/signal.h", "head -1 /etc/passwd", "getent passwd bob", "ip addr show dev eth0",
        "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -D VERSION=1.0 main.c", "sudo -n /usr/bin/tar -C / -czf /var/tmp/etc.tgz etc",
        "find / -name *.h -exec grep -l define {} +", "awk {print $1}", "curl -fsSL https://shop.example:8443/x -o /tmp/x",
        "runc --root /run/x delete " + "0123456789abcdef" * 4, "docker run -p 8080:80 nginx:latest", "git commit -m message",
        "sh -c echo done > /tmp/x", "usermod -L bob", "psql -h db shop",
    ]  # fmt: skip
    spoken = pa.array([line.replace(" ", "\0") for line in harmless])
    assert [line for line, asked in zip(harmless, suspects(spoken), strict=True) if asked] == []
    assert suspects(pa.array(["mysql\0-pS3cret", "ls"])).tolist() == [True, False]
    assert suspects(spoken[2:4]).tolist() == np.zeros(2, bool).tolist()


FRAGMENTS = [
    "mysql -u a -p b; ", "curl -u a:b http://x ", "sudo -u x env A=b sh -c 'x y' ", "chpasswd <<EOF\nx\nEOF\n", "chpasswd <<E ", "<<-E\n\tE\n",
    "$(echo ", "'\"", "\\", "(", "password=x ", "token: 'a b' ", "tee /root/.pgpass ", "openssl passwd -1 x ", "psql ", "echo x | chpasswd ; ", "\n",
    "bash -c \"", "ssh h 'a \\'b c\\' d' ", "https://a:b@c/ ", "--pass ", "A" * 40, "\0", "가=", "<<< x ",
]  # fmt: skip


def calls_of(line: str) -> int:
    """How many functions are called to mask this text."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        redact.text(line)
        redact.command(["sh", "-c", line])
    finally:
        sys.setprofile(None)
    return count


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4).map("".join))
@settings(max_examples=40, deadline=None)
def test_twice_the_text_is_twice_the_work(piece):
    """Whatever is repeated, so that no command line holds up the reading of a log."""
    times = 600 // len(piece) + 8
    redact.text(piece * times)  # what is known once, as the names of a rule, is not asked again
    once, twice = calls_of(piece * times), calls_of(piece * times * 2)
    assert twice < 2.5 * once + 1000


@pytest.mark.parametrize("piece", FRAGMENTS)
def test_a_very_long_text_is_masked(piece):
    """32 KiB of the same: no expression goes back over what it has read."""
    shown = redact.text(piece * (32768 // len(piece.encode())))
    assert isinstance(shown, str)


SAFE = st.text(alphabet="ABCdef0123456789!%^+_", min_size=8)


@given(SAFE, st.text(alphabet="abc /.", max_size=30))
def test_any_password_of_a_known_option_is_masked(secret, tail):
    assert secret not in redact.command(["mysql", "-p" + secret, tail])
    assert secret not in redact.command(["sshpass", "-p", secret, "ssh", tail])
    assert secret not in redact.command(["env", f"DB_PASSWORD={secret}", tail])
    assert secret not in redact.text(f"curl --user bob:{secret} {tail}")


def test_typed_commands_are_shown_and_what_answers_a_prompt_is_not():
    typed = "ls -l /tmp\rsudo -i\rhunter2\rcat /etc/hosts\rcorrect horse battery\r"
    assert redact.keystrokes(typed) == "ls -l /tmp<ret>sudo -i<ret>***<ret>cat /etc/hosts<ret>***<ret>"


def test_corrections_are_applied_before_a_secret_is_looked_for():
    assert redact.keystrokes("mysql -ps\x7f\x7fpS3x\x08cret shop\r") == "mysql -p*** shop<ret>"
    assert redact.keystrokes("oops\x15ls\tx\r") == "ls<tab>x<ret>"
    assert redact.keystrokes("ls wrong word\x17right\r") == "ls wrong right<ret>"


def test_a_line_that_was_edited_beyond_following_is_hidden():
    assert redact.keystrokes("tar -\x1b[Dsecret\r\x1b[A\x1b[A\r\x04") == "***<ret><up><up><ret><^D>"


def test_an_option_that_the_shell_completed_hides_what_follows():
    assert redact.keystrokes("backup --pass\thunter2\r") == "***<ret>"
    assert redact.keystrokes("tar --pass\thunter2 x\r") == "tar ***<ret>"


def test_an_unknown_account_gets_a_pseudonym_that_is_stable_under_a_salt():
    salt = redact.new_salt()
    first = redact.account("hunter2", {"bob"}, salt=salt)
    assert re.fullmatch(r"unknown-[0-9a-f]{8}", first)
    assert redact.account("hunter2", {"ann"}, salt=salt) == first
    assert redact.account("hunter3", {"bob"}, salt=salt) != first
    assert redact.account("hunter2", {"bob"}, salt=redact.new_salt()) != first
    assert redact.account("hunter2", ()) == redact.account("hunter2", ())


@pytest.mark.parametrize(
    "name", ["bob", "root", "admin", "oracle", "postgres", "ubuntu", "(unknown)", "(invalid user)", "?", ""]
)
def test_known_accounts_names_tried_everywhere_and_placeholders_are_shown(name):
    assert redact.account(name, {"bob"}) == name


def test_a_quote_ends_where_the_shell_ends_it_in_every_version_of_python():
    """Before 3.11.5 a possessive group runs past its lookahead: no pattern of the package has one."""
    line = r'''echo "{\"password\": \"S3c\", \"user\": \"ann\"}"'''
    assert redact.text(line) == line.replace("S3c", "***")
    folder = Path(redact.__file__).parents[1]
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")
    written = [path for kind in ("*.py", "*.yaml") for path in folder.rglob(kind)]
    assert [path.name for path in written if possessive.search(path.read_text(encoding="utf-8"))] == []
