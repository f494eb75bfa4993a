"""Charts find what matters in their data, mark what is not over, and draw every letter of both languages."""

import re
import warnings
from datetime import datetime

import matplotlib as mpl
import pandas as pd
import pytest
from hostile import NAMES
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.patches import StepPatch

from audit_nb import charts

EN = charts.Look("en", "UTC")
KO = charts.Look("ko", "Asia/Seoul")


def volume(*rows: tuple[str, str, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["time", "host", "events"])
    return frame.assign(time=pd.to_datetime(frame.time))


def drawn(chart: charts.Chart, look: charts.Look) -> list[str]:
    """Every text of a figure, after it was drawn without a warning."""
    with mpl.rc_context(charts.style()), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = chart.draw(look)
        figure.draw_without_rendering()
        figure.savefig("/dev/null", format="svg")
        return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def test_a_timeline_finds_its_peak_and_who_made_it() -> None:
    """The finding names the busiest bucket, its count and the largest part of it."""
    frame = volume(
        ("2026-11-23 04:00", "web01", 10), ("2026-11-23 04:01", "db02", 75), ("2026-11-23 04:01", "web01", 25)
    )
    assert charts.timeline(frame, by="host").finding(EN) == "The most at 2026-11-23 04:01: 100 events, 75% of them db02"
    assert charts.timeline(frame, by="host").finding(KO).startswith("가장 많은 때: 2026-11-23 13:01, 이벤트 100건")


def test_a_bucket_without_events_is_drawn_as_nothing_and_not_left_out() -> None:
    """Two bars an hour apart do not stand side by side."""
    frame = volume(("2026-11-23 04:00", "web01", 1), ("2026-11-23 06:00", "web01", 1))
    (steps,) = charts.timeline(frame, by="host").draw(EN).findobj(StepPatch)
    assert list(steps.get_data().values) == [1, 0, 1]


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("2026-11-23 04:40", "per minute"),
        ("2026-11-23 07:00", "per 5 minutes"),
        ("2026-11-23 15:00", "per 15 minutes"),
        ("2026-11-25 04:00", "per hour"),
        ("2026-12-03 04:00", "per 6 hours"),
        ("2027-01-03 04:00", "per day"),
    ],
)
def test_the_step_suits_the_span(last: str, said: str) -> None:
    """About sixty bars at most, whatever the window."""
    frame = volume(("2026-11-23 04:00", "web01", 1), ("2026-11-23 04:01", "web01", 1), (last, "web01", 1))
    assert any(text.startswith(said) for text in drawn(charts.timeline(frame, by="host"), EN))


def test_no_event_is_lost_when_buckets_are_joined_over_a_change_of_clocks() -> None:
    """Days of 23 and 25 hours keep all their events."""
    hours = pd.date_range("2026-03-01", "2026-11-20", freq="h")
    frame = pd.DataFrame({"time": hours, "host": "web01", "events": 1})
    chart = charts.timeline(frame, by="host")
    (steps,) = chart.draw(charts.Look("en", "Europe/Berlin")).findobj(StepPatch)
    assert sum(steps.get_data().values) == len(hours)


def test_hours_are_not_drawn_finer_than_they_were_counted() -> None:
    """Counts by the hour make no minutes."""
    frame = volume(("2026-11-23 04:00", "web01", 1), ("2026-11-23 06:00", "web01", 1))
    assert any(text.startswith("per hour") for text in drawn(charts.timeline(frame, by="host"), EN))


def test_a_last_bucket_that_is_not_over_is_marked() -> None:
    """A low last bar may only mean that its hour is not over."""
    frame = volume(("2026-11-23 04:00", "web01", 9), ("2026-11-23 05:00", "web01", 1))
    cut = charts.timeline(frame, by="host", until=datetime(2026, 11, 23, 5, 10))
    over = charts.timeline(frame, by="host", until=datetime(2026, 11, 23, 6))
    assert "not over yet" in drawn(cut, EN)
    assert "not over yet" not in drawn(over, EN)


def test_many_hosts_are_drawn_as_a_few_and_others() -> None:
    """More series than there are colours: the rest is one, and nothing is lost."""
    frame = volume(
        *((f"2026-11-23 0{hour}:00", f"host{number:02d}", number + 1) for hour in (1, 2) for number in range(20))
    )
    figure = charts.timeline(frame, by="host").draw(EN)
    steps = figure.findobj(StepPatch)
    assert len(steps) == len(charts.COLOURS)
    assert sum(steps[-1].get_data().values) == frame.events.sum()
    assert "others" in drawn(charts.timeline(frame, by="host"), EN)


def test_bars_name_the_largest_and_its_share() -> None:
    """The finding of bars is who or what counts most, of how much."""
    frame = pd.DataFrame({"who": ["root", "alice", None], "events": [60, 30, 10]})
    chart = charts.bars(frame, label="who", value="events")
    assert chart.finding(EN) == "root stands first: 60 of 100 events (60%)"
    assert chart.finding(KO) == "가장 많은 것은 root: 이벤트 100건 중 60건 (60%)"
    assert "unknown" in drawn(chart, EN)


def test_bars_that_tie_are_named_together() -> None:
    """One of several equals would be a wrong title; one that has all has no others to be compared with."""
    frame = pd.DataFrame({"unit": ["a", "b", "c", "d", "e"], "failed": [2, 2, 2, 2, 1]})
    chart = charts.bars(frame, label="unit", value="failed")
    assert chart.finding(EN) == "4 stand first with 2 each of 9 failures: a, b, c, …"
    assert charts.bars(frame[3:4], label="unit", value="failed").finding(EN) == "d alone: 2 failures"


def test_bars_leave_out_what_did_not_happen() -> None:
    """A bar of length nothing says nothing."""
    frame = pd.DataFrame({"account": ["root", "admin"], "failed": [3, 0]})
    assert "admin" not in drawn(charts.bars(frame, label="account", value="failed"), EN)


@pytest.mark.parametrize("look", [EN, KO, charts.Look("ko", "UTC", charts.NARROW)], ids=["en", "ko", "narrow"])
def test_an_empty_frame_makes_an_empty_chart(look: charts.Look) -> None:
    """Nothing to draw is said, and no error."""
    for chart in (charts.timeline(volume(), by="host"), charts.bars(volume(), label="host", value="events")):
        assert chart.finding(look) == chart.alt(look)
        drawn(chart, look)


@pytest.mark.parametrize("look", [EN, charts.Look("ko", "UTC", charts.NARROW)], ids=["wide", "narrow"])
def test_hostile_names_are_drawn_as_text(look: charts.Look) -> None:
    """A label is no formula of mathematics, and what cannot be seen is written out; no glyph is missing for it."""
    names = [name for name in NAMES if not re.search("[\ud800-\udfff]", name)]  # no column holds a surrogate
    frame = pd.DataFrame({"who": pd.Series(names, dtype=object), "events": range(1, len(names) + 1)})
    for start in range(0, len(names), 8):
        texts = drawn(charts.bars(frame[start : start + 8], label="who", value="events"), look)
        assert not any(character in text for text in texts for character in "\x1b\u202e\u200b\n\r\x07")
        assert "$\\frac{1}{2}$ $x^" in texts or "$\\frac{1}{2}$ $x^" not in set(frame.who[start : start + 8])


def test_a_letter_that_no_font_has_is_drawn_as_its_code_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box says nothing; two accounts of two boxes each could not be told apart. Words beside the chart keep the letters."""
    monkeypatch.setattr(charts, "_families", lambda: ["DejaVu Sans"])
    charts._has_glyph.cache_clear()
    frame = pd.DataFrame({"who": ["管理 root", "\U0001f469"], "events": [2, 1]})
    chart = charts.bars(frame, label="who", value="events")
    assert {"[U+7BA1][U+7406] root", "[U+1F469]"} <= set(drawn(chart, EN))
    assert chart.finding(EN).startswith("管理 root stands first: ")
    assert "管理 root 2" in chart.alt(EN)
    named = volume(("2026-11-23 04:00", "管", 1), ("2026-11-23 04:01", "web01", 1))
    assert "[U+7BA1]" in drawn(charts.timeline(named, by="host"), EN)
    charts._has_glyph.cache_clear()


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide", "America/St_Johns"])
def test_hours_and_days_begin_on_the_clock_of_the_reader(zone: str) -> None:
    """Where clocks are half an hour or a quarter off UTC, minutes are asked for, and bars begin on the full hour there."""
    look = charts.Look("en", zone)
    for days in (2, 10, 60):
        first, last = pd.Timestamp("2026-03-20 00:07"), pd.Timestamp("2026-03-20 00:07") + pd.Timedelta(days=days)
        assert charts.resolution(first, last, zone) == "m"
        minutes = pd.date_range(first, last, freq="7min")
        frame = pd.DataFrame({"time": minutes, "host": "web01", "events": 1})
        (steps,) = charts.timeline(frame, by="host").draw(look).findobj(StepPatch)
        assert sum(steps.get_data().values) == len(minutes)
        begun = mpl.dates.num2date(steps.get_data().edges[:-1], tz=zone)
        hours = {(moment.hour, moment.minute, moment.second) for moment in begun}
        whole = {2: range(24), 10: (0, 6, 12, 18), 60: (0,)}[days]
        assert hours == {(hour, 0, 0) for hour in whole}


def test_counts_by_the_hour_are_not_cut_in_two() -> None:
    """A frame of hours of UTC keeps its bars, at half past of a clock that is half an hour off."""
    frame = volume(("2026-11-23 04:00", "web01", 4), ("2026-11-23 06:00", "web01", 6))
    chart = charts.timeline(frame, by="host")
    assert chart.finding(charts.Look("en", "Asia/Kolkata")) == "The most at 2026-11-23 11:30: 6 events"
    assert charts.resolution(datetime(2026, 1, 1), datetime(2026, 2, 1), "Asia/Seoul") == "h"


def test_every_korean_syllable_can_be_drawn_without_a_korean_font_installed() -> None:
    """The font that comes with the package has all 11,172 syllables, and the look uses it."""
    family = charts.style()["font.family"][1]
    font = get_font(mpl.font_manager.findfont(FontProperties(family=family), fallback_to_default=False))
    assert "audit_nb" in font.fname
    assert [code for code in range(0xAC00, 0xD7A4) if not font.get_char_index(code)] == []


def test_colours_are_told_apart_from_light_and_dark_paper() -> None:
    """Each colour has a contrast of 1.9 at least to white and to the dark page; bars are large, and labelled besides."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for paper in ("#FFFFFF", "#0F1419"):
        for colour in charts.COLOURS:
            light, dark = sorted((luminance(paper), luminance(colour)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) > 1.9, (paper, colour)
