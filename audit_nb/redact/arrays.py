"""The same for very many texts at once: only those that may hold a secret are looked at one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit_nb.redact.lines import command, quoted, text
from audit_nb.redact.shell import CUT_BYTES
from audit_nb.redact.sieve import bytes_of, suspects

# What the bytes of an argument say of its quotes: that it needs some, that `quoted` has to look at it, or that RE2 has
# to look for one of the blanks beyond ASCII, which begin with these.
_QUOTES, _ODD, _MAY_BE_BLANK = 1, 2, 4
_SAYS = np.zeros(256, np.uint8)
_SAYS[[*range(9, 14), *range(28, 33), *b'"\\$`;&|<>()?[]{}!#~']] = _QUOTES
_SAYS[[*b"'*"]] = _QUOTES | _ODD
_SAYS[[0xC2, 0xE1, 0xE2, 0xE3]] = _MAY_BE_BLANK
_BLANKS_BEYOND_ASCII = r"[\x{85}\pZ]"


class _Remembered:
    """What was masked before: most texts come again with the next part of a log."""

    def __init__(self) -> None:
        self._masked: dict[str, str | None] = {}
        self._size = 0

    def masked(self, lines: list[str | None], mask: Callable[[pa.Array], list[str | None]]) -> pa.StringArray:
        """What `mask` makes of the texts at these places, asked only where the text is not known yet."""
        found = [self._masked.get(line, _UNKNOWN) for line in lines]
        new = [place for place, one in enumerate(found) if one is _UNKNOWN]
        if new:
            made = mask(pa.array(new, pa.int64()))
            for place, one in zip(new, made, strict=True):
                found[place] = one
            self._add([lines[place] for place in new], made)
        return pa.array(found, pa.string())

    def _add(self, lines: list[str | None], masked: list[str | None]) -> None:
        self._size += 2 * sum(map(len, filter(None, lines)))
        if self._size > _REMEMBERED:
            self._masked, self._size = {}, 0
        else:
            self._masked.update(zip(lines, masked, strict=True))


_REMEMBERED = 32 << 20  # characters
_UNKNOWN = object()
_commands, _texts = _Remembered(), _Remembered()


def commands(argv: pa.ListArray) -> pa.StringArray:
    """What `command` says of each list of arguments: text of the same length, null where the list is null.

    `argv` holds lists of text, or of a dictionary of text; it is fastest where no list stands in it twice.
    """
    words = argv.flatten()
    codes = words.indices if pa.types.is_dictionary(words.type) else None
    distinct = _visible(words if codes is None else words.dictionary)
    # In front of the text is what tells a list without words from one with an empty word, and from none.
    sizes = pc.binary_join_element_wise(pc.list_value_length(argv).cast(pa.string()).fill_null("-"), "", "\0")
    flat = pc.binary_join(_lists(argv, distinct, codes), "\0").fill_null("")

    def mask(places: pa.Array) -> list[str | None]:
        new, asked = argv.take(places), suspects(flat.take(places))
        close = [command(tuple(one)) for one in new.filter(pa.array(asked)).to_pylist()]
        return _replaced(_shown(new), asked, close).to_pylist()

    return _commands.masked(pc.binary_join_element_wise(sizes, flat, "").to_pylist(), mask)


def texts(lines: pa.StringArray) -> pa.StringArray:
    """What `text` says of each text; null stays null."""
    return _texts.masked(lines.to_pylist(), lambda places: _masked_texts(lines.take(places)).to_pylist())


def _masked_texts(lines: pa.StringArray) -> pa.StringArray:
    known = lines.fill_null("")
    sizes = pc.binary_length(known).to_numpy()
    asked = suspects(known, cut=(sizes >= CUT_BYTES[0]) & (sizes <= CUT_BYTES[-1]))
    asked |= pc.match_substring(known, "\0").to_numpy(zero_copy_only=False)
    return _replaced(lines, asked, [text(one) for one in lines.filter(pa.array(asked)).to_pylist()])


def _visible(words: pa.StringArray) -> pa.StringArray:
    """No argument of execve(2) can hold a NUL; one that stands in a forged record is made visible."""
    return pc.replace_substring(words, "\0", "\u2400") if b"\0" in bytes_of(words)[0].tobytes() else words


def _shown(argv: pa.ListArray) -> pa.StringArray:
    """The arguments of each list, quoted as a shell needs them; of a dictionary only those that stand in a list."""
    words, codes = argv.flatten(), None
    if pa.types.is_dictionary(words.type):
        used = np.zeros(len(words.dictionary), bool)
        used[words.indices.to_numpy()] = True
        codes = pa.array((np.cumsum(used) - 1)[words.indices.to_numpy()])
        words = words.dictionary.filter(pa.array(used))
    return pc.binary_join(_lists(argv, _quoted(_visible(words)), codes), " ")


def _quoted(words: pa.StringArray) -> pa.StringArray:
    data, offsets = bytes_of(words)
    said = _SAYS[data]
    places = np.flatnonzero(said != 0)
    said, word = said[places], np.searchsorted(offsets, places, side="right") - 1
    needs = offsets[1:] == offsets[:-1]  # nothing at all needs quotes, too
    needs[word[said & _QUOTES > 0]] = True
    maybe = np.unique(word[said == _MAY_BE_BLANK])
    if len(maybe):
        blank = pc.match_substring_regex(words.take(pa.array(maybe)), _BLANKS_BEYOND_ASCII)
        needs[maybe[blank.to_numpy(zero_copy_only=False)]] = True
    odd = np.zeros(len(words), bool)
    odd[word[said & _ODD > 0]] = True
    simple = pc.binary_join_element_wise("'", words.filter(pa.array(needs)), "'", "")
    by = [quoted(one) for one in words.filter(pa.array(odd)).to_pylist()]
    return _replaced(pc.replace_with_mask(words, pa.array(needs), simple), odd, by)


def _lists(argv: pa.ListArray, words: pa.StringArray, codes: pa.Array | None) -> pa.ListArray:
    """The lists, with other words in the places of their own."""
    sizes = pc.list_value_length(argv).fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    taken = words if codes is None else words.take(codes)
    return pa.ListArray.from_arrays(pa.array(offsets), taken, mask=pc.is_null(argv) if argv.null_count else None)


def _replaced(values: pa.StringArray, where: np.ndarray[Any, Any], by: list[str]) -> pa.StringArray:
    return pc.replace_with_mask(values, pa.array(where), pa.array(by, pa.string())) if by else values
