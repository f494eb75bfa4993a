"""audit_nb: the audit logs of a fleet of Linux servers as one table of events.

In short:

    events = audit_nb.open_events("data", since="-1d")      # an Ibis table
    failed = tables.failed_logins(events)                   # an Ibis table
    failed.to_pandas()                                      # a DataFrame
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Each public name with the module that holds it; loaded on first use, because Ibis and Numba take a second to import.
_HOMES = {
    "open_events": "store",
    "open_malformed": "store",
    "open_hosts": "store",
    "tables": None,
    "show": None,
    "charts": None,
    "explore": None,
    "lanes": None,
    "times": None,
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute may be anything
    if name not in _HOMES:
        raise AttributeError(f"audit_nb has no {name!r}")
    home = _HOMES[name]
    if home is None:
        return import_module(f"audit_nb.{name}")
    return getattr(import_module(f"audit_nb.{home}"), name)
