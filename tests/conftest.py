"""Shared parts of the tests."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """`needs("sshd")` is the path of a system tool; without it the test is skipped, and fails where CI is true.

    sbin folders are looked into as well: sshd and ausearch live there and an ordinary user's PATH lacks them.
    """

    def path_of(tool: str) -> str:
        path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/openssh")
        if path is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{tool} is not installed; .ci/run must install it")
            pytest.skip(f"{tool} is not installed")
        return path

    return path_of


@pytest.fixture(scope="session")
def events_of() -> Callable[..., Any]:
    """`events_of({"type": "USER_LOGIN", "success": False}, …)` is a table of events, one for each dict, a second apart.

    What a dict does not say is null, but for what every event has: host web01, serials from 1, boot 0, not by the collector.
    """
    import ibis
    import pyarrow as pa

    from audit_nb.events import SCHEMA

    def table(*said: dict[str, Any]) -> Any:
        events = []
        for number, words in enumerate(said):
            time = words.get("time", datetime(2026, 1, 1) + timedelta(seconds=number))
            types = words.get("types", [words.get("type", "SYSCALL")])
            always = {"host": "web01", "serial": number + 1, "boot": 0, "complete": True, "by_collector": False}
            moment = {"time": time, "time_ms": int(time.replace(tzinfo=UTC).timestamp() * 1000)}
            events.append(always | moment | {"type": types[0], "types": types} | words)
        return ibis.memtable(pa.Table.from_pylist(events, schema=SCHEMA))

    return table
