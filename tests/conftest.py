"""Shared parts of the tests."""

import os
import shutil
from collections.abc import Callable

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
