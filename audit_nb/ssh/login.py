"""May we enter: agent, key with passphrase or certificate, password, keyboard-interactive."""

import getpass
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from audit_nb import credentials
from audit_nb.errors import AuditNbError
from audit_nb.inventory import Host
from audit_nb.ssh import hostkeys
from audit_nb.ssh.route import Route, SshError, words_of

log = logging.getLogger(__name__)

MAX_AGENT_KEYS = 5  # sshd hangs up after MaxAuthTries (6)


@dataclass(frozen=True)
class Means:
    """One way to log in: its method in the protocol, what to record of it, what to tell, how to try."""

    method: str
    label: str
    words: str
    attempt: Callable[[paramiko.Transport], list[str]]  # gives the methods that the server wants besides


def log_in(transport: paramiko.Transport, host: Host, route: Route) -> str:
    """Log in by the means the inventory names, else as ssh would; returns how: a key's fingerprint or `password`.

    A server may want several things one after the other (AuthenticationMethods); then all are returned, with ", then "
    between them.
    """
    passed: list[Means] = []
    tried: list[str] = []
    wanted: set[str] = set()
    every = _means(host, route)
    while means := next((m for m in every if m.words not in tried and (not wanted or m.method in wanted)), None):
        tried.append(means.words)
        try:
            wants = means.attempt(transport)
        except paramiko.BadAuthenticationType as fault:
            wanted = set(fault.allowed_types)
        except (paramiko.SSHException, EOFError, OSError) as fault:
            if "timeout" in str(fault).lower():
                raise _no_answer(host, route, means.words) from fault
            if not isinstance(fault, paramiko.AuthenticationException) or not transport.is_active():
                raise _hung_up(host, route, tried, fault) from fault
            log.debug("%s: %s was refused: %s", host.name, means.words, fault)
        else:
            passed.append(means)
            if not wants:
                return ", then ".join(means.label for means in passed)
            wanted, tried = set(wants), []
    if passed:
        raise _half_way(host, route, passed, tried, wanted)
    raise SshError(
        f"{host.name}: {route.place} refused the login of {route.user} by {', '.join(tried) or 'any means we have'}"
        f"{f' (it allows {chr(44).join(sorted(wanted))})' if wanted else ''}; {_remedy(host, route, tried)}",
        step="login",
    )


def _half_way(host: Host, route: Route, passed: list[Means], tried: list[str], wanted: set[str]) -> SshError:
    """The server took something and wants more than we have, or refused that."""
    took = " and the ".join(dict.fromkeys("key" if means.method == "publickey" else "password" for means in passed))
    words = f"{host.name}: {route.place} took the {took} of {route.user} and"
    if tried:
        return SshError(
            f"{words} refused what it wanted next, {', '.join(tried)}; {_remedy(host, route, tried)}", step="login"
        )
    remedy = "no means that we know"
    if wanted & {"password", "keyboard-interactive"} and host.password_variable is None:
        remedy = "name the password's variable by password_variable"
    elif "publickey" in wanted and host.key_file is None:
        remedy = "name a key_file in the inventory"
    return SshError(f"{words} wants {' or '.join(sorted(wanted))} besides; {remedy}", step="login")


def _no_answer(host: Host, route: Route, means: str) -> SshError:
    return SshError(
        f"{host.name}: {route.place} did not answer to the login of {route.user} by {means} within "
        f"{host.timeout_s:g} s; check that the host is not overloaded and that its name service works",
        step="login",
        may_pass=True,
    )


def _hung_up(host: Host, route: Route, tried: list[str], fault: Exception) -> SshError:
    """A server hangs up after too many refusals (MaxAuthTries), which will not pass, and when something broke."""
    return SshError(
        f"{host.name}: {route.place} hung up during the login of {route.user} by {', '.join(tried)} "
        f"({words_of(fault)}); check MaxAuthTries and AllowUsers there, or name one key_file",
        step="login",
        may_pass=len(tried) < 3,
    )


def _remedy(host: Host, route: Route, tried: list[str]) -> str:
    if any("password" in means for means in tried):
        return f"check user and the password in {host.password_variable}"
    if not tried:
        return "name a key_file or a password_variable in the inventory, or start an agent"
    said = "check user, and that the public key stands in ~/.ssh/authorized_keys there"
    if host.key_file is None or route.jump:
        return said
    port = f" -p {route.port}" if route.port != 22 else ""
    place = shlex.quote(f"{route.user}@{route.address}")
    return f"{said} (`ssh-copy-id -i {shlex.quote(str(route.key_files[0]))}{port} {place}`)"


def _means(host: Host, route: Route) -> list[Means]:
    """The ways to log in, in order.

    Where the inventory names a key or a password, nothing else is tried: each refused key counts towards the number
    after which sshd hangs up.
    """
    password_only = host.password_variable is not None and host.key_file is None
    found = [] if password_only else [_key_means(*one, route) for one in _keys(host, route)]
    found = list({means.label: means for means in reversed(found)}.values())[::-1]  # a key of the agent and of a file
    return found if host.password_variable is None else [*found, *_password_means(host, host.password_variable, route)]


def _password_means(host: Host, name: str, route: Route) -> Iterator[Means]:
    def secret() -> str:
        try:
            return credentials.secret(name)
        except AuditNbError as fault:
            raise SshError(f"{host.name}: {fault}", step="login") from fault

    yield Means(
        "password",
        "password",
        f"password (from {name})",
        lambda transport: list(transport.auth_password(route.user, secret(), fallback=False)),
    )
    yield Means(
        "keyboard-interactive",
        "keyboard-interactive",
        f"keyboard-interactive password (from {name})",
        lambda transport: list(transport.auth_interactive(route.user, _answers(secret()))),
    )


def _keys(host: Host, route: Route) -> Iterator[tuple[paramiko.PKey, str]]:
    """Each key that may be tried, and what to call it."""
    agent_keys = list(paramiko.Agent().get_keys()) if os.environ.get("SSH_AUTH_SOCK") else []
    if host.key_file is None and route.agent:
        for key in agent_keys[:MAX_AGENT_KEYS]:
            yield key, f"the agent's key {key.comment or key.get_name()}"
    for path in route.key_files:
        key, wrong = _load_key(path, host)
        if key is None and host.key_file is not None:
            held = _held_by_agent(path, agent_keys)
            if held is None:
                raise SshError(f"{host.name}: {wrong}", step="login")
            key = held
        if key is not None:
            yield key, f"key {path}"


def _key_means(key: paramiko.PKey, words: str, route: Route) -> Means:
    print_ = hostkeys.fingerprint(key.asbytes())
    return Means("publickey", print_, f"{words} ({print_})", lambda t: list(t.auth_publickey(route.user, key)))


def _load_key(path: Path, host: Host) -> tuple[paramiko.PKey | None, str]:
    """The private key in a file with its certificate if there is one; else None and what is wrong."""
    passphrase = None
    if host.passphrase_variable and host.key_file is not None:
        try:
            passphrase = credentials.secret(host.passphrase_variable)
        except AuditNbError as fault:
            return None, f"the key {path} has a passphrase, and {fault}"
    try:
        return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None), ""
    except FileNotFoundError:
        return None, f"the key file {path} does not exist; check key_file in the inventory"
    except PermissionError:
        return None, f"the key file {path} may not be read by {getpass.getuser()}; check its owner and mode"
    except Exception as fault:  # noqa: BLE001 - cryptography raises TypeError, ValueError and classes of its own
        encrypted = "password" in str(fault).lower() or isinstance(fault, paramiko.PasswordRequiredException)
        if encrypted and not passphrase:
            return None, (
                f"the key {path} has a passphrase: name the variable that holds it by passphrase_variable, or add the "
                "key to an agent (`ssh-add`)"
            )
        if passphrase:
            return None, f"the key {path} does not open with the passphrase in {host.passphrase_variable}"
        return None, f"the key {path} cannot be used ({type(fault).__name__}: {words_of(fault)})"


def _held_by_agent(path: Path, agent_keys: list[Any]) -> paramiko.PKey | None:
    """The agent's key that belongs to the public half beside a private key that we cannot open."""
    try:
        words = path.with_name(path.name.removesuffix(".pub") + ".pub").read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return next((key for key in agent_keys if len(words) > 1 and key.get_base64() == words[1]), None)


def _answers(password: str) -> Callable[[str, str, list[tuple[str, bool]]], list[str]]:
    """Answer with the password where the server hides what is typed, with nothing where it would show it."""
    return lambda _title, _instructions, prompts: ["" if shown else password for _prompt, shown in prompts]
