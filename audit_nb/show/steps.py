"""The steps of a story as sentences: `tables.story` says what happened, this says it to a person."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from audit_nb import words
from audit_nb.show.cells import Reader

if TYPE_CHECKING:
    import pyarrow as pa

#: A connection that goes on in the background is not refused.
UNDER_WAY = "EINPROGRESS"


def told(steps: "pa.Table", reader: Reader) -> "pa.Table":
    """The table with two more columns behind the host: `said`, one sentence, and `what_kind`, the kind in words."""
    import pyarrow as pa

    rows = steps.to_pylist()
    said = pa.array([sentence(row, reader.language) for row in rows], pa.string())
    kinds = pa.array([words.say(f"told_kinds.{row['kind']}", reader.language) for row in rows], pa.string())
    place = steps.column_names.index("host") + 1
    return steps.add_column(place, "said", said).add_column(place + 1, "what_kind", kinds)


def sentence(step: Mapping[str, Any], language: str) -> str:
    """One step in one sentence; values stand as they were logged, unknown ones are said to be unknown."""
    is_refused = step["success"] is False and step["errno"] != UNDER_WAY
    key = next(f"told.{name}" for name in _names(step["kind"], step["how"], is_refused) if words.has(f"told.{name}"))
    unknown = words.say("told.unknown", language)
    given = {name: unknown if step[name] is None else str(step[name]) for name in ("account", "what", "how", "port")}
    given |= {"who": step["who"] or words.say("told.nobody", language), "exe": step["exe"] or unknown}
    given |= {"address": step["address"] or unknown}
    given |= {
        "from": _if(step["address"], "told.from", language, address=step["address"]),
        "as": _if(_borrowed(step), "told.as", language, as_whom=step["as_whom"]),
        "about": _if(step["what"], "told.about", language, what=step["what"]),
        "why": _if(step["errno"], "told.why", language, errno=step["errno"]),
    }
    again = _if(step["events"] > 1, "told.times", language, n=step["events"])
    return words.say(key, language, **given) + again


def _names(kind: str, how: str | None, is_refused: bool) -> Iterator[str]:
    """The names of the words for a step, the most fitting first."""
    way = f"{kind}_{(how or '').lower()}"
    if is_refused:
        yield f"{way}_failed"
        yield f"{kind}_failed"
    yield way
    yield kind


def _borrowed(step: Mapping[str, Any]) -> bool:
    """Whether somebody acted with the rights of another."""
    return step["who"] is not None and step["as_whom"] not in (None, step["who"])


def _if(wanted: object, key: str, language: str, **values: object) -> str:
    return words.say(key, language, **values) if wanted else ""
