"""File modes: type, special bits and permissions."""

from audit_nb.fields import tables

SPECIAL = ((0o4000, "suid"), (0o2000, "sgid"), (0o1000, "sticky"))


def show_mode(mode: int) -> str:
    """A mode with its file type: 0104755 is `file,suid,755`; a type nobody knows stays a number."""
    kind = mode & 0o170000
    words = [tables.constants("file_type").get(kind, f"{kind >> 12:03o}")]
    words += [word for bit, word in SPECIAL if mode & bit]
    return ",".join([*words, f"{mode & 0o777:03o}"])


def show_permissions(mode: int) -> str:
    """A mode without a type, as chmod takes it: 04755 is `suid,0755`."""
    words = [word for bit, word in SPECIAL if mode & bit]
    return ",".join([*words, f"0{mode & 0o777:03o}"])
