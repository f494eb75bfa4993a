"""What the store keeps of an event a second time, so that a question need not read a list for each event.

    kinds   string          `types` as one text, each between blanks: ` SYSCALL CWD PATH `
    names   list of string  the names in `paths`, without the directories that files stand in; null where there is none

The questions find both in a table of events that did not come from the store, too; there they read the lists.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SCHEMA = pa.schema([("kinds", pa.string()), ("names", pa.list_(pa.string()))])


def with_shortcuts(events: pa.Table) -> pa.Table:
    """A table of `events.SCHEMA`'s columns, encoded as dictionaries or plain, and the columns of SCHEMA behind them."""
    types, paths = (events[name].combine_chunks() for name in ("types", "paths"))
    return events.append_column("kinds", _kinds(types)).append_column("names", _names(paths))


def _kinds(types: pa.ListArray) -> pa.Array:
    joined = pc.binary_join(types.cast(pa.list_(pa.string())), " ")
    return pc.binary_join_element_wise("", joined, "", " ")


def _names(paths: pa.ListArray) -> pa.ListArray:
    """As `tables._words.touched` finds them; a path whose kind is unknown is a file."""
    each = paths.flatten()
    name, kind = each.field("name"), each.field("nametype")
    kept = pc.and_(name.is_valid(), pc.fill_null(pc.not_equal(kind, "PARENT"), True))
    event = pc.list_parent_indices(paths).filter(kept).to_numpy()
    ends = np.cumsum(np.bincount(event, minlength=len(paths)))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return pa.ListArray.from_arrays(offsets, name.filter(kept), mask=paths.is_null())
