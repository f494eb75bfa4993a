"""What fuzzing starts from: genuine records and lessons of `tests/data`, the format's own words, and one way to mix them."""

import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"
MOST = 2048  # bytes of one input

WORDS = [
    b"type=", b"SYSCALL", b"PATH", b"EXECVE", b"USER_LOGIN", b"AVC", b"USER_AVC", b"PROCTITLE", b"SOCKADDR", b"CWD", b"EOE",
    b"LOGIN", b"TTY", b"USER_CMD", b"DAEMON_START", b"SECCOMP", b"BPF", b"CONFIG_CHANGE", b"1300", b"UNKNOWN[1420]", b" msg=audit(",
    b"audit(", b"1767225600.100:", b"1:2): ", b"7): ", b"):", b"): ", b"node=h ", b"\n", b"\r\n", b"\0", b" ", b"  ", b"\x1d", b"'",
    b'"', b"msg='", b"a0=", b'a1="x"', b"a1[0]=61", b"a1[1]=62", b"a1_len=2 ", b"argc=2 ", b"arch=c000003e ", b"arch=80000016 ",
    b"syscall=59 ", b"success=yes ", b"success=no ", b"exit=-13 ", b"exit=EACCES(Permission denied) ", b"a0=7ffd ", b"items=2 ",
    b"ppid=1 ", b"pid=2 ", b"pid=", b"auid=4294967295 ", b"uid=0 ", b"uid=-1 ", b"item=0 ", b"item=", b'name="/x" ', b"name=(null) ",
    b"name=2F78 ", b"inode=5 ", b"dev=fd:00 ", b"mode=0100644 ", b"cap_fp=0 cap_fi=0 ", b"nametype=NORMAL ", b'OUID="root" ',
    b'UID="root"', b"AUID=4A6F ", b"ARCH=x86_64 ", b"SYSCALL=execve ", b"SADDR={ saddr_fam=inet }", b"#035", b"^]", b"\\x1d",
    b"\\u001d", b"saddr=0200AF98C0A80164 ", b"saddr=01002F78 ", b"saddr=0A00 ", b"proctitle=6964002D66 ", b"key=6B01 ", b"key=(null)",
    b"res=success", b"res=failed", b"res=1", b"res=0'", b"result=Success", b"hostname=? ", b"addr=::1 ", b"terminal=pts/0 ",
    b"tty=pts0 ", b"tty=(none) ", b"ses=1 ", b"old-auid=4294967295 ", b"old auid=4294967295 new auid=42 ", b'acct="root" ', b"acct=3F ",
    b"avc:  denied  { read } for  ", b"avc:  received policyload notice (seqno=2)  ", b"op=adding user ", b"op=PAM:setcred ",
    b"subj==x//&y (enforce) ", b"data=6C730D ", b"cmd=6C73 ", b"cwd=\"/\" ", b"{", b"}", b"(", b")", b",", b":", b"*", b"=", b"?",
    b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"99999999999999999999", b"4294967295", b"-1", b"0x5", b"007 ", b"ffffffffffffffff",
    b'{"_TRANSPORT":"audit","_AUDIT_ID":"1","_SOURCE_REALTIME_TIMESTAMP":"1000000","MESSAGE":"BPF x=1"}\n', b'{"MESSAGE":',
    b"Jan  1 00:00:00 h kernel: audit: ", b"<86>Jan  1 00:00:00 h audispd: ", b"----\n", b"time->",
    b"type=DAEMON_ERR op=format-raw msg=NULL res=failed\n", b"01/01/2026 00:00:04.100:11",
    b"type=BPF msg=audit(1.1:1): ", b"type=DAEMON_START msg=audit(9.9:9): ", b"type=PATH msg=audit(1.1:1): item=0 name=",
    b"type=SYSCALL msg=audit(1.1:1): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 ppid=1 pid=2 ",
]  # fmt: skip


def seeds() -> list[bytes]:
    """Every lesson that is small enough, and each record type of the genuine logs once or twice."""
    files = sorted(
        path for folder in ("records", "events", "malformed", "found", "logs") for path in (DATA / folder).glob("*")
    )
    plain = [
        path.read_bytes()
        for path in files
        if path.is_file() and path.suffix not in (".json", ".txt", ".xz", ".py", ".md", ".csv")
    ]
    found = [data for data in plain if 0 < len(data) <= MOST]
    found += [chunk for data in plain if len(data) > MOST for chunk in _chunks(data)]
    return found + list(_genuine())


def _chunks(data: bytes) -> Iterator[bytes]:
    lines = data.split(b"\n")
    for start in range(0, len(lines), 5):
        yield b"\n".join(lines[start : start + 5])[:MOST] + b"\n"


def _genuine() -> Iterator[bytes]:
    """Two lines of each record type of the captures, and of the sweep over fields and machines."""
    seen: dict[bytes, int] = {}
    for path in sorted(DATA.glob("logs/*.log.xz")) + sorted(DATA.glob("fields/*.log.xz")):
        for line in lzma.decompress(path.read_bytes()).split(b"\n"):
            kind = re.match(rb"(?:node=\S+ )?type=(\S+)", line)
            if kind and seen.setdefault(kind[1], 0) < 3 and len(line) < MOST:
                seen[kind[1]] += 1
                yield line + b"\n"


def mixed(some: list[bytes], chance: random.Random) -> bytes:
    """One of these inputs with a few changes: words put in, bytes taken out, doubled or turned, another input joined."""
    data = bytearray(chance.choice(some))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice((1, 2, 4, 8, 30, 200)))
        change = chance.randrange(6)
        if change == 0:
            data[at:at] = chance.choice(WORDS)
        elif change == 1:
            del data[at:end]
        elif change == 2:
            data[at:at] = data[at:end]
        elif change == 3 and at < len(data):
            data[at] = chance.choice((0, 10, 29, 32, 34, 39, 61, 255, data[at] ^ (1 << chance.randrange(8))))
        elif change == 4:
            other = chance.choice(some)
            start = chance.randint(0, len(other))
            data[at:at] = other[start : start + chance.choice((8, 60, 400))]
        else:
            data[at:end] = chance.choice(WORDS)
    return bytes(data[:MOST])


def dictionary() -> str:
    """The words as a dictionary of libFuzzer."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS if len(word) < 60)
