"""Shared parts of the tests."""

import os
import shutil

import pytest


def needs(tool: str) -> str:
    """The path of a system tool; without it the test is skipped, and fails where CI is true.

    sbin folders are looked into as well: sshd and ausearch live there and an ordinary user's PATH lacks them.
    """
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/openssh")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{tool} is not installed; .ci/run must install it")
        pytest.skip(f"{tool} is not installed")
    return path
