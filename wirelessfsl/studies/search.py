"""The section ``optimise`` of a study: what is sought, over which values, and how the next ones are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

from wirelessfsl.scenario.problems import Path, near
from wirelessfsl.studies.axes import Axes, Change, Choice
from wirelessfsl.studies.combinations import Combination, apart, combined
from wirelessfsl.studies.parameters import Parameter, number, parameter
from wirelessfsl.studies.points import RESERVED, said

COSTS = {
    "time_to_accuracy_s": "time_s",
    "energy_to_accuracy_j": "energy_j",
    "bytes_to_accuracy": "bytes",
    "rounds_to_accuracy": "round",
}
"""Objectives that are the cost of the first evaluation at the target: which field of ``metrics.Reached``."""
NUMBERS = {
    "final_accuracy": ("final", "accuracy"),
    "best_accuracy": ("best", "accuracy"),
    "worst_accuracy": ("fairness", "worst"),
    "final_loss": ("final", "loss"),
    "simulated_s": ("simulated_s",),
    "energy_j": ("energy_j", "total"),
    "devices_energy_j": ("energy_j", "devices"),
    "server_energy_j": ("energy_j", "server"),
    "uplink_bytes": ("bytes", "uplink"),
    "downlink_bytes": ("bytes", "downlink"),
}
"""Objectives of the whole run: where they stand in its summary."""
_LEARNT = (*COSTS, "final_accuracy", "best_accuracy", "worst_accuracy", "final_loss")
_SAMPLERS = ("tpe", "nsga2", "random", "grid")
_COLUMNS = RESERVED | {"trial", "on_front", "short_by", "points", *COSTS, *NUMBERS}
_KEYS = ("minimise", "maximise", "target_accuracy", "over", "trials", "batch", "sampler", "seeds")
_AT: Path = ("optimise",)
_MOST = 100_000


class Objective(NamedTuple):
    """A number of a run that shall be small, or large if ``maximise``; of several seeds the mean."""

    name: str
    maximise: bool


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a study optimises.

    objectives: one, or several for a Pareto front.
    target_accuracy: what every run must reach, in (0, 1]; None if nothing.
    parameters: what is varied.
    trials: how many sets of values are tried.
    batch: how many sets are chosen before the results of any of them are known.
    sampler: how sets are chosen: tpe, nsga2, random or grid.
    seed: of the sampler.
    population: of nsga2.
    seeds: the changes of seed, one run of a trial each; none for the scenario's seed alone.
    """

    objectives: tuple[Objective, ...]
    target_accuracy: float | None
    parameters: tuple[Parameter, ...]
    trials: int
    batch: int
    sampler: str
    seed: int
    population: int
    seeds: tuple[Change, ...]

    @property
    def grid(self) -> Iterator[dict[str, Any]]:
        """Every combination of the parameters' values, by name."""
        names = [each.name for each in self.parameters]
        return (dict(zip(names, values, strict=True)) for values in product(*(each.values for each in self.parameters)))

    def extremes(self) -> Iterator[Combination]:
        """Combinations with every choice and both ends of every range, and the first of all others beside it."""
        choices = [each.axis.choices for each in self.parameters]
        first = [each[0] for each in choices]
        yield _named(first)
        for i, others in enumerate(choices):
            for choice in others[1:]:
                yield _named([*first[:i], choice, *first[i + 1 :]])


def search(reader: Axes, data: Mapping[str, Any], timing_only: bool) -> Search | None:
    """The search in the section ``optimise`` of a study: None, with the problems told to the reader, if it is wrong.

    timing_only: whether runs learn nothing.
    """
    before = len(reader.problems)
    for other in ("axes", "where", "pattern"):
        if other in data:
            reader.wrong((other,), "has no effect beside optimise, which makes the points; leave it out")
    given = reader.mapping(_AT, data["optimise"], _KEYS)
    sampler = reader.mapping((*_AT, "sampler"), given.get("sampler", {}), ("kind", "seed", "population"))
    over = reader.mapping((*_AT, "over"), given.get("over", {}))
    parameters = [parameter(reader, (*_AT, "over", name), name, spec) for name, spec in over.items()]
    if not over:
        reader.wrong(_AT, "over is missing: what is varied, such as {model.cuts.0: {choice: [block1, block2]}}")
    objectives = tuple(_objectives(reader, given))
    _aim(reader, given, objectives, timing_only)
    kind = _kind(reader, given, sampler, parameters)
    seeds = reader.seeds((*_AT, "seeds"), given["seeds"]) if "seeds" in given else None
    found = Search(
        objectives=objectives,
        target_accuracy=given.get("target_accuracy"),
        parameters=tuple(each for each in parameters if each is not None),
        trials=_whole(reader, ("trials",), given, 1, 1),
        batch=_whole(reader, ("batch",), given, 1, 1),
        sampler=kind,
        seed=_whole(reader, ("sampler", "seed"), sampler, 0, 1),
        population=_whole(reader, ("sampler", "population"), sampler, 2, 10),
        seeds=tuple(change for choice in (seeds.choices if seeds else ()) for change in choice.changes),
    )
    apart(reader, [*(each.axis for each in found.parameters), *([seeds] if seeds else [])], _COLUMNS)
    if len(reader.problems) > before:
        return None
    if kind == "grid":
        size = prod(each.size for each in found.parameters)
        return replace(found, trials=size, batch=size)
    return found


def _objectives(reader: Axes, given: Mapping[str, Any]) -> Iterator[Objective]:
    names: list[str] = []
    for way in ("minimise", "maximise"):
        listed = given.get(way, [])
        for i, name in enumerate(listed if isinstance(listed, list) else [listed]):
            at: Path = (*_AT, way, i) if isinstance(listed, list) else (*_AT, way)
            allowed = (*COSTS, *NUMBERS)
            if name not in allowed:
                reader.wrong(at, f"got {name!r}, allowed: {', '.join(allowed)}{near(name, allowed)}")
            elif name in names:
                reader.wrong(at, f"{name} is given twice")
            else:
                names.append(name)
                yield Objective(name, way == "maximise")
    if not given.get("minimise") and not given.get("maximise"):
        reader.wrong(_AT, "minimise or maximise is missing, such as minimise: [time_to_accuracy_s]")


def _aim(reader: Axes, given: Mapping[str, Any], objectives: Sequence[Objective], timing_only: bool) -> None:
    """Tell what is wrong with the target, and with what is asked of runs that learn nothing."""
    target, at = given.get("target_accuracy"), (*_AT, "target_accuracy")
    if target is not None and not (number(target) and 0 < target <= 1):
        reader.wrong(at, f"got {target!r}, must be a number > 0 and <= 1")
    if target is not None and timing_only:
        reader.wrong(at, "is never reached where nothing is learnt; leave it or --timing-only out")
    for each in objectives:
        if each.name in COSTS and target is None:
            reader.wrong(_AT, f"target_accuracy is missing, which {each.name} asks for")
        elif each.name in _LEARNT and timing_only:
            reader.wrong(_AT, f"{each.name} is never known where nothing is learnt; leave it or --timing-only out")


def _kind(
    reader: Axes, given: Mapping[str, Any], sampler: Mapping[str, Any], parameters: Sequence[Parameter | None]
) -> str:
    """The kind of the sampler; what has no effect beside it is told."""
    kind, at = sampler.get("kind", "tpe"), (*_AT, "sampler")
    if kind not in _SAMPLERS:
        reader.wrong((*at, "kind"), f"got {kind!r}, allowed: {', '.join(_SAMPLERS)}{near(kind, _SAMPLERS)}")
    if kind != "nsga2" and "population" in sampler:
        reader.wrong((*at, "population"), f"has no effect beside {kind}, only nsga2 has one; leave it out")
    if kind == "grid":
        useless = [(*_AT, key) for key in ("trials", "batch") if key in given] + [(*at, "seed")] * ("seed" in sampler)
        for path in useless:
            reader.wrong(path, "has no effect beside grid, which tries all combinations; leave it out")
        sound = [each for each in parameters if each is not None]
        for each in sound:
            if not each.size:
                reader.wrong(each.at, "has no end of numbers for grid; give it a step, or a choice of values")
        if (size := prod(each.size for each in sound)) > _MOST:
            reader.wrong((*_AT, "over"), f"makes {size:,} trials in a grid, must be at most {_MOST:,}")
    elif "trials" not in given:
        reader.wrong(_AT, "trials is missing: how many sets of values are tried")
    return str(kind)


def _whole(reader: Axes, path: Path, holder: Mapping[str, Any], least: int, default: int) -> int:
    value = holder.get(str(path[-1]), default)
    if not number(value, whole=True) or value < least:
        reader.wrong((*_AT, *path), f"got {value!r}, must be a whole number >= {least}")
        return default
    return int(value)


def _named(choices: Sequence[Choice]) -> Combination:
    found = combined(choices)
    return found._replace(name=", ".join(f"{name} {said(value)}" for name, value in found.values.items()))
