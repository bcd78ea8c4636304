"""wirelessfsl: wireless-network co-simulation of split and federated learning.

``load_scenario``, ``simulate``, ``resume``, ``open_run`` and ``query`` are all that a script needs; they are imported
when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wirelessfsl.api import resume as resume
    from wirelessfsl.api import simulate as simulate
    from wirelessfsl.results.query import query as query
    from wirelessfsl.results.store import open_run as open_run
    from wirelessfsl.scenario import load_scenario as load_scenario

_HOMES = {
    "load_scenario": "wirelessfsl.scenario",
    "open_run": "wirelessfsl.results.store",
    "query": "wirelessfsl.results.query",
    "resume": "wirelessfsl.api",
    "simulate": "wirelessfsl.api",
}
__all__ = ["load_scenario", "open_run", "query", "resume", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'wirelessfsl' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
