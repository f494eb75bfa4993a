"""The lists of keys, users, files and the like: what stands in them, and what aureport would have put there."""

from datetime import datetime, timedelta

import pytest

from audit_nb import tables

MIDNIGHT = datetime(2026, 1, 1)


def second(n):
    return MIDNIGHT + timedelta(seconds=n)


def rows(table):
    """Every row as a tuple, in the order of the table."""
    return [tuple(row.values()) for row in table.to_pyarrow().to_pylist()]


def column(table, name):
    return table[name].to_pyarrow().to_pylist()


def call(**words):
    """A system call with what its record always has."""
    always = {
        "types": ["SYSCALL"],
        "success": True,
        "auid": 1000,
        "uid": 1000,
        "euid": 1000,
        "pid": 7,
        "syscall": "execve",
    }
    return always | {"syscall_nr": 59, "arch": "x86_64", "exe": "/usr/bin/id", "comm": "id", "terminal": "pts0"} | words


def test_an_event_with_two_keys_stands_under_both(events_of):
    events = events_of(call(keys=["k1", "k2"]), call(keys=["k1"], host="web02"), call(keys=[]), call())
    assert rows(tables.keys(events, summary=True)) == [
        ("k1", 2, 2, second(0), second(1)),
        ("k2", 1, 1, second(0), second(0)),
    ]
    assert column(tables.keys(events), "key") == ["k1", "k2", "k1"]
    assert rows(tables.keys(events, summary=True, success=False)) == []


def test_aureport_lists_the_first_key_of_an_event_and_counts_all(events_of):
    events = events_of(call(keys=["k1", "k2"]))
    assert column(tables.keys(events, as_aureport=True), "key") == ["k1"]
    assert column(tables.keys(events, as_aureport=True, summary=True), "key") == ["k1", "k2"]


def test_users_are_login_users_by_name_else_by_number(events_of):
    """Who is not logged in is no user, unless to aureport, which counts an auid of -1."""
    events = events_of(call(auid_name="alice"), call(), call(auid=None), {"type": "BPF"})
    assert column(tables.users(events), "who") == ["alice", "1000"]
    assert rows(tables.users(events, summary=True, as_aureport=True)) == [
        ("1000", 2, 1, second(0), second(1)),
        ("-1", 1, 1, second(2), second(2)),
    ]


def test_aureport_lists_as_users_the_events_that_have_a_uid(events_of):
    events = events_of(call(auid=None), call(uid=None, auid=5), {"type": "BPF"})
    assert column(tables.users(events, as_aureport=True), "who") == ["-1"]


@pytest.mark.parametrize(("question", "name"), [("executables", "exe"), ("comms", "comm")])
def test_programs_are_counted_by_path_and_by_name(events_of, question, name):
    """An event without one has no row."""
    events = events_of(call(**{name: "a"}), call(**{name: "a"}, host="web02"), call(**{name: "b"}), {"type": "BPF"})
    ask = getattr(tables, question)
    assert rows(ask(events, summary=True)) == [("a", 2, 2, second(0), second(1)), ("b", 1, 1, second(2), second(2))]
    assert column(ask(events), name) == ["a", "a", "b"]


def test_addresses_are_origins_of_users_and_peers_of_sockets(events_of):
    """`?` is no address, unless to aureport; a unix socket has none."""
    login = {"type": "USER_LOGIN", "success": True}
    named, unnamed = ([{"gap": 0, "length": 99, "form": f"hostname={word} addr=*"}] for word in "*?")
    events = events_of(
        login | {"hostname": None, "addr": "192.0.2.9", "records": unnamed},
        login | {"hostname": None, "addr": None, "records": unnamed},
        login | {"hostname": "desk", "addr": "192.0.2.9", "records": named},
        call(socket={"family": "netlink", "address": "0", "saddr": "100000000000000000000000"}),
        call(socket={"family": "inet", "address": "198.51.100.1", "saddr": "02000016C63364010000000000000000"}),
        call(socket={"family": "unix", "path": "/run/x", "saddr": "01002F72756E2F78"}),
        {"type": "BPF"},
    )
    assert column(tables.hosts(events), "address") == ["192.0.2.9", "192.0.2.9", "198.51.100.1"]
    assert column(tables.hosts(events, as_aureport=True), "address") == ["192.0.2.9", "?", "desk", "198.51.100.1"]


def test_a_terminal_is_one_under_all_its_spellings(events_of):
    spelt = ("pts0", "pts/0", "/dev/pts/0", "(none)", "?", "ssh")
    events = events_of(*(call(terminal=word) for word in spelt))
    assert rows(tables.terminals(events, summary=True)) == [
        ("pts/0", 3, 1, second(0), second(2)),
        ("ssh", 1, 1, second(5), second(5)),
    ]
    assert column(tables.terminals(events, as_aureport=True), "terminal") == list(spelt)


def test_system_calls_are_told_apart_by_architecture(events_of):
    """Number 0 is `read` on x86_64; aureport leaves it out."""
    events = events_of(
        call(), call(syscall="oldolduname", arch="i386"), call(syscall="read", syscall_nr=0), {"type": "BPF"}
    )
    assert rows(tables.syscalls(events, summary=True)) == [
        ("execve", "x86_64", 1, 1, second(0), second(0)),
        ("oldolduname", "i386", 1, 1, second(1), second(1)),
        ("read", "x86_64", 1, 1, second(2), second(2)),
    ]
    assert rows(tables.syscalls(events, summary=True, as_aureport=True)) == [("59", 2, 1, second(0), second(1))]
    assert column(tables.syscalls(events, as_aureport=True), "serial") == [1, 2]


def test_a_pid_is_a_process_of_one_host_and_boot(events_of):
    events = events_of(call(), call(boot=1), call(host="web02"), call(), call(pid=None))
    assert rows(tables.pids(events, summary=True)) == [
        ("web01", 0, 7, 2, second(0), second(3)),
        ("web01", 1, 7, 1, second(1), second(1)),
        ("web02", 0, 7, 1, second(2), second(2)),
    ]
    assert rows(tables.pids(events, summary=True, as_aureport=True)) == [(7, 4, 2, second(0), second(3))]
    assert column(tables.pids(events), "serial") == [1, 2, 3, 4]


def paths(*names, **words):
    """A system call that touched files; a name may stand with its nametype."""
    pairs = [name if isinstance(name, tuple) else (name, "NORMAL") for name in names]
    return call(paths=[{"name": name, "nametype": kind, "caps": "0"} for name, kind in pairs], **words)


def test_files_are_what_was_touched_and_not_the_directories_it_stands_in(events_of):
    """Aureport counts the directories, a name that is missing, and unix sockets; its list has the first name only."""
    events = events_of(
        paths(("/etc/", "PARENT"), ("/etc/passwd", "CREATE"), ("/etc/shadow", "DELETE")),
        paths(None),
        call(socket={"family": "unix", "path": "/run/x", "saddr": "01002F72756E2F78"}),
        call(),
    )
    assert column(tables.files(events), "file") == ["/etc/passwd", "/etc/shadow"]
    assert sorted(column(tables.files(events, summary=True, as_aureport=True), "file")) == [
        "(null)",
        "/etc/",
        "/etc/passwd",
        "/etc/shadow",
        "/run/x",
    ]
    assert column(tables.files(events, as_aureport=True), "file") == ["/etc/", "(null)", "/run/x"]


@pytest.mark.parametrize(
    ("name", "cwd", "words", "file"),
    [
        ("passwd", "/etc", {}, "/etc/passwd"),
        ("passwd", "/", {}, "/passwd"),
        ("../etc/./passwd", "/usr", {}, "/etc/passwd"),
        ("/a/b/../../etc//x", "/usr", {}, "/etc/x"),
        ("..hidden", "/usr", {}, "/usr/..hidden"),
        ("/srv/.git/x", "/usr", {}, "/srv/.git/x"),
        ("passwd", None, {}, "passwd"),
        ("passwd", "/etc", {"syscall": "openat", "a0": -100}, "/etc/passwd"),
        ("passwd", "/etc", {"syscall": "openat", "a0": 4294967196}, "/etc/passwd"),
        ("passwd", "/etc", {"syscall": "openat", "a0": 5}, "passwd"),
        ("passwd", "/etc", {"syscall": "openat2", "a0": 5}, "passwd"),
        ("passwd", "/etc", {"syscall": "chmod", "a0": 5}, "/etc/passwd"),
        ("passwd", "/etc", {"syscall": None}, "/etc/passwd"),
    ],
)
def test_a_relative_name_is_put_after_the_working_directory(events_of, name, cwd, words, file):
    """Unless the call gave another directory by number: nobody logged which one that was."""
    events = events_of(paths(name, cwd=cwd, **words))
    assert column(tables.files(events), "file") == column(tables.files(events, summary=True), "file") == [file]


def test_aureport_joins_only_names_that_begin_with_dots(events_of):
    events = events_of(
        paths("passwd", cwd="/etc"), paths("./x", cwd="/etc"), paths("..x", cwd="/etc"), paths("../y", cwd=None)
    )
    assert column(tables.files(events, as_aureport=True), "file") == ["passwd", "/etc/./x", "/etc/..x", "../y"]


def test_an_event_is_named_by_its_first_record(events_of):
    events = events_of({"types": ["CONFIG_CHANGE", "SYSCALL"]}, call(), call())
    assert rows(tables.types(events)) == [
        ("SYSCALL", 2, 1, second(1), second(2)),
        ("CONFIG_CHANGE", 1, 1, second(0), second(0)),
    ]
    assert column(tables.events(events), "type") == ["CONFIG_CHANGE", "SYSCALL", "SYSCALL"]


def test_lists_are_in_order_of_time(events_of):
    """Records arrive when a call returns and carry the time when it began."""
    events = events_of({"time": second(5)}, {"time": second(1)}, {"time": second(3), "host": "db02"})
    assert column(tables.events(events), "serial") == [2, 3, 1]


def test_to_aureport_a_login_and_its_system_call_are_two_events(events_of):
    """A record of a type that stands alone ends its event; only the second part has a system call."""
    events = events_of(call(types=["LOGIN", "SYSCALL", "PROCTITLE"]), call(types=["AVC", "SYSCALL"]), call())
    assert column(tables.events(events), "type") == ["LOGIN", "AVC", "SYSCALL"]
    assert column(tables.events(events, as_aureport=True), "type") == ["LOGIN", "SYSCALL", "AVC", "SYSCALL"]
    assert column(tables.executables(events, as_aureport=True), "serial") == [1, 2, 3]


def test_aureport_drops_events_it_cannot_read(events_of):
    """AppArmor's AVC in every report; an unnamed unix socket where a report looks at addresses or files."""
    apparmor = {"type": "AVC", "records": [{"gap": 0, "length": 99, "form": 'apparmor="*" operation="*" profile="*"'}]}
    unnamed = call(socket={"family": "unix", "saddr": "0100"})
    events = events_of(apparmor, unnamed, call())
    assert column(tables.executables(events, as_aureport=True), "serial") == [3]
    assert column(tables.events(events, as_aureport=True), "serial") == [2, 3]


def test_a_system_call_without_a_name_is_shown_by_its_number(events_of):
    events = events_of(call(syscall=None, syscall_nr=999))
    assert column(tables.syscalls(events), "syscall") == ["999"]


def test_aureport_drops_a_system_call_that_was_cut(events_of):
    whole = "arch=* syscall=* success=yes exit=* a0=* a1=* a2=* a3=* items=* ppid=* pid=* auid=* uid=*"
    events = events_of(*(call(records=[{"gap": 0, "length": 9, "form": form}]) for form in (whole, "arch=* syscall=*")))
    assert column(tables.pids(events, as_aureport=True), "serial") == [1]


def test_to_aureport_every_word_but_failed_is_a_success(events_of):
    """`res=0` of a daemon succeeds; that of the kernel fails."""
    forms = ("op=* res=failed", "op=* res=0", "auid=* res=0")
    kinds = ("USER_AUTH", "USER_AUTH", "CONFIG_CHANGE")
    events = events_of(
        *(
            {"type": kind, "success": False, "account": "bob", "records": [{"gap": 0, "length": 9, "form": form}]}
            for kind, form in zip(kinds, forms, strict=True)
        )
    )
    assert column(tables.events(events), "success") == [False, False, False]
    assert column(tables.events(events, as_aureport=True), "success") == [False, True, False]


def test_what_aureport_makes_of_decisions_of_access(events_of):
    """SELinux denied is a failure where no system call says otherwise; each record is a row; AppArmor is not read at all."""
    decided = [("seresult", "denied"), ("seperms", "read"), ("scontext", "a_t"), ("tcontext", "b_t"), ("tclass", "dir")]
    selinux = [{"record": n, "key": key, "value": value} for n in (0, 1) for key, value in decided]
    apparmor = [{"record": 0, "key": key, "value": value} for key, value in [("apparmor", "DENIED"), ("profile", "p")]]
    events = events_of(
        {"types": ["AVC", "AVC"], "comm": "cat", "other": selinux},
        {"type": "AVC", "comm": "cat", "other": apparmor, "records": [{"gap": 0, "length": 9, "form": 'apparmor="*"'}]},
        {"type": "BPF", "other": selinux},
    )
    assert [row[2:8] for row in rows(tables.avcs(events))] == [
        (1, "denied", "read", "a_t", "b_t", "dir"),
        (1, "denied", "read", "a_t", "b_t", "dir"),
        (2, "DENIED", None, "p", None, None),
    ]
    assert rows(tables.avcs(events, summary=True)) == [("b_t", "denied", 2, 1, second(0), second(0))]
    assert column(tables.avcs(events, as_aureport=True), "result") == ["denied", "denied"]
    assert column(tables.events(events, as_aureport=True), "success") == [False, None]


def test_what_was_typed_is_shown_masked(events_of):
    events = events_of(
        {"type": "TTY", "command": "ls<ret>***<ret>", "comm": "bash", "ses": 3, "terminal": "pts0"}, call()
    )
    assert [row[2:] for row in rows(tables.keystrokes(events))] == [(1, None, "pts/0", 3, "bash", "ls<ret>***<ret>")]


def test_the_first_page_counts_what_is_true_and_what_aureport_would(events_of):
    """One event of each figure; the difference between the two pages is told with its reason."""
    login = {"type": "USER_LOGIN", "success": False, "terminal": "?", "auid": None}
    events = events_of(
        call(keys=["k1"], paths=[{"name": "/etc/", "nametype": "PARENT"}, {"name": "/etc/x", "nametype": "NORMAL"}]),
        call(success=False, syscall="read", syscall_nr=0),
        call(success=False, syscall="open", syscall_nr=2),
        call(types=["CONFIG_CHANGE", "NETFILTER_CFG", "SYSCALL"]),
        call(types=["LOGIN", "SYSCALL"]),
        {"type": "SECCOMP"},
        login,
        {"type": "USER_MGMT", "success": False},
        {"type": "USER_AUTH", "success": True},
    )
    page = {row[0]: row[1] for row in rows(tables.summary(events))}
    assert {name: count for name, count in page.items() if count} == {
        "configuration_changes": 1,
        "account_changes": 1,
        "failed_logins": 1,
        "authentications": 1,
        "users": 1,
        "terminals": 1,
        "executables": 1,
        "comms": 1,
        "files": 1,
        "failed_syscalls": 2,
        "anomalies": 1,
        "keys": 1,
        "pids": 1,
        "events": 9,
    }
    assert [row[:3] for row in rows(tables.differences(events))] == [
        ("configuration_changes", 1, 2),
        ("failed_authentications", 0, 1),
        ("users", 1, 2),
        ("terminals", 1, 2),
        ("files", 1, 2),
        ("failed_syscalls", 2, 1),
        ("anomalies", 1, 0),
        ("events", 9, 10),
        ("divided_events", 1, 2),
    ]
    assert all(row[3] for row in rows(tables.differences(events)))


def test_an_event_is_late_when_a_younger_one_begins_between_its_records(events_of):
    """Two seconds make it late; the same gap with an event of the same moment in it does not."""

    def placed(offset, *gaps, **words):
        types = ["SYSCALL", "PATH", "PROCTITLE"][: len(gaps) + 1]
        records = [{"gap": gap, "length": 100} for gap in (0, *gaps)]
        return {"types": types, "segment": 1, "offset": offset, "records": records} | words

    events = events_of(
        placed(0, 100, time=second(0)),
        placed(100, time=second(2)),
        placed(400, 100, time=second(5)),
        placed(500, time=second(6)),
        placed(1000, 100, time=second(0)),
        placed(1100, time=second(9), segment=2),
        placed(2000, 0, 300, time=second(9)),
        placed(2200, time=second(20)),
        placed(2300, time=second(0)),
    )
    assert rows(tables.late_events(events)) == [
        ("web01", second(0), 1, "SYSCALL", 2),
        ("web01", second(9), 7, "SYSCALL", 2),
    ]
    assert [row[1] for row in rows(tables.late_events(events, timeout=1))] == [second(0), second(5), second(9)]
