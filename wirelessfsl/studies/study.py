"""A study file, read whole: a scenario, the axes it is varied on, and the points that come of them.

Every problem is told at once before anything runs: mistakes in the study, and those of each point's scenario, with the
place of the value that made them, be it in the study or in the file that the point starts from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wirelessfsl.economy import planned
from wirelessfsl.scenario import ScenarioError, pinned, resolve
from wirelessfsl.scenario.document import Document
from wirelessfsl.scenario.loading import checked
from wirelessfsl.studies.axes import Axes, Change
from wirelessfsl.studies.combinations import Combination, combinations
from wirelessfsl.studies.points import Point, identity
from wirelessfsl.studies.search import Search, search

KEYS = ("name", "base", "set", "axes", "where", "pattern", "optimise")


@dataclass(frozen=True)
class Study:
    """A scenario and its variations.

    name: of the study.
    file: where it was read.
    out: folder of its run folders and its table.
    base: what points start from; None if alternatives on an axis say it.
    changes: what is changed in every point.
    sets: further changes ``path=value``, made last.
    allow_code: whether scenarios may import code.
    timing_only: whether points run with shapes instead of values.
    folders: run folders that are there, by digest: a point keeps its own where a pattern gives it another name.
    search: what is optimised; None if the points are those of axes.
    columns: names of the axes.
    points: in the order of the axes, each once.
    repeats: names of points that are equal to another one, and that one's.
    """

    name: str
    file: Path
    out: Path
    base: Document | None
    changes: tuple[Change, ...]
    sets: tuple[str, ...]
    allow_code: bool
    timing_only: bool
    folders: Mapping[str, Path]
    search: Search | None = None
    columns: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    repeats: Mapping[str, str] = field(default_factory=dict)

    def point(
        self, name: str, values: Mapping[str, Any], changes: Sequence[Change], base: Document | None = None
    ) -> Point:
        """The point that changes make of the base.

        name, values, changes: as :class:`wirelessfsl.studies.points.Point` has them; the changes are made after those
            of the study and before ``sets``.
        base: another base than the study's.

        Raises ValueError, of which ScenarioError has every problem of the scenario.
        """
        document = deepcopy(base or self.base)
        if document is None:
            raise ScenarioError([f"{self.file}: base: missing, must be given: a scenario file, or a scenario in place"])
        for change in (*self.changes, *changes):
            document.put(*change)
        for text in self.sets:
            document.set(text)
        scenario = pinned(planned(checked(document, self.allow_code, self.timing_only))[0], self.timing_only)
        digest = identity(resolve(scenario), self.timing_only)
        folder = self.folders.get(digest, self.out / f"{name}-{digest}")
        return Point(name, values, tuple(changes), scenario, self.timing_only, digest, folder)


def load_study(
    path: str | Path,
    out: str | Path | None = None,
    sets: Sequence[str] = (),
    allow_code: bool = False,
    timing_only: bool = False,
) -> Study:
    """The study in a YAML file, with its points.

    path: the file.
    out: folder for the runs; by default runs/<name of the study>.
    sets: changes ``path=value`` to every point, made last; values are YAML, null takes a key out.
    allow_code: whether import paths in scenarios may run code from outside.
    timing_only: whether the points run with shapes instead of values.

    Raises ScenarioError with every problem found.
    """
    path = Path(path)
    document = Document(path)
    reader = Axes(document, sets)
    data = reader.mapping((), document.data, KEYS)
    reader.problems += [each for each in document.problems if each.path[:1] != ("base",) or each.path[1:] == ()]
    name = data.get("name", path.stem)
    if not isinstance(name, str) or not re.fullmatch(r"[\w-][\w.-]*", name):
        reader.wrong(("name",), f"got {name!r}, allowed: letters, digits, dot, dash and underscore")
    out = Path(out) if out is not None else Path("runs") / str(name)
    study = Study(
        name=str(name),
        file=path,
        out=out,
        base=reader.base(("base",), data["base"]) if "base" in data else None,
        changes=reader.set,
        sets=tuple(sets),
        allow_code=allow_code,
        timing_only=timing_only,
        folders={folder.name.rsplit("-", 1)[-1]: folder for folder in sorted(out.glob("*-*/"))},
    )
    axes = [*reader.read(data["axes"])] if "axes" in data else []
    if "optimise" in data:
        wanted = search(reader, data, timing_only)
        study, found = replace(study, search=wanted), [*wanted.extremes()] if wanted else []
    else:
        found = combinations(reader, axes, data, study.name)
    based = [each for each in found if each.base or study.base]
    if len(based) < len(found) and "base" not in data:
        reader.wrong(("base",), "missing, must be given: a scenario file, or a scenario in place")
    points, repeats, wrong = _points(study, based)
    problems = [document.message(each) for each in sorted(reader.problems, key=document.order)]
    if problems or wrong:
        raise ScenarioError([*problems, *wrong])
    if study.search:
        return study  # its points come one after the other
    columns = tuple(column for axis in axes for column in axis.columns)
    return replace(study, columns=columns, points=points, repeats=repeats)


def _points(study: Study, found: Sequence[Combination]) -> tuple[tuple[Point, ...], dict[str, str], list[str]]:
    """The points, which of them repeat others, and what is wrong: a message once, with the points that it is about."""
    points: dict[str, Point] = {}
    repeats: dict[str, str] = {}
    wrong: dict[str, list[str]] = {}
    for each in found:
        try:
            point = study.point(each.name, each.values, each.changes, each.base)
        except ValueError as error:
            for message in getattr(error, "problems", [str(error)]):
                wrong.setdefault(message, []).append(each.name)
        else:
            equal = points.setdefault(point.digest, point)
            if equal is point:
                continue
            repeats[each.name] = equal.name
            if replace(equal.scenario, name=point.scenario.name, host=point.scenario.host) != point.scenario:
                told = f"{equal.name} and {each.name} have the digest {point.digest} by chance"
                wrong[f"{study.file}: {told}; change a value of one a little"] = [""]
    return tuple(points.values()), repeats, [*_told(wrong, len(found))]


def _told(wrong: Mapping[str, Sequence[str]], points: int) -> Iterator[str]:
    for message, names in wrong.items():
        if len(names) == points or not names[0]:  # of all, or of combinations that have no names yet
            yield message
        elif len(names) == 1:
            yield f"{message} (in point {names[0]})"
        else:
            yield f"{message} (in {len(names)} points, such as {names[0]})"
