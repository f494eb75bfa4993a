"""A log of any size out of genuine records, in which no event occurs twice.

    .venv/bin/python bench/replay.py --size 1GB --out /tmp/log                       the samples again and again
    .venv/bin/python bench/replay.py --size 256MB --out /tmp/log --unlike            hardly anything repeats
    .venv/bin/python bench/replay.py --size 1GB --out /tmp/log --capture FOLDER      another capture: its audit.log*

Every line is a line of a capture in its place, so that the records of an event stay together, or apart, as they were.
What changes from copy to copy, the same way wherever it stands in the copy (in hexadecimal, too):

    time        the copies follow one another, ten minutes apart
    serial      goes on from copy to copy, and begins anew where the capture's machine was booted; auditd's own stay
    processes   pid, ppid, opid …; sessions
    people      the names and numbers of the capture's accounts above 999: a cast of their own for each of twenty copies
    addresses   those that somebody came from become others of the ranges kept for documentation

With `unlike`, names of files, folders, programs and accounts, arguments, command lines and inodes are new in each line,
and pid and ppid are drawn anew for each event; so each value is met once or in one event only.

Beside the log stand `<out>.passwd` and `<out>.group`, which know all the people: a tool that looks up names finds them.
"""

import argparse
import itertools
import lzma
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = Path(__file__).parents[1] / "samples"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
CASTS = 20
GAP_S = 600
LOWEST_PID = 300  # what runs since the boot keeps its number
HIGHEST_PID = 1 << 22
UNSET = 4294967295
Token = tuple[str, Any]


class Ending(NamedTuple):
    """A value that is another one in every record: what stands before its ending, and how that is written."""

    before: bytes
    form: bytes = b"~%05x"
    hexed: bool = False

    def whole(self, number: int) -> bytes:
        """The value with its ending."""
        ending = self.form % number
        before = self.before
        if before.startswith(b'comm="'):
            before = before[: 6 + 15 - len(ending)]  # the kernel keeps 15 bytes
        return before + (ending.hex().upper().encode() if self.hexed else ending)


class Place(NamedTuple):
    """A place of the capture that changes."""

    start: int
    end: int
    token: Token
    ending: Ending | None = None


@dataclass(frozen=True)
class Account:
    """A line of passwd."""

    name: bytes
    number: int
    line: bytes


@dataclass
class Template:
    """A capture taken apart: literal, token, literal … literal; tokens by their number among the distinct ones."""

    literals: list[bytes] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    distinct: list[Token] = field(default_factory=list)
    endings: list[tuple[int, Ending]] = field(default_factory=list)  # the place among `tokens`
    people: list[Account] = field(default_factory=list)
    addresses: list[bytes] = field(default_factory=list)
    passwd: bytes = b""
    group: bytes = b""
    seconds: tuple[int, int] = (0, 0)
    boots: int = 1
    highest_serial: int = 0  # of the last boot
    highest_session: int = 0


# ---------------------------------------------------------------------------------------------------------- a capture


def read_capture(folder: Path) -> bytes:
    """The lines of a capture's audit.log*, oldest file first."""
    inner = folder / "audit" if (folder / "audit").is_dir() else folder
    numbered = []
    for path in inner.glob("audit.log*"):
        number = re.fullmatch(r"audit\.log(?:\.(\d+))?(?:\.xz)?", path.name)
        if number:
            numbered.append((-int(number[1] or 0), path))
    whole = [path.read_bytes() for _, path in sorted(numbered)]
    return b"".join(lzma.decompress(data) if data.startswith(b"\xfd7zXZ") else data for data in whole)


def take_apart(folder: Path, *, unlike: bool = False) -> Template:
    """A capture as a template of its copies."""
    log = read_capture(folder)
    made = Template(passwd=beside(folder, "passwd"), group=beside(folder, "group"))
    made.people = _people(made.passwd)
    made.addresses = _addresses(log)
    numbers: dict[Token, int] = {}
    literals: dict[bytes, bytes] = {}
    at = 0
    for place in _places(log, made, unlike=unlike):
        literal = log[at : place.start]
        made.literals.append(literals.setdefault(literal, literal))
        if place.ending is not None:
            made.endings.append((len(made.tokens), place.ending))
        made.tokens.append(numbers.setdefault(place.token, len(numbers)))
        at = place.end
    made.literals.append(log[at:])
    made.distinct = list(numbers)
    return made


def beside(folder: Path, name: str) -> bytes:
    """passwd or group of the machine, where the capture has it."""
    for path in (folder / name, folder / "guest/etc" / name, folder.parent / "guest/etc" / name):
        if path.is_file():
            return path.read_bytes()
    return b""


def _people(passwd: bytes) -> list[Account]:
    found = []
    for line in passwd.splitlines():
        name, _, number, *_ = line.split(b":")
        if 1000 <= int(number) < 60000:
            found.append(Account(name, int(number), line))
    return found


def _addresses(log: bytes) -> list[bytes]:
    """The IPv4 addresses that somebody came from."""
    found = set(re.findall(rb"addr=(\d+\.\d+\.\d+\.\d+)\b", log))
    return sorted(one for one in found if not one.startswith((b"127.", b"0.")))


_HEAD = rb"type=(?P<type>\S+) msg=audit\((?P<second>\d+)\.(?P<ms>\d+):(?P<serial>\d+)\)"
_QUOTED = rb"\b(?:name|comm|exe|cwd|acct|a\d+)=\"[^\"\n]*(?=\")"
_HEXED = rb"\b(?P<key>name|comm|exe|cwd|acct|cmd|data|proctitle|a\d+)=(?:[0-9A-F]{2}){3,}(?![\w])"


def _pattern(made: Template, *, unlike: bool) -> re.Pattern[bytes]:
    names = b"|".join(sorted((re.escape(one.name) for one in made.people), key=len, reverse=True)) or b"(?!)"
    places = b"|".join(re.escape(one) for one in made.addresses) or b"(?!)"
    ids = b"|".join(b"%d" % one.number for one in made.people) or b"(?!)"
    own = rb"(?P<quoted>%s)|(?P<hexed>%s)|(?<=inode=)(?P<inode>\d+)|" % (_QUOTED, _HEXED) if unlike else b""
    return re.compile(
        _HEAD + rb"|" + own + rb"(?<=pid=)(?P<pid>\d+)|(?<=ses=)(?P<session>\d+)"
        rb"|(?:(?<=[ug]id=)|(?<= id=))(?P<id>%s)(?!\d)|\b(?P<address>%s)\b|\b(?P<name>%s)\b"
        rb"|(?<==)(?P<hex>(?:[0-9A-F]{2}){4,})(?![\w])" % (ids, places, names)
    )


def _places(log: bytes, made: Template, *, unlike: bool) -> Iterator[Place]:
    """Everything that changes; what is learnt on the way is noted in `made`."""
    inside = _inside(made)
    highest = serial = boot = 0
    kind = b""
    seconds = []
    for found in _pattern(made, unlike=unlike).finditer(log):
        start, end = found.span()
        if found["serial"] is not None:
            kind, serial = found["type"], int(found["serial"])
            daemon = kind.startswith(b"DAEMON_")
            if not daemon:
                if serial * 4 < highest > 2000:  # the machine was booted
                    boot, highest = boot + 1, 0
                highest = max(highest, serial)
            seconds.append(int(found["second"]))
            yield Place(start, end, ("head", (kind, seconds[-1], found["ms"], serial, -1 if daemon else boot)))
        elif found["pid"] is not None:
            yield Place(start, end, ("pid", (int(found[0]), serial if unlike else 0)))
        elif found["hex"] is not None:
            if inside.search(bytes.fromhex(found["hex"].decode())):
                yield Place(start, end, ("hex", found["hex"]))
        elif found.lastgroup in ("quoted", "hexed", "inode"):
            if found.lastgroup != "hexed" or kind == b"EXECVE" or not found["key"][1:].isdigit():
                yield Place(start, end, ("own", None), _ending(found))
        else:
            if found["session"] is not None and int(found[0]) != UNSET:
                made.highest_session = max(made.highest_session, int(found[0]))
            yield Place(start, end, (str(found.lastgroup), found[0]))
    made.seconds = min(seconds), max(seconds)
    made.highest_serial, made.boots = highest, boot + 1


def _ending(found: re.Match[bytes]) -> Ending:
    if found.lastgroup == "inode":
        return Ending(b"", b"1%07d")
    return Ending(found[0], hexed=found.lastgroup == "hexed")


def _inside(made: Template) -> re.Pattern[bytes]:
    """What changes inside a value in hexadecimal."""
    packed = [bytes(map(int, one.split(b"."))) for one in made.addresses]
    words = [rb"\b" + re.escape(one.name) + rb"\b" for one in made.people]
    return re.compile(b"|".join([*words, *map(re.escape, packed)]) or b"(?!)")


# ----------------------------------------------------------------------------------------------------------- its copies


class Copy:
    """What the values of a capture are called in its copy number `number`."""

    def __init__(self, template: Template, number: int, start: int, serials: int, seed: int, *, unlike: bool) -> None:
        self.template, self.number, self.serials, self.unlike = template, number, serials, unlike
        self.later = start - template.seconds[0]
        self.cast = number % CASTS
        chance = random.Random(f"{seed} {number}")
        self.pids = chance.randrange(HIGHEST_PID)
        self.names = {one.name: cast_name(one, self.cast) for one in template.people}
        self.addresses = {
            one: b"%s.%d" % (chance.choice((b"198.51.100", b"203.0.113", b"192.0.2")), chance.randrange(1, 255))
            for one in template.addresses
        }
        self.packed = {_packed(old): _packed(new) for old, new in self.addresses.items()}
        self.inside = _inside(template)

    def value(self, token: Token) -> bytes:
        """A token's value in this copy."""
        kind, what = token
        return getattr(self, f"_{kind}")(what)

    def _head(self, what: tuple[bytes, int, bytes, int, int]) -> bytes:
        kind, second, ms, serial, boot = what
        return b"type=%s msg=audit(%d.%s:%d)" % (
            kind, second + self.later, ms, serial + (self.serials if boot == 0 else 0),
        )  # fmt: skip

    def _own(self, _: None) -> bytes:
        return b""  # see `text`

    def _pid(self, what: tuple[int, int]) -> bytes:
        pid, serial = what
        if pid < LOWEST_PID and not serial:
            return b"%d" % pid
        moved = pid + self.pids + serial * 7919
        return b"%d" % (LOWEST_PID + (moved - LOWEST_PID) % (HIGHEST_PID - LOWEST_PID))

    def _session(self, what: bytes) -> bytes:
        session = int(what)
        return what if session in (0, UNSET) else b"%d" % (session + self.number * (self.template.highest_session + 1))

    def _id(self, what: bytes) -> bytes:
        return b"%d" % cast_number(int(what), self.cast)

    def _address(self, what: bytes) -> bytes:
        return self.addresses[what]

    def _name(self, what: bytes) -> bytes:
        return self.names[what]

    def _hex(self, what: bytes) -> bytes:
        text = bytes.fromhex(what.decode())
        new = self.inside.sub(lambda one: self.names.get(one[0]) or self.packed[one[0]], text)
        return new.hex().upper().encode()

    def text(self, endings: Iterator[int]) -> bytes:
        """The whole copy; `endings` are the numbers of what gets an ending of its own."""
        template = self.template
        values = [self.value(token) for token in template.distinct]
        pieces = [b""] * (2 * len(template.tokens) + 1)
        pieces[0::2] = template.literals
        pieces[1::2] = [values[token] for token in template.tokens]
        for (place, ending), number in zip(template.endings, endings, strict=False):
            pieces[2 * place + 1] = ending.whole(number)
        return b"".join(pieces)


def _packed(address: bytes) -> bytes:
    return bytes(map(int, address.split(b".")))


def cast_number(number: int, cast: int) -> int:
    """The id of a person in a cast."""
    return number + 1000 * cast


def cast_name(account: Account, cast: int) -> bytes:
    """The name of a person in a cast, as long as the own one, which the first cast bears; vowels between consonants."""
    if cast == 0:
        return account.name
    chance = random.Random(f"{account.number} {cast}")
    letters = [chance.choice(("bdfghjklmnprstvz", "aeiou")[i % 2]) for i in range(len(account.name))]
    return "".join(letters).encode()


def write(
    out: Path,
    size: int,
    captures: Sequence[Path] = (),
    *,
    unlike: bool = False,
    seed: int = 1,
    start: int = 1_793_491_200,
) -> None:
    """Write a log of at most `size` bytes (whole lines), and the passwd and group that know its people.

    `captures` are folders with audit.log*, or with a folder `audit` of them; without any, the sample called web01. Of
    several, the copies follow one another in turn. `start` is the second of the first record.
    """
    templates = [take_apart(folder, unlike=unlike) for folder in captures or [SAMPLES / "web01"]]
    endings = itertools.count(1)
    serials = [0] * len(templates)
    written, second = 0, start
    with out.open("wb") as log:
        for number in itertools.count():
            which = number % len(templates)
            template = templates[which]
            copy = Copy(template, number, second, serials[which], seed, unlike=unlike)
            text = copy.text(endings)
            if written + len(text) > size:
                log.write(text[: text.rfind(b"\n", 0, size - written) + 1])
                break
            written += log.write(text)
            second += template.seconds[1] - template.seconds[0] + GAP_S
            serials[which] = template.highest_serial + (serials[which] if template.boots == 1 else 0)
    for name in ("passwd", "group"):
        known = dict.fromkeys(itertools.chain.from_iterable(_all_casts(one, name) for one in templates))
        out.with_name(f"{out.name}.{name}").write_bytes(b"".join(known))


def _all_casts(template: Template, name: str) -> Iterator[bytes]:
    """The lines of passwd or group with the people of every cast."""
    numbers = {one.number: one for one in template.people}
    names = {one.name: one for one in template.people}
    for cast in range(CASTS):
        for line in getattr(template, name).splitlines():
            called, word, number, *rest = line.split(b":")
            if int(number) not in numbers:
                yield line + b"\n" if cast == 0 else b""
                continue
            new = cast_name(names.get(called, numbers[int(number)]), cast)
            rest = [b"%d" % cast_number(int(one), cast) if one.isdigit() else one for one in rest]
            yield b":".join([new, word, b"%d" % cast_number(int(number), cast), *rest]) + b"\n"


def size_of(text: str) -> int:
    """Bytes of `64MB`, `1GB`, `4096`; powers of 1024."""
    number = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)B?", text, re.IGNORECASE)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text} is no size; write 64MB or 1GB")
    return int(float(number[1]) * UNITS[number[2].upper()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size_of, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--capture", type=Path, action="append", default=[])
    parser.add_argument("--unlike", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    write(asked.out, asked.size, asked.capture, unlike=asked.unlike, seed=asked.seed)
    print(f"{asked.out}: {asked.out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
