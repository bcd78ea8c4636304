"""The combinations of a study's axes that its conditions leave, and their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from itertools import product
from math import prod
from typing import Any, NamedTuple

from wirelessfsl.scenario.document import Document
from wirelessfsl.studies.axes import Axes, Axis, Change, Choice
from wirelessfsl.studies.conditions import conditions, meant
from wirelessfsl.studies.points import RESERVED, said

_LONGEST_NAME = 200
"""Characters: with a digest behind it, what file systems take as the name of a folder."""
_MOST = 100_000


class Combination(NamedTuple):
    """A position on every axis, and what the point is called that it makes; see :class:`..points.Point`."""

    name: str
    values: Mapping[str, Any]
    changes: tuple[Change, ...]
    base: Document | None


def combinations(reader: Axes, axes: Sequence[Axis], data: Mapping[str, Any], alone: str) -> list[Combination]:
    """The combinations, in the order of the axes; what is wrong is told to the reader.

    data: the study; its sections ``where`` and ``pattern`` are read.
    alone: name of the only point of a study without axes.
    """
    apart(reader, axes)
    if (size := prod(len(axis.choices) for axis in axes)) > _MOST:
        reader.wrong(("axes",), f"make {size:,} points, must be at most {_MOST:,}")
        return []
    sound = not any(each.path[:1] == ("axes",) for each in reader.problems)
    found = [combined(choices) for choices in product(*(axis.choices for axis in axes))]
    if not sound:
        return found  # conditions and names rest on the axes
    columns = {column: [each.values[column] for each in axis.choices] for axis in axes for column in axis.columns}
    for condition in conditions(reader, data["where"], columns) if "where" in data else ():
        left = [each for each in found if condition.lets(each.values)]
        if len(left) in (0, len(found)):
            reader.wrong(condition.path, "leaves out nothing" if left else "leaves nothing")
        found = left or found
    pattern = _pattern(reader, columns, data.get("pattern")) or alone
    named = [each._replace(name=_named(pattern, each.values)) for each in found]
    first: dict[str, Combination] = {}
    for each in named:
        if first.setdefault(each.name, each) is not each:
            told = "is a value given twice? Else say in pattern what sets them apart, or give the values names"
            reader.wrong(("pattern",), f"two points are called {each.name}: {told}")
            break
        if len(each.name) > _LONGEST_NAME:
            reader.wrong(("pattern",), f"{each.name[:40]}... has more than {_LONGEST_NAME} characters; give a shorter")
            break
    return named


def combined(choices: Sequence[Choice]) -> Combination:
    """What choices make together; it has no name yet."""
    return Combination(
        name="",
        values={column: value for each in choices for column, value in each.values.items()},
        changes=tuple(change for each in choices for change in each.changes),
        base=next((each.base for each in reversed(choices) if each.base), None),
    )


def apart(reader: Axes, axes: Sequence[Axis], reserved: Set[str] = RESERVED) -> None:
    """Tell of columns that are there already, and of changes that have no effect because a later one undoes them.

    reserved: columns of the table that is written.
    """
    owners: dict[str, Axis] = {}
    for axis in axes:
        for column in sorted(reserved & {*axis.columns}):
            reader.wrong(axis.path, f"{column} is a column of the table; give the axis another name")
        changed = [{change.path for change in choice.changes} for choice in axis.choices]
        every = set[str]().union(*changed)
        for path in sorted(every | {*axis.columns}):
            for other in [each for each in owners if _within(each, path) and owners[each] is not axis]:
                same = "is on another axis, too" if other == path else f"undoes {other} of an axis before; put it first"
                reader.wrong(axis.path, f"{path} {same}")
            owners[path] = axis
        for made in reader.set:
            if changed and all(any(_within(made.path, path) for path in paths) for paths in changed):
                reader.wrong(("set", made.path), f"has no effect beside the axis {axis.columns[0]}; leave one out")
        for text in reader.sets:
            last = text.partition("=")[0]
            if every and all(_within(path, last) for path in every) and not any(each.base for each in axis.choices):
                reader.wrong(axis.path, f"has no effect beside --set {text}; leave one out")
    based = [axis for axis in axes if any(choice.base for choice in axis.choices)]
    for axis in based[1:]:
        reader.wrong(axis.path, "another axis has bases, too")


def _within(path: str, other: str) -> bool:
    return f"{path}.".startswith(f"{other}.")


def _pattern(reader: Axes, columns: Mapping[str, Sequence[Any]], given: Any) -> str:
    """The pattern of names, with whole names of axes as its fields; by default all values, numbers with their axis."""
    default = "-".join(
        f"{name.rsplit('.', 1)[-1]}_{{{name}}}"
        if any(isinstance(each, int | float) for each in values)
        else f"{{{name}}}"
        for name, values in columns.items()
    )
    if given is None:
        return default
    if not isinstance(given, str):
        reader.wrong(("pattern",), "must be text, such as '{scheme}-{seed}'")
        return default
    fields = {name: meant(reader, ("pattern",), name, columns) for name in re.findall(r"\{(.*?)\}", given)}
    return re.sub(r"\{(.*?)\}", lambda field: f"{{{fields[field[1]]}}}", given) if all(fields.values()) else default


def _named(pattern: str, values: Mapping[str, Any]) -> str:
    """A name of letters, digits, dots, dashes and underscores.

    >>> _named("{scheme}-{network.medium.bandwidth_hz}", {"scheme": "pfsl", "network.medium.bandwidth_hz": 5e6})
    'pfsl-5e6'
    """
    name = re.sub(r"\{(.*?)\}", lambda field: said(values[field[1]]), pattern)
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("_.") or "point"
