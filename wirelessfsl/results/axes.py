"""What a cost may be drawn against: any setting of the scenarios of runs, or a quantity that somebody else knows.

The values come from the resolved scenario that each run carries, never from the study that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from wirelessfsl.results.prefixes import Scale, scale
from wirelessfsl.results.store import Run

UNITS = {"_bit_s": "bit/s", "_flops_per_s": "FLOP/s", "_per_s": "1/s", "_m_s": "m/s", "_hz": "Hz", "_dbm": "dBm"} | {
    "_dbi": "dBi", "_db": "dB", "_deg": "°", "_bytes": "B", "_w": "W", "_j": "J", "_s": "s", "_m": "m"
}  # fmt: skip
"""By the end of a setting's name; the first that fits."""
PREFIXED = ("bit/s", "FLOP/s", "Hz", "B", "W", "J", "s")
"""Units that have a kilo or a milli."""


class Axis(NamedTuple):
    """Values of runs to draw against.

    name: what they are, for people.
    unit: what they are in; empty for plain numbers and for words.
    values: by the folder of the run, all numbers or all words; words stand in the order they come in.
    path: of the setting that they are, if they are one.
    """

    name: str
    unit: str
    values: Mapping[Path, float | str]
    path: tuple[str, ...] = ()

    @property
    def places(self) -> list[float | str]:
        """The different values: words in the order they come in, numbers from the least."""
        every = list(dict.fromkeys(self.values.values()))
        return every if self.is_words else sorted(every, key=float)

    @property
    def is_words(self) -> bool:
        """Whether the values are words."""
        return any(isinstance(value, str) for value in self.values.values())

    @property
    def shown(self) -> Scale:
        """The unit in which the numbers read best."""
        numbers = [abs(value) for value in self.values.values() if not isinstance(value, str)]
        return scale(self.unit, max(numbers)) if self.unit in PREFIXED and numbers else Scale(1.0, self.unit)

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.shown.unit})" if self.unit else self.name


def setting(runs: Sequence[Run], path: str) -> Axis:
    """The axis of a setting.

    path: with dots, as in ``--set``; a number counts in a list, from 0.

    Raises ValueError for a run that lacks it, with what there is instead, and where it is a group of settings.
    """
    parts = tuple(path.split("."))
    found = {run.path: _value(run, parts) for run in runs}
    numbers = {each for each, value in found.items() if isinstance(value, float)}
    if numbers != found.keys():
        found = {each: f"{value:g}" if isinstance(value, float) else value for each, value in found.items()}
    name, unit = _named(parts)
    return Axis(name, unit if numbers else "", found, parts)


def _value(run: Run, parts: Sequence[str]) -> float | str:
    value: Any = run.scenario
    for depth, part in enumerate(parts):
        there = ".".join(parts[:depth]) or "the scenario"
        match value:
            case dict() if part in value:
                value = value[part]
            case list() if part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            case dict() | list():
                allowed = ", ".join(value if isinstance(value, dict) else map(str, range(len(value))))
                raise ValueError(f"{run.path}: {there} has no {part!r}; allowed: {allowed or 'nothing, it is empty'}")
            case _:
                raise ValueError(f"{run.path}: {there} is {value!r} and has nothing below it; leave .{part} out")
    match value:
        case None | True | False:
            return {None: "none", True: "on", False: "off"}[value]
        case str():
            return value
        case int() | float():
            return float(value)
        case list() if not any(isinstance(each, dict | list) for each in value):
            return " + ".join(map(str, value)) or "none"
        case list() if all(isinstance(each, dict) and "kind" in each for each in value):
            return " + ".join(str(each["kind"]) for each in value) or "none"
    below = ", ".join(f"{'.'.join(parts)}.{name}" for name in (value if isinstance(value, dict) else range(len(value))))
    raise ValueError(f"{run.path}: {'.'.join(parts)} is a group of settings; name one of {below}")


def _named(parts: Sequence[str]) -> tuple[str, str]:
    """Words and unit of a setting; what has no unit has the words of what it is part of, too."""
    names = [part for part in parts if not part.isdigit() and (part != "kind" or len(parts) == 1)]
    for end, unit in UNITS.items():
        if names[-1].endswith(end):
            return names[-1].removesuffix(end).replace("_", " "), unit
    words = names[-2:] if len(names) > 2 and parts[-1] != "kind" else names[-1:]
    return " ".join(words).replace("_", " "), ""
