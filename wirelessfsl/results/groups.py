"""Which runs belong together, and what to call them: runs of one scenario that differ only by seed are repetitions.

A group carries its scenario's name; where several scenarios share a name (a sweep, an option given by hand), the
settings in which they differ are added, so that every label in a figure or table says what is meant. Runs that do not
even differ by seed are equal by construction: one of them counts, or a spread would look smaller than it is.
Timing-only runs stand apart and are called so: they have no accuracy, and estimated sizes where sizes depend on data.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run


class Group(NamedTuple):
    """Runs of one scenario with different seeds, and their common label."""

    label: str
    runs: tuple[Run, ...]


class Repeat(NamedTuple):
    """A run that repeats another one, of equal scenario and seed, which counts in its place."""

    run: Run
    counted: Run


def group(runs: Sequence[Run]) -> list[Group]:
    """Runs by scenario, apart from name and seed, in the order given; of runs that repeat each other only one."""
    together: dict[tuple[bool, str], list[Run]] = {}
    for run in once(runs)[0]:
        together.setdefault((run.timing_only, _settings(run)), []).append(run)
    members = [tuple(found) for found in together.values()]
    called = [found[0].name + (", timing-only" if found[0].timing_only else "") for found in members]
    names = labels(called, [json.loads(settings) for _, settings in together])
    return [Group(name, found) for name, found in zip(names, members, strict=True)]


def once(runs: Sequence[Run]) -> tuple[list[Run], list[Repeat]]:
    """Runs that differ by scenario (its name apart), seed or whether they learn, in the order given, and their repeats.

    Of equal runs the first finished one counts, the first of all where none is finished.
    """
    equal: dict[tuple[bool, str, Any], list[Run]] = {}
    for run in runs:
        equal.setdefault((run.timing_only, _settings(run), run.scenario.get("seed")), []).append(run)
    kept, repeats = [], []
    for found in equal.values():
        counted = next((run for run in found if run.finished), found[0])
        kept.append(counted)
        repeats += [Repeat(run, counted) for run in found if run is not counted]
    return kept, repeats


def _settings(run: Run) -> str:
    """A run's scenario but for name and seed, as text to compare."""
    settings = {key: value for key, value in run.scenario.items() if key not in ("name", "seed")}
    return json.dumps(settings, sort_keys=True)


def told_apart(paths: Sequence[Path]) -> list[str]:
    """A name for each folder: its last part, and as many of those before it as it takes to tell them apart."""
    whole = [path.resolve().parts for path in paths]
    depth = next(n for n in range(1, max(map(len, whole)) + 1) if len({each[-n:] for each in whole}) == len(whole))
    return ["-".join(each[-depth:]) for each in whole]


def labels(names: Sequence[str], settings: Sequence[dict[str, Any]]) -> list[str]:
    """A label for each scenario: its name, and where names repeat the settings that tell the namesakes apart.

    names: of the scenarios.
    settings: of the scenarios, nested plain data.

    >>> labels(["a", "a", "b"], [{"medium": {"bandwidth_hz": 1e6}}, {"medium": {"bandwidth_hz": 2e6}}, {}])
    ['a (bandwidth_hz=1e+06)', 'a (bandwidth_hz=2e+06)', 'b']
    >>> labels(["a", "a"], [{"codecs": [{"kind": "top_k"}, {"kind": "zstd"}]}, {"codecs": []}])
    ['a (codecs=top_k+zstd)', 'a']
    """
    flat = [dict(leaves(values)) for values in settings]
    namesakes, shared = Counter(names), defaultdict[str, Counter[tuple[tuple[str, ...], Any]]](Counter)
    for name, own in zip(names, flat, strict=True):
        shared[name].update(own.items())
    found = []
    for name, own in zip(names, flat, strict=True):
        differ = [path for path, value in own.items() if shared[name][path, value] < namesakes[name]]
        # Another kind brings other fields: the kind says it all.
        kinds = tuple(path[:-1] for path in differ if path[-1] == "kind")
        told = [path for path in differ if path[-1] == "kind" or not any(path[: len(kind)] == kind for kind in kinds)]
        said: dict[str, list[str]] = {}
        for path in told:
            said.setdefault(_word(path), []).append(_text(own[path]))
        differences = ", ".join(f"{word}={'+'.join(each)}" for word, each in said.items())
        found.append(f"{name} ({differences})" if told else name)
    return found


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The single settings in nested plain data, each with its path."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, (*path, str(key)))
        case list():
            for i, inner in enumerate(value):
                yield from leaves(inner, (*path, str(i)))
        case _:
            yield path, value


def _word(path: tuple[str, ...]) -> str:
    """The last name of a setting that says something: ``algorithm.kind`` is the algorithm."""
    return [path[0], *(part for part in path[1:] if part != "kind" and not part.isdigit())][-1]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
