"""Conditions of a study: which combinations of its axes stay, and which are left out.

Each is ``keep: {axis: ...}``, of which only combinations stay that have all of it, or ``drop: {axis: ...}``, of which
those go that have all of it. An axis has a value, one of a list, or a number ``{at_least: ..., at_most: ...}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wirelessfsl.scenario.problems import Path, near
from wirelessfsl.studies.axes import Axes

_BOUNDS = ("at_least", "at_most")


class Condition(NamedTuple):
    """Whether combinations with these values stay or go.

    keep: stay. wanted: per column a list of values, or bounds.
    """

    keep: bool
    wanted: Mapping[str, Any]
    path: Path

    def lets(self, values: Mapping[str, Any]) -> bool:
        """Whether a combination may stay."""
        return self.keep == all(_fits(values[column], wanted) for column, wanted in self.wanted.items())


def conditions(reader: Axes, given: Any, columns: Mapping[str, Sequence[Any]]) -> list[Condition]:
    """The conditions in the section ``where``; problems are told to the reader.

    columns: the values of every axis, by its name.
    """
    if not isinstance(given, list):
        reader.wrong(("where",), "must be a list of conditions, such as [{drop: {seed: 3}}]")
        return []
    found, before = [], len(reader.problems)
    for i, item in enumerate(given):
        if item == {}:
            reader.wrong(("where", i), "is empty; say keep or drop")
        for word, wanted in reader.mapping(("where", i), item, ("keep", "drop")).items():
            at: Path = ("where", i, word)
            read = {
                column: _wanted(reader, (*at, name), value, columns[column])
                for name, value in reader.mapping(at, wanted).items()
                if (column := meant(reader, (*at, name), name, columns))
            }
            found.append(Condition(word == "keep", read, at))
    return found if len(reader.problems) == before else []


def meant(reader: Axes, at: Path, name: str, columns: Mapping[str, Any]) -> str:
    """The axis that a name means: all of its path, or the last part; empty, with a problem told, if none or several."""
    if name in columns:
        return name
    found = [column for column in columns if column.rsplit(".", 1)[-1] == name]
    if len(found) == 1:
        return found[0]
    told = " and ".join(found)
    hint = f"is the last part of {told}: write the whole" if found else f"no axis{near(name, columns)}"
    reader.wrong(at, f"got {name!r}, {hint}; allowed: {', '.join(columns) or 'none, as there are no axes'}")
    return ""


def _wanted(reader: Axes, at: Path, given: Any, values: Sequence[Any]) -> Any:
    if isinstance(given, dict):
        bounds = reader.mapping(at, given, _BOUNDS)
        if not all(_number(each) for each in (*bounds.values(), *values)):
            reader.wrong(at, "at_least and at_most are for numbers")
            return [*values]
        return bounds
    listed = given if isinstance(given, list) else [given]
    for each in listed:
        if each not in values:
            reader.wrong(at, f"got {each!r}, not on the axis{near(each, map(str, values))}")
    return listed


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return bool(wanted.get("at_least", value) <= value <= wanted.get("at_most", value))
    return value in wanted


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
