"""An Ansible inventory is taken as it is: INI or YAML, with ranges, children and variables in files beside it."""

import json
import os
from pathlib import Path

import pytest

from audit_nb import inventory
from audit_nb.errors import UsageError

INI = """
# our fleet
gate.example.org ansible_user=ops

[web]
web[01:03].example.org ansible_port=2222   # three of them
alone ansible_host=192.0.2.9 ansible_ssh_private_key_file=~/keys/alone

[db]
db[a:b]

[all:vars]
ansible_user=auditor

[internal:children]
db

[internal:vars]
ansible_ssh_common_args='-o ProxyJump="ops@gate.example.org:2200" -o Compression=yes'
audit_nb_sudo=true
audit_nb_tags=inside
"""

YAML = """
all:
  hosts:
    gate.example.org: {ansible_user: ops}
  vars: {ansible_user: auditor}
  children:
    web:
      hosts:
        web[01:03].example.org: {ansible_port: 2222}
        alone: {ansible_host: 192.0.2.9, ansible_ssh_private_key_file: ~/keys/alone}
    internal:
      vars:
        ansible_ssh_common_args: -o ProxyJump=ops@gate.example.org:2200 -o Compression=yes
        audit_nb_sudo: true
        audit_nb_tags: [inside]
        secret: !vault abc
      children:
        db:
          hosts: {"db[a:b]": }
"""


@pytest.fixture(autouse=True)
def no_ansible(monkeypatch):
    """A machine without Ansible; gives the PATH that was."""
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", "/nowhere")
    return path


def load(tmp_path, text):
    path = tmp_path / "inventory"
    path.write_text(text)
    return inventory.load(path)


@pytest.mark.parametrize("text", [INI, YAML], ids=["ini", "yaml"])
def test_a_static_inventory_gives_hosts_as_ours_does(tmp_path, text, monkeypatch):
    """Ranges are expanded, variables inherited, groups kept for `--group`."""
    monkeypatch.setenv("HOME", "/home/kim")
    hosts = {host.name: host for host in load(tmp_path, text).hosts}
    assert set(hosts) == {
        *("gate.example.org", "web01.example.org", "web02.example.org", "web03.example.org", "alone", "dba", "dbb"),
    }
    assert hosts["web02.example.org"].port == 2222
    assert {host.user for host in hosts.values() if host.name != "gate.example.org"} == {"auditor"}
    assert hosts["gate.example.org"].user == "ops"
    assert (hosts["alone"].address, hosts["alone"].key_file) == ("192.0.2.9", Path("/home/kim/keys/alone"))
    assert hosts["dba"].groups == ("internal", "db")
    assert (hosts["dba"].proxy_jump, hosts["dba"].sudo, hosts["dba"].tags) == (
        "ops@gate.example.org:2200",
        True,
        ("inside",),
    )
    assert [host.name for host in load(tmp_path, text).select(groups=["db"]).hosts] == ["dba", "dbb"]


def test_variables_in_files_beside_it_count(tmp_path):
    """group_vars go before the file's own group variables, host_vars before all; vaults are passed over."""
    (tmp_path / "group_vars" / "web").mkdir(parents=True)
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("ansible_user: everyone\nansible_port: 1\n")
    (tmp_path / "group_vars" / "web" / "main.yml").write_text("ansible_port: 2\n")
    (tmp_path / "group_vars" / "web" / "secrets.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n3132: [\n")
    (tmp_path / "host_vars" / "b.yaml").write_text("ansible_port: 3\naudit_nb_bastion: true\n")
    found = load(tmp_path, "[web]\na\nb\n[web:vars]\nansible_port=9\n")
    assert [(host.name, host.user, host.port) for host in found.hosts] == [("a", "everyone", 2)]
    assert [(host.name, host.port) for host in found.bastions] == [("b", 3)]


def test_a_computed_variable_is_told(tmp_path):
    """Only Ansible can work it out."""
    with pytest.raises(
        UsageError, match=r"a: port is computed by Ansible \(\{\{ base \+ 1 \}\}\); install ansible-core"
    ):
        load(tmp_path, "[web]\na ansible_port='{{ base + 1 }}'\n")


def test_mistakes_are_told_by_host_and_word(tmp_path):
    """There are no lines, for the words come from many files."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "[web]\na ansible_port=ssh\nb audit_nb_sudoo=1\n")
    assert str(caught.value).split("\n")[1:] == [
        "  a.port: expected a whole number, not 'ssh'",
        "  b.sudoo: not known; did you mean sudo?",
    ]


def test_groups_that_hold_each_other_end(tmp_path):
    """A circle of children is a mistake of the file and no endless loop."""
    found = load(tmp_path, "[a]\nx\n[a:children]\nb\n[b:children]\na\n")
    assert [host.name for host in found.hosts] == ["x"]


def test_ansible_itself_is_asked_where_it_is_installed(tmp_path, monkeypatch):
    """It knows plug-ins and scripts; what it prints is what counts."""
    said = {
        "_meta": {"hostvars": {"a": {"ansible_host": "192.0.2.1", "ansible_user": "x"}}},
        "all": {"children": ["ungrouped", "web"]},
        "web": {"hosts": ["a"]},
    }
    program = tmp_path / "bin" / "ansible-inventory"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n[ \"$1 $3\" = '-i --list' ] && /bin/cat <<'END'\n{json.dumps(said)}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    found = load(tmp_path, "[anything]\n")
    assert [(host.name, host.address, host.user, host.groups) for host in found.hosts] == [
        ("a", "192.0.2.1", "x", ("web",))
    ]
    program.write_text("#!/bin/sh\necho 'ERROR! broken' >&2\nexit 4\n")
    with pytest.raises(UsageError, match="ansible-inventory cannot read it: ERROR! broken"):
        load(tmp_path, "[anything]\n")


@pytest.mark.parametrize("text", [INI, YAML.replace("        secret: !vault abc\n", "")], ids=["ini", "yaml"])
def test_what_ansible_itself_makes_of_the_samples_is_the_same(tmp_path, monkeypatch, needs, no_ansible, text):
    """Its own program and our reading of static files give the same hosts, variables in files beside it included."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "group_vars" / "web.yml").write_text("ansible_port: 2022\n")
    (tmp_path / "host_vars" / "alone.yml").write_text("ansible_user: special\naudit_nb_log_path: /srv/audit.log\n")
    monkeypatch.setenv("HOME", str(tmp_path))  # Ansible makes a folder of its own there
    ours = load(tmp_path, text).hosts
    monkeypatch.setenv("PATH", no_ansible)
    monkeypatch.setenv("LC_ALL", "C")  # as cron jobs and scripts have it; Ansible by itself refuses
    needs("ansible-inventory")
    theirs = load(tmp_path, text).hosts
    assert {host.name: host for host in theirs} == {host.name: host for host in ours}


def test_our_own_file_is_no_ansible_inventory(tmp_path):
    """Groups and hosts mean something else there."""
    (host,) = load(tmp_path, "groups: {web: {port: 4}}\nhosts: {a: {groups: web}}\n").hosts
    assert host.port == 4
