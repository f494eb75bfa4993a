"""`verify` notices whatever was changed in the archive, and knows which reports saw it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from audit_nb import collect, evidence
from audit_nb.archive import Archive


def lines(first, count):
    return b"".join(b"type=EOE msg=audit(%d.000:%d): \n" % (1767225600 + n, n) for n in range(first, first + count))


@pytest.fixture
def data(tmp_path):
    """A data folder with a host of three sources and five segments."""
    folder = tmp_path / "data"
    disk = tmp_path / "disk"
    disk.mkdir()
    for number, content in enumerate((lines(0, 100), lines(100, 100), lines(0, 50) + lines(900, 10))):
        (disk / str(number)).write_bytes(content)
    collect.import_paths([disk], "web01", folder)
    (disk / "1").write_bytes(lines(100, 200))
    collect.import_paths([disk], "web01", folder)
    (disk / "1").write_bytes(lines(100, 300))
    collect.import_paths([disk], "web01", folder)
    assert len(Archive(folder).segments("web01")) == 5
    return folder


def problems(data):
    (result,) = evidence.verify(data)
    assert (result.outcome == "failed") is bool(result.problems)
    return list(result.problems)


def test_a_whole_archive_has_no_problem(data):
    """Counts and bytes are those of the manifest."""
    (result,) = evidence.verify(data)
    assert (result.host, result.outcome, result.segments, result.pruned) == ("web01", "done", 5, 0)
    assert result.bytes == len(lines(0, 400)) + len(lines(900, 10))


@pytest.mark.parametrize("number", range(1, 6))
def test_a_changed_byte_is_found_in_every_segment(data, number):
    """One bit in the stored file is enough."""
    path = data / f"archive/web01/{number:08d}.zst"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (problem,) = problems(data)
    assert problem.startswith(f"segment {number} (")


def manifest(data):
    return data / "archive/web01/manifest.jsonl"


def rewrite(data, change):
    rows = [json.loads(line) for line in manifest(data).read_text().splitlines()]
    change(rows)
    manifest(data).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda data: (data / "archive/web01/00000002.zst").unlink(), "are gone", id="deleted file"),
        pytest.param(
            lambda data: (data / "archive/web01/00000002.zst").write_bytes(
                (data / "archive/web01/00000001.zst").read_bytes()
            ),
            "not the bytes that were fetched",
            id="exchanged file",
        ),
        pytest.param(lambda data: rewrite(data, lambda rows: rows.pop(1)), "rows are missing", id="removed row"),
        pytest.param(lambda data: rewrite(data, lambda rows: rows.pop()), "stands in no row", id="removed last row"),
        pytest.param(
            lambda data: (rewrite(data, lambda rows: rows.pop()), (data / "archive/web01/00000005.zst").unlink()),
            "data/fetches.jsonl records",
            id="removed last row and its file",
        ),
        pytest.param(lambda data: rewrite(data, lambda rows: rows.insert(2, rows[2])), "doubled", id="doubled row"),
        pytest.param(
            lambda data: rewrite(data, lambda rows: rows[3].update(offset=rows[3]["offset"] + 1)),
            "begins at byte",
            id="changed offset",
        ),
        pytest.param(
            lambda data: rewrite(data, lambda rows: rows[0].update(sha256="0" * 64)),
            "not the bytes that were fetched",
            id="changed digest",
        ),
        pytest.param(lambda data: manifest(data).open("ab").write(b'{"kind": "segm'), "unreadable", id="cut row"),
        pytest.param(
            lambda data: (data / "archive/web01/00000009.zst").write_bytes(b"x"), "stands in no row", id="foreign file"
        ),
    ],
)
def test_every_change_is_told(data, change, words):
    """Files and rows can be removed, doubled, exchanged and changed; each leaves a trace."""
    change(data)
    found = problems(data)
    assert any(words in problem for problem in found), found


def test_a_report_is_tied_to_the_segments_it_saw(data, tmp_path):
    """Those fetched before it was made and of its period; what is damaged now is named."""
    made = datetime.now(UTC)
    run = tmp_path / "reports/daily/2026-01-01/1"
    run.mkdir(parents=True)
    period = {"since": "2026-01-01T00:01:40", "until": "2026-01-01T00:03:20", "timezone": "UTC"}
    report = {"started_at": made.isoformat(), "coverage": [{"host": "web01"}], "period": period}
    (run / "report.json").write_text(json.dumps(report))
    early = tmp_path / "reports/daily/2026-01-01/0"
    early.mkdir()
    (early / "report.json").write_text(
        json.dumps({**report, "started_at": (made - timedelta(days=1)).isoformat(), "period": {}})
    )
    (data / "archive/web01/00000003.zst").write_bytes(b"")
    (result,) = evidence.verify(data, tmp_path / "reports")
    spans = {
        s.number: (s.first_ms // 1000 - 1767225600, s.last_ms // 1000 - 1767225600)
        for s in Archive(data).all_segments("web01")
    }
    seen = [number for number, (first, last) in spans.items() if first < 200 and last >= 100]
    assert [(row["run"], row["segments"], row["damaged"]) for row in result.reports] == [
        (str(early), [], []),
        (str(run), seen, [n for n in seen if n == 3]),
    ]
    assert 0 < len(seen) < 5
