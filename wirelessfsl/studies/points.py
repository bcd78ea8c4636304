"""Points of a study: one combination of its axes, the scenario it gives, and what it and its folder are called."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from wirelessfsl.scenario import Scenario, digest
from wirelessfsl.studies.axes import Change

RESERVED = frozenset(
    {"name", "status", "digest", "path", "error", "rounds", "simulated_s", "accuracy", "loss", "best_accuracy"}
    | {"energy_j", "devices_energy_j", "uplink_bytes", "downlink_bytes"}
)
"""Columns of the table that an axis of alternatives might be called, too."""


@dataclass(frozen=True)
class Point:
    """One run of a study.

    name: told apart from all others of the study, and a file's.
    values: by axis, a plain value or an alternative's name.
    changes: what the point makes of its base, without what the study makes of all points.
    scenario: what is run, with all that a run would choose chosen.
    timing_only: whether it runs with shapes instead of values.
    digest: of the resolved scenario, see :func:`identity`.
    path: the run folder.
    """

    name: str
    values: Mapping[str, Any]
    changes: tuple[Change, ...]
    scenario: Scenario
    timing_only: bool
    digest: str
    path: Path


def identity(resolved: Mapping[str, Any], timing_only: bool) -> str:
    """Digest of what a run computes: its resolved scenario without the name and the host's settings.

    resolved: the scenario as plain data, also as a run's manifest has it.
    timing_only: such a run gives other results and so has a digest of its own.
    """
    counted = {key: value for key, value in resolved.items() if key not in ("name", "host")}
    return digest(counted | {"timing_only": True} if timing_only else counted)


def said(value: Any) -> str:
    """A value of an axis in few characters.

    >>> [said(value) for value in (1000000, 2.5e-05, 0.1, None, [1, 2], {"kind": "tdma", "latency_s": 0.0})]
    ['1e6', '2.5e-5', '0.1', 'none', '1_2', 'tdma']
    """
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case int() | float() if isfinite(value):
            text = f"{value:g}" if float(f"{value:g}") == value else repr(value)
            return re.sub(r"e\+?(-?)0*", r"e\1", text)
        case list():
            return "_".join(map(said, value))
        case {"kind": kind}:
            return str(kind)
        case dict():
            return json.dumps(value)
    return str(value)
