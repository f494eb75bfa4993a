"""The inventory is read whole: what is right gives hosts, what is wrong is told in one message."""

import re
from pathlib import Path

import pytest

from audit_nb import inventory
from audit_nb.errors import UsageError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def load(tmp_path):
    def load_text(text):
        path = tmp_path / "hosts.yaml"
        path.write_text(text, encoding="utf-8")
        return inventory.load(path)

    return load_text


def mistakes(load, text):
    """The lines of the message, without the file's name."""
    with pytest.raises(UsageError) as caught:
        load(text)
    first, *rest = str(caught.value).split("\n")
    name, _, only = first.partition("hosts.yaml")
    assert name
    assert only.startswith(": " if rest else ", ")
    return [line.strip() for line in rest] or [only.removeprefix(", ")]


def test_defaults_groups_and_hosts_are_laid_over_each_other(load):
    """A host has its own words, else those of its last group, else the defaults; tags add up."""
    hosts = load(
        """
defaults: {user: auditor, port: 22, tags: [all]}
groups:
  web: {port: 2222, tags: [web], proxy_jump: bastion.example.org}
  slow: {port: 2200, timeout_s: 60}
hosts:
  a: {address: 192.0.2.1, groups: [web, slow], tags: [one]}
  b: {groups: web, port: 4, proxy_jump: none}
  c:
"""
    ).hosts
    assert [(h.name, h.address, h.user, h.port, h.proxy_jump, h.timeout_s, h.tags) for h in hosts] == [
        ("a", "192.0.2.1", "auditor", 2200, "bastion.example.org", 60.0, ("all", "web", "one")),
        ("b", None, "auditor", 4, "none", 20.0, ("all", "web")),
        ("c", None, "auditor", 22, None, 20.0, ("all",)),
    ]


def test_every_mistake_is_told_at_once_with_line_and_field(load):
    """One run of the command shows everything that is to be corrected."""
    assert mistakes(
        load,
        """defaults:
  user: auditor
  port: ssh
  passwrod_variable: X
groups:
  web: {sudo: maybe}
hosts:
  web01:
    address: 192.0.2.1
    prot: 22
    groups: [wbe]
    port: 70000
  web01:
  ../x: {}
  b: {password_variable: "hunter 2", timeout_s: x, log_path: audit.log, host_key: abc}
host: 3
""",
    ) == [
        "line 3, defaults.port: expected a whole number, not 'ssh'",
        "line 4, defaults.passwrod_variable: not known; did you mean password_variable or passphrase_variable?",
        "line 6, groups.web.sudo: expected true or false, not 'maybe'",
        "line 10, hosts.web01.prot: not known; did you mean port?",
        "line 11, hosts.web01.groups: there is no group 'wbe'; did you mean web?",
        "line 12, hosts.web01.port: expected at most 65535, not '70000'",
        "line 13, hosts.web01: stands here a second time",
        "line 14, hosts.../x: expected letters, digits, '_', '-' and '.' (not first), at most 60, not '../x'",
        "line 15, hosts.b.host_key.0: expected a fingerprint such as `ssh-keygen -lf` prints: SHA256:…, not 'abc'",
        "line 15, hosts.b.log_path: expected an absolute path, not 'audit.log'",
        "line 15, hosts.b.password_variable: expected the name of an environment variable or credential, "
        "never the secret",
        "line 15, hosts.b.timeout_s: expected a number, not 'x'",
        "line 16, host: not known here; did you mean hosts?; the file has defaults, groups and hosts",
    ]


@pytest.mark.parametrize("word", ["password", "passphrase", "private_key", "secret"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(load, word):
    """A password has no place in YAML, and the message does not spread it further."""
    (line,) = mistakes(load, f"hosts:\n  web01:\n    {word}: hunter2\n")
    assert line.startswith(f"line 3, hosts.web01.{word}: a secret never stands in this file")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1, hosts: names no host"),
        ("hosts:\n", "line 1, hosts: names no host"),
        ("- web01\n", "line 1: expected names with a colon after each, as in hosts.example.yaml"),
        ("hosts: [web01]\n", "line 1, hosts: expected names with a colon after each, as in hosts.example.yaml"),
        ("hosts: {web01: here}\n", "line 1, hosts.web01: expected names with a colon after each"),
        ("hosts:\n  web01: {port: 22\n", "this is not YAML"),
        ("hosts:\n\tweb01:\n", "line 2: this is not YAML"),
        ("a: &a [x]\nb: *a\n", "anchors and aliases"),
        ("hosts: {a: {proxy_jump: b}, b: {proxy_jump: a}}", "the way to this host leads through itself"),
        ("hosts:\n  a: {proxy_jump: '-oProxyCommand=touch /tmp/x'}", "expected [user@]host[:port]"),
        ("hosts:\n  a: {address: '-oProxyCommand=x'}", "expected a name or an IP address"),
        ("hosts:\n  a: {user: '-x'}", "expected a login name"),
        ("hosts:\n  a: {sftp_server: \"/x'; reboot; '\"}", "expected the absolute path of a program"),
    ],
)
def test_a_file_that_is_not_an_inventory_is_told_so(load, text, sentence):
    """Whatever stands in the file, the answer is a sentence with its line."""
    assert any(sentence in line for line in mistakes(load, text))


def test_deep_nesting_is_a_sentence(load):
    """A file made to exhaust the parser ends in the message, too."""
    assert "nested too deeply" in mistakes(load, "[" * 5000 + "]" * 5000)[0]


def test_scalars_are_read_as_they_were_written(load):
    """YAML's own ideas of `no`, `01` and `1:30` do not touch names."""
    (host,) = load("hosts:\n  no: {user: 0123, address: 1e3, tags: [yes, 1:30]}\n").hosts
    assert (host.name, host.user, host.address, host.tags) == ("no", "0123", "1e3", ("yes", "1:30"))


def test_a_missing_file_tells_the_command_that_makes_it(tmp_path):
    """The example lies beside it."""
    (tmp_path / "hosts.example.yaml").write_text("hosts: {}")
    with pytest.raises(UsageError, match=r"does not exist: `cp .*hosts\.example\.yaml .*hosts\.yaml`"):
        inventory.load(tmp_path / "hosts.yaml")


def test_hosts_are_selected_by_name_group_and_tag(load):
    """What is asked for adds up; what nobody has is a mistake, with the nearest name."""
    whole = load("groups: {g: {}}\nhosts: {a: {tags: [t]}, b: {groups: [g]}, c: , web01: }")
    assert [h.name for h in whole.select().hosts] == ["a", "b", "c", "web01"]
    assert [h.name for h in whole.select(hosts=["c"], groups=["g"]).hosts] == ["b", "c"]
    assert [h.name for h in whole.select(tags=["t"]).hosts] == ["a"]
    for asked in ({"hosts": ["web1"]}, {"groups": ["web01"]}, {"tags": ["x"]}):
        with pytest.raises(UsageError, match=next(iter(asked.values()))[0]):
            whole.select(**asked)
    with pytest.raises(UsageError, match="did you mean web01"):
        whole.select(hosts=["web1"])


def test_a_bastion_is_passed_through_but_not_read(load):
    """A bastion has a login of its own, and inherits no way through itself."""
    whole = load("defaults: {proxy_jump: gate}\nhosts: {gate: {bastion: true}, a: }")
    assert [(h.name, h.proxy_jump) for h in whole.hosts] == [("a", "gate")]
    assert [(h.name, h.proxy_jump) for h in whole.bastions] == [("gate", None)]


def test_paths_count_from_the_folder_of_the_inventory(load, tmp_path, monkeypatch):
    """The file means the same from wherever the command is started."""
    monkeypatch.setenv("HOME", "/home/kim")
    a, b, c = load("hosts: {a: {key_file: k}, b: {key_file: ~/k}, c: {known_hosts: /etc/k}}").hosts
    assert (a.key_file, b.key_file, c.known_hosts) == (tmp_path / "k", Path("/home/kim/k"), Path("/etc/k"))


def test_the_example_is_an_inventory(load):
    """What a newcomer copies is right, and so is every line of it that is commented out."""
    example = ROOT / "parameters" / "hosts.example.yaml"
    assert [host.name for host in inventory.load(example).hosts] == ["web01", "db02"]
    text, count = re.subn(r"^( +)# (\w+: )", r"\1\2", example.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count >= 8
    fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
    db02 = load(text.replace("SHA256:…", fingerprint)).host("db02")
    assert (db02.compress, db02.facts, db02.host_key) == (False, False, (fingerprint,))
