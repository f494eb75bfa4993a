"""One record, one lesson: what is read from each line of tests/data/records, raw and interpreted side by side.

A file is named for its lesson. `make golden` rewrites the expectations; the diff is the review.
"""

import json
import os
from pathlib import Path

import pytest
from written import read_records

from audit_nb.fields import Context, IdMap, interpret_record

RECORDS = Path(__file__).parent / "data/records"
LESSONS = sorted(RECORDS.glob("*.log"))
HOST = IdMap({0: "root", 42: "_apt", 1000: "alice"}, {0: "root", 42: "shadow", 1000: "staff"})


def written(raw: bytes, quoted: bool) -> str:
    """A value as it stands in the line."""
    text = raw.decode("utf-8", "backslashreplace")
    return f'"{text}"' if quoted else text


def golden(log: bytes) -> str:
    """The records of a log: one line for each, its fields as [key, as written, as interpreted]."""
    lines = []
    for record in read_records(log):
        shown = interpret_record(record.type, record.fields, record.enriched, Context(ids=HOST))
        fields = [
            [key, written(raw, quoted), text]
            for (key, raw, quoted), (_, text) in zip(record.fields, shown, strict=True)
        ]
        enriched = [[key, written(raw, quoted)] for key, raw, quoted in record.enriched]
        node, second, millisecond, serial = record.event
        whole = {"type": record.type, "event": f"{second}.{millisecond:03d}:{serial}", "node": node, "fields": fields}
        whole |= {"enriched": enriched} if enriched else {}
        whole |= {"words": [[key, written(raw, False)] for key, raw, _ in record.words]} if record.words else {}
        lines.append(json.dumps(whole, ensure_ascii=False, sort_keys=True))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def test_every_lesson_has_its_expectation_and_every_expectation_its_lesson():
    """A file that nobody compares would teach nothing."""
    assert len(LESSONS) >= 60
    assert {path.stem for path in LESSONS} == {path.stem for path in RECORDS.glob("*.json")}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_record_is_read_and_interpreted(lesson: Path):
    """Every field of the line, in order, beside what it means."""
    text = golden(lesson.read_bytes())
    expected = lesson.with_suffix(".json")
    if os.environ.get("AUDIT_NB_GOLDEN") == "write":
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")
