"""Which runs belong together, and what to call them: runs of one scenario that differ only by seed are repetitions.

A group carries its scenario's name, or its scheme's where scenarios of several schemes share a name (a sweep); where
that is not enough, the settings in which they differ are added, so that every label in a figure or table says what is
meant. Runs that do not even differ by seed are equal by construction: one of them counts, or a spread would look
smaller than it is. Timing-only runs stand apart and are called so: they have no accuracy, and estimated sizes where
sizes depend on data.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run


OWN = ", own models"
"""Behind whose accuracy is a mean over clients' own models, each on its own test samples: not that of one model."""
Setting = tuple[str, ...]
"""The path of a setting."""


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
    settings = [json.loads(text) for _, text in together]
    timed = [", timing-only" * found[0].timing_only for found in members]
    names = [found[0].name + also for found, also in zip(members, timed, strict=True)]
    kinds = [each.get("algorithm", {}).get("kind", "") + also for each, also in zip(settings, timed, strict=True)]
    return [Group(label, found) for label, found in zip(called(names, kinds, settings), members, strict=True)]


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


def called(names: Sequence[str], kinds: Sequence[str], settings: Sequence[dict[str, Any]]) -> list[str]:
    """A label for each scenario: its name, or its scheme where several have the name, and what tells namesakes apart.

    names: of the scenarios; empty where there is no one name.
    kinds: of their algorithms.
    settings: of the scenarios, nested plain data.

    >>> called(["a", "b"], ["pfsl", "mtsl"], [{"x": 1}, {"x": 2}])
    ['a', 'b']
    >>> called(["a", "a", "a"], ["pfsl", "pfsl", "mtsl"], [{"x": 1}, {"x": 2}, {"x": 1}])
    ['pfsl (x=1)', 'pfsl (x=2)', 'mtsl']
    """
    schemes = defaultdict(set)
    for name, kind in zip(names, kinds, strict=True):
        schemes[name].add(kind)
    first = [name if name and len(schemes[name]) == 1 else kind for name, kind in zip(names, kinds, strict=True)]
    return labels(first, settings)


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
    inside = [{path: (name, *_kinds(path, own)) for path in own} for name, own in zip(names, flat, strict=True)]
    alike = Counter(context for name, each in zip(names, inside, strict=True) for context in {(name,), *each.values()})
    shared = Counter(
        (each[path], path, value) for each, own in zip(inside, flat, strict=True) for path, value in own.items()
    )
    found = []
    for name, own, each in zip(names, flat, inside, strict=True):
        said: dict[str, list[str]] = {}
        for path, value in own.items():
            if shared[each[path], path, value] < alike[each[path]]:
                said.setdefault(_word(path), []).append(_text(value))
        differences = ", ".join(f"{word}={'+'.join(texts)}" for word, texts in said.items())
        found.append(f"{name} ({differences})" if said else name)
    return found


def _kinds(path: Setting, own: dict[Setting, Any]) -> Iterator[tuple[Setting, Any]]:
    """The kinds that a setting is one of: another kind brings other settings, so only those of equal kinds compare."""
    for depth in range(1, len(path)):
        if (kind := (*path[:depth], "kind")) in own and kind != path:
            yield kind, own[kind]


def leaves(value: Any, path: Setting = ()) -> Iterator[tuple[Setting, Any]]:
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


def _word(path: Setting) -> str:
    """The last name of a setting that says something: ``algorithm.kind`` is the algorithm."""
    return [path[0], *(part for part in path[1:] if part != "kind" and not part.isdigit())][-1]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
