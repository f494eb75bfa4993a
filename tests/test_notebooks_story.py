"""What the notebooks coverage, host, incident and explore say of a log of which every event is known.

A person mistypes a password, comes in, takes the rights of root, edits sudoers and connects out; a process number is
used again; three records are lost. One kernel plays everything: starting one takes longer than playing a notebook.
"""

import csv
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager

import audit_nb
from audit_nb import collect, report, store, tables

ROOT = Path(__file__).parent.parent
START = int(datetime(2026, 11, 23, 4, 0, tzinfo=UTC).timestamp())
NOBODY = "4294967295"
SHELL = "2F62696E2F62617368"


def user(second: int, serial: int, kind: str, pid: int, auid: str, ses: str, said: str) -> str:
    stamp = f"audit({START + second}.000:{serial})"
    return f"type={kind} msg={stamp}: pid={pid} uid=0 auid={auid} ses={ses} msg='{said}'"


def call(
    second: int, serial: int, number: int, pid: int, ppid: int, exe: str, *more: str, **words: object
) -> list[str]:
    stamp = f"audit({START + second}.000:{serial})"
    said = {"auid": 1000, "uid": 1000, "ses": 7, "a1": "0", "a2": "0", "key": "(null)"} | words
    syscall = (
        f"type=SYSCALL msg={stamp}: arch=c000003e syscall={number} success=yes exit=0 a0=ffffff9c a1={said['a1']} "
        f"a2={said['a2']} a3=0 items=1 ppid={ppid} pid={pid} auid={said['auid']} uid={said['uid']} gid={said['uid']} "
        f"euid={said['uid']} suid={said['uid']} fsuid={said['uid']} egid={said['uid']} sgid={said['uid']} "
        f'fsgid={said["uid"]} tty=pts0 ses={said["ses"]} comm="x" exe="{exe}" key={said["key"]}'
    )
    return [syscall, *(line.replace("STAMP", stamp) for line in more)]


def execve(second: int, serial: int, pid: int, ppid: int, *argv: str, **words: object) -> list[str]:
    arguments = " ".join(f'a{place}="{word}"' for place, word in enumerate(argv))
    return call(second, serial, 59, pid, ppid, argv[0], f"type=EXECVE msg=STAMP: argc={len(argv)} {arguments}", **words)


SSHD = 'exe="/usr/sbin/sshd" hostname=192.0.2.9 addr=192.0.2.9 terminal=ssh'
SUDO = 'exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/0'
WEB01 = [
    user(0, 1, "USER_LOGIN", 500, NOBODY, NOBODY, f'op=login id=1000 {SSHD} res=failed'),
    user(10, 2, "USER_START", 501, "1000", "7", f'op=PAM:session_open acct="bob" {SSHD} res=success'),
    *execve(12, 3, 502, 501, "/bin/bash"),
    user(20, 4, "USER_CMD", 503, "1000", "7", 'cwd="/home/bob" cmd=7669202F6574632F7375646F657273 exe="/usr/bin/sudo" terminal=pts/0 res=success'),
    user(20, 5, "USER_START", 503, "1000", "7", f'op=PAM:session_open acct="root" {SUDO} res=success'),
    *execve(21, 6, 503, 502, "/usr/bin/vi", "/etc/sudoers", uid=0),
    *call(25, 7, 257, 503, 502, "/usr/bin/vi", 'type=CWD msg=STAMP: cwd="/home/bob"',
          'type=PATH msg=STAMP: item=0 name="/etc/sudoers" inode=7 dev=fd:00 mode=0100440 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL',
          uid=0, a2="241"),
    # Three serials are missing here.
    *execve(29, 11, 505, 502, "/usr/bin/curl", "https://203.0.113.5/"),
    *call(30, 12, 42, 505, 502, "/usr/bin/curl", "type=SOCKADDR msg=STAMP: saddr=020001BBCB0071050000000000000000"),
    *execve(50, 13, 505, 600, "/bin/ls", auid=1001, uid=1001, ses=8),
    user(60, 14, "USER_END", 501, "1000", "7", f'op=PAM:session_close acct="bob" {SSHD} res=success'),
]  # fmt: skip
DB02 = execve(5, 1, 700, 1, "/bin/date", ses=NOBODY, auid=NOBODY, uid=0)
STORY = [
    ("A login as 1000 failed from 192.0.2.9, through sshd", True),
    ("bob came in through sshd from 192.0.2.9", True),
    ("1000 ran: /bin/bash", False),
    ("1000 asked sudo for: vi /etc/sudoers", True),
    ("1000 took the rights of root through sudo", True),
    ("1000 ran with the rights of 0: /usr/bin/vi /etc/sudoers", False),
    ("1000 changed with the rights of 0: /etc/sudoers (openat)", True),
    ("1000 ran: /usr/bin/curl https://203.0.113.5/", False),
    ("1000 connected to 203.0.113.5 port 443 with /usr/bin/curl", False),
    ("1001 ran: /bin/ls", False),
    ("bob left (sshd)", True),
]
AT = {"host": "web01", "at": "2026-11-23T04:00:30", "around": "1m"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("story")
    for host, lines in {"web01": WEB01, "db02": DB02}.items():
        log = folder / f"{host}.log"
        log.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        assert collect.import_paths([log], host, folder / "data").outcome == "done"
    assert {result.outcome for result in store.update(folder / "data")} == {"done"}
    return folder / "data"


class Player:
    """A kernel that plays the cells of notebooks, and what they showed."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._sockets = tempfile.TemporaryDirectory(prefix="nb")  # short: a socket's path has at most 107 bytes
        place = Path(self._sockets.name)
        self._manager = KernelManager(transport="ipc", ip=str(place / "k"), connection_file=str(place / "kernel.json"))
        environment = {**os.environ, "AUDIT_NB_OUT": str(out), "IPYTHONDIR": str(place / "ipython")}
        self._manager.start_kernel(env=environment, cwd=str(place))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._sockets.cleanup()

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run some code; every message that shows something, an error among them fails the test."""
        shown: list[dict[str, Any]] = []
        answer = self._client.execute_interactive(code, timeout=120, output_hook=shown.append, store_history=False)
        assert answer["content"]["status"] == "ok", "\n".join(answer["content"].get("traceback", ()))
        return shown

    def play(self, name: str, **parameters: object) -> str:
        """Everything that a notebook shows with these parameters, as HTML."""
        shown = []
        for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells:
            if cell.cell_type == "code":
                given = "parameters" in cell.metadata.get("tags", ())
                more = "".join(f"\n{key} = {value!r}" for key, value in parameters.items()) if given else ""
                shown += self.run(cell.source + more)
        return html(shown)

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV that the last play left."""
        with (self.out / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def html(messages: list[dict[str, Any]]) -> str:
    """The markup of what was shown or replaced."""
    datas = [message["content"]["data"] for message in messages if "data" in message["content"]]
    return "\n".join(data.get("text/html", "") for data in datas)


def text(markup: str) -> str:
    return markup.replace("<b>", "").replace("</b>", "")


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    playing = Player(tmp_path_factory.mktemp("out"))
    yield playing
    playing.end()


@pytest.fixture(scope="module")
def incident(player: Player, data_dir: Path) -> str:
    """What the incident's notebook shows; its tables stay until another one is played."""
    return text(player.play("incident", data_dir=str(data_dir), **AT))


def test_an_incident_is_told_step_by_step(player: Player, incident: str) -> None:
    """Every event that says something is a step, in order; what everybody does all day is not notable."""
    steps = player.table("incident-story")
    assert [(step["said"], step["notable"] == "true") for step in steps] == STORY
    assert [step["said"] for step in player.table("incident-notable")] == [said for said, notable in STORY if notable]
    assert "11 events make 11 steps, 6 of them notable; 2 login users are part of it." in incident
    assert "Looked at: 1m before and after 2026-11-23T04:00:30 (UTC)." in incident


def test_an_incident_shows_sessions_commands_files_and_connections(player: Player, incident: str) -> None:
    """Counted by hand from the log above."""
    assert "4 commands were run, 1 file was changed, 1 address was spoken to." in incident
    sessions = [(row["ses"], row["who"], row["address"], row["commands"]) for row in player.table("incident-sessions")]
    assert sessions == [("7", "1000", "192.0.2.9", "3"), ("8", "1001", "", "1")]
    assert [row["command"] for row in player.table("incident-commands")] == [
        "/bin/bash",
        "/usr/bin/vi /etc/sudoers",
        "/usr/bin/curl https://203.0.113.5/",
        "/bin/ls",
    ]
    assert [(row["file"], row["who"], row["as_whom"]) for row in player.table("incident-files")] == [
        ("/etc/sudoers", "1000", "0")
    ]
    assert [(row["address"], row["port"]) for row in player.table("incident-connections")] == [("203.0.113.5", "443")]
    assert [row["account"] for row in player.table("incident-failed_logins")] == [""]


def test_a_process_number_that_was_used_again_is_another_process(player: Player, incident: str) -> None:
    """505 was bob's curl and then alice's ls: one stands under bob's shell, the other does not."""
    tree = [(row["tree"], row["pid"], row["life"]) for row in player.table("incident-tree")]
    assert tree == [
        ("/usr/sbin/sshd", "500", "0"),
        ("/usr/sbin/sshd", "501", "0"),
        ("  /bin/bash", "502", "0"),
        ("    /usr/bin/vi /etc/sudoers", "503", "0"),
        ("    /usr/bin/curl https://203.0.113.5/", "505", "0"),
        ("/bin/ls", "505", "1"),
    ]
    assert "1 number was used again, and 0 more are left out" in incident


@pytest.mark.parametrize(
    ("narrowed", "steps"),
    [
        ({"pid": 502}, [2, 3, 4, 5, 6, 7, 8]),
        ({"session": 8}, [9]),
        ({"auid": "1001"}, [9]),
        ({"auid": "1000"}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]),
        ({"session": 99}, []),
    ],
)
def test_an_incident_can_be_narrowed(data_dir: Path, narrowed: dict[str, Any], steps: list[int]) -> None:
    """To a process and what it started, to a session, to a user and what was tried on the account."""
    events = audit_nb.open_events(data_dir, hosts=["web01"])
    found = [row["serial"] for row in tables.story(events, **narrowed).to_pyarrow().to_pylist()]
    every = [row["serial"] for row in tables.story(events).to_pyarrow().to_pylist()]
    assert found == [every[step] for step in steps]


def test_a_korean_incident_is_told_in_korean(player: Player, data_dir: Path) -> None:
    """The same steps, each as a Korean sentence."""
    player.play("incident", data_dir=str(data_dir), language="ko", **AT)
    said = [step["said"] for step in player.table("incident-story")]
    assert len(said) == len(STORY)
    assert said[1] == "bob: 192.0.2.9에서 sshd(으)로 들어옴"
    assert said[6] == "1000: 변경 (0 권한) – /etc/sudoers (openat)"


def test_what_is_not_known_is_said(player: Player, data_dir: Path) -> None:
    """A host that does not exist, a time of which nothing was logged, and people who were not there."""
    shown = text(player.play("incident", data_dir=str(data_dir), **AT | {"host": "web99"}))
    assert "There is no host called web99. There are: db02, web01." in shown
    assert "No events: nothing was seen in this period" in shown
    shown = text(player.play("incident", data_dir=str(data_dir), **AT | {"at": "2026-11-20T04:00"}))
    assert "What is stored of it reaches from 2026-11-23 04:00 to 2026-11-23 04:01." in shown
    assert "No events: nothing was seen in this period" in shown
    shown = text(player.play("incident", data_dir=str(data_dir), **AT | {"session": 99}))
    assert "Only session 99." in shown
    assert "Nothing is known of this: no event fits." in shown


def test_coverage_tells_what_was_not_seen(player: Player, data_dir: Path) -> None:
    """Three serials of web01 are missing; db02 is covered least."""
    shown = text(player.play("coverage", data_dir=str(data_dir), since="2026-11-23", until="2026-11-24"))
    gaps = [(row["host"], row["missing"], row["after"], row["before"]) for row in player.table("coverage-gaps")]
    assert gaps == [("web01", "3", "7", "11")]
    assert "3 serials are missing, in 1 gap on 1 host; 2 boots were seen." in shown
    covered = player.table("coverage-time_covered")
    assert [(row["host"], row["stretches"], row["hours"]) for row in covered] == [
        ("db02", "1", "0.0"),
        ("web01", "1", str(60 / 3600)),
    ]
    assert "Nothing says that audit was off while its host ran." in shown
    assert [(row["host"], row["events"]) for row in player.table("coverage-coverage")] == [
        ("db02", "1"),
        ("web01", "11"),
    ]


def test_a_host_is_shown_in_depth_and_beside_the_others(player: Player, data_dir: Path) -> None:
    """Without a name it is the one that logged most."""
    shown = text(player.play("host", data_dir=str(data_dir), since="2026-11-23", until="2026-11-24"))
    assert "No host was named: this page is about web01, which logged most." in shown
    beside = {row["item"]: (row["here"], row["median"], row["rank"]) for row in player.table("host-fleet")}
    assert beside["commands"] == ("4", "1.0", "1")
    assert beside["sessions"] == ("1", "0.0", "1")
    assert beside["as_root"] == ("1", "0.0", "1")
    assert [(row["address"], row["port"]) for row in player.table("host-destinations")] == [("203.0.113.5", "443")]
    assert [row["topic"] for row in player.table("host-changes")] == ["sudoers"]
    assert "Nothing was logged before this period: what is new cannot be told." in shown
    player.play("host", data_dir=str(data_dir), host="web01", since="2026-11-23T04:00:28")
    assert [(row["kind"], row["value"]) for row in player.table("host-new")] == [
        ("destination", "203.0.113.5 port 443"),
        ("executable", "/usr/bin/curl"),
        ("executable", "/bin/ls"),
    ]


def test_a_choice_changes_every_table_that_follows_it(player: Player, data_dir: Path) -> None:
    """Through the widgets, as a hand would: question, host, user, key, period and text; a wrong word is a sentence."""
    shown = text(player.play("explore", data_dir=str(data_dir)))
    assert "sessions: What happened in each login session" in shown
    assert "12 events from 2026-11-23 04:00:00 to 2026-11-23 04:01:00." in shown
    changed = text(html(player.run("desk.question.value = 'commands'")))
    assert "5 rows" in changed and "/bin/date" in changed and "answer = tables.commands(events)" in changed
    changed = text(html(player.run("desk.host.value = 'web01'")))
    assert "4 rows" in changed and "/bin/date" not in changed
    changed = text(html(player.run("desk.user.value = '1001'")))
    assert "1 row" in changed and "/bin/ls" in changed and "/bin/bash" not in changed
    assert "tables.search(events, auid=&#x27;1001&#x27;, match=" in changed
    changed = text(html(player.run("desk.user.value = ''; desk.text.value = 'CURL'")))
    assert "1 row" in changed and "https://203.0.113.5/" in changed
    changed = text(html(player.run("desk.text.value = ''; desk.since.value = '2026-11-23T04:00:40'")))
    assert "1 row" in changed and "/bin/ls" in changed
    changed = text(html(player.run("desk.since.value = 'soon'")))
    assert "is no time; expected ISO 8601" in changed and "Traceback" not in changed
    offered = player.run(
        "desk.since.value = ''; desk.host.value = 'db02'; print([name for name, _ in desk.user.options])"
    )
    assert [one["content"]["text"] for one in offered if one["msg_type"] == "stream"] == ["['all']\n"]


def test_a_report_is_about_the_time_around_the_moment(tmp_path: Path, data_dir: Path) -> None:
    """Every notebook of the report gets the same file; each takes of it what it knows, and the period is absolute."""
    parameters = tmp_path / "incident.yaml"
    parameters.write_text(f"data_dir: {data_dir}\nhost: web01\nat: 2026-11-23T04:00:30\naround: 15s\nsession: 7\n")
    definitions = "incident:\n  notebooks: [incident, commands]\n"
    (tmp_path / "reports.yaml").write_text(definitions)
    run = report.make(
        "incident", parameters_dir=tmp_path, notebooks_dir=ROOT / "notebooks", reports_dir=tmp_path / "reports"
    )
    assert [(one["name"], one["status"]) for one in run.report["notebooks"]] == [
        ("incident", "done"),
        ("commands", "done"),
    ]
    assert run.report["period"]["since"] == "2026-11-23T04:00:15+00:00"
    assert run.report["parameters"]["at"] == "2026-11-23T04:00:30+00:00"
    with (run.folder / "tables" / "incident-story.csv").open(encoding="utf-8", newline="") as file:
        assert [row["said"] for row in csv.DictReader(file)] == [said for said, _ in STORY[3:9]]
