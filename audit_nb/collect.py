"""Brings what is new on each host into the archive, and logs from a disk, and says what became of each attempt.

Hosts are visited side by side; one that fails is a row in `data/fetches.jsonl`, not the end of the run. Whatever was
read before a connection broke, before Ctrl-C or before the disk was full is kept, and the next run goes on from there.
"""

import errno
import logging
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from audit_nb import archive, disk, fetches, files, lineage, memory, overlap
from audit_nb.archive import Archive
from audit_nb.compressed import Unreadable
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.fetches import FetchResult
from audit_nb.inventory import Host, Inventory
from audit_nb.progress import Step, Tell, silent
from audit_nb.ssh import SshError, connect
from audit_nb.visit import Stopped, Visit, first_moment

__all__ = ["FetchResult", "fetch", "import_paths"]

PARALLEL = 8  # hosts at once; each takes about 30 MB of memory
MIN_FREE = 64 << 20  # bytes that are left free on our disk
RESERVE = ".reserve"
RESERVE_BYTES = 256 << 10
LOOKED_INTO = 1 << 20  # first bytes of a folder's file in which an audit record must stand for it to be taken
RECORD = re.compile(rb"audit\(\d+\.\d+:\d+\)|_AUDIT_ID")

log = logging.getLogger(__name__)


def fetch(
    inventory: Inventory, data_dir: Path | str, tell: Tell = silent, *, parallel: int = PARALLEL
) -> list[FetchResult]:
    """Bring what is new on each host into the archive; one result for each host, in the inventory's order.

    Raises AuditNbError when another process writes to the data folder or its disk is full before anything was begun,
    and KeyboardInterrupt after what had been read is safe.
    """
    data_dir = Path(data_dir)
    memory.share_heap()
    stop = threading.Event()
    results: dict[str, FetchResult] = {}
    with archive.lock(data_dir), memory.kept(arrow=False):
        _require_space(data_dir)
        visits = [Visit(Archive(data_dir), host, stop, _teller(tell, host)) for host in inventory.hosts]
        pool = ThreadPoolExecutor(max_workers=max(1, min(parallel, len(visits))), thread_name_prefix="fetch")
        running: dict[Future[FetchResult], Visit] = {}
        begin = threading.Event()  # not before every thread is known: Ctrl-C may come while one is being started
        try:
            for visit in visits:
                running[pool.submit(_visit, visit, inventory, begin)] = visit
            begin.set()
            for future in _as_they_end(set(running)):
                results[running[future].host.name] = future.result()
                _record(data_dir, future.result(), tell)
        finally:  # after Ctrl-C the connections are closed under those that are still at work
            stop.set()
            for visit in visits:
                visit.abort.fire()
            begin.set()
            pool.shutdown(cancel_futures=True)
            for future, visit in running.items():
                if future.done() and not future.cancelled() and visit.host.name not in results:
                    _record(data_dir, future.result(), tell)
    return [results[host.name] for host in inventory.hosts]


def _as_they_end(running: set[Future[FetchResult]]) -> Iterator[Future[FetchResult]]:
    """As concurrent.futures.as_completed, without sleeping through a Ctrl-C.

    Python looks for signals before it waits: one that comes as a wait without a limit begins is not seen until its end.
    """
    while running:
        done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
        yield from done


def _teller(tell: Tell, host: Host) -> Callable[[int, int], None]:
    return lambda done, total: tell(Step("fetch", host.name, done, total))


def _visit(visit: Visit, inventory: Inventory, begin: threading.Event) -> FetchResult:
    """One host from beginning to end; whatever happens becomes a row. What may pass is tried again, ever later."""
    begin.wait()
    host = visit.host
    visit.started_at = datetime.now(UTC)
    visit.archive.clear_unfinished(host.name)
    for again in range(host.retries + 1):
        try:
            _enter(visit, inventory)
            return visit.result()
        except SshError as fault:
            last: AuditNbError = Stopped.of(host) if visit.stop.is_set() else fault
            if not fault.may_pass or again == host.retries or visit.stop.wait(2.0**again):
                break
        except AuditNbError as fault:
            last = fault
            break
        except OSError as fault:
            last = AuditNbError(f"{host.name}: {_disk_trouble(visit.archive.folder.parent, fault)}")
            break
        except Exception as fault:  # noqa: BLE001 - one host must not end the run
            log.debug("%s", host.name, exc_info=True)
            last = AuditNbError(f"{host.name}: an error of audit-nb's own ({type(fault).__name__}: {fault})")
            break
    return visit.result(last)


def _enter(visit: Visit, inventory: Inventory) -> None:
    if visit.stop.is_set():
        raise Stopped.of(visit.host)
    with connect(visit.host, inventory, visit.abort) as connection:
        try:
            visit.take_all(connection)
        finally:
            visit.wire_bytes += connection.wire.received + connection.wire.sent


def _record(data_dir: Path, result: FetchResult, tell: Tell, *, stage: str = "fetch") -> None:
    """Write the row of a visit; on a full disk in the room that was kept free for it."""
    try:
        fetches.record(data_dir, result)
    except OSError:
        (data_dir / RESERVE).unlink(missing_ok=True)
        fetches.record(data_dir, result)
    text = f"{result.new_bytes:,} new bytes" if result.new_bytes else "nothing new"
    text += f" ({result.wire_bytes:,} on the wire)" if result.wire_bytes else ""
    if result.reason:
        reason = result.reason.removeprefix(f"{result.host}: ")
        text = f"{text}; {reason}" if result.outcome == "partial" else reason
    tell(Step(stage, result.host, result.new_bytes, None, text=text, failed=result.outcome == "failed"))


def _require_space(data_dir: Path) -> None:
    """Raise AuditNbError where the disk is too full to begin; keep some room for saying that it became full."""
    free = shutil.disk_usage(data_dir).free
    if free < MIN_FREE:
        raise AuditNbError(
            f"{data_dir}: only {free >> 20:,} MiB are free on this disk; nothing was begun. Free some space, or see "
            "`audit-nb prune`"
        )
    if not (data_dir / RESERVE).exists():
        files.write_private(data_dir / RESERVE, bytes(RESERVE_BYTES))


def _disk_trouble(place: Path, fault: OSError) -> str:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk of {place} is full; what was fetched before is safe and the next run goes on from there. Free "
            "some space, or see `audit-nb prune`"
        )
    return f"{place} cannot be written to ({fault})"


# --- logs from a disk ------------------------------------------------------------------------------------------------


def import_paths(paths: Iterable[Path | str], host: str, data_dir: Path | str, tell: Tell = silent) -> FetchResult:
    """Take logs from a disk: files and folders, plain or compressed, in any order; what is held already is recognised.

    A file that is named is taken as it is; of a folder, the files that hold an audit record near their beginning.
    Raises UsageError for a path that does not exist.
    """
    archive.checked_name(host)
    data_dir = Path(data_dir)
    named = [Path(path) for path in paths]
    for path in named:
        if not path.exists():
            raise UsageError(f"{path} does not exist; name log files or folders that hold them")
        if not (path.is_dir() or path.is_file()):
            raise UsageError(f"{path} is neither a file nor a folder; write what it holds into a file first")
    with archive.lock(data_dir):
        _require_space(data_dir)
        store = Archive(data_dir)
        store.clear_unfinished(host)
        visit = Visit(store, Host(name=host), threading.Event(), lambda done, total: None)
        try:
            _import_all(visit, named, tell)
            result = visit.result()
        except OSError as fault:
            result = visit.result(AuditNbError(f"{host}: {_disk_trouble(data_dir, fault)}"))
        _record(data_dir, result, tell, stage="import")
    return result


def _import_all(visit: Visit, named: list[Path], tell: Tell) -> None:
    """Keep what is new of every file, those with the earliest records first."""
    found = [(path, True) for path in named if not path.is_dir()]
    found += [(path, False) for folder in named if folder.is_dir() for path in disk.files_below(folder)]
    looked = [row for path, is_named in dict(reversed(found)).items() if (row := _look(visit, path, is_named))]
    looked.sort(key=lambda row: (row[0] is None, row[0], str(row[1])))
    total = sum(size for _, _, size in looked)
    done = 0
    for _, path, size in looked:
        with closing(disk.open_log(path)) as file:
            for part, place in overlap.parts(visit.archive, visit.host.name, file):
                visit.take(part, place, lineage.Origin("import"), finished=True)
            if not file.size:
                visit.note(str(path), "damaged" if file.damage else "empty", note=file.damage)
        done += size
        tell(Step("import", visit.host.name, done, total))


def _look(visit: Visit, path: Path, is_named: bool) -> tuple[int | None, Path, int] | None:
    """(time of its first record, path, size) of a file that is to be taken; what is left out is noted and why."""
    try:
        with closing(disk.open_log(path)) as file:
            head = disk.first_bytes(file, LOOKED_INTO)
            if not is_named and not RECORD.search(head):
                visit.note(str(path), "left", note="holds no audit record near its beginning")
                return None
            moment = first_moment(head)
            return moment and moment[0], path, file.size
    except (Unreadable, OSError) as fault:
        visit.note(
            str(path), "refused", note=str(fault) if isinstance(fault, Unreadable) else f"{path}: {fault.strerror}"
        )
        return None
