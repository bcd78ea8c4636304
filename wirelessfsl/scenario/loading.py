"""From a file to a checked scenario: what is wrong is taken out and told, and the rest is checked on.

So all mistakes come at once. A verdict that rests on a value which is wrong itself is left for the next time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from wirelessfsl.scenario.conflicts import conflicts
from wirelessfsl.scenario.document import Document
from wirelessfsl.scenario.presets import PRESETS, fill
from wirelessfsl.scenario.problems import Path, Problem, ScenarioError
from wirelessfsl.scenario.profile_files import expand
from wirelessfsl.scenario.settings import Scenario
from wirelessfsl.scenario.shape import adapter, drop, given, load_code
from wirelessfsl.scenario.unused_knobs import unused
from wirelessfsl.scenario.words import problem


def load_scenario(
    path: str | File,
    sets: Sequence[str] = (),
    seed: int | None = None,
    allow_code: bool = False,
    timing_only: bool = False,
) -> Scenario:
    """The scenario in a YAML file; its device groups are written out if the file has none.

    path: the file.
    sets: changes ``path=value``, as on the command line; values are YAML, null takes a key out.
    seed: replaces the file's seed.
    allow_code: whether import paths, ``kind: my_pkg.mod:Name``, may run code from outside.
    timing_only: whether it is for a run without values, so that there may be more clients than samples.

    Raises ScenarioError with every problem found.
    """
    document = Document(File(path))
    for change in sets:
        document.set(change)
    if seed is not None:
        document.set(f"seed={seed}", "--seed")
    return checked(document, allow_code, timing_only)


def checked(document: Document, allow_code: bool = False, timing_only: bool = False) -> Scenario:
    """The scenario of a document, whose data are used up; as :func:`load_scenario`."""
    own = deepcopy(document.data)
    if isinstance(name := own.get("preset"), str) and name in PRESETS:
        fill(document.data, PRESETS[name])
    found = _Findings(document.data)
    found.add([*document.problems, *expand(document.data)])
    if not allow_code:
        found.add(_code(document.data))
    while isinstance(scenario := _validated(document.data), list):
        found.add(scenario)
        _stand_in(document.data)
    there = (own, document.data)  # a preset's knob that has no effect is no mistake of the scenario's
    found.add(each for each in unused(scenario) if all(given(data, each.path, null=False) for data in there))
    found.add(conflicts(scenario, timing_only))
    messages = [*(document.message(each) for each in sorted(found.problems, key=document.order)), *document.messages]
    if messages:
        raise ScenarioError(messages)
    return replace(scenario, devices=scenario.groups) if scenario.has_clients else scenario


class _Findings:
    """Problems so far; the data lose what is wrong, and nothing is said that rests on it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.problems: list[Problem] = []
        self._wrong: list[Path] = []

    def add(self, found: Iterable[Problem]) -> None:
        found = list(found)
        self._wrong += [each.meant for each in found if each.meant and not given(self.data, each.meant)]
        self.problems += [each for each in found if not self._doubtful(each)]
        for each in found:
            # A slot without its kind means nothing: all of it goes.
            slotted = each.path[-1:] == ("kind",) and not each.at_key
            taken = drop(self.data, each.path[:-1] or each.path if slotted else each.path)
            self._wrong += [] if each.meant else [taken]

    def _doubtful(self, found: Problem) -> bool:
        return any(
            all(a == b for a, b in zip(read, wrong, strict=False)) for read in found.reads for wrong in self._wrong
        )


def _validated(data: dict[str, Any]) -> Scenario | list[Problem]:
    codecs = data.get("codecs")
    if isinstance(codecs, dict):
        codecs = {message: [codec] if isinstance(codec, dict) else codec for message, codec in codecs.items()}
    text = json.dumps(data if codecs is None else data | {"codecs": codecs})
    try:
        made: Scenario = adapter(Scenario).validate_json(text, context={"load": load_code})
    except ValidationError as error:
        return [problem(data, each) for each in error.errors()]
    return made


def _stand_in(data: dict[str, Any]) -> None:
    """Put anything where something must be given, so that the rest is checked; nothing is said about what is put."""
    for section, anything in {
        "data": {"name": "blobs"},
        "model": {"name": "mlp"},
        "algorithm": {"kind": "fedavg"},
    }.items():
        data[section] = anything | data.get(section, {})
    for group in data.get("devices", ()):
        group.setdefault("count", 1)


def _code(node: Any, path: Path = ()) -> Iterator[Problem]:
    """The import paths of a scenario."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        at = (*path, key)
        if isinstance(value, str) and ":" in value and (key in ("kind", "allocation") or at == ("model", "name")):
            yield Problem(at, f"got {value!r}: runs code from outside; allow it with --allow-code")
        else:
            yield from _code(value, at)
