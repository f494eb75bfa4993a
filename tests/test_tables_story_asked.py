"""A question that looks back is told its period, and sees what was before it: asked on the command line."""

import json

import pytest
from click.testing import CliRunner

from audit_nb import collect, store
from audit_nb.cli import main

DAY = 86_400
MIDNIGHT = 1767225600  # 2026-01-01T00:00:00Z


def run(serial, at, exe, *, pid, ppid):
    call = (
        f"syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=0 ppid={ppid} pid={pid} auid=1001 uid=1001 gid=1001"
    )
    ids = "euid=1001 suid=1001 fsuid=1001 egid=1001 sgid=1001 fsgid=1001 tty=pts0 ses=3"
    header = f"msg=audit({MIDNIGHT + at}.000:{serial}):"
    return f'type=SYSCALL {header} arch=c000003e {call} {ids} comm="x" exe="{exe}" key="exec"\n'


@pytest.fixture
def ask(tmp_path):
    """`ask("first_seen", "--since", …)` asks of three days: on each `usual` ran, on the last one `new` as well."""
    log = tmp_path / "audit.log"
    usual = [run(day + 1, day * DAY + 60, "/usr/bin/usual", pid=700 + day, ppid=1) for day in range(3)]
    new = run(9, 2 * DAY + 120, "/usr/bin/new", pid=800, ppid=700)
    log.write_text("".join([*usual, new]), encoding="utf-8")
    collect.import_paths([log], "web01", tmp_path / "data")
    store.update(tmp_path / "data")

    def answer(*words):
        return CliRunner().invoke(main, ["--data-dir", str(tmp_path / "data"), "table", *words, "--format", "json"])

    return answer


def rows(answer, *columns):
    assert answer.exit_code == 0, answer.output
    return [tuple(row[name] for name in columns) for row in json.loads(answer.stdout)]


def test_what_was_before_the_period_is_known_to_what_asks_for_the_new(ask):
    """The key of the rule and the usual program were seen on earlier days."""
    found = rows(ask("first_seen", "--since", "2026-01-03"), "kind", "value", "events")
    assert found == [("executable", "/usr/bin/new", 1)]


def test_a_period_is_compared_with_the_one_before_it(ask):
    found = rows(ask("compared", "--since", "2026-01-03", "--until", "2026-01-04"), "kind", "value", "before", "now")
    assert ("executable", "/usr/bin/new", 0, 1) in found
    assert ("type", "SYSCALL", 1, 2) in found
    assert not [row for row in found if row[1] == "/usr/bin/usual"]


def test_the_parents_of_a_process_are_found_before_the_period(ask):
    found = rows(ask("process_tree", "--since", "2026-01-03"), "pid", "depth", "within")
    assert found == [(700, 0, False), (800, 1, True), (702, 0, True)]


def test_a_question_that_needs_a_period_says_so(ask):
    """Without one it has nothing to compare: a wrong use, not a mistake of ours."""
    for question, named in (("first_seen", "--since"), ("compared", "--since and --until")):
        answer = ask(question)
        assert answer.exit_code == 2
        assert answer.output == f"{question} compares a period with what was before it: give {named}\n"


def test_other_questions_see_their_period_only(ask):
    assert rows(ask("types", "--since", "2026-01-03"), "type", "events") == [("SYSCALL", 2)]
