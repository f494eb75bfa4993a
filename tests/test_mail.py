"""A report is composed as people read it, and arrives once: against a real SMTP server on loopback."""

import asyncio
import base64
import email
import email.policy
import errno
import hashlib
import io
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import trustme
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from browser import Browser, mail_as_a_page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from audit_nb import mail, words
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.mail import outbox

EXAMPLE = Path(__file__).parents[1] / "parameters/mail.example.yaml"
RUN = "20261122T210003114Z"
USER, PASSWORD = "audit@example.org", "Pa55-wort mit 비밀"


# ---- a finished run, as the contract says it lies in a folder -------------------------------------


def png(width: int = 1216) -> bytes:
    """A real picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 160, 2), dpi=160)
    figure.subplots().bar([1, 2, 3], [3, 1, 2])
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


PNG = png()
REPORT = {
    "name": "daily",
    "title": "Daily audit report",
    "run": RUN,
    "status": "partial",
    "verdict": {"level": "alarm", "sentence": "37 failed logins, 1 login after failures. 1 of 15 hosts not seen (web03)."},
    "started_at": "2026-11-22T21:00:03+00:00",
    "ended_at": "2026-11-22T21:00:31+00:00",
    "language": "en",
    "period": {
        "since": "2026-11-21T15:00:00+00:00",
        "until": "2026-11-22T15:00:00+00:00",
        "timezone": "Asia/Seoul",
        "label": "2026-11-22 (Sun)",
        "zone": "Asia/Seoul (UTC+9)",
    },
    "parameters": {},
    "mail": ["team"],
    "hosts": {"seen": 14, "total": 15, "missing": [{"host": "web03", "reason": "web03: connection refused"}]},
    "coverage": [],
    "headlines": [
        {"notebook": "logins", "name": "failed", "label": "failed logins", "value": 37, "level": "notice", "before": 12},
        {"notebook": "logins", "name": "then", "label": "then succeeded", "value": 1, "level": "alarm", "before": None},
        {"notebook": "commands", "name": "root", "label": "commands as root", "value": 1284, "level": "plain", "before": 1402},
        {"notebook": "overview", "name": "lost", "label": "records lost", "value": None, "level": "plain", "before": 3},
    ],
    "notebooks": [
        {"name": "overview", "title": "Overview", "status": "done", "says": "302,932 events.", "error": None, "html": "overview.html"},
        {"name": "logins", "title": "Logins", "status": "done", "says": "37 from 4 addresses.", "error": None, "html": "logins.html"},
    ],
    "tables": [{"notebook": "logins", "name": "by", "title": "By address", "rows": 2, "shown": 2, "csv": "tables/logins-by.csv"}],
    "figures": [
        {"notebook": "overview", "name": "v", "title": "Events by hour", "alt": "Bars over time.", "finding": "Most at 02:00",
         "png": "figures/overview-v.png"},
    ],
    "versions": {"audit_nb": "0.1.0"},
}  # fmt: skip


def make_run(reports: Path, **changes) -> Path:
    """The folder of a finished run; `changes` replace fields of report.json."""
    report = REPORT | changes
    folder = reports / report["name"] / "2026-11-22" / report["run"]
    for part in ("tables", "figures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text("<!DOCTYPE html><p>index 색인</p>", encoding="utf-8")
    (folder / "overview.html").write_text("<!DOCTYPE html><p>overview</p>\n.\n..\n" + "x" * 2000, encoding="utf-8")
    (folder / "logins.html").write_text("<!DOCTYPE html>\r\n<p>logins</p>", encoding="utf-8")
    (folder / "tables/logins-by.csv").write_bytes("address,account\r\n203.0.113.9,관리자\r\n".encode())
    (folder / "figures/overview-v.png").write_bytes(PNG)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "reports")


@pytest.fixture
def box(tmp_path):
    return tmp_path / "outbox"


def settings_of(folder: Path, smtp: dict | None = None, **changes) -> mail.Settings:
    """Settings as a file of an administrator gives them."""
    known = {
        "from": "Audit reports <audit@example.org>",
        "smtp": {"host": "localhost", "security": "none"} if smtp is None else smtp,
        "groups": {"team": {"to": ["Ann Kim <ann@example.org>", "bob@example.org"], "cc": ["carol@example.org"]}},
        "admins": ["root@example.org"],
    }
    path = folder / "mail.yaml"
    path.write_text(yaml.safe_dump(known | changes, allow_unicode=True), encoding="utf-8")
    return mail.load(path)


def parsed(content: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def html_of(message) -> str:
    return message.get_body(("html",)).get_content().replace("\r\n", "\n")


def text_of(message) -> str:
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---- composed -------------------------------------------------------------------------------------


def test_the_subject_says_verdict_period_and_coverage(run, box, tmp_path):
    assert mail.compose(run, settings_of(tmp_path, tag="web-fleet"), box).subject == (
        "[web-fleet] 37 failed logins, 1 then succeeded · 2026-11-22 (Sun) · 14 of 15 hosts"
    )


def test_the_subject_is_korean_in_a_korean_report(box, tmp_path):
    run = make_run(
        tmp_path, language="ko", title="일일 보고서", headlines=[], verdict={"level": "clean", "sentence": "없음"}
    )
    letter = mail.compose(run, None, box)
    assert letter.subject == "[일일 보고서] 감사 로그 분석 결과: 이상 없음 · 2026-11-22 (Sun) · 호스트 15대 중 14대"
    message = parsed(letter.content())
    assert message["Subject"] == letter.subject
    assert '<html lang="ko">' in html_of(message)
    assert "전체 보고서 위치" in text_of(message)


def test_a_failed_notebook_and_an_unseen_fleet_stand_in_the_subject(box, tmp_path):
    failed = [
        {"name": "logins", "title": "Logins", "status": "failed", "error": "KeyError: 'x'", "html": "logins.html"}
    ]
    run = make_run(tmp_path, notebooks=failed, headlines=[], hosts={"seen": 0, "total": 0, "missing": []})
    assert (
        mail.compose(run, None, box).subject == "[Daily audit report] 1 notebook failed · 2026-11-22 (Sun) · no hosts"
    )


def test_a_message_has_the_shape_mail_programs_expect(run, box, tmp_path):
    message = parsed(mail.compose(run, settings_of(tmp_path), box).content())

    def shape(part):
        inner = [shape(child) for child in part.iter_parts()] if part.is_multipart() else []
        return [part.get_content_type(), *inner]

    assert shape(message) == [
        "multipart/mixed",
        ["multipart/alternative", ["text/plain"], ["multipart/related", ["text/html"], ["image/png"]]],
        ["text/html"],
        ["text/html"],
        ["text/html"],
        ["text/csv"],
    ]


def test_every_part_read_back_equals_its_file(run, box, tmp_path):
    message = parsed(mail.compose(run, settings_of(tmp_path), box).content())
    attached = {part.get_filename(): part for part in message.iter_attachments()}
    assert sorted(attached) == ["index.html", "logins-by.csv", "logins.html", "overview.html"]
    for name, part in attached.items():
        path = run / "tables" / name if name.endswith(".csv") else run / name
        assert sha256(part.get_payload(decode=True)) == sha256(path.read_bytes()), name
        assert part.get_content_charset() == "utf-8"
        assert part.get_content_disposition() == "attachment"
    picture = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert sha256(picture.get_content()) == sha256(PNG)
    assert picture.get_content_disposition() == "inline"
    assert f"cid:{picture['Content-ID'].strip('<>')}" in html_of(message)


def test_the_headers_tell_machines_what_this_is(run, box, tmp_path):
    message = parsed(mail.compose(run, settings_of(tmp_path, reply_to="sec@example.org"), box).content())
    headers = {name: str(message[name]) for name in message.keys()}  # noqa: SIM118 - a message is not a dict
    assert {
        name: value for name, value in headers.items() if name not in ("Subject", "Content-Type", "MIME-Version")
    } == {
        "From": "Audit reports <audit@example.org>",
        "To": "Ann Kim <ann@example.org>, bob@example.org",
        "Cc": "carol@example.org",
        "Reply-To": "sec@example.org",
        "Date": "Sun, 22 Nov 2026 21:00:31 +0000",
        "Message-ID": f"<daily.{RUN}@example.org>",
        "List-Id": "<audit-nb.example.org>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
    }


def test_the_same_run_makes_the_same_bytes(run, tmp_path):
    first = mail.compose(run, settings_of(tmp_path), tmp_path / "one")
    second = mail.compose(run, settings_of(tmp_path), tmp_path / "two")
    assert first.content() == second.content()


def test_a_message_is_seven_bit_and_has_no_long_line(box, tmp_path):
    run = make_run(tmp_path, title="긴 제목 " * 30, verdict={"level": "alarm", "sentence": "판정 " * 200})
    content = mail.compose(run, None, box).content()
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_both_bodies_say_what_a_reader_needs_first(run, box, tmp_path):
    message = parsed(mail.compose(run, settings_of(tmp_path), box).content())
    seen_in_html = re.sub(r"\s+", " ", "".join(Reader(html_of(message)).texts))
    seen_in_text = re.sub(r"\s+", " ", text_of(message))
    for said in (
        "Daily audit report",
        "2026-11-22 (Sun) · Asia/Seoul (UTC+9) · 14 of 15 hosts fully seen",
        "37 failed logins, 1 login after failures. 1 of 15 hosts not seen (web03).",
        "connection refused",
        "▲ 25 more than before (12)",
        "▼ 118 fewer than before (1,402)",
        "302,932 events.",
        "logins-by.csv",
        f"run {RUN}",
        "as a member of team",
    ):
        assert said in seen_in_html, said
        assert said in seen_in_text, said
    assert "–" in seen_in_text, "a value nobody knows is no zero"


class Reader(HTMLParser):
    """What an HTML body holds: its texts, its tags, and the addresses it refers to."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.tags, self.addresses, self.attributes, self.unstyled = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag in ("p", "h1", "h2", "li", "td", "a", "img") and "style" not in dict(attrs):
            self.unstyled.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_the_html_needs_no_style_sheet_no_script_and_no_network(run, box, tmp_path):
    html = html_of(parsed(mail.compose(run, settings_of(tmp_path), box).content()))
    read = Reader(html)
    assert not {"script", "link", "iframe", "form", "object", "svg", "video"} & set(read.tags)
    assert not [name for name in read.attributes if name.startswith("on")]
    assert [address for address in read.addresses if not address.startswith("cid:")] == []
    assert read.unstyled == []
    assert "prefers-color-scheme:dark" in html
    assert "@import" not in html
    assert "url(" not in html


def test_what_calls_for_attention_stands_first_and_in_its_colour(box, tmp_path):
    rows = [REPORT["headlines"][2], REPORT["headlines"][0], REPORT["headlines"][1]]
    message = parsed(mail.compose(make_run(tmp_path, headlines=rows), None, box).content())
    assert re.findall(r"^ +([\d,]+)  ", text_of(message), re.MULTILINE) == ["37", "1", "1,284"]
    assert re.findall(r'<td class="ink line (\S*)"', html_of(message)) == ["notice-ink", "alarm-ink", ""]


def test_a_host_is_named_once_before_its_reason(run, box, tmp_path):
    assert "  - web03: connection refused\n" in text_of(parsed(mail.compose(run, settings_of(tmp_path), box).content()))


def test_why_a_host_is_missing_is_said_in_short_and_in_full_on_the_page(box, tmp_path):
    """The first screen of a mail has room for a clause, not for fingerprints and commands."""
    short, rest = "the host key has CHANGED", "it shows SHA256:AAAA, known_hosts knows SHA256:BBBB"
    missing = [{"host": "web03", "reason": f"{short}: {rest}", "short": short}]
    run = make_run(tmp_path, hosts={"seen": 14, "total": 15, "missing": missing})
    message = parsed(mail.compose(run, settings_of(tmp_path), box).content())
    assert f"  - web03: {short}\n" in text_of(message)
    assert f"</strong> – {short}</li>" in html_of(message)
    assert rest not in text_of(message) + html_of(message)
    assert mail.failures(run) == [f"web03: {short}: {rest}"]


def test_every_picture_is_described(run, box, tmp_path):
    html = html_of(parsed(mail.compose(run, settings_of(tmp_path), box).content()))
    assert re.findall(r'<img [^>]*alt="([^"]*)"', html) == ["Bars over time."]
    assert html.count("<img ") == 1


def test_with_a_base_url_the_mail_links_and_without_one_it_names_the_folder(run, tmp_path):
    linked = settings_of(tmp_path, base_url="https://reports.example.org/audit")
    html = html_of(parsed(mail.compose(run, linked, tmp_path / "one").content()))
    here = f"https://reports.example.org/audit/daily/2026-11-22/{RUN}/"
    assert [address for address in Reader(html).addresses if address.startswith("http")] == [
        f"{here}overview.html",
        f"{here}logins.html",
        f"{here}index.html",
    ]
    text = text_of(parsed(mail.compose(run, settings_of(tmp_path), tmp_path / "two").content()))
    assert str(run) in text.replace("\n  ", "")


def test_what_does_not_fit_under_the_limit_is_named_and_not_attached(run, box, tmp_path):
    (run / "overview.html").write_bytes(os.urandom(5000))
    small = settings_of(tmp_path, attach={"limit_mb": 0.004})
    message = parsed(mail.compose(run, small, box).content())
    assert [part.get_filename() for part in message.iter_attachments()] == [
        "index.html",
        "logins.html",
        "logins-by.csv",
    ]
    assert "Not attached, because it would be more than 4 KB: overview.html" in text_of(message)


def test_the_limit_is_three_megabytes_unless_set(run, box, tmp_path):
    (run / "overview.html").write_bytes(b"x" * (3 * 1024 * 1024 - 1000))
    (run / "logins.html").write_bytes(b"x" * 2000)
    message = parsed(mail.compose(run, settings_of(tmp_path), box).content())
    assert [part.get_filename() for part in message.iter_attachments()] == [
        "index.html",
        "overview.html",
        "logins-by.csv",
    ]


def test_attachments_and_charts_can_be_switched_off(run, box, tmp_path):
    bare = settings_of(tmp_path, attach={"html": False, "csv": False, "charts": 0})
    message = parsed(mail.compose(run, bare, box).content())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_picture_is_as_wide_as_it_is_sharp(run, box):
    (run / "figures/overview-v.png").write_bytes(png(624))
    html = html_of(parsed(mail.compose(run, None, box).content()))
    assert re.findall(r'<img [^>]*width="(\d+)"', html) == ["312"]


def test_a_run_that_replaces_a_mailed_one_says_so(run, box, tmp_path):
    letter = mail.compose(run, settings_of(tmp_path), box)
    outbox.keep(letter.told("ann@example.org", state="accepted"))
    again = make_run(tmp_path / "reports", run="20261123T090000000Z")
    said = "This run replaces the one that was mailed before"
    assert said in text_of(parsed(mail.compose(again, settings_of(tmp_path), box).content()))
    assert said not in text_of(parsed(letter.content()))


def test_without_settings_the_mail_waits_for_nobody(run, box):
    letter = mail.compose(run, None, box)
    assert letter.path == box / f"{RUN}.eml"
    assert "cp parameters/mail.example.yaml parameters/mail.yaml" in letter.held
    message = parsed(letter.content())
    assert message["To"] == "audit@localhost"
    assert "it has no recipient and is not sent" in re.sub(r"\s+", " ", text_of(message))
    assert [row.outcome for row in mail.status(box)] == ["held"]


def test_a_mail_that_waited_for_settings_can_be_composed_again_with_them(run, box, tmp_path):
    mail.compose(run, None, box)
    letter = mail.compose(run, settings_of(tmp_path), box)
    assert letter.held is None
    assert [row.recipient for row in mail.status(box)] == ["ann@example.org", "bob@example.org", "carol@example.org"]


def test_everything_in_the_outbox_is_private_whatever_the_umask(run, box, tmp_path):
    before = os.umask(0)
    try:
        mail.compose(run, settings_of(tmp_path), box)
        mail.compose_failure("daily", ["x"], settings_of(tmp_path), box)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in box.iterdir()}
    assert stat.S_IMODE(box.stat().st_mode) == 0o700
    assert len(modes) >= 5
    assert set(modes.values()) == {0o600}


def test_a_folder_that_is_no_run_is_told_so(tmp_path, box):
    with pytest.raises(AuditNbError, match=r"report\.json does not exist: this is not the folder of a finished report"):
        mail.compose(tmp_path, None, box)
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    with pytest.raises(AuditNbError, match="is no JSON"):
        mail.compose(tmp_path, None, box)
    (tmp_path / "report.json").write_text('{"name": "x"}', encoding="utf-8")
    with pytest.raises(AuditNbError, match=r"report\.json: run: field required"):
        mail.compose(tmp_path, None, box)


def test_hosts_are_counted_from_coverage_where_the_report_does_not(tmp_path, box):
    rows = [
        {"host": "web01", "outcome": "done", "reason": None},
        {"host": "web02", "outcome": "failed", "reason": "down"},
    ]
    run = make_run(tmp_path, hosts=None, coverage=rows)
    assert "1 of 2 hosts" in mail.compose(run, None, box).subject


# ---- hostile content ------------------------------------------------------------------------------

HOSTILE = [
    "x\r\nBcc: evil@example.org",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&lt;b&gt; &amp;",
    "\x1b[31mred\x1b[0m\x07",
    "abc\u202edcba\u2066\u2069\u200f",
    "nul\0byte",
    "\udc80\udcff surrogate",
    "\ud800",
    "=cmd|'/c calc'!A1",
    "가" * 5000,
    "a" * 100_000,
    "=?utf-8?q?forged?=",
    "\u2028line\u2029",
    "{n:one|many} {0} {{ 7*7 }} {% x %}",
    "javascript:alert(1)",
]


def hostile_run(reports: Path, evil: str) -> Path:
    return make_run(
        reports,
        name=evil,
        title=evil,
        language=evil,
        status=evil,
        verdict={"level": evil, "sentence": evil},
        period={"since": None, "until": None, "timezone": evil, "label": evil, "zone": evil},
        hosts={"seen": 1, "total": 2, "missing": [{"host": evil, "reason": evil}] * 50},
        headlines=[{"notebook": evil, "name": evil, "label": evil, "value": 3, "level": "alarm", "before": 1}] * 50,
        notebooks=[{"name": evil, "title": evil, "status": "failed", "says": evil, "error": evil, "html": evil}] * 50,
        tables=[{"title": evil, "csv": evil}, {"title": evil, "csv": "../../../../../../etc/passwd"}],
        figures=[{"notebook": evil, "title": evil, "alt": evil, "finding": evil, "png": "figures/overview-v.png"}] * 5,
        versions={"audit_nb": evil},
        mail=[],
    )


@pytest.mark.parametrize("evil", HOSTILE, ids=[ascii(one)[:30] for one in HOSTILE])
def test_what_a_log_says_cannot_become_header_markup_or_control(tmp_path, evil):
    safe = re.sub(r"[^a-z]", "", evil.lower())[:20] or "x"
    folder = hostile_run(tmp_path / "reports" / safe, "x")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (folder / "report.json").write_text(
        json.dumps(json.loads(json.dumps(report).replace('"x"', json.dumps(evil)))), encoding="utf-8"
    )
    letter = mail.compose(folder, settings_of(tmp_path, base_url="https://reports.example.org"), tmp_path / "outbox")
    message = parsed(letter.content())
    assert message["Bcc"] is None
    assert [name for name in message.keys() if name.lower() not in KNOWN_HEADERS] == []  # noqa: SIM118
    assert message["Subject"].isprintable()
    html = html_of(message)
    read = Reader(html)
    assert not {"script", "iframe", "object"} & set(read.tags)
    assert not [name for name in read.attributes if name.startswith("on")]
    assert all(re.match(r"cid:|https://reports\.example\.org/", address) for address in read.addresses)
    assert "".join(read.texts).replace("\n", "").isprintable()
    assert text_of(message).replace("\n", "").isprintable()
    assert len(html.encode()) <= 90_000
    assert [part.get_filename() for part in message.iter_attachments()] == ["index.html"]
    assert letter.path.parent == tmp_path / "outbox"


KNOWN_HEADERS = {
    "subject", "from", "to", "cc", "reply-to", "date", "message-id", "list-id", "auto-submitted", "content-language",
    "mime-version", "content-type",
}  # fmt: skip


@given(st.text())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_composing_and_it_reads_back_as_it_was(tmp_path, evil):
    folder = make_run(tmp_path, title=evil, verdict={"level": "alarm", "sentence": evil}, mail=[])
    message = parsed(mail.compose(folder, None, tmp_path / "outbox").content())
    said = words.visible(evil.replace("\n", " "))[:390]
    assert said in "".join(Reader(html_of(message)).texts)


def test_nothing_outside_the_run_is_ever_attached(run, box, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret", encoding="utf-8")
    (run / "tables/link.csv").symlink_to(secret)
    (run / "linked").symlink_to(tmp_path)
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    places = [
        "tables/link.csv",
        "linked/secret.csv",
        "../../../../secret.csv",
        str(secret),
        "tables",
        "report.json",
        "",
    ]
    report["tables"] = [{"title": "x", "csv": place} for place in places]
    report["figures"] = [{"notebook": "n", "title": "x", "png": place} for place in places]
    (run / "report.json").write_text(json.dumps(report), encoding="utf-8")
    message = parsed(mail.compose(run, None, box).content())
    assert [part.get_filename() for part in message.iter_attachments()] == [
        "index.html",
        "overview.html",
        "logins.html",
    ]


# ---- seen in a browser -----------------------------------------------------------------------------

CONTRAST = """
(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = rgb => rgb.slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = element => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(paper(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(walker.currentNode.textContent.trim());
  }
  return poor;
})()
"""
WIDE = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def browser(needs):
    with Browser(needs("chromium")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 600])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_mail_can_be_read_on_a_phone_and_a_desktop_in_light_and_dark(browser, tmp_path, language, width, dark):
    long = {"host": "web03", "reason": "x" * 300}
    run = make_run(tmp_path, language=language, hosts={"seen": 14, "total": 15, "missing": [long]})
    page = browser.open(
        mail_as_a_page(parsed(mail.compose(run, None, tmp_path / "outbox").content()), tmp_path).as_uri(),
        width=width,
        dark=dark,
    )
    assert page.requests == []
    assert page.complaints == []
    assert page.ask(WIDE) <= width
    assert page.ask("Array.from(document.images).map(i => i.naturalWidth > 0)") == [True]
    assert page.ask(CONTRAST) == []
    assert [one for one in page.violations() if one["impact"] in ("critical", "serious")] == []
    assert page.ask("getComputedStyle(document.body).backgroundColor") == (
        "rgb(15, 20, 25)" if dark else "rgb(246, 248, 250)"
    )


def test_a_mail_program_that_drops_the_style_sheet_still_shows_it_well(browser, run, tmp_path):
    page = mail_as_a_page(parsed(mail.compose(run, None, tmp_path / "outbox").content()), tmp_path)
    bare = re.sub(r"<style>.*?</style>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.write_text(bare.replace('name="color-scheme"', 'name="x"'), encoding="utf-8")
    seen = browser.open(page.as_uri(), width=390)
    assert seen.ask(WIDE) <= 390
    assert seen.ask(CONTRAST) == []


def test_letters_that_are_too_pale_would_be_found(browser, run, tmp_path):
    """The check of contrast can fail."""
    page = mail_as_a_page(parsed(mail.compose(run, None, tmp_path / "outbox").content()), tmp_path)
    page.write_text(page.read_text(encoding="utf-8").replace("#57606a", "#b0b0b0"), encoding="utf-8")
    assert "Events by hour" in browser.open(page.as_uri(), width=600).ask(CONTRAST)


# ---- mail.yaml ------------------------------------------------------------------------------------


def test_the_example_is_valid_and_names_a_group_for_the_shipped_reports():
    shipped = mail.load(EXAMPLE)
    assert "team" in shipped.groups
    reports = yaml.safe_load((EXAMPLE.parent / "reports.yaml").read_text(encoding="utf-8"))
    named = {group for report in reports.values() for group in report.get("mail") or ()}
    assert named <= set(shipped.groups)


def test_every_option_of_the_example_that_is_commented_out_is_valid_too(tmp_path):
    lines = EXAMPLE.read_text(encoding="utf-8").split("\n")
    body = lines[next(n for n, line in enumerate(lines) if line.startswith("from:")) :]
    switched_on = [re.sub(r"^(\s*)# (?=\s*[a-z_]+:)", r"\1", line) for line in body]
    (tmp_path / "own-ca.pem").write_text("", encoding="utf-8")
    path = tmp_path / "mail.yaml"
    path.write_text("\n".join(switched_on), encoding="utf-8")
    loaded = mail.load(path)
    assert loaded.base_url == "https://reports.example.org/"
    assert loaded.smtp.login == "xoauth2"
    assert not re.search(r"^\s*# [a-z_]+:", "\n".join(switched_on), re.MULTILINE)


def test_every_mistake_is_told_at_once_with_line_and_field(tmp_path):
    path = tmp_path / "mail.yaml"
    path.write_text(
        textwrap.dedent(
            """\
            from: nobody
            smtp:
              host: smtp.example.org
              pot: 25
              security: ssl
              password: hunter2
              timeout_s: soon
            groups:
              team: {to: [a@example.org, "b@example.org, c@example.org"], when: sometimes}
              none: {}
            attach: {limit_mb: -1}
            base_url: file:///etc
            grops: {}
            """
        ),
        encoding="utf-8",
    )
    with pytest.raises(UsageError) as caught:
        mail.load(path)
    told = str(caught.value)
    assert told.split("\n")[0] == f"{path}: 11 mistakes"
    assert re.findall(r"line (\d+), ([\w.]+):", told) == [
        ("1", "from"),
        ("4", "smtp.pot"),
        ("5", "smtp.security"),
        ("6", "smtp.password"),
        ("7", "smtp.timeout_s"),
        ("9", "groups.team.to.1"),
        ("9", "groups.team.when"),
        ("10", "groups.none"),
        ("11", "attach.limit_mb"),
        ("12", "base_url"),
        ("13", "grops"),
    ]
    assert "did you mean port?" in told
    assert "did you mean groups?" in told
    assert "hunter2" not in told


def test_a_missing_file_is_one_sentence_with_the_command_to_run(tmp_path):
    (tmp_path / "mail.example.yaml").write_bytes(EXAMPLE.read_bytes())
    with pytest.raises(UsageError) as caught:
        mail.load(tmp_path / "mail.yaml")
    assert f"`cp {tmp_path}/mail.example.yaml {tmp_path}/mail.yaml`" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("smtp", "said"),
    [
        ({"host": "smtp.example.org", "security": "none"}, "only for a server on this machine"),
        ({"host": "localhost", "security": "none", "user": "x"}, "never sent over a connection with security: none"),
        ({"host": "smtp.example.org", "ca_file": "gone.pem"}, "gone.pem does not exist"),
        ({"host": "smtp.example.org", "password_variable": "hunter2!"}, "never the secret"),
        ({"host": "smtp.example.org\nx"}, "smtp.host"),
    ],
)
def test_unsafe_settings_are_refused(tmp_path, smtp, said):
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        settings_of(tmp_path, smtp)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["a@b\nBcc: c@d", "a b@c.d", "@example.org", "a@", "a@-x.org", "김@example.org", "a@x@y.z", 7]
)
def test_what_is_no_address_is_refused(tmp_path, address):
    with pytest.raises(UsageError, match=r"groups\.team\.to\.0"):
        settings_of(tmp_path, groups={"team": {"to": [address]}})


def test_a_domain_in_hangul_becomes_what_mail_servers_carry(tmp_path):
    loaded = settings_of(tmp_path, groups={"team": {"to": ["김철수 <kim@한국.kr>"]}})
    mailbox = loaded.groups["team"].to[0]
    assert (mailbox.display_name, mailbox.addr_spec) == ("김철수", "kim@xn--3e0b707e.kr")


def test_a_group_that_is_not_in_the_file_is_told_before_anything_is_composed(box, tmp_path):
    run = make_run(tmp_path, mail=["taem"])
    with pytest.raises(UsageError, match="there is no group 'taem'; did you mean team"):
        mail.compose(run, settings_of(tmp_path), box)
    assert list(box.glob("*.eml")) == []


# ---- who wants it ---------------------------------------------------------------------------------


def test_one_person_in_two_groups_gets_one_mail(box, tmp_path):
    run = make_run(tmp_path, mail=["team", "chiefs"])
    groups = {"team": {"to": ["ann@example.org"]}, "chiefs": {"to": ["Ann@Example.org"], "bcc": ["eve@example.org"]}}
    letter = mail.compose(run, settings_of(tmp_path, groups=groups), box)
    assert [(one.address, one.kind) for one in letter.recipients] == [
        ("ann@example.org", "to"),
        ("eve@example.org", "bcc"),
    ]
    assert b"eve@example.org" not in letter.content()


@pytest.mark.parametrize(
    ("when", "changes", "wanted"),
    [
        ("always", {"status": "done", "verdict": {"level": "clean", "sentence": ""}}, True),
        ("alarm", {"verdict": {"level": "alarm", "sentence": ""}}, True),
        ("alarm", {"verdict": {"level": "blind", "sentence": ""}}, False),
        ("failure", {"status": "partial"}, True),
        ("failure", {"status": "failed"}, True),
        ("failure", {"status": "done"}, False),
    ],
)
def test_a_group_gets_a_report_only_when_it_wants_it(box, tmp_path, when, changes, wanted):
    groups = {"team": {"to": ["ann@example.org"], "when": when}}
    letter = mail.compose(make_run(tmp_path, **changes), settings_of(tmp_path, groups=groups), box)
    assert (letter.held is None) == wanted
    if not wanted:
        assert letter.held == "none of its groups wants it this time (see `when` in mail.yaml)"


def test_a_group_that_wants_changes_hears_of_another_verdict_only(box, tmp_path):
    groups = {"team": {"to": ["ann@example.org"], "when": "changed"}}
    chosen = settings_of(tmp_path, groups=groups)
    grown = [REPORT["headlines"][0] | {"value": 99}, *REPORT["headlines"][1:]]

    def held(run_id, **changes):
        return mail.compose(make_run(tmp_path, run=run_id, **changes), chosen, box).held is not None

    assert not held("1"), "the first report is news"
    assert held("2"), "the same again is none"
    assert held("3", headlines=grown), "a figure that grew is none"
    assert not held("4", verdict={"level": "blind", "sentence": "x"})
    assert not held("5"), "back again is news"
    assert not held("5"), "composing the same run again decides as before"
    assert held("6")


# ---- a mail server ---------------------------------------------------------------------------------


class Post:
    """A mailbox with a will of its own: `script` holds, for each step, what is answered before it says yes."""

    def __init__(self):
        self.received, self.script, self.logins = [], {}, []
        self.released = None

    def _next(self, step):
        waiting = self.script.get(step, [])
        return waiting.pop(0) if waiting else None

    async def _act(self, server, step):
        answer = self._next(step)
        if answer == "cut":
            server.transport.abort()
            return "451 gone"
        if answer == "silence":
            await asyncio.sleep(60)
        return answer

    async def handle_MAIL(self, server, session, envelope, address, options):
        answer = await self._act(server, "MAIL")
        if answer:
            return answer
        envelope.mail_from = address
        return "250 sender ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self._act(server, address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 recipient ok"

    async def handle_DATA(self, server, session, envelope):
        answer = await self._act(server, "DATA")
        if answer == "451 gone" or (answer and answer[0] in "45"):
            return answer
        self.received.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        if answer == "accept and cut":
            server.transport.abort()
        if isinstance(answer, tuple):  # ("kill", pid): the sender dies with the answer on its way
            os.kill(answer[1], signal.SIGKILL)
            await asyncio.sleep(0.2)
        return "250 2.0.0 queued as 4711"

    def authenticate(self, server, session, envelope, mechanism, auth_data):
        got = (auth_data.login.decode(), auth_data.password.decode())
        self.logins.append((mechanism, got[0]))
        return AuthResult(success=got == (USER, PASSWORD), handled=False)


class Xoauth2(SMTP):
    """aiosmtpd with one more way to log in."""

    async def auth_XOAUTH2(self, server, args):
        said = base64.b64decode(args[1]).decode()
        self.event_handler.logins.append(("XOAUTH2", said))
        if said == f"user={USER}\1auth=Bearer {PASSWORD}\1\1":
            return AuthResult(success=True)
        await self.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=False, handled=False)


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def serving(post, authority, *, kind=SMTP, tls=True, implicit=False, login=True, **options):
    """A server on a loopback port that is given to the block."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    known = {"timeout": 30.0, "enable_SMTPUTF8": True, **options}
    if login:
        known |= {"authenticator": post.authenticate, "auth_required": True, "auth_require_tls": tls and not implicit}
    if tls and not implicit:
        known |= {"tls_context": context, "require_starttls": True}

    class Here(Controller):
        def factory(self):
            return kind(self.handler, **self.SMTP_kwargs)

    server = Here(post, hostname="127.0.0.1", port=free_port(), ssl_context=context if implicit else None, **known)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@pytest.fixture
def post():
    return Post()


@pytest.fixture
def smtp(tmp_path, authority, monkeypatch):
    """Settings for a server at a port, and the secret in the environment."""
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def at(port, **changes):
        known = {"host": "localhost", "port": port, "ca_file": "ca.pem", "user": USER, "retry_after_s": [0.0, 0.0]}
        known |= {"timeout_s": 5} | changes
        return {name: value for name, value in known.items() if value is not None}

    return at


def outcomes(rows) -> dict[str, str]:
    return {row.recipient: row.outcome for row in rows}


EVERYBODY = ["ann@example.org", "bob@example.org", "carol@example.org"]


def test_what_arrives_is_what_was_composed(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        letter = mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
    assert [(row.outcome, row.reason) for row in rows] == [("done", "250 2.0.0 queued as 4711")] * 3
    assert [(sender, to) for sender, to, _ in post.received] == [("audit@example.org", EVERYBODY)]
    content = post.received[0][2]
    assert sha256(content) == sha256(letter.content())
    message = parsed(content)
    assert message["Subject"] == letter.subject
    attached = {part.get_filename(): sha256(part.get_payload(decode=True)) for part in message.iter_attachments()}
    assert attached["overview.html"] == sha256((run / "overview.html").read_bytes())
    assert attached["logins-by.csv"] == sha256((run / "tables/logins-by.csv").read_bytes())
    assert post.logins == [("PLAIN", USER)]


def test_who_has_got_it_is_never_sent_to_again(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        mail.send(box, chosen)
        assert mail.send(box, chosen) == []
        mail.compose(run, chosen, box)
        assert mail.send(box, chosen) == []
        more = settings_of(tmp_path, smtp(port), groups={"team": {"to": ["ann@example.org", "dan@example.org"]}})
        mail.compose(run, more, box)
        assert outcomes(mail.send(box, more)) == {"dan@example.org": "done"}
    assert [to for _, to, _ in post.received] == [EVERYBODY, ["dan@example.org"]]
    assert post.received[0][2] == post.received[1][2], "who comes later gets the very same mail"


def test_greylisting_is_waited_for(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["451 4.7.1 greylisted, try again later"], "DATA": ["452 4.3.1 disk full"]}
    pauses, steps = [], []
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port, retry_after_s=[7, 60]))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen, sleep=pauses.append, tell=steps.append)
    assert outcomes(rows) == dict.fromkeys(EVERYBODY, "done")
    assert [to for _, to, _ in post.received] == [EVERYBODY]
    assert pauses == [7.0], "after the second try nothing waited any more"
    assert "what was put off is tried again in 7 s" in [step.text for step in steps]


def test_while_a_sender_pauses_others_may_compose_and_send(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["451 4.7.1 greylisted"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port, retry_after_s=[1]))
        more = settings_of(tmp_path, smtp(port), groups={"team": {"to": ["bob@example.org", "dan@example.org"]}})
        mail.compose(run, chosen, box)

        def meanwhile(pause):
            mail.compose(run, more, box)
            mail.send(box, more)

        rows = mail.send(box, chosen, sleep=meanwhile)
    assert outcomes(rows) == dict.fromkeys(EVERYBODY, "done")
    assert [to for _, to, _ in post.received] == [
        ["ann@example.org", "carol@example.org"],
        ["bob@example.org", "dan@example.org"],
    ]


def test_what_is_put_off_too_often_stays_in_the_outbox(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["451 4.7.1 greylisted"] * 3}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
        assert outcomes(rows) == {"ann@example.org": "done", "bob@example.org": "waiting", "carol@example.org": "done"}
        assert [row.reason for row in mail.status(box) if row.outcome == "waiting"] == ["451 4.7.1 greylisted"]
        assert outcomes(mail.send(box, chosen)) == {"bob@example.org": "done"}
    assert [to for _, to, _ in post.received] == [["ann@example.org", "carol@example.org"], ["bob@example.org"]]


def test_a_refused_recipient_is_told_and_does_not_block_the_others(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["550 5.1.1 no such user\x1b[31m"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
        assert outcomes(rows) == {"ann@example.org": "done", "bob@example.org": "refused", "carol@example.org": "done"}
        assert next(row.reason for row in rows if row.outcome == "refused") == "550 5.1.1 no such user\\x1b[31m"
        assert mail.send(box, chosen) == [], "a refusal is final until the report is asked for again"
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == {"bob@example.org": "done"}


def test_when_all_are_refused_nothing_is_handed_over(run, box, tmp_path, post, authority, smtp):
    post.script = {address: ["550 5.1.1 no such user"] for address in EVERYBODY}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "refused")
    assert post.received == []


def test_refused_content_is_final(run, box, tmp_path, post, authority, smtp):
    post.script = {"DATA": ["554 5.7.1 looks like spam"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "refused")


@pytest.mark.parametrize("step", ["MAIL", "bob@example.org", "DATA"])
def test_a_cut_connection_is_tried_again(run, box, tmp_path, post, authority, smtp, step):
    post.script = {step: ["cut"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    assert [to for _, to, _ in post.received] == [EVERYBODY]


@pytest.mark.parametrize("step", ["MAIL", "DATA"])
def test_a_silent_server_is_left_and_told(run, box, tmp_path, post, authority, smtp, step):
    post.script = {step: ["silence"]}
    bare = {"html": False, "csv": False, "charts": 0}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port, timeout_s=0.5, retry_after_s=[]), attach=bare)
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
    assert outcomes(rows) == dict.fromkeys(EVERYBODY, "waiting")
    assert {row.reason.split(";")[0] for row in rows} == {"the server did not answer in time"}


def test_a_lost_answer_means_a_second_copy_with_the_same_message_id(run, box, tmp_path, post, authority, smtp):
    post.script = {"DATA": ["accept and cut"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port, retry_after_s=[]))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
        assert outcomes(rows) == dict.fromkeys(EVERYBODY, "waiting")
        assert all("it may arrive twice" in row.reason for row in rows)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    first, second = (parsed(content) for _, _, content in post.received)
    assert first["Message-ID"] == second["Message-ID"] == f"<daily.{RUN}@example.org>"
    assert post.received[0][2] == post.received[1][2]


def test_a_sender_killed_between_acceptance_and_record_sends_the_same_mail_again(
    run, box, tmp_path, post, authority, smtp
):
    """The one moment that no record can cover: mail programs join copies with one Message-ID."""
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        code = (
            "import sys; from pathlib import Path; from audit_nb import mail;"
            "sys.stdin.readline(); mail.send(Path(sys.argv[2]), mail.load(Path(sys.argv[1])))"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "mail.yaml"), str(box)]
        sender = subprocess.Popen(command, stdin=subprocess.PIPE)
        post.script = {"DATA": [("kill", sender.pid)]}
        sender.communicate(b"go\n", timeout=60)
        assert sender.returncode == -signal.SIGKILL
        assert {(row.outcome, "may arrive twice" in row.reason) for row in mail.status(box)} == {("waiting", True)}
        # Composing again must not change what some may already hold.
        mail.compose(run, settings_of(tmp_path, smtp(port), tag="other"), box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    assert len(post.received) == 2
    assert post.received[0][2] == post.received[1][2]


def test_a_wrong_password_blocks_and_is_not_tried_again(run, box, tmp_path, post, authority, smtp, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "wrong")
    pauses = []
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen, sleep=pauses.append)
        assert outcomes(rows) == dict.fromkeys(EVERYBODY, "waiting")
        assert "refused the login of audit@example.org: 535" in rows[0].reason
        assert (len(post.logins), pauses) == (1, [])
        monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    everything = b"".join(path.read_bytes() for path in box.iterdir())
    assert PASSWORD.encode() not in everything


def test_the_password_comes_from_a_credential_file(run, box, tmp_path, post, authority, smtp, monkeypatch):
    monkeypatch.delenv("SMTP_PASSWORD")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port, password_variable="mail-secret"))
        mail.compose(run, chosen, box)
        assert "the secret mail-secret is nowhere" in mail.send(box, chosen)[0].reason
        (tmp_path / "mail-secret").write_text(PASSWORD + "\n", encoding="utf-8")
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")


def test_a_server_that_only_knows_login_is_spoken_to(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority, auth_exclude_mechanism=["PLAIN"]) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    assert post.logins == [("LOGIN", USER)]


def test_an_access_token_logs_in_and_a_wrong_one_is_told(run, box, tmp_path, post, authority, smtp, monkeypatch):
    with serving(post, authority, kind=Xoauth2) as port:
        chosen = settings_of(tmp_path, smtp(port, login="xoauth2"))
        mail.compose(run, chosen, box)
        monkeypatch.setenv("SMTP_PASSWORD", "expired")
        assert "refused the login" in mail.send(box, chosen)[0].reason
        monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")


def test_tls_from_the_first_byte(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority, implicit=True, login=False) as port:
        chosen = settings_of(tmp_path, smtp(port, security="tls", user=None))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_without_starttls_nothing_is_sent(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority, tls=False) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
    assert "does not offer STARTTLS, and nothing is sent in the clear" in rows[0].reason
    assert (post.received, post.logins) == ([], [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_untrusted_certificate_stops_before_the_password(run, box, tmp_path, post, authority, smtp, security):
    with serving(post, trustme.CA(), implicit=security == "tls", login=security != "tls") as port:
        chosen = settings_of(tmp_path, smtp(port, security=security))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
    assert "is not trusted" in rows[0].reason
    assert "smtp.ca_file" in rows[0].reason
    assert (post.received, post.logins) == ([], [])


def test_a_certificate_for_another_name_is_not_trusted(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port, host="127.0.0.1"))
        mail.compose(run, chosen, box)
        assert "is not trusted" in mail.send(box, chosen)[0].reason


def test_a_server_that_is_not_there_is_named(run, box, tmp_path, authority, smtp):
    with serving(Post(), authority) as port:
        pass
    chosen = settings_of(tmp_path, smtp(port))
    mail.compose(run, chosen, box)
    rows = mail.send(box, chosen)
    assert {row.reason for row in rows} == {f"localhost:{port} cannot be reached: Connection refused"}
    assert [recipient.tries for recipient in outbox.letters(box)[0].recipients] == [3, 3, 3]


def test_a_letter_that_is_too_large_goes_without_attachments_and_says_so(run, box, tmp_path, post, authority, smtp):
    (run / "overview.html").write_bytes(b"x" * 200_000)
    with serving(post, authority, data_size_limit=100_000) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    message = parsed(post.received[0][2])
    assert list(message.iter_attachments()) == []
    assert "Nothing is attached, because the mail server takes at most 98 KB" in text_of(message)
    assert message["To"] == "Ann Kim <ann@example.org>, bob@example.org"
    assert message["Message-ID"] == f"<daily.{RUN}@example.org>"
    assert (box / f"{RUN}.eml").read_bytes() == post.received[0][2]


@pytest.mark.parametrize("step", ["MAIL", "DATA"])
def test_a_server_that_only_then_finds_it_too_large_gets_it_without_attachments(
    run, box, tmp_path, post, authority, smtp, step
):
    post.script = {step: ["552 5.3.4 message too big"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        assert outcomes(mail.send(box, chosen)) == dict.fromkeys(EVERYBODY, "done")
    assert list(parsed(post.received[0][2]).iter_attachments()) == []


def test_a_letter_that_is_too_large_even_then_waits_and_says_so(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority, data_size_limit=5000) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
    assert outcomes(rows) == dict.fromkeys(EVERYBODY, "waiting")
    assert "the server takes at most 5,000 bytes, and the letter has" in rows[0].reason


def test_a_sender_that_is_not_welcome_is_told(run, box, tmp_path, post, authority, smtp):
    post.script = {"MAIL": ["550 5.7.1 not you"] * 3}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        rows = mail.send(box, chosen)
    assert outcomes(rows) == dict.fromkeys(EVERYBODY, "waiting")
    assert rows[0].reason == "the server does not take mail from audit@example.org: 550 5.7.1 not you"


def test_what_has_waited_for_days_is_given_up_and_told(run, box, tmp_path, authority, smtp):
    with serving(Post(), authority) as port:
        pass
    chosen = settings_of(tmp_path, smtp(port, retry_after_s=[]))
    letter = mail.compose(run, chosen, box)
    mail.send(box, chosen)
    state = json.loads(letter.path.with_suffix(".json").read_text(encoding="utf-8"))
    state["composed_at"] = "2020-01-01T00:00:00+00:00"
    letter.path.with_suffix(".json").write_text(json.dumps(state), encoding="utf-8")
    assert mail.send(box, chosen) == []
    assert outcomes(mail.status(box)) == dict.fromkeys(EVERYBODY, "expired")


def test_two_letters_wait_and_only_the_named_one_is_sent(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        other = mail.compose(make_run(tmp_path / "reports", run="20261123T000000000Z"), chosen, box)
        mail.send(box, chosen, only=[other.name])
    assert [parsed(content)["Message-ID"] for _, _, content in post.received] == [other.message_id]
    assert [row.outcome for row in mail.status(box)] == ["waiting"] * 3 + ["done"] * 3


def test_two_senders_at_once_send_once(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        code = "import sys; from pathlib import Path; from audit_nb import mail; mail.send(Path(sys.argv[2]), mail.load(Path(sys.argv[1])))"
        command = [sys.executable, "-c", code, str(tmp_path / "mail.yaml"), str(box)]
        both = [subprocess.Popen(command) for _ in range(2)]
        assert [sender.wait(60) for sender in both] == [0, 0]
    assert len(post.received) == 1


def test_a_report_is_sent_again_by_its_name_to_those_who_have_not_got_it(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["550 5.7.1 you must log in first"]}
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        mail.send(box, chosen)
        assert outcomes(mail.send(box, chosen, only=["daily"])) == {"bob@example.org": "done"}
        assert mail.send(box, chosen, only=[RUN]) == []
        with pytest.raises(UsageError, match=f"no letter 'weekly' .* it has: daily, {RUN}"):
            mail.send(box, chosen, only=["weekly"])
    assert [to for _, to, _ in post.received] == [["ann@example.org", "carol@example.org"], ["bob@example.org"]]


def test_a_held_letter_is_not_sent_and_is_no_failure(run, box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        letter = mail.compose(run, None, box)
        assert mail.send(box, chosen) == []
        assert mail.send(box, chosen, only=[letter.name]) == []
    assert post.received == []


def test_two_reports_that_began_in_the_same_moment_have_a_letter_each(box, tmp_path):
    first = mail.compose(make_run(tmp_path), None, box)
    second = mail.compose(make_run(tmp_path, name="weekly"), None, box)
    assert (first.path.name, second.path.name) == (f"{RUN}.eml", f"{RUN}-weekly.eml")


def test_a_state_that_cannot_be_read_is_no_licence_to_send_again(run, box, tmp_path):
    letter = mail.compose(run, settings_of(tmp_path), box)
    letter.path.with_suffix(".json").write_text("{", encoding="utf-8")
    with pytest.raises(AuditNbError, match="without it nobody knows who has got"):
        mail.send(box, settings_of(tmp_path))


def test_progress_is_told_for_each_recipient(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["550 5.1.1 no such user"]}
    steps = []
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        mail.send(box, chosen, tell=steps.append)
    assert [(step.stage, step.item, step.failed) for step in steps] == [
        ("send", "ann@example.org", False),
        ("send", "bob@example.org", True),
        ("send", "carol@example.org", False),
    ]


def audit_nb(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command line, with the outbox and mail.yaml of a folder."""
    places = ["--outbox-dir", str(folder / "outbox"), "--parameters-dir", str(folder)]
    command = [sys.executable, "-m", "audit_nb", *places, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_line_sends_and_tells_the_status(run, box, tmp_path, post, authority, smtp):
    post.script = {"bob@example.org": ["550 5.1.1 no such user"]}
    with serving(post, authority) as port:
        mail.compose(run, settings_of(tmp_path, smtp(port)), box)
        sent = audit_nb(tmp_path, "send")
        again = audit_nb(tmp_path, "send")
        unknown = audit_nb(tmp_path, "send", "weekly")
    assert (sent.returncode, again.returncode, unknown.returncode) == (1, 0, 2), "somebody was refused; nothing waits"
    assert f"{RUN} to bob@example.org: refused (550 5.1.1 no such user)" in sent.stderr
    status = audit_nb(tmp_path, "send", "--status", "--format", "csv").stdout
    assert [line.split(",")[1:3] for line in status.split("\n")[1:4]] == [
        ["ann@example.org", "done"],
        ["bob@example.org", "refused"],
        ["carol@example.org", "done"],
    ]


def test_a_hurried_sender_tries_once_and_asks_a_dead_server_once(run, box, tmp_path, smtp, monkeypatch):
    """Somebody sits there and waits: no pauses, no second letter tried where the first found nobody, ten seconds at most."""
    asked = []
    monkeypatch.setattr(socket, "create_connection", lambda *given, **_: asked.append(given[1]) or refuse())
    chosen = settings_of(tmp_path, smtp(2525, retry_after_s=[600], timeout_s=60))
    mail.compose(run, chosen, box)
    mail.compose(make_run(tmp_path / "reports", run="20261123T000000000Z"), chosen, box)
    rows = mail.send(box, chosen, hurried=True, sleep=lambda pause: pytest.fail("no pause"))
    assert asked == [10.0]
    assert {row.outcome for row in rows} == {"waiting"}
    assert len(rows) == 6
    assert {row.reason for row in rows} == {"localhost:2525 cannot be reached: Connection refused"}
    assert [recipient.tries for one in outbox.letters(box) for recipient in one.recipients] == [1] * 6


def refuse():
    raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def test_a_wrong_password_is_offered_once_however_many_letters_wait(
    run, box, tmp_path, post, authority, smtp, monkeypatch
):
    """A server may lock an account after a few wrong ones."""
    monkeypatch.setenv("SMTP_PASSWORD", "wrong")
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        mail.compose(run, chosen, box)
        mail.compose(make_run(tmp_path / "reports", run="20261123T000000000Z"), chosen, box)
        rows = mail.send(box, chosen)
    assert len(rows) == 6 and {row.outcome for row in rows} == {"waiting"}
    assert len(post.logins) == 1


# ---- the whole stair, and its mail ------------------------------------------------------------------


@pytest.fixture
def office(tmp_path, run, smtp):
    """A folder from which a small report of imported logs is made and mailed; `office(port, notebook)` runs it."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "hosts.yaml").write_text(
        "hosts:\n  web01: {address: 127.0.0.1, port: 1, retries: 0, ssh_config: false}\n"
    )
    (tmp_path / "reports.yaml").write_text("small:\n  notebooks: [small]\n  mail: [team]\n")
    (tmp_path / "small.yaml").write_text("{}")

    def at(port, source="1 + 1", **changes):
        settings_of(tmp_path, smtp(port, **changes))
        cells = [new_markdown_cell("# Small"), new_code_cell(source)]
        nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks/small.ipynb")
        return audit_nb(tmp_path, "run", "small")

    return at


def test_a_report_stands_there_before_its_mail_is_tried(office, tmp_path):
    """A server that is down costs one try: the report is shown, its mail waits, and one sentence says so."""
    began = time.monotonic()
    ran = office(free_port(), retry_after_s=[600.0])
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert time.monotonic() - began < 300, "no pause of ten minutes"
    lines = ran.stderr.strip().split("\n")
    shown = next(number for number, line in enumerate(lines) if line.startswith("  report "))
    said = [number for number, line in enumerate(lines) if "waits in the outbox" in line]
    assert len(said) == 1 and said[0] > shown
    assert re.fullmatch(
        r"The mail to ann@example\.org, bob@example\.org, carol@example\.org, root@example\.org waits in the outbox "
        r"\(localhost:\d+ cannot be reached: Connection refused\): `audit-nb send` tries again\.",
        lines[said[0]],
    ), lines[said[0]]
    assert Path(tmp_path, lines[shown].split()[1]).exists()


def test_a_failing_report_is_mailed_and_so_is_the_failure(office, post, authority):
    """Everybody gets the report with what it did not see; the administrators a short message besides."""
    with serving(post, authority) as port:
        ran = office(port, "1 / 0")
    assert ran.returncode == 1
    assert "The mail was sent to 4 of 4." in ran.stderr
    to = {tuple(to): parsed(content) for _, to, content in post.received}
    assert to.keys() == {tuple(EVERYBODY), ("root@example.org",)}
    failed = text_of(to["root@example.org",])
    assert "small: ZeroDivisionError: division by zero" in failed
    assert "web01: 127.0.0.1:1 refuses connections" in failed.replace("\n    ", " ")
    assert "Small: This notebook failed: ZeroDivisionError" in text_of(to[tuple(EVERYBODY)])


def test_where_no_report_can_be_made_the_administrators_are_told(office, tmp_path, post, authority):
    """Folders that cannot be written, the outbox too: those who look after it hear why all the same."""
    for name in ("data", "outbox"):
        (tmp_path / name).write_text("a file where a folder must be")
    with serving(post, authority) as port:
        ran = office(port)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    said = ran.stderr.strip().split("\n")[-1]
    assert re.fullmatch(r"data\S*: Not a directory; a folder is needed there. What was finished before is kept.", said)
    ((_, to, content),) = post.received
    assert to == ["root@example.org"]
    assert said in text_of(parsed(content)).replace("\n    ", " ")


def test_a_mistake_in_a_file_is_mailed_where_nobody_sits_who_reads_it(office, tmp_path, post, authority):
    """A timer starts the report at six; its parameters have been mistyped the evening before."""
    (tmp_path / "small.yaml").write_text("sinse: yesterday\n")
    with serving(post, authority) as port:
        ran = office(port)
    assert ran.returncode == 2
    ((_, to, content),) = post.received
    assert to == ["root@example.org"]
    assert "did you mean since?" in text_of(parsed(content)).replace("\n    ", " ")


# ---- failure is mailed too -------------------------------------------------------------------------


def test_the_administrators_get_a_short_message_when_something_failed(box, tmp_path, post, authority, smtp):
    with serving(post, authority) as port:
        chosen = settings_of(tmp_path, smtp(port))
        sentences = ["web03: connection refused", "evil\r\nBcc: x@example.org \x1b[31m"]
        mail.compose_failure("daily", sentences, chosen, box, command="audit-nb fetch")
        assert outcomes(mail.send(box, chosen)) == {"root@example.org": "done"}
    message = parsed(post.received[0][2])
    assert re.fullmatch(r"\[audit_nb\] daily failed · \d{4}-\d\d-\d\d \d\d:\d\d UTC", message["Subject"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Bcc"] is None
    text = text_of(message)
    assert "  - web03: connection refused\n" in text
    assert "\\x1b[31m" in text
    assert "    audit-nb fetch\n" in text


def test_two_failures_are_two_messages(box, tmp_path):
    letters = [mail.compose_failure("daily", ["x"], settings_of(tmp_path), box) for _ in range(2)]
    assert len({letter.path for letter in letters} | {letter.message_id for letter in letters}) == 4


def test_without_administrators_a_failure_is_composed_and_held(box, tmp_path):
    letter = mail.compose_failure("daily", ["x"], settings_of(tmp_path, admins=[]), box, language="ko")
    assert letter.held == "mail.yaml names no admins"
    assert "실패" in letter.subject


def test_what_failed_in_a_run_is_known(tmp_path):
    notebooks = [REPORT["notebooks"][0], {"name": "logins", "status": "failed", "error": "KeyError: 'x'"}]
    run = make_run(tmp_path, notebooks=notebooks)
    assert mail.failures(run) == ["web03: connection refused", "logins: KeyError: 'x'"]
    seen = {"seen": 15, "total": 15, "missing": []}
    assert mail.failures(make_run(tmp_path, hosts=seen)) == []


# ---- the real thing --------------------------------------------------------------------------------


@pytest.fixture
def postfix(needs, tmp_path_factory, authority):
    """Debian's Postfix on a loopback port with a queue of its own, which wants TLS and a login; its mailbox and its port."""
    program, saslpasswd = needs("postfix"), needs("saslpasswd2")
    if os.geteuid() != 0:
        pytest.skip("Postfix can only be started by root")
    import pwd

    place = tmp_path_factory.mktemp("postfix")
    for parent in (place, *place.parents):
        if parent.owner() == "root" and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    for name in ("etc", "queue", "data", "box", "etc/sasl"):
        (place / name).mkdir(mode=0o755)
    os.chown(place / "data", pwd.getpwnam("postfix").pw_uid, -1)
    user, _, realm = USER.partition("@")
    known = ["-c", "-p", "-f", place / "etc/sasl/users", "-u", realm, user]
    subprocess.run([saslpasswd, *known], input=PASSWORD.encode(), check=True, capture_output=True)
    os.chown(place / "etc/sasl/users", pwd.getpwnam("postfix").pw_uid, -1)
    (place / "etc/sasl/smtpd.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {place}/etc/sasl/users\nmech_list: PLAIN LOGIN\n"
    )
    nobody = pwd.getpwnam("nobody")
    os.chown(place / "box", nobody.pw_uid, nobody.pw_gid)
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(place / "server.pem")
    port = free_port()
    (place / "etc/main.cf").write_text(
        textwrap.dedent(
            f"""\
            compatibility_level = 3.6
            queue_directory = {place}/queue
            data_directory = {place}/data
            maillog_file_prefixes = {place}
            maillog_file = {place}/log
            myhostname = mail.example.org
            mydestination =
            mynetworks = 127.0.0.0/8
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            alias_maps =
            virtual_mailbox_domains = example.org
            virtual_mailbox_base = {place}/box
            virtual_mailbox_maps = static:all/
            virtual_minimum_uid = 1
            virtual_uid_maps = static:{nobody.pw_uid}
            virtual_gid_maps = static:{nobody.pw_gid}
            virtual_mailbox_limit = 0
            smtpd_tls_chain_files = {place}/server.pem
            smtpd_tls_security_level = encrypt
            smtpd_tls_auth_only = yes
            smtpd_sasl_auth_enable = yes
            smtpd_sasl_path = smtpd
            smtpd_recipient_restrictions = check_recipient_access inline:{{bob@example.org=REJECT}}, permit_sasl_authenticated, reject
            message_size_limit = 1000000
            """
        ),
        encoding="utf-8",
    )
    services = ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr"]
    services += [f"{name} unix - - n - - {program}" for name, program in POSTFIX_SERVICES]
    services += [
        "virtual unix - n n - - virtual",
        "postlog unix-dgram n - n - 1 postlogd",
        f"127.0.0.1:{port} inet n - n - - smtpd",
    ]
    (place / "etc/master.cf").write_text("\n".join(services) + "\n", encoding="utf-8")
    subprocess.run([program, "-c", str(place / "etc"), "start"], check=True, capture_output=True, timeout=60)
    try:
        yield place / "box/all/new", port
    finally:
        subprocess.run([program, "-c", str(place / "etc"), "stop"], check=False, capture_output=True, timeout=60)


POSTFIX_SERVICES = [
    ("rewrite", "trivial-rewrite"), ("bounce", "bounce"), ("defer", "bounce"), ("trace", "bounce"), ("proxymap", "proxymap"),
    ("error", "error"), ("retry", "error"), ("anvil", "anvil"),
]  # fmt: skip


def test_postfix_delivers_what_was_composed(run, box, tmp_path, smtp, postfix):
    """STARTTLS, login, a refused recipient and SIZE at a mail server that people really run."""
    mailbox, port = postfix
    nobody = settings_of(tmp_path, smtp(port, user=None, timeout_s=30))
    mail.compose(make_run(tmp_path / "reports", run="20261121T000000000Z"), nobody, box)
    assert set(outcomes(mail.send(box, nobody)).values()) == {"refused"}, "without a login nothing is taken"
    (run / "overview.html").write_bytes(os.urandom(600_000))
    chosen = settings_of(tmp_path, smtp(port, timeout_s=30))
    letter = mail.compose(run, chosen, box)
    composed = letter.content()
    other = mail.compose(make_run(tmp_path / "reports", run="20261123T000000000Z"), chosen, box)
    huge = make_run(tmp_path / "reports", run="20261124T000000000Z")
    (huge / "overview.html").write_bytes(os.urandom(900_000))
    mail.compose(huge, chosen, box)
    rows = mail.send(box, chosen)
    assert outcomes(rows) == {"ann@example.org": "done", "bob@example.org": "refused", "carol@example.org": "done"}
    # Delivery from Postfix's queue into the mailbox is its own affair; we wait for it.
    ended = time.monotonic() + 60
    while len(list(mailbox.glob("*")) if mailbox.exists() else []) < 6 and time.monotonic() < ended:
        time.sleep(0.1)
    arrived = [parsed(path.read_bytes()) for path in mailbox.iterdir()]
    by_id = {message["Message-ID"]: message for message in arrived}
    assert len(arrived) == 6, "three letters for two recipients each"
    got, sent = by_id[letter.message_id], parsed(composed)
    assert got["Subject"] == sent["Subject"]
    assert text_of(got) == text_of(sent)
    assert html_of(got) == html_of(sent)
    digests = [[sha256(part.get_payload(decode=True)) for part in m.iter_attachments()] for m in (got, sent)]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 4
    assert by_id[other.message_id]["Subject"] == sent["Subject"]
    assert list(by_id["<daily.20261124T000000000Z@example.org>"].iter_attachments()) == [], "its size was too large"
