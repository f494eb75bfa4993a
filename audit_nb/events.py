"""The table of events: one row for each event, built from the spans that `scan` found in the bytes.

The schema stands first; everything below fills it. Null means unknown or unset, in every column.
"""

import pyarrow as pa

#: Raised whenever the same bytes would give another table; a store made by another version is made anew.
PARSER_VERSION = 1

_IDS = ("auid", "uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid")

#: One file that an event touched: a PATH record. `mode` holds the permission and type bits, `caps` the text of its cap_ fields.
PATH = pa.struct(
    [
        ("name", pa.string()),
        ("nametype", pa.string()),
        ("inode", pa.int64()),
        ("dev", pa.string()),
        ("mode", pa.int32()),
        ("ouid", pa.int64()),
        ("ogid", pa.int64()),
        ("ouid_name", pa.string()),
        ("ogid_name", pa.string()),
        ("rdev", pa.string()),
        ("obj", pa.string()),
        ("caps", pa.string()),
    ]
)

#: The address of a SOCKADDR record; `saddr` is the hexadecimal text as the kernel wrote it.
SOCKET = pa.struct(
    [
        ("family", pa.string()),
        ("address", pa.string()),
        ("port", pa.int32()),
        ("path", pa.string()),
        ("saddr", pa.string()),
    ]
)

#: Where a record's bytes lie: `gap` bytes after the end of the record before it (the first one begins at `segment`, `offset`),
#: and `form`: its body with every value taken out.
RECORD = pa.struct([("gap", pa.int64()), ("length", pa.int32()), ("form", pa.string())])

#: A field without a column: `record` counts the event's records from 0; `raw` is the text as written where `value` does not show it.
OTHER = pa.struct([("record", pa.int32()), ("key", pa.string()), ("value", pa.string()), ("raw", pa.string())])

SCHEMA = pa.schema(
    [
        ("host", pa.string()),
        ("node", pa.string()),
        ("time", pa.timestamp("us")),
        ("time_ms", pa.int64()),
        ("serial", pa.int64()),
        ("boot", pa.int32()),
        ("type", pa.string()),
        ("types", pa.list_(pa.string())),
        ("complete", pa.bool_()),
        ("success", pa.bool_()),
        ("exit", pa.int64()),
        ("errno", pa.string()),
        ("arch", pa.string()),
        ("syscall", pa.string()),
        ("syscall_nr", pa.int32()),
        ("a0", pa.int64()),
        ("a1", pa.int64()),
        ("a2", pa.int64()),
        ("a3", pa.int64()),
        ("items", pa.int32()),
        ("pid", pa.int64()),
        ("ppid", pa.int64()),
        *((name, pa.int64()) for name in _IDS),
        ("ses", pa.int64()),
        *((f"{name}_name", pa.string()) for name in _IDS),
        ("comm", pa.string()),
        ("exe", pa.string()),
        ("terminal", pa.string()),
        ("subj", pa.string()),
        ("cwd", pa.string()),
        ("keys", pa.list_(pa.string())),
        ("argv", pa.list_(pa.string())),
        ("argc", pa.int32()),
        ("proctitle", pa.string()),
        ("command", pa.string()),
        ("op", pa.string()),
        ("acct", pa.string()),
        ("account", pa.string()),
        ("id", pa.int64()),
        ("id_name", pa.string()),
        ("hostname", pa.string()),
        ("addr", pa.string()),
        ("unit", pa.string()),
        ("paths", pa.list_(PATH)),
        ("socket", SOCKET),
        ("by_collector", pa.bool_()),
        ("segment", pa.int32()),
        ("offset", pa.int64()),
        ("records", pa.list_(RECORD)),
        ("other", pa.list_(OTHER)),
        ("unread", pa.string()),
    ]
)
