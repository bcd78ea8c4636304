"""The shape of a scenario, read from the types of the settings: which classes may stand where.

Errors, resolving and the JSON Schema all ask here, so that nothing about a setting is written down twice.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, get_args, get_type_hints

from pydantic import TypeAdapter

from wirelessfsl.scenario.problems import Path
from wirelessfsl.scenario.settings import Scenario
from wirelessfsl.settings import Kinds


class Slot(NamedTuple):
    """A place in a scenario.

    path: keys and list positions, as the user wrote them.
    choices: settings classes that may stand there; none for a plain value.
    cls: the one that does, as far as the scenario says.
    """

    path: Path
    choices: tuple[type, ...]
    cls: type | None


def slot(data: Any, location: Sequence[str | int]) -> Slot:
    """The place that pydantic means by a location, which names the kinds chosen on the way.

    data: the scenario as plain data; where a single codec stands without its list, the location's 0 is left out.

    >>> slot({"network": {"channel": {"fading": {}}}}, ("network", "channel", "fading", "rician", "k_factor_db")).path
    ('network', 'channel', 'fading', 'k_factor_db')
    """
    path: list[str | int] = []
    node = data
    choices: tuple[type, ...] = (Scenario,)
    cls: type | None = Scenario
    for step in location:
        if isinstance(step, str) and cls is None and choices:
            cls = next((choice for choice in choices if kind(choice) == step), None)
            if cls is None:
                with suppress(ValueError):
                    cls = imported(node if isinstance(node, str) else node["kind"])
            continue
        if isinstance(step, int) and isinstance(node, dict):
            continue
        if isinstance(step, str):
            choices = classes(types(cls).get(step)) if cls is not None else ()
            cls = choices[0] if len(choices) == 1 else None
        path.append(step)
        node = node[step] if holds(node, step) else None
    return Slot(tuple(path), choices, cls)


@cache
def types(cls: type) -> dict[str, Any]:
    """Type of every field of a settings class, with its range."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}


@cache
def classes(hint: Hashable) -> tuple[type, ...]:
    """Settings classes inside a type: ``X``, ``X | None``, ``tuple[X, ...]``, ``Annotated[X | Y, Kinds()]``."""
    if isinstance(hint, type) and is_dataclass(hint):
        return (hint,)
    return tuple(found for part in get_args(hint) for found in classes(part))


def meant_without_kind(cls: type) -> list[type]:
    """Settings classes that a node is of, in one of the slots of a class, if it has no ``kind``."""
    slots = (part for hint in types(cls).values() for part in (hint, *get_args(hint)))
    marked = ((part, mark) for part in slots for mark in getattr(part, "__metadata__", ()) if isinstance(mark, Kinds))
    return [choice for part, mark in marked for choice in classes(part) if kind(choice) == mark.default]


def kind(cls: type) -> str:
    """The value of ``kind`` that chooses a class."""
    return str(getattr(cls, "kind", ""))


def sections(cls: type = Scenario, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type]]:
    """Every settings class that a scenario can hold, with the keys that lead to it."""
    yield path, cls
    for name, hint in types(cls).items():
        for below in classes(hint):
            yield from sections(below, (*path, name))


def holds(node: Any, step: str | int) -> bool:
    """Whether a mapping has a key, or a list a position."""
    return step in node if isinstance(node, dict) else isinstance(node, list) and step in range(len(node))


def given(data: Any, path: Path, null: bool = True) -> bool:
    """Whether a scenario as plain data has a node at a path; ``null`` says whether one without a value counts."""
    for step in path:
        if not holds(data, step):
            return False
        data = data[step]
    return null or data is not None


def drop(data: Any, path: Path) -> Path:
    """Delete the deepest key of a mapping on the way to a node; returns its path, or ``path`` if nothing is there."""
    keys: list[tuple[dict[str, Any], int]] = []
    for depth, step in enumerate(path):
        if not holds(data, step):
            break
        if isinstance(data, dict):
            keys.append((data, depth))
        data = data[step]
    for holder, depth in keys[-1:]:
        del holder[str(path[depth])]
        return path[: depth + 1]
    return path


@cache
def adapter(cls: type) -> TypeAdapter[Any]:
    """pydantic's validator of a settings class."""
    return TypeAdapter(cls)


def imported(path: str) -> type:
    """The settings class behind an import path ``package.module:Name``. Raises ValueError if there is none."""
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # the user's own code runs here
        raise ValueError(f"kind: got {path!r}, cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"kind: got {path!r}, must be a class made with wirelessfsl.settings.settings")
    return found


def load_code(node: dict[str, Any]) -> Any:
    """An object of a class of the user's own: ``kind`` is its import path, the other keys are its fields."""
    cls = imported(node["kind"])
    return adapter(cls).validate_json(json.dumps({name: value for name, value in node.items() if name != "kind"}))
