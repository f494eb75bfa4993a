"""`audit-nb`: one verb for each step of the stair.

Tables go to stdout and words to stderr. Exit codes: 0 done, 1 done in part or failed (a sentence says), 2 wrong usage.
The heavy parts are imported by the verb that needs them, so that `--help` answers at once.
"""

from audit_nb.cli import asks, upkeep, walks
from audit_nb.cli.group import main

__all__ = ["asks", "main", "upkeep", "walks"]
