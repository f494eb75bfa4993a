"""A secret is found by its name where a person may keep one, and its absence is told without it."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from audit_nb.credentials import secret
from audit_nb.errors import AuditNbError


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """No credential files, and no keyring package."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setitem(sys.modules, "keyring", None)


def test_the_environment_comes_first(monkeypatch, tmp_path):
    """A variable that is set, even to nothing, is the secret."""
    (tmp_path / "TOKEN").write_text("from a file")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("TOKEN", "from the environment ")
    assert secret("TOKEN") == "from the environment "
    monkeypatch.setenv("TOKEN", "")
    assert secret("TOKEN") == ""


@pytest.mark.parametrize(
    ("content", "expected"), [("a b ", "a b "), ("x\n", "x"), ("x\n\n", "x\n"), ("암호\n", "암호")]
)
def test_a_credential_file_is_read_but_for_one_newline(monkeypatch, tmp_path, content, expected):
    """systemd's LoadCredential= gives a file as it was; an editor's last newline is not meant."""
    (tmp_path / "TOKEN").write_text(content, encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret("TOKEN") == expected


def test_a_credential_that_is_no_text_is_told(monkeypatch, tmp_path):
    """Its bytes are not repeated."""
    (tmp_path / "TOKEN").write_bytes(b"\xff\xfe\x00hunter2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(AuditNbError, match="TOKEN cannot be read") as caught:
        secret("TOKEN")
    assert "hunter2" not in str(caught.value)


def keyring_that(answers):
    """A stand-in for the optional package, whose real one needs a desktop's secret service."""
    module = ModuleType("keyring")
    module.get_password = answers
    module.errors = SimpleNamespace(KeyringError=type("KeyringError", (Exception,), {}))
    return module


def test_the_keyring_comes_last(monkeypatch):
    """It is asked under the name that the message tells to keep it by."""
    kept = {("audit-nb", "TOKEN"): "from the keyring"}
    monkeypatch.setitem(sys.modules, "keyring", keyring_that(lambda *key: kept.get(key)))
    assert secret("TOKEN") == "from the keyring"
    with pytest.raises(AuditNbError, match="keyring set audit-nb OTHER"):
        secret("OTHER")


def test_a_keyring_without_a_service_is_no_keyring(monkeypatch):
    """On a server there is none; the secret is then nowhere, not the run at its end."""
    module = keyring_that(None)

    def fail(*_):
        raise module.errors.KeyringError("no backend")

    module.get_password = fail
    monkeypatch.setitem(sys.modules, "keyring", module)
    with pytest.raises(AuditNbError, match="the secret TOKEN is nowhere"):
        secret("TOKEN")
