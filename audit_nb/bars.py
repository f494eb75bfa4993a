"""How steps stand in a notebook: a bar for each thing that is under way, and the sentence with which it ended.

collect.fetch(inventory.load("parameters/hosts.yaml"), "data", tell=bars.shown())
"""

import contextvars
import sys
import threading
import time
from typing import Any

from tqdm import tqdm

from audit_nb.progress import Step, Tell
from audit_nb.terminal import STAGES, Display

SECONDS_BETWEEN = 0.2
MOST_ENDED = 60  # sentences that are shown; of more only the newest and those that failed


def shown() -> Tell:
    """Steps as they are best shown here: bars in a notebook, live in a terminal, lines in a log."""
    return Bars() if _in_notebook() else Display()


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


class Bars:
    """Shows steps below the cell that made it, whichever thread they come from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context = contextvars.copy_context()  # in it the kernel knows the cell
        self._under_way: dict[tuple[str, str], Step] = {}
        self._ended: dict[tuple[str, str], Step] = {}
        self._handle: Any = None
        self._drawn_at = 0.0

    def __call__(self, step: Step) -> None:
        """Show one step; between two drawings of bars alone some time passes."""
        key = (step.stage, step.item)
        with self._lock:
            if step.text is None:
                self._under_way[key] = step
            else:
                self._under_way.pop(key, None)
                self._ended[key] = step
            if step.text is not None or time.monotonic() - self._drawn_at >= SECONDS_BETWEEN:
                self._context.run(self._draw)
                self._drawn_at = time.monotonic()

    def _draw(self) -> None:
        from audit_nb import show

        if self._handle is None:
            self._handle = show.display_live(self._markup())
        else:
            show.update_live(self._handle, self._markup())

    def _markup(self) -> str:
        ended = list(self._ended.values())
        told = [step for step in ended[:-MOST_ENDED] if step.failed] + ended[-MOST_ENDED:]
        rows = [_sentence(step) for step in told] + [_bar(step) for step in self._under_way.values()]
        left_out = len(ended) - len(told)
        more = [f"<div>and {left_out:,} more that ended well</div>"] if left_out else []
        return f'<div class="nb-bars" role="status">{"".join(more + rows)}</div>'


def _sentence(step: Step) -> str:
    mark = "✗" if step.failed else "✓"
    return f"<div>{_escaped(f'{mark} {_what(step)}: {step.text}')}</div>"


def _bar(step: Step) -> str:
    """A bar without an end where the end is not known."""
    said = tqdm.format_sizeof(step.done) + (f" of {tqdm.format_sizeof(step.total)}" if step.total is not None else "")
    measures = f' value="{step.done}" max="{max(step.total, 1)}"' if step.total is not None else ""
    label = _escaped(_what(step))
    return f'<div><progress aria-label="{label}"{measures}></progress> {label}: {_escaped(f"{said} {step.unit}")}</div>'


def _what(step: Step) -> str:
    return f"{STAGES.get(step.stage, step.stage.capitalize())} {step.item}"


def _escaped(text: str) -> str:
    from audit_nb import show

    return show.markup_lines(text)
