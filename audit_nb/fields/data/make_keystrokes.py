"""Make keystrokes.csv from terminfo: `python -m audit_nb.fields.data.make_keystrokes NEW` (README.md says whence).

A sequence is named by what most terminals of ncurses-base and ncurses-term mean by it, except that the terminals people
sit at are asked first. `infocmp` (ncurses-bin) does the reading.
"""

import csv
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from audit_nb.fields.data.make_tables import HERE, source

COMMON = ("linux", "xterm", "xterm-256color", "screen", "tmux", "rxvt", "vt220")
# Families of terminals and emulators that are still in use; VT52, whose sequences are ESC and a letter, is not.
FAMILIES = (
    r"(linux|xterm|screen|tmux|rxvt|putty|konsole|gnome|vte|kitty|alacritty|foot|st|mintty|cygwin|sun|vt\d{3})(-.*)?"
)
NAMES = {
    "kcuu1": "up", "kcud1": "down", "kcub1": "left", "kcuf1": "right", "khome": "home", "kend": "end",
    "knp": "page-down", "kpp": "page-up", "kich1": "insert", "kdch1": "delete", "kcbt": "back-tab",
    "kLFT": "shift-left", "kRIT": "shift-right", "kHOM": "shift-home", "kEND": "shift-end", "kIC": "shift-insert",
    "kDC": "shift-del", "kNXT": "shift-next", "kPRV": "shift-previous", "kind": "scroll-forward",
    "kri": "scroll-backward", "kmous": "mouse", "kb2": "B2", "ka1": "A1", "ka3": "A3", "kc1": "C1", "kc3": "C3",
    "kent": "send", "kbeg": "begin", "kclr": "clear", "kel": "delete-eol", "kfnd": "find", "khlp": "help",
    "kopt": "options", "krdo": "redo", "kres": "resume", "kslt": "select", "kund": "undo", "kcpy": "copy",
    "kil1": "insert-line", "kdl1": "delete-line", "kll": "lower-left",
}  # fmt: skip
# A control character is the key that is typed: Ctrl-A to Ctrl-Z, except those that have a key of their own.
CONTROL = {code: f"^{chr(code + 64)}" for code in range(1, 27)} | {
    8: "backspace",
    9: "tab",
    10: "nl",
    13: "ret",
    127: "backspace",
    27: "esc",
}


def keys(folder: Path, terminal: str) -> dict[bytes, str]:
    """The sequences of one terminal with the names of their keys."""
    listing = subprocess.run(
        ["infocmp", "-1", "-A", folder, terminal], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for capability, text in re.findall(r"^\t(k\w+)=(.*),$", listing, re.M):
        name = NAMES.get(capability) or re.sub(r"^kf(\d+)$", r"F\1", capability)
        sequence = re.sub(r"\^(.)", lambda control: chr(ord(control[1]) & 0x1F), text).replace("\\E", "\x1b")
        sequence = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), sequence)
        sequence = sequence.replace("\\,", ",").replace("\\^", "^").replace("\\r", "\r").replace("\\\\", "\\")
        if name != capability and re.match(r"[\x1b\x8f\x9b][^\x00-\x1f]", sequence):
            found[sequence.encode("latin-1", "replace")] = name
    return found


def main() -> None:
    root = Path(sys.argv[1])
    folder = root / "usr/share/terminfo"
    votes: dict[bytes, Counter[str]] = defaultdict(Counter)
    for terminal in sorted(path.name for path in folder.glob("?/*") if re.fullmatch(FAMILIES, path.name)):
        for sequence, name in keys(folder, terminal).items():
            votes[sequence][name] += 1
    chosen = {sequence: names.most_common(1)[0][0] for sequence, names in votes.items()}
    for terminal in reversed(COMMON):
        chosen |= keys(folder, terminal)
    chosen |= {bytes([code]): name for code, name in CONTROL.items()}
    with (HERE / "keystrokes.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(f"# made by make_keystrokes.py from {source(root, 'ncurses-base')} and ncurses-term\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sequence_hex", "name"))
        writer.writerows((sequence.hex(), name) for sequence, name in sorted(chosen.items()))


if __name__ == "__main__":
    main()
