"""What a line is that `scan` could not take as one plain record: several records, one in JSON, other text or malformed.

    {"_AUDIT_ID":"10","_SOURCE_REALTIME_TIMESTAMP":"1795399215024000","MESSAGE":"SYSCALL arch=…"}

Nothing here looks at more than one line. Every byte of a line is accounted for by exactly one `Odd`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

RECORD, MALFORMED, OTHER = "record", "malformed", "other"


@dataclass(frozen=True)
class Odd:
    """One piece of a line: `start` and `end` count from the line's first byte, its newline belongs to the last piece.

    A record's header begins at `at`; one from JSON has its plain text in `plain`. What is no record has a reason.
    """

    kind: str
    start: int
    end: int
    reason: str = ""
    at: int = 0
    time_ms: int = 0
    plain: bytes | None = None


# The kernel writes at most 8,970 bytes into a record (MAX_AUDIT_MESSAGE_LENGTH): a quote open for longer was cut.
_LONGEST_QUOTE = 32 << 10
# A name of a machine has at most 255 bytes, one of a type far fewer; a bound keeps a file of `type=type=…` linear.
_HEADER = re.compile(rb"(?:node=[^ \n]{1,255} )?type=[^ \n]{1,64} (?:msg=)?audit\((\d{1,10})\.(\d{1,3}):(\d{1,10})\):")
_INTERPRETED = re.compile(rb"(?:type=|audit\()[^\n]{0,80}audit\([^)]{0,40}[/:-][^)]{0,40}\.\d{1,3}:\d+\) ?:")
_LOST = re.compile(rb"type=DAEMON_ERR op=format-\w+ msg=NULL res=failed")
_SYSLOG = re.compile(
    rb"(?:<\d{1,3}>)?(?:\d )?"
    rb"(?:[A-Z][a-z]{2} [ \d]\d(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d+)?"
    rb"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|\[ *\d+\.\d+\]) "
)
_JOURNAL_TEXT = re.compile(rb" audit(?:\[\d+\])?: [A-Z][A-Z0-9_]+ (?:[a-z0-9_-]+=|avc: )")
_AUSEARCH = re.compile(rb"----\r?$|time->[A-Z]|<no matches>")


def read_odd(line: bytes) -> list[Odd]:
    """The pieces of one line (with its newline) that is no plain record."""
    text = line.rstrip(b"\n")
    if text.startswith(b"{"):
        return [_read_json(text, len(line))]
    starts = _record_starts(text)
    if not starts:
        return [_say(text, len(line))]
    bounds = [0, *(match.start() for match in starts[1:]), len(line)]
    return [
        Odd(RECORD, bounds[i], bounds[i + 1], at=match.start(), time_ms=_time_ms(match))
        for i, match in enumerate(starts)
    ]


def is_interpreted(text: bytes) -> bool:
    """Whether the line is a record as `ausearch -i` prints it: `msg=audit(01/01/2026 00:00:04.100:11) : arch=…`."""
    return _INTERPRETED.search(text) is not None and _HEADER.search(text) is None


def _say(text: bytes, size: int) -> Odd:
    """What a line without a record is."""
    stripped = text.strip(b"\0\r ")
    if not stripped:
        return Odd(OTHER, 0, size, "blank")
    if is_interpreted(text):
        return Odd(OTHER, 0, size, "interpreted")
    if _LOST.search(text):
        return Odd(
            MALFORMED, 0, size, "lost by auditd: it could not format this record, which has no time and no serial"
        )
    if _JOURNAL_TEXT.search(text):
        return Odd(MALFORMED, 0, size, "the journal's text has neither time nor serial; use journalctl -o json")
    if b"type=" in text and b"audit(" in text:
        return Odd(
            MALFORMED, 0, size, "the header cannot be read; expected type=TYPE msg=audit(SECONDS.MILLISECONDS:SERIAL):"
        )
    if b"msg=audit(" in text:
        return Odd(MALFORMED, 0, size, "the header is cut: type= is missing")
    if _SYSLOG.match(text):
        return Odd(OTHER, 0, size, "syslog")
    if _AUSEARCH.match(text):
        return Odd(OTHER, 0, size, "ausearch")
    if text.startswith((b"type=", b"node=")):
        return Odd(MALFORMED, 0, size, "the header is cut: expected msg=audit(SECONDS.MILLISECONDS:SERIAL):")
    return Odd(MALFORMED, 0, size, "not an audit record")


def _record_starts(text: bytes) -> list[re.Match[bytes]]:
    """The headers of the records of a line: those that stand outside quotes."""
    starts: list[re.Match[bytes]] = []
    for match in _HEADER.finditer(text):
        before = text[starts[-1].start() : match.start()] if starts else b""
        if int(match[3]) < 2**32 and (len(before) > _LONGEST_QUOTE or _is_closed(before)):
            starts.append(match)
    return starts


def _time_ms(header: re.Match[bytes]) -> int:
    return int(header[1]) * 1000 + int(header[2])


def _is_closed(record: bytes) -> bool:
    """Whether no quote is open at the end of this text: what a user may write inside quotes is no record."""
    raw, _, enriched = record.partition(b"\x1d")
    message = raw.find(b"msg='")
    if message >= 0:
        closing = raw.rfind(b"'")
        if closing < message + 5:
            return False
        raw = raw[closing + 1 :]
        if not enriched and raw.strip(b" \0") and not re.match(rb"(?:#035|\^\])? ?[A-Z_-]+=", raw):
            return False
    return raw.count(b'"') % 2 == 0 and enriched.count(b'"') % 2 == 0


def _read_json(text: bytes, size: int) -> Odd:
    """A line of `journalctl -o json` as the record it holds."""
    try:
        entry: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Odd(MALFORMED, 0, size, "a line of JSON that cannot be read")
    if not isinstance(entry, dict):
        return Odd(OTHER, 0, size, "json")
    message = _message(entry.get("MESSAGE"))
    if message is None:
        return Odd(OTHER, 0, size, "json")
    if entry.get("_TRANSPORT") == "audit" or "_AUDIT_ID" in entry:
        plain = _of_journal(entry, message)
        if plain is None:
            return Odd(MALFORMED, 0, size, "a journal entry without _AUDIT_ID or _SOURCE_REALTIME_TIMESTAMP")
        message = plain
    found = _HEADER.search(message)
    if found and b"\n" not in message:
        return Odd(RECORD, 0, size, time_ms=_time_ms(found), plain=message[found.start() :])
    return Odd(OTHER, 0, size, "json")


def _message(value: object) -> bytes | None:
    """A MESSAGE as bytes; the journal writes text that is not UTF-8 as a list of numbers."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value)
    return None


def _of_journal(entry: dict[str, Any], message: bytes) -> bytes | None:
    """`MESSAGE` is the type's name, a blank and the body; time and serial are fields of their own."""
    serial, micros = str(entry.get("_AUDIT_ID", "")), str(entry.get("_SOURCE_REALTIME_TIMESTAMP", ""))
    name, _, body = message.partition(b" ")
    if not (re.fullmatch(r"\d{1,10}", serial) and re.fullmatch(r"\d{6,16}", micros) and name) or b"\n" in message:
        return None
    seconds, milliseconds = divmod(int(micros) // 1000, 1000)
    return b"type=%s msg=audit(%d.%03d:%s): %s" % (name, seconds, milliseconds, serial.encode(), body)
