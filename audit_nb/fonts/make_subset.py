"""Makes audit_nb_hangul.ttf: the Hangul of NanumGothic, so that charts show Korean on a machine without Korean fonts.

    apt-get install fonts-nanum; pip install fonttools
    python audit_nb/fonts/make_subset.py /usr/share/fonts/truetype/nanum/NanumGothic.ttf

The OFL reserves the names of the original for the original, so the subset bears a name of its own. Latin letters are
left out: matplotlib takes them from its own DejaVu Sans and only what that lacks from here.
"""

import sys
from pathlib import Path

from fontTools import subset, ttLib

FAMILY = "Audit NB Hangul"
UNICODES = [
    *range(0x1100, 0x1200),  # Jamo
    *range(0x3000, 0x3040),  # CJK punctuation
    *range(0x3131, 0x3190),  # compatibility Jamo
    *range(0xAC00, 0xD7A4),  # every syllable
    *range(0xFF00, 0xFF61),  # full-width forms
]
FAMILY_ID, STYLE_ID, UNIQUE_ID, FULL_ID, POSTSCRIPT_ID = 1, 2, 3, 4, 6
LICENCE_ID, LICENCE_ADDRESS_ID = 13, 14
COPYRIGHT_ID = 0


def make(source: Path, target: Path) -> None:
    """Write the subset of the font at `source` to `target`."""
    options = subset.Options(hinting=False, layout_features=[], name_IDs=[COPYRIGHT_ID], notdef_outline=True)
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=UNICODES)
    subsetter.subset(font)
    rename(font)
    subset.save_font(font, str(target), options)


def rename(font: ttLib.TTFont) -> None:
    """Give the font our family name, in English for every platform."""
    for name_id, text in {
        FAMILY_ID: FAMILY,
        STYLE_ID: "Regular",
        UNIQUE_ID: f"{FAMILY} 1",
        FULL_ID: FAMILY,
        POSTSCRIPT_ID: FAMILY.replace(" ", ""),
        LICENCE_ID: "This Font Software is licensed under the SIL Open Font License, Version 1.1.",
        LICENCE_ADDRESS_ID: "https://openfontlicense.org",
    }.items():
        font["name"].setName(text, name_id, 3, 1, 0x409)
    font["head"].modified = font["head"].created  # the same bytes each time


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(__file__).with_name("audit_nb_hangul.ttf"))
