"""Makes an input that breaks a property as small as it gets: `python tests/fuzz/smaller.py FILE` rewrites the file."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path


def place_of(check: Callable[[bytes], object], data: bytes) -> tuple[str, ...] | None:
    """Where the input breaks a property: the exception and the functions it came through; None where it does not."""
    try:
        check(data)
    except Exception as error:  # noqa: BLE001 - whatever breaks is a find
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        return type(error).__name__, *names[-2:]
    return None


def smaller(data: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """The input without every stretch that is not needed, in steps of half the size."""
    step = max(len(data) // 2, 1)
    while step:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + step :]
            if breaks(less):
                data = less
            else:
                at += step
        step //= 2
    return data


def main(paths: list[str]) -> None:
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent.parent)]
    from fuzz.properties import check

    def whole(data: bytes) -> object:
        return check(data, sides=6)

    for path in map(Path, paths):
        data = path.read_bytes()
        place = place_of(whole, data)
        if place is None:
            sys.stdout.write(f"{path}: breaks nothing\n")
            continue
        data = smaller(data, lambda less, place=place: place_of(whole, less) == place)
        path.write_bytes(data)
        sys.stdout.write(f"{path}: {' '.join(place)}: {data!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
