"""The tables of facts in `data/`, read once on first use. `data/README.md` says where each comes from."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of `data/<name>.csv` without its comment line and its header."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return tuple(tuple(row) for row in csv.reader(lines))[1:]


@cache
def _constants() -> Mapping[tuple[str, str], Mapping[int, str]]:
    sets: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for name, machine, value, word in (*rows("constants"), *rows("words")):
        sets[name, machine][int(value)] = word
    return {key: dict(sorted(names.items())) for key, names in sets.items()}


def constants(name: str, machine: str | None = None) -> Mapping[int, str]:
    """The names of a set of constants by value, in order of value; empty where there is no such set.

    Most sets are the same on every machine; where a machine has its own, only those are given.
    """
    sets = _constants()
    return sets.get((name, machine or "")) or sets.get((name, ""), {})
