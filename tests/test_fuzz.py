"""A short run of the fuzzer on seeds that are always the same, and what its long runs found.

`tests/fuzz/guided.py` is the long run; a file of tests/data/found is named for what was wrong when it was found.
"""

import random
from pathlib import Path

import pytest
from fuzz import corpus, properties
from fuzz.smaller import smaller

FOUND = sorted((Path(__file__).parent / "data/found").iterdir())
SEEDS = corpus.seeds()
INPUTS = 120


def test_mixtures_of_genuine_records_break_no_property():
    """Some of what the long run tries by the million."""
    chance = random.Random(20260101)
    reached: set[object] = set()
    for _ in range(INPUTS):
        reached |= properties.check(corpus.mixed(SEEDS, chance), sides=1)
    assert len(reached) > 1000


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_fuzzing_found_stays_mended(path: Path):
    """Seen from every side at once."""
    properties.check(path.read_bytes(), sides=6)


def test_an_input_is_made_as_small_as_it_can_be():
    """So that a file of tests/data/found shows nothing but what is wrong."""
    assert smaller(b"xxxx uid=1 yyyyy uid=2 zz", lambda data: data.count(b"uid=") > 1) == b"uid=uid="
