"""Private files: folders 0700 and files 0600 whatever the umask, and writes that are seen whole or not at all."""

import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
SYNCED_AT_ONCE = 8


def private_directory(path: Path) -> Path:
    """Create `path` and its missing parents, each 0700; what already stands is tightened only at `path` itself."""
    for part in reversed([path, *path.parents]):
        if not part.exists():
            part.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            part.chmod(DIRECTORY_MODE)
    if path.stat().st_mode & 0o777 != DIRECTORY_MODE:
        path.chmod(DIRECTORY_MODE)
    return path


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """A new 0600 file beside `path` that takes its place when the block ends, after fsync; on an error it is removed.

    A name that begins with `.aside-` is never read by anyone, so a killed run leaves nothing half written.
    """
    aside = path.with_name(f".aside-{secrets.token_hex(6)}-{path.name}"[:255])
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_directory(path.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_private(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, 0600, atomically."""
    with written_aside(path) as file:
        file.write(content)


def write_private_all(contents: Mapping[Path, bytes]) -> None:
    """Write new 0600 files of one folder; when this returns all of them last, and none is seen half written.

    They are synced side by side: the file system takes that for one write of its journal, ten times as fast as one
    after the other.
    """
    asides = {path: path.with_name(f".aside-{secrets.token_hex(6)}-{path.name}"[:255]) for path in contents}
    try:
        with ThreadPoolExecutor(min(SYNCED_AT_ONCE, len(contents))) as pool:
            list(pool.map(_write_synced, asides.values(), contents.values()))
        for path, aside in asides.items():
            aside.replace(path)
        sync_directory(next(iter(contents)).parent)
    except BaseException:
        for aside in asides.values():
            aside.unlink(missing_ok=True)
        raise


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def append_line(path: Path, line: bytes) -> None:
    """Append one line (without its newline) to a 0600 file and fsync it.

    A line that an earlier crash left unfinished is closed first, so that the new line stands by itself.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
    with os.fdopen(descriptor, "rb+", buffering=0) as file:
        os.fchmod(file.fileno(), FILE_MODE)
        size = file.seek(0, os.SEEK_END)
        unfinished = False
        if size:
            file.seek(size - 1)
            unfinished = file.read(1) != b"\n"
        file.write((b"\n" if unfinished else b"") + line + b"\n")
        os.fsync(file.fileno())


@contextmanager
def written_unsynced(path: Path) -> Iterator[BinaryIO]:
    """A new 0600 file at `path`, which nobody reads before `sync_all` has made it last."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        yield file


def sync_all(paths: Collection[Path]) -> None:
    """Make new files last through a power cut, and their names in their folders; side by side, see above."""
    if paths:
        with ThreadPoolExecutor(min(SYNCED_AT_ONCE, len(paths))) as pool:
            list(pool.map(_sync, paths))
            list(pool.map(sync_directory, {path.parent for path in paths}))


def sync_directory(path: Path) -> None:
    """Make a rename in `path` last through a power cut."""
    _sync(path, os.O_DIRECTORY)


def _sync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def nearest(path: Path) -> Path:
    """A relative folder that is not here: one of that name in a folder above, else beside the package, else as it is.

    A notebook runs in its own folder or in a scratch folder, and still means the project's `data`.
    """
    if path.is_absolute() or path.exists():
        return path
    places = (*Path.cwd().parents, Path(__file__).parent.parent)
    return next((place / path for place in places if (place / path).is_dir()), path)
