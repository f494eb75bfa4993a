"""One look for every figure: what happened over time, and who or what was counted most.

A notebook asks for a chart from a small frame; `show.figure` draws it, once wide and once for a phone:

    charts.timeline(volume, by="host")
    charts.bars(users, label="who", value="events")

A chart computes its own finding and its text for those who cannot see it from the same frame. Colours are those of
Okabe and Ito, told apart by colour-blind readers too. Labels come from logs: they are drawn as text, never as formulas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from audit_nb import words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
OTHERS = "#8A9199"
TEXT = "#24292F"
QUIET = "#57606A"
GRID = "#D0D7DE"
WIDE, NARROW = 7.6, 3.9  # inches; the page's column and a phone held upright
HANGUL = "audit_nb_hangul.ttf"

#: The steps a time axis may have; the first that makes at most sixty bars is taken.
STEPS = {
    "1 minute": timedelta(minutes=1),
    "5 minutes": timedelta(minutes=5),
    "15 minutes": timedelta(minutes=15),
    "1 hour": timedelta(hours=1),
    "6 hours": timedelta(hours=6),
    "1 day": timedelta(days=1),
}
MOST_BUCKETS = 60
MOST_TIED = 3  # that are named where several stand first
LABEL_WIDTH = {WIDE: 44, NARROW: 40}  # in letters; on a phone the label stands above its bar


@dataclass(frozen=True)
class Look:
    """For whom a chart is drawn."""

    language: str = "en"
    timezone: str = "UTC"
    width: float = WIDE


@runtime_checkable
class Chart(Protocol):
    """What `show.figure` draws."""

    def finding(self, look: Look) -> str:
        """The one sentence that a reader should take away."""

    def alt(self, look: Look) -> str:
        """The figure in words, from its data."""

    def draw(self, look: Look) -> "Figure":
        """The figure itself."""

    def data(self) -> "pd.DataFrame":
        """What it was drawn from."""


def resolution(first: datetime | None, last: datetime | None, timezone: str = "UTC") -> str:
    """How finely to count a span of time, in the words of `tables.volume`; a timeline joins what is too fine.

    Days are not asked for: a day begins at another hour in another time zone, and hours can be joined to any. Where
    the clock of the time zone differs from UTC by half an hour, neither can hours, and minutes are asked for.
    """
    if first is None or last is None or first != first or last != last:  # NaT differs from itself
        return "h"
    offsets = [_aware(moment).astimezone(ZoneInfo(timezone)).utcoffset() or timedelta() for moment in (first, last)]
    if any(offset % STEPS["1 hour"] for offset in offsets):
        return "m"
    return "m" if last - first <= MOST_BUCKETS * STEPS["15 minutes"] else "h"


def timeline(
    frame: "pd.DataFrame",
    *,
    by: str | None = None,
    time: str = "time",
    value: str = "events",
    unit: str | None = None,
    until: datetime | None = None,
) -> Chart:
    """Counts over time, stacked by `by`; `time` holds the beginning of each bucket (UTC).

    Where there are many buckets they are joined. A last bucket that `until` cuts (the moment up to which we have seen)
    is hatched: it is low because it is not over.
    """
    return Timeline(frame, by=by, time=time, value=value, unit=unit or value, until=until)


def bars(frame: "pd.DataFrame", *, label: str, value: str, unit: str | None = None, most: int = 10) -> Chart:
    """The largest `value`s by `label`, and the rest as one bar; `unit` where the column is called otherwise."""
    return Bars(frame, label=label, value=value, unit=unit or value, most=most)


@dataclass(frozen=True)
class Timeline:
    """Counts over time."""

    frame: "pd.DataFrame"
    by: str | None
    time: str
    value: str
    unit: str
    until: datetime | None

    def finding(self, look: Look) -> str:
        counts, step = self._counts(look)
        if counts.empty:
            return words.say("charts.nothing", look.language)
        totals = counts.sum(axis=1)
        best = totals.idxmax()
        parts = counts.loc[best].sort_values(ascending=False, kind="stable")
        values = {"count": _unit(self.unit, int(totals[best]), look), "at": _moment(best, step, look)}
        values["step"] = words.say(f"steps.{step}", look.language)
        if self.by is None or len(counts.columns) == 1:
            return words.say("charts.peak", look.language, **values)
        share, name = float(parts.iloc[0] / totals[best]), _name(parts.index[0], look, self.by)
        return words.say("charts.peak_by", look.language, **values, share=share, name=name)

    def alt(self, look: Look) -> str:
        counts, step = self._counts(look)
        if counts.empty:
            return words.say("charts.nothing", look.language)
        listed = ", ".join(f"{_name(name, look, self.by)} {int(total):,}" for name, total in counts.sum().items())
        return words.say(
            "charts.timeline_alt",
            look.language,
            step=words.say(f"steps.{step}", look.language),
            first=_moment(counts.index[0], step, look),
            last=_moment(counts.index[-1], step, look),
            finding=self.finding(look),
            listed=listed if self.by else f"{int(counts.to_numpy().sum()):,}",
        )

    def draw(self, look: Look) -> "Figure":
        counts, step = self._counts(look)
        figure, axes = _canvas(look, height=0.5 if counts.empty else 2.7 if look.width == WIDE else 2.9)
        if counts.empty:
            axes.set_axis_off()  # numbers of nothing would stand there
            return figure
        self._stack(axes, counts, look, step)
        _time_axis(axes, counts.index[0], look, step)
        return figure

    def data(self) -> "pd.DataFrame":
        return self.frame

    def _counts(self, look: Look) -> tuple["pd.DataFrame", str]:
        """One row for each bucket, empty ones too, one column for each series, the largest first; and the step."""
        import pandas as pd

        if self.frame.empty:
            return pd.DataFrame(), "1 hour"
        times = pd.to_datetime(self.frame[self.time], utc=True).dt.tz_localize(None)
        step = _step(times)
        frame = pd.DataFrame(
            {
                "bucket": _floored(times, step, look.timezone),
                "series": self.frame[self.by].astype(object) if self.by else "",
                "value": self.frame[self.value],
            }
        )
        counts = frame.groupby(["bucket", "series"], dropna=False)["value"].sum().unstack("series")
        counts = counts.reindex(_every(counts.index, step, look.timezone)).fillna(0)
        counts = counts[counts.sum().sort_values(ascending=False, kind="stable").index]
        return _gathered(counts, len(COLOURS)), step

    def _stack(self, axes: "Axes", counts: "pd.DataFrame", look: Look, step: str) -> None:
        import numpy as np
        from matplotlib.dates import date2num

        end = counts.index[-1] + STEPS[step]
        edges = date2num([*counts.index, end])
        base = np.zeros(len(counts))
        for position, (name, column) in enumerate(counts.items()):
            top = base + column.to_numpy(dtype=float)
            axes.stairs(
                top, edges, baseline=base, fill=True, color=_colour(name, position), label=_label(name, look, self.by)
            )
            base = top
        is_cut = self.until is not None and self.until == self.until and _naive(self.until) < end
        if is_cut:
            said = words.say("charts.not_over", look.language)
            axes.stairs(base[-1:], edges[-2:], fill=False, hatch="////", edgecolor=QUIET, linewidth=0, label=said)
        if len(counts.columns) > 1 or is_cut:
            _legend(axes, columns=6 if look.width == WIDE else 2)


def _step(times: "pd.Series") -> str:
    """The first step that makes few enough buckets and is no finer than the data."""
    finest, span = _finest(times), times.max() - times.min()
    return next((name for name, step in STEPS.items() if step >= finest and span / step < MOST_BUCKETS), "1 day")


def _finest(times: "pd.Series") -> timedelta:
    """How finely the times were counted."""
    nanoseconds = times.astype("datetime64[ns]").astype("int64")
    return next(
        (step for step in reversed(STEPS.values()) if (nanoseconds % int(step.total_seconds() * 10**9) == 0).all()),
        STEPS["1 minute"],
    )


def _floored(times: "pd.Series", step: str, timezone: str) -> "pd.Series":
    """The beginning of each time's bucket, in UTC: hours and days are those of the time zone's clock.

    Counts by the hour of UTC stay whole where the clock is half an hour off: they cannot be cut in two.
    """
    local = times.dt.tz_localize("UTC").dt.tz_convert(timezone).dt.tz_localize(None)
    if STEPS[step] > STEPS["1 hour"]:
        begun = local.dt.floor(STEPS[step]).dt.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward")
        return begun.dt.tz_convert("UTC").dt.tz_localize(None)
    # An hour that comes twice, when clocks go back, is two buckets: each time keeps its own offset.
    offset = (local - times).dt.floor(_finest(times))
    return (times + offset).dt.floor(STEPS[step]) - offset


def _every(buckets: "pd.DatetimeIndex", step: str, timezone: str) -> "pd.DatetimeIndex":
    """All buckets from the first to the last: those in which nothing happened too."""
    import pandas as pd

    if STEPS[step] <= STEPS["1 hour"]:
        return pd.date_range(buckets.min(), buckets.max(), freq=STEPS[step]).union(buckets)
    first, last = (
        moment.tz_localize("UTC").tz_convert(timezone).tz_localize(None) for moment in (buckets.min(), buckets.max())
    )
    # On the clock, not by its ticks: a day of 23 or 25 hours moves none of the days after it.
    clock = pd.date_range(first.floor(STEPS[step]), last, freq=STEPS[step])
    every = clock.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward")
    return every.tz_convert("UTC").tz_localize(None).union(buckets)


def _time_axis(axes: "Axes", first: "pd.Timestamp", look: Look, step: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    zone = ZoneInfo(look.timezone)
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=9 if look.width == WIDE else 5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(
            locator,
            tz=zone,
            formats=["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S.%f"],
            zero_formats=["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M"],
            offset_formats=["", "%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"],
        )
    )
    shown_zone = words.zone(look.timezone, first.to_pydatetime().replace(tzinfo=UTC))
    said = words.say("charts.per_step", look.language, step=words.say(f"steps.{step}", look.language), zone=shown_zone)
    axes.set_xlabel(said, loc="left")
    axes.margins(x=0)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)


def _legend(axes: "Axes", *, columns: int) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.0,
        handleheight=0.9,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def _moment(moment: "pd.Timestamp", step: str, look: Look) -> str:
    local = moment.tz_localize("UTC").tz_convert(look.timezone)
    return f"{local:%Y-%m-%d}" if step == "1 day" else f"{local:%Y-%m-%d %H:%M}"


def _aware(moment: datetime) -> datetime:
    """Times without a zone are UTC by contract."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _naive(moment: datetime) -> datetime:
    """Times without a zone are UTC by contract."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _label(name: object, look: Look, column: str | None) -> str:
    """A name as it is drawn: short enough, and only of letters that we have."""
    return _shortened(_drawable(_name(name, look, column)), LABEL_WIDTH[look.width])


def _colour(name: object, position: int) -> str:
    return OTHERS if name is _REST else COLOURS[position % len(COLOURS)]


@dataclass(frozen=True)
class Bars:
    """The most frequent."""

    frame: "pd.DataFrame"
    label: str
    value: str
    unit: str
    most: int

    def finding(self, look: Look) -> str:
        rows = self._rows()
        if rows.empty:
            return words.say("charts.nothing", look.language)
        total, best = int(rows.sum()), int(rows.iloc[0])
        first = [_name(name, look, self.label) for name, count in rows.items() if count == best and name is not _REST]
        said = {"name": first[0], "count": best, "total": _unit(self.unit, total, look)}
        if len(rows) == 1:
            return words.say("charts.alone", look.language, **said)
        if len(first) > 1:
            names = ", ".join(first[:MOST_TIED]) + (", …" if len(first) > MOST_TIED else "")
            return words.say("charts.tied", look.language, **said | {"name": names}, n=len(first))
        return words.say("charts.most", look.language, **said, share=float(best / total))

    def alt(self, look: Look) -> str:
        rows = self._rows()
        if rows.empty:
            return words.say("charts.nothing", look.language)
        listed = ", ".join(f"{_name(name, look, self.label)} {int(count):,}" for name, count in rows.items())
        return words.say("charts.bars_alt", look.language, finding=self.finding(look), listed=listed)

    def draw(self, look: Look) -> "Figure":
        rows = self._rows()
        above = look.width != WIDE
        figure, axes = _canvas(look, height=0.5 + len(rows) * (0.46 if above else 0.3))
        places = range(len(rows))
        colours = [OTHERS if name is _REST else COLOURS[0] for name in rows.index]
        axes.barh(places, rows.to_numpy(dtype=float), height=0.42 if above else 0.68, color=colours)
        names = [_label(name, look, self.label) for name in rows.index]
        for place, count in enumerate(rows):
            axes.annotate(f"{int(count):,}", (count, place), xytext=(4, 0), textcoords="offset points", va="center")
            if above:
                axes.annotate(names[place], (0, place - 0.26), va="bottom", parse_math=False)
        axes.set_yticks(places, [""] * len(rows) if above else names, parse_math=False)
        axes.set_ylim(len(rows) - 0.5, -0.75 if above else -0.6)
        axes.set_xlim(0, (rows.max() if len(rows) else 1) * 1.12 or 1)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return figure

    def data(self) -> "pd.DataFrame":
        return self.frame

    def _rows(self) -> "pd.Series":
        """The largest values by name, what is left of them last."""
        counts = self.frame.groupby(self.label, dropna=False, observed=True)[self.value].sum()
        counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
        return _gathered(counts.to_frame().T, self.most).iloc[0]


class _Rest(str):
    """The name of what is left over; a value of its own, because a log may hold any text."""


_REST = _Rest("…")


def _gathered(counts: "pd.DataFrame", most: int) -> "pd.DataFrame":
    """The first `most` columns and the sum of the rest as the last."""
    if len(counts.columns) <= most:
        return counts
    import pandas as pd

    kept = counts.iloc[:, : most - 1]
    rest = counts.iloc[:, most - 1 :].sum(axis=1)
    columns = pd.Index([*kept.columns, _REST], dtype=object)
    joined = pd.concat([kept, rest], axis=1)
    joined.columns = columns
    return joined


def _name(name: object, look: Look, column: str | None = None) -> str:
    """A label as text a reader sees; what is null in the table is said to be unknown.

    Where our own questions wrote the `column` that it comes from, it is said in the reader's language.
    """
    if name is _REST:
        return words.say("charts.others", look.language)
    if name is None or name != name:
        return words.say("charts.unknown", look.language)
    said = words.of_value(column, str(name), look.language) if column else str(name)
    return words.visible(said) or words.say("charts.empty", look.language)


def _drawable(text: str) -> str:
    """`text` with each character that no font here has a glyph for written as its code point: Han, emoji."""
    return "".join(one if _has_glyph(one) else f"[U+{ord(one):04X}]" for one in text)


@cache
def _has_glyph(character: str) -> bool:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    fonts = (get_font(findfont(FontProperties(family=family))) for family in _families())
    return any(font.get_char_index(ord(character)) for font in fonts)


def _unit(value: str, count: int, look: Look) -> str:
    """A count with its unit where there are words for it: `12 events`."""
    key = f"units.{value}"
    return words.say(key, look.language, n=count) if words.has(key) else words.number(count)


def _shortened(text: str, width: int) -> str:
    """At most `width` columns of `text`, wide glyphs counted as two; the middle is left out, its ends tell more."""
    from wcwidth import wcswidth, wcwidth

    if wcswidth(text) <= width:
        return text
    head, tail, room = "", "", width - 1
    for first, last in zip(text, reversed(text), strict=True):
        if (room := room - max(wcwidth(first), 0)) < 0:
            break
        head += first
        if (room := room - max(wcwidth(last), 0)) < 0:
            break
        tail = last + tail
    return f"{head}…{tail}"


def _canvas(look: Look, *, height: float) -> tuple["Figure", "Axes"]:
    """An empty figure in our look; without pyplot, which keeps state and takes a third of a second to import."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(look.width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", color=QUIET)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=5)
    return figure, axes


def style() -> dict[str, object]:
    """The settings under which a figure is drawn and saved; for `matplotlib.rc_context`."""
    return {
        "font.family": _families(),
        "font.size": 9.5,
        "text.color": TEXT,
        "axes.labelcolor": QUIET,
        "xtick.labelcolor": QUIET,
        "ytick.labelcolor": TEXT,
        "axes.unicode_minus": False,
        "axes.axisbelow": True,
        "text.parse_math": False,
        "hatch.linewidth": 0.8,
        "svg.fonttype": "path",
        "svg.hashsalt": "audit_nb",  # the same figure has the same bytes
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
    }


@cache
def _families() -> Sequence[str]:
    """DejaVu Sans, our Hangul, and whatever wide font is installed; glyphs are taken from the first that has them."""
    from matplotlib import font_manager

    with resources.as_file(resources.files("audit_nb") / "fonts" / HANGUL) as path:
        font_manager.fontManager.addfont(str(path))
        hangul = font_manager.FontProperties(fname=str(path)).get_name()
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", hangul, *(name for name in ("Noto Sans CJK KR", "Noto Sans CJK JP") if name in installed)]
