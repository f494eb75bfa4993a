"""How steps and tables stand in a terminal: bars where there is one, plain lines in a log."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from wcwidth import wcswidth, wcwidth

from audit_nb.progress import Step
from audit_nb.words import visible

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0
STAGES = {"fetch": "Fetching", "import": "Importing", "read": "Reading", "play": "Playing", "send": "Sending"}


class Display:
    """Shows steps on `stream`: live bars in a terminal, elsewhere a line when an item ends and now and then between."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._bars: dict[tuple[str, str], tqdm] = {}
        self._last_line: dict[tuple[str, str], float] = {}

    def __call__(self, step: Step) -> None:
        """Show one step."""
        if step.text is not None:
            self._end(step)
        elif self._live:
            self._draw(step)
        else:
            self._mention(step)

    def say(self, sentence: str) -> None:
        """Write one sentence that stays."""
        sentence = visible(sentence)
        if self._live:
            from tqdm import tqdm

            tqdm.write(sentence, file=self._stream)
        else:
            self._stream.write(sentence + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Take away the bars that are left."""
        for bar in self._bars.values():
            bar.close()
        self._bars.clear()

    def _end(self, step: Step) -> None:
        bar = self._bars.pop((step.stage, step.item), None)
        if bar is not None:
            bar.close()
        mark = "✗" if step.failed else "✓"
        self.say(f"  {mark} {_verb(step)} {step.item}: {step.text}")

    def _draw(self, step: Step) -> None:
        from tqdm import tqdm

        key = (step.stage, step.item)
        if key not in self._bars:
            self._bars[key] = tqdm(
                total=step.total,
                desc=f"    {_verb(step)} {step.item}",
                unit=step.unit,
                unit_scale=True,
                leave=False,
                file=self._stream,
                dynamic_ncols=True,
            )
        bar = self._bars[key]
        if step.total is not None:
            bar.total = step.total
        bar.update(step.done - bar.n)

    def _mention(self, step: Step) -> None:
        key = (step.stage, step.item)
        now = time.monotonic()
        if now - self._last_line.setdefault(key, now) < SECONDS_BETWEEN_LINES:
            return
        self._last_line[key] = now
        of = f" of {step.total}" if step.total is not None else ""
        self.say(f"    {_verb(step)} {step.item}: {step.done}{of} {step.unit}")


def _verb(step: Step) -> str:
    return STAGES.get(step.stage, step.stage.capitalize())


def render_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[bool], cell_width: int = 60
) -> str:
    """A table in plain text, columns two blanks apart, wide glyphs counted as two cells; `right` aligns numbers.

    What would move the cursor is written out, and a longer text than `cell_width` is cut with an ellipsis.
    """
    cells = [[_cut(visible(cell), cell_width) for cell in row] for row in rows]
    widths = [max(wcswidth(text) for text in column) for column in zip(columns, *cells, strict=True)]
    lines = [columns, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            _pad(cell, width, to_right) for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _cut(text: str, cell_width: int) -> str:
    if wcswidth(text) <= cell_width:
        return text
    kept, width = "", 0
    for character in text:
        width += max(wcwidth(character), 0)
        if width >= cell_width:
            break
        kept += character
    return kept + "…"


def _pad(text: str, width: int, to_right: bool) -> str:
    blanks = " " * (width - wcswidth(text))
    return blanks + text if to_right else text + blanks
