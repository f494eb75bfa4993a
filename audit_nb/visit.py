"""One visit to one host: its log files are opened, recognised, and what is new of each goes into the archive.

The names are opened from `audit.log` upwards. A rotation moves files upwards too, so it can make us meet a file twice
(the second time it is recognised) but never miss one; and an open file stays the same file whatever its name becomes.
"""

import logging
import posixpath
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from audit_nb import disk, facts, files, lineage
from audit_nb.archive import Archive, Digest, EvidenceError, Lineage
from audit_nb.compressed import Unreadable, compression
from audit_nb.errors import AuditNbError
from audit_nb.fetches import TROUBLE, FetchResult
from audit_nb.inventory import Host
from audit_nb.ssh import Abort, Connection, PackedRemote, Packing, PackingFailed, RemoteFile, Sftp, SshError, worthwhile

ROUNDS = 5  # how often the files are looked at when some were replaced while they were read
FINISHED_AFTER_S = 3600  # a rotated file that was not written to for so long will not be
PROBED_NAMES = 1000  # auditd.conf(5): num_logs is at most 999
EDGE = 1 << 16  # bytes in which the first or last record of a file is looked for
MOMENT = re.compile(rb"type=(?!DAEMON_)\S+ msg=audit\((\d+)\.(\d+):(\d+)\)")

logger = logging.getLogger(__name__)


class Stopped(AuditNbError):
    """The user ended the run."""

    @classmethod
    def of(cls, host: Host) -> "Stopped":
        return cls(f"{host.name}: stopped by the user; the next run goes on from what has been fetched")


@dataclass
class Visit:
    """What one visit to a host has found so far."""

    archive: Archive
    host: Host
    stop: threading.Event
    tell: Callable[[int, int], None]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    gaps: list[dict[str, str]] = field(default_factory=list)
    session: dict[str, Any] | None = None
    abort: Abort = field(default_factory=Abort)
    new_bytes: int = 0
    new_segments: int = 0
    wire_bytes: int = 0
    _packs: bool = True  # until the host has shown that it does not compress for us
    _done: int = 0
    _total: int = 0

    def take_all(self, connection: Connection) -> None:
        """Bring what is new on the host into the archive; raises SshError, and what came before it stays."""
        self.session = {
            "account": connection.route.user,
            "key": connection.login,
            "address": connection.local_address,
            "port": connection.local_port,
            "host_key": connection.host_key,
        }
        with Sftp(connection) as sftp:
            for _ in range(ROUNDS):
                if not self._round(sftp):
                    break
            if self.host.facts:
                facts.refresh(self.archive, self.host, connection, sftp)

    def result(self, fault: BaseException | None = None) -> FetchResult:
        """The row of this visit."""
        troubles = [row["note"] for row in self.files.values() if row["outcome"] in TROUBLE]
        troubles += [f"the host has nothing any more of {gap['since']} to {gap['until']}" for gap in self.gaps]
        outcome = "partial" if troubles else "done"
        reason = f"{self.host.name}: {'; '.join(troubles)}" if troubles else None
        if fault is not None:
            outcome, reason = "partial" if self.new_bytes else "failed", str(fault)
        return FetchResult(
            host=self.host.name,
            outcome=outcome,
            reason=reason,
            started_at=self.started_at,
            ended_at=datetime.now(UTC),
            new_bytes=self.new_bytes,
            wire_bytes=self.wire_bytes,
            new_segments=self.new_segments,
            files=tuple(self.files.values()),
            gaps=tuple(self.gaps),
            session=self.session,
        )

    def progress(self, count: int) -> None:
        """A piece was read; raises Stopped when the user has ended the run."""
        if self.stop.is_set():
            raise Stopped.of(self.host)
        self._done += count
        self.tell(self._done, self._total)

    def _round(self, sftp: Sftp) -> bool:
        """Look at every log file once; True when one was replaced or cut while it was read."""
        name = self.host.name
        origin = lineage.Origin(sftp.via, sftp.connection.host_key, datetime.now(UTC))
        before = self.archive.lineages(name)
        seen: dict[int | None, list[tuple[Any, int]]] = {}
        changed = False
        with ExitStack() as stack:
            opened = _open_all(self, sftp, stack)
            logs = [
                (remote, log) for remote in reversed(opened) if (log := self._plain(remote, seen, stack)) is not None
            ]
            places = [lineage.recognise(self.archive, name, log) for _, log in logs]
            self._total += sum(
                log.size - place.held for (_, log), place in zip(logs, places, strict=True) if not place.whole
            )
            newest = max((remote.mtime for remote in opened), default=0)
            segments = self.new_segments
            packing = self._packing(sftp.connection, logs, places, stack)
            for (remote, log), place in zip(logs, places, strict=True):
                if self.new_segments != segments:  # the file before may have been a copy of this one
                    place = lineage.recognise(self.archive, name, log)
                seen.setdefault(place.source, []).extend([] if place.whole else [(log, place.held)])
                finished = self._finished(remote, log, newest)
                packed = packing.of(remote) if packing and self._packs and not place.whole else None
                if packed:
                    place = self._take_packed(packed, remote, place, origin, finished=finished)
                changed |= self.take(log, place, origin, finished=finished)
                if log is not remote:
                    self._remember(remote, place)
            if not changed:
                self._look_for_gap(before, seen)
        return changed

    def _finished(self, remote: RemoteFile, log: Any, newest: int) -> bool:  # noqa: ANN401 - any Readable
        """Whether nothing will be added to a file: it was rotated, and the host went on elsewhere."""
        if remote.path == self.host.log_path:
            return False
        quiet = self.started_at.timestamp() - remote.mtime > FINISHED_AFTER_S
        return log is not remote or remote.mtime < newest or quiet

    def _packing(
        self, connection: Connection, logs: list[tuple[RemoteFile, Any]], places: list[lineage.Place], stack: ExitStack
    ) -> Packing | None:
        """A compressor on the host, begun, for those of the files that are worth it."""
        wanted = [
            (remote, place.held)
            for (remote, log), place in zip(logs, places, strict=True)
            if log is remote and not place.whole
        ]
        wanted = worthwhile(connection, wanted) if self._packs else []
        if not wanted:
            return None
        packing = Packing(connection, wanted)
        stack.callback(packing.close)
        packing.begin()
        return packing

    def _take_packed(
        self,
        packed: PackedRemote,
        remote: RemoteFile,
        place: lineage.Place,
        origin: lineage.Origin,
        *,
        finished: bool,
    ) -> lineage.Place:
        """Take a file through a compressor on the host; the place from which it is to be read plainly."""
        done = self._done
        try:
            self.take(packed, place, replace(origin, via=f"{origin.via}, compressed by zstd"), finished=finished)
        except PackingFailed as fault:
            logger.debug("%s", fault)
            self._packs = False
        found = lineage.recognise(self.archive, self.host.name, remote)
        self._done = min(self._done, done + max(0, found.held - place.held))
        return found

    def take(self, log: Any, place: lineage.Place, origin: lineage.Origin, *, finished: bool) -> bool:  # noqa: ANN401
        """Keep what is new of one file; True when it was replaced or cut meanwhile."""
        if place.whole or log.size == 0:
            self.note(log.path, "held" if log.size else "empty", note=getattr(log, "damage", None))
            return False
        count = len(self.archive.all_segments(self.host.name))
        try:
            kept = lineage.keep(
                self.archive, self.host.name, log, place, origin, finished=finished, progress=self.progress
            )
        finally:
            segments = self.archive.all_segments(self.host.name)[count:]
            new_bytes = sum(segment.length for segment in segments)
            self.new_bytes += new_bytes
            self.new_segments += len(segments)
            self.note(log.path, "new" if new_bytes else "held", new_bytes)
        notes = []
        if place.base is not None:
            notes.append(f"shares its first {place.base[1]:,} bytes with an earlier file: it was cut or written anew")
        if kept.held_back:
            notes.append(f"the last line is still being written ({kept.held_back:,} bytes held back)")
        if kept.changed:
            notes.append("was replaced or cut while it was read")
        damage = getattr(log, "damage", None)
        self.note(log.path, "damaged" if damage else "", note="; ".join(filter(None, [damage, *notes])) or None)
        return kept.changed

    def note(self, path: str, outcome: str, new_bytes: int = 0, note: str | None = None) -> None:
        """Say what became of a file; what an earlier round or step said stays unless something is added."""
        row = self.files.setdefault(path, {"path": path, "outcome": outcome, "new_bytes": 0, "note": None})
        if outcome and not (outcome in ("held", "empty") and row["new_bytes"]):
            row["outcome"] = outcome
        row["new_bytes"] += new_bytes
        row["note"] = note or row["note"]

    # A compressed file is brought over whole, unpacked here and remembered by size and ends: it travels once.

    def _plain(self, remote: RemoteFile, seen: dict[int | None, list[tuple[Any, int]]], stack: ExitStack) -> Any:  # noqa: ANN401
        """The log inside a remote file: the file itself, or its unpacked copy; None when it is known or refused."""
        if compression(remote.head) is None:
            return remote
        known = [row for row in self.archive.rows(self.host.name, "copy") if row["packed"] == _packed(remote)]
        if known:
            seen.setdefault(known[-1]["source"], [])
            self.note(remote.path, "damaged" if known[-1]["damage"] else "held", note=known[-1]["damage"])
            return None
        self._total += remote.size
        folder = files.private_directory(self.archive.folder / self.host.name)
        spool = Path(stack.enter_context(TemporaryDirectory(prefix=".packed-", dir=folder))) / "log"
        with spool.open("wb") as file:
            for piece in remote.stream(0, remote.size):
                file.write(piece)
                self.progress(len(piece))
        try:
            return disk.PackedFile(spool, remote.path)
        except Unreadable as fault:
            self.note(remote.path, "refused", note=str(fault).replace(str(spool), remote.path))
            return None

    def _remember(self, remote: RemoteFile, place: lineage.Place) -> None:
        row = self.files[remote.path]
        source = place.source or self.archive.all_segments(self.host.name)[-1].source
        self.archive.append_row(
            self.host.name,
            {
                "kind": "copy",
                "path": remote.path,
                "packed": _packed(remote),
                "source": source,
                "damage": row["note"] if row["outcome"] == "damaged" else None,
                "fetched_at": datetime.now(UTC).isoformat(),
            },
        )

    def _look_for_gap(self, before: dict[int, Lineage], seen: dict[int | None, list[tuple[Any, int]]]) -> None:
        """Say from when to when records are missing because their file was gone before we came.

        `seen` has, for each source, the files that go on with it and where what was new in them begins.
        That is so when the file that was written to last time is not on the host any more and what is there does not go
        on at the next serial.
        """
        live = [number for number, known in before.items() if known.path == self.host.log_path]
        last = max(live or before, default=None)
        if last is None or last in seen:
            return
        ended = self._last_moment(before[last])
        begun = [first_moment(log.read_at(held, EDGE)) for new in seen.values() for log, held in new]
        found = sorted(moment for moment in begun if moment and ended and moment > ended)
        if ended is None or (found and found[0][1] <= ended[1] + 1):
            return
        until = _written(found[0][0]) if found else self.started_at.isoformat(timespec="milliseconds")
        gap = {"since": _written(ended[0]), "until": until}
        if gap not in self.gaps:
            self.gaps.append(gap)

    def _last_moment(self, known: Lineage) -> tuple[int, int] | None:
        """(time in ms, serial) of the last record that is held of a source."""
        try:
            end = b"".join(self.archive.content(self.host.name, known.source, max(0, known.end - EDGE), known.end))
        except EvidenceError:
            return None
        return _moment(MOMENT.findall(end)[-1:])


def _open_all(visit: Visit, sftp: Sftp, stack: ExitStack) -> list[RemoteFile]:
    """Every log file of the host, opened, from the one that is written to upwards."""
    opened: dict[str, RemoteFile] = {}
    refused: dict[str, str] = {}
    for _ in range(ROUNDS):
        names = [path for path in _names(visit.host, sftp) if path not in opened and path not in refused]
        if not names:
            break
        for path, found in zip(names, sftp.open_all(names), strict=True):
            if isinstance(found, RemoteFile):
                opened[path] = found
                stack.callback(found.close)
            elif not isinstance(found, FileNotFoundError):  # gone since it was listed: it stands under the next name
                refused[path] = _refusal(sftp.connection, path, found)
    if visit.host.log_path in refused and not opened:
        raise SshError(f"{visit.host.name}: {refused[visit.host.log_path]}", step="read")
    if not opened and not refused:
        raise SshError(
            f"{visit.host.name}: there is no {visit.host.log_path} on the host; check log_path in the inventory, and "
            "that auditd is installed and runs there",
            step="read",
        )
    for path, sentence in refused.items():
        visit.note(path, "refused", note=sentence)
    return [opened[path] for path in sorted(opened, key=lambda path: _age(visit.host, path, opened[path].mtime))]


def _names(host: Host, sftp: Sftp) -> list[str]:
    """The paths of the log files from the newest name to the oldest; guessed where the folder cannot be listed."""
    folder, base = posixpath.split(host.log_path)
    try:
        entries = [entry for entry in sftp.folder(folder) if posixpath.basename(entry.path).startswith(base)]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        return [host.log_path, *_probed(host, sftp)]
    paths = [entry.path for entry in sorted(entries, key=lambda entry: _age(host, entry.path, entry.mtime))]
    return paths if host.log_path in paths else [host.log_path, *paths]


def _probed(host: Host, sftp: Sftp) -> list[str]:
    """`audit.log.1`, `.2` … as far as they can be opened, for a login that may not list the folder."""
    found = []
    for number in range(1, PROBED_NAMES):
        path = f"{host.log_path}.{number}"
        try:
            sftp.open(path).close()
        except OSError:
            break
        found.append(path)
    return found


def _age(host: Host, path: str, mtime: int) -> tuple[int, int]:
    """`audit.log` first, then `.1`, `.2` … by number, then other names by their time, newest first."""
    suffix = path.removeprefix(host.log_path)
    number = re.match(r"\.(\d{1,6})(?!\d)", suffix)
    if not suffix:
        return (0, 0)
    return (1, int(number[1])) if number else (2, -mtime)


def _refusal(connection: Connection, path: str, fault: OSError) -> str:
    if isinstance(fault, PermissionError):
        remedy = (
            "the server that sudo starts may not read it either; see the host's security modules"
            if connection.host.sudo
            else "give its group read access (log_group in auditd.conf, or an ACL on the folder), or set sudo: true"
        )
        return f"{path} may not be read by {connection.route.user} on the host; {remedy}"
    return f"{path} cannot be opened on the host ({fault})"


def _packed(remote: RemoteFile) -> dict[str, Any]:
    """What a compressed file is known by."""
    first, last = remote.read_blocks(
        [(0, min(4096, remote.size)), (max(0, remote.size - 4096), min(4096, remote.size))]
    )
    return {"size": remote.size, "first": Digest.of(first).sha256, "last": Digest.of(last).sha256}


def first_moment(data: bytes) -> tuple[int, int] | None:
    """(time in ms, serial) of the first record of the kernel or of a program in some bytes of a log."""
    return _moment(MOMENT.findall(data)[:1])


def _moment(found: list[tuple[bytes, bytes, bytes]]) -> tuple[int, int] | None:
    return (int(found[0][0]) * 1000 + int(found[0][1]), int(found[0][2])) if found else None


def _written(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
