"""Charts of lanes: what they find, what they say to those who cannot see them, and that they can be drawn of anything."""

from datetime import datetime, timedelta

import pandas as pd
import pytest

from audit_nb import charts, lanes

START = datetime(2026, 1, 1)


def minute(n):
    return START + timedelta(minutes=n)


STRETCHES = pd.DataFrame(
    {
        "host": ["web01", "web01", "db02", "웹03 <b>"],
        "since": pd.to_datetime([minute(0), minute(30), minute(0), None]),
        "until": pd.to_datetime([minute(20), minute(60), minute(90), None]),
    }
)
STEPS = pd.DataFrame(
    {
        "time": pd.to_datetime([minute(0), minute(1), minute(1)]),
        "what_kind": ["Command", "Came in", "Command"],
        "events": [5, 1, 2],
    }
)


def drawn(chart):
    """Both sizes in both languages; whatever the data is, a figure comes of it."""
    for language in ("en", "ko"):
        for width in (charts.WIDE, charts.NARROW):
            figure = chart.draw(charts.Look(language, "Asia/Seoul", width))
            assert figure.axes
    return figure


def test_the_host_that_is_covered_least_is_the_finding():
    """A host without a stretch covered nothing; what lies outside the period does not count."""
    chart = lanes.covered(STRETCHES, since=minute(0), until=minute(100))
    assert chart.finding(charts.Look()) == (
        "웹03 <b> is covered least of 3 hosts: 0% of the time from 2026-01-01 00:00 to 2026-01-01 01:40"
    )
    assert "web01 50%, db02 90%" in chart.alt(charts.Look())
    assert len(drawn(chart).axes[0].collections) == 6


def test_of_many_hosts_the_least_covered_are_drawn():
    hosts = [f"h{n:03d}" for n in range(100)]
    frame = pd.DataFrame({"host": hosts, "since": minute(0), "until": [minute(n + 1) for n in range(100)]})
    axes = drawn(lanes.covered(frame, since=minute(0), until=minute(100))).axes[0]
    assert len(axes.get_yticks()) == 20
    assert axes.get_xlabel().endswith("호스트 100대 중 기록이 가장 적은 20대")


def test_stretches_that_overlap_count_once():
    frame = pd.DataFrame({"host": "a", "since": [minute(0), minute(5)], "until": [minute(10), minute(8)]})
    assert lanes.covered(frame, since=minute(0), until=minute(20)).finding(charts.Look()) == (
        "a: 50% of the time from 2026-01-01 00:00 to 2026-01-01 00:20 is covered"
    )


def test_what_happened_most_is_the_finding_and_seconds_matter_in_a_short_time():
    chart = lanes.moments(STEPS, lane="what_kind", at=minute(1), since=minute(-5), until=minute(5))
    assert chart.finding(charts.Look()) == (
        "8 events from 2026-01-01 00:00:00 to 2026-01-01 00:01:00, most of them: Command (7)"
    )
    assert chart.alt(charts.Look()).endswith("Command 7, Came in 1.")
    axes = drawn(chart).axes[0]
    assert len(axes.patches) == 2  # one outline for each lane, however much is in it
    assert len(axes.lines) == 1  # the moment


@pytest.mark.parametrize("ends", [{}, {"since": minute(0), "until": minute(5)}])
def test_nothing_is_said_to_be_nothing(ends):
    for chart in (lanes.covered(STRETCHES.head(0), **ends), lanes.moments(STEPS.head(0), lane="what_kind", **ends)):
        assert chart.finding(charts.Look()) == chart.alt(charts.Look()) == "There is nothing to draw."
        drawn(chart)
