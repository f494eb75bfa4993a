"""One conversation with a mail server: connected, secured, logged in, one letter handed over.

Whatever goes wrong is one of two: `Delayed` (try again later) or `Blocked` (nothing will change until somebody changes
the settings or the server). What becomes of a single recipient is no error but an answer.
"""

import base64
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from audit_nb import credentials
from audit_nb.errors import AuditNbError
from audit_nb.mail.settings import PORTS, Smtp
from audit_nb.mail.source import plain

_SLOWEST = 20_000  # bytes a second; a socket's time-out counts for sending all of them
TOO_LARGE = 552  # RFC 5321: message exceeds the fixed maximum size


class Unsent(Exception):
    """A letter was not handed over. `is_general` where the server was not even ready to be given one."""

    is_general = False


class Delayed(Unsent):
    """Not now: greylisting, a busy or silent server, a lost connection."""


class Blocked(Unsent):
    """Not like this: no TLS, an untrusted certificate, a wrong password."""


class TooLarge(Exception):
    """The server takes at most `limit` bytes; 0 where it does not say how many."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


@dataclass(frozen=True)
class Answer:
    """What a server said: its code and its words, made fit to be shown."""

    code: int
    said: str

    @property
    def is_yes(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_final(self) -> bool:
        """A refusal for good; everything else may change."""
        return 500 <= self.code < 600


@contextmanager
def connected(settings: Smtp) -> Iterator[smtplib.SMTP]:
    """A connection that is secured and logged in as the settings say. Raises Delayed or Blocked, both general."""
    client = None
    try:
        try:
            with _explained(settings):
                client = _opened(settings)
                _secured(client, settings)
                _logged_in(client, settings)
        except Unsent as fault:
            fault.is_general = True
            raise
        yield client
    finally:
        if client is not None:
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()


def size_limit(client: smtplib.SMTP) -> int | None:
    """The largest message the server says it takes, in bytes; None where it does not say."""
    said = client.esmtp_features.get("size", "").strip()
    return int(said) if said.isdecimal() and int(said) > 0 else None


def hand_over(
    client: smtplib.SMTP,
    sender: str,
    recipients: Sequence[str],
    content: bytes,
    *,
    timeout_s: float,
    before_data: Callable[[Sequence[str]], None],
) -> dict[str, Answer]:
    """Give one letter to the server; the answer for each recipient.

    `before_data` is told who will get it before the first byte of it goes out. The last answer is waited for
    `timeout_s`, and more for a long letter: where it is lost, the letter arrives twice. Raises Delayed when the
    connection is lost, Blocked when the sender is not welcome, TooLarge when the server says the letter is.
    """
    limit = size_limit(client)
    if limit is not None and len(content) > limit:
        raise TooLarge(limit)
    with _lost_is_delayed():
        options = [f"size={len(content)}"] if "size" in client.esmtp_features else []
        begun = _answer(client.mail(sender, options))
        if begun.code == TOO_LARGE:
            raise TooLarge(0)
        if not begun.is_yes:
            kind = Blocked if begun.is_final else Delayed
            raise kind(f"the server does not take mail from {sender}: {begun.said}")
        answers = {address: _answer(client.rcpt(address)) for address in recipients}
        taken = [address for address, answer in answers.items() if answer.is_yes]
        if not taken:
            return answers
        before_data(taken)
        if client.sock is not None:
            client.sock.settimeout(timeout_s + len(content) / _SLOWEST)
        ended = _data(client, content)
        if ended.code == TOO_LARGE:
            raise TooLarge(0)
        return answers | dict.fromkeys(taken, ended)


def _data(client: smtplib.SMTP, content: bytes) -> Answer:
    try:
        return _answer(client.data(content))
    except smtplib.SMTPDataError as fault:  # the server did not want to see it at all
        return _answer((fault.smtp_code, fault.smtp_error))


def _answer(reply: tuple[int, bytes | str]) -> Answer:
    code, said = reply
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return Answer(code, plain(f"{code} {text}", 300))


def _opened(settings: Smtp) -> smtplib.SMTP:
    host, port = settings.host, settings.port or PORTS[settings.security]
    if settings.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=settings.timeout_s, context=_context(settings))
    return smtplib.SMTP(host, port, timeout=settings.timeout_s)


def _context(settings: Smtp) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (ssl.SSLError, OSError) as fault:
        raise Blocked(f"smtp.ca_file {settings.ca_file} cannot be used: {plain(fault, 120)}") from None


def _secured(client: smtplib.SMTP, settings: Smtp) -> None:
    client.ehlo_or_helo_if_needed()
    if settings.security != "starttls":
        return
    if not client.has_extn("starttls"):
        raise Blocked(
            f"{settings.place} does not offer STARTTLS, and nothing is sent in the clear; "
            "see smtp.security in mail.yaml"
        )
    answer = _answer(client.starttls(context=_context(settings)))
    if not answer.is_yes:
        raise Delayed(f"{settings.place} did not begin TLS: {answer.said}")
    client.ehlo()


def _logged_in(client: smtplib.SMTP, settings: Smtp) -> None:
    if settings.user is None:
        return
    try:
        secret = credentials.secret(settings.password_variable)
    except AuditNbError as fault:
        raise Blocked(str(fault)) from None
    offered = client.esmtp_features.get("auth", "").upper().split()
    if not offered:
        raise Blocked(f"{settings.place} offers no login; leave out smtp.user if it needs none")
    answer = _login(client, settings, secret, offered)
    if answer.is_yes:
        return
    said = f"{settings.place} refused the login of {settings.user}: {answer.said}"
    if answer.is_final:
        raise Blocked(f"{said} (the secret is {settings.password_variable})")
    raise Delayed(said)


def _login(client: smtplib.SMTP, settings: Smtp, secret: str, offered: Sequence[str]) -> Answer:
    """PLAIN, LOGIN, CRAM-MD5 or XOAUTH2; smtplib's own login fails on a password that is not ASCII."""
    user = settings.user or ""
    if settings.login == "xoauth2":
        answer = _answer(client.docmd("AUTH", "XOAUTH2 " + _encoded(f"user={user}\1auth=Bearer {secret}\1\1")))
        return _answer(client.docmd("")) if answer.code == 334 else answer
    if "PLAIN" in offered:
        return _answer(client.docmd("AUTH", "PLAIN " + _encoded(f"\0{user}\0{secret}")))
    if "LOGIN" in offered:
        answer = _answer(client.docmd("AUTH", "LOGIN " + _encoded(user)))
        return _answer(client.docmd(_encoded(secret))) if answer.code == 334 else answer
    try:
        return _answer(client.login(user, secret))
    except smtplib.SMTPAuthenticationError as fault:
        return _answer((fault.smtp_code, fault.smtp_error))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


@contextmanager
def _explained(settings: Smtp) -> Iterator[None]:
    """Failures of connecting, of TLS and of logging in as Delayed or Blocked, in a sentence that names the server."""
    place = settings.place
    try:
        yield
    except Unsent:
        raise
    except ssl.SSLCertVerificationError as fault:
        raise Blocked(
            f"the certificate of {place} is not trusted: {plain(fault.verify_message, 120)}; "
            "smtp.ca_file may name the certificates of your own authority"
        ) from None
    except ssl.SSLError as fault:
        raise Blocked(f"{place} and this machine do not agree on TLS: {plain(fault.reason or fault, 120)}") from None
    except socket.gaierror as fault:
        raise Delayed(f"the name {settings.host} is not known: {plain(fault.strerror, 120)}") from None
    except TimeoutError:
        raise Delayed(f"{place} did not answer within {settings.timeout_s:g} s") from None
    except smtplib.SMTPResponseException as fault:
        answer = _answer((fault.smtp_code, fault.smtp_error))
        kind = Blocked if answer.is_final else Delayed
        raise kind(f"{place} does not want to talk: {answer.said}") from None
    except smtplib.SMTPServerDisconnected as fault:
        how = f"did not answer within {settings.timeout_s:g} s" if _was_silent(fault) else "closed the connection"
        raise Delayed(f"{place} {how}") from None
    except smtplib.SMTPException as fault:
        raise Blocked(f"{place}: {plain(fault, 200)}") from None
    except OSError as fault:
        raise Delayed(f"{place} cannot be reached: {plain(fault.strerror or fault, 120)}") from None


def _was_silent(fault: smtplib.SMTPServerDisconnected) -> bool:
    """smtplib calls a time-out a closed connection; the first exception knows better."""
    return isinstance(fault.__context__, TimeoutError)


@contextmanager
def _lost_is_delayed() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise Delayed("the server did not answer in time") from None
    except smtplib.SMTPServerDisconnected as fault:
        how = "did not answer in time" if _was_silent(fault) else "closed the connection"
        raise Delayed(f"the server {how}") from None
    except smtplib.SMTPException as fault:
        raise Delayed(f"the server answered what cannot be understood: {plain(fault, 120)}") from None
    except OSError as fault:
        raise Delayed(f"the connection was lost: {plain(fault.strerror or fault, 120)}") from None
