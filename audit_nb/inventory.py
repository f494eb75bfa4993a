"""Which machines we read and how to reach them: `parameters/hosts.yaml`, validated whole.

    defaults: {user: auditor, key_file: ~/.ssh/audit_ed25519}
    groups:   {web: {proxy_jump: bastion.example.org, tags: [front]}}
    hosts:    {web01: {address: 192.0.2.11, groups: [web]}, db02: {sudo: true}}

A host has what `defaults` say, then its groups in the order it names them, then its own words; later ones win and tags
add up. Every scalar is read as the text that was written, so a host may be called `no` and a user `0123`.
"""

import difflib
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from audit_nb import ansible
from audit_nb.document import Document, text_of
from audit_nb.errors import UsageError

PLACE = Path("parameters/hosts.yaml")
LOG_PATH = "/var/log/audit/audit.log"
SECRET_WORDS = {"password", "passphrase", "key", "private_key", "secret", "token"}


def _shape(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=pattern)


def _what(words: str) -> Any:  # noqa: ANN401 - pydantic's FieldInfo
    """What is expected, in the words of a message."""
    return Field(json_schema_extra={"what": words})


HostName = Annotated[
    str, _shape(r"^\w[\w.-]{0,59}$"), _what("letters, digits, '_', '-' and '.' (not first), at most 60")
]
Word = Annotated[str, _shape(r"^[^\s,/]{1,100}$"), _what("one word without blanks, commas and slashes")]
Login = Annotated[str, _shape(r"^[^\s:@-][^\s:@]{0,99}$"), _what("a login name")]
Address = Annotated[str, _shape(r"^[^\s/@-][^\s/@]*$"), _what("a name or an IP address")]
Variable = Annotated[
    str,
    _shape(r"^[A-Za-z_][A-Za-z0-9_.-]*$"),
    _what("the name of an environment variable or credential, never the secret"),
]
Absolute = Annotated[str, _shape(r"^/[^\x00\n]*[^\x00\n/]$"), _what("an absolute path")]
Program = Annotated[str, _shape(r"^/[\w./+-]+$"), _what("the absolute path of a program")]
Fingerprint = Annotated[
    str, _shape(r"^SHA256:[A-Za-z0-9+/]{43}=?$"), _what("a fingerprint such as `ssh-keygen -lf` prints: SHA256:…")
]
Jump = Annotated[str, _shape(r"^[^\s-][^\s]*$"), _what("[user@]host[:port], several with commas between them, or none")]


def _as_list(value: Any) -> Any:  # noqa: ANN401 - whatever stood in the file
    return [value] if isinstance(value, str) else value


class Options(BaseModel):
    """What may be said of one host, of a group, or of all of them; None is not said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Address | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: Login | None = None
    key_file: Path | None = None
    passphrase_variable: Variable | None = None
    password_variable: Variable | None = None
    proxy_jump: Jump | None = None
    sudo: bool | None = None
    sftp_server: Program | None = None
    log_path: Absolute | None = None
    tags: Annotated[tuple[Word, ...], BeforeValidator(_as_list)] = ()
    groups: Annotated[tuple[Word, ...], BeforeValidator(_as_list)] = ()
    host_key: Annotated[tuple[Fingerprint, ...], BeforeValidator(_as_list)] | None = None
    known_hosts: Path | None = None
    ssh_config: bool | None = None
    compress: bool | None = None
    facts: bool | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    bastion: bool | None = None


class Host(Options):
    """One machine with everything that was said of it.

    `address`, `port`, `user` and `key_file` stay None where nothing was said: `~/.ssh/config` and then SSH's own
    defaults decide.
    """

    name: HostName
    sudo: bool = False
    log_path: Absolute = LOG_PATH
    ssh_config: bool = True
    compress: bool = True
    facts: bool = True
    timeout_s: float = 20.0
    retries: int = 2
    bastion: bool = False


class Inventory(BaseModel):
    """The hosts of one file, in the order they stand there; `bastions` are only passed through, never read."""

    model_config = ConfigDict(frozen=True)

    path: Path
    hosts: tuple[Host, ...]
    bastions: tuple[Host, ...] = ()

    def host(self, name: str) -> Host:
        """The host or bastion of that name; raises UsageError with the nearest names."""
        everyone = (*self.hosts, *self.bastions)
        for host in everyone:
            if host.name == name:
                return host
        raise UsageError(f"{self.path}: there is no host {name!r}{_did_you_mean(name, [h.name for h in everyone])}")

    def named(self, host: str) -> str:
        """How `host` is named on a command line: with this file where it is not the one that is read anyway."""
        usual = (PLACE.resolve(), (Path(__file__).parents[1] / PLACE).resolve())
        return host if self.path.resolve() in usual else f"{host} --inventory {shlex.quote(str(self.path))}"

    def select(self, hosts: Iterable[str] = (), groups: Iterable[str] = (), tags: Iterable[str] = ()) -> "Inventory":
        """The hosts that are named or are in one of the groups or have one of the tags; all where nothing is asked.

        Raises UsageError for a name that is no host, no group or no tag of the file.
        """
        hosts, groups, tags = list(hosts), list(groups), list(tags)
        if not (hosts or groups or tags):
            return self
        for name in hosts:
            if self.host(name).bastion:
                raise UsageError(f"{self.path}: {name} is a bastion, which is passed through and not read")
        for kind, asked in (("groups", groups), ("tags", tags)):
            known = {word for host in self.hosts for word in getattr(host, kind)}
            for word in asked:
                if word not in known:
                    raise UsageError(f"{self.path}: no host is in the {kind[:-1]} {word!r}{_did_you_mean(word, known)}")
        chosen = (h for h in self.hosts if h.name in hosts or {*groups} & {*h.groups} or {*tags} & {*h.tags})
        return Inventory(path=self.path, hosts=tuple(chosen), bastions=self.bastions)


def load(path: Path | str) -> Inventory:
    """The inventory in a YAML file; raises UsageError that lists every mistake with its line and field."""
    path = Path(path)
    text = text_of(path, remedy="it names your hosts")
    tree = _loosely(text)
    if ansible.is_ansible(tree, text):
        document = Document(path, "")
        inventory = _of_ansible(document, ansible.hosts(path, tree, text))
    else:
        document = Document(path, text, as_written=True)
        inventory = _build(document)
    document.raise_mistakes()
    return inventory


class _AnyTag(yaml.SafeLoader):
    """Reads past tags of other programs (`!vault`)."""


_AnyTag.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def _loosely(text: str) -> Any:  # noqa: ANN401 - whatever stands in the file
    """A YAML file as PyYAML takes it, to see whose it is; None where it is not YAML."""
    try:
        return yaml.load(text, _AnyTag)  # noqa: S506 - a SafeLoader that passes over tags
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _of_ansible(document: Document, entries: dict[str, dict[str, Any]]) -> Inventory:
    """The hosts of an Ansible inventory; there are no lines to tell, for its variables come from many files."""
    if not entries:
        document.mistake((), "names no host", 0)
    found = []
    for name, words in entries.items():
        try:
            options = Options.model_validate(words)
            known = {key: _resolved(document.path, getattr(options, key)) for key in options.model_fields_set}
            found.append(Host(name=name, **{key: value for key, value in known.items() if value is not None}))
        except ValidationError as faults:
            for fault in faults.errors(include_url=False):
                document.mistake((name, *map(str, fault["loc"])), _sentence(fault), 0)
    return Inventory(
        path=document.path,
        hosts=tuple(host for host in found if not host.bastion),
        bastions=tuple(host for host in found if host.bastion),
    )


def _build(document: Document) -> Inventory:
    """The inventory a document describes; mistakes gather in the document."""
    document_ok = not document.mistakes
    tree = _mapping(document, document.tree, ())
    for name in tree.keys() - {"defaults", "groups", "hosts"}:
        close = _did_you_mean(name, ["defaults", "groups", "hosts"])
        document.mistake((name,), f"not known here{close}; the file has defaults, groups and hosts")
    defaults = _options(document, tree.get("defaults"), ("defaults",))
    groups = {
        name: _options(document, value, ("groups", name))
        for name, value in _mapping(document, tree.get("groups"), ("groups",)).items()
    }
    entries = _mapping(document, tree.get("hosts"), ("hosts",))
    if not entries and document_ok:
        document.mistake(("hosts",), "names no host")
    hosts = [_host(document, name, value, defaults, groups) for name, value in entries.items()]
    found = tuple(host for host in hosts if host is not None)
    _check_jumps(document, found)
    read = tuple(host for host in found if not host.bastion)
    return Inventory(path=document.path, hosts=read, bastions=tuple(host for host in found if host.bastion))


def _mapping(document: Document, value: Any, place: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401
    if value is None or isinstance(value, dict):
        return value or {}
    document.mistake(place, "expected names with a colon after each, as in hosts.example.yaml")
    return {}


def _options(document: Document, value: Any, place: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401
    """The words of one block that were said and are right; the others are mistakes of the document."""
    words = {key: word for key, word in _mapping(document, value, place).items() if word is not None}
    try:
        options = Options.model_validate(words)
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            document.mistake((*place, *map(str, fault["loc"])), _sentence(fault))
        wrong = {str(fault["loc"][0]) for fault in faults.errors()}
        options = Options.model_validate({key: word for key, word in words.items() if key not in wrong})
    return {key: _resolved(document.path, getattr(options, key)) for key in options.model_fields_set}


def _host(
    document: Document,
    name: str,
    value: Any,  # noqa: ANN401
    defaults: dict[str, Any],
    groups: dict[str, dict[str, Any]],
) -> Host | None:
    place = ("hosts", name)
    own = _options(document, value, place)
    inherited = [defaults]
    for group in own.get("groups", ()):
        if group not in groups:
            document.mistake((*place, "groups"), f"there is no group {group!r}{_did_you_mean(group, groups)}")
        inherited.append(groups.get(group, {}))
    merged: dict[str, Any] = {}
    for options in inherited:
        merged |= {k: v for k, v in options.items() if not (k == "proxy_jump" and name in _hops(v))}
    merged |= own
    merged["tags"] = tuple(dict.fromkeys(tag for options in (*inherited, own) for tag in options.get("tags", ())))
    try:
        return Host(name=name, **merged)
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            document.mistake(place, _sentence(fault))
        return None


def _check_jumps(document: Document, hosts: tuple[Host, ...]) -> None:
    """A bastion may itself be a host of the file, as long as no chain of bastions comes back to where it began."""
    jumps = {host.name: _hops(host.proxy_jump) for host in hosts}
    for name in jumps:
        seen, waiting = set(), list(jumps[name])
        while waiting:
            hop = waiting.pop()
            if hop == name:
                document.mistake(("hosts", name, "proxy_jump"), "the way to this host leads through itself")
                break
            if hop not in seen:
                seen.add(hop)
                waiting += jumps.get(hop, [])


def _hops(jump: str | None) -> list[str]:
    return [hop for hop in (jump or "").split(",") if hop and hop != "none"]


def _resolved(inventory: Path, value: Any) -> Any:  # noqa: ANN401 - a value of any option
    """A path counts from the folder of the inventory and may begin with `~`."""
    return inventory.parent / value.expanduser() if isinstance(value, Path) else value


def _sentence(fault: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """What is wrong, in our words; never the value of a word that may be a secret."""
    field, kind = str(fault["loc"][0]) if fault["loc"] else "", fault["type"]
    if kind == "extra_forbidden":
        if field in SECRET_WORDS:
            return "a secret never stands in this file; put it into the environment and name it by password_variable"
        return f"not known{_did_you_mean(field, Options.model_fields)}"
    expected = _expected(field)
    if kind in ("string_pattern_mismatch", "string_too_short") and expected:
        hidden = field.endswith("_variable")
        return f"expected {expected}" + ("" if hidden else f", not {fault['input']!r}")
    return {
        "int_parsing": f"expected a whole number, not {fault['input']!r}",
        "float_parsing": f"expected a number, not {fault['input']!r}",
        "greater_than_equal": f"expected at least {fault.get('ctx', {}).get('ge')}, not {fault['input']!r}",
        "less_than_equal": f"expected at most {fault.get('ctx', {}).get('le')}, not {fault['input']!r}",
        "bool_parsing": f"expected true or false, not {fault['input']!r}",
    }.get(kind, f"{fault['msg'][:1].lower()}{fault['msg'][1:]}, not {fault['input']!r}")


def _expected(field: str) -> str | None:
    schema = Host.model_json_schema()["properties"].get(field or "name", {})
    return next((part["what"] for part in _parts(schema) if "what" in part), None)


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in (*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else ())):
        yield from _parts(part)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""
