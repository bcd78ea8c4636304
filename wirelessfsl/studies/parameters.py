"""What an adaptive study varies: ranges of numbers, values to choose from, and amounts split between two settings.

Left out: parameters that only some values of others have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from wirelessfsl.scenario.problems import Path
from wirelessfsl.studies.axes import Axes, Axis, Change, Choice

_SORTS = ("int", "float", "choice", "split")
_KNOBS = {"int": ("step", "log"), "float": ("step", "log"), "choice": (), "split": ("step", "of", "between")}
"""What goes with each sort of parameter."""


class Options(NamedTuple):
    """A parameter with the choices of an axis."""

    axis: Axis

    @property
    def name(self) -> str:
        """Of the axis."""
        return self.axis.columns[0]

    @property
    def at(self) -> Path:
        """Its place in the study."""
        return self.axis.path

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.axis.choices)

    @property
    def values(self) -> range:
        """Positions of the choices."""
        return range(self.size)

    def choice(self, position: int) -> Choice:
        """The choice at a position."""
        return self.axis.choices[position]


class Range(NamedTuple):
    """A parameter with numbers from ``low`` to ``high``.

    whole: whether they are whole.
    step: between them; None for any number.
    log: whether all orders of magnitude are equally likely.
    paths: the setting that a number is for; or two: the first gets this share of ``amount``, the other the rest.
    at, where: place in the study.
    """

    name: str
    low: float
    high: float
    whole: bool
    step: float | None
    log: bool
    paths: tuple[str, ...]
    amount: float
    at: Path
    where: str

    @property
    def axis(self) -> Axis:
        """Its two ends."""
        return Axis((self.name,), (self.choice(self.low), self.choice(self.high)), self.at)

    @property
    def size(self) -> int:
        """How many numbers there are; 0 if there is no step between them."""
        return 0 if self.step is None else round((self.high - self.low) / self.step) + 1

    @property
    def values(self) -> Iterator[float]:
        """All numbers."""
        return (min(self.low + i * (self.step or 0), self.high) for i in range(self.size))

    def choice(self, value: float) -> Choice:
        """What a number changes."""
        parts = (value,) if len(self.paths) == 1 else (value * self.amount, (1 - value) * self.amount)
        changes = tuple(Change(path, part, self.where) for path, part in zip(self.paths, parts, strict=True))
        return Choice({self.name: value}, changes)


Parameter = Options | Range


def parameter(reader: Axes, at: Path, name: str, given: Any) -> Parameter | None:
    """A parameter of the section ``over``: None, with the problems told to the reader, if it is wrong."""
    before = len(reader.problems)
    spec = reader.mapping(at, given, (*_SORTS, "step", "log", "of", "between"))
    sorts = [sort for sort in _SORTS if sort in spec]
    if len(sorts) != 1:
        reader.wrong(at, f"must have one of {', '.join(_SORTS)}, such as {{int: [1, 8]}}")
        return None
    (sort,) = sorts
    for knob in spec:
        if knob != sort and knob not in _KNOBS[sort]:
            reader.wrong((*at, knob), f"has no effect beside {sort}; leave it out")
    if sort == "choice":
        found: Parameter = Options(reader.grid((*at, sort), name, spec[sort]))
    else:
        found = _range(reader, at, name, sort, spec)
    return found if len(reader.problems) == before else None


def _range(reader: Axes, at: Path, name: str, sort: str, spec: Mapping[str, Any]) -> Range:
    low, high = _ends(reader, (*at, sort), spec[sort], sort)
    log, step = spec.get("log", False), spec.get("step")
    if not isinstance(log, bool):
        reader.wrong((*at, "log"), f"got {log!r}, must be true or false")
    elif log and low <= 0:
        reader.wrong((*at, sort), f"got {low:g}, must be > 0 with log")
    if step is not None:
        if log:
            reader.wrong((*at, "step"), "has no effect beside log; leave it out")
        elif not number(step, whole=sort == "int") or step <= 0:
            reader.wrong((*at, "step"), f"got {step!r}, must be a{' whole' if sort == 'int' else ''} number > 0")
        elif abs((high - low) / step - round((high - low) / step)) > 1e-9:
            reader.wrong((*at, "step"), f"got {step!r}, does not lead from {low:g} to {high:g}")
    elif sort == "int" and not log:
        step = 1
    amount, paths = spec.get("of", 1), spec.get("between", [name])
    if sort == "split":
        if not number(amount) or amount <= 0:
            reader.wrong((*at, "of"), f"got {amount!r}, must be a number > 0, which is split")
        if "of" not in spec or not isinstance(paths, list) or len({*map(str, paths)}) != 2:
            paths = []
            reader.wrong(
                at, "must have split, of and between, such as {split: [0.1, 0.9], of: 20e6, between: [a.b, a.c]}"
            )
    return Range(
        name=name,
        low=low,
        high=high,
        whole=sort == "int",
        step=step,
        log=log,
        paths=tuple(map(str, paths)),
        amount=amount,
        at=at,
        where=reader.document.where((*at, sort)),
    )


def _ends(reader: Axes, at: Path, given: Any, sort: str) -> tuple[float, float]:
    """The least and the largest number of a range."""
    match given:
        case [low, high] if number(low, sort == "int") and number(high, sort == "int") and low < high:
            if sort == "split" and not 0 <= low < high <= 1:
                reader.wrong(at, f"got {given}, must be shares from 0 to 1")
            return low, high
    what = "whole numbers, such as [1, 8]" if sort == "int" else "numbers, such as [0.1, 0.9]"
    reader.wrong(at, f"got {given!r}, must be the least and the largest of a range of {what}")
    return 0, 1


def number(value: Any, whole: bool = False) -> bool:
    """Whether a value is a finite number, and a whole one."""
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool) and isfinite(value)
