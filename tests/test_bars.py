"""In a notebook steps stand as bars below the cell, whichever thread they come from."""

import json
import re

import pytest
from jupyter_client.manager import KernelManager

from audit_nb import bars
from audit_nb.progress import Step
from audit_nb.terminal import Display

CELL = """
from audit_nb import bars, collect, inventory
tell = bars.shown()
results = collect.fetch(inventory.load({hosts!r}), {data!r}, tell=tell)
from audit_nb.progress import Step
tell(Step("fetch", "<script>alert(1)</script>", 5, 10))
tell(Step("fetch", "<script>alert(1)</script>", text="gone \\x1b[2J <b>", failed=True))
"""


def test_a_fetch_in_a_notebook_shows_a_bar_for_each_host(sshd, tmp_path):
    """A real kernel says where it is drawn: below the cell, from the first bytes to the sentence of each host."""
    server = sshd()
    line = b"type=SYSCALL msg=audit(1767225600.000:%d): " + b"x" * 500 + b"\n"
    server.log.write_bytes(b"".join(line % number for number in range(8000)))
    common = {
        "address": "127.0.0.1",
        "port": server.port,
        "user": server.user,
        "key_file": str(server.folder / "login_key"),
        "known_hosts": str(server.known_hosts),
        "ssh_config": False,
        "facts": False,
        "log_path": str(server.log),
    }
    hosts = {"web01": {"compress": False}, "db02": {"compress": False}, "away": {"port": 1, "retries": 0}}
    (tmp_path / "hosts.yaml").write_text(json.dumps({"defaults": common, "hosts": hosts}))
    manager = KernelManager(transport="ipc", ip=str(tmp_path / "k"))
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        seen = []
        cell = CELL.format(hosts=str(tmp_path / "hosts.yaml"), data=str(tmp_path / "data"))
        reply = client.execute_interactive(cell, timeout=120, output_hook=seen.append)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok", [message["content"] for message in seen]
    drawn = [message for message in seen if message["msg_type"] in ("display_data", "update_display_data")]
    assert [message["msg_type"] for message in drawn[:2]] == ["display_data", "update_display_data"]
    assert len({message["content"]["transient"]["display_id"] for message in drawn}) == 1
    assert {message["parent_header"]["msg_id"] for message in drawn} == {reply["parent_header"]["msg_id"]}
    pages = [message["content"]["data"]["text/html"] for message in drawn]
    bar = re.compile(r'<progress aria-label="Fetching (?:web01|db02)" value="[1-9]\d*" max="4\d{6}"></progress>')
    assert any(bar.search(page) for page in pages)
    last = pages[-1]
    assert "✓ Fetching web01: 4," in last
    assert "✓ Fetching db02: 4," in last
    assert "✗ Fetching away: 127.0.0.1:1 refuses connections" in last
    assert "<script>" not in "".join(pages)
    assert "\x1b" not in "".join(pages)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;: gone" in last


def test_outside_a_notebook_steps_stand_as_in_a_terminal():
    """The same word serves a script."""
    assert isinstance(bars.shown(), Display)


@pytest.mark.parametrize(("count", "sentences"), [(60, 60), (200, 61)])
def test_of_many_hosts_the_newest_and_the_failed_stay(count, sentences):
    """What ended well is counted; what failed is always told."""
    drawn = bars.Bars()
    drawn._draw = lambda: None
    for number in range(count):
        drawn(Step("fetch", f"host{number}", text="done", failed=number == 3))
    page = drawn._markup()
    assert page.count("Fetching host") == sentences
    assert "✗ Fetching host3: done" in page
    assert ("and 139 more that ended well" in page) == (count == 200)
