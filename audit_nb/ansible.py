"""The hosts of an Ansible inventory, taken as it is: an INI or YAML file with its group_vars and host_vars beside it.

    [web]
    web[01:03].example.org ansible_user=auditor
    [web:vars]
    ansible_port=2222

Where `ansible-inventory` is installed it reads the file (plug-ins, scripts and vaults included); else static files are
read here. Of the variables only those that say how to reach a host count, and `audit_nb_…` for our own words.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from audit_nb.errors import UsageError

SECTION = re.compile(r"\[([^\]:]+)(?::(children|vars|hosts))?\]")
RANGE = re.compile(r"\[([0-9]+|[a-z]):([0-9]+|[a-z])(?::([0-9]+))?\]")
JUMP = re.compile(r"(?:-J\s*|-o\s*['\"]?ProxyJump[= ]['\"]?)([^\s'\"]+)")
OURS = {
    "ansible_host": "address",
    "ansible_port": "port",
    "ansible_user": "user",
    "ansible_ssh_host": "address",
    "ansible_ssh_port": "port",
    "ansible_ssh_user": "user",
    "ansible_ssh_private_key_file": "key_file",
    "ansible_private_key_file": "key_file",
}
TIMEOUT_S = 60
INSISTING = {("LC_ALL", "C"), ("LC_ALL", "POSIX")}


@dataclass
class Group:
    """One group: its hosts with their variables, its children and its own variables."""

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)


def is_ansible(tree: Any, text: str) -> bool:  # noqa: ANN401 - whatever the YAML parser made of the file
    """Whether a file is an Ansible inventory and not one of ours."""
    if isinstance(tree, dict):
        parts = [value for value in tree.values() if isinstance(value, dict)]
        ours = {"defaults", "groups", "hosts"} & tree.keys()
        return not ours and any({"hosts", "children", "vars"} & part.keys() for part in parts)
    return any(SECTION.fullmatch(line.strip()) for line in text.split("\n"))


def hosts(path: Path, tree: Any, text: str) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    """The words of our inventory for each host, its groups included; raises UsageError for a file that is wrong."""
    groups = _by_ansible(path) or (_of_yaml(tree) if isinstance(tree, dict) else _of_ini(path, text))
    parents = _parents(groups)
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(host for group in groups.values() for host in group.hosts):
        member = _member_of(name, groups, parents)
        variables = _file_variables(path, "group_vars", "all")
        for group in member:
            variables |= groups[group].variables | _file_variables(path, "group_vars", group)
        for group in member:
            variables |= groups[group].hosts.get(name, {})
        variables |= _file_variables(path, "host_vars", name)
        words = _words(path, name, variables)
        found[name] = {**words, "groups": [group for group in member if group not in ("all", "ungrouped")]}
    return found


def _words(path: Path, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Our words in the variables of a host."""
    said = {ours: variables[theirs] for theirs, ours in OURS.items() if theirs in variables}
    for key in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        if jump := JUMP.search(str(variables.get(key, ""))):
            said["proxy_jump"] = jump[1]
    said |= {key.removeprefix("audit_nb_"): value for key, value in variables.items() if key.startswith("audit_nb_")}
    for key, value in said.items():
        if "{{" in str(value):
            raise UsageError(
                f"{path}: {name}: {key} is computed by Ansible ({value}); install ansible-core, whose "
                "ansible-inventory is asked when it is there, or write the hosts into parameters/hosts.yaml"
            )
    return {
        key: value if isinstance(value, list | bool) or value is None else str(value) for key, value in said.items()
    }


def _by_ansible(path: Path) -> dict[str, Group] | None:
    """What ansible-inventory says; None where it is not installed."""
    program = shutil.which("ansible-inventory")
    if program is None:
        return None
    # Ansible refuses a locale that is not UTF-8. Its Python takes UTF-8 for a C locale, unless LC_ALL insists on it.
    environment = {name: value for name, value in os.environ.items() if (name, value) not in INSISTING}
    command = [program, "-i", str(path), "--list"]
    ran = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, env=environment)
    if ran.returncode:
        words = " ".join(ran.stderr.decode(errors="replace").split())[:300]
        raise UsageError(f"{path}: ansible-inventory cannot read it: {words}")
    said = json.loads(ran.stdout)
    variables = said.pop("_meta", {}).get("hostvars", {})
    return {
        name: Group({host: variables.get(host, {}) for host in group.get("hosts", ())}, list(group.get("children", ())))
        for name, group in said.items()
    }


def _of_yaml(tree: Mapping[str, Any]) -> dict[str, Group]:
    groups: dict[str, Group] = {}

    def add(name: str, body: Any) -> None:  # noqa: ANN401 - a part of the tree
        group = groups.setdefault(name, Group())
        body = body if isinstance(body, dict) else {}
        for pattern, variables in (body.get("hosts") or {}).items():
            for host in expanded(pattern):
                group.hosts.setdefault(host, {}).update(variables or {})
        group.variables |= body.get("vars") or {}
        for child, part in (body.get("children") or {}).items():
            group.children.append(child)
            add(child, part)

    for name, body in tree.items():
        add(name, body)
    return groups


def _of_ini(path: Path, text: str) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    name, kind = "ungrouped", "hosts"
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if section := SECTION.fullmatch(line):
            name, kind = section[1], section[2] or "hosts"
            groups.setdefault(name, Group())
            continue
        group = groups.setdefault(name, Group())
        try:
            words = shlex.split(line, comments=True)
        except ValueError as fault:
            raise UsageError(f"{path}: line {number}: {fault}") from fault
        if kind == "children":
            group.children.append(words[0])
        elif kind == "vars":
            key, _, value = line.partition("=")
            group.variables[key.strip()] = " ".join(shlex.split(value, comments=True))
        else:
            variables = dict(word.partition("=")[::2] for word in words[1:])
            for host in expanded(words[0]):
                group.hosts.setdefault(host, {}).update(variables)
    return groups


def expanded(pattern: str) -> Iterator[str]:
    """`web[01:03]` is web01, web02 and web03; `db[a:c]` likewise."""
    found = RANGE.search(pattern)
    if found is None:
        yield pattern
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdigit() and last.isdigit():
        width = len(first) if first.startswith("0") else 0
        middle = [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
    else:
        middle = [chr(code) for code in range(ord(first[0]), ord(last[0]) + 1, step)]
    for word in middle:
        yield from expanded(pattern[: found.start()] + word + pattern[found.end() :])


def _parents(groups: Mapping[str, Group]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for name, group in groups.items():
        for child in group.children:
            parents.setdefault(child, []).append(name)
    return parents


def _member_of(host: str, groups: Mapping[str, Group], parents: Mapping[str, list[str]]) -> list[str]:
    """The groups of a host, the widest first: `all`, then parents before children."""
    depth: dict[str, int] = {}
    waiting = [(name, 0) for name, group in groups.items() if host in group.hosts]
    while waiting:
        name, level = waiting.pop()
        if depth.get(name, -1) < level <= len(groups):
            depth[name] = level
            waiting += [(parent, level + 1) for parent in parents.get(name, ())]
    ordered = sorted(depth, key=lambda name: (-depth[name], name))
    return [*(["all"] if "all" in groups else []), *(name for name in ordered if name != "all")]


def _file_variables(path: Path, folder: str, name: str) -> dict[str, Any]:
    """The variables in `group_vars/NAME` or `host_vars/NAME` beside the inventory: a file (.yml, .yaml) or a folder."""
    found: dict[str, Any] = {}
    places = [path.parent / folder / (name + suffix) for suffix in ("", ".yml", ".yaml")]
    for place in places:
        for file in sorted(place.glob("*.y*ml")) if place.is_dir() else [place]:
            if file.is_file():
                try:
                    said = yaml.safe_load(file.read_text(encoding="utf-8"))
                except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
                    if file.read_bytes().startswith(b"$ANSIBLE_VAULT"):
                        continue  # it holds secrets, which have no place here
                    raise UsageError(f"{file} cannot be read: {fault}") from fault
                found |= said if isinstance(said, dict) else {}
    return found
