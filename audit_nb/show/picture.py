"""A figure as a page holds it: drawn wide and narrow, for light and dark, with words for those who cannot see it."""

import base64
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from audit_nb import charts
from audit_nb.show.cells import link

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DENSITY = 200  # dots in an inch of a PNG: twice what a mail shows, for sharp screens


@dataclass(frozen=True)
class Picture:
    """What was drawn: SVG for a wide page and for a phone, PNG on demand, the data, and both sentences about it."""

    wide: bytes
    narrow: bytes | None
    png: Callable[[], bytes]
    data: "pd.DataFrame | None"
    finding: str
    alt: str


def of_chart(chart: charts.Chart, look: charts.Look) -> Picture:
    """Draw one of our charts."""
    import matplotlib as mpl

    with mpl.rc_context(charts.style()):
        wide = _svg(chart.draw(look))
        small = chart.draw(replace(look, width=charts.NARROW))
        narrow = _svg(small)

    def png() -> bytes:
        # For a mail, which has one picture for a desktop and a phone: letters of the wide one would be too small.
        with mpl.rc_context(charts.style()):
            return _png(small)

    return Picture(wide, narrow, png, chart.data(), chart.finding(look), chart.alt(look))


def of_figure(figure: "Figure") -> Picture:
    """Take a figure as somebody else drew it."""
    return Picture(_svg(figure), None, lambda: _png(figure), None, "", "")


def render(picture: Picture, title: str, alt: str, csv_path: str | None, finding: str) -> str:
    """The figure as HTML, everything in it; `finding` is markup already."""
    narrow = f'<source media="(max-width:600px)" srcset="{_address(picture.narrow)}">' if picture.narrow else ""
    found = f'<p class="nb-finding">{finding}</p>' if finding else ""
    return (
        f'<figure class="nb-figure">{found}<picture>{narrow}<img src="{_address(picture.wide)}" '
        f'alt="{html.escape(alt)}"></picture><figcaption>{html.escape(title)}{link(csv_path)}</figcaption></figure>'
    )


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"


def _png(figure: "Figure") -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DENSITY, facecolor="white", metadata={"Software": None})
    return out.getvalue()


def _svg(figure: "Figure") -> bytes:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    drawn = drawn[drawn.index("<svg") :]  # before it a header and a DOCTYPE with an address that no browser needs
    drawn = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    # A hundredth of a point is finer than any screen; what is below 1 may be a scale and stays whole.
    drawn = re.sub(r"([1-9]\d*\.\d\d)\d+", r"\1", drawn)
    drawn = re.sub(r"\s+", " ", drawn).replace("> <", "><")
    return drawn.replace("<defs>", f"{_DARK}<defs>", 1).encode("utf-8")


def _recoloured(what: str, light: str, dark: str) -> str:
    return f'[style*="{what}: {light.lower()}"]{{{what}:{dark}!important}}'


# An SVG inside <img> follows the reader's colour scheme by itself; paper stays white.
_DARK = (
    "<style>@media screen and (prefers-color-scheme:dark){"
    + _recoloured("fill", charts.TEXT, "#e6edf3")
    + _recoloured("fill", charts.QUIET, "#a0a9b4")
    + _recoloured("stroke", charts.QUIET, "#a0a9b4")
    + _recoloured("stroke", charts.GRID, "#343b44")
    + _recoloured("fill", charts.GRID, "#343b44")
    + _recoloured("fill", charts.COLOURS[0], "#3d9be0")
    + "}</style>"
)
