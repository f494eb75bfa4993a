"""Charts of several lanes under each other on one axis of time: who was seen when, and what happened when.

    lanes.covered(tables.time_covered(events).to_pandas(), since=since, until=until)
    lanes.moments(story, lane="what_kind", at=at)

Both have the look of `charts` and are drawn by `show.figure`. A lane with much in it is drawn as one outline: a page
stays small whatever the log holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from audit_nb import charts, words
from audit_nb.charts import Chart, Look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["covered", "moments"]

BINS = {charts.WIDE: 150, charts.NARROW: 70}
BOTTOM, HEIGHT = 0.38, {charts.WIDE: 0.76, charts.NARROW: 0.4}  # of a lane; on a phone its name stands above it
THINNEST = 1 / 400  # of the width: a stretch of a second is still seen

SHORT = timedelta(hours=1)  # so little that its seconds matter


def covered(
    frame: "pd.DataFrame", *, since: datetime | None = None, until: datetime | None = None, most: int = 20
) -> Chart:
    """The stretches that each host covered: `host`, `since`, `until` (UTC); hosts without a stretch have a null there.

    `since` and `until` are the ends of the period, else those of the stretches. The `most` least covered are drawn.
    """
    return Covered(frame, since=_naive(since), until=_naive(until), most=most)


def moments(
    frame: "pd.DataFrame",
    *,
    lane: str,
    time: str = "time",
    value: str = "events",
    since: datetime | None = None,
    until: datetime | None = None,
    at: datetime | None = None,
) -> Chart:
    """When something of each kind happened: higher where there was more (logarithmic), with a line at `at`."""
    return Moments(frame, lane, time, value, since=_naive(since), until=_naive(until), at=_naive(at))


@dataclass(frozen=True)
class Covered:
    """The stretches that each host covered."""

    frame: "pd.DataFrame"
    since: datetime | None
    until: datetime | None
    most: int

    def finding(self, look: Look) -> str:
        shares, ends = self._shares(), self._ends()
        if shares is None or ends is None:
            return words.say("charts.nothing", look.language)
        host, share = shares.index[0], float(shares.iloc[0])
        said = {"name": words.visible(str(host)), "share": share, "first": _said(ends[0], look)}
        key = "lanes.covered" if len(shares) == 1 else "lanes.least"
        return words.say(key, look.language, **said, last=_said(ends[1], look), n=len(shares))

    def alt(self, look: Look) -> str:
        shares = self._shares()
        if shares is None:
            return words.say("charts.nothing", look.language)
        drawn = shares.iloc[: self.most]
        listed = ", ".join(f"{words.visible(str(host))} {share:.0%}" for host, share in drawn.items())
        return words.say("lanes.covered_alt", look.language, finding=self.finding(look), listed=listed)

    def draw(self, look: Look) -> "Figure":
        from matplotlib.dates import date2num

        shares, ends = self._shares(), self._ends()
        names = [] if shares is None else list(shares.index[: self.most])
        figure, axes = _canvas(look, names)
        if ends is None:
            return figure
        left, right = date2num(ends)
        for place, host in enumerate(names):
            room = (place + BOTTOM - HEIGHT[look.width], HEIGHT[look.width])
            axes.broken_barh([(left, right - left)], room, color=charts.GRID, linewidth=0)
            rows = self.frame[self.frame.host == host].dropna(subset=["since"])
            starts = date2num(rows["since"].to_numpy())
            widths = date2num(rows["until"].to_numpy()) - starts
            thin = (right - left) * THINNEST
            spans = [(start, max(width, thin)) for start, width in zip(starts, widths, strict=True)]
            axes.broken_barh(spans, room, color=charts.COLOURS[0], linewidth=0)
        _time_axis(axes, ends, look)
        if shares is not None and len(shares) > len(names):
            cut = words.say("lanes.cut", look.language, shown=len(names), total=len(shares))
            axes.set_xlabel(f"{axes.get_xlabel()} · {cut}", loc="left")
        return figure

    def data(self) -> "pd.DataFrame":
        return self.frame

    def _ends(self) -> tuple[datetime, datetime] | None:
        return _ends(self.since, self.until, (self.frame["since"].min(), self.frame["until"].max()))

    def _shares(self) -> "pd.Series | None":
        """The share of the period that each host covered, the smallest first; what overlaps counts once."""
        import pandas as pd

        ends = self._ends()
        if ends is None or self.frame.empty:
            return None
        whole = (ends[1] - ends[0]).total_seconds() or 1.0
        shares = {}
        for host, rows in self.frame.sort_values("since").groupby("host"):
            reached, seconds = ends[0], 0.0
            for begun, ended in zip(rows["since"], rows["until"], strict=True):
                if begun == begun and ended > reached:  # NaT differs from itself
                    seconds += (ended - max(begun, reached)).total_seconds()
                    reached = ended
            shares[host] = seconds / whole
        return pd.Series(shares, dtype=float).sort_values(kind="stable")


@dataclass(frozen=True)
class Moments:
    """When something of each kind happened."""

    frame: "pd.DataFrame"
    lane: str
    time: str
    value: str
    since: datetime | None
    until: datetime | None
    at: datetime | None

    def finding(self, look: Look) -> str:
        totals, ends = self._totals(), self._ends()
        if totals is None or ends is None:
            return words.say("charts.nothing", look.language)
        first, last = self.frame[self.time].min(), self.frame[self.time].max()
        is_short = last - first < SHORT
        given = {"first": _said(first, look, seconds=is_short), "last": _said(last, look, seconds=is_short)}
        given |= {"name": words.visible(str(totals.index[0])), "n": int(totals.iloc[0]), "total": int(totals.sum())}
        return words.say("lanes.most", look.language, **given)

    def alt(self, look: Look) -> str:
        totals = self._totals()
        if totals is None:
            return words.say("charts.nothing", look.language)
        listed = ", ".join(f"{words.visible(str(name))} {int(count):,}" for name, count in totals.items())
        return words.say("lanes.moments_alt", look.language, finding=self.finding(look), listed=listed)

    def draw(self, look: Look) -> "Figure":
        import numpy as np
        from matplotlib.dates import date2num

        totals, ends = self._totals(), self._ends()
        names = [] if totals is None else list(dict.fromkeys(self.frame[self.lane]))
        figure, axes = _canvas(look, names)
        if ends is None:
            return figure
        edges = np.linspace(*date2num(ends), BINS[look.width] + 1)
        for place, name in enumerate(names):
            rows = self.frame[self.frame[self.lane] == name]
            counts, _ = np.histogram(date2num(rows[self.time].to_numpy()), edges, weights=rows[self.value])
            heights = np.where(counts > 0, np.maximum(np.log1p(counts) / _most(counts), 0.25), 0)
            tops = place + BOTTOM - HEIGHT[look.width] * heights
            axes.stairs(tops, edges, baseline=place + BOTTOM, fill=True, color=charts.COLOURS[0])
        if self.at is not None:
            axes.axvline(date2num(self.at), color=charts.COLOURS[4], linewidth=1.4, linestyle="--")
        _time_axis(axes, ends, look)
        return figure

    def data(self) -> "pd.DataFrame":
        return self.frame

    def _ends(self) -> tuple[datetime, datetime] | None:
        return _ends(self.since, self.until, (self.frame[self.time].min(), self.frame[self.time].max()))

    def _totals(self) -> "pd.Series | None":
        if self.frame.empty:
            return None
        return self.frame.groupby(self.lane)[self.value].sum().sort_values(ascending=False, kind="stable")


def _most(counts: Iterable[float]) -> float:
    import numpy as np

    return max(float(np.log1p(max(counts, default=0.0))), 0.7)


def _ends(
    since: datetime | None, until: datetime | None, seen: tuple[datetime, datetime]
) -> tuple[datetime, datetime] | None:
    """The ends of the axis: those of the period, else of what was seen; None where neither is known."""
    first, last = (given if given is not None else found for given, found in zip((since, until), seen, strict=True))
    if first != first or last != last:  # NaT differs from itself
        return None
    return (first, last) if last > first else (first, first + timedelta(seconds=1))


def _canvas(look: Look, names: list[str]) -> tuple["Figure", "Axes"]:
    """Lanes from the top down, each with its name: beside it, or above it where the page is narrow."""
    above = look.width != charts.WIDE
    figure, axes = charts._canvas(look, height=0.75 + max(len(names), 1) * (0.42 if above else 0.27))
    shown = [
        charts._shortened(charts._drawable(words.visible(str(name))), charts.LABEL_WIDTH[look.width]) for name in names
    ]
    axes.set_yticks(range(len(names)), [""] * len(names) if above else shown, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.9 if above else -0.6)
    for place, name in enumerate(shown if above else ()):
        place_of_name = (0, place - 0.06)
        axes.annotate(name, place_of_name, xycoords=("axes fraction", "data"), va="bottom", parse_math=False)
    return figure, axes


def _time_axis(axes: "Axes", ends: tuple[datetime, datetime], look: Look) -> None:
    import pandas as pd
    from matplotlib.dates import date2num

    charts._time_axis(axes, pd.Timestamp(ends[0]), look, "1 minute")
    axes.set_xlabel(words.zone(look.timezone, ends[0].replace(tzinfo=UTC)), loc="left")
    axes.set_xlim(*date2num(ends))
    bottom = len(axes.get_yticks()) - 0.4
    axes.set_ylim(bottom, -0.9 if look.width != charts.WIDE else -0.6)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=charts.GRID, linewidth=0.8)


def _said(moment: datetime, look: Look, *, seconds: bool = False) -> str:
    import pandas as pd

    local = pd.Timestamp(moment).tz_localize("UTC").tz_convert(look.timezone)
    return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"


def _naive(moment: datetime | None) -> datetime | None:
    """Times without a zone are UTC by contract."""
    if moment is None or moment != moment or moment.tzinfo is None:
        return None if moment is None or moment != moment else moment
    return moment.astimezone(UTC).replace(tzinfo=None)
