"""A log that two engines could understand differently: text that a pattern may trip over, and the edges of values."""


def hexed(text):
    return text.encode().hex().upper()


def event(serial, *records, second=0):
    """The lines of one event, the second after midnight of 2026-03-29, the day on which the clocks of Berlin change."""
    return "".join(
        f"type={record.replace(' ', f' msg=audit({1774742400 + second}.5:{serial}): ', 1)}\n" for record in records
    )


def call(serial, name, *records, nr=257, a0="ffffff9c", exit_="0", tty="pts10", pid=100, more=""):
    """A system call of alice that touches a file."""
    success = "no" if exit_.startswith("-") else "yes"
    return event(
        serial,
        f"SYSCALL arch=c000003e syscall={nr} success={success} exit={exit_} a0={a0} a1=7fff a2=241 a3=ffffffffffffffff items=1 "
        f'ppid=1 pid={pid} auid=1001 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty={tty} ses=3 comm="x" {more}',
        'CWD cwd="/srv/www/"',
        f"PATH item=0 name={name} inode=1 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL",
        *records,
        second=serial,
    )


def said(serial, type_, account, address, result, *, exe="/usr/sbin/sshd", second=None):
    """What a program says of an account."""
    words = f'op=x acct="{account}" exe="{exe}" hostname={address} addr={address} terminal=ssh res={result}'
    head = f"{type_} pid=50 uid=0 auid=4294967295 ses=4294967295"
    return event(serial, f"{head} msg='{words}'", second=serial if second is None else second)


NAMES = [
    '"/etc/./ssh//../passwd"', '"../x/.."', '"a/./"', '"."', '".."', '"/.."', '"/a/b/../../../c"', '"..."', '""', "(null)",
    hexed("/tmp/new\nline"), hexed("/tmp/end\n"), hexed("/tmp/$1\\1"), hexed("/tmp/\u2028ü한"), hexed("/tmp/sep\u0085"),
    hexed("/tmp/tab\t"), hexed("/tmp/😀"),
]  # fmt: skip
TERMINALS = ["pts10", "/dev/pts/7", "(none)", "?", "ptsx", "pts", "tty1", hexed("pts1\n")]

_lines = [call(10 + n, name, exit_="-13" if n % 3 else "3", pid=100 + n % 4) for n, name in enumerate(NAMES)]
_lines += [call(40 + n, '"x"', tty=tty, a0="7fffffffffffffff") for n, tty in enumerate(TERMINALS)]
_lines += [
    call(60, '"x"', more=f"exe={hexed('/opt/a b/new' + chr(10) + 'line')} key={hexed('one' + chr(1) + 'two')}"),
    call(61, '"x"', more='exe="/usr/bin/x" key=""', nr=59),
    call(62, '"x"', more='exe="relative" key=(null)', nr=99999),
]
# One source on one account, one source on many, many sources on one; then the guess hits.
_lines += [said(100 + n, "USER_LOGIN", "root", "::ffff:192.0.2.1", "failed") for n in range(12)]
_lines += [said(120 + n, "USER_AUTH", f"user{n}", "192.0.2.2", "failed") for n in range(6)]
_lines += [said(130 + n, "USER_LOGIN", "eve", f"2001:db8::{n}", "failed") for n in range(6)]
_lines += [
    said(140, "USER_START", "root", "192.0.2.1", "success"),
    said(141, "USER_START", "eve", "2001:db8::1", "success"),
]
# The same millisecond, and the hours around the change of Berlin's clocks at 01:00 UTC.
_lines += [said(150 + n, "USER_START", "root", "192.0.2.9", "success", second=3598 + n) for n in range(4)]
_lines += [
    said(160, "USER_LOGIN", "kim", "192.0.2.9", "success", second=3600),
    said(161, "USER_START", "kim", "?", "success", second=3600),
]
_vm = """op=start reason=booted vm="guest" uuid=0b4c-11 vm-pid=7 exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success"""
_lines += [event(170, f"VIRT_CONTROL pid=50 uid=0 auid=1001 ses=3 msg='virt=kvm {_vm}'", second=170)]
AWKWARD = "".join(_lines).encode()
