"""What the fields mean and how their values are written: tables of facts in `data/`, and small decoders by kind.

The contract with the reader of records, which calls once for each *distinct* value:

- `raw` is the bytes of the value as they stand in the line, without the quotes; `quoted` says whether it stood in
  double quotes. Names of the enriched half (after 0x1D) are decoded by `decode_name`.
- `(null)`, `(none)`, `?` and the empty value come back as they are: what is missing is the caller's decision, because
  `name="(null)"` (quoted) is a file and `name=(null)` is none.
- No function here raises on any bytes, opens a file of the host or looks at this machine's users.
"""

from audit_nb.fields.addresses import Socket, decode_socket
from audit_nb.fields.argv import decode_argv
from audit_nb.fields.ids import IdMap, is_unset
from audit_nb.fields.interpretation import Context, Field, decode_value, interpret, interpret_record, own_context
from audit_nb.fields.kinds import kind_of
from audit_nb.fields.machines import arch_name, arch_word, errno_name, is_little_endian, syscall_name
from audit_nb.fields.record_types import is_last_record, record_type_name, record_type_number
from audit_nb.fields.results import parse_exit, success_of
from audit_nb.fields.text import KEY_SEPARATOR, split_keys, split_proctitle
from audit_nb.fields.text import decode_text as decode_name

__all__ = [
    "KEY_SEPARATOR",
    "Context",
    "Field",
    "IdMap",
    "Socket",
    "arch_name",
    "arch_word",
    "decode_argv",
    "decode_name",
    "decode_socket",
    "decode_value",
    "errno_name",
    "interpret",
    "interpret_record",
    "is_last_record",
    "is_little_endian",
    "is_unset",
    "kind_of",
    "own_context",
    "parse_exit",
    "record_type_name",
    "record_type_number",
    "split_keys",
    "split_proctitle",
    "success_of",
    "syscall_name",
]
