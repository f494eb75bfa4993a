"""Old bytes go, what is known of them stays, and nothing that was pruned is fetched again."""

from datetime import UTC, datetime, timedelta

import pytest

from audit_nb import collect, evidence, retention
from audit_nb.archive import Archive, EvidenceError, lock
from audit_nb.errors import AuditNbError, UsageError
from audit_nb.inventory import Inventory

DAY = 86400


def day(number, count=200):
    """The log of one day, counted from 2026-01-01."""
    first = 1767225600 + number * DAY
    return b"".join(b"type=EOE msg=audit(%d.000:%d): \n" % (first + n, number * 1000 + n) for n in range(count))


@pytest.fixture
def server(sshd):
    """A host with a log for each of three days."""
    server = sshd()
    for number, name in enumerate(("audit.log.2", "audit.log.1", "audit.log")):
        server.log.with_name(name).write_bytes(day(number))
    return server


@pytest.fixture
def fetch(server, tmp_path):
    return lambda: collect.fetch(Inventory(path="x", hosts=(server.host(),)), tmp_path / "data")[0]


def test_what_is_older_goes_and_the_rows_stay(fetch, server, tmp_path):
    """Two days are pruned; a fetch afterwards brings nothing, growth is followed as before."""
    fetch()
    data = tmp_path / "data"
    manifest = (data / "archive/web01/manifest.jsonl").read_bytes()
    (would,) = retention.prune(data, datetime(2026, 1, 3, tzinfo=UTC), dry_run=True)
    assert (data / "archive/web01/manifest.jsonl").read_bytes() == manifest
    assert len(list((data / "archive/web01").glob("*.zst"))) == 3
    (result,) = retention.prune(data, datetime(2026, 1, 3, tzinfo=UTC))
    assert result == would
    assert (result.segments, result.until) == (2, datetime(2026, 1, 2, 0, 3, 19, tzinfo=UTC))
    assert (data / "archive/web01/manifest.jsonl").read_bytes().startswith(manifest)
    assert [path.name for path in (data / "archive/web01").glob("*.zst")] == ["00000003.zst"]
    archive = Archive(data)
    assert [segment.number for segment in archive.segments("web01")] == [3]
    assert len(archive.all_segments("web01")) == 3
    assert fetch().new_bytes == 0
    with server.log.with_name("audit.log.1").open("ab") as log:
        log.write(day(1, 210)[len(day(1)) :])
    assert fetch().new_bytes == len(day(1, 210)) - len(day(1))
    assert retention.prune(data, datetime(2026, 1, 1, tzinfo=UTC))[0].segments == 0


def test_a_pruned_archive_is_whole(fetch, tmp_path):
    """verify counts what was pruned and finds no fault in it."""
    fetch()
    retention.prune(tmp_path / "data", datetime(2026, 1, 2, tzinfo=UTC))
    (result,) = evidence.verify(tmp_path / "data")
    assert (result.outcome, result.segments, result.pruned, result.problems) == ("done", 2, 1, ())
    archive = Archive(tmp_path / "data")
    with pytest.raises(EvidenceError):
        archive.read(archive.all_segments("web01")[0])


def test_a_prune_that_was_killed_is_finished_by_the_next(fetch, tmp_path):
    """The row comes first, so a file that is left is known to be no evidence any more."""
    fetch()
    data = tmp_path / "data"
    kept = (data / "archive/web01/00000001.zst").read_bytes()
    retention.prune(data, datetime(2026, 1, 2, tzinfo=UTC))
    (data / "archive/web01/00000001.zst").write_bytes(kept)
    assert "but as pruned" in evidence.verify(data)[0].problems[0]
    retention.prune(data, datetime(2026, 1, 2, tzinfo=UTC))
    assert evidence.verify(data)[0].problems == ()


def test_a_rotated_file_that_was_pruned_is_recognised_under_another_name(fetch, server, tmp_path):
    """By its digests alone: the bytes to compare with are gone."""
    fetch()
    retention.prune(tmp_path / "data", timedelta(0))
    for number in (2, 1):
        server.log.with_name(f"audit.log.{number}").rename(server.log.with_name(f"audit.log.{number + 1}"))
    server.log.rename(server.log.with_name("audit.log.1"))
    server.log.write_bytes(day(3))
    assert fetch().new_bytes == len(day(3))


def test_pruning_waits_for_no_fetch(fetch, tmp_path):
    """While another process writes, it refuses."""
    fetch()
    with lock(tmp_path / "data"), pytest.raises(AuditNbError, match="is writing to this data folder"):
        retention.prune(tmp_path / "data", timedelta(0))


@pytest.mark.parametrize(("words", "days"), [("90d", 90), ("2w", 14), ("6m", 180), ("1y", 365)])
def test_an_age_is_written_in_days_weeks_months_or_years(words, days):
    assert retention.age(words) == timedelta(days=days)


@pytest.mark.parametrize("words", ["", "90", "0d", "-1d", "d", "1h", "999999d", "1.5d"])
def test_what_is_no_age_is_wrong_usage(words):
    """A mistake here would delete evidence."""
    with pytest.raises(UsageError, match="is no age; write 90d"):
        retention.age(words)
