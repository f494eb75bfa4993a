"""How far the work is: the stages tell steps, whoever started them decides how a step is shown."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One word about one thing that is being worked on.

    `stage` is the verb ("fetch", "read", "play"), `item` the host, day or notebook, `done` and `total` count in `unit`;
    `text` is set when the item has ended and says how.
    """

    stage: str
    item: str
    done: int = 0
    total: int | None = None
    unit: str = "B"
    text: str | None = None
    failed: bool = False


Tell = Callable[[Step], None]


def silent(step: Step) -> None:
    """Show nothing."""
