"""The axes of a study: what its points differ in, read from the file.

``grid`` crosses lists of values and named alternatives, ``zip`` goes through lists of equal length together, ``list``
has points by hand, ``seeds`` repeats all of them. The points of a study are the product of these, seeds last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as File
from typing import Any, NamedTuple

from wirelessfsl.scenario.document import Document
from wirelessfsl.scenario.problems import Path, Problem, ScenarioError, near

_MOST_SEEDS = 10_000
PARTS = ("grid", "zip", "list", "seeds")


class Change(NamedTuple):
    """A value at a dotted path of the scenario, and where the study has it; null takes the key out."""

    path: str
    value: Any
    where: str


class Choice(NamedTuple):
    """One position on an axis.

    values: what is said of it, by column of the axis: a plain value or an alternative's name.
    changes: what it makes of the scenario.
    base: the scenario to start from, if another than the study's.
    """

    values: dict[str, Any]
    changes: tuple[Change, ...]
    base: Document | None = None


class Axis(NamedTuple):
    """Choices of which each point has one; ``columns`` are the axis' names, one but in ``zip`` and ``list``."""

    columns: tuple[str, ...]
    choices: tuple[Choice, ...]
    path: Path


class Axes:
    """Reads the section ``axes`` of a study and the changes in it.

    document: the study's file.
    set: changes of all points, made before those of the axes.
    sets: changes ``path=value`` made after them.
    problems: mistakes found; nothing is read where they are.
    """

    def __init__(self, document: Document, sets: Sequence[str] = ()) -> None:
        self.document, self.sets = document, sets
        self.problems: list[Problem] = []
        self.set = self.changes(("set",), document.data["set"]) if "set" in document.data else ()

    def read(self, axes: Any) -> Iterator[Axis]:
        """The axes in the order of the product."""
        for part, value in self.mapping(("axes",), axes, PARTS).items():
            at: Path = ("axes", part)
            if part == "grid":
                yield from (self.grid((*at, name), name, given) for name, given in self.mapping(at, value).items())
            elif part == "zip":
                yield from self._zip(at, self.mapping(at, value))
            elif part == "list":
                yield from self._list(at, value)
        if isinstance(axes, dict) and "seeds" in axes and (seeds := self.seeds(("axes", "seeds"), axes["seeds"])):
            yield seeds

    def seeds(self, at: Path, given: Any) -> Axis | None:
        """An axis of seeds, of a list of them or of their number."""
        if isinstance(given, int) and 1 <= given <= _MOST_SEEDS and given is not True:
            given = [*range(1, given + 1)]
        if isinstance(given, list):
            return self.grid(at, "seed", given)
        self.wrong(at, f"got {given}, must be a list of seeds or how many, 1 to {_MOST_SEEDS:,}")
        return None

    def grid(self, at: Path, name: str, given: Any) -> Axis:
        """An axis of values, or of named alternatives."""
        if isinstance(given, dict) and given:
            choices = [self._alternative((*at, label), name, label, each) for label, each in given.items()]
        else:
            values = enumerate(self._values(at, given))
            choices = [Choice({name: value}, (self._change((*at, i), name, value),)) for i, value in values]
        return Axis((name,), tuple(choices), at)

    def base(self, path: Path, given: Any) -> Document | None:
        """The scenario that a path of the study names: a file beside the study, or a mapping in place."""
        if isinstance(given, dict):
            return self.document.section(path)
        if not isinstance(given, str):
            self.wrong(path, "must be a scenario file, or a scenario in place")
            return None
        try:
            return Document(File(self.document.file).parent / given)
        except ScenarioError as error:
            self.wrong(path, str(error))
            return None

    def changes(self, path: Path, given: Any) -> tuple[Change, ...]:
        """Values by dotted path."""
        found = self.mapping(path, given)
        return tuple(self._change((*path, name), name, value) for name, value in found.items())

    def mapping(self, path: Path, given: Any, allowed: tuple[str, ...] = ()) -> dict[str, Any]:
        """A mapping with some keys, any if none are said."""
        if not isinstance(given, dict):
            self.wrong(path, f"must be a mapping{' with keys of: ' if allowed else ''}{', '.join(allowed)}")
            return {}
        unknown = [key for key in given if allowed and key not in allowed]
        for key in unknown:
            text = f"unknown key, allowed: {', '.join(allowed)}{near(key, allowed)}"
            self.problems.append(Problem((*path, key), text, at_key=True))
        return {key: value for key, value in given.items() if key not in unknown}

    def wrong(self, path: Path, text: str) -> None:
        """Tell a problem."""
        self.problems.append(Problem(path, text))

    def _change(self, at: Path, path: str, value: Any) -> Change:
        return Change(path, value, self.document.where(at))

    def _alternative(self, at: Path, name: str, label: str, given: Any) -> Choice:
        found = self.mapping(at, given, ("base", "set"))
        base = self.base((*at, "base"), found["base"]) if "base" in found else None
        changes = self.changes((*at, "set"), found["set"]) if "set" in found else ()
        return Choice({name: label}, changes, base)

    def _zip(self, at: Path, given: dict[str, Any]) -> Iterator[Axis]:
        columns = {name: self._values((*at, name), values) for name, values in given.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            self.wrong(at, f"lists of one length go together; {told}")
        elif columns:
            rows = [
                Choice(
                    dict(zip(columns, row, strict=True)),
                    tuple(self._change((*at, name, i), name, v) for name, v in zip(columns, row, strict=True)),
                )
                for i, row in enumerate(zip(*columns.values(), strict=True))
            ]
            yield Axis(tuple(columns), tuple(rows), at)

    def _list(self, at: Path, given: Any) -> Iterator[Axis]:
        items = [self.mapping((*at, i), item) for i, item in enumerate(self._values(at, given))]
        columns = tuple(dict.fromkeys(name for item in items for name in item))
        rows = [
            Choice({name: item.get(name) for name in columns}, self.changes((*at, i), item))
            for i, item in enumerate(items)
        ]
        if columns:
            yield Axis(columns, tuple(rows), at)

    def _values(self, at: Path, given: Any) -> list[Any]:
        if not isinstance(given, list) or not given:
            self.wrong(at, "must be a list of one value or more")
            return []
        return given
