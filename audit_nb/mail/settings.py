"""Through which server reports are mailed and to whom: `parameters/mail.yaml`, validated whole.

    from: Audit reports <audit@example.org>
    smtp: {host: smtp.example.org, user: audit@example.org, password_variable: SMTP_PASSWORD}
    groups: {team: {to: [ann@example.org]}, chiefs: {to: [chief@example.org], when: changed}}

A secret never stands in this file: `password_variable` names the environment variable, credential or keyring entry.
"""

import difflib
import re
from collections.abc import Iterable
from email.headerregistry import Address
from email.utils import getaddresses
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from audit_nb.document import Document
from audit_nb.errors import UsageError

MEBI = 1024 * 1024
_SECRETS = {"password", "passphrase", "secret", "token", "pass", "credential"}
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


def _mailbox(value: object) -> Address:
    """`ann@example.org` or `Ann <ann@example.org>` as one mailbox; a domain in any script becomes its ASCII form."""
    text = str(value).strip()
    found = getaddresses([text])
    if not text.isprintable() or len(found) != 1 or text.count("@") != 1 or not found[0][1]:
        raise ValueError("expected an address such as ann@example.org or Ann <ann@example.org>")
    name, address = found[0]
    local, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ValueError(f"{address!r} is no address; before the @ only ASCII letters are carried by every server")
    return Address(name, local, domain)


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _name_of_a_secret(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", value):
        raise ValueError("expected the name of an environment variable or credential, never the secret")
    return value


def _http(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#<>\"]+[^\s?#<>\"]*", value):
        raise ValueError("expected an address such as https://reports.example.org/audit")
    return value.rstrip("/") + "/"


def _one_line(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("expected one line of text")
    return value


Mailbox = Annotated[Any, BeforeValidator(_mailbox)]
Mailboxes = Annotated[tuple[Mailbox, ...], BeforeValidator(_listed)]
When = Literal["always", "changed", "alarm", "failure"]
Security = Literal["starttls", "tls", "none"]
PORTS: dict[str, int] = {"starttls": 587, "tls": 465, "none": 25}


class Part(BaseModel):
    """What all parts of the file share: no word is taken that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Smtp(Part):
    """The server, how the connection is secured and how long we try."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Security = "starttls"
    ca_file: Path | None = None
    user: Annotated[str, AfterValidator(_one_line)] | None = None
    password_variable: Annotated[str, AfterValidator(_name_of_a_secret)] = "SMTP_PASSWORD"  # noqa: S105 - its name
    login: Literal["password", "xoauth2"] = "password"
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    retry_after_s: tuple[Annotated[float, Field(ge=0, le=3600)], ...] = (10.0, 60.0, 300.0)
    give_up_after_days: Annotated[float, Field(gt=0, le=60)] = 5.0

    @model_validator(mode="after")
    def _is_private(self) -> "Smtp":
        if self.security == "none" and not _is_loopback(self.host):
            raise ValueError("security: none is only for a server on this machine (localhost)")
        if self.security == "none" and self.user is not None:
            raise ValueError("a password is never sent over a connection with security: none")
        return self

    def within(self, seconds: float) -> "Smtp":
        """The same server, of which no answer is waited for longer."""
        return self.model_copy(update={"timeout_s": min(self.timeout_s, seconds)})

    @property
    def place(self) -> str:
        """The server as errors name it."""
        return f"{self.host}:{self.port or PORTS[self.security]}"


class Group(Part):
    """People who get the same reports, and when they want them."""

    to: Mailboxes = ()
    cc: Mailboxes = ()
    bcc: Mailboxes = ()
    when: When = "always"

    @model_validator(mode="after")
    def _is_somebody(self) -> "Group":
        if not (self.to or self.cc or self.bcc):
            raise ValueError("names nobody; expected `to` with at least one address")
        return self


class Attach(Part):
    """What is carried along; what does not fit under the limit is named with the place where it lies."""

    html: bool = True
    csv: bool = True
    charts: Annotated[int, Field(ge=0, le=6)] = 3
    limit_mb: Annotated[float, Field(ge=0, le=100)] = 3.0

    @property
    def limit_bytes(self) -> int:
        return int(self.limit_mb * MEBI)


class Settings(Part):
    """The whole file."""

    sender: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    smtp: Smtp
    groups: dict[Annotated[str, Field(pattern=r"^[\w.-]{1,60}$")], Group] = {}
    admins: Mailboxes = ()
    attach: Attach = Attach()
    base_url: Annotated[str, AfterValidator(_http)] | None = None
    list_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")] | None = None
    tag: Annotated[str, AfterValidator(_one_line)] | None = None
    path: Path = Field(default=Path("mail.yaml"), exclude=True)

    def named(self, names: Iterable[str]) -> dict[str, Group]:
        """The groups of these names; raises UsageError for one that is not in the file."""
        for name in names:
            if name not in self.groups:
                known = ", ".join(self.groups) or "none"
                raise UsageError(
                    f"{self.path}: there is no group {name!r}{_near(name, self.groups)}; there are: {known}"
                )
        return {name: self.groups[name] for name in names}


def load(path: Path) -> Settings:
    """The settings in a YAML file; raises UsageError that lists every mistake with its line and field."""
    document = Document.load(path, remedy="`cp parameters/mail.example.yaml` to it and write your server into it")
    tree = document.tree if document.tree is not None else {}
    if not isinstance(tree, dict):
        document.mistake((), "expected names with a colon after each, as in mail.example.yaml")
        document.raise_mistakes()
    if "path" in tree:
        document.mistake(("path",), "not known here")
    _refuse_secrets(document, tree, ())
    try:
        settings = Settings.model_validate({**tree, "path": path})
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            place = tuple(str(part) for part in fault["loc"] if part != "[key]")
            if not _is_secret(place):
                document.mistake(place, _sentence(fault))
        document.raise_mistakes()
        raise
    document.raise_mistakes()
    return _with_files(settings, path)


def _with_files(settings: Settings, path: Path) -> Settings:
    """The CA file counts from the folder of the settings; raises UsageError where there is none."""
    ca_file = settings.smtp.ca_file
    if ca_file is None:
        return settings
    found = path.parent / ca_file.expanduser()
    if not found.is_file():
        raise UsageError(f"{path}, smtp.ca_file: {found} does not exist; expected a file of PEM certificates")
    smtp = settings.smtp.model_copy(update={"ca_file": found})
    return settings.model_copy(update={"smtp": smtp})


def _refuse_secrets(document: Document, tree: object, place: tuple[str, ...]) -> None:
    """A mistake for each field that would hold a secret; its value is never repeated."""
    for name, value in tree.items() if isinstance(tree, dict) else ():
        here = (*place, str(name))
        if _is_secret(here):
            document.mistake(here, "a secret never stands in this file; name it by password_variable")
        _refuse_secrets(document, value, here)


def _is_secret(place: tuple[str, ...]) -> bool:
    return bool(place) and place[-1].lower() in _SECRETS


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "localhost.localdomain")


_KINDS = {
    "missing": "is missing",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "string_type": "expected a text; put it into quotes",
    "model_type": "expected names with a colon after each",
    "dict_type": "expected names with a colon after each",
    "tuple_type": "expected a list",
}


def _sentence(fault: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields_at(fault["loc"][:-1])
        return f"not known here{_near(str(fault['loc'][-1]), known)}; there are: {', '.join(known)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"expected {context['expected']}, not {fault['input']!r}"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal"):
        limit = next(iter(context.values()))
        words = {"greater_than_equal": "at least", "greater_than": "more than", "less_than_equal": "at most"}
        return f"expected {words[kind]} {limit:g}, not {fault['input']!r}"
    said = _KINDS.get(kind)
    if said is None:
        said = f"{fault['msg'][:1].lower()}{fault['msg'][1:]}"
    return said if kind == "missing" else f"{said}, not {fault['input']!r}"


def _fields_at(place: tuple[str | int, ...]) -> list[str]:
    """The words that are known at a place of the file."""
    parts: dict[str, type[Part]] = {"smtp": Smtp, "groups": Group, "attach": Attach}
    model = parts.get(str(place[0]), Settings) if place else Settings
    return [field.alias or name for name, field in model.model_fields.items() if name != "path"]


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""
