"""Records that reached us twice count once: a log that was fetched and imported, or that syslog copied beside auditd.

A line stands in an event as often as it stands in one of the sources, not as often as in all of them together. Of a raw
and an enriched copy the enriched one stays, in the place of the first.
"""

from typing import Any

import numpy as np

from audit_nb import scan
from audit_nb.spans import Spans

Array = np.ndarray[Any, Any]


def drop_copies(spans: Spans, names: list[str]) -> int:
    """Take the copies out of `spans`, whose types are called `names`; returns how many records went."""
    source = _sources(spans)
    if not len(source) or source.max() == 0:
        return 0
    chosen = _mixed(spans.event, source, len(spans.first))
    if not len(chosen):
        return 0
    content = _contents(spans, chosen, names)
    length = (spans.phrases.end - spans.phrases.start)[spans.phrase[chosen]]
    best, place = _best_copies(spans.event[chosen], source[chosen], content, length, chosen)
    keep = np.ones(len(spans.event), bool)
    keep[chosen] = False
    keep[best] = True
    places = np.arange(len(spans.event))
    places[best] = place
    kept = np.flatnonzero(keep)
    _select(spans, kept[np.argsort(places[kept], kind="stable")])
    return int((~keep).sum())


def _sources(spans: Spans) -> Array:
    """The number of each record's source, from 0."""
    pieces = spans.found.pieces
    numbers = {source: i for i, source in enumerate(dict.fromkeys(piece.source for piece in pieces))}
    return np.array([numbers[piece.source] for piece in pieces], np.int32)[spans.found.piece]


def _mixed(event: Array, source: Array, events: int) -> Array:
    """The records of the events that several sources tell of."""
    order = np.argsort(event, kind="stable")
    differ = (event[order][1:] == event[order][:-1]) & (source[order][1:] != source[order][:-1])
    mixed = np.zeros(events, bool)
    mixed[event[order][1:][differ]] = True
    return np.flatnonzero(mixed[event]).astype(np.int32)


def _contents(spans: Spans, chosen: Array, names: list[str]) -> Array:
    """A hash of what each chosen record says, but for the names auditd added."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    name = np.array([numbers[name] for name in names], np.int32)[spans.kind]
    out = np.empty(len(chosen), np.uint64)
    scan.hash_contents(
        spans.found.block.words, len(chosen), chosen, name, spans.phrase, spans.phrases.start, spans.raw_end,
        spans.seed, spans.mask, spans.lead, spans.row, spans.numbers, out,
    )  # fmt: skip
    return out


def _best_copies(event: Array, source: Array, content: Array, length: Array, record: Array) -> tuple[Array, Array]:
    """The records to keep, and the place of each: that of its first copy.

    The nth records of one content in one event are copies of each other; the longest one has the names.
    """
    order = np.lexsort((record, source, content, event))
    run = _starts(event[order], content[order], source[order])
    nth = np.empty(len(order), np.int64)
    nth[order] = np.arange(len(order)) - np.maximum.accumulate(np.where(run, np.arange(len(order)), 0))
    order = np.lexsort((record, -length, nth, content, event))
    first = np.flatnonzero(_starts(event[order], content[order], nth[order]))
    return record[order[first]], np.minimum.reduceat(record[order], first)


def _starts(*keys: Array) -> Array:
    """Where, in sorted arrays, another combination begins."""
    new = np.zeros(len(keys[0]), bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return new


def _select(spans: Spans, records: Array) -> None:
    """Go on with these records only, in this order."""
    found = spans.found
    for name in ("node", "kind", "mask", "lead", "row", "phrase", "event"):
        setattr(spans, name, getattr(spans, name)[records])
    found.places, found.time_ms, found.serial = found.places[records], found.time_ms[records], found.serial[records]
    first = np.full(len(spans.first), len(records), np.int32)
    np.minimum.at(first, spans.event, np.arange(len(records), dtype=np.int32))
    spans.first = first
