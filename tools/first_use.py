"""Does once, at the end of set-up, what the first report would wait for: compiles the parser and lists the fonts.

Both are kept where their libraries keep such things: the machine code beside the package, or in NUMBA_CACHE_DIR.
"""

import logging
import tempfile
from pathlib import Path

from audit_nb import collect, store

SAMPLES = Path(__file__).parents[1] / "samples"


def main() -> None:
    """Read a sample through the whole parser, and import what looks for fonts."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib.font_manager  # noqa: F401 - the import does it

    sample = next(SAMPLES.glob("*/audit/audit.log.xz"))
    with tempfile.TemporaryDirectory() as scratch:
        collect.import_paths([sample], "sample", Path(scratch))
        store.update(Path(scratch))


if __name__ == "__main__":
    main()
