"""Sets of flags: bits as names, in order of their value. Bits without a name stay, as one hex number at the end."""

from audit_nb.fields import tables


def show_flags(bits: int, name: str, machine: str | None = None) -> str:
    """The names of a set of flags joined by `|`, or the number in hex where none has a name."""
    return "|".join(_names(bits, name, machine)) or f"0x{bits:x}"


def _names(bits: int, name: str, machine: str | None) -> list[str]:
    found, rest = [], bits
    for value, word in tables.constants(name, machine).items():
        if value and bits & value == value:
            found.append(word)
            rest &= ~value
    return [*found, f"0x{rest:x}"] if rest and found else found


def show_open_flags(bits: int, machine: str | None = None) -> str:
    """The flags of open: the access mode is a number of two bits, of which 0 is O_RDONLY."""
    if bits & 3:
        return show_flags(bits, "open", machine)
    return "|".join(["O_RDONLY", *(_rest(bits, "open", machine))])


def show_mmap_flags(bits: int, machine: str | None = None) -> str:
    """The flags of mmap: the low four bits are a number (1 MAP_SHARED, 2 MAP_PRIVATE, 3 MAP_SHARED_VALIDATE)."""
    kind = bits & 0xF
    word = {0: "MAP_FILE", 3: "MAP_SHARED_VALIDATE"}.get(kind)
    if word is None:
        return show_flags(bits, "mmap", machine)
    return "|".join([word, *_rest(bits & ~0xF, "mmap", machine)])


def show_protection(bits: int, machine: str | None = None) -> str:
    """The protection of a mapping; without read, write and exec it is PROT_NONE."""
    if bits & 7:
        return show_flags(bits, "prot", machine)
    return "|".join(["PROT_NONE", *_rest(bits, "prot", machine)])


def show_clone_flags(bits: int, machine: str | None = None) -> str:
    """The flags of clone; its low byte is the signal that tells the parent of the end."""
    signal = bits & 0xFF
    words = _names(bits & ~0xFF, "clone", None)
    if signal:
        words.append(tables.constants("signal", machine).get(signal) or f"0x{signal:x}")
    return "|".join(words) or f"0x{bits:x}"


def show_namespaces(bits: int) -> str:
    """The flags of unshare and setns: those of clone, with no signal in the low byte."""
    return show_flags(bits, "clone")


def show_shm_flags(bits: int) -> str:
    """The flags of shmget: what to do, and the permissions of a new segment."""
    words = _names(bits & ~0o777, "shm", None)
    return "|".join([*words, f"0{bits & 0o777:03o}"])


def show_permission(bits: int) -> str:
    """The `perm=` of a watch; the kernel takes none as all four."""
    words = [word for bit, word in tables.constants("permission").items() if bits & bit or bits == 0]
    return ",".join(sorted(words, key=("read", "write", "exec", "attr").index)) or str(bits)


def show_personality(bits: int) -> str | None:
    """A personality: its low byte says whose, one bit forbids random addresses."""
    name = tables.constants("personality").get(bits & 0xFF)
    return f"{name}|~ADDR_NO_RANDOMIZE" if name and bits & 0x0040000 else name


def _rest(bits: int, name: str, machine: str | None) -> list[str]:
    return [show_flags(bits, name, machine)] if bits else []
